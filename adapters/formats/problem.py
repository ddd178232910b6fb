"""Faults in the words of RFC 9457, and their titles in Chinese and English for every format."""

import json
from typing import Any

import orjson

from adapters.formats.remedies import remedy
from gateway.domain.faults import Fault, FaultCode

TITLES: dict[FaultCode, tuple[str, str]] = {
    FaultCode.HTTP_MALFORMED: ("不是合规的 HTTP/1.1 请求", "Not a request of HTTP/1.1"),
    FaultCode.BODY_TOO_LARGE: ("报文过大", "The body is too large"),
    FaultCode.BODY_INCOMPLETE: ("报文不完整", "The body is incomplete"),
    FaultCode.MEDIA_TYPE_UNSUPPORTED: ("不支持的媒体类型", "The media type is not supported"),
    FaultCode.CONTENT_ENCODING_REFUSED: ("不接受压缩编码", "Content encodings are refused"),
    FaultCode.NOT_JSON: ("不是合法的 JSON", "The body is not JSON"),
    FaultCode.NOT_XML: ("不是合法的 XML", "The body is not XML"),
    FaultCode.NOT_GBK: ("不是合法的 GBK 编码", "The body is not GBK"),
    FaultCode.DTD_REFUSED: ("不接受 DTD 和实体", "DTDs and entities are refused"),
    FaultCode.FIELD_DUPLICATE: ("字段重复", "A field stands more than once"),
    FaultCode.INSTRUCTION_INVALID: ("支付指令不合规范", "The instruction is invalid"),
    FaultCode.VOUCHER_TYPE_UNSUPPORTED: (
        "不受理的凭证类型",
        "The voucher type is not supported",
    ),
    FaultCode.SIGNATURE_MISSING: ("缺少签名", "The signature is missing"),
    FaultCode.SIGNATURE_INVALID: ("签名无效", "The signature is invalid"),
    FaultCode.SIGNER_UNKNOWN: ("签名人未登记", "The signer is unknown"),
    FaultCode.SENDER_UNKNOWN: ("发送方未登记", "The sender is unknown"),
    FaultCode.SENDER_NOT_ENTITLED: ("发送方无权办理", "The sender is not entitled"),
    FaultCode.DIVISION_UNKNOWN: ("行政区划未开通", "The division is unknown"),
    FaultCode.INSTRUCTION_CONFLICT: (
        "同一凭证号已有不同内容的指令",
        "The identity is already decided on other content",
    ),
    FaultCode.INSTRUCTION_UNKNOWN: ("没有这笔指令", "The instruction is unknown"),
    FaultCode.OVERLOADED: ("暂不能受理，请稍后重试", "Not taken just now; try again later"),
    FaultCode.PARTY_OVERLOADED: (
        "贵方同时在办的指令过多，请稍后重试",
        "Too many of this party's instructions at once; try again later",
    ),
    FaultCode.LEDGER_UNAVAILABLE: ("账本暂不可用", "The ledger is unavailable"),
    FaultCode.REGISTERS_UNAVAILABLE: ("备案信息暂不可用", "The registers are unavailable"),
    FaultCode.POLICIES_UNAVAILABLE: ("监控规则暂不可用", "The policies are unavailable"),
    FaultCode.STOPPING: ("系统正在停机", "The service is stopping"),
    FaultCode.FEED_INVALID: ("下发数据不合规范", "The feed is invalid"),
    FaultCode.FEED_GAP: ("下发数据版本不连续", "A feed before this one is missing"),
    FaultCode.FEED_CONFLICT: ("下发数据版本冲突", "This version was taken before, or is older"),
    FaultCode.REFUND_UNPAID: ("没有可退的已支付款项", "There is no payment to come back"),
    FaultCode.REFUND_EXCEEDS: ("退款超过已支付金额", "More would come back than was paid"),
    FaultCode.REFUND_CONFLICT: ("退款凭证号已使用", "The refund's number is used already"),
    FaultCode.ROUTE_UNKNOWN: ("没有这个地址", "There is no such route"),
    FaultCode.METHOD_REFUSED: ("不接受该请求方法", "The method is refused"),
    FaultCode.INTERNAL: ("系统内部错误", "Internal error"),
}


def problem_fields(fault: Fault, instance: str) -> dict[str, Any]:
    """RFC 9457 members and ours: `code` (stable), `title_zh`, `errors` (all at once), and how it is
    mended, `remedy_zh`, `remedy_en`."""
    zh, en = TITLES[fault.code]
    remedy_zh, remedy_en = remedy(fault)
    return {
        "type": f"urn:treasury-gateway:fault:{fault.code.value}",
        "title": en,
        "title_zh": zh,
        "status": fault.status,
        "detail": fault.detail,
        "instance": instance,
        "code": fault.code.value,
        "errors": [
            {"field": e.field, "code": e.code, "zh": e.zh, "en": e.en} for e in fault.errors
        ],
        "remedy_zh": remedy_zh,
        "remedy_en": remedy_en,
    }


def problem_json(fault: Fault, instance: str) -> bytes:
    """`application/problem+json`. What it quotes may hold half of a character, without UTF-8."""
    fields = problem_fields(fault, instance)
    try:
        return orjson.dumps(fields)
    except TypeError:
        return json.dumps(fields, ensure_ascii=False).encode("utf-8", "replace")

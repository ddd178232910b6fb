"""The OpenAPI document of the door, made from the very types that read the requests.

It stands in `docs/openapi.json` too, for whoever has no gateway at hand; `tests/manuals` holds the
two together, and both to what a real gateway takes and answers.
"""

from collections.abc import Iterable
from typing import Any

import attrs
import msgspec
import orjson

from adapters.formats.json.instruction import schema
from adapters.formats.json_statement import StatementFile
from adapters.formats.remedies import REMEDIES
from gateway.domain.faults import FaultCode
from gateway.serving.openapi_answers import ANSWERS
from gateway.web.holds import Acknowledged
from gateway.web.outcomes import ToldOutcome
from gateway.web.refunds import MoneyBackTold

Schema = dict[str, Any]

_MEDIA_XML = "application/xml"
_XML: Schema = {"type": "string"}
_OBJECT: Schema = {"type": "object"}
_SIGNATURE = {
    "name": "Signature-JWS",
    "in": "header",
    "required": True,
    "description": "报文原字节的分离式 JWS，见 agency.md。"
    " Detached JWS (RFC 7515, 7797; ES256) over the"
    " body's bytes: docs/agency.md.",
    "schema": {"type": "string"},
}
_KEY = {
    "division": "^[0-9]{9}$",
    "year": "^[0-9]{4}$",
    "type": "^[0-9A-Za-z]{1,8}$",
    "no": "^[0-9A-Za-z-]{1,42}$",
}


@attrs.frozen(kw_only=True)
class _Post:
    """`words`: who sends it and what it does."""

    path: str
    words: str
    body: Schema = _OBJECT
    answer: Schema = _OBJECT
    media: str = "application/json"


def _named(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


_POSTS = (
    _Post(
        path="/v1/instructions",
        words="预算单位、渠道：一笔支付指令。 An agency, or a channel: one payment instruction.",
        body=_named("Instruction"),
        answer=_named("Answer"),
    ),
    _Post(
        path="/v1/vouchers",
        words="MOF 信封（GBK）：支付凭证及其他凭证，答复为回单。"
        " A MOF envelope (GBK), answered by its return"
        " copy: docs/formats.md.",
        body=_XML, answer=_XML, media=_MEDIA_XML,
    ),
    _Post(
        path="/v1/iso20022",
        words="ISO 20022 报文：支付、查询、撤销、退回、对账。"
        " ISO 20022 messages: docs/iso20022.md.",
        body=_XML, answer=_XML, media=_MEDIA_XML,
    ),
    _Post(
        path="/v1/notifications/acknowledge",
        words="预算单位本身：已存妥的通知不再重发。"
        " The agency itself: these are kept, and not shown again.",
        body=_named("Acknowledged"),
        answer=_named("AcknowledgedAnswer"),
    ),
    _Post(
        path="/v1/bank/statements",
        words="代理银行：流水、划款、账户办理。"
        " The bank: movements, clearing, account tasks (docs/conduct.md).",
        body=_named("StatementFile"),
        answer=_named("StatementAnswer"),
    ),
    _Post(
        path="/v1/bank/outcomes",
        words="代理银行：事后结果。 The bank: what it learnt later (docs/bank-core.md).",
        body=_named("ToldOutcome"),
        answer=_named("OutcomeAnswer"),
    ),
    _Post(
        path="/v1/bank/refunds",
        words="代理银行：资金退回。 The bank: money that came back (docs/bank-core.md).",
        body=_named("MoneyBackTold"),
        answer=_named("RefundAnswer"),
    ),
    _Post(
        path="/v1/feeds/registers",
        words="财政部门：备案信息，全量或增量。"
        " The bureau: registers, whole or what changed (docs/registers.md).",
    ),
    _Post(
        path="/v1/feeds/releases",
        words="财政部门：对挂起指令的决定。 The bureau: orders about holds (docs/bureau.md).",
    ),
    _Post(
        path="/v1/feeds/held",
        words="财政部门：查回已送达的决定。"
        " The bureau: the feeds of releases that were taken from it (docs/bureau.md).",
    ),
    _Post(
        path="/v1/feeds/policies",
        words="财政部门：两名人员签署的规则集。"
        " A policy book with its officers' signatures, where policies.books is set:"
        " docs/policies.md.",
    ),
    _Post(
        path="/v1/feeds/questions",
        words="财政部门：规则试算、回放。"
        " The bureau: trials and replays of policies (docs/policies.md).",
    ),
)  # fmt: skip


def openapi() -> bytes:
    """JSON, OpenAPI 3.1."""
    gets = {
        "/v1/instructions/{division}/{year}/{type}/{no}": _get(
            "本单位、渠道、财政部门：一笔指令的全部情况与证据。"
            " All that is known of one instruction, with proofs.",
            "Standing",
            [
                {"name": name, "in": "path", "required": True,
                 "schema": {"type": "string", "pattern": pattern}}
                for name, pattern in _KEY.items()
            ],
        ),
        "/v1/holds": _get(
            "尚挂起的指令及放行条件。 Open holds, why, and what would release each.", "Holds"
        ),
        "/v1/notifications": _get(
            "未签收的后续通知。 What the reader has not acknowledged yet.", "Notifications"
        ),
    }  # fmt: skip
    document = {
        "openapi": "3.1.0",
        "info": {
            "title": "国库支付合规网关 Treasury payment gateway",
            "version": "1",
            "description": "双向 TLS 1.3；示例见 agency.md、bank-core.md。"
            " Mutual TLS 1.3; examples in agency.md,"
            " bank-core.md. 时刻为 UTC 微秒，金额字段 *_fen 为分。"
            " Moments are UTC microseconds, *_fen are fen.",
        },
        "paths": {post.path: {"post": _post(post)} for post in _POSTS}
        | {path: {"get": get} for path, get in gets.items()},
        "components": {
            "schemas": {**_bodies(), **ANSWERS, "Problem": _problem()},
            "responses": {
                "Fault": _faults({}),
                "FaultXml": _faults({_MEDIA_XML: {"schema": _XML}}),
            },
        },
    }
    text = orjson.dumps(document, option=orjson.OPT_INDENT_2)
    return text.replace(b"#/$defs/", b"#/components/schemas/") + b"\n"


def _bodies() -> dict[str, Schema]:
    """What the doors read, from the structs that read it."""
    instruction: dict[str, Schema] = schema()["$defs"]
    _, others = msgspec.json.schema_components(
        [StatementFile, ToldOutcome, MoneyBackTold, Acknowledged], ref_template="#/$defs/{name}"
    )
    return {**instruction, **{name: dict(each) for name, each in others.items()}}


def _post(post: _Post) -> Schema:
    fault = {
        "$ref": "#/components/responses/" + ("FaultXml" if post.media == _MEDIA_XML else "Fault")
    }
    statuses = ("400", "403", "404", "405", "409", "413", "415", "500", "503")
    return {
        "summary": post.words,
        "parameters": [_SIGNATURE],
        "requestBody": {"required": True, "content": {post.media: {"schema": post.body}}},
        "responses": {
            "200": {
                "description": "已办理。 Taken.",
                "content": {post.media: {"schema": post.answer}},
            },
            **dict.fromkeys(statuses, fault),
        },
    }


def _get(words: str, name: str, parameters: Iterable[Schema] = ()) -> Schema:
    found = {"application/json": {"schema": _named(name)}}
    fault = {"$ref": "#/components/responses/Fault"}
    return {
        "summary": words,
        "parameters": list(parameters),
        "responses": {
            "200": {"description": "如所答。 As it stands.", "content": found},
            **dict.fromkeys(("403", "404", "405", "500", "503"), fault),
        },
    }


def _faults(own: Schema) -> Schema:
    """`own`: in the door's own words (docs/formats.md). What is no request at all, and who may not
    ask at all, gets a problem document whatever the door."""
    problem = {"application/problem+json": {"schema": _named("Problem")}}
    return {
        "description": "不予受理（RFC 9457）：稳定代码、全部差错、改正办法；503 按 Retry-After"
        " 原样重发。"
        " A fault: a stable code, all errors at once, how it is mended; 503: the same bytes again.",
        "content": {**own, **problem},
    }


def _problem() -> Schema:
    text = {"type": "string"}
    error = ("field", "code", "zh", "en")
    fields = ("type", "title", "title_zh", "detail", "instance", "remedy_zh", "remedy_en")
    codes = "\n".join(f"{code.value}: {zh} {en}" for code, (zh, en) in REMEDIES.items())
    return {
        "type": "object",
        "required": [*fields, "status", "code", "errors"],
        "additionalProperties": False,
        "properties": {
            **dict.fromkeys(fields, text),
            "status": {"type": "integer"},
            "code": {"enum": [code.value for code in FaultCode], "description": codes},
            "errors": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": list(error),
                    "additionalProperties": False,
                    "properties": dict.fromkeys(error, text),
                },
            },
        },
    }

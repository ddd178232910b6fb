"""What became of a payment after it was intercepted, as its bank's records tell, in words."""

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

import attrs
import msgspec

from bureau.inbox.glance import moment
from policies.book.names import article_zh

FINAL = frozenset({"released", "refused", "expired", "withdrawn"})
"""Ends of a hold, as records `release` name them."""
END_ZH = {
    "released": "已放行并交银行", "refused": "已终止，不予放行", "expired": "逾期终止",
    "withdrawn": "发送方撤回",
    "not_carried_out": "网关未执行", "voided": "决定被网关拒收，已由两人作废",
}  # fmt: skip
BANK_ZH = {
    "accepted": "银行已支付", "rejected": "银行拒绝支付", "not_taken": "银行未收到，未支付",
}  # fmt: skip
_NOT_CARRIED_OUT = {
    "findings": "再次核对仍不符合规定", "ended before": "该挂起此前已结束",
    "no longer valid": "放行决定已过有效期", "another content": "指令内容不符",
    "never held": "该指令未被挂起", "no such instruction": "网关没有这笔指令",
}  # fmt: skip


class _Name(msgspec.Struct, frozen=True):
    policy: str = ""
    revision: int = 0
    detail: str = ""
    unavailable: tuple[str, ...] = ()


class _Finding(msgspec.Struct):
    policy: str = ""
    revision: int = 0
    action: str = ""
    article: str = ""
    detail: str = ""
    unavailable: tuple[str, ...] = ()
    reason_zh: str = ""

    @property
    def name(self) -> _Name:
        return _Name(self.policy, self.revision, self.detail, tuple(sorted(self.unavailable)))


class _Record(msgspec.Struct):
    kind: str = ""
    what: str = ""
    why: str = ""
    reason: str | None = None
    refused: str = ""
    reference: str | None = None
    bank_outcome: str = ""
    recorded_at: int = 0
    overrides: list[_Name] = []
    judged: list[_Finding] = []


@attrs.frozen(kw_only=True)
class Step:
    """One record about it: `what` is said first, `why` explains it line by line."""

    bank: str
    seq: int
    at: dt.datetime | None
    what: str
    why: tuple[str, ...]
    final: bool
    """Whether it ended a hold."""


def aftermath(rows: Iterable[Mapping[str, Any]]) -> list[Step]:
    """`rows`: {bank, seq, body} of records `release` and `bank_outcome`, oldest first."""
    return [_step(row) for row in rows]


def _step(row: Mapping[str, Any]) -> Step:
    try:
        record = msgspec.json.decode(row["body"], type=_Record)
    except (ValueError, RecursionError):
        record = _Record(what="记录无法读取")
    at = moment(record.recorded_at) if record.recorded_at else None
    said = _of_bank(record) if record.kind == "bank_outcome" else _of_hold(record)
    return Step(
        bank=row["bank"], seq=row["seq"], at=at, what=said[0], why=said[1],
        final=record.what in FINAL,
    )  # fmt: skip


def _of_hold(record: _Record) -> tuple[str, tuple[str, ...]]:
    why = [f"决定理由：{record.reason}"] if record.reason else []
    if record.what == "voided":
        why = [f"作废理由：{record.reason}", f"网关拒收：{record.refused}"]
    if record.what == "not_carried_out":
        why = [_NOT_CARRIED_OUT.get(record.why, record.why)]
        why += [
            f"{each.policy} 第{each.revision}版 {article_zh(each.article)}：{each.reason_zh}"
            for each in record.judged
            if each.action in ("hold", "block") and each.name not in record.overrides
        ]
    return END_ZH.get(record.what, record.what), tuple(why)


def _of_bank(record: _Record) -> tuple[str, tuple[str, ...]]:
    told = (("原因", record.reason), ("银行流水", record.reference))
    said = BANK_ZH.get(record.bank_outcome, record.bank_outcome)
    return said, tuple(f"{label}：{text}" for label, text in told if text)

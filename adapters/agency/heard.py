"""What an agency makes of the gateway's answer, in whatever format it asked."""

import base64
import html
import re
from typing import Any

import attrs
import orjson

_POLICY = re.compile(r"JL-\d{3}")
_WORD_OF_ONE = r"<XAddWord>([^<]+)</XAddWord>"
_BANK_WORDS = {
    "SUCCESS": "accepted", "部分支付": "accepted", "银行拒付": "rejected",
    "支付结果待查": "unknown", "银行未受理": "not_taken",
}  # fmt: skip
"""What stands in Attach of a voucher that passed (docs/formats.md)."""
_RECALLS = {"ACCR": "recalled", "RJCR": "recall_refused", "PDCR": "recall_waits"}


@attrs.frozen(kw_only=True)
class Found:
    """One finding, as the agency reads it."""

    policy: str
    article: str
    reason: str
    remedy: str
    missing: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Heard:
    outcome: str | None
    """passed | held | blocked; of a recall recalled | recall_refused | recall_waits; None for a
    fault."""
    fault: str | None = None
    """A fault's stable code (JSON), or its words (voucher)."""
    policies: tuple[str, ...] = ()
    bank: str | None = None
    bank_reason: str | None = None
    reasons: tuple[str, ...] = ()
    findings: tuple[Found, ...] = ()
    """Of an answer in JSON, beside their reasons: the other formats have less room."""


def heard_in(status: int, body: bytes, format: str) -> Heard:
    """Read an answer. Raises ValueError where it is none of ours."""
    if status != 200:
        return _fault(status, body, format)
    if format == "iso20022":
        return _resolution(body) if b"<RsltnOfInvstgtn>" in body else _status_report(body)
    return _voucher(body) if format == "voucher" else _json(body)


def _json(body: bytes) -> Heard:
    fields: dict[str, Any] = orjson.loads(body)
    return Heard(
        outcome=fields["outcome"],
        policies=tuple(finding["policy"] for finding in fields["findings"]),
        bank=fields["bank"],
        bank_reason=fields.get("bank_reason"),
        reasons=tuple(finding["reason_zh"] for finding in fields["findings"]),
        findings=tuple(map(_found, fields["findings"])),
    )


def _found(finding: dict[str, Any]) -> Found:
    return Found(
        policy=finding["policy"],
        article=finding.get("article", ""),
        reason=finding["reason_zh"],
        remedy=finding.get("remedy_zh", ""),
        missing=tuple(one["zh"] for one in finding.get("missing", ())),
    )


def _voucher(body: bytes) -> Heard:
    """The return copy: what became of it stands in Attach, why not in XAddWord."""
    text = body.decode("gbk")
    attach = _element(text, "Attach")
    inner = base64.b64decode(_element(text, "Voucher")).decode("gbk")
    outcome = "passed"
    if attach.startswith("监控拦截"):
        outcome = "blocked"
    elif attach.startswith("挂起"):
        outcome = "held"
    # Cut to the interface's 42 bytes: the whole reason comes with the refusal notice.
    words = tuple(dict.fromkeys(map(html.unescape, re.findall(_WORD_OF_ONE, inner))))
    policies = tuple(dict.fromkeys(_POLICY.findall(" ".join((attach, *words)))))
    bank = next((word for said, word in _BANK_WORDS.items() if attach.startswith(said)), None)
    if not re.search(r"<XPayDate>[^<]", inner) and bank == "accepted":
        bank = None  # a letter that was taken: nothing was paid by it
    told = words if attach == "SUCCESS" else (attach, *words)
    return Heard(outcome=outcome, policies=policies, bank=bank, reasons=tuple(filter(None, told)))


def _status_report(body: bytes) -> Heard:
    """pain.002 or pacs.002: of one payment what became of it, of several the group's status."""
    text = body.decode("utf-8")
    statuses = re.findall(r"<TxSts>([A-Z]{4})</TxSts>", text)
    policies = tuple(dict.fromkeys(_POLICY.findall(text)))
    reasons = tuple(map(html.unescape, re.findall(r"<AddtlInf>([^<]*)</AddtlInf>", text)))
    if len(statuses) != 1:
        word = {frozenset({"ACSC"}): "passed", frozenset({"RJCT"}): "blocked"}
        outcome = word.get(frozenset(statuses), "held")
        counts = "，".join(f"{s} {statuses.count(s)}" for s in dict.fromkeys(statuses))
        return Heard(outcome=outcome, policies=policies, reasons=(counts,))
    named = set(re.findall(r"<Prtry>([^<]*)</Prtry>", text))
    code = re.search(r"<Cd>([A-Z0-9]{4})</Cd>", text)
    if statuses[0] == "RJCT" and code and code[1] == "MS03":
        return Heard(outcome="passed", bank="rejected", policies=policies, reasons=reasons)
    if statuses[0] == "PDNG" and "unknown" in named:
        return Heard(outcome="passed", bank="unknown", policies=policies, reasons=reasons)
    outcome = {"RJCT": "blocked", "PDNG": "held"}.get(statuses[0], "passed")
    bank = "accepted" if statuses[0] == "ACSC" else None
    return Heard(
        outcome=outcome, bank=bank, policies=policies, reasons=reasons,
    )  # fmt: skip


def _resolution(body: bytes) -> Heard:
    """camt.029: of several payments the worst; each with its number in the reasons then."""
    rows = re.findall(r"<TxInfAndSts>(.*?)</TxInfAndSts>", body.decode("utf-8"), re.DOTALL)
    found = [_RECALLS.get(_element(row, "TxCxlSts"), "recall_waits") for row in rows]
    agreed = "recalled" if found else "recall_waits"  # an answer about no payment says yes to none
    worst = next((each for each in ("recall_refused", "recall_waits") if each in found), agreed)
    reasons = [_element(row, "AddtlInf") for row in rows]
    if len(rows) > 1:
        reasons = [
            f"{_element(row, 'OrgnlEndToEndId')}: {outcome} {words}".rstrip()
            for row, outcome, words in zip(rows, found, reasons, strict=True)
        ]
    return Heard(outcome=worst, reasons=tuple(filter(None, reasons)))


def _fault(status: int, body: bytes, format: str) -> Heard:
    if not status:
        return Heard(outcome=None, fault="silence")
    if format == "voucher" and body.lstrip()[:1] == b"<":
        text = body.decode("gbk")
        lines = html.unescape(_element(text, "Return_Reason")).splitlines()
        return Heard(outcome=None, fault=_element(text, "Attach"), reasons=tuple(lines))
    if format == "iso20022" and body.lstrip()[:1] == b"<":
        text = body.decode("utf-8")
        told = [_element(text, "RsnDesc"), *_element(text, "AddtlData").splitlines()]
        reasons = tuple(html.unescape(line) for line in told if line)
        return Heard(outcome=None, fault=_element(text, "RjctgPtyRsn"), reasons=reasons)
    fields: dict[str, Any] = orjson.loads(body)
    reasons = tuple(f"{e['field']}: {e['zh']} / {e['en']}" for e in fields.get("errors", []))
    reasons = reasons or (" / ".join(filter(None, (fields.get("title_zh"), fields["detail"]))),)
    mend = filter(None, (fields.get("remedy_zh"),))
    return Heard(outcome=None, fault=str(fields["code"]), reasons=(*reasons, *mend))


def _element(text: str, name: str) -> str:
    found = re.search(rf"<{name}>([^<]*)</{name}>", text)
    return found[1] if found else ""

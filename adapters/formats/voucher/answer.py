"""The answer to a voucher: the sender's own envelope as a return copy, and nothing else changed.

Only VoucherFlag, Attach and the bank's `X*` elements are written, into the sender's own text; every
other byte of the voucher comes back as it went in.
"""

import base64
import datetime as dt
import re
from html import unescape
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

from adapters.formats.json.walk import Findings
from adapters.formats.problem import TITLES
from adapters.formats.remedies import remedy
from adapters.formats.voucher.envelope import RETURNED, only, opened
from adapters.formats.voucher.fields import VoucherLayout, layouts, paper_layouts
from adapters.formats.voucher.payees import amount_of
from gateway.domain.answer import Answer
from gateway.domain.bank import BankOutcome
from gateway.domain.decision import Action, Finding, Outcome
from gateway.domain.faults import Fault
from gateway.domain.money import yuan

ATTACH_BYTES_MAX = 32
"""What a voucher store keeps of Attach."""

_SHANGHAI = ZoneInfo("Asia/Shanghai")
_LEAF = re.compile(r"<([A-Za-z0-9_]+)\s*(?:/>|>([^<]*)</\1\s*>)")
_DETAIL = re.compile(r"<Detail\s*>.*?</Detail\s*>", re.DOTALL)
_BODY = re.compile(r"<VoucherBody\b.*?</VoucherBody", re.DOTALL)
_LIST = re.compile(r"<DetailList\s*>.*?</DetailList\s*>", re.DOTALL)

_OUTCOME_WORDS = {Outcome.HOLD: "挂起待核实", Outcome.BLOCK: "监控拦截"}
_NOT_PAID = "本明细未支付，更正后另开凭证重报"
_BANK_WORDS = {
    BankOutcome.ACCEPTED: "SUCCESS",
    BankOutcome.REJECTED: "银行拒付",
    BankOutcome.UNKNOWN: "支付结果待查，请勿重发",
    BankOutcome.NOT_TAKEN: "银行未受理",
}


def answer_voucher(raw_in: bytes, answer: Answer) -> bytes:
    """Write the answer into the envelope that was received (and parsed, so it is in order)."""
    body = only(opened(raw_in))
    kind = answer.key.voucher_type
    layout = layouts()[kind] if kind in layouts() else paper_layouts()[kind]
    inner = _returned(body.voucher, layout, answer)
    replaced = {
        "VoucherFlag": RETURNED,
        "Attach": escape(cut_gbk(_attach(answer), ATTACH_BYTES_MAX)),
        "Voucher": base64.b64encode(inner.encode("gbk")).decode("ascii"),
    }
    text = raw_in.decode("gbk")
    if not _stands("Attach", text):
        text = text.replace("</VoucherBody", "<Attach></Attach></VoucherBody", 1)
    return _LEAF.sub(lambda leaf: _leaf(leaf, replaced), text).encode("gbk")


def return_copy(raw_in: bytes) -> bytes:
    """The envelope with each voucher's flag and `SUCCESS` written in: what is no payment was taken
    as it came."""
    text = raw_in.decode("gbk")
    replaced = {"VoucherFlag": RETURNED, "Attach": "SUCCESS"}
    return _BODY.sub(lambda body: _returned_body(body[0], replaced), text).encode("gbk")


def _returned_body(body: str, replaced: dict[str, str]) -> str:
    if not _stands("Attach", body):
        body = body.replace("</VoucherBody", "<Attach></Attach></VoucherBody", 1)
    return _LEAF.sub(lambda leaf: _leaf(leaf, replaced), body)


def problem_voucher(fault: Fault, instance: str) -> bytes:
    """A fault: an envelope without vouchers, the code in Attach; all errors and how they are mended
    in Return_Reason."""
    zh, en = TITLES[fault.code]
    lines = [f"{fault.code.value}: {zh} / {en}: {fault.detail} ({instance})"]
    lines += [f"{e.field}: {e.zh} / {e.en} [{e.code}]" for e in fault.errors]
    lines.append("处理办法 {} / {}".format(*remedy(fault)))
    text = (
        '<?xml version="1.0" encoding="GBK"?>\n<MOF><VoucherCount>0</VoucherCount>'
        f"<Attach>{escape(cut_gbk(fault.code.value, ATTACH_BYTES_MAX))}</Attach>"
        f"<Return_Reason>{escape(_gbk(chr(10).join(lines)))}</Return_Reason></MOF>"
    )
    return text.encode("gbk")


def cut_gbk(text: str, bytes_max: int) -> str:
    """As much of `text` as fits so many GBK bytes, cut between characters.

    What GBK does not have becomes `?`: an answer must go out whatever the bank wrote in it.
    """
    encoded = _gbk(text).encode("gbk")[:bytes_max]
    return encoded.decode("gbk", "ignore")


def _gbk(text: str) -> str:
    seemly = "".join(c if c == "\n" or c >= " " else "?" for c in text)
    return seemly.encode("gbk", "replace").decode("gbk")


def _leaf(leaf: re.Match[str], replaced: dict[str, str]) -> str:
    name = leaf[1]
    return f"<{name}>{replaced[name]}</{name}>" if name in replaced else leaf[0]


def _attach(answer: Answer) -> str:
    """`SUCCESS`, or what became of it and the gravest policy's id."""
    if answer.decision.withheld and answer.bank is BankOutcome.ACCEPTED:
        return f"部分支付 未付{len(answer.decision.withheld)}笔"
    if answer.bank is not None:
        return _BANK_WORDS[answer.bank]
    word = _OUTCOME_WORDS.get(answer.decision.outcome, "已通过")
    return " ".join([word, *dict.fromkeys(each.policy for each in answer.decision.findings)])


def _reason(answer: Answer, detail: str) -> str:
    """The words of XAddWord of one detail: why it is not paid, or what is to be noted of it.

    The bank's own reason first; then what the voucher as a whole or this detail is held for. In a
    voucher that passed, warnings follow the word 提示, and a withheld detail is told why.
    """
    if answer.bank is not None and answer.bank is not BankOutcome.ACCEPTED:
        return answer.bank_reason or _BANK_WORDS[answer.bank]
    decision = answer.decision
    if decision.outcome is not Outcome.PASS:
        return "；".join(f"{_about(f)} {f.reason_zh}" for f in decision.findings)
    own = [f for f in decision.findings if f.detail in ("", detail)]
    if detail in decision.withheld:
        why = [f"{f.policy} {f.reason_zh}" for f in own if f.detail]
        return "；".join([_NOT_PAID, *why])
    warnings = [f"{f.policy} {f.reason_zh}" for f in own if f.action is Action.WARN]
    return "提示：" + "；".join(warnings) if warnings else ""


def _returned(voucher: str, layout: VoucherLayout, answer: Answer) -> str:
    details = _LIST.search(voucher)
    assert details is not None, "it was read with one"
    before, rows, after = voucher[: details.start()], details[0], voucher[details.end() :]
    filled = _filled(before + after, answer)
    if answer.decision.withheld and filled:
        paid = yuan(sum(_paid_fen(row) for row in _paid_details(rows, answer)))
        filled |= {"XPayAmt": paid, "XSumAmt": paid}
    below = {name: value for name, value in filled.items() if _stands(name, after)}
    above = {name: value for name, value in filled.items() if name not in below}
    known = set(layout.header)
    written = _DETAIL.sub(lambda detail: _detail(detail[0], layout, answer), rows)
    return _written(before, above, known) + written + _written(after, below, known)


def _detail(detail: str, layout: VoucherLayout, answer: Answer) -> str:
    opening, closing = detail.index(">") + 1, detail.rindex("<")
    inner = detail[opening:closing]
    id = _said(inner, "Id")
    filled = {} if id in answer.decision.withheld else _filled(inner, answer)
    reason = _reason(answer, id)
    width = layout.detail["XAddWord"].bytes_max
    if reason:
        filled["XAddWord"] = escape(cut_gbk(reason, width or 0))
    return detail[:opening] + _written(inner, filled, set(layout.detail)) + detail[closing:]


def _said(texts: str, name: str) -> str:
    """What an element says, read as a parser does: `&#50;` is a 2."""
    return next((unescape(leaf[2] or "") for leaf in _LEAF.finditer(texts) if leaf[1] == name), "")


def _stands(name: str, texts: str) -> bool:
    return any(leaf[1] == name for leaf in _LEAF.finditer(texts))


def _paid_details(rest: str, answer: Answer) -> list[str]:
    rows = [found[0] for found in _DETAIL.finditer(rest)]
    inner = [row[row.index(">") + 1 :] for row in rows]
    return [row for row in inner if _said(row, "Id") not in answer.decision.withheld]


def _paid_fen(texts: str) -> int:
    amount = amount_of({"PayAmt": _said(texts, "PayAmt")}, "", Findings())
    assert amount is not None, "it was read with one"
    return amount


def _filled(texts: str, answer: Answer) -> dict[str, str]:
    """The bank's return part, from what was ordered: a passed order is executed unchanged (Art. 3).

    Values are taken as they stand in the sender's text, escapes and all.
    """
    if answer.bank is not BankOutcome.ACCEPTED:
        return {}
    ordered = {leaf[1]: leaf[2] or "" for leaf in _LEAF.finditer(texts)}
    values = {
        "XPayDate": _pay_date(answer.settled_at),
        "XAgentBusinessNo": escape(cut_gbk(answer.bank_reference or "", 42)),
        "XCheckNo": ordered.get("CheckNo", ""),
        "XPayAmt": ordered.get("PayAmt", ""),
        "XSumAmt": ordered.get("SumAmt", ""),
        "XPayeeAcctBankName": ordered.get("PayeeAcctBankName", ""),
        "XPayeeAcctNo": ordered.get("PayeeAcctNo", ""),
        "XPayeeAcctName": ordered.get("PayeeAcctName", ""),
    }
    return {name: value for name, value in values.items() if value}


def _pay_date(settled_at: dt.datetime | None) -> str:
    """The legal day, yyyyMMdd."""
    return settled_at.astimezone(_SHANGHAI).strftime("%Y%m%d") if settled_at else ""


def _written(texts: str, filled: dict[str, str], known: set[str]) -> str:
    """Put values into the elements that stand there empty; add those that do not stand there."""
    wanted = {name: value for name, value in filled.items() if name in known}
    present = {leaf[1] for leaf in _LEAF.finditer(texts)}
    written = _LEAF.sub(lambda leaf: _leaf(leaf, wanted), texts)
    missing = [f"<{name}>{value}</{name}>" for name, value in wanted.items() if name not in present]
    return written + "".join(missing)


def _about(finding: Finding) -> str:
    return f"{finding.policy} 明细{finding.detail}" if finding.detail else finding.policy

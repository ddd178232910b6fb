"""The status reports: pain.002.001.10 to a pain.001, pacs.002.001.10 to a pacs.008.

A refusal says the ISO reason code first, then each policy as `Prtry` with its Chinese words, the
article and the English words in AddtlInf, so that a machine reads the first and a person the rest.
"""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from xml.sax.saxutils import escape

import attrs

from adapters.formats.iso20022.cut import Group
from adapters.formats.iso20022.schemas import NAMESPACE
from adapters.formats.problem import TITLES
from adapters.formats.remedies import remedy
from adapters.formats.text_safety import refused_in
from gateway.domain.answer import Answer
from gateway.domain.bank import BankOutcome
from gateway.domain.decision import Finding, Outcome
from gateway.domain.faults import Fault, FaultCode, Unready

RECEIPT_NAMESPACE = "urn:treasury-gateway:receipt:1"
DONE, UNDER_WAY, PENDING, REJECTED, PARTLY = "ACSC", "ACSP", "PDNG", "RJCT", "PART"
TAKEN = "ACTC"
"""ISO 20022 external codes; `unknown` at the bank is PENDING: neither done nor refused."""

BY_LAW = "RR04"
"""Regulatory reason: what a policy refuses, where no code of `_CODES` says it more exactly."""
_CODES = {
    "JL-003": "AM12",
    "JL-004": "CH16",
    "JL-007": "AG01",
    "JL-009": "AC06",
    "JL-010": "AG01",
    "JL-011": "AM14",
    "JL-013": "AM14",
    "JL-051": "AC01",
    "JL-092": "AM05",
    "JL-093": "DT01",
}
_FAULT_CODES = {
    FaultCode.INSTRUCTION_CONFLICT: "DU04",
    FaultCode.SENDER_NOT_ENTITLED: "DS0H",
    FaultCode.SENDER_UNKNOWN: "DS0H",
    FaultCode.DIVISION_UNKNOWN: "AG01",
    FaultCode.INSTRUCTION_UNKNOWN: "NOOR",
    FaultCode.REFUND_UNPAID: "NOOR",
    FaultCode.REFUND_EXCEEDS: "AM09",
    FaultCode.REFUND_CONFLICT: "AM05",
}
_BY_FORM = "FF01"
_BY_BANK = "MS03"
_PIECE = 105
_PIECES_MAX = 40
_BANK_WORDS = {
    BankOutcome.UNKNOWN: "支付结果待查，请勿重发 / the result is being found out; do not send anew",
    BankOutcome.NOT_TAKEN: "银行未受理 / the bank did not take it",
    BankOutcome.REJECTED: "银行拒付 / refused by the bank",
}


@attrs.frozen(kw_only=True)
class Told:
    """One payment's status, ready to be set into the report."""

    bundle: str
    status: str
    xml: str


def told(names: tuple[str, str, str, str], said: Answer | Fault, status_id: str = "") -> Told:
    """What became of one payment; `names` as in `BulkPart`."""
    reasons = "".join(_fault_reasons(said) if isinstance(said, Fault) else _reasons(said))
    reference, receipt = "", ""
    if isinstance(said, Answer):
        reference = leaf("AcctSvcrRef", (said.bank_reference or "")[:35])
        receipt = (
            f'<SplmtryData><Envlp><Receipt xmlns="{RECEIPT_NAMESPACE}">{said.receipt}</Receipt>'
            "</Envlp></SplmtryData>"
        )
    return taken(names, _status_of(said), status_id, f"{reasons}{reference}{receipt}")


def taken(
    names: tuple[str, str, str, str], status: str, status_id: str = "", more: str = ""
) -> Told:
    """One row: a payment's names and status; without `more`, of a letter that was matched and
    written down."""
    bundle, instruction_id, end_to_end, transaction_id = names
    ids = (
        leaf("StsId", status_id) + leaf("OrgnlInstrId", instruction_id)
        + leaf("OrgnlEndToEndId", end_to_end) + leaf("OrgnlTxId", transaction_id)
    )  # fmt: skip
    xml = f"<TxInfAndSts>{ids}<TxSts>{status}</TxSts>{more}</TxInfAndSts>"
    return Told(bundle=bundle, status=status, xml=xml)


def report(group: Group, rows: Sequence[Told], at: dt.datetime) -> bytes:
    """The whole report, payments in the order of the message that it answers."""
    original = group.id, group.message.name, group.payments
    return written(group.layout.answer, group.digest, original, rows, at)


def written(
    kind: str, digest: str, original: tuple[str, str, int], rows: Sequence[Told], at: dt.datetime,
    words: str = "",
) -> bytes:  # fmt: skip
    """A pain.002 or pacs.002 on a message: its id, name and number of payments. Without rows it
    was taken whole. `digest` of what is answered gives the report its id."""
    pain = kind.startswith("pain.")
    counts = Counter(row.status for row in rows)
    whole = (next(iter(counts)) if len(counts) == 1 else PARTLY) if counts else TAKEN
    shares = "".join(
        f"<NbOfTxsPerSts><DtldNbOfTxs>{count}</DtldNbOfTxs><DtldSts>{status}</DtldSts>"
        "</NbOfTxsPerSts>"
        for status, count in sorted(counts.items())
    )
    why = reason("StsRsnInf", "Prtry", "taken", (words,)) if words else ""
    about = (
        f"<OrgnlGrpInfAndSts>{leaf('OrgnlMsgId', original[0])}"
        f"<OrgnlMsgNmId>{escape(original[1])}</OrgnlMsgNmId>"
        f"<OrgnlNbOfTxs>{original[2]}</OrgnlNbOfTxs><GrpSts>{whole}</GrpSts>{why}{shares}"
        "</OrgnlGrpInfAndSts>"
    )
    root = "CstmrPmtStsRpt" if pain else "FIToFIPmtStsRpt"
    payments = _bundled(rows) if pain else (row.xml for row in rows)
    return "".join(
        (
            '<?xml version="1.0" encoding="UTF-8"?>\n',
            f'<Document xmlns="{NAMESPACE}{kind}"><{root}><GrpHdr><MsgId>{digest[:35]}',
            f"</MsgId><CreDtTm>{at.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%SZ}</CreDtTm></GrpHdr>",
            about,
            *payments,
            f"</{root}></Document>",
        )
    ).encode()


def _bundled(rows: Iterable[Told]) -> Iterator[str]:
    for bundle, run in groupby(rows, key=lambda row: row.bundle):
        yield f"<OrgnlPmtInfAndSts>{leaf('OrgnlPmtInfId', bundle)}"
        yield from (row.xml for row in run)
        yield "</OrgnlPmtInfAndSts>"


def _status_of(said: Answer | Fault) -> str:
    if isinstance(said, Fault):
        return PENDING if isinstance(said, Unready) else REJECTED
    if said.decision.outcome is Outcome.BLOCK:
        return REJECTED
    if said.decision.outcome is Outcome.HOLD or said.bank is BankOutcome.UNKNOWN:
        return PENDING
    if said.bank in (BankOutcome.REJECTED, BankOutcome.NOT_TAKEN):
        return REJECTED
    return DONE if said.bank is BankOutcome.ACCEPTED else UNDER_WAY


def _reasons(answer: Answer) -> Iterator[str]:
    findings = answer.decision.findings
    if answer.decision.outcome is Outcome.BLOCK:
        gravest = next((f for f in findings if f.action == "block"), findings[0])
        yield _reason("Cd", _CODES.get(gravest.policy, BY_LAW), ())
    elif answer.bank in (BankOutcome.REJECTED, BankOutcome.NOT_TAKEN):
        words = (_BANK_WORDS[answer.bank], answer.bank_reason or "")
        yield _reason("Cd", _BY_BANK, words)
    elif answer.bank is BankOutcome.UNKNOWN:
        yield _reason("Prtry", "unknown", (_BANK_WORDS[answer.bank], answer.bank_reason or ""))
    for finding in findings:
        yield _reason("Prtry", finding.policy, _words(finding))


def _words(finding: Finding) -> Iterator[str]:
    yield finding.reason_zh
    yield f"条款 {finding.article} {finding.title_zh}"
    if finding.remedy_zh:
        yield f"处理办法 {finding.remedy_zh}"
    for paper in finding.missing:
        yield f"缺少 {paper.zh} / {paper.en}"
    yield finding.reason_en


def _fault_reasons(fault: Fault) -> Iterator[str]:
    zh, en = TITLES[fault.code]
    if not isinstance(fault, Unready):
        yield _reason("Cd", _FAULT_CODES.get(fault.code, _BY_FORM), ())
    words = [f"{zh} / {en}", fault.detail]
    words += [f"{e.field}: {e.zh} / {e.en} [{e.code}]" for e in fault.errors]
    words.append("处理办法 {} / {}".format(*remedy(fault)))
    yield _reason("Prtry", fault.code.value[:35], words)


def _reason(kind: str, code: str, words: Iterable[str]) -> str:
    return reason("StsRsnInf", kind, code, words)


def reason(element: str, kind: str, code: str, words: Iterable[str]) -> str:
    """Why, as ISO (`Cd`) or we (`Prtry`) name it, and in words."""
    pieces = [
        piece for text in words if (seemly := _seemly(text))
        for piece in (seemly[i : i + _PIECE] for i in range(0, len(seemly), _PIECE))
    ][:_PIECES_MAX]  # fmt: skip
    more = "".join(f"<AddtlInf>{escape(piece)}</AddtlInf>" for piece in pieces)
    return f"<{element}><Rsn><{kind}>{escape(code)}</{kind}></Rsn>{more}</{element}>"


def _seemly(text: str) -> str:
    return "".join(" " if refused_in(c) else c for c in text).strip()


def leaf(name: str, text: str) -> str:
    return f"<{name}>{escape(text)}</{name}>" if text else ""

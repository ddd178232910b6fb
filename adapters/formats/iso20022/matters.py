"""What a letter in ISO 20022 says, once its elements are in order: texts by path become an enquiry,
a recall, the word on one, a return, an outcome.
"""

import re
from collections.abc import Callable, Mapping

from gateway.domain.enquiries import (
    Enquiry,
    Original,
    OutcomeItem,
    OutcomeReport,
    PaymentReturn,
    Recall,
    RecallAnswer,
    RecallItem,
    RecallResult,
    RecallStatus,
    ReturnItem,
    StatusEnquiry,
)
from gateway.domain.money import Fen

Texts = dict[str, list[str]]
"""By path below the message's root, or below one payment."""

_AMOUNT = re.compile(r"(0|[1-9][0-9]{0,14})(?:\.([0-9]{1,2}))?", re.ASCII)
MEANT = {"ACSC": True, "ACCC": True, "ACSP": True, "RJCT": False}
"""TxSts that end a payment; every other is on its way."""
STATUSES = frozenset({*MEANT, "ACTC", "ACCP", "ACWC", "RCVD", "PDNG"})


def matter_of(root: str, head: Texts, rows: list[Texts]) -> Enquiry:
    """`root` of one of `letter_forms.FORMS`; all that it requires is there and readable."""
    return _READ[root](head, rows)


def fen_of(texts: Texts, name: str) -> Fen | None:
    """None: absent, or not an amount."""
    match = _AMOUNT.fullmatch(one(texts, name))
    return Fen(int(match[1] + (match[2] or "").ljust(2, "0"))) if match else None


def one(texts: Texts, name: str) -> str:
    return texts.get(name, [""])[0]


def _original(head: Texts, row: Texts) -> Original:
    message_id = one(row, "OrgnlGrpInf/OrgnlMsgId") or one(head, "OrgnlGrpInf/OrgnlMsgId")
    name = one(row, "OrgnlGrpInf/OrgnlMsgNmId") or one(head, "OrgnlGrpInf/OrgnlMsgNmId")
    return Original(
        message_id=message_id, end_to_end_id=one(row, "OrgnlEndToEndId"),
        transaction_id=one(row, "OrgnlTxId"), instruction_id=one(row, "OrgnlInstrId"),
        message_name=name, amount_fen=fen_of(row, "OrgnlIntrBkSttlmAmt"),
    )  # fmt: skip


def _reason(row: Texts, group: str) -> tuple[str, str]:
    code = one(row, f"{group}/Rsn/Cd") or one(row, f"{group}/Rsn/Prtry")
    return code, "".join(row.get(f"{group}/AddtlInf", []))


def _status_enquiry(head: Texts, rows: list[Texts]) -> Enquiry:
    return StatusEnquiry(
        id=one(head, "GrpHdr/MsgId"), message_id=one(head, "OrgnlGrpInf/OrgnlMsgId"),
        payments=tuple(_original(head, row) for row in rows),
    )  # fmt: skip


def _recall(head: Texts, rows: list[Texts]) -> Enquiry:
    items = []
    for row in rows:
        reason, words = _reason(row, "CxlRsnInf")
        items.append(
            RecallItem(
                id=one(row, "CxlId"), original=_original(head, row), reason=reason, words=words
            )
        )
    return Recall(id=one(head, "Assgnmt/Id"), payments=tuple(items))


def _recall_answer(head: Texts, rows: list[Texts]) -> Enquiry:
    results = []
    for row in rows:
        reason, words = _reason(row, "CxlStsRsnInf")
        results.append(
            RecallResult(
                original=_original(head, row), status=RecallStatus(one(row, "TxCxlSts")),
                reason=reason, words=words,
            )
        )  # fmt: skip
    return RecallAnswer(
        id=one(head, "Assgnmt/Id"), case=one(head, "RslvdCase/Id"),
        confirmation=one(head, "Sts/Conf"), payments=tuple(results),
    )  # fmt: skip


def _return(head: Texts, rows: list[Texts]) -> Enquiry:
    items = []
    for row in rows:
        reason, words = _reason(row, "RtrRsnInf")
        amount = fen_of(row, "RtrdIntrBkSttlmAmt")
        assert amount is not None, "required, and read"
        items.append(
            ReturnItem(
                id=one(row, "RtrId"), original=_original(head, row), amount_fen=amount,
                reason=reason, words=words,
            )
        )  # fmt: skip
    return PaymentReturn(id=one(head, "GrpHdr/MsgId"), payments=tuple(items))


def _outcomes(head: Texts, rows: list[Texts]) -> Enquiry:
    items = []
    for row in rows:
        reason, words = _reason(row, "StsRsnInf")
        items.append(
            OutcomeItem(
                original=_original(head, row), accepted=_accepted(one(row, "TxSts"), reason),
                reference=one(row, "AcctSvcrRef") or one(row, "ClrSysRef"),
                reason=" ".join(filter(None, (reason, words))),
            )
        )  # fmt: skip
    return OutcomeReport(id=one(head, "GrpHdr/MsgId"), payments=tuple(items))


def _accepted(status: str, reason: str) -> bool | None:
    """None: it says no end. Who received nothing has refused nothing: it may arrive yet."""
    return None if reason == "NOOR" else MEANT.get(status)


_READ: Mapping[str, Callable[[Texts, list[Texts]], Enquiry]] = {
    "FIToFIPmtStsReq": _status_enquiry,
    "FIToFIPmtCxlReq": _recall,
    "RsltnOfInvstgtn": _recall_answer,
    "PmtRtr": _return,
    "FIToFIPmtStsRpt": _outcomes,
}

"""Refund (资金退回): money that came back gives back, on every limit, what its payment had posted.

The event has its own identity and is written once; part of a payment may come back, several times,
and never more than was posted. What the payment added to windows stays: it did take effect.
"""

import datetime as dt
import hashlib

import attrs
import msgspec

from gateway.domain.faults import Conflicting, Fault, FaultCode, Unreadable
from gateway.domain.instruction import InstructionKey
from gateway.domain.ledger import RecordDraft
from gateway.domain.masking import without_numbers
from gateway.domain.money import Fen, yuan
from gateway.domain.records import RecordKind, canonical, unnumbered
from gateway.domain.refunds import Handed, Refund, RefundAnswer, RefundResult
from gateway.hold_ports import Refunds
from gateway.pipeline.tell import Origin, microseconds


@attrs.frozen(kw_only=True)
class MoneyBack:
    """What a bank reports, whatever format it came in."""

    key: InstructionKey
    """Of the refund's own voucher: 2203, 2204 or 8252."""
    payment: InstructionKey
    amount_fen: Fen
    reason: str
    reference: str
    """The bank's serial number of this return: told again under it, it is the same money."""


class RefundRefused(Conflicting):
    """Well-formed, and against what the ledger holds; nothing was written."""


_REFUSALS = {
    RefundResult.UNPAID: FaultCode.REFUND_UNPAID,
    RefundResult.EXCEEDS: FaultCode.REFUND_EXCEEDS,
    RefundResult.CONFLICT: FaultCode.REFUND_CONFLICT,
    RefundResult.DISPUTED: FaultCode.REFUND_UNPAID,
}


async def refund(
    back: MoneyBack, handed: Handed, refunds: Refunds, origin: Origin, at: dt.datetime
) -> RefundResult:
    """REFUNDED, or REPEATED where this money was counted before.

    Raises Unreadable, RefundRefused, LedgerUnavailable (hand the same in again).
    """
    if back.amount_fen <= 0:
        raise _fault("a refund is more than nothing")
    if back.key.division != back.payment.division:
        raise _fault("a refund and its payment are of one division")
    if back.key == back.payment:
        raise _fault("a refund has its own number")
    if back.reference != back.reference.strip():
        raise _fault("a number of the bank's has no blank at its ends")
    digest = hashlib.sha256(handed.raw)
    fields = _fields(back, digest.hexdigest(), at)
    record = fields | {"bank": origin.bank, "kind": RecordKind.REFUND, "origin": origin.uri}
    answer = await refunds.refund(
        Refund(
            key=back.key, payment=back.payment, reference=back.reference,
            amount_fen=back.amount_fen, at=at, digest=digest.digest(), handed=handed,
            record=RecordDraft(
                kind=RecordKind.REFUND, subject=str(back.payment), body=unnumbered(record)
            ),
            notification=canonical(fields | {"kind": "refund"}),
        )
    )  # fmt: skip
    if answer.result in _REFUSALS:
        raise RefundRefused(_REFUSALS[answer.result], _words(back, answer))
    return answer.result


def _fields(back: MoneyBack, digest: str, at: dt.datetime) -> dict[str, object]:
    return {
        **msgspec.structs.asdict(back.payment),
        "amount_fen": back.amount_fen,
        "digest": digest,
        "reason": without_numbers(back.reason),
        "recorded_at": microseconds(at),
        "reference": back.reference,
        "refund": str(back.key),
    }


def _words(back: MoneyBack, answer: RefundAnswer) -> str:
    if answer.result is RefundResult.UNPAID:
        return f"{back.payment} is not known to have been paid"
    if answer.result is RefundResult.CONFLICT:
        return f"{back.key} ({back.reference}) was used before, for another refund"
    if answer.result is RefundResult.DISPUTED:
        return f"the bank has said two things of {back.payment}; nothing comes back meanwhile"
    left = yuan(answer.refundable_fen or 0)
    return f"{yuan(back.amount_fen)} yuan would come back, {left} is left of {back.payment}"


def _fault(detail: str) -> Fault:
    return Unreadable(FaultCode.INSTRUCTION_INVALID, detail)

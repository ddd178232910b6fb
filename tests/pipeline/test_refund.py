"""What a refund must be before the ledger is asked, what it hands over, and why it was refused."""

import datetime as dt

import orjson
import pytest
from msgspec.structs import replace

from gateway.domain.faults import FaultCode, Unreadable
from gateway.domain.instruction import InstructionKey
from gateway.domain.money import Fen
from gateway.domain.records import RecordKind
from gateway.domain.refunds import Handed, Refund, RefundAnswer, RefundResult
from gateway.pipeline.refund import MoneyBack, RefundRefused, refund
from gateway.pipeline.tell import Origin
from tests.pipeline.fakes import instruction

AT = dt.datetime(2026, 3, 2, 9, tzinfo=dt.UTC)
ORIGIN = Origin(bank="103", uri="spiffe://t.test/gateway/103")
HANDED = Handed(party="spiffe://t.test/bank/103", raw=b"{}", signature="s")
PAID = instruction().key
OWN = replace(PAID, voucher_type="2203", voucher_no="T-1")


class Answering:
    """The ledger, with one answer to whatever it is handed."""

    def __init__(self, result: RefundResult, left: Fen | None = None) -> None:
        self.answer = RefundAnswer(result=result, refundable_fen=left)
        self.handed: list[Refund] = []

    async def refund(self, given: Refund) -> RefundAnswer:
        self.handed.append(given)
        return self.answer

    async def close(self) -> None:
        return None


def back(
    fen: int = 100, key: InstructionKey = OWN, payment: InstructionKey = PAID, reference: str = "R"
) -> MoneyBack:
    return MoneyBack(
        key=key, payment=payment, amount_fen=Fen(fen), reason="账户已销户", reference=reference
    )


@pytest.mark.parametrize(
    "wrong",
    [
        back(0),
        back(-1),
        back(key=replace(OWN, division="220100000")),
        back(key=PAID),
        back(reference=" R"),
        back(reference="R "),
    ],
)
async def test_what_is_no_refund_never_comes_to_the_ledger(wrong: MoneyBack) -> None:
    ledger = Answering(RefundResult.REFUNDED)
    with pytest.raises(Unreadable) as refused:
        await refund(wrong, HANDED, ledger, ORIGIN, AT)
    assert refused.value.code is FaultCode.INSTRUCTION_INVALID and not ledger.handed


@pytest.mark.parametrize("result", [RefundResult.REFUNDED, RefundResult.REPEATED])
async def test_what_is_handed_over_names_the_payment_the_money_and_who_told(
    result: RefundResult,
) -> None:
    ledger = Answering(result)
    assert await refund(back(1), HANDED, ledger, ORIGIN, AT) is result
    (given,) = ledger.handed
    assert (given.key, given.payment, given.amount_fen, given.at) == (OWN, PAID, 1, AT)
    assert given.handed is HANDED and given.record.kind is RecordKind.REFUND
    assert given.record.subject == str(PAID)
    told = orjson.loads(given.notification)
    assert (told["kind"], told["amount_fen"], told["refund"]) == ("refund", 1, str(OWN))


@pytest.mark.parametrize(
    ("result", "code", "words"),
    [
        (RefundResult.UNPAID, FaultCode.REFUND_UNPAID, "is not known to have been paid"),
        (RefundResult.CONFLICT, FaultCode.REFUND_CONFLICT, "was used before, for another refund"),
        (RefundResult.DISPUTED, FaultCode.REFUND_UNPAID, "has said two things of"),
        (RefundResult.EXCEEDS, FaultCode.REFUND_EXCEEDS, "1.00 yuan would come back, 0.40 is left"),
    ],
)
async def test_a_refusal_says_why(result: RefundResult, code: FaultCode, words: str) -> None:
    with pytest.raises(RefundRefused) as refused:
        await refund(back(), HANDED, Answering(result, Fen(40)), ORIGIN, AT)
    assert refused.value.code is code and words in refused.value.detail

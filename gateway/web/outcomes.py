"""The bank's counter for what it learns later of an instruction: `POST /v1/bank/outcomes`, JSON.

{"id":"ZF-20260302-1","instruction":"division/year/type/number","outcome":"accepted|refused|returned",
 "reference":"...","reason":"...","amount":"1200.00"}

`reason` where it was refused or returned, `amount` where it was returned, `reference` otherwise.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

import msgspec
import orjson
import structlog

from gateway.domain.correspondence import KeptLetter
from gateway.domain.faults import Conflicting, FaultCode, FieldError
from gateway.domain.instruction import InstructionKey, Received
from gateway.domain.masking import without_numbers
from gateway.domain.money import fen
from gateway.domain.refunds import Handed
from gateway.hold_ports import LetterBook
from gateway.pipeline.letters import letter_conflict
from gateway.pipeline.outcome import Outcome, Outcomes, OutcomeTaken, Word
from gateway.ports import Clock, Gatekeeper
from gateway.web.documents import read_whole, refuse_wrong, unseemly, wrong_amount
from gateway.web.our_bank import bank_of, expect_served

PATH = "/v1/bank/outcomes"
NAME = "outcome"
_WHAT = "an outcome"
_KEY = re.compile(r"([0-9]{9})/([0-9]{4})/([0-9A-Za-z]{1,8})/([0-9A-Za-z-]{1,42})")

log = structlog.get_logger()

_Text = Annotated[str, msgspec.Meta(max_length=200)]


class ToldOutcome(msgspec.Struct, forbid_unknown_fields=True):
    id: Annotated[str, msgspec.Meta(pattern="^[0-9A-Za-z-]{1,42}$")]
    instruction: str
    outcome: Literal["accepted", "refused", "returned"]
    reference: _Text = ""
    reason: _Text = ""
    amount: str | None = None


class OutcomeCounter:
    def __init__(
        self, outcomes: Outcomes, book: LetterBook, gatekeeper: Gatekeeper, clock: Clock,
        divisions: frozenset[str],
    ) -> None:  # fmt: skip
        self._outcomes = outcomes
        self._book = book
        self._gatekeeper = gatekeeper
        self._clock = clock
        self._divisions = divisions

    async def take(self, received: Received, _path: Mapping[str, str]) -> bytes:
        """`{id, instruction, result}`; the same bytes again are answered as the first time.

        Raises Unproven (not our bank), Unreadable, Conflicting (this id came with other content:
        recorded), RefundRefused, LedgerUnavailable.
        """
        now = self._clock.now()
        origin = self._outcomes.origin
        sender = bank_of(received, now, self._gatekeeper, origin)
        told = read_outcome(received.raw)
        expect_served(told.key.division, self._divisions)
        kept = KeptLetter(
            division=told.key.division, party=sender.uri, id=f"{NAME}/{told.number}", name=NAME,
            digest=hashlib.sha256(received.raw).digest(), signature=received.signature,
            raw=received.raw, at=now,
        )  # fmt: skip
        before = await self._book.keep(kept)
        if before is not None and before[0] != kept.digest:
            fault = Conflicting(
                FaultCode.INSTRUCTION_CONFLICT, f"outcome {told.number} came with other content"
            )
            record = letter_conflict(kept, before[0], origin)
            fault.recorded = await self._book.conflict(kept.division, record, kept.digest)
            raise fault
        if before is not None and before[1]:
            return before[1]
        handed = Handed(raw=received.raw, signature=received.signature, party=sender.uri)
        taken = await self._outcomes.take(told, handed)
        _log(told, taken)
        answer = orjson.dumps(
            {"id": told.number, "instruction": str(told.key), "result": taken.result}
        )
        await self._book.answered(kept, answer, now)
        return answer


def read_outcome(raw: bytes) -> Outcome:
    """Raises Unreadable with every error and its field."""
    told = read_whole(raw, ToldOutcome, _WHAT)
    match = _KEY.fullmatch(told.instruction)
    refuse_wrong(_wrong(told, match is not None), _WHAT)
    assert match, "`_wrong` has refused it"
    key = InstructionKey(
        division=match[1], fiscal_year=int(match[2]), voucher_type=match[3], voucher_no=match[4]
    )
    return Outcome(
        number=told.id, key=key, word=Word(told.outcome), reference=told.reference,
        reason=told.reason, amount_fen=None if told.amount is None else fen(told.amount),
    )  # fmt: skip


def _wrong(told: ToldOutcome, named: bool) -> Iterator[FieldError]:
    """`named`: whether it says which instruction it is about."""
    word = Word(told.outcome)
    if not named:
        yield FieldError(
            field="instruction", code="pattern", zh="应为 区划/年度/凭证类型/凭证号",
            en="an instruction is division/year/voucher type/voucher number",
        )  # fmt: skip
    if word is Word.ACCEPTED and not told.reference:
        yield FieldError(
            field="reference", code="required", zh="已支付的须给出银行流水号",
            en="who has accepted says under which reference",
        )  # fmt: skip
    if word is not Word.ACCEPTED and not told.reason.strip():
        yield FieldError(
            field="reason", code="required", zh="拒付或退回的须说明原因",
            en="who refuses or returns says why (Art. 28(3))",
        )  # fmt: skip
    if (word is Word.RETURNED) != (told.amount is not None):
        yield FieldError(
            field="amount", code="contradiction", zh="退回的须给出金额，其他结果不得给出",
            en="an amount stands for what was returned, and only there",
        )  # fmt: skip
    if told.amount is not None:
        yield from wrong_amount("amount", told.amount)
    yield from unseemly({"reference": told.reference, "reason": told.reason})


def _log(told: Outcome, taken: OutcomeTaken) -> None:
    log.info("outcome.taken", instruction=str(told.key), said=told.word, result=taken.result)
    if against := taken.contradiction:
        log.error(
            "payment.contradicted", instruction=str(told.key), how="told",
            said=against.said, held=against.held, reason=without_numbers(told.reason),
        )  # fmt: skip

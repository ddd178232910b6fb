"""The bank's later word: it settles what was unknown, and never overwrites what is known."""

from collections.abc import Callable
from typing import Any, cast

import attrs
import orjson
import pytest

from adapters.formats.problem import problem_json
from gateway.domain.bank import BankOutcome
from gateway.domain.conduct import EndResult
from gateway.domain.decision import Action
from gateway.domain.faults import (
    Conflicting,
    Fault,
    FaultCode,
    LedgerUnavailable,
    Unproven,
    Unreadable,
    Unready,
)
from gateway.domain.instruction import Received
from gateway.domain.records import canonical
from gateway.pipeline.conduct_words import found_out
from gateway.pipeline.refund import RefundRefused
from gateway.web.outcomes import OutcomeCounter, read_outcome
from gateway.web.refunds import read_money_back
from tests.memory.conduct import MemoryConduct
from tests.pipeline.desks import BANK, ORIGIN, Desk
from tests.pipeline.fakes import DIVISION, NOW, SENDER, OpenGate, finding, instruction

KEY = instruction().key


def word(**changes: Any) -> bytes:
    fields = {
        "id": "ZF-1", "instruction": str(KEY), "outcome": "accepted", "reference": "JH-9",
    }  # fmt: skip
    return canonical(fields | changes)


def refused(**changes: Any) -> bytes:
    return word(**{"outcome": "refused", "reason": "收款账户已销户", "reference": ""} | changes)


def returned(amount: str = "100.00", **changes: Any) -> bytes:
    return word(
        **{"outcome": "returned", "reason": "账户不存在", "amount": amount, "id": "ZF-T"} | changes
    )


async def told(desk: Desk, raw: bytes, party: str = BANK) -> str:
    counter = OutcomeCounter(
        desk.outcomes(), desk.letters, OpenGate(), desk.street.clock, frozenset({DIVISION})
    )
    answer = await counter.take(Received(raw=raw, format="json", signature="s", party=party), {})
    return str(orjson.loads(answer)["result"])


@pytest.mark.parametrize("raw", [word(), refused()])
async def test_a_database_that_has_forgotten_what_was_sent_takes_no_word_on_it(raw: bytes) -> None:
    desk = await Desk.forwarded(BankOutcome.UNKNOWN)
    desk.behind[DIVISION] = "restored"
    with pytest.raises(Unready, match="restored"):
        await told(desk, raw)
    assert not desk.alarms.raised and not desk.records("bank_outcome")
    desk.behind.clear()
    assert await told(desk, raw) == "settled"


@pytest.mark.parametrize(
    ("raw", "outcome", "left"),
    [(word(), BankOutcome.ACCEPTED, 970_000), (refused(), BankOutcome.REJECTED, 1_000_000)],
)
async def test_a_later_word_settles_what_was_unknown_with_its_evidence(
    raw: bytes, outcome: BankOutcome, left: int
) -> None:
    desk = await Desk.forwarded(BankOutcome.UNKNOWN)
    assert await told(desk, raw) == "settled"
    standing = await desk.street.ledger.standing(KEY)
    assert standing and standing.bank is outcome
    assert await desk.street.available() == left
    (record,) = desk.records("bank_outcome")
    assert record["how"] == "told"
    assert await told(desk, raw) == "settled", "the same bytes are answered as the first time"
    assert len(desk.records("bank_outcome")) == 1 and not desk.alarms.raised


async def test_what_is_known_already_changes_nothing() -> None:
    desk = await Desk.forwarded(BankOutcome.ACCEPTED)
    assert await told(desk, word()) == "known"
    assert len(desk.records("bank_outcome")) == 1 and not desk.alarms.raised


@pytest.mark.parametrize(
    ("first", "raw"),
    [(BankOutcome.ACCEPTED, refused()), (BankOutcome.REJECTED, word()),
     (BankOutcome.REJECTED, returned())],
)  # fmt: skip
async def test_two_words_that_cannot_both_be_true_are_a_record_and_an_alert_and_change_nothing(
    first: BankOutcome, raw: bytes
) -> None:
    desk = await Desk.forwarded(first)
    before = await desk.street.available()
    assert await told(desk, raw) == "contradicted"
    assert await desk.street.available() == before
    (record,) = desk.records("correction")
    assert record["held"] == first and record["how"] == "told"
    assert desk.alarms.policies() == ["JL-101"]
    again = orjson.dumps(orjson.loads(raw) | {"id": "ZF-2"})
    assert await told(desk, again) == "contradicted"
    assert len(desk.alarms.raised) == 1
    standing = await desk.street.ledger.standing(KEY)
    assert standing and standing.bank is first


async def test_what_is_returned_was_paid_and_comes_back_once() -> None:
    desk = await Desk.forwarded(BankOutcome.UNKNOWN)
    assert await told(desk, returned()) == "returned"
    assert await told(desk, returned()) == "returned"
    assert await desk.street.available() == 980_000
    standing = await desk.street.ledger.standing(KEY)
    assert standing and standing.bank is BankOutcome.ACCEPTED
    (record,) = desk.records("refund")
    assert record["refund"] == f"{DIVISION}/2026/RETURN/ZF-T"
    with pytest.raises(RefundRefused):
        await told(desk, returned("200.01", id="ZF-U"))
    assert desk.alarms.policies() == ["JL-101"]


class Forgetful:
    """The ledger, that is lost as soon as a record by itself is to be written; once."""

    def __init__(self, ledger: Any) -> None:
        self._ledger = ledger
        self.lost = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    async def record_contradiction(self, key: Any, draft: Any, at: Any) -> Any:
        if not self.lost:
            self.lost = True
            raise LedgerUnavailable("gone")
        return await self._ledger.record_contradiction(key, draft, at)


async def test_two_words_of_which_no_record_could_be_made_are_not_answered_until_there_is_one() -> (
    None
):
    desk = await Desk.forwarded(BankOutcome.ACCEPTED)
    outcomes = attrs.evolve(desk.outcomes(), ledger=cast("Any", Forgetful(desk.street.ledger)))
    counter = OutcomeCounter(
        outcomes, desk.letters, OpenGate(), desk.street.clock, frozenset({DIVISION})
    )
    letter = Received(raw=refused(), format="json", signature="s", party=BANK)
    with pytest.raises(LedgerUnavailable):
        await counter.take(letter, {})
    assert orjson.loads(await counter.take(letter, {}))["result"] == "contradicted"
    assert len(desk.records("correction")) == 1 and len(desk.alarms.raised) == 1
    standing = await desk.street.ledger.standing(KEY)
    assert standing and standing.disputed


async def test_a_letter_cut_off_behind_its_record_is_alerted_of_all_the_same() -> None:
    """Who repeats it finds the record, and it is done."""
    desk = await Desk.forwarded(BankOutcome.ACCEPTED)

    class Cut(Forgetful):
        async def record_contradiction(self, key: Any, draft: Any, at: Any) -> Any:
            await self._ledger.record_contradiction(key, draft, at)
            raise LedgerUnavailable("committed, and nobody heard it")

    outcomes = attrs.evolve(desk.outcomes(), ledger=cast("Any", Cut(desk.street.ledger)))
    counter = OutcomeCounter(
        outcomes, desk.letters, OpenGate(), desk.street.clock, frozenset({DIVISION})
    )
    letter = Received(raw=refused(), format="json", signature="s", party=BANK)
    with pytest.raises(LedgerUnavailable):
        await counter.take(letter, {})
    assert orjson.loads(await counter.take(letter, {}))["result"] == "contradicted"
    assert len(desk.records("correction")) == len(desk.alarms.raised) == 1


async def test_what_the_bank_says_again_after_officers_have_ended_it_is_news() -> None:
    desk = await Desk.forwarded(BankOutcome.REJECTED)
    assert await told(desk, word()) == "contradicted"
    standing = await desk.street.ledger.standing(KEY)
    assert standing
    facts = {"how": "operator", "by": "李、王", "reason": "清单第3页", "reference": None}
    end = found_out(standing, BankOutcome.REJECTED, None, facts, ORIGIN, NOW)
    conduct = MemoryConduct(desk.street.state, desk.street.ledger)
    assert await conduct.end_contradiction(end, NOW) is EndResult.ENDED
    assert await told(desk, refused(id="ZF-2")) == "known"
    assert await told(desk, word(id="ZF-3")) == "contradicted"
    assert len(desk.alarms.raised) == 2
    assert [each["what"] for each in desk.records("correction")] == [
        "contradiction", "ended", "contradiction",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("raw", "policy"),
    [(word(), "JL-100"), (returned(), "JL-100"), (refused(), "JL-102"),
     (word(instruction=f"{DIVISION}/2026/8202/77"), "JL-100")],
)  # fmt: skip
async def test_a_word_on_what_was_never_forwarded_is_an_alert(raw: bytes, policy: str) -> None:
    desk = await Desk.open()
    desk.street.book.findings = (finding("JL-052", Action.HOLD),)
    await desk.carry()
    assert await told(desk, raw) == "unmatched"
    assert desk.alarms.policies() == [policy]
    assert not desk.records("bank_outcome") and not desk.records("refund")


async def test_only_this_bank_tells_and_one_number_tells_one_thing() -> None:
    desk = await Desk.forwarded(BankOutcome.UNKNOWN)
    for party in (SENDER, "spiffe://treasury.test/bank/999", "spiffe://other.test/bank/103"):
        with pytest.raises(Unproven):
            await told(desk, word(), party)
    await told(desk, word())
    with pytest.raises(Conflicting) as caught:
        await told(desk, word(reference="JH-8"))
    assert caught.value.code is FaultCode.INSTRUCTION_CONFLICT
    assert len(desk.records("conflict")) == 1


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"[]", b"{}", word(outcome="perhaps"), word(reference=""), word(id="../1"),
        refused(reason=" "), returned("0.00"), returned("1e3"), word(amount="1.00"),
        word(instruction="1/2/3/4"), word(extra=1), word(reference="J\u202eH"), word(reason="a\nb"),
        word(reference="x" * 201),
    ],
)  # fmt: skip
def test_what_is_not_exactly_an_outcome_is_refused(raw: bytes) -> None:
    with pytest.raises(Unreadable) as caught:
        read_outcome(raw)
    assert isinstance(caught.value, Fault)


async def test_another_division_is_not_served_here() -> None:
    desk = await Desk.forwarded(BankOutcome.UNKNOWN)
    with pytest.raises(Unreadable) as caught:
        await told(desk, word(instruction=str(KEY).replace(DIVISION, "220100000")))
    assert caught.value.code is FaultCode.DIVISION_UNKNOWN


def test_all_that_is_wrong_with_an_outcome_is_told_at_once_by_its_field() -> None:
    raw = canonical({"id": "ZF 1", "outcome": "perhaps", "amount": 12, "why": "x"})
    assert _fields(read_outcome, raw) == {"id", "instruction", "outcome", "amount", "why"}
    wordless = canonical(
        {"id": "ZF-1", "instruction": "here", "outcome": "returned", "amount": "1.5"}
    )
    assert _fields(read_outcome, wordless) == {"instruction", "reason", "amount"}
    assert _fields(read_outcome, word(reference="\u200b")) == {"reference"}


def test_all_that_is_wrong_with_a_refund_is_told_at_once_by_its_field() -> None:
    raw = canonical({"amount": 800.5, "payment": "x", "reason": "r" * 201, "refund": str(KEY)})
    assert _fields(read_money_back, raw) == {"amount", "reason", "reference"}
    fields = {"amount": "0.00", "payment": "x", "reason": "r", "reference": "", "refund": "y"}
    assert _fields(read_money_back, canonical(fields)) == {"amount", "payment", "refund"}


@pytest.mark.parametrize("raw", [b"", b"[]", b"null", b'{"id":"a","id":"b"}', b"\xff", b"[" * 9999])
def test_what_is_no_outcome_at_all_is_refused_in_words(raw: bytes) -> None:
    for read in (read_outcome, read_money_back):
        with pytest.raises(Unreadable, match=r"not an? "):
            read(raw)


def _fields(read: Callable[[bytes], Any], raw: bytes) -> set[str]:
    with pytest.raises(Unreadable) as refused:
        read(raw)
    assert all(error.zh and error.en for error in refused.value.errors)
    return {error.field for error in refused.value.errors}


def test_a_document_of_nonsense_is_not_answered_with_more_of_it() -> None:
    many = {f"n{number}": 1 for number in range(50_000)}
    for raw in (canonical(many), canonical({"n" * 1_000_000: 1})):
        with pytest.raises(Unreadable) as refusal:
            read_outcome(raw)
        assert {"id", "instruction", "outcome"} <= {each.field for each in refusal.value.errors}
        assert len(problem_json(refusal.value, "one")) < 16_384
    with pytest.raises(Unreadable) as refusal:
        read_outcome(canonical(many))
    assert refusal.value.errors[-1].code == "more_errors"

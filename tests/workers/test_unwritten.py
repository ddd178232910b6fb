"""The bank's word outlives a database that is away, in the process that heard it."""

import datetime as dt

import pytest
import structlog
from msgspec.structs import replace

from gateway.domain.bank import BankConduct, BankOutcome, EnquiryOutcome
from gateway.domain.conduct import BankEntry, Direction
from gateway.domain.decision import Outcome
from gateway.domain.faults import LedgerUnavailable
from gateway.domain.instruction import InstructionKey
from gateway.domain.ledger import Settlement
from gateway.pipeline.settle import settle
from gateway.workers.ask import Asking
from gateway.workers.enquire import OPERATOR_AFTER_ENQUIRIES, Enquiring
from gateway.workers.office import Office
from gateway.workers.unwritten import AT_ONCE_MAX, Writing
from tests.pipeline.fakes import DIVISION, NOW, instruction, received
from tests.pipeline.test_line import SettledMeanwhile, Street

KEY = instruction().key


class Desk:
    """A line whose ledger does not take what the bank says, and the worker that writes it later."""

    booked: BankEntry | None = None

    async def debit(self, key: InstructionKey) -> BankEntry | None:
        return self.booked

    async def begin(self, said: BankOutcome, settled_before: BankOutcome | None = None) -> "Desk":
        self.street = Street(instruction())
        if settled_before:
            self.street.bank = SettledMeanwhile(self.street, settled_before)  # type: ignore[assignment]
        await self.street.open()
        self.street.bank.outcome = said
        self.street.ledger.lose |= {"standing"} if settled_before else {"settle"}
        self.writing = Writing(
            self.street.line, self.street.ledger, self.street.clock,
            self.street.line._rooms.origin, self.debit,
        )  # fmt: skip
        self.answer = await self.street.line.carry(received())
        self.street.ledger.lose.clear()
        return self

    def told(self) -> list[tuple[object, object, object]]:
        records = self.street.records()[1:]
        return [(r["kind"], r.get("bank_outcome", r.get("said")), r["how"]) for r in records]


@pytest.mark.parametrize(
    ("said", "available"),
    [
        (BankOutcome.ACCEPTED, 970_000),
        (BankOutcome.REJECTED, 1_000_000),
        (BankOutcome.NOT_TAKEN, 1_000_000),
    ],
)
async def test_what_the_bank_said_is_written_once_the_database_is_back(
    said: BankOutcome, available: int
) -> None:
    desk = await Desk().begin(said)
    assert (desk.answer.bank, desk.told()) == (said, [])
    desk.street.ledger.lose.add("settle")
    await desk.writing.write_some()
    assert desk.told() == []
    desk.street.ledger.lose.clear()
    await desk.writing.write_some()
    await desk.writing.write_some()
    assert desk.told() == [("bank_outcome", said, "answer")]
    assert await desk.street.available() == available
    assert not desk.street.line.unwritten
    assert (await desk.street.line.carry(received())).bank is said


async def test_what_the_process_knows_it_never_handed_over_is_left_to_no_operator() -> None:
    """All that a bank can say of it, for ever, is that it does not find it."""
    desk = await Desk().begin(BankOutcome.NOT_TAKEN)
    street = desk.street
    street.bank.conduct = BankConduct(idempotent=False, enquiry=True, horizon_s=None)
    origin = street.line._rooms.origin
    asking = Asking(street.ledger, street.bank, street.clock, origin, desk.debit, 4.0)
    enquiring = Enquiring(Office.__new__(Office), street.ledger, street.clock, asking)
    street.clock.wall += dt.timedelta(seconds=5)
    for _ in range(OPERATOR_AFTER_ENQUIRIES):
        await enquiring.enquire_all()
    assert street.state.open_payments[KEY].operator_task
    await desk.writing.write_some()
    assert desk.told() == [("bank_outcome", "not_taken", "answer")]


async def test_whoever_settled_it_meanwhile_is_right_or_contradicted_and_it_is_recorded_once() -> (
    None
):
    same = await Desk().begin(BankOutcome.ACCEPTED)
    evidence = {"how": "enquiry", "reason": None, "reference": "R2"}
    origin = same.street.line._rooms.origin
    assert await settle(KEY, BankOutcome.ACCEPTED, same.street.ledger, origin, NOW, evidence)
    await same.writing.write_some()
    assert [kind for kind, _, _ in same.told()] == ["bank_outcome"]
    other = await Desk().begin(BankOutcome.ACCEPTED, BankOutcome.NOT_TAKEN)
    assert other.answer.contradiction and not other.answer.contradiction.recorded
    other.street.ledger.lose.add("standing")
    await other.writing.write_some()
    assert [kind for kind, _, _ in other.told()] == ["bank_outcome"]
    other.street.ledger.lose.clear()
    await other.writing.write_some()
    assert other.told()[1:] == [("correction", "accepted", "answer")]
    assert not other.street.line.unwritten


async def test_what_the_books_show_paid_by_now_is_not_given_back_on_a_late_refusal() -> None:
    desk = await Desk().begin(BankOutcome.REJECTED)
    desk.booked = BankEntry(
        division=DIVISION, id="L-1", booked_at=NOW, account="071", direction=Direction.DEBIT,
        amount_fen=instruction().amount_fen, key=KEY, reference="JH-1", counter_account="1",
        counter_name="甲",
    )  # fmt: skip
    await desk.writing.write_some()
    assert desk.told() == [] and not desk.street.line.unwritten
    assert desk.street.state.open_payments[KEY].operator_task
    assert await desk.street.available() == 970_000


async def test_a_process_that_ends_writes_what_it_can_and_says_what_is_lost() -> None:
    desk = await Desk().begin(BankOutcome.ACCEPTED)
    await desk.writing.leave()
    assert desk.told() == [("bank_outcome", "accepted", "answer")]
    lost = await Desk().begin(BankOutcome.ACCEPTED)
    lost.street.ledger.lose.add("settle")
    with structlog.testing.capture_logs() as lines:
        await lost.writing.leave()
    assert [(line["event"], line["said"]) for line in lines] == [("payment.word_lost", "accepted")]


async def test_one_that_the_ledger_never_takes_keeps_no_other_waiting() -> None:
    desk = await Desk().begin(BankOutcome.ACCEPTED)
    words, ledger = desk.street.line.unwritten, desk.street.ledger
    word = words.pop(KEY)
    stuck = [replace(KEY, voucher_no=f"stuck-{number}") for number in range(AT_ONCE_MAX)]
    words |= dict.fromkeys(stuck, word) | {KEY: word}
    taken = ledger.settle

    async def some(settlement: Settlement) -> bool:
        if settlement.key in stuck:
            raise LedgerUnavailable("not this one")
        return await taken(settlement)

    ledger.settle = some  # type: ignore[method-assign]
    for _ in range(2):
        await desk.writing.write_some()
    assert set(words) == set(stuck)


@pytest.mark.parametrize("held_there", [False, True])
async def test_a_word_outlives_an_older_copy_that_is_put_in_the_databases_place(
    held_there: bool,
) -> None:
    """It knows nothing of the payment, or knows it as held, and not that it was released."""
    desk = await Desk().begin(BankOutcome.ACCEPTED)
    state = desk.street.state
    newest = {**state.instructions}, {**state.open_payments}
    state.open_payments.clear()
    there = state.instructions.pop(KEY)
    if held_there:
        state.instructions[KEY] = replace(there, outcome=Outcome.HOLD)
    await desk.writing.write_some()
    assert desk.street.line.unwritten and desk.told() == []
    state.instructions, state.open_payments = newest
    await desk.writing.write_some()
    assert desk.told() == [("bank_outcome", "accepted", "answer")]
    assert not desk.street.line.unwritten


async def test_a_process_that_ends_by_its_own_mistake_says_what_is_lost_all_the_same() -> None:
    desk = await Desk().begin(BankOutcome.ACCEPTED)

    async def mistaken(settlement: Settlement) -> bool:
        raise AssertionError("our mistake")

    desk.street.ledger.settle = mistaken  # type: ignore[method-assign]
    with structlog.testing.capture_logs() as lines, pytest.raises(ExceptionGroup):
        await desk.writing.leave()
    assert [line["event"] for line in lines] == ["payment.word_lost"]


@pytest.mark.parametrize(
    ("said", "found", "at_last"),
    [
        (BankOutcome.ACCEPTED, EnquiryOutcome.ACCEPTED, ("bank_outcome", "accepted", "enquiry")),
        (BankOutcome.REJECTED, EnquiryOutcome.REJECTED, ("bank_outcome", "rejected", "enquiry")),
        (BankOutcome.NOT_TAKEN, EnquiryOutcome.NOT_FOUND, ("bank_outcome", "not_taken", "horizon")),
    ],
)
async def test_a_word_too_many_is_said_and_counted_and_the_enquiry_takes_over(
    monkeypatch: pytest.MonkeyPatch, said: BankOutcome, found: EnquiryOutcome,
    at_last: tuple[str, str, str],
) -> None:  # fmt: skip
    monkeypatch.setattr("gateway.pipeline.line.UNWRITTEN_MAX", 0)
    with structlog.testing.capture_logs() as lines:
        desk = await Desk().begin(said)
    street = desk.street
    assert desk.answer.bank is said and not street.line.unwritten
    (line,) = lines
    assert (line["event"], line["log_level"], line["instruction"], line["said"]) == (
        "payment.word_lost", "error", str(KEY), said,
    )  # fmt: skip
    assert desk.writing.lost == 1
    await desk.writing.write_some()
    assert desk.told() == []
    street.bank.enquiry = found
    origin = street.line._rooms.origin
    asking = Asking(street.ledger, street.bank, street.clock, origin, desk.debit, 4.0)
    enquiring = Enquiring(Office.__new__(Office), street.ledger, street.clock, asking)
    street.clock.wall += dt.timedelta(seconds=5)
    for _ in range(2):
        await enquiring.enquire_all()
        street.clock.ticks += 600.0
    assert desk.told() == [at_last]
    assert (await street.line.carry(received())).bank is said

"""Unknown payments end by evidence only: the bank's word, its horizon, or a person."""

import asyncio
import datetime as dt

import pytest
import structlog

from gateway.domain.bank import BankConduct, BankOutcome, EnquiryOutcome
from gateway.domain.conduct import BankEntry, Direction
from gateway.domain.faults import LedgerUnavailable
from gateway.domain.instruction import InstructionKey
from gateway.domain.ledger import Settlement
from gateway.workers.ask import Asked, Asking
from gateway.workers.ask_again import AskingAgain
from gateway.workers.enquire import OPERATOR_AFTER_ENQUIRIES, Enquiring
from gateway.workers.office import Office
from tests.memory.ledger import MemoryLedger
from tests.memory.recordlog import MemoryRecordLog
from tests.pipeline.fakes import NOW, instruction, received
from tests.pipeline.test_line import Street

HORIZON_S, AFTER_S = 6.0, 4.0


class Vigil:
    """One unknown payment, and the worker that asks about it."""

    booked: BankEntry | None = None
    """What the bank's own movements show of it."""

    async def debit(self, key: InstructionKey) -> BankEntry | None:
        return self.booked if key == instruction().key else None

    async def begin(self, horizon_s: float | None = HORIZON_S) -> "Vigil":
        self.street = await Street(instruction()).open()
        self.street.bank.outcome = BankOutcome.UNKNOWN
        await self.street.line.carry(received(b"one"))
        self.bank = self.street.bank
        self.bank.conduct = BankConduct(idempotent=False, enquiry=True, horizon_s=horizon_s)
        office, ledger, clock = Office.__new__(Office), self.street.ledger, self.street.clock
        self.asking, again = (
            Asking(ledger, self.bank, clock, self.street.line._rooms.origin, self.debit, AFTER_S)
            for _ in range(2)
        )
        self.worker = Enquiring(office, ledger, clock, self.asking)
        self.again = AskingAgain(office, ledger, clock, again)
        self.pass_time(AFTER_S + 1)
        return self

    def pass_time(self, seconds: float) -> None:
        self.street.clock.ticks += seconds
        self.street.clock.wall += dt.timedelta(seconds=seconds)

    async def ask(self, outcome: EnquiryOutcome) -> int:
        self.bank.enquiry = outcome
        return await self.worker.enquire_all()

    def settled_as(self) -> BankOutcome | None:
        settlement = self.street.state.settlements.get(instruction().key)
        return settlement.bank if settlement else None


@pytest.mark.parametrize(
    ("enquiry", "bank", "available"),
    [
        (EnquiryOutcome.ACCEPTED, BankOutcome.ACCEPTED, 970_000),
        (EnquiryOutcome.REJECTED, BankOutcome.REJECTED, 1_000_000),
    ],
)
async def test_the_banks_own_word_settles(
    enquiry: EnquiryOutcome, bank: BankOutcome, available: int
) -> None:
    vigil = await Vigil().begin()
    assert await vigil.ask(enquiry) == 1
    assert vigil.settled_as() is bank
    assert await vigil.street.available() == available
    assert [r["kind"] for r in vigil.street.records()] == ["verdict", "bank_outcome"]
    assert vigil.street.records()[1]["how"] == "enquiry"


async def test_not_found_proves_nothing_before_the_horizon_and_is_never_sent_again() -> None:
    vigil = await Vigil().begin()
    for _ in range(9):
        assert await vigil.ask(EnquiryOutcome.NOT_FOUND) == 0
        vigil.pass_time(1)
    assert vigil.settled_as() is None
    assert await vigil.street.available() == 970_000
    assert vigil.bank.submitted == [instruction().key]


async def test_not_found_beyond_the_horizon_means_that_it_was_never_taken() -> None:
    vigil = await Vigil().begin()
    vigil.bank.answers_within = lambda: vigil.pass_time(3)
    await vigil.ask(EnquiryOutcome.NOT_FOUND)
    vigil.bank.answers_within = lambda: None
    vigil.pass_time(HORIZON_S + AFTER_S)
    assert await vigil.ask(EnquiryOutcome.NOT_FOUND) == 0, "counted from when it was heard"
    vigil.pass_time(1)
    assert await vigil.ask(EnquiryOutcome.NOT_FOUND) == 1
    assert vigil.settled_as() is BankOutcome.NOT_TAKEN
    assert await vigil.street.available() == 1_000_000
    assert vigil.asking._not_found_since == {}


async def test_what_was_slept_through_after_the_answer_counts_for_nothing() -> None:
    """Stopped with "not found" in hand: the bank may have taken it since, nobody has asked."""
    vigil = await Vigil().begin()
    await vigil.ask(EnquiryOutcome.NOT_FOUND)
    vigil.pass_time(1)
    vigil.bank.answers_within = lambda: vigil.pass_time(HORIZON_S + AFTER_S + 60)
    assert await vigil.ask(EnquiryOutcome.NOT_FOUND) == 0
    assert vigil.settled_as() is None and await vigil.street.available() == 970_000
    vigil.bank.answers_within = lambda: None
    assert await vigil.ask(EnquiryOutcome.NOT_FOUND) == 1, "asked anew, and still not found"
    assert vigil.settled_as() is BankOutcome.NOT_TAKEN


@pytest.mark.parametrize("says", [EnquiryOutcome.REJECTED, EnquiryOutcome.NOT_FOUND])
async def test_nobody_concludes_not_paid_against_the_banks_own_books(says: EnquiryOutcome) -> None:
    """A debit that came while it was unknown: nothing is given back, and a person asks."""
    vigil = await Vigil().begin()
    vigil.booked = BankEntry(
        id="M1", division=instruction().key.division, booked_at=NOW, account="1", key=None,
        direction=Direction.DEBIT, amount_fen=instruction().amount_fen, reference="R1",
        counter_account="2", counter_name="n",
    )  # fmt: skip
    await vigil.ask(EnquiryOutcome.NOT_FOUND)
    vigil.pass_time(HORIZON_S + AFTER_S + 1)
    assert await vigil.ask(says) == 0
    assert vigil.settled_as() is None and await vigil.street.available() == 970_000
    (payment,) = vigil.street.state.open_payments.values()
    assert payment.operator_task
    assert payment.first_not_found_at or says is EnquiryOutcome.REJECTED, "for who looks at it"
    assert await vigil.asking.ask(payment) == Asked(said=says, booked=True)
    vigil.bank.enquiry = EnquiryOutcome.ACCEPTED
    assert await vigil.asking.ask(payment) == Asked(said=vigil.bank.enquiry, settled=True)
    assert vigil.settled_as() is BankOutcome.ACCEPTED, "that is what the books show"


async def test_a_jump_of_the_wall_clock_does_not_shorten_the_horizon() -> None:
    vigil = await Vigil().begin()
    await vigil.ask(EnquiryOutcome.NOT_FOUND)
    vigil.street.clock.wall += dt.timedelta(days=400)
    assert await vigil.ask(EnquiryOutcome.NOT_FOUND) == 0
    assert vigil.settled_as() is None


async def test_a_payment_that_takes_effect_late_is_settled_as_accepted() -> None:
    vigil = await Vigil().begin()
    await vigil.ask(EnquiryOutcome.NOT_FOUND)
    vigil.pass_time(4)
    assert await vigil.ask(EnquiryOutcome.ACCEPTED) == 1
    assert vigil.settled_as() is BankOutcome.ACCEPTED


async def test_what_others_settled_is_forgotten() -> None:
    vigil = await Vigil().begin()
    await vigil.ask(EnquiryOutcome.NOT_FOUND)
    assert len(vigil.asking._not_found_since) == 1
    vigil.street.state.open_payments.clear()
    await vigil.ask(EnquiryOutcome.NOT_FOUND)
    assert vigil.asking._not_found_since == {}


async def test_pending_starts_the_horizon_anew() -> None:
    vigil = await Vigil().begin()
    await vigil.ask(EnquiryOutcome.NOT_FOUND)
    vigil.pass_time(HORIZON_S + AFTER_S + 1)
    await vigil.ask(EnquiryOutcome.PENDING)
    assert await vigil.ask(EnquiryOutcome.NOT_FOUND) == 0


@pytest.mark.parametrize("task", [False, True])
async def test_what_was_heard_before_the_office_was_lost_counts_for_nothing_after_it(
    monkeypatch: pytest.MonkeyPatch, task: bool
) -> None:
    """Another asked meanwhile, and may have heard that it is pending."""
    monkeypatch.setattr("gateway.workers.enquire.ENQUIRE_EVERY_S", 0)
    monkeypatch.setattr("gateway.workers.ask_again.ASK_EVERY_S", 0)
    monkeypatch.setattr("gateway.workers.ask_again.PROBE_EVERY_S", 0)
    vigil = await Vigil().begin()
    if task:
        await vigil.street.ledger.hand_over(instruction().key)
    worker = vigil.again if task else vigil.worker
    office = worker._office = Office(MemoryRecordLog(vigil.street.state))
    vigil.bank.enquiry = EnquiryOutcome.NOT_FOUND
    running = asyncio.create_task(worker.run())
    for held in (True, False, True):
        office.held = held
        for _ in range(50):
            await asyncio.sleep(0)
        assert bool(worker._asking._not_found_since) is held
        if not held:
            vigil.pass_time(HORIZON_S + AFTER_S + 30)
    running.cancel()
    assert vigil.settled_as() is None and await vigil.street.available() == 970_000


async def test_no_more_is_remembered_than_has_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.workers.ask.NOT_FOUND_KEPT_MAX", 2)
    vigil = await Vigil().begin()
    for number in ("2", "3", "4", "5"):
        vigil.street.format.instruction = instruction(number)
        vigil.street.clock.wall = NOW
        await vigil.street.line.carry(received(number.encode()))
    vigil.pass_time(AFTER_S + 1)
    await vigil.ask(EnquiryOutcome.NOT_FOUND)
    assert len(vigil.street.state.open_payments) == 5
    assert 0 < len(vigil.asking._not_found_since) <= 3


async def test_silence_settles_nothing_however_long_it_lasts() -> None:
    vigil = await Vigil().begin()
    for _ in range(50):
        assert await vigil.ask(EnquiryOutcome.SILENT) == 0
        vigil.pass_time(60)
    assert vigil.settled_as() is None


async def test_without_a_horizon_a_person_must_decide() -> None:
    vigil = await Vigil().begin(horizon_s=None)
    with structlog.testing.capture_logs() as lines:
        for _ in range(OPERATOR_AFTER_ENQUIRIES):
            assert await vigil.ask(EnquiryOutcome.NOT_FOUND) == 0
            vigil.pass_time(3600)
    assert [line["event"] for line in lines] == ["payment.unresolved"]
    (payment,) = vigil.street.state.open_payments.values()
    assert payment.operator_task
    assert await vigil.street.ledger.open_payments(vigil.street.clock.wall, 9) == []
    assert vigil.settled_as() is None


async def test_an_answer_at_the_last_enquiry_before_a_person_calls_none() -> None:
    vigil = await Vigil().begin(horizon_s=None)
    with structlog.testing.capture_logs() as lines:
        for turn in range(1, OPERATOR_AFTER_ENQUIRIES + 1):
            last = turn == OPERATOR_AFTER_ENQUIRIES
            await vigil.ask(EnquiryOutcome.ACCEPTED if last else EnquiryOutcome.SILENT)
    assert [line["event"] for line in lines] == ["payment.resolved"]


async def test_nobody_is_called_by_what_could_not_be_noted() -> None:
    """It is asked about again, and noted then."""
    vigil = await Vigil().begin(horizon_s=None)

    async def away(*_: object, **__: object) -> None:
        raise LedgerUnavailable("away")

    for _ in range(OPERATOR_AFTER_ENQUIRIES - 1):
        await vigil.ask(EnquiryOutcome.SILENT)
    there, vigil.street.ledger.note_enquiry = vigil.street.ledger.note_enquiry, away  # type: ignore[method-assign]
    with structlog.testing.capture_logs() as lines:
        await vigil.ask(EnquiryOutcome.SILENT)
        assert [line["event"] for line in lines] == ["enquiry.not_noted"]
        vigil.street.ledger.note_enquiry = there  # type: ignore[method-assign]
        await vigil.ask(EnquiryOutcome.SILENT)
    assert [line["event"] for line in lines][1:] == ["payment.unresolved"]


async def test_a_payment_that_may_still_be_on_its_way_is_not_asked_about() -> None:
    vigil = await Vigil().begin()
    vigil.street.clock.wall = NOW + dt.timedelta(seconds=AFTER_S)
    assert await vigil.ask(EnquiryOutcome.REJECTED) == 0
    await vigil.worker.hand_over_all()
    (payment,) = vigil.street.state.open_payments.values()
    assert not payment.operator_task


async def test_what_was_settled_meanwhile_is_not_settled_twice() -> None:
    vigil = await Vigil().begin()
    (payment,) = await vigil.street.ledger.open_payments(vigil.street.clock.wall, 9)
    await vigil.ask(EnquiryOutcome.ACCEPTED)
    vigil.bank.enquiry = EnquiryOutcome.REJECTED
    assert not (await vigil.worker._enquire(payment)).settled
    assert vigil.settled_as() is BankOutcome.ACCEPTED
    *_, correction = vigil.street.records()
    assert (correction["kind"], correction["said"], correction["held"], correction["how"]) == (
        "correction", "rejected", "accepted", "enquiry",
    )  # fmt: skip


async def test_one_payment_that_the_ledger_refuses_to_settle_stops_no_other() -> None:
    vigil = await Vigil().begin()
    vigil.street.format.instruction = instruction("2")
    vigil.street.clock.wall = NOW
    await vigil.street.line.carry(received(b"two"))
    vigil.pass_time(AFTER_S + 1)
    ledger = Picky(vigil.street.ledger, instruction("1").key)
    vigil.worker._ledger = vigil.asking._ledger = ledger  # type: ignore[assignment]
    assert await vigil.ask(EnquiryOutcome.ACCEPTED) == 1
    (left,) = vigil.street.state.open_payments.values()
    assert (left.key, left.enquiries) == (instruction("1").key, 1)


class Picky:
    """A ledger that refuses to settle one payment, as a database refuses a value."""

    def __init__(self, ledger: MemoryLedger, refused: InstructionKey) -> None:
        self._ledger = ledger
        self._refused = refused
        self.open_payments = ledger.open_payments
        self.note_enquiry = ledger.note_enquiry

    async def settle(self, settlement: Settlement) -> bool:
        if settlement.key == self._refused:
            raise LedgerUnavailable("the database refused it: 22021")
        await asyncio.sleep(0)
        return await self._ledger.settle(settlement)


async def test_of_a_core_that_cannot_be_asked_a_payment_is_an_operators_task(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`bank.enquiry = false`: it stayed open for ever, and nobody was told."""
    vigil = await Vigil().begin()
    vigil.bank.conduct = BankConduct(idempotent=False, enquiry=False, horizon_s=HORIZON_S)
    office = Office(MemoryRecordLog(vigil.street.state))
    office.held, vigil.worker._office = True, office
    monkeypatch.setattr("gateway.workers.enquire.ENQUIRE_EVERY_S", 0)
    with structlog.testing.capture_logs() as lines:
        running = asyncio.create_task(vigil.worker.run())
        for _ in range(100):
            await asyncio.sleep(0)
        running.cancel()
    (payment,) = vigil.street.state.open_payments.values()
    assert payment.operator_task, "the alert PaymentUnknown, and red in `doctor`"
    (line,) = lines
    assert line["event"] == "payment.unresolved" and line["log_level"] == "error"
    assert line["instruction"] == str(payment.key) and line["enquiry"] == "not offered"
    assert vigil.settled_as() is None and await vigil.street.available() == 970_000

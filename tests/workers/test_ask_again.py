"""An operator's task stays one, and the bank is asked about it seldom: a clear answer ends it."""

import asyncio
import datetime as dt

import attrs
import pytest
import structlog

from gateway.domain.bank import BankConduct, BankOutcome, EnquiryAnswer, EnquiryOutcome
from gateway.domain.conduct import BankEntry, Direction
from gateway.domain.instruction import InstructionKey
from gateway.domain.ledger import OpenPayment
from gateway.pipeline.settle import settle
from gateway.workers.ask_again import PAUSE_MAX, PAUSE_MIN, TASKS_AT_ONCE_MAX
from gateway.workers.enquire import ENQUIRIES_MAX, OPERATOR_AFTER_ENQUIRIES
from gateway.workers.office import Office
from tests.memory.recordlog import MemoryRecordLog
from tests.pipeline.fakes import NOW, instruction
from tests.workers.test_enquire import AFTER_S, HORIZON_S, Vigil

KEY = instruction().key
A_DAY_S = 86_400


async def a_task(horizon_s: float | None = None) -> Vigil:
    """A core without a horizon was silent for ten seconds; what was unknown is a person's now."""
    vigil = await Vigil().begin(horizon_s)
    for _ in range(OPERATOR_AFTER_ENQUIRIES):
        await vigil.ask(EnquiryOutcome.SILENT)
        vigil.pass_time(0.5)
    if horizon_s is not None:
        await vigil.street.ledger.hand_over(KEY)
    assert task(vigil).operator_task
    return vigil


def task(vigil: Vigil) -> OpenPayment:
    return vigil.street.state.open_payments[KEY]


async def ask_again(vigil: Vigil, outcome: EnquiryOutcome) -> int:
    vigil.bank.enquiry = outcome
    return await vigil.again.ask_some()


@pytest.mark.parametrize(
    ("enquiry", "bank", "available"),
    [
        (EnquiryOutcome.ACCEPTED, BankOutcome.ACCEPTED, 970_000),
        (EnquiryOutcome.REJECTED, BankOutcome.REJECTED, 1_000_000),
    ],
)
async def test_a_core_that_can_tell_later_ends_the_task_as_an_earlier_answer_would(
    enquiry: EnquiryOutcome, bank: BankOutcome, available: int
) -> None:
    vigil = await a_task()
    assert await ask_again(vigil, enquiry) == 0, "it was asked a moment ago"
    vigil.pass_time(PAUSE_MIN.total_seconds())
    with structlog.testing.capture_logs() as lines:
        assert await ask_again(vigil, enquiry) == 1
    assert vigil.settled_as() is bank and await vigil.street.available() == available
    assert vigil.street.state.open_payments == {}
    (told,) = vigil.street.records()[1:]
    assert (told["kind"], told["how"], told["reference"]) == ("bank_outcome", "enquiry", "R2")
    (line,) = lines
    assert (line["event"], line["operator_task"]) == ("payment.resolved", True)
    assert vigil.bank.submitted == [KEY]


@pytest.mark.parametrize(
    "says", [EnquiryOutcome.NOT_FOUND, EnquiryOutcome.PENDING, EnquiryOutcome.SILENT]
)
async def test_without_a_horizon_nothing_but_a_clear_answer_ends_a_task(
    says: EnquiryOutcome,
) -> None:
    vigil = await a_task()
    for _ in range(50):
        vigil.pass_time(A_DAY_S)
        assert await ask_again(vigil, says) == 0
    assert vigil.settled_as() is None and await vigil.street.available() == 970_000
    assert task(vigil).operator_task and task(vigil).enquiries == OPERATOR_AFTER_ENQUIRIES + 50
    assert vigil.bank.submitted == [KEY], "never sent again"
    assert [record["kind"] for record in vigil.street.records()] == ["verdict"]


async def test_a_horizon_that_the_bank_declares_ends_a_task_too() -> None:
    """As it would have ended it before: handed over while the core could not be asked."""
    vigil = await a_task(HORIZON_S)
    vigil.pass_time(1)
    assert await ask_again(vigil, EnquiryOutcome.NOT_FOUND) == 0
    vigil.pass_time(max(PAUSE_MIN.total_seconds(), HORIZON_S + AFTER_S + 1))
    assert await vigil.ask(EnquiryOutcome.SILENT) == 0, "the others' rounds forget nothing of it"
    assert await ask_again(vigil, EnquiryOutcome.NOT_FOUND) == 1
    assert vigil.settled_as() is BankOutcome.NOT_TAKEN


async def test_what_the_books_show_paid_stays_a_task_until_they_or_the_answer_agree() -> None:
    vigil = await a_task()
    vigil.booked = BankEntry(
        id="M1", division=KEY.division, booked_at=NOW, account="1", key=None,
        direction=Direction.DEBIT, amount_fen=instruction().amount_fen, reference="R1",
        counter_account="2", counter_name="n",
    )  # fmt: skip
    for _ in range(3):
        vigil.pass_time(A_DAY_S)
        assert await ask_again(vigil, EnquiryOutcome.REJECTED) == 0
    assert vigil.settled_as() is None and task(vigil).operator_task
    vigil.pass_time(A_DAY_S)
    vigil.booked = None
    assert await ask_again(vigil, EnquiryOutcome.REJECTED) == 1, "the bank has taken it back"
    assert vigil.settled_as() is BankOutcome.REJECTED


async def test_the_older_a_task_the_seldomer_it_is_asked_about_and_silence_puts_nothing_off() -> (
    None
):
    vigil, pauses = await a_task(), []
    for age_s in (60, 1_600, 86_400):
        vigil.street.clock.wall = NOW + dt.timedelta(seconds=age_s)
        await ask_again(vigil, EnquiryOutcome.NOT_FOUND)
        assert task(vigil).asked_at == vigil.street.clock.wall
        pauses.append(pause(vigil))
    assert pauses == [PAUSE_MIN, dt.timedelta(seconds=200), PAUSE_MAX]
    vigil.pass_time(A_DAY_S)
    await ask_again(vigil, EnquiryOutcome.SILENT)
    assert pause(vigil) == PAUSE_MIN


def pause(vigil: Vigil) -> dt.timedelta:
    payment = task(vigil)
    assert payment.ask_after is not None and payment.asked_at is not None
    return payment.ask_after - payment.asked_at


async def many(vigil: Vigil, count: int) -> list[InstructionKey]:
    """As a long outage leaves them, oldest first."""
    first, state = task(vigil), vigil.street.state
    keys = [instruction(f"{n:05}").key for n in range(count)]
    state.open_payments.clear()
    for place, key in enumerate(keys):
        opened = NOW + dt.timedelta(milliseconds=place)
        state.open_payments[key] = attrs.evolve(
            first, key=key, opened_at=opened, ask_after=None, asked_at=None
        )
    vigil.pass_time(A_DAY_S)
    return keys


class Heard:
    """A bank that remembers what it was asked about, and answers as told."""

    def __init__(self, vigil: Vigil) -> None:
        self.asked: list[InstructionKey] = []
        self.says = EnquiryOutcome.SILENT
        vigil.bank.enquire = self.enquire  # type: ignore[method-assign]

    async def enquire(self, key: InstructionKey) -> EnquiryAnswer:
        self.asked.append(key)
        return EnquiryAnswer(outcome=self.says)


async def test_a_core_that_is_down_is_asked_about_one_at_a_time_however_many_wait() -> None:
    vigil = await a_task()
    bank, keys = Heard(vigil), await many(vigil, 500)
    for turn in range(1, 6):
        await vigil.again.ask_some()
        assert bank.asked == keys[:turn], "another one each time: it may be silent about one alone"
    bank.says = EnquiryOutcome.NOT_FOUND
    await vigil.again.ask_some()
    await vigil.again.ask_some()
    assert bank.asked == keys[: 6 + TASKS_AT_ONCE_MAX], "it answers: several, oldest first"
    bank.says = EnquiryOutcome.SILENT
    await vigil.again.ask_some()
    await vigil.again.ask_some()
    assert len(bank.asked) == 6 + 2 * TASKS_AT_ONCE_MAX + 1


async def test_so_it_is_about_what_is_no_task_yet_where_a_horizon_is_declared() -> None:
    """There no count of questions in vain ends them: it was 128 a second, all night."""
    vigil = await Vigil().begin()
    bank, keys = Heard(vigil), await many(vigil, 500)
    await vigil.worker.enquire_all()
    assert bank.asked == keys[:ENQUIRIES_MAX]
    for turn in range(1, 6):
        await vigil.worker.enquire_all()
        assert bank.asked[ENQUIRIES_MAX:] == keys[ENQUIRIES_MAX:][:turn], "another one each time"
    bank.says = EnquiryOutcome.NOT_FOUND
    await vigil.worker.enquire_all()
    await vigil.worker.enquire_all()
    assert bank.asked[ENQUIRIES_MAX:] == keys[ENQUIRIES_MAX:][: 6 + ENQUIRIES_MAX], "it answers"


@pytest.mark.parametrize("tasks", [False, True])
async def test_one_that_it_is_silent_about_says_nothing_of_the_others(tasks: bool) -> None:
    vigil = await a_task() if tasks else await Vigil().begin()
    bank, keys = Heard(vigil), await many(vigil, 3)
    ask = vigil.again.ask_some if tasks else vigil.worker.enquire_all
    enquire = bank.enquire

    async def silent_of_one(key: InstructionKey) -> EnquiryAnswer:
        bank.says = EnquiryOutcome.SILENT if key == keys[1] else EnquiryOutcome.PENDING
        return await enquire(key)

    vigil.bank.enquire = silent_of_one  # type: ignore[method-assign]
    for _ in range(4):
        await ask()
        vigil.pass_time(2 * PAUSE_MAX.total_seconds() if tasks else 0)
    assert bank.asked.count(keys[2]) >= 3


async def test_without_a_horizon_silence_about_each_calls_a_person_within_seconds() -> None:
    vigil = await Vigil().begin(None)
    keys = await many(vigil, ENQUIRIES_MAX)
    bank = Heard(vigil)
    for _ in range(OPERATOR_AFTER_ENQUIRIES):
        await vigil.worker.enquire_all()
    assert len(bank.asked) == len(keys) * OPERATOR_AFTER_ENQUIRIES
    assert all(each.operator_task for each in vigil.street.state.open_payments.values())


async def test_since_when_it_is_not_found_is_kept_while_only_one_is_asked_about() -> None:
    vigil = await Vigil().begin()
    bank, keys = Heard(vigil), await many(vigil, 2)
    bank.says = EnquiryOutcome.NOT_FOUND
    await vigil.worker.enquire_all()
    bank.says = EnquiryOutcome.SILENT
    for _ in range(3):
        await vigil.worker.enquire_all()
    assert sorted(vigil.asking._not_found_since) == keys


async def test_all_that_wait_have_their_turn_before_one_is_asked_about_twice() -> None:
    vigil = await a_task()
    bank, keys = Heard(vigil), await many(vigil, 50)
    bank.says = EnquiryOutcome.PENDING
    while len(bank.asked) < len(keys):
        await vigil.again.ask_some()
        vigil.pass_time(2 * PAUSE_MAX.total_seconds() / 3)
    assert sorted(bank.asked[: len(keys)]) == keys


async def test_a_person_and_the_enquiry_at_the_same_moment_do_not_both_settle() -> None:
    """The person writes while the bank's answer is on its way: he wins, the bank contradicts."""
    vigil, settled = await a_task(), []
    street, enquire = vigil.street, vigil.bank.enquire

    async def meanwhile(key: InstructionKey) -> EnquiryAnswer:
        evidence = {"how": "operator", "reason": "", "reference": None}
        origin, now = street.line._rooms.origin, street.clock.wall
        settled.append(
            await settle(key, BankOutcome.NOT_TAKEN, street.ledger, origin, now, evidence)
        )
        return await enquire(key)

    vigil.bank.enquire = meanwhile  # type: ignore[method-assign]
    vigil.pass_time(60)
    with structlog.testing.capture_logs() as lines:
        assert await ask_again(vigil, EnquiryOutcome.ACCEPTED) == 0
    assert settled == [True] and vigil.settled_as() is BankOutcome.NOT_TAKEN
    assert await street.available() == 1_000_000
    told = [(r["kind"], r["how"]) for r in street.records()[1:]]
    assert told == [("bank_outcome", "operator"), ("correction", "enquiry")]
    assert [line["event"] for line in lines] == ["payment.contradicted"], "an operator hears of it"


@pytest.mark.parametrize(("held", "offered"), [(False, True), (True, False)])
async def test_only_who_holds_the_office_asks_and_only_a_core_that_can_be_asked(
    monkeypatch: pytest.MonkeyPatch, held: bool, offered: bool
) -> None:
    vigil = await a_task()
    bank = Heard(vigil)
    vigil.pass_time(A_DAY_S)
    vigil.bank.conduct = BankConduct(idempotent=False, enquiry=offered, horizon_s=None)
    office = Office(MemoryRecordLog(vigil.street.state))
    office.held, vigil.again._office = held, office
    monkeypatch.setattr("gateway.workers.ask_again.PROBE_EVERY_S", 0)
    running = asyncio.create_task(vigil.again.run())
    for _ in range(50):
        await asyncio.sleep(0)
    assert bank.asked == []
    office.held = True
    vigil.bank.conduct = BankConduct(idempotent=False, enquiry=True, horizon_s=None)
    for _ in range(50):
        await asyncio.sleep(0)
    running.cancel()
    assert bank.asked == [KEY]


async def test_what_was_put_off_by_a_clock_that_was_wrong_is_asked_about() -> None:
    vigil = await a_task()
    vigil.street.clock.wall += dt.timedelta(days=400)
    await ask_again(vigil, EnquiryOutcome.NOT_FOUND)
    vigil.street.clock.wall -= dt.timedelta(days=400)
    assert await ask_again(vigil, EnquiryOutcome.ACCEPTED) == 1

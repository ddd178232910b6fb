"""Hold what the bank did against what it was told to do (Art. 10(4), 28): entries become alerts.

Pure: the store says what is known, this says what is wrong with it. An alert stops no payment.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping

from gateway.domain.bank import BankOutcome
from gateway.domain.codes import AccountClass
from gateway.domain.conduct import Alert, Arrears, BankEntry, Direction, Known
from gateway.domain.conduct_rules import Allowances
from gateway.domain.folding import bare
from gateway.domain.instruction import Instruction, Payee
from gateway.domain.ledger import Standing
from gateway.domain.legal_day import dawn, legal_day, minute_of_day
from gateway.domain.masking import masked, plain_account
from gateway.domain.money import yuan
from gateway.domain.registers import Account
from gateway.domain.workdays import is_workday, workday_from, workdays_since
from gateway.pipeline.conduct_words import (
    alert,
    cleared_wrongly,
    late,
    never_paid,
    never_returned,
    not_as_ordered,
    not_come_back,
    paid_again,
    paid_all_the_same,
    paid_before,
    paid_him_again,
    slow_service,
    untold_notice,
    untold_records,
    without_voucher,
)

Calendar = Mapping[dt.date, bool]
_DAY = dt.timedelta(days=1)
CLOCKS_APART = dt.timedelta(minutes=10)
"""By so much the core's clock may be behind ours at midnight."""
_NOT_TREASURY = frozenset(
    {AccountClass.REAL_FUND, AccountClass.PERSONAL, AccountClass.OFFICIAL_CARD}
)
_NOT_PAID = frozenset({BankOutcome.REJECTED, BankOutcome.NOT_TAKEN})


def alerts_on_entry(
    entry: BankEntry, known: Known, accounts: Mapping[str, Account], calendar: Calendar,
    allowances: Allowances, read: Callable[[Standing], Instruction],
) -> Iterator[Alert]:  # fmt: skip
    """What is wrong with one movement. `read` gives the instruction of a standing back."""
    before = known.booked.get((entry.division, entry.id))
    if before is not None and before != entry:
        yield alert(
            entry.division, "JL-102", f"entry/{entry.id}/changed",
            f"流水 {entry.id} 两次报送内容不一致",
            f"movement {entry.id} was reported twice with different content",
            {"entry": entry.id, "first_fen": before.amount_fen, "now_fen": entry.amount_fen},
        )  # fmt: skip
    if entry.direction is Direction.CREDIT:
        return
    standing = known.standings.get(entry.key) if entry.key else None
    if standing is None or not standing.forwarded:
        if not _is_foreign(accounts.get(entry.account)):
            yield without_voucher(entry, standing)
        return
    instruction = read(standing)
    if differences := list(_differences(entry, instruction)):
        yield not_as_ordered(entry, differences)
    elif before is None and len(instruction.details) > 1:
        ordered_fen, paid_fen = _to_this_payee(entry, instruction, known)
        if paid_fen > ordered_fen:
            yield paid_him_again(entry, ordered_fen, paid_fen)
    if denied(entry, standing):
        yield paid_all_the_same(entry, standing, instruction)
    passed_at = standing.decided_now[1]
    due, paid = due_day(passed_at, calendar, allowances), legal_day(entry.booked_at)
    if paid > due:
        yield late(entry, due, paid)
    elif paid < legal_day(passed_at) and entry.booked_at < passed_at - CLOCKS_APART:
        yield paid_before(entry, passed_at)


def alerts_on_arrears(
    division: str, arrears: Arrears, now: dt.datetime, calendar: Calendar, allowances: Allowances
) -> Iterator[Alert]:
    """What is wrong with what was left undone, up to `now`."""
    today = legal_day(now)
    for unbooked in arrears.unbooked:
        if due_day(unbooked.decided_at, calendar, allowances) < today:
            yield never_paid(division, unbooked)
    yield from (paid_again(division, overpaid) for overpaid in arrears.overpaid)
    for owed in arrears.unreturned:
        if due_day(owed.agreed_at, calendar, allowances) < today:
            yield never_returned(division, owed)
    for told in arrears.unbacked:
        if due_day(told.told_at, calendar, allowances) < today:
            yield not_come_back(division, told)
    for day in arrears.days:
        if day.cleared_fen != day.booked_fen and cleared_by(day.day, calendar, allowances) <= now:
            yield cleared_wrongly(division, day, calendar, today)
    yield from (untold_records(division, untold) for untold in arrears.records)
    yield from (untold_notice(division, untold) for untold in arrears.notices)
    for task in arrears.tasks:
        taken = workdays_since(task.asked_on, task.done_on or today, calendar)
        if taken > allowances.task_workdays:
            yield slow_service(task, taken, allowances)


def denied(entry: BankEntry, standing: Standing | None) -> bool:
    """Whether it is the debit of what was settled as not paid."""
    return (
        standing is not None and standing.forwarded and standing.bank in _NOT_PAID
        and entry.direction is Direction.DEBIT
    )  # fmt: skip


def due_day(decided_at: dt.datetime, calendar: Calendar, allowances: Allowances) -> dt.date:
    """The legal day by whose end a passed instruction is to be paid (T+0; after hours T+1)."""
    day = legal_day(decided_at)
    if is_workday(day, calendar) and minute_of_day(decided_at) < allowances.day_end_minute:
        return day
    return workday_from(day + _DAY, calendar)


def cleared_by(day: dt.date, calendar: Calendar, allowances: Allowances) -> dt.datetime:
    """By when what left an account on this day is cleared, whole: before the next working day
    begins; what left on a day off is cleared with the next working day's."""
    after = workday_from(workday_from(day, calendar) + _DAY, calendar)
    return dawn(after) + dt.timedelta(minutes=allowances.day_start_minute)


def owed_since(now: dt.datetime, calendar: Calendar, allowances: Allowances) -> dt.datetime:
    """From when on what passed may be due on a day that the look-back reaches: what passes after
    hours before days off is due after them, and these may be as many."""
    day = legal_day(now - allowances.look_back) - _DAY
    while not is_workday(day, calendar):
        day -= _DAY
    return dawn(day)


def _is_foreign(account: Account | None) -> bool:
    """Known, and no account that the treasury pays from; an unknown one is looked at."""
    return account is not None and account.class_ in _NOT_TREASURY


def _differences(entry: BankEntry, ordered: Instruction) -> Iterator[dict[str, object]]:
    """Field by field; of a voucher with details the one that was paid to this account."""
    payee, amount = _part_of(entry, ordered)
    if plain_account(entry.account) != plain_account(ordered.payer.account):
        yield _difference("payer.account", masked(ordered.payer.account), masked(entry.account))
    if entry.amount_fen != amount:
        yield _difference("amount", yuan(amount), yuan(entry.amount_fen))
    if plain_account(entry.counter_account) != plain_account(payee.account):
        yield _difference("payee.account", masked(payee.account), masked(entry.counter_account))
    if bare(entry.counter_name) != bare(payee.name):
        yield _difference("payee.name", _initial(payee.name), _initial(entry.counter_name))


def _to_this_payee(entry: BankEntry, ordered: Instruction, known: Known) -> tuple[int, int]:
    """What a batch orders for the account that this movement went to; what was paid to it so far,
    less what came back from it."""
    account = plain_account(entry.counter_account)
    parts = [each for each in ordered.details if plain_account(each.payee.account) == account]
    paid = int(entry.amount_fen)
    for each in known.booked.values():
        if each.key == entry.key and plain_account(each.counter_account) == account:
            paid += each.amount_fen if each.direction is Direction.DEBIT else -each.amount_fen
    return sum(each.amount_fen for each in parts), paid


def _part_of(entry: BankEntry, ordered: Instruction) -> tuple[Payee, int]:
    """What this movement was to be: of several details the one that it is most like."""
    paid = plain_account(entry.counter_account), entry.amount_fen

    def likeness(part: tuple[Payee, int]) -> tuple[bool, bool, bool]:
        account, amount = plain_account(part[0].account), part[1]
        return (account, amount) == paid, account == paid[0], amount == paid[1]

    parts = [(detail.payee, int(detail.amount_fen)) for detail in ordered.details]
    return max(parts or [(ordered.payee, int(ordered.amount_fen))], key=likeness)


def _difference(field: str, ordered: str, paid: str) -> dict[str, object]:
    return {"field": field, "ordered": ordered, "paid": paid}


def _initial(name: str) -> str:
    """A payee may be a person; the first character tells two names apart often enough."""
    return f"{name[:1]}…({len(name)})"

"""Payments that were stopped, by the log's own records, and yet paid."""

from collections.abc import Iterable, Iterator

from certs.log.day import MISSING_NAMED_MAX
from certs.log.report import Walk
from gateway.domain.bank import BankOutcome
from gateway.domain.decision import Outcome
from gateway.domain.holds import HoldEnding
from gateway.domain.records import RecordKind
from gateway.verifying.beside import Beside, Fields, name_of

KINDS = (RecordKind.VERDICT, RecordKind.RELEASE, RecordKind.BANK_OUTCOME)


def check_stopped(walk: Walk, stretches: Iterable[Beside]) -> None:
    """No payment that was refused, or held and not released, is recorded as accepted by the bank.

    `stretches`: of one log, in its order. Of an instruction whose verdict is in none of them
    nothing is said.
    """
    paid = _paid_though_stopped(stretches)
    if paid:
        walk.facts["paid_though_stopped"] = paid[:MISSING_NAMED_MAX]
    walk.found(
        not paid,
        "被拦截或未放行的支付没有银行受理的记录。" if not paid
        else f"被拦截或未放行而银行受理的支付 {len(paid)} 笔，首笔 {paid[0]}。",
        "No payment that was stopped is recorded as accepted by the bank." if not paid
        else f"{len(paid)} payments were stopped and accepted by the bank, the first {paid[0]}.",
    )  # fmt: skip


def _paid_though_stopped(stretches: Iterable[Beside]) -> list[str]:
    stopped: set[str] = set()
    paid: dict[str, None] = {}
    for record in _once(stretches):
        kind = record["kind"]
        if kind == RecordKind.VERDICT and record["outcome"] != Outcome.PASS:
            stopped.add(name_of(record))
        elif kind == RecordKind.RELEASE and _releases(record):
            stopped.discard(name_of(record))
        elif kind == RecordKind.BANK_OUTCOME and _says_paid(record):
            paid |= dict.fromkeys({name_of(record)} & stopped)
    return list(paid)


def _once(stretches: Iterable[Beside]) -> Iterator[Fields]:
    """Where they overlap each record is read the first time only: a hold that was read again would
    stand again."""
    reached = 0
    for stretch in stretches:
        yield from (each for each in stretch.told(*KINDS) if each["seq"] >= reached)
        reached = max(reached, stretch.end)


def _releases(record: Fields) -> bool:
    return bool(record.get("what") == HoldEnding.RELEASED)


def _says_paid(record: Fields) -> bool:
    return bool(record["bank_outcome"] == BankOutcome.ACCEPTED)

"""`unknowns`: payments whose outcome at the bank is unknown or contradicted by its books or its
word, and an operator's decision about one.

The decision is evidence of its own kind: it names who decided and why, enters the log as a record,
and cannot be taken back. It never sends anything.
"""

import asyncio
import datetime as dt
import re
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import attrs

from adapters.postgres.ledger.ledger import PostgresLedger
from adapters.postgres.oversight.backlog import PostgresBacklog
from adapters.postgres.oversight.conduct import PostgresConduct
from gateway.configured.machine import instance_name
from gateway.configured.right_time import clock_apart
from gateway.domain.bank import BankOutcome
from gateway.domain.conduct import BankEntry, ContradictionEnd, EndResult
from gateway.domain.instruction import InstructionKey
from gateway.domain.ledger import OpenPayment, Standing
from gateway.domain.legal_day import legal_day
from gateway.domain.money import yuan
from gateway.pipeline.conduct_words import found_out
from gateway.pipeline.line import FORWARD_WITHIN_S
from gateway.pipeline.settle import settle
from gateway.pipeline.tell import Origin
from gateway.settings import Settings, read_settings

LISTED_MAX = 1000
REASON_CHARS = range(8, 501)
NAME_CHARS = range(2, 65)
REFERENCE_CHARS = range(1, 501)

ENDED_SINCE = dt.timedelta(days=31)
"""How far back ended contradictions are listed; `where` shows each for ever."""

_NOT_ENDED = {
    EndResult.GONE: "nothing contradicts it that this could end (what the books show is seen within"
    " 30 s), or somebody ended it just now",
    EndResult.AGAINST: "the bank's books show the contrary since",
}
_KEY = re.compile(r"([0-9]{9})/([0-9]{4})/([0-9A-Za-z]{1,8})/([0-9A-Za-z-]{1,42})")


class Refused(ValueError):
    """The payment stays as it is; the message says why."""


def against_books(words: str) -> Refused:
    """Nobody's word stands against the bank's own books; by its code programs know it."""
    return Refused(f"{words} [books_disagree]")


@attrs.frozen(kw_only=True)
class Decision:
    """What an operator has found out, on what grounds, and who answers for it."""

    outcome: BankOutcome
    reason: str
    by: str
    reference: str | None = None
    """The bank's serial number, where the operator has it from the bank."""


def list_unknowns(
    database: str, divisions: Sequence[str] = (), *, ended: bool = False
) -> list[OpenPayment]:
    """LISTED_MAX at most, operator's tasks first, then the oldest; all divisions if none is named.
    `ended`: instead the contradictions that ended within a month, newest first.

    Raises LedgerUnavailable.
    """
    return asyncio.run(_list(database, divisions, ended=ended))


def resolve(key_text: str, decision: Decision, settings_file: Path, database: str) -> None:
    """Settle one payment on an operator's word. Raises Refused, SettingsInvalid, LedgerUnavailable.

    Refused before the bank's finality horizon has passed: the payment may still take effect; and
    where `unknowns.officers` names who decides, two of them do (`gateway.tending.two_officers`).
    """
    key = read_key(key_text)
    check_decision(decision.reason, decision.reference, ("--by", decision.by, NAME_CHARS))
    settings = read_settings(settings_file)
    if settings.unknowns.officers:
        raise Refused(
            "unknowns.officers names who decides: one runs `unknowns propose`, another `unknowns"
            " approve`, each with an own key"
        )
    asyncio.run(settle_by_person(key, decision, settings, database))


def read_key(text: str) -> InstructionKey:
    match = _KEY.fullmatch(text)
    if match is None:
        raise Refused(f"{text}: a key is division/year/voucher type/voucher number")
    return InstructionKey(
        division=match[1], fiscal_year=int(match[2]), voucher_type=match[3], voucher_no=match[4]
    )


def as_row(payment: OpenPayment, now: dt.datetime) -> dict[str, Any]:
    return {
        "instruction": str(payment.key),
        "agency": payment.agency_code,
        "amount": yuan(payment.amount_fen),
        "opened_at": payment.opened_at.isoformat(),
        "age_s": round((now - payment.opened_at).total_seconds()),
        "enquiries": payment.enquiries,
        "operator_task": payment.operator_task,
        "asked_at": payment.asked_at.isoformat() if payment.asked_at else None,
        "ask_after": payment.ask_after.isoformat() if payment.ask_after else None,
        "contradicted": payment.contradicted,
        "held": payment.held,
        "said": payment.said,
        "ended_at": payment.ended_at.isoformat() if payment.ended_at else None,
        "ended_as": payment.ended_as,
    }


def earliest(payment: OpenPayment, settings: Settings) -> dt.datetime:
    """Before this nobody may conclude anything: it may still be sent, or still take effect."""
    wait = FORWARD_WITHIN_S + settings.bank.deadline_s + (settings.bank.horizon_s or 0)
    return payment.opened_at + dt.timedelta(seconds=wait)


def check_decision(reason: str, reference: str | None, *more: tuple[str, str, range]) -> None:
    """Raises Refused with all that is wrong at once."""
    known = [("--reference", reference, REFERENCE_CHARS)] if reference is not None else []
    check_words(("--reason", reason, REASON_CHARS), *known, *more)


def check_words(*given: tuple[str, str, range]) -> None:
    """Raises Refused with each option whose words are too few, too many or unprintable."""
    wrong = [
        f"{name}: {length.start} to {length.stop - 1} printable characters"
        for name, text, length in given
        if len(text.strip()) not in length or not text.isprintable()
    ]
    if wrong:
        raise Refused("; ".join(wrong))


async def _list(database: str, divisions: Sequence[str], *, ended: bool) -> list[OpenPayment]:
    backlog = PostgresBacklog(database)
    try:
        if ended:
            since = dt.datetime.now(dt.UTC) - ENDED_SINCE
            return await backlog.ended(since, LISTED_MAX, divisions)
        return await backlog.unknowns(LISTED_MAX, divisions)
    finally:
        await backlog.close()


async def settle_by_person(
    key: InstructionKey, decision: Decision, settings: Settings, database: str,
    told: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    """One that is open is settled; one that the bank's books or its word contradict gets its end.
    `told`: more for the record. Refused as not paid where the bank's books show it paid, and a
    contradiction ends as paid only where they show its debit.

    Raises Refused, LedgerUnavailable.
    """
    origin = Origin(bank=settings.gateway.bank_code, uri=settings.gateway.uri)
    now = dt.datetime.now(dt.UTC)
    if apart := await clock_apart(database):
        raise Refused(f"{key}: {apart}; nothing was changed")
    async with AsyncExitStack() as rooms:
        backlog = PostgresBacklog(database)
        rooms.push_async_callback(backlog.close)
        ledger = await rooms.enter_async_context(PostgresLedger(database, instance=instance_name()))
        if key.division not in settings.gateway.divisions:
            raise Refused(f"{key.division} is not a division of these settings")
        evidence = {
            "how": "operator",
            "by": decision.by.strip(),
            "reason": decision.reason.strip(),
            "reference": decision.reference,
            **(told or {}),
        }
        conduct = PostgresConduct(database)
        rooms.push_async_callback(conduct.close)
        payment = await backlog.unknown(key)
        if payment is None:
            standing = await ledger.standing(key)
            if standing is None or not standing.disputed:
                raise Refused(_why_not_open(key, standing))
            end = await _found_out(standing, decision, evidence, conduct, origin, now)
            result = await conduct.end_contradiction(end, now)
            if result is EndResult.AGAINST:
                raise against_books(f"{key}: {_NOT_ENDED[result]}; nothing was changed")
            if result is not EndResult.ENDED:
                raise Refused(f"{key}: {_NOT_ENDED[result]}; nothing was changed")
            return
        if now < earliest(payment, settings):
            raise Refused(
                f"{key}: the bank may still take it until"
                f" {earliest(payment, settings).isoformat(timespec='seconds')}; wait"
            )
        if decision.outcome is not BankOutcome.ACCEPTED:
            _refuse_against_books(key, await conduct.debit(key))
        if not await settle(key, decision.outcome, ledger, origin, now, evidence):
            raise Refused(f"{_why_not_open(key, await ledger.standing(key))}; nothing was changed")


async def _found_out(
    standing: Standing, decision: Decision, evidence: dict[str, Any], conduct: PostgresConduct,
    origin: Origin, at: dt.datetime,
) -> ContradictionEnd:  # fmt: skip
    """How a contradiction ends on officers' word: as the bank's books have it now, and nothing else
    (decisions 0087, 0104). Raises Refused, LedgerUnavailable."""
    key, said = standing.key, decision.outcome
    paid = standing.bank is BankOutcome.ACCEPTED
    debit = await conduct.debit(key, though_back=paid)
    if said is BankOutcome.ACCEPTED:
        if debit is None:
            raise against_books(f"{key}: the bank's books show no debit of it (银行账上未见划款)")
        numbers = {debit.reference} | ({standing.bank_reference} if paid else set())
        if decision.reference is not None and decision.reference not in numbers:
            raise Refused(f"{key}: the bank's books have it as {debit.reference}")
    elif said is not standing.bank:
        also = "" if paid else ", or accepted,"
        raise Refused(f"{key}: it counts as {standing.bank}; that{also} is its end")
    else:
        _refuse_against_books(key, debit)
    return found_out(standing, said, debit, evidence, origin, at)


def _refuse_against_books(key: InstructionKey, debit: BankEntry | None) -> None:
    """Raises Refused: nobody's word that it was not paid stands against the bank's own books."""
    if debit:
        raise against_books(
            f"{key}: the bank's books have its debit, movement {debit.id} of"
            f" {legal_day(debit.booked_at)}, {yuan(debit.amount_fen)} yuan (银行账上已划款)"
        )


def _why_not_open(key: InstructionKey, standing: Standing | None) -> str:
    if standing is None:
        return f"{key}: there is no such instruction"
    if standing.settled_at is None:
        return f"{key}: it was {standing.outcome} and never forwarded"
    return (
        f"{key}: settled already, {standing.bank} at {standing.settled_at.isoformat()}, as the bank"
        f" or another person said (`where {key}`)"
    )

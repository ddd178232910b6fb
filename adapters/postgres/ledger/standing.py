"""What the ledger holds of instructions, read so that it stays true after any crash."""

from collections.abc import Sequence
from typing import Any

from adapters.postgres.ledger.keys import key_arrays, key_of
from adapters.postgres.session import Connection
from adapters.postgres.statements import statements
from gateway.domain.bank import BankOutcome
from gateway.domain.decision import Outcome
from gateway.domain.faults import LedgerUnavailable
from gateway.domain.holds import HoldEnding
from gateway.domain.instruction import InstructionKey
from gateway.domain.ledger import OpenPayment, Standing, correction_standing
from gateway.domain.people import IN_CLEAR, Sealing

UNREAD = "sealed with another key, or altered"

_SQL = statements("ledger")


async def standings(
    connection: Connection, keys: Sequence[InstructionKey], sealing: Sealing = IN_CLEAR,
    agency: str | None = None,
) -> dict[InstructionKey, Standing]:  # fmt: skip
    """All that is known of these keys; those never admitted are left out, and with `agency` those
    of every other.

    The statement commits durably itself: a row another process committed is told to nobody before
    a commit after it is safe too (RELIABILITY 2). Raises LedgerUnavailable: one cannot be read.
    """
    known = await standings_or_why(connection, keys, sealing, agency)
    for each in known.values():
        if isinstance(each, LedgerUnavailable):
            raise each
    return {key: each for key, each in known.items() if isinstance(each, Standing)}


async def standings_or_why(
    connection: Connection, keys: Sequence[InstructionKey], sealing: Sealing,
    agency: str | None = None,
) -> dict[InstructionKey, Standing | LedgerUnavailable]:  # fmt: skip
    """The same, and of one that cannot be read why: it spoils none of the others."""
    rows = await connection.fetch(_SQL["standings"], *key_arrays(keys), agency)
    return {key_of(row): _standing_or_why(row, sealing) for row in rows}


def open_payment(row: Any) -> OpenPayment:
    fields = dict(row)
    names = ("division", "fiscal_year", "voucher_type", "voucher_no")
    return OpenPayment(key=key_of({name: fields.pop(name) for name in names}), **fields)


def _standing_or_why(row: Any, sealing: Sealing) -> Standing | LedgerUnavailable:
    try:
        return _standing(row, sealing)
    except ValueError:
        return LedgerUnavailable(f"what is kept of {key_of(row)} cannot be read ({UNREAD})")


def _standing(row: Any, sealing: Sealing) -> Standing:
    return Standing(
        key=key_of(row),
        digest=row["digest"],
        party=row["party"],
        format=row["format"],
        raw=sealing.open_bytes(row["raw"]),
        signature=row["signature"],
        agency_code=row["agency_code"],
        outcome=Outcome(row["outcome"]),
        decided_at=row["decided_at"],
        decision=row["decision"],
        bank=_bank(row["outcome"], row["ended_how"], row["bank"]),
        bank_reference=row["bank_reference"],
        bank_reason=row["bank_reason"],
        settled_at=row["settled_at"],
        overruled=BankOutcome(row["overruled"]) if row["overruled"] else None,
        correction=correction_standing(row["corrections"] or ()),
        ended_at=row["ended_at"],
        ended_how=row["ended_how"] or "",
        ended_decision=row["ended_decision"] or b"",
    )


def _bank(outcome: str, ended_how: str | None, bank: str | None) -> BankOutcome | None:
    if bank is not None:
        return BankOutcome(bank)
    forwarded = outcome == Outcome.PASS or ended_how == HoldEnding.RELEASED
    return BankOutcome.UNKNOWN if forwarded else None

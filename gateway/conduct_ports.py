"""What watching the bank's conduct needs of the world, as Protocols: beside `gateway.ports`."""

import datetime as dt
from collections.abc import Sequence
from typing import Protocol

from gateway.domain.conduct import (
    Alert,
    Arrears,
    BankEntry,
    ClearingTotal,
    ContradictionEnd,
    Correction,
    EndResult,
    HandedOver,
    Known,
    ScoreCard,
    Statement,
)
from gateway.domain.instruction import InstructionKey
from gateway.domain.ledger import RecordDraft


class BankBooks(Protocol):
    """The bank core's own list of movements, if any (adapters room)."""

    async def entries(self, after: str | None, limit: int) -> tuple[list[BankEntry], str | None]:
        """Movements after the cursor `after`, in the bank's order, and the new cursor.

        Raises BankSilent: no answer, or none that can be understood.
        """


class ConductStore(Protocol):
    """Movements, clearing, account tasks and the alerts that followed. One method, one transaction.

    Raises LedgerUnavailable.
    """

    async def known(
        self, entries: Sequence[BankEntry], clearing: Sequence[ClearingTotal] = ()
    ) -> Known:
        """What the ledger holds of the instructions that they name, and which came before."""

    async def debit(self, key: InstructionKey, *, though_back: bool = False) -> BankEntry | None:
        """The newest debit that names it, unless the bank has taken back what it debited; or
        `though_back`."""

    async def take(
        self, statement: Statement, alerts: Sequence[tuple[Alert, RecordDraft, bytes]],
        at: dt.datetime, *, corrections: Sequence[Correction] = (),
        received: HandedOver | None = None, cursor: tuple[str, str] | None = None,
    ) -> int:  # fmt: skip
        """Keep it all; each new alert with its record and its notice, each contradiction once, with
        its demands set aside, its record and its notification. How many alerts were new."""

    async def end_contradiction(self, end: ContradictionEnd, at: dt.datetime) -> EndResult:
        """Post or give back what was set aside, with record and notification, once. Where nothing
        is, officers end so what the bank said, with the word that the payment counts as."""

    async def statement_digest(self, division: str, id: str) -> bytes | None: ...

    async def cursor(self, source: str) -> str | None: ...

    async def arrears(
        self, division: str, now: dt.datetime, *, since: dt.datetime,
        records_before: dt.datetime, notices_before: dt.datetime,
    ) -> Arrears:  # fmt: skip
        """What is undone at `now` of what began after `since`; told before: left out."""

    async def score(self, division: str, first: dt.date, last: dt.date) -> ScoreCard: ...

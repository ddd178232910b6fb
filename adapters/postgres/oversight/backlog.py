"""What is under way in the gateway's database: the figures an operator looks at first."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from adapters.postgres.ledger.keys import key_columns, key_of
from adapters.postgres.ledger.standing import open_payment
from adapters.postgres.session import Pool
from adapters.postgres.statements import statements
from gateway.domain.conduct import PaidUnbooked
from gateway.domain.instruction import InstructionKey
from gateway.domain.ledger import OpenPayment
from gateway.domain.log import Backlog, LogState

COUNTED_MAX = 1000
"""Of payments without a debit no more are counted."""
LOOKED_AT_MAX = 20_000
"""So many payments whose day ended without a debit are looked up anew each time; a bank whose books
stay away for days makes as many as payments, and every other figure waits for this one."""

_SQL = statements("backlog")


class PostgresBacklog:
    """For operators. Raises LedgerUnavailable."""

    def __init__(self, dsn: str, *, allow_unsafe: bool = False) -> None:
        self._pool = Pool(dsn, size=1, allow_unsafe=allow_unsafe)

    async def close(self) -> None:
        await self._pool.close()

    async def backlog(self) -> Backlog:
        (row,) = await self._pool.fetch(_SQL["backlog"])
        logs = await self._pool.fetch(_SQL["logs"])
        unbooked = await self.paid_unbooked(COUNTED_MAX)
        return Backlog(
            **row,
            paid_unbooked=len(unbooked),
            logs=tuple(
                LogState(
                    division=log["division"],
                    size=log["size"],
                    acknowledged_size=log["acknowledged_size"],
                )
                for log in logs
            ),
        )

    async def untold(self) -> dict[tuple[str, str], float]:
        """Seconds that the oldest `records` and `notices` of a division wait for its bureau."""
        rows = await self._pool.fetch(_SQL["untold"])
        return {(row["division"], row["what"]): row["age_s"] for row in rows}

    async def unknowns(self, limit: int, divisions: Sequence[str] = ()) -> list[OpenPayment]:
        """Passed and not settled, or contradicted: operator's tasks first, then the oldest; of all
        divisions if none is named."""
        rows = await self._pool.fetch(_SQL["unknowns"], limit, list(divisions))
        return [open_payment(row) for row in rows]

    async def ended(
        self, since: dt.datetime, limit: int, divisions: Sequence[str] = ()
    ) -> list[OpenPayment]:
        """Those whose contradiction has ended since, newest end first."""
        rows = await self._pool.fetch(_SQL["ended"], since, limit, list(divisions))
        return [open_payment(row) for row in rows]

    async def paid_unbooked(self, limit: int, divisions: Sequence[str] = ()) -> list[PaidUnbooked]:
        """Settled as paid, their day over, and no debit in the bank's books; oldest first."""
        rows = await self._pool.fetch(_SQL["paid_unbooked"], limit, list(divisions), LOOKED_AT_MAX)
        return [PaidUnbooked(key=key_of(row), **_but_key(row)) for row in rows]

    async def unknown(self, key: InstructionKey) -> OpenPayment | None:
        """None if there is no such payment, or it is settled."""
        rows = await self._pool.fetch(_SQL["unknown"], *key_columns(key))
        return open_payment(rows[0]) if rows else None


def _but_key(row: Any) -> dict[str, Any]:
    names = ("agency_code", "amount_fen", "settled_at", "evidence", "raised_on")
    return {name: row[name] for name in names}

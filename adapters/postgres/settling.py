"""Commit 2 as a batch: settlements into the arrays of `settle_batch`, and its answer back."""

import uuid
from collections.abc import Sequence
from typing import Any

from adapters.postgres.session import Connection
from adapters.postgres.standing import key_arrays
from adapters.postgres.statements import statements
from gateway.domain.instruction import InstructionKey
from gateway.domain.ledger import Settlement

_SQL = statements("ledger")


class SettlementWork:
    """Settlements for `GroupCommit`: True if this one settled it, False if it was before."""

    def __init__(self) -> None:
        self._statement: Any = None

    def key(self, item: Settlement) -> InstructionKey:
        return item.key

    def weight(self, item: Settlement) -> int:
        return len(item.record.body)

    async def prepare(self, connection: Connection) -> None:
        self._statement = await connection.prepare(_SQL["settle_batch"])

    async def commit(
        self, connection: Connection, attempt: uuid.UUID, items: Sequence[Settlement]
    ) -> Sequence[bool]:
        already = await self._statement.fetchval(attempt, *_settlements(items), *_records(items))
        results = [True] * len(items)
        for slot in already or ():
            results[slot - 1] = False
        return results

    async def find(
        self, connection: Connection, attempt: uuid.UUID, items: Sequence[Settlement]
    ) -> Sequence[bool | None]:
        rows = await connection.fetch(
            _SQL["settled_by"], attempt, *key_arrays([item.key for item in items])
        )
        ours = {InstructionKey(**row) for row in rows}
        return [True if item.key in ours else None for item in items]


def _settlements(items: Sequence[Settlement]) -> tuple[list[Any], ...]:
    """Columns of the settlements, sorted by key (one order of locks for all)."""
    order = sorted(range(len(items)), key=lambda place: items[place].key)
    told = [items[place] for place in order]
    return (
        [place + 1 for place in order],
        *key_arrays([s.key for s in told]),
        [s.bank for s in told],
        [s.bank_reference for s in told],
        [s.bank_reason for s in told],
        [s.evidence for s in told],
        [s.settled_at for s in told],
    )


def _records(items: Sequence[Settlement]) -> tuple[list[Any], ...]:
    records = [item.record for item in items]
    return (
        [item.key.division for item in items],
        [r.kind for r in records],
        [r.subject for r in records],
        [r.body for r in records],
        [r.disclosures for r in records],
    )

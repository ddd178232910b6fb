"""Commit 2 as part of a batch: settlements into the rows of `commit_batch`, and its answer back."""

import uuid
from collections.abc import Sequence
from operator import itemgetter
from typing import Any

from adapters.postgres.ledger.keys import key_arrays
from adapters.postgres.session import Connection
from adapters.postgres.statements import statements
from gateway.domain.instruction import InstructionKey
from gateway.domain.ledger import Settlement
from gateway.domain.people import IN_CLEAR, Sealing, sealed_if_any

_SQL = statements("ledger")
_KEY = itemgetter(1, 2, 3, 4)
"""A settlement's identity among its columns."""


class SettlementWork:
    """True if this one settled it, False if it was before."""

    def __init__(self, sealing: Sealing = IN_CLEAR) -> None:
        self._sealing = sealing

    def weight(self, item: Settlement) -> int:
        return len(item.record.body)

    def arguments(self, items: Sequence[Settlement]) -> tuple[Any, ...]:
        """Settlements and records."""
        return _settlements(items), _told(items, self._sealing)

    def answers(self, items: Sequence[Settlement], already: Sequence[int] | None) -> list[bool]:
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


def _settlements(items: Sequence[Settlement]) -> list[tuple[Any, ...]]:
    """`batch_settlement`s, sorted by key (one order of locks for all)."""
    settlements = []
    for slot, item in enumerate(items, 1):
        key = item.key
        settlements.append((
            slot, key.division, key.fiscal_year, key.voucher_type, key.voucher_no, item.bank,
            item.bank_reference, item.bank_reason, item.evidence, item.settled_at,
        ))  # fmt: skip
    settlements.sort(key=_KEY)
    return settlements


def _told(items: Sequence[Settlement], sealing: Sealing) -> list[tuple[Any, ...]]:
    """`batch_told` of each, in the order of arrival."""
    return [
        (item.key.division, r.kind, r.subject, r.body, sealed_if_any(sealing, r.disclosures))
        for item in items
        for r in (item.record,)
    ]

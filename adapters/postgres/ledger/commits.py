"""Commits 1 and 2 of all that waits as one transaction, for `GroupCommit`."""

import uuid
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import asyncpg

from adapters.postgres.ledger.admission import AdmissionWork, Answer
from adapters.postgres.ledger.settling import SettlementWork
from adapters.postgres.session import Connection, Unread, why
from adapters.postgres.statements import statements
from gateway.domain.faults import LedgerUnavailable
from gateway.domain.instruction import InstructionKey
from gateway.domain.ledger import Admission, Settlement
from gateway.domain.people import IN_CLEAR, Sealing

Item: TypeAlias = Admission | Settlement
Result: TypeAlias = Answer | bool
"""Of an admission its answer; of a settlement True if it settled, False if it was before."""

_SQL = statements("ledger")


class CommitWork:
    """`instance` names the process that alone may send what it admits."""

    def __init__(self, instance: str, sealing: Sealing = IN_CLEAR) -> None:
        self._instance = instance
        self._admissions = AdmissionWork(sealing)
        self._settlements = SettlementWork(sealing)
        self._statement: Any = None

    def key(self, item: Item) -> tuple[bool, InstructionKey]:
        return isinstance(item, Admission), item.key

    def weight(self, item: Item) -> int:
        if isinstance(item, Admission):
            return self._admissions.weight(item)
        return self._settlements.weight(item)

    async def prepare(self, connection: Connection) -> None:
        self._statement = await connection.prepare(_SQL["commit"])

    async def commit(
        self, connection: Connection, attempt: uuid.UUID, items: Sequence[Item]
    ) -> Sequence[Result | LedgerUnavailable]:
        admissions, settlements = _apart(items)
        row = await self._statement.fetchrow(
            list({item.key.division for item in items}),
            attempt,
            self._instance,
            *self._settlements.arguments(settlements),
            *self._admissions.arguments(admissions),
        )
        already, *of_admissions = row
        try:
            settled = self._settlements.answers(settlements, already)
            admitted = await self._admissions.answers(connection, admissions, of_admissions)
            return _together(items, iter(admitted), iter(settled))
        except (asyncpg.PostgresError, ValueError, TypeError, LookupError) as error:
            raise Unread(why(error)) from error

    async def find(
        self, connection: Connection, attempt: uuid.UUID, items: Sequence[Item]
    ) -> Sequence[Result | None]:
        admissions, settlements = _apart(items)
        admitted = await self._admissions.find(connection, attempt, admissions)
        settled = await self._settlements.find(connection, attempt, settlements)
        return _together(items, iter(admitted), iter(settled))


def _apart(items: Sequence[Item]) -> tuple[list[Admission], list[Settlement]]:
    admissions: list[Admission] = []
    settlements: list[Settlement] = []
    for item in items:
        if isinstance(item, Admission):
            admissions.append(item)
        else:
            settlements.append(item)
    return admissions, settlements


def _together(
    items: Sequence[Item], admitted: Iterator[Any], settled: Iterator[Any]
) -> list[Any]:  # fmt: skip
    """In the order of the items."""
    return [next(admitted) if isinstance(item, Admission) else next(settled) for item in items]

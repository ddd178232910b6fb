"""The ledger on PostgreSQL: commits 1 and 2 as one group commit, all else on a small pool."""

import asyncio
import datetime as dt
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import orjson

from adapters.postgres.drafts import tell, tell_conflict
from adapters.postgres.ledger.commits import CommitWork, Item, Result
from adapters.postgres.ledger.groupcommit import GroupCommit
from adapters.postgres.ledger.kept import Kept
from adapters.postgres.ledger.keys import key_columns
from adapters.postgres.ledger.standing import open_payment, standings
from adapters.postgres.session import READ_DEADLINE_S, Pool, Session, open_session
from adapters.postgres.statements import statements
from gateway.domain.decision import Outcome
from gateway.domain.instruction import InstructionKey
from gateway.domain.ledger import (
    Admission,
    Admitted,
    Limit,
    LimitKey,
    LimitKind,
    Moved,
    OpenPayment,
    RecordDraft,
    Settlement,
    Short,
    Standing,
    WordTaken,
)
from gateway.domain.people import IN_CLEAR, Sealing, sealed_if_any

_SQL = statements("ledger")


class PostgresLedger:
    """`gateway.ports.Ledger`. Use as a context manager; every error is LedgerUnavailable.

    `instance` names this process; `sealing` keeps what was received out of sight. `allow_unsafe`
    accepts a server that may lose what it acknowledged: for tests only.
    """

    def __init__(
        self, dsn: str, *, instance: str, pool_size: int = 4, sealing: Sealing = IN_CLEAR,
        allow_unsafe: bool = False, kept: Kept | None = None,
    ) -> None:  # fmt: skip
        self._dsn = dsn
        self._sealing = sealing
        self._allow_unsafe = allow_unsafe
        self._kept = kept or Kept()
        self._pool = Pool(dsn, size=pool_size, allow_unsafe=allow_unsafe, kept=self._kept)
        work = CommitWork(instance, sealing)
        self._commits: GroupCommit[Item, Result] = GroupCommit("commit", work, self._connect)

    async def __aenter__(self) -> Self:
        """Raises UnsafeServer, or LedgerUnavailable if the database cannot be reached."""
        try:
            await self._commits.start()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, raised: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        await self._close()

    @property
    def trouble(self) -> str | None:
        """Why the ledger takes nothing just now; None if nothing is known against it."""
        return self._commits.trouble

    async def admit(self, admission: Admission) -> Admitted | Standing | Short | Moved:
        answer = await self._commits.submit(admission)
        assert not isinstance(answer, bool)
        if admission.outcome is Outcome.PASS and isinstance(answer, Admitted):
            self._kept.passed(admission.key)
        return answer

    async def settle(self, settlement: Settlement) -> bool:
        return await self._commits.submit(settlement) is True

    async def record(self, division: str, draft: RecordDraft) -> None:
        await self._pool.unbroken(self._record(division, draft))

    async def record_contradiction(
        self, key: InstructionKey, draft: RecordDraft, at: dt.datetime
    ) -> WordTaken:
        return await self._pool.unbroken(self._record_contradiction(key, draft, at))

    async def record_conflict(
        self, key: InstructionKey, draft: RecordDraft, digest: bytes, records_max: int
    ) -> bool:
        return await self._pool.unbroken(self._record_conflict(key, draft, digest, records_max))

    async def standing(self, key: InstructionKey) -> Standing | None:
        return await self.standing_for(None, key)

    async def standing_for(self, agency: str | None, key: InstructionKey) -> Standing | None:
        async with self._pool.session() as session:
            async with asyncio.timeout(READ_DEADLINE_S):
                known = await standings(session.connection, [key], self._sealing, agency)
            session.believed()
        return known.get(key)

    async def open_payments(self, before: dt.datetime, limit: int) -> list[OpenPayment]:
        rows = await self._pool.fetch(_SQL["open_payments"], before, limit)
        return [open_payment(row) for row in rows]

    async def due_tasks(self, now: dt.datetime, limit: int) -> list[OpenPayment]:
        rows = await self._pool.fetch(_SQL["due_tasks"], now, limit)
        return [open_payment(row) for row in rows]

    async def note_enquiry(
        self, key: InstructionKey, at: dt.datetime, *, not_found: bool,
        ask_after: dt.datetime | None = None,
    ) -> None:  # fmt: skip
        noted = self._pool.execute(
            _SQL["note_enquiry"], *key_columns(key), at, not_found, ask_after
        )
        await self._pool.unbroken(noted)

    async def hand_over(self, key: InstructionKey) -> None:
        await self._pool.unbroken(self._pool.execute(_SQL["hand_over"], *key_columns(key)))

    async def limits(self, division: str, keys: Sequence[LimitKey]) -> dict[LimitKey, Limit]:
        kinds, ids = [key.kind for key in keys], [key.id for key in keys]
        rows = await self._pool.fetch(_SQL["limits"], division, kinds, ids)
        return {limit.key: limit for limit in map(limit_of, rows)}

    async def _record(self, division: str, draft: RecordDraft) -> None:
        sealed = sealed_if_any(self._sealing, draft.disclosures)
        async with self._pool.session() as session:
            await tell(session.connection, division, draft, sealed)
            session.believed()

    async def _record_contradiction(
        self, key: InstructionKey, draft: RecordDraft, at: dt.datetime
    ) -> WordTaken:
        told = orjson.loads(draft.body)
        async with self._pool.transaction() as connection:
            result = await connection.fetchval(
                _SQL["record_contradiction"], *key_columns(key), at, told["how"], told["said"],
                told["held"], draft.kind, draft.subject, draft.body,
            )  # fmt: skip
        return WordTaken(result)

    async def _record_conflict(
        self, key: InstructionKey, draft: RecordDraft, digest: bytes, records_max: int
    ) -> bool:
        sealed = sealed_if_any(self._sealing, draft.disclosures)
        async with self._pool.transaction() as connection:
            return await tell_conflict(connection, key.division, draft, digest, records_max, sealed)

    async def _connect(self) -> Session:
        return await open_session(self._dsn, allow_unsafe=self._allow_unsafe, kept=self._kept)

    async def _close(self) -> None:
        await self._commits.stop()
        await self._pool.close()


def limit_of(row: Any) -> Limit:
    return Limit(
        key=LimitKey(kind=LimitKind(row["kind"]), id=row["id"]),
        granted_fen=row["granted_fen"],
        frozen_fen=row["frozen_fen"],
        opening_fen=row["opening_fen"],
        reserved_fen=row["reserved_fen"],
        posted_fen=row["posted_fen"],
    )

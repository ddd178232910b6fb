"""Letters about payments that were ordered before, on PostgreSQL: each once, with its answer."""

import asyncio
import datetime as dt
from collections.abc import Mapping, Sequence

from adapters.postgres.drafts import tell, tell_conflict
from adapters.postgres.ledger.keys import key_of
from adapters.postgres.ledger.standing import standings
from adapters.postgres.session import READ_DEADLINE_S, Pool, Proof
from adapters.postgres.statements import statements
from gateway.domain.correspondence import KeptLetter, RecallStanding, RecallWord
from gateway.domain.enquiries import RecallStatus
from gateway.domain.instruction import InstructionKey
from gateway.domain.ledger import RecordDraft, Standing
from gateway.domain.people import IN_CLEAR, Sealing

CONFLICT_RECORDS_MAX = 16
"""Of one letter: who sends ever new content under one number fills no log with it."""

_SQL = statements("correspondence")


class PostgresCorrespondence:
    """`gateway.hold_ports.LetterBook`. Every error of the database is LedgerUnavailable."""

    def __init__(
        self, dsn: str, sealing: Sealing = IN_CLEAR, *, allow_unsafe: bool = False,
        kept: Proof | None = None,
    ) -> None:  # fmt: skip
        self._sealing = sealing
        self._pool = Pool(dsn, size=2, allow_unsafe=allow_unsafe, kept=kept)

    async def close(self) -> None:
        await self._pool.close()

    async def keep(self, letter: KeptLetter) -> tuple[bytes, bytes | None] | None:
        return await self._pool.unbroken(self._keep(letter))

    async def conflict(self, division: str, record: RecordDraft, digest: bytes) -> bool:
        return await self._pool.unbroken(self._conflict(division, record, digest))

    async def answered(
        self, letter: KeptLetter, answer: bytes, at: dt.datetime,
        records: Sequence[RecordDraft] = (),
    ) -> None:  # fmt: skip
        await self._pool.unbroken(self._answered(letter, answer, at, records))

    async def cleared(self, division: str, numbers: Sequence[str]) -> Mapping[str, int]:
        rows = await self._pool.fetch(_SQL["cleared"], division, list(numbers))
        return {row["voucher_no"]: row["amount_fen"] for row in rows}

    async def standings(self, keys: Sequence[InstructionKey]) -> Mapping[InstructionKey, Standing]:
        async with self._pool.session() as session:
            async with asyncio.timeout(READ_DEADLINE_S):
                known = await standings(session.connection, keys, self._sealing)
            session.believed()
        return known

    async def say(self, word: RecallWord) -> bool:
        return await self._pool.unbroken(self._say(word))

    async def recalls(self, division: str, recall: str, voucher_no: str) -> list[RecallStanding]:
        rows = await self._pool.fetch(_SQL["words"], division, recall, voucher_no)
        return [
            RecallStanding(
                key=key_of(row),
                status=RecallStatus(row["status"]), agency_code=row["agency_code"],
                asker=row["asker"],
            )
            for row in rows
        ]  # fmt: skip

    async def _keep(self, letter: KeptLetter) -> tuple[bytes, bytes | None] | None:
        place = letter.division, letter.party, letter.id
        async with self._pool.transaction() as connection:
            kept = await connection.fetchval(
                _SQL["keep"], *place, letter.name, letter.digest, letter.at, letter.signature,
                self._sealing.seal_bytes(letter.raw),
            )  # fmt: skip
            if kept is not None:
                return None
            row = await connection.fetchrow(_SQL["before"], *place)
        assert row is not None, "it is there, and nobody deletes it"
        return row["digest"], row["answer"]

    async def _answered(
        self, letter: KeptLetter, answer: bytes, at: dt.datetime, records: Sequence[RecordDraft]
    ) -> None:
        columns = letter.division, letter.party, letter.id, at, answer
        async with self._pool.transaction() as connection:
            if await connection.fetchval(_SQL["answered"], *columns) is None:
                return
            for record in records:
                await tell(connection, letter.division, record)

    async def _conflict(self, division: str, record: RecordDraft, digest: bytes) -> bool:
        async with self._pool.transaction() as connection:
            return await tell_conflict(connection, division, record, digest, CONFLICT_RECORDS_MAX)

    async def _say(self, word: RecallWord) -> bool:
        key, record = word.key, word.record
        async with self._pool.transaction() as connection:
            said = await connection.fetchval(
                _SQL["say"], key.division, word.recall, key.fiscal_year, key.voucher_type,
                key.voucher_no, word.status.value, word.at, word.by, word.code, word.words,
                word.agency_code, word.asker,
            )  # fmt: skip
            if said is None:
                return False
            await tell(connection, key.division, record)
            if word.notification is not None:
                await connection.execute(
                    _SQL["notify"], key.division, word.at, word.agency_code, record.subject,
                    word.notification,
                )  # fmt: skip
        return True

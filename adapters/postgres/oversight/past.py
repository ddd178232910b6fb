"""The past for those who replay it: decided instructions in the order of the log, and shadow runs.

Reads what commit 1 and the sealer have written; of the request path it takes nothing but time of
the database. Every error of the database is LedgerUnavailable.
"""

import datetime as dt
from collections.abc import AsyncIterator, Sequence
from typing import Any

import attrs

from adapters.postgres.ledger.keys import key_columns, key_of
from adapters.postgres.registers.reading import read_whole
from adapters.postgres.session import LONG_S, Pool, Proof
from adapters.postgres.statements import statements
from gateway.domain.bank import BankOutcome
from gateway.domain.instruction import InstructionKey
from gateway.domain.past import Asked, Candidate, Flip, Past, Question, ShadowRun
from gateway.domain.people import Vault
from gateway.domain.registers import Registers

PAGE = 500
PRUNED_MAX = 20_000
"""Entries of one turn: what is done for each turn costs more than to take them away."""
SEQ_MAX = (1 << 63) - 1

_SQL = statements("past")
_REGISTERS = statements("registers")


@attrs.frozen(kw_only=True)
class Span:
    """A stretch of the log: the records after one number, up to and including another."""

    after_seq: int
    last_seq: int

    @property
    def records(self) -> int:
        return self.last_seq - self.after_seq


class PostgresPast:
    def __init__(
        self, dsn: str, vault: Vault, *, allow_unsafe: bool = False, kept: Proof | None = None
    ) -> None:
        self._pool = Pool(dsn, size=1, allow_unsafe=allow_unsafe, kept=kept, cut_after_s=LONG_S)
        self._vault = vault

    async def close(self) -> None:
        await self._pool.close()

    async def divisions(self) -> list[str]:
        return [row["division"] for row in await self._pool.fetch(_SQL["divisions"])]

    async def span(self, division: str, since: dt.datetime | None) -> Span:
        """All that was sealed since that moment; everything if None."""
        after = -1
        if since is not None:
            (row,) = await self._pool.fetch(_SQL["sealed_before"], division, since)
            after = row["size"] - 1
        (row,) = await self._pool.fetch(_SQL["size"], division)
        return Span(after_seq=min(after, row["size"] - 1), last_seq=row["size"] - 1)

    async def decided(
        self, division: str, after_seq: int, last_seq: int = SEQ_MAX
    ) -> AsyncIterator[list[Past]]:
        """Verdicts in order, a page at a time."""
        while True:
            page = await self.page(division, after_seq, last_seq)
            if not page:
                return
            yield page
            after_seq = page[-1].seq

    async def page(self, division: str, after_seq: int, last_seq: int = SEQ_MAX) -> list[Past]:
        rows = await self._pool.fetch(_SQL["page"], division, after_seq, last_seq, PAGE)
        return [self._past(division, row) for row in rows]

    async def of(self, key: InstructionKey) -> list[Past]:
        """Its decision, and after it that of its release, if the bureau ordered one."""
        rows = await self._pool.fetch(_SQL["one"], *key_columns(key))
        rows += await self._pool.fetch(_SQL["released"], *key_columns(key))
        return [self._past(key.division, row) for row in rows]

    async def registers(self, division: str, version: int) -> Registers | None:
        """The bureau's registers as they stood at that version; None if it is not kept."""
        async with self._pool.transaction() as connection:
            as_of = await connection.fetchval(_REGISTERS["age_then"], division, version)
            if as_of is None:
                return None
            tables = await read_whole(connection, division, version)
        return tables.registers(division, version, as_of, {}, self._vault.index)

    async def start_shadow(
        self, division: str, candidate: Candidate, span: Span, now: dt.datetime,
        *, ends: bool = False,
    ) -> int | None:  # fmt: skip
        """The run's number; None if one of its kind runs there. It `ends` with the span, or goes
        on with what is sealed after it."""
        rows = await self._pool.fetch(
            _SQL["start_shadow"], division, candidate.revision, candidate.documents, now,
            candidate.by, span.after_seq, span.last_seq if ends else None,
        )  # fmt: skip
        return rows[0]["run"] if rows else None

    async def end_backtest(self, shadow: ShadowRun, now: dt.datetime) -> None:
        """It has read all that it was to read."""
        await self._pool.fetch(_SQL["end_backtest"], shadow.division, shadow.run, now)

    async def fail_backtest(self, shadow: ShadowRun, trouble: str, now: dt.datetime) -> None:
        """It cannot go on, and must not stand in the way of the next one."""
        await self._pool.fetch(_SQL["fail_backtest"], shadow.division, shadow.run, now, trouble)

    async def sealed_then(self, division: str, seq: int) -> dt.datetime | None:
        """When the record after this one was sealed; None if there is none."""
        (row,) = await self._pool.fetch(_SQL["sealed_then"], division, seq + 1)
        moment: dt.datetime | None = row["sealed_at"]
        return moment

    async def add_question(self, question: Question, run: int | None, now: dt.datetime) -> bool:
        """False: its number was used before."""
        rows = await self._pool.fetch(
            _SQL["add_question"], question.division, question.number, question.digest,
            question.what.value, question.by, now, run, question.subject or None,
            question.documents if question.subject and question.documents else None,
        )  # fmt: skip
        return bool(rows)

    async def question(self, division: str, number: int) -> Asked | None:
        rows = await self._pool.fetch(_SQL["question"], division, number)
        return Asked(**dict(rows[0])) if rows else None

    async def questions_open(self, division: str) -> int:
        """How many about single instructions wait for their answer there."""
        (row,) = await self._pool.fetch(_SQL["questions_open"], division)
        return int(row["open"])

    async def open_questions(self) -> list[Asked]:
        """The next ones, of all divisions in turn."""
        return [Asked(**dict(row)) for row in await self._pool.fetch(_SQL["open_questions"])]

    async def answer(self, asked: Asked, answer: bytes, now: dt.datetime) -> None:
        await self._pool.execute(_SQL["answer"], asked.division, asked.number, answer, now)

    async def flips_after(self, shadow: ShadowRun, seq: int, limit: int) -> list[Flip]:
        """One page of what it would have decided otherwise, in order."""
        rows = await self._pool.fetch(_SQL["flips"], shadow.division, shadow.run, seq, limit)
        return [_flip(row) for row in rows]

    async def stop_shadow(self, division: str, now: dt.datetime) -> int | None:
        """The run that was stopped; None if none ran."""
        rows = await self._pool.fetch(_SQL["stop_shadow"], division, now)
        return rows[0]["run"] if rows else None

    async def shadows(
        self, division: str | None = None, run: int | None = None, *, running: bool = False
    ) -> list[ShadowRun]:
        rows = await self._pool.fetch(_SQL["shadows"], division, run, running)
        return [ShadowRun(**dict(row)) for row in rows]

    async def any_shadow(self) -> bool:
        return bool(await self._pool.fetch(_SQL["shadows_running"]))

    async def shadow_troubles(self) -> dict[str, str]:
        """Of candidates on trial that cannot go on: by division, which and why."""
        return {
            row["division"]: f"shadow run {row['run']} does not go on: {row['trouble']}"
            for row in await self._pool.fetch(_SQL["shadow_troubles"])
        }

    async def advance(
        self, shadow: ShadowRun, read_seq: int, compared: int, flips: Sequence[Flip]
    ) -> bool:
        """Keep a page's results and how far it was read, both or neither; False: not ours."""
        async with self._pool.transaction() as connection:
            moved = await connection.fetch(
                _SQL["advance_shadow"], shadow.division, shadow.run, shadow.read_seq, read_seq,
                compared,
            )  # fmt: skip
            if moved and flips:
                await connection.execute(
                    _SQL["add_flips"], shadow.division, shadow.run, *_columns(flips)
                )
        return bool(moved)

    async def note_trouble(self, shadow: ShadowRun, trouble: str) -> None:
        await self._pool.execute(_SQL["trouble_shadow"], shadow.division, shadow.run, trouble)

    async def prune_windows(self, today: dt.date) -> int:
        """Take away entries that no window reaches any more; how many, at most PRUNED_MAX."""
        (row,) = await self._pool.fetch(_SQL["prunable"], today)
        if not row["found"]:
            return 0
        return await self._pool.unbroken(self._prune_windows(today))

    async def _prune_windows(self, today: dt.date) -> int:
        """Without a deadline: it looks for the newest day of all entries, which takes as long as
        there are many, and a piece that was given up would be tried again for ever."""
        async with self._pool.transaction() as connection:
            return int(await connection.fetchval(_SQL["prune_windows"], today, PRUNED_MAX))

    async def flips(self, shadow: ShadowRun) -> AsyncIterator[list[Flip]]:
        after = -1
        while True:
            rows = await self._pool.fetch(_SQL["flips"], shadow.division, shadow.run, after, PAGE)
            if not rows:
                return
            yield [_flip(row) for row in rows]
            after = rows[-1]["seq"]

    def _past(self, division: str, row: Any) -> Past:
        return Past(
            key=key_of(row, division),
            seq=row["seq"],
            format=row["format"],
            raw=self._vault.open_bytes(row["raw"]),
            decided_at=row["decided_at"],
            decision=bytes(row["decision"]),
            bank=BankOutcome(row["bank"]) if row["bank"] else None,
        )  # fmt: skip


def _columns(flips: Sequence[Flip]) -> tuple[list[Any], ...]:
    return (
        [f.seq for f in flips], [f.subject for f in flips], [f.decided_at for f in flips],
        [f.agency for f in flips], [f.amount_fen for f in flips], [f.before for f in flips],
        [f.after for f in flips], [" ".join(f.policies) for f in flips],
        [f.reason_zh for f in flips],
    )  # fmt: skip


def _flip(row: Any) -> Flip:
    return Flip(
        seq=row["seq"], subject=row["subject"], decided_at=row["decided_at"],
        agency=row["agency_code"], amount_fen=row["amount_fen"], before=row["before"],
        after=row["after"], policies=tuple(row["policies"]), reason_zh=row["reason_zh"],
    )  # fmt: skip

"""The bank's movements and the alerts on its conduct: `gateway.conduct_ports.ConductStore`."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from adapters.postgres.drafts import tell
from adapters.postgres.ledger.keys import key_arrays, key_columns, key_of
from adapters.postgres.ledger.standing import standings
from adapters.postgres.session import Connection, Pool, Proof
from adapters.postgres.statements import statements
from gateway.domain.bank import BankOutcome
from gateway.domain.conduct import (
    AccountTask,
    Alert,
    Arrears,
    BankEntry,
    ClearingTotal,
    ContradictionEnd,
    Correction,
    DayOfAccount,
    Direction,
    EndResult,
    HandedOver,
    Known,
    Overpaid,
    ScoreCard,
    Statement,
    TakenBack,
    TaskKind,
    Unbacked,
    Unbooked,
    Unreturned,
    Untold,
)
from gateway.domain.faults import LedgerUnavailable
from gateway.domain.instruction import InstructionKey
from gateway.domain.ledger import RecordDraft
from gateway.domain.legal_day import SHANGHAI, legal_day
from gateway.domain.money import Fen
from gateway.domain.people import IN_CLEAR, Sealing

FOUND_MAX = 500
"""How much of one kind one look finds; what is told is not found again."""
MOVEMENTS_MAX = 1000
"""Of one instruction: twice as many as a voucher has payees."""

NOTHING = Fen(0)
_DAY = dt.timedelta(days=1)

_SQL = statements("conduct")


class PostgresConduct:
    """Every error of the database is LedgerUnavailable."""

    def __init__(
        self, dsn: str, sealing: Sealing = IN_CLEAR, *, allow_unsafe: bool = False,
        kept: Proof | None = None,
    ) -> None:  # fmt: skip
        self._sealing = sealing
        self._pool = Pool(dsn, size=2, allow_unsafe=allow_unsafe, kept=kept)

    async def close(self) -> None:
        await self._pool.close()

    async def known(
        self, entries: Sequence[BankEntry], clearing: Sequence[ClearingTotal] = ()
    ) -> Known:
        keys = list({entry.key for entry in entries if entry.key})
        columns = [entry.division for entry in entries], [entry.id for entry in entries]
        async with self._pool.session() as session:
            rows = await session.connection.fetch(_SQL["entries"], *columns)
            rows += await session.connection.fetch(
                _SQL["movements"], *key_arrays(keys), MOVEMENTS_MAX
            )
            held = await standings(session.connection, keys, self._sealing)
            before = await session.connection.fetch(_SQL["cleared_before"], *_cleared(clearing))
            session.believed()
        booked = {(entry.division, entry.id): entry for entry in map(_entry, rows)}
        cleared = {clearing[row["place"] - 1]: Fen(row["amount_fen"]) for row in before}
        return Known(standings=held, booked=booked, cleared=cleared)

    async def debit(self, key: InstructionKey, *, though_back: bool = False) -> BankEntry | None:
        rows = await self._pool.fetch(_SQL["debit"], *key_columns(key), though_back)
        return _entry(rows[0]) if rows else None

    async def statement_digest(self, division: str, id: str) -> bytes | None:
        rows = await self._pool.fetch(_SQL["statement_digest"], division, id)
        return rows[0]["digest"] if rows else None

    async def take(
        self, statement: Statement, alerts: Sequence[tuple[Alert, RecordDraft, bytes]],
        at: dt.datetime, *, corrections: Sequence[Correction] = (),
        received: HandedOver | None = None, cursor: tuple[str, str] | None = None,
    ) -> int:  # fmt: skip
        """One transaction; how many of the alerts are new. `cursor`: a source, and how far."""
        told = alerts, corrections
        return await self._pool.unbroken(self._take(statement, told, at, received, cursor))

    async def end_contradiction(self, end: ContradictionEnd, at: dt.datetime) -> EndResult:
        return await self._pool.unbroken(self._end(end, at))

    async def cursor(self, source: str) -> str | None:
        rows = await self._pool.fetch(_SQL["cursor"], source)
        return rows[0]["after"] if rows else None

    async def arrears(
        self, division: str, now: dt.datetime, *, since: dt.datetime,
        records_before: dt.datetime, notices_before: dt.datetime,
    ) -> Arrears:  # fmt: skip
        fetch = self._pool.fetch
        first = legal_day(since)
        today = legal_day(now)
        midnight = dt.datetime.combine(today, dt.time(), SHANGHAI)
        return Arrears(
            unbooked=tuple(
                _unbooked(row)
                for row in await fetch(_SQL["unbooked"], division, since, midnight, FOUND_MAX)
            )
            + tuple(
                _unbooked(row, Fen(row["booked_fen"]))
                for row in await fetch(_SQL["partly_booked"], division, first, midnight, FOUND_MAX)
            ),
            overpaid=tuple(
                _overpaid(division, row)
                for row in await fetch(_SQL["overpaid"], division, first, FOUND_MAX)
            ),
            unreturned=tuple(
                _unreturned(division, row)
                for row in await fetch(_SQL["unreturned"], division, since, midnight, FOUND_MAX)
            ),
            unbacked=tuple(
                _unbacked(division, row)
                for row in await fetch(_SQL["unbacked"], division, since, midnight, FOUND_MAX)
            ),
            denied=tuple(
                map(_entry, await fetch(_SQL["denied"], division, today - _DAY, FOUND_MAX))
            ),
            taken_back=tuple(
                map(_taken_back, await fetch(_SQL["taken_back"], division, FOUND_MAX))
            ),
            days=tuple(DayOfAccount(**row) for row in await fetch(_SQL["days"], division, first)),
            records=tuple(
                Untold(
                    subject=str(row["acknowledged_size"]),
                    waiting_since=row["sealed_at"],
                    count=row["count"],
                )
                for row in await fetch(_SQL["untold_records"], division, records_before)
            ),
            notices=tuple(
                Untold(subject=row["subject"], waiting_since=row["created_at"], count=1)
                for row in await fetch(_SQL["untold_notices"], division, notices_before, FOUND_MAX)
            ),
            tasks=tuple(
                AccountTask(**{**row, "kind": TaskKind(row["kind"])})
                for row in await fetch(_SQL["slow_tasks"], division, today, first, FOUND_MAX)
            ),
        )

    async def knows(self, division: str) -> bool:
        """Whether anything of this division was ever on record here."""
        (row,) = await self._pool.fetch(_SQL["has_log"], division)
        return bool(row["known"])

    async def alerts(self, division: str, first: dt.date, last: dt.date) -> list[bytes]:
        """The alerts raised on these legal days, oldest first, as canonical JSON."""
        rows = await self._pool.fetch(_SQL["alerts"], division, first, last)
        return [row["body"] for row in rows]

    async def score(self, division: str, first: dt.date, last: dt.date) -> ScoreCard:
        begin = dt.datetime.combine(first, dt.time(), SHANGHAI)
        end = dt.datetime.combine(last, dt.time(), SHANGHAI) + dt.timedelta(days=1)
        (row,) = await self._pool.fetch(_SQL["score"], division, begin, end)
        counts = await self._pool.fetch(_SQL["alert_counts"], division, first, last)
        return ScoreCard(
            division=division, first=first, last=last, **row,
            alerts={count["policy"]: count["count"] for count in counts},
        )  # fmt: skip

    async def _take(
        self, statement: Statement,
        told: tuple[Sequence[tuple[Alert, RecordDraft, bytes]], Sequence[Correction]],
        at: dt.datetime, received: HandedOver | None, cursor: tuple[str, str] | None,
    ) -> int:  # fmt: skip
        new, (alerts, corrections) = 0, told
        async with self._pool.transaction() as connection:
            if received and not await _hand_over(connection, statement.id, received, at):
                return 0
            await _keep(connection, statement)
            for alert, record, notice in alerts:
                new += await _raise(connection, alert, record, notice, at)
            if corrections:
                await connection.execute(_SQL["contradict"], at, *_told(corrections))
            if cursor:
                await connection.execute(_SQL["move_cursor"], *cursor)
        return new

    async def _end(self, end: ContradictionEnd, at: dt.datetime) -> EndResult:
        key, record = end.key, end.record
        async with self._pool.transaction() as connection:
            result = await connection.fetchval(
                _SQL["end_contradiction"], *key_columns(key), at, end.paid, end.reference,
                end.agency_code, record.kind, record.subject, record.body, end.notification,
            )  # fmt: skip
        return EndResult(result)


async def _hand_over(
    connection: Connection, id: str, received: HandedOver, at: dt.datetime
) -> bool:
    """False if these very bytes were taken before. Raises LedgerUnavailable if others were."""
    columns = (
        received.division, id, at, received.digest, received.party, received.signature,
        received.raw,
    )  # fmt: skip
    if await connection.fetchval(_SQL["keep_statement"], *columns) is not None:
        return True
    kept = await connection.fetchval(_SQL["statement_digest"], received.division, id)
    if kept != received.digest:
        raise LedgerUnavailable("another statement of this number came meanwhile")
    return False


async def _keep(connection: Connection, statement: Statement) -> None:
    if entries := statement.entries:
        await connection.execute(_SQL["keep_entries"], *_columns(entries))
    if clearing := statement.clearing:
        await connection.execute(_SQL["keep_clearing"], *_cleared(clearing))
    if tasks := statement.tasks:
        await connection.execute(
            _SQL["keep_tasks"],
            [task.division for task in tasks],
            [task.id for task in tasks],
            [task.kind.value for task in tasks],
            [task.agency for task in tasks],
            [task.account for task in tasks],
            [task.asked_on for task in tasks],
            [task.done_on for task in tasks],
        )


async def _raise(
    connection: Connection, alert: Alert, record: RecordDraft, notice: bytes, at: dt.datetime
) -> int:
    """1 if it is new: only then is there a record, and a notice to the bureau."""
    columns = alert.division, alert.policy, alert.subject, at, legal_day(at), notice
    if await connection.fetchval(_SQL["raise_alert"], *columns) is None:
        return 0
    await tell(connection, alert.division, record)
    await connection.execute(_SQL["tell_notice"], alert.division, at, record.subject, notice)
    return 1


def _told(corrections: Sequence[Correction]) -> tuple[list[Any], ...]:
    """For `contradict`: once for each contradiction, and never for what the bank has taken back, by
    what came with it or before."""
    return (
        *key_arrays([each.key for each in corrections]),
        [each.agency_code for each in corrections],
        [each.record.kind for each in corrections],
        [each.record.subject for each in corrections],
        [each.record.body for each in corrections],
        [each.notification for each in corrections],
    )


def _cleared(totals: Sequence[ClearingTotal]) -> tuple[list[Any], ...]:
    return (
        [total.division for total in totals],
        [total.day for total in totals],
        [total.account for total in totals],
        [total.voucher_no for total in totals],
        [total.amount_fen for total in totals],
    )


def _columns(entries: Sequence[BankEntry]) -> tuple[list[Any], ...]:
    return (
        [entry.division for entry in entries],
        [entry.id for entry in entries],
        [entry.booked_at for entry in entries],
        [legal_day(entry.booked_at) for entry in entries],
        [entry.account for entry in entries],
        [entry.direction.value for entry in entries],
        [entry.amount_fen for entry in entries],
        [entry.key.fiscal_year if entry.key else None for entry in entries],
        [entry.key.voucher_type if entry.key else None for entry in entries],
        [entry.key.voucher_no if entry.key else None for entry in entries],
        [entry.reference for entry in entries],
        [entry.counter_account for entry in entries],
        [entry.counter_name for entry in entries],
    )


def _entry(row: Any) -> BankEntry:
    fields = dict(row)
    year, type, no = (fields.pop(name) for name in ("fiscal_year", "voucher_type", "voucher_no"))
    key = no and InstructionKey(
        division=fields["division"], fiscal_year=year, voucher_type=type, voucher_no=no
    )
    return BankEntry(**{**fields, "direction": Direction(fields["direction"])}, key=key or None)


def _taken_back(row: Any) -> TakenBack:
    fields = dict(row)
    agency, held = fields.pop("agency_code"), BankOutcome(fields.pop("held"))
    entry = _entry(fields)
    assert entry.key is not None
    return TakenBack(key=entry.key, agency_code=agency, held=held, entry=entry)


def _unbooked(row: Any, booked_fen: Fen = NOTHING) -> Unbooked:
    return Unbooked(
        key=key_of(row), agency_code=row["agency_code"], amount_fen=Fen(row["amount_fen"]),
        decided_at=row["decided_at"], bank=row["bank"], booked_fen=booked_fen,
    )  # fmt: skip


def _unreturned(division: str, row: Any) -> Unreturned:
    return Unreturned(
        key=key_of(row, division), agency_code=row["agency_code"], agreed_at=row["agreed_at"],
        left_fen=row["left_fen"],
    )  # fmt: skip


def _unbacked(division: str, row: Any) -> Unbacked:
    paid = InstructionKey(
        division=division, fiscal_year=row["of_year"], voucher_type=row["of_type"],
        voucher_no=row["of_no"],
    )  # fmt: skip
    return Unbacked(
        refund=key_of(row, division), key=paid, agency_code=row["agency_code"],
        told_at=row["received_at"], amount_fen=Fen(row["amount_fen"]), left_fen=row["left_fen"],
    )  # fmt: skip


def _overpaid(division: str, row: Any) -> Overpaid:
    return Overpaid(
        key=key_of(row, division), ordered_fen=Fen(row["amount_fen"]), booked_fen=row["booked_fen"],
        entries=tuple(row["entries"]),
    )  # fmt: skip

"""Applying the registers: a feed and its limits in one transaction, all of it or nothing."""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

import attrs

from adapters.postgres.ledger import limit_of
from adapters.postgres.session import Connection, Pool
from adapters.postgres.statements import statements
from gateway.domain.codes import Register
from gateway.domain.faults import FaultCode, FieldError, Unreadable
from gateway.domain.ledger import Limit, LimitKey, LimitKind, RecordDraft
from gateway.domain.limits import limits_of, spelled
from gateway.domain.register_feed import (
    Conceal,
    FeedKind,
    RegisterFeed,
    Unrecorded,
    feed_of,
    plan_key,
)
from gateway.domain.register_tables import row_of
from gateway.domain.registers import FiledPerson, Registers, Row

_SQL = statements("registers")
_LIMITED = (
    Register.INDICATORS, Register.PLANS, Register.CONTRACTS, Register.APPROVALS,
    Register.THREE_PUBLIC_BUDGETS,
)  # fmt: skip
_MONTHS = range(1, 13)

Key = tuple[str, str]
"""Of a limit line: kind, id."""


@attrs.frozen(kw_only=True)
class Loaded:
    """What became of a feed that was offered."""

    applied: bool
    """False if its version does not follow the one in force; then nothing was changed."""
    version: int | None
    """The version in force now; None if there is none."""
    known: bool = False
    """Not applied, because these very bytes were applied before."""
    overdrawn: tuple[Limit, ...] = ()
    """Limits whose lowered grant is less than what is already spoken for: nothing more is reserved
    on them, what is reserved may still be posted, and somebody must be told."""
    withdrawn: tuple[str, ...] = ()
    """Limits that are no longer in the registers: their grant is now nothing. An indicator by its
    id alone, others as `kind id`."""


def nobody(person: FiledPerson) -> tuple[str, FiledPerson]:
    """Where no key for people's data is at hand, no person is taken in. Raises Unreadable."""
    raise Unreadable(
        FaultCode.FEED_INVALID, "there are people in it, and no key to seal their numbers with"
    )


class PostgresRegisters:
    """Writes registers. The first load of a limit takes the register's own count of what was spent
    as the line's opening; later loads change only what is granted and frozen."""

    def __init__(self, dsn: str, conceal: Conceal = nobody, *, allow_unsafe: bool = False) -> None:
        self._pool = Pool(dsn, size=1, allow_unsafe=allow_unsafe)
        self._conceal = conceal

    async def close(self) -> None:
        await self._pool.close()

    async def load(self, registers_raw: bytes, registers: Registers) -> Loaded:
        """Apply registers as a snapshot; `registers_raw` are the bytes that they were read from."""
        digest = hashlib.sha256(registers_raw).digest()
        return await self.apply(feed_of(registers, digest, self._conceal))

    async def apply(self, feed: RegisterFeed, signed: tuple[str, str] | None = None) -> Loaded:
        """Apply it whole or not at all. `signed`: signer and detached JWS, if it was.

        A snapshot's version must be higher than the one in force, a delta's the next. Raises
        Unreadable (a row to remove is not there: every such row), LedgerUnavailable: not applied,
        or not known whether; applying again is safe.
        """
        return await self._pool.unbroken(self._apply(feed, signed))

    async def serve(self, divisions: Iterable[str]) -> None:
        """Note that gateways of this database serve these divisions."""
        await self._pool.unbroken(self._serve(sorted(divisions)))

    async def served(self) -> list[str]:
        """The divisions that gateways of this database have said they serve; none before the first
        one was started."""
        return [row["division"] for row in await self._pool.fetch(_SQL["served"])]

    async def unrecorded(self, division: str, limit: int) -> list[Unrecorded]:
        """Versions that were applied and are not in the log yet, oldest first."""
        rows = await self._pool.fetch(_SQL["unrecorded"], division, limit)
        return [Unrecorded(**dict(row)) for row in rows]

    async def record(self, division: str, version: int, record: RecordDraft) -> bool:
        """Write its record, once. False: somebody else did."""
        return await self._pool.unbroken(self._record(division, version, record))

    async def _serve(self, divisions: list[str]) -> None:
        async with self._pool.transaction() as connection:
            await connection.execute(_SQL["serve"], divisions)

    async def _record(self, division: str, version: int, record: RecordDraft) -> bool:
        async with self._pool.transaction() as connection:
            if await connection.fetchval(_SQL["mark_recorded"], division, version) is None:
                return False
            await connection.execute(
                _SQL["record"], division, record.kind, record.subject, record.body
            )
        return True

    async def _apply(self, feed: RegisterFeed, signed: tuple[str, str] | None) -> Loaded:
        division, version = feed.division, feed.version
        async with self._pool.transaction() as connection:
            await connection.execute(_SQL["lock_division"], division)
            in_force = await connection.fetchval(_SQL["version_of"], division)
            if not _follows(feed, in_force):
                digest = await connection.fetchval(_SQL["digest_of"], division, version)
                return Loaded(applied=False, version=in_force, known=digest == feed.digest)
            await _stage(connection, feed)
            await _put_rows(connection, feed)
            await connection.execute(
                _SQL["add_version"], division, version, feed.as_of, feed.kind, feed.digest,
                *(signed or (None, None)), feed.rows,
            )  # fmt: skip
            await connection.execute(
                _SQL["put_ages"], division, version, feed.as_of, sorted(feed.spoken)
            )
            withdrawn = await _put_limits(connection, feed)
            await connection.execute(_SQL["note_overdrawn"], division)
            overdrawn = await connection.fetch(_SQL["overdrawn"], division)
            await connection.execute(_SQL["tell"], division)
        return Loaded(
            applied=True, version=version, overdrawn=tuple(map(limit_of, overdrawn)),
            withdrawn=withdrawn,
        )  # fmt: skip


def _follows(feed: RegisterFeed, in_force: int | None) -> bool:
    if feed.kind is FeedKind.DELTA:
        return in_force is not None and feed.version == in_force + 1
    return in_force is None or feed.version > in_force


async def _stage(connection: Connection, feed: RegisterFeed) -> None:
    def rows() -> Iterator[tuple[str, str, bytes | None]]:
        for register, bodies in feed.puts.items():
            for key, body in bodies.items():
                yield register.value, key, body
        for register, keys in feed.gone.items():
            for key in keys:
                yield register.value, key, None

    await connection.execute(_SQL["go_through"])
    await connection.execute(_SQL["stage"])
    await connection.copy_records_to_table(
        "staged", records=rows(), columns=("register", "key", "body")
    )
    await connection.execute(_SQL["count_staged"])


async def _put_rows(connection: Connection, feed: RegisterFeed) -> None:
    at = feed.division, feed.version
    if feed.kind is FeedKind.DELTA:
        missing = await connection.fetch(_SQL["not_there"], feed.division)
        if missing:
            raise Unreadable(
                FaultCode.FEED_INVALID, "rows to remove are not there; nothing was applied",
                tuple(_not_there(feed, row) for row in missing),
            )  # fmt: skip
        await connection.execute(_SQL["end_by_delta"], *at)
    else:
        await connection.execute(_SQL["end_by_snapshot"], *at)
    await connection.execute(_SQL["put_rows"], *at)


def _not_there(feed: RegisterFeed, row: Any) -> FieldError:
    return FieldError(
        field=feed.gone[Register(row["register"])][row["key"]], code="unknown_row",
        zh="要删除的行不存在", en="is to be removed and is not there",
    )  # fmt: skip


async def _put_limits(connection: Connection, feed: RegisterFeed) -> tuple[str, ...]:
    """Lines of what the feed says; what it takes away is granted nothing. The withdrawn ones."""
    division = feed.division
    rows = {register: dict(feed.puts.get(register, {})) for register in _LIMITED}
    if feed.kind is FeedKind.DELTA:
        touched = _indicators(feed)
        rows[Register.INDICATORS] = await _standing(
            connection, division, Register.INDICATORS, touched
        )
        plans = [plan_key(id, month) for id in touched for month in _MONTHS]
        rows[Register.PLANS] = await _standing(connection, division, Register.PLANS, plans)
    lines = limits_of(
        {register: _read(register, bodies.values()) for register, bodies in rows.items()}
    )
    kinds, ids = [line.key.kind for line in lines], [line.key.id for line in lines]
    if feed.kind is FeedKind.DELTA:
        gone = sorted(_concerned(feed) - set(zip(kinds, ids, strict=True)))
    else:
        others = await connection.fetch(_SQL["other_lines"], division, kinds, ids)
        gone = sorted((row["kind"], row["id"]) for row in others)
    await connection.execute(
        _SQL["put_lines"], division, kinds, ids, [line.granted_fen for line in lines],
        [line.frozen_fen for line in lines], [line.opening_fen for line in lines],
    )  # fmt: skip
    withdrawn = await connection.fetch(
        _SQL["withdraw_lines"], division, [kind for kind, _ in gone], [id for _, id in gone]
    )
    keys = sorted(LimitKey(kind=LimitKind(row["kind"]), id=row["id"]) for row in withdrawn)
    return tuple(map(spelled, keys))


def _indicators(feed: RegisterFeed) -> list[str]:
    """Indicators whose own row or plan the delta touches."""
    named = _touched(feed, Register.INDICATORS)
    planned = {key.rpartition("/")[0] for key in _touched(feed, Register.PLANS)}
    return sorted(named | planned)


def _concerned(feed: RegisterFeed) -> set[Key]:
    """Every line that a delta may have changed."""
    kinds = {
        Register.CONTRACTS: LimitKind.CONTRACT,
        Register.APPROVALS: LimitKind.APPROVAL,
        Register.THREE_PUBLIC_BUDGETS: LimitKind.THREE_PUBLIC,
    }
    found: set[Key] = {
        (kind, id) for id in _indicators(feed) for kind in (LimitKind.INDICATOR, LimitKind.PLAN)
    }
    for register, kind in kinds.items():
        found |= {(kind, key) for key in _touched(feed, register)}
    return found


def _touched(feed: RegisterFeed, register: Register) -> set[str]:
    return feed.puts.get(register, {}).keys() | feed.gone.get(register, {}).keys()


async def _standing(
    connection: Connection, division: str, register: Register, keys: list[str]
) -> dict[str, bytes]:
    if not keys:
        return {}
    rows = await connection.fetch(_SQL["standing_rows"], division, register.value, keys)
    return {row["key"]: row["body"] for row in rows}


def _read(register: Register, bodies: Iterable[bytes]) -> list[Row]:
    return [row_of(register, body) for body in bodies]

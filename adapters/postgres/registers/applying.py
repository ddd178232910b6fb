"""Applying the registers: a feed and its limits in one transaction, all of it or nothing."""

import hashlib
from collections.abc import Iterable

import attrs

from adapters.postgres.drafts import tell
from adapters.postgres.ledger.ledger import limit_of
from adapters.postgres.registers.reading import rows_digests
from adapters.postgres.registers.vouchers import applied_before, note_vouchers, standing_for
from adapters.postgres.registers.writing import put_limits, put_rows, stage
from adapters.postgres.session import LONG_S, Connection, Pool, Proof
from adapters.postgres.statements import statements
from gateway.domain.faults import FaultCode, Unreadable
from gateway.domain.ledger import Limit, RecordDraft
from gateway.domain.register_feed import (
    Conceal,
    FeedKind,
    OutOfTurn,
    RegisterFeed,
    Unrecorded,
    feed_of,
)
from gateway.domain.register_vouchers import Handed, puts_of
from gateway.domain.registers import FiledPerson, Registers

_SQL = statements("registers")


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


@attrs.frozen(kw_only=True)
class _Origin:
    """How a version came: as the bureau's feed under a number of its own, or as vouchers."""

    signer: str | None
    signature: str | None
    feed_version: int | None = None
    raw: bytes | None = None
    """The envelope of vouchers."""


def nobody(person: FiledPerson) -> tuple[str, FiledPerson]:
    """Where no key for people's data is at hand, no person is taken in. Raises Unreadable."""
    raise Unreadable(
        FaultCode.FEED_INVALID, "there are people in it, and no key to seal their numbers with"
    )


class PostgresRegisters:
    """Writes registers. The first load of a limit takes the register's own count of what was spent
    as the line's opening; later loads change only what is granted and frozen."""

    def __init__(
        self, dsn: str, conceal: Conceal = nobody, *, allow_unsafe: bool = False,
        kept: Proof | None = None,
    ) -> None:  # fmt: skip
        self._pool = Pool(dsn, size=1, allow_unsafe=allow_unsafe, kept=kept, cut_after_s=LONG_S)
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

    async def apply_vouchers(self, handed: Handed) -> Loaded:
        """Apply an envelope of vouchers as one more version, each voucher once. They make no
        register younger: they speak of their own lines only.

        Raises Unreadable (every line that cannot be applied), Conflicting (a voucher that was
        applied in another envelope, no snapshot in force), LedgerUnavailable as `apply`.
        """
        return await self._pool.unbroken(self._apply_vouchers(handed))

    async def serve(self, divisions: Iterable[str]) -> None:
        """Note that gateways of this database serve these divisions."""
        await self._pool.unbroken(self._serve(sorted(divisions)))

    async def served(self) -> list[str]:
        """The divisions that gateways of this database have said they serve; none before the first
        one was started."""
        return [row["division"] for row in await self._pool.fetch(_SQL["served"])]

    async def unrecorded(self, division: str, limit: int) -> list[Unrecorded]:
        """Versions that were applied and are not in the log yet, oldest first. Takes as long as
        their rows do: a whole file has a million."""
        async with self._pool.session() as session:
            rows = await session.connection.fetch(_SQL["unrecorded"], division, limit)
            if not rows:  # nearly always
                return []
            digests = await rows_digests(
                session.connection, division, [row["version"] for row in rows]
            )
        return [Unrecorded(**row, rows_digest=digests[row["version"]]) for row in rows]

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
            await tell(connection, division, record)
        return True

    async def _apply(self, feed: RegisterFeed, signed: tuple[str, str] | None) -> Loaded:
        division, stated = feed.division, feed.version
        async with self._pool.transaction() as connection:
            await connection.execute(_SQL["lock_division"], division)
            in_force = await connection.fetchval(_SQL["feed_version_of"], division)
            if not _follows(feed, in_force):
                digest = await connection.fetchval(_SQL["digest_of"], division, stated)
                return Loaded(applied=False, version=in_force, known=digest == feed.digest)
            latest = await connection.fetchval(_SQL["version_of"], division) or 0
            numbered = attrs.evolve(feed, version=max(latest + 1, stated))
            signer, signature = signed or (None, None)
            origin = _Origin(signer=signer, signature=signature, feed_version=stated)
            loaded = await _write(connection, numbered, origin)
            await connection.execute(
                _SQL["put_ages"], division, numbered.version, feed.as_of, sorted(feed.spoken)
            )
        return attrs.evolve(loaded, version=stated)

    async def _apply_vouchers(self, handed: Handed) -> Loaded:
        division = handed.vouchers[0].key.division
        digest = hashlib.sha256(handed.raw).digest()
        async with self._pool.transaction() as connection:
            await connection.execute(_SQL["lock_division"], division)
            applied = await applied_before(connection, handed, digest)
            if applied is not None:
                return Loaded(applied=False, version=applied, known=True)
            in_force = await connection.fetchrow(_SQL["in_force"], division)
            if in_force is None:
                raise OutOfTurn(FaultCode.FEED_GAP, "no snapshot is in force yet; send one first")
            await connection.execute(_SQL["go_through"])
            feed = RegisterFeed(
                division=division, version=in_force["version"] + 1, as_of=in_force["as_of"],
                kind=FeedKind.DELTA, digest=digest, spoken=frozenset(), gone={},
                puts=puts_of(handed.vouchers, await standing_for(connection, handed.vouchers)),
            )  # fmt: skip
            origin = _Origin(signer=handed.party, signature=handed.signature, raw=handed.raw)
            loaded = await _write(connection, feed, origin)
            await note_vouchers(connection, handed, feed.version, digest)
        return loaded


async def _write(connection: Connection, feed: RegisterFeed, origin: _Origin) -> Loaded:
    """The feed under its version: rows, limits, whoever is overdrawn by it, and the word to all."""
    division, version = feed.division, feed.version
    await stage(connection, feed)
    await put_rows(connection, feed)
    await connection.execute(
        _SQL["add_version"], division, version, feed.as_of, feed.kind, feed.digest,
        origin.signer, origin.signature, feed.rows, origin.feed_version, origin.raw is not None,
        origin.raw,
    )  # fmt: skip
    withdrawn = await put_limits(connection, feed)
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

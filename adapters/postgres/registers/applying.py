"""Applying the registers: a feed and its limits in one transaction, all of it or nothing."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from adapters.postgres.drafts import tell
from adapters.postgres.ledger.ledger import limit_of
from adapters.postgres.registers.reading import rows_digests
from adapters.postgres.registers.vouchers import applied_before, note_vouchers, standing_for
from adapters.postgres.registers.vouching import Vouch, is_said, of_record, of_version
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
        self, dsn: str, conceal: Conceal = nobody, vouch: Vouch | None = None, *,
        allow_unsafe: bool = False, kept: Proof | None = None,
    ) -> None:  # fmt: skip
        """`vouch`: of whoever proves signatures; without it no version is told with a signer."""
        self._pool = Pool(dsn, size=1, allow_unsafe=allow_unsafe, kept=kept, cut_after_s=LONG_S)
        self._conceal = conceal
        self._vouch = vouch
        self._told: dict[str, int] = {}
        """By division: all versions up to this one are on record."""

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
        their rows do: a whole file has a million. One that nobody vouches for has no signer."""
        async with self._pool.session() as session:
            above = self._told.get(division, 0) if self._vouch else 2**63 - 1
            found = await session.connection.fetch(_SQL["unrecorded"], division, limit, above)
            rows = [dict(each) for each in found]
            due = [row for row in rows if not self._is_told(division, row)]
            if not due:  # nearly always
                self._told[division] = max(above, *(row["version"] for row in rows), 0)
                return []
            versions = [row["version"] for row in due]
            digests = await rows_digests(session.connection, division, versions)
        return [self._unrecorded(division, row, digests[row["version"]]) for row in due]

    def _is_told(self, division: str, row: Mapping[str, Any]) -> bool:
        by_us = of_record(self._vouch, division, row["version"])
        return row["recorded"] and is_said(row["told"], by_us)

    def _unrecorded(self, division: str, row: Mapping[str, Any], digest: bytes) -> Unrecorded:
        by_hand = not row["of_before"] and not is_said(
            row["vouched"], of_version(self._vouch, division, row)
        )
        names = (each.name for each in attrs.fields(Unrecorded))
        kept = {name: row[name] for name in names if name in row}
        return Unrecorded(
            **kept | {"signer": None if by_hand else row["signer"]}, rows_digest=digest,
            by_hand=by_hand and bool(row["signer"]),
        )  # fmt: skip

    async def record(self, division: str, version: int, record: RecordDraft) -> bool:
        """Write its record, once. False: somebody else did."""
        return await self._pool.unbroken(self._record(division, version, record))

    async def _serve(self, divisions: list[str]) -> None:
        async with self._pool.transaction() as connection:
            await connection.execute(_SQL["serve"], divisions)

    async def _record(self, division: str, version: int, record: RecordDraft) -> bool:
        async with self._pool.transaction() as connection:
            by_us = of_record(self._vouch, division, version)
            if await connection.fetchval(_SQL["mark_recorded"], division, version, by_us) is None:
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
            loaded = await self._write(connection, numbered, origin)
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
            loaded = await self._write(connection, feed, origin)
            await note_vouchers(connection, handed, feed.version, digest)
        return loaded

    async def _write(self, connection: Connection, feed: RegisterFeed, origin: _Origin) -> Loaded:
        """The feed under its version: rows, limits, whoever is overdrawn, and the word to all."""
        division, version = feed.division, feed.version
        await stage(connection, feed)
        await put_rows(connection, feed)
        row = {
            "version": version, "as_of": feed.as_of, "kind": feed.kind, "digest": feed.digest,
            "signer": origin.signer, "signature": origin.signature, "rows": feed.rows,
            "as_kept": origin.feed_version, "by_voucher": origin.raw is not None,
        }  # fmt: skip
        vouched = of_version(self._vouch, division, row)
        await connection.execute(_SQL["add_version"], division, *row.values(), origin.raw, vouched)
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

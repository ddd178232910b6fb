"""The bureau's decisions about holds in PostgreSQL: proposals, approvals, signed feeds."""

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from adapters.postgres.bureau.pool import Connection, Pool, connection_of
from adapters.postgres.bureau.trail import ActLike, Trail
from adapters.postgres.statements import statements
from gateway.domain.instruction import InstructionKey
from gateway.domain.releases import Person

_SQL = statements("bureau/releases")


class BureauReleases:
    """`bureau.ports.ReleaseStore`. Rows come back as mappings. Raises StoreUnavailable."""

    def __init__(self, pool: Pool, trail: Trail) -> None:
        self._pool = pool
        self._trail = trail

    async def open_holds(self, division: str, limit: int) -> Sequence[Mapping[str, Any]]:
        async with connection_of(self._pool) as connection:
            return [dict(r) for r in await connection.fetch(_SQL["open_holds"], division, limit)]

    async def propose(
        self, key: InstructionKey, bank: str, digest: bytes, decision: bytes, person: Person,
        check: Callable[[Mapping[str, Any]], None], act: ActLike | None = None,
    ) -> bool:  # fmt: skip
        """`check` may refuse by raising, of how the hold stands. False: proposed before. `act`,
        here and below: kept in the trail with the step, if it is taken."""
        payment = key.division, bank, key.fiscal_year, key.voucher_type, key.voucher_no
        async with connection_of(self._pool) as connection, connection.transaction():
            await connection.execute(_SQL["lock_feed"], key.division, bank)
            stands = await connection.fetchrow(_SQL["decidable"], *payment, digest)
            assert stands is not None, "an aggregate always has its row"
            check(dict(stands))
            new = await connection.fetchval(
                _SQL["propose"], key.division, digest, *payment[1:], decision, person.name,
                person.uri, person.signature, person.at, act.login if act else "",
            )  # fmt: skip
            await self._tell(connection, person.at, act if new else None)
        return new is not None

    async def stopped_by(self, division: str, bank: str, subject: str) -> bytes | None:
        async with connection_of(self._pool) as connection:
            body: bytes | None = await connection.fetchval(
                _SQL["stopped_by"], division, bank, subject
            )
        return body

    async def proposal(self, division: str, digest: bytes) -> Mapping[str, Any] | None:
        async with connection_of(self._pool) as connection:
            row = await connection.fetchrow(_SQL["proposal"], division, digest)
        return None if row is None else dict(row)

    async def proposals(self, division: str, limit: int) -> Sequence[Mapping[str, Any]]:
        async with connection_of(self._pool) as connection:
            return [dict(r) for r in await connection.fetch(_SQL["proposals"], division, limit)]

    async def approve(
        self, division: str, digest: bytes, person: Person,
        feed: Callable[[Mapping[str, Any], int], tuple[bytes, str]], act: ActLike | None = None,
    ) -> bool:  # fmt: skip
        """Approval, feed number and signature in one transaction.

        `feed` makes the signed feed (body, detached JWS) of a proposal's row, which says how the
        hold stands (`held`, `ordered_since`), and a version; what it raises leaves all as it was.
        False: approved before.
        """
        async with connection_of(self._pool) as connection, connection.transaction():
            row = await connection.fetchrow(_SQL["proposal"], division, digest)
            assert row is not None, "proposed, and never taken away"
            await connection.execute(_SQL["lock_feed"], division, row["bank"])
            row = await connection.fetchrow(_SQL["proposal"], division, digest)
            assert row is not None
            stands = await connection.fetchrow(
                _SQL["decidable"], division, row["bank"], row["fiscal_year"], row["voucher_type"],
                row["voucher_no"], digest,
            )  # fmt: skip
            assert stands is not None, "an aggregate always has its row"
            version = await connection.fetchval(_SQL["last_version"], division, row["bank"]) + 1
            body, signature = feed({**row, **stands}, version)
            new = await connection.fetchval(
                _SQL["approve"], division, digest, row["proposer"], person.name, person.uri,
                person.signature, person.at,
            )  # fmt: skip
            if new is None:
                return False
            await connection.execute(
                _SQL["add_feed"], division, row["bank"], version, digest, person.at, signature, body
            )
            await self._tell(connection, person.at, act)
        return True

    async def reject(
        self, division: str, digest: bytes, by: tuple[str, str], at: dt.datetime,
        check: Callable[[Mapping[str, Any]], None], act: ActLike | None = None,
    ) -> bool:  # fmt: skip
        """`by`: person, reason. `check` may refuse by raising. False: rejected before."""
        async with connection_of(self._pool) as connection, connection.transaction():
            row = await connection.fetchrow(_SQL["proposal"], division, digest)
            assert row is not None
            await connection.execute(_SQL["lock_feed"], division, row["bank"])
            row = await connection.fetchrow(_SQL["proposal"], division, digest)
            assert row is not None
            check(dict(row))
            new = await connection.fetchval(_SQL["reject"], division, digest, *by, at)
            await self._tell(connection, at, act if new else None)
        return new is not None

    async def _tell(self, connection: Connection, at: dt.datetime, act: ActLike | None) -> None:
        await self._trail.add(connection, at, [act] if act else [])

    async def waiting_feeds(self, resting: Collection[str] = ()) -> Sequence[Mapping[str, Any]]:
        """`resting`: `division/bank` of which nothing is read now."""
        async with connection_of(self._pool) as connection:
            rows = await connection.fetch(_SQL["waiting_feeds"], list(resting))
        return [dict(row) for row in rows]

    async def attempted(
        self, row: Mapping[str, Any], at: dt.datetime, trouble: str | None, refusal: str = ""
    ) -> None:
        """`trouble` None: the gateway has acknowledged it, these bytes and no others that have
        come under its number meanwhile."""
        place = row["division"], row["bank"], row["version"]
        async with connection_of(self._pool) as connection:
            await connection.execute(
                _SQL["attempted"], *place, at, trouble, row["signature"], refusal or None
            )

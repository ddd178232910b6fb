"""What becomes of a number of releases that its gateway does not acknowledge, in PostgreSQL.

What the gateway holds is taken in; what it has refused for good is made void by two persons."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from adapters.postgres.bureau.pool import Connection, Pool, Row, connection_of
from adapters.postgres.bureau.trail import ActLike, Trail
from adapters.postgres.statements import statements
from gateway.domain.faults import FaultCode, FeedRefused
from gateway.domain.releases import Person
from gateway.domain.voids import HeldFeed, Void

Renumbered = Callable[[bytes, int], tuple[bytes, str]]
Told = Callable[[Sequence[int], Sequence[tuple[int, int]]], ActLike]

_SQL = statements("bureau/release_numbers")
_LOCK = statements("bureau/releases")["lock_feed"]


class BureauReleaseNumbers:
    """`bureau.ports.NumberStore` and `.VoidStore`. Raises StoreUnavailable."""

    def __init__(self, pool: Pool, trail: Trail) -> None:
        self._pool = pool
        self._trail = trail

    async def first_open(self, division: str, bank: str) -> int:
        async with connection_of(self._pool) as connection:
            number: int = await connection.fetchval(_SQL["first_open"], division, bank)
        return number

    async def take_in(
        self, place: tuple[str, str], held: Sequence[HeldFeed], at: dt.datetime,
        renumbered: Renumbered, act: Told,
    ) -> Sequence[int]:  # fmt: skip
        """The numbers that changed. Raises FeedRefused, with nothing written."""
        async with connection_of(self._pool) as connection, connection.transaction():
            await connection.execute(_LOCK, *place)
            taking = _Taking(connection, place, at)
            await taking.check_start(held[0].version)
            known = {each.content.digest for each in held}
            for each in held:
                await taking.take(each, known)
            moved = await taking.sign_anew(held[-1].version, renumbered)
            if taking.numbers:
                await self._trail.add(connection, at, [act(taking.numbers, moved)])
        return taking.numbers

    async def refused_feeds(self, division: str, bank: str | None = None) -> Sequence[Row]:
        async with connection_of(self._pool) as connection:
            rows = await connection.fetch(_SQL["refused_feeds"], division, bank)
        return [dict(row) for row in rows]

    async def voids(self, division: str, limit: int, digest: bytes | None = None) -> Sequence[Row]:
        async with connection_of(self._pool) as connection:
            rows = await connection.fetch(_SQL["voids"], division, digest, limit)
        return [dict(row) for row in rows]

    async def propose_void(
        self, place: tuple[str, str], since: dt.datetime,
        make: Callable[[Row | None, bool], tuple[bytes, bytes, Person]], act: ActLike | None,
    ) -> None:  # fmt: skip
        """`make` sees the feed that is refused next, and whether a void of it, proposed after
        `since`, waits already; it may refuse by raising, and gives digest, decision and person."""
        async with connection_of(self._pool) as connection, connection.transaction():
            await connection.execute(_LOCK, *place)
            row = await connection.fetchrow(_SQL["refused_feeds"], *place)
            waits = row is not None and await connection.fetchval(
                _SQL["open_void"], *place, row["version"], row["order_digest"], since
            )
            digest, decision, person = make(None if row is None else dict(row), bool(waits))
            assert row is not None, "nothing to be made void was refused by `make`"
            await connection.fetchval(
                _SQL["add_void"], place[0], digest, place[1], row["version"],
                row["order_digest"], decision, person.name, person.uri, person.signature, person.at,
                act.login if act else "",
            )  # fmt: skip
            await self._trail.add(connection, person.at, [act] if act else [])

    async def approve_void(
        self, place: tuple[str, str], digest: bytes, person: Person,
        feed: Callable[[Row, Row | None], tuple[bytes, str]], act: ActLike | None,
    ) -> None:  # fmt: skip
        """`feed` sees the void and the feed that is refused next, may refuse by raising, and makes
        the signed void. It takes the refused feed's number; that one is kept aside."""
        async with connection_of(self._pool) as connection, connection.transaction():
            await connection.execute(_LOCK, *place)
            [void] = await connection.fetch(_SQL["voids"], place[0], digest, 1)
            row = await connection.fetchrow(_SQL["refused_feeds"], *place)
            body, signature = feed(dict(void), None if row is None else dict(row))
            assert row is not None, "nothing to be made void was refused by `feed`"
            await connection.fetchval(
                _SQL["approve_void"], place[0], digest, person.name, person.uri, person.signature,
                person.at,
            )  # fmt: skip
            number = row["version"]
            gone = await connection.fetchval(
                _SQL["set_aside"], *place, number, row["signature"], "voided", person.at
            )
            assert gone, "it was read under the lock of its numbers"
            await connection.execute(
                _SQL["add_feed"], *place, number, digest, person.at, signature, body, None
            )
            await self._trail.add(connection, person.at, [act] if act else [])

    async def reject_void(
        self, place: tuple[str, str], digest: bytes, by: tuple[str, str], at: dt.datetime,
        check: Callable[[Row], None], act: ActLike | None,
    ) -> None:  # fmt: skip
        """`by`: person, reason. `check` may refuse by raising."""
        async with connection_of(self._pool) as connection, connection.transaction():
            await connection.execute(_LOCK, *place)
            [void] = await connection.fetch(_SQL["voids"], place[0], digest, 1)
            check(dict(void))
            await connection.fetchval(_SQL["reject_void"], place[0], digest, *by, at)
            await self._trail.add(connection, at, [act] if act else [])


class _Taking:
    """One transaction that takes in what a gateway holds."""

    def __init__(self, connection: Connection, place: tuple[str, str], at: dt.datetime) -> None:
        self._connection = connection
        self._place = place
        self._at = at
        self._moved: list[Mapping[str, Any]] = []
        self.numbers: list[int] = []

    async def check_start(self, number: int) -> None:
        """Numbers stay without a gap."""
        if number > await self._last() + 1:
            raise FeedRefused(f"number {number} follows none here", FaultCode.FEED_CONFLICT)

    async def take(self, held: HeldFeed, known: frozenset[bytes] | set[bytes]) -> None:
        """`known`: the decisions that the gateway holds; none of them is sent again."""
        fetch, number = self._connection.fetchrow, held.version
        row = await fetch(_SQL["feed_at"], *self._place, number)
        if row is not None and row["body"] == held.body:
            if row["acknowledged_at"] is None:
                await self._connection.execute(_SQL["acknowledge"], *self._place, number, self._at)
                self.numbers.append(number)
            return
        if row is not None:
            voided = held.voids == row["digest"]
            done = row["is_void"] or row["digest"] in known
            await self._aside(
                dict(row), "voided" if voided else "overtaken" if done else "renumbered"
            )
        same = await fetch(_SQL["feed_of"], *self._place, held.content.digest)
        if same is not None:
            await self._aside(dict(same), "overtaken")
        self._moved = [each for each in self._moved if each["digest"] != held.content.digest]
        await self._keep(held)
        self.numbers.append(number)

    async def sign_anew(self, held: int, renumbered: Renumbered) -> list[tuple[int, int]]:
        """What stood where the gateway holds another, behind all numbers, and so that none after
        `held`, the last that was taken in, is left out: (old, new)."""
        follows = held + 1
        for row in await self._connection.fetch(_SQL["waiting_after"], *self._place, held):
            if row["version"] == follows:
                follows += 1
            else:  # what stood between was not to be sent again
                await self._aside(dict(row), "renumbered")
        moved = []
        for each in self._moved:
            number = await self._last() + 1
            body, signature = renumbered(each["body"], number)
            await self._connection.execute(
                _SQL["add_feed"], *self._place, number, each["digest"], self._at, signature, body,
                None,
            )  # fmt: skip
            moved.append((each["version"], number))
        return moved

    async def _aside(self, row: Mapping[str, Any], why: str) -> None:
        gone = row["acknowledged_at"] is None and await self._connection.fetchval(
            _SQL["set_aside"], *self._place, row["version"], row["signature"], why, self._at
        )
        if not gone:
            words = f"number {row['version']} was acknowledged with other bytes than it holds"
            raise FeedRefused(words, FaultCode.FEED_CONFLICT)
        if why == "renumbered":
            self._moved.append(row)

    async def _keep(self, held: HeldFeed) -> None:
        division, bank = self._place
        content = held.content
        first, second = content.proposer, content.approver
        approval = second.name, second.uri, second.signature, second.at
        by = content.decision, first.name, first.uri, first.signature, first.at
        connection = self._connection
        if isinstance(content, Void):
            about: tuple[Any, ...] = bank, content.version, content.order_digest
            await connection.execute(_SQL["add_void"], division, content.digest, *about, *by, "")
            await connection.execute(_SQL["approve_void"], division, content.digest, *approval)
        else:
            key = content.key
            about = bank, key.fiscal_year, key.voucher_type, key.voucher_no
            await connection.execute(_SQL["proposal_held"], division, content.digest, *about, *by)
            await connection.execute(_SQL["approval_held"], division, content.digest, *approval)
        await connection.execute(
            _SQL["add_feed"], division, bank, held.version, content.digest, second.at,
            held.signature, held.body, self._at,
        )  # fmt: skip

    async def _last(self) -> int:
        number: int = await self._connection.fetchval(_SQL["last_version"], *self._place)
        return number

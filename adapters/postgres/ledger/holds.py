"""Holds, releases and notifications on PostgreSQL; each method is one transaction."""

import datetime as dt
import hashlib
import uuid
from collections.abc import Sequence
from typing import Any

from adapters.postgres.drafts import tell
from adapters.postgres.ledger.kept import Kept
from adapters.postgres.ledger.keys import key_columns, key_of
from adapters.postgres.session import Pool
from adapters.postgres.statements import statements
from gateway.domain.faults import Conflicting, FaultCode
from gateway.domain.holds import Claim, Claimed, Ending, Gone, Hold, Notification
from gateway.domain.instruction import InstructionKey
from gateway.domain.ledger import LimitKey, Moved, RecordDraft, Short
from gateway.domain.releases import Order
from gateway.domain.windows import WindowKey

BIGINT_MAX = 2**63 - 1

_SQL = statements("holds")


class PostgresHolds:
    """`gateway.hold_ports.Holds`. `instance` names this process. Every error is LedgerUnavailable:
    then it is not known whether it stands, and nothing may be forwarded on it."""

    def __init__(
        self, dsn: str, *, instance: str, pool_size: int = 2, allow_unsafe: bool = False,
        kept: Kept | None = None,
    ) -> None:  # fmt: skip
        self._instance = instance
        self._kept = kept or Kept()
        self._pool = Pool(dsn, size=pool_size, allow_unsafe=allow_unsafe, kept=self._kept)

    async def close(self) -> None:
        await self._pool.close()

    async def claim(self, claim: Claim) -> Claimed | Gone | Short | Moved:
        answer = await self._pool.unbroken(self._claim(claim))
        if isinstance(answer, Claimed):
            self._kept.released(claim.key)
        return answer

    async def end(self, ending: Ending) -> bool:
        return await self._pool.unbroken(self._end(ending))

    async def dismiss(
        self, division: str, order: bytes, at: dt.datetime, record: RecordDraft
    ) -> bool:
        arguments = division, order, at, record.kind, record.subject, record.body
        return bool(await self._pool.unbroken(self._value("dismiss_release", *arguments)))

    async def open_orders(self, limit: int) -> list[tuple[str, bytes]]:
        rows = await self._pool.fetch(_SQL["open_orders"], limit)
        return [(row["division"], row["body"]) for row in rows]

    async def given_in(self, division: str, order: bytes) -> tuple[bytes, str] | None:
        rows = await self._pool.fetch(_SQL["given_in"], division, order)
        return (rows[0]["body"], rows[0]["signature"]) if rows else None

    async def told(self, key: InstructionKey, order: bytes) -> list[bytes | None]:
        at = key.fiscal_year, key.voucher_type, key.voucher_no
        rows = await self._pool.fetch(_SQL["told"], key.division, str(key), order, *at)
        return [row["body"] for row in rows]

    async def open_holds(
        self, division: str, until: dt.datetime, limit: int, agency: str | None = None
    ) -> list[Hold]:
        rows = await self._pool.fetch(_SQL["open_holds"], division, until, agency, limit)
        return [_hold(row) for row in rows]

    async def swept(self, division: str, before: dt.datetime) -> None:
        await self._pool.unbroken(self._pool.execute(_SQL["swept"], division, before))

    async def take_feed(
        self, division: str, version: int, signed: tuple[bytes, str, str], orders: Sequence[Order],
        bodies: Sequence[bytes], at: dt.datetime, record: RecordDraft | None = None,
    ) -> bool:  # fmt: skip
        """`signed`: body, detached JWS, signer. False: these very bytes were taken before.

        Raises Conflicting for a gap, an older version, or other bytes under this one.
        """
        return await self._pool.unbroken(
            self._take_feed(division, version, signed, (orders, bodies, record), at)
        )

    async def held_feeds(
        self, division: str, since: int, limit: int
    ) -> tuple[int, list[tuple[int, bytes, str]]]:
        head = await self._pool.fetch(_SQL["feed_version"], division)
        rows = await self._pool.fetch(_SQL["held_feeds"], division, since, limit)
        found = [(row["version"], row["body"], row["signature"]) for row in rows]
        return head[0]["version"] if head else 0, found

    async def notifications(
        self, division: str, agency: str | None, limit: int
    ) -> list[Notification]:
        rows = await self._pool.fetch(_SQL["notifications"], division, agency, limit)
        return [Notification(**row) for row in rows]

    async def acknowledge(
        self, division: str, agency: str | None, ids: Sequence[int], at: dt.datetime, by: str
    ) -> list[int]:
        return await self._pool.unbroken(self._acknowledge(division, agency, ids, at, by))

    async def _claim(self, claim: Claim) -> Claimed | Gone | Short | Moved:
        async with self._pool.transaction() as connection:
            row = await connection.fetchrow(
                _SQL["claim_release"], uuid.uuid4(), self._instance, *key_columns(claim.key),
                claim.at, claim.order, claim.decision, *_lines(claim), *_windows(claim),
                *_told(claim.record), claim.notification,
            )  # fmt: skip
        assert row is not None
        if row["result"] == "short":
            demand = claim.demands[row["short_demand"]]
            return Short(demand=demand, available_fen=row["short_available"])
        if row["result"] == "moved":
            told = zip(row["moved_ask"], row["moved_value"], strict=True)
            return Moved(values={claim.asks[place].key: value for place, value in told})
        return Claimed() if row["result"] == "claimed" else Gone()

    async def _end(self, ending: Ending) -> bool:
        record = ending.record
        return bool(
            await self._value(
                "end_hold", uuid.uuid4(), *key_columns(ending.key), ending.how, ending.at,
                ending.order, ending.decision, record.kind, record.subject, record.body,
                ending.notice, ending.notification,
            )
        )  # fmt: skip

    async def _value(self, name: str, *arguments: Any) -> Any:
        async with self._pool.transaction() as connection:
            return await connection.fetchval(_SQL[name], *arguments)

    async def _take_feed(
        self, division: str, version: int, signed: tuple[bytes, str, str],
        told: tuple[Sequence[Order], Sequence[bytes], RecordDraft | None], at: dt.datetime,
    ) -> bool:  # fmt: skip
        orders, bodies, record = told
        digest = hashlib.sha256(signed[0]).digest()
        async with self._pool.transaction() as connection:
            await connection.execute(_SQL["lock_feed"], division)
            if await connection.fetchval(_SQL["feed_digest"], division, version) == digest:
                return False
            known = await connection.fetchrow(_SQL["feed_version"], division)
            held = known["version"] if known else 0
            if version != held + 1:
                code = FaultCode.FEED_GAP if version > held else FaultCode.FEED_CONFLICT
                raise Conflicting(code, f"version {held} is in force here, this is {version}")
            await connection.execute(_SQL["add_feed"], division, version, digest, *signed, at)
            digests = [order.digest for order in orders]
            await connection.execute(
                _SQL["add_orders"], division, version, at, digests, list(bodies)
            )
            if record is not None:
                await tell(connection, division, record)
        return True

    async def _acknowledge(
        self, division: str, agency: str | None, ids: Sequence[int], at: dt.datetime, by: str
    ) -> list[int]:
        async with self._pool.transaction() as connection:
            rows = await connection.fetch(
                _SQL["acknowledge_notifications"], division, agency, list(ids), at, by
            )
        return sorted(row["id"] for row in rows)


def _told(record: RecordDraft) -> tuple[Any, ...]:
    return record.kind, record.subject, record.body, record.disclosures


def _lines(claim: Claim) -> tuple[list[Any], ...]:
    """The lines wanted, in the one order of locks; the demands in their own."""
    lines = sorted({(d.limit.kind.value, d.limit.id): d.limit for d in claim.demands})
    place = {line: n for n, line in enumerate(lines, 1)}
    return (
        [kind for kind, _ in lines],
        [id for _, id in lines],
        [place[_line(d.limit)] for d in claim.demands],
        [d.amount_fen for d in claim.demands],
        [BIGINT_MAX if d.cap_fen is None else d.cap_fen for d in claim.demands],
    )


def _line(limit: LimitKey) -> tuple[str, str]:
    return limit.kind.value, limit.id


def _windows(claim: Claim) -> tuple[list[Any], ...]:
    places: dict[WindowKey, int] = {}
    asked = [places.setdefault(ask.key, len(places) + 1) for ask in claim.asks]
    some_ask = len(places)
    shared = [places.setdefault(share.key, len(places) + 1) for share in claim.shares]
    return (
        [key.window for key in places],
        [key.key for key in places],
        [place <= some_ask for place in places.values()],
        asked,
        [ask.measure for ask in claim.asks],
        [ask.since for ask in claim.asks],
        [ask.believed for ask in claim.asks],
        shared,
        [share.day for share in claim.shares],
        [share.value for share in claim.shares],
        [share.item for share in claim.shares],
    )


def _hold(row: Any) -> Hold:
    return Hold(
        key=key_of(row),
        agency_code=row["agency_code"], amount_fen=row["amount_fen"], held_at=row["decided_at"],
        decision=row["decision"],
    )  # fmt: skip

"""A bank's gateway as the bureau reaches it: the real counters of releases, over their store in
memory; and a bureau whose database comes back older."""

import datetime as dt
from collections.abc import Collection
from typing import Any

import asyncpg
import attrs
import orjson

from adapters.formats.problem import problem_json
from adapters.gateways.https import said_of
from adapters.postgres.bureau.pool import Pool
from adapters.postgres.bureau.release_numbers import BureauReleaseNumbers
from adapters.postgres.bureau.trail import Trail
from bureau.desk.numbers import Numbers
from bureau.desk.publish import Publishing
from bureau.wiring import written
from certs.trust import Trust
from gateway.domain.faults import Fault, FeedRefused
from gateway.domain.instruction import Received
from gateway.pipeline.tell import Origin
from gateway.web.entitled import Entitled
from gateway.web.held import PATH as HELD
from gateway.web.held import HeldCounter
from gateway.web.releases import PATH as RELEASES
from gateway.web.releases import Chancery, ReleaseCounter
from tests.bureau.words import BANK, DIVISION, DOMAIN, GATEWAY
from tests.memory.holds import MemoryHolds
from tests.memory.ledger import MemoryLedger
from tests.memory.state import MemoryState

BUREAU = f"{DOMAIN}/bureau/{DIVISION}"
PLACE = DIVISION, BANK


class _Clock:
    def now(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC)

    def monotonic(self) -> float:
        return 0.0


@attrs.define
class Gateway:
    """`officers`: whose own signatures it demands of both persons of a decision."""

    trust: Trust
    officers: Collection[str] = ()
    state: MemoryState = attrs.field(factory=MemoryState)
    asked: list[int] = attrs.field(factory=list)

    async def publish(self, kind: str, body: bytes, signature: str) -> int:
        version: int = orjson.loads(await self.ask(kind, body, signature))["version"]
        return version

    async def ask(self, kind: str, body: bytes, signature: str) -> bytes:
        clock, bureaus = _Clock(), {DIVISION: BUREAU}
        holds = MemoryHolds(self.state, MemoryLedger(self.state, instance="gw"))
        chancery = Chancery(bureaus=bureaus, officers=self.officers)
        origin = Origin(bank=BANK, uri=GATEWAY)
        entitled = Entitled(gatekeeper=self.trust, clock=clock, bureaus=bureaus)
        counters = {
            RELEASES: ReleaseCounter(holds, self.trust, self.trust, clock, chancery, origin).take,
            HELD: HeldCounter(holds, entitled).take,
        }
        if kind == "held":
            self.asked.append(orjson.loads(body)["since"])
        told = Received(raw=body, format="json", signature=signature, party=BUREAU)
        try:
            return await counters[f"/v1/feeds/{kind}"](told, {})
        except Fault as fault:
            code, words, zh = said_of(fault.status, problem_json(fault, "/v1/feeds"))
            raise FeedRefused(words, code, zh) from fault

    @property
    def held(self) -> list[tuple[bytes, str]]:
        return self.state.release_feeds.get(DIVISION, [])


def numbers_over(pool: Pool, trust: Trust, way: Any) -> Numbers:
    return Numbers(
        BureauReleaseNumbers(pool, Trail(written)), {PLACE: way}, trust.verify_document, BUREAU,
        trust.sign_document, lambda: dt.datetime.now(dt.UTC),
    )  # fmt: skip


def publishing_over(desk: Any, pool: Pool, way: Any) -> Publishing:
    numbers = numbers_over(pool, desk.bureau.trust, way)
    return Publishing(desk.store, {PLACE: way}, desk.clock, settle=numbers.settle)


async def all_sent(publishing: Publishing) -> None:
    while await publishing.publish_all(patient=False):
        pass


async def forgotten(kept: str, since: int, *, proposals: bool = True) -> None:
    """The database is as if its copy had been made before number `since` was signed."""
    connection = await asyncpg.connect(kept)
    try:
        gone = await connection.fetch(
            "DELETE FROM release_feed WHERE version >= $1 RETURNING digest", since
        )
        digests = [row["digest"] for row in gone]
        for table in ("release_approval", "release_proposal")[: 2 if proposals else 1]:
            await connection.execute(f"DELETE FROM {table} WHERE digest = ANY ($1)", digests)
    finally:
        await connection.close()


async def sent(pool: Pool) -> list[tuple[int, bytes, str, bool]]:
    rows = await pool.fetch("SELECT * FROM release_feed ORDER BY version")
    return [
        (row["version"], row["body"], row["signature"], row["acknowledged_at"] is not None)
        for row in rows
    ]


async def aside(pool: Pool) -> list[tuple[int, str]]:
    rows = await pool.fetch("SELECT version, why FROM release_feed_aside ORDER BY version")
    return [(row["version"], row["why"]) for row in rows]

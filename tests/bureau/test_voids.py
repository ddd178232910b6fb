"""A number that its gateway refuses for good is made void by two persons, and what waits behind it
goes on; what a gateway has taken stays what it is."""

import datetime as dt

import asyncpg
import orjson
import pytest

from adapters.postgres.bureau.pool import Pool
from adapters.postgres.bureau.release_numbers import BureauReleaseNumbers
from adapters.postgres.bureau.trail import Trail
from bureau.desk.releases import VALID, Named, ReleaseRefused
from bureau.desk.voids import Voids
from bureau.wiring import written
from certs.signatories import signatories
from certs.trust import Trust
from gateway.domain.faults import GatewayUnavailable
from gateway.domain.releases import Verdict
from tests.bureau.numbering import (
    PLACE,
    Gateway,
    all_sent,
    aside,
    publishing_over,
    sent,
)
from tests.bureau.test_numbers import agree, holding
from tests.bureau.test_releases_core import LI, WANG, Desk, Way, desk, ending, key
from tests.bureau.words import DIVISION, DOMAIN, House

__all__ = ["desk", "holding"]
pytestmark = pytest.mark.postgres
REASON = "网关要求本人签名，原决定没有"
NAMES = f"{DOMAIN}/operator/li", f"{DOMAIN}/operator/wang"


class Officers:
    """Both sign with keys of their own, and a gateway that knows them takes nothing else."""

    def __init__(self, house: House) -> None:
        signers = [house.signer(uri) for uri in NAMES]
        self.li, self.wang = (
            Named(name=name, uri=signer.uri, sign=signer.document)
            for name, signer in zip(("李经办", "王复核"), signers, strict=True)
        )
        known = [("bureau", house.bureau.certificate)]
        known += [(f"officer-{n}", each.certificate) for n, each in enumerate(signers)]
        trust = Trust(signatories([house.evidence.certificate], known), house.gateway)
        self.gateway = Gateway(trust, officers=NAMES)


@pytest.fixture
def officers(house: House) -> Officers:
    return Officers(house)


@pytest.fixture
def voids(holding: Desk, pool: Pool) -> Voids:
    store = BureauReleaseNumbers(pool, Trail(written))
    return Voids(store, holding.bureau.trust.sign_document, holding.clock)


async def decided(desk: Desk, number: int, first: Named, second: Named) -> bytes:
    desk.clock.at += dt.timedelta(seconds=1)
    digest = await desk.core.propose(key(number), Verdict.RELEASE, "材料已补齐", first)
    await desk.core.approve(DIVISION, digest, second)
    return digest


async def test_what_a_gateway_never_takes_is_void_and_what_waits_behind_it_goes_on(
    holding: Desk, pool: Pool, officers: Officers, voids: Voids
) -> None:
    gateway, li, wang = officers.gateway, officers.li, officers.wang
    publishing = publishing_over(holding, pool, gateway)
    first = await decided(holding, 1, LI, WANG)
    second = await decided(holding, 4, li, wang)
    await all_sent(publishing)
    assert gateway.held == [], "all waits behind the first"
    [refused] = await voids.refused(DIVISION)
    assert (refused.row["version"], refused.row["behind"], refused.may_be_void) == (1, 1, True)
    zh, _, en = refused.row["trouble"].partition(" / ")
    assert not zh.isascii() and "carries no header" in en, "a finance officer reads why"
    digest = await voids.propose(PLACE, 1, REASON, li)
    with pytest.raises(ReleaseRefused, match="待复核"):
        await voids.propose(PLACE, 1, REASON, wang)
    with pytest.raises(ReleaseRefused, match="one"):
        await voids.approve(DIVISION, digest, li)
    await voids.approve(DIVISION, digest, wang)
    with pytest.raises(ReleaseRefused, match="approved already"):
        await voids.approve(DIVISION, digest, wang)
    with pytest.raises(ReleaseRefused, match="另一份决定已签署"):
        await holding.core.propose(key(1), Verdict.RELEASE, "再次提议", LI)
    await all_sent(publishing)
    await agree(pool, gateway)
    assert publishing.troubles == {} and await voids.refused(DIVISION) == []
    assert await aside(pool) == [(1, "voided")]
    assert gateway.state.orders == {(DIVISION, second)}, "nothing comes of what was refused"
    [record] = [
        fields for draft in gateway.state.pending[DIVISION]
        if (fields := orjson.loads(draft.body))["kind"] == "release"
    ]  # fmt: skip
    assert (record["what"], record["order_sha256"], record["version"]) == ("voided", first.hex(), 1)
    assert [each["name"] for each in record["persons"]] == [li.name, wang.name]
    assert record["reason"] == REASON and "carries no header" in record["refused"]
    await holding.told([ending("voided", first)])
    assert len(await holding.core.open_holds(DIVISION)) == 5, "the hold waits on"
    assert await decided(holding, 1, li, wang) != first
    await all_sent(publishing)
    await agree(pool, gateway)


async def test_a_void_that_is_refused_too_is_made_void_by_another(
    holding: Desk, pool: Pool, officers: Officers, voids: Voids
) -> None:
    publishing = publishing_over(holding, pool, officers.gateway)
    first = await decided(holding, 1, LI, WANG)
    await all_sent(publishing)
    unsigned = await voids.propose(PLACE, 1, REASON, LI)
    await voids.approve(DIVISION, unsigned, WANG)
    await all_sent(publishing)
    [refused] = await voids.refused(DIVISION)
    assert refused.row["is_void"] and refused.may_be_void
    again = await voids.propose(PLACE, 1, "作废书也须本人签名", officers.li)
    await voids.approve(DIVISION, again, officers.wang)
    await all_sent(publishing)
    await agree(pool, officers.gateway)
    assert await aside(pool) == [(1, "voided"), (1, "voided")]
    body = orjson.loads(officers.gateway.held[0][0])
    assert body["void"]["decision"]["order_sha256"] == first.hex()


async def test_only_what_a_gateway_refuses_at_this_moment_is_made_void(
    holding: Desk, pool: Pool, officers: Officers, voids: Voids
) -> None:
    li, wang = officers.li, officers.wang
    with pytest.raises(ReleaseRefused, match="并未拒收"):
        await voids.propose(PLACE, 1, REASON, li)
    await decided(holding, 1, LI, WANG)
    await decided(holding, 4, li, wang)
    with pytest.raises(ReleaseRefused, match="并未拒收"):
        await voids.propose(PLACE, 1, REASON, li)  # nobody has tried yet
    refusing = publishing_over(holding, pool, officers.gateway)
    way = Way()
    away = publishing_over(holding, pool, way)
    await away.publish_all(patient=False)
    with pytest.raises(ReleaseRefused, match="并未拒收"):
        await voids.propose(PLACE, 1, REASON, li)  # it did not answer: it may have taken it
    await refusing.publish_all(patient=False)
    for number in (2, 7):
        with pytest.raises(ReleaseRefused, match="并未拒收"):
            await voids.propose(PLACE, number, REASON, li)  # it waits, and is refused by nobody
    with pytest.raises(ReleaseRefused, match="规范"):
        await voids.propose(PLACE, 1, "短", li)
    digest = await voids.propose(PLACE, 1, REASON, li)
    way.failing = GatewayUnavailable("away again")
    await away.publish_all(patient=False)
    with pytest.raises(ReleaseRefused, match="并未拒收"):
        await voids.approve(DIVISION, digest, wang)
    await refusing.publish_all(patient=False)
    await voids.reject(DIVISION, digest, wang, "先改网关的设置")
    with pytest.raises(ReleaseRefused, match="rejected"):
        await voids.approve(DIVISION, digest, wang)
    holding.clock.at += dt.timedelta(seconds=1)
    old = await voids.propose(PLACE, 1, REASON, li)
    holding.clock.at += VALID + dt.timedelta(seconds=1)
    with pytest.raises(ReleaseRefused, match="too old"):
        await voids.approve(DIVISION, old, wang)
    assert await aside(pool) == [] and officers.gateway.held == []


@pytest.mark.parametrize("code", ["feed_gap", "feed_conflict"])
async def test_a_number_that_does_not_fit_is_no_matter_for_a_void(
    holding: Desk, voids: Voids, code: str
) -> None:
    await decided(holding, 1, LI, WANG)
    [row] = await holding.store.waiting_feeds()
    await holding.store.attempted(row, holding.clock.at, f"409 {code}: version 7", code)
    [refused] = await voids.refused(DIVISION)
    assert not refused.may_be_void
    with pytest.raises(ReleaseRefused, match="编号"):
        await voids.propose(PLACE, 1, REASON, LI)


async def test_what_the_gateway_took_in_that_moment_stays_and_the_void_does_not(
    holding: Desk, pool: Pool, officers: Officers, voids: Voids
) -> None:
    """It was refused; the gateway's settings were mended and it was taken while two persons signed
    its void. Its answer comes late, or never."""
    gateway = officers.gateway
    publishing = publishing_over(holding, pool, gateway)
    first = await decided(holding, 1, LI, WANG)
    second = await decided(holding, 4, officers.li, officers.wang)
    await all_sent(publishing)
    digest = await voids.propose(PLACE, 1, REASON, officers.li)
    [row] = await holding.store.waiting_feeds()
    gateway.officers = ()
    await gateway.publish("releases", row["body"], row["signature"])
    await voids.approve(DIVISION, digest, officers.wang)
    await holding.store.attempted(row, holding.clock.at, None)
    assert [acknowledged for *_, acknowledged in await sent(pool)] == [False, False], "of the void"
    await all_sent(publishing)
    await agree(pool, gateway)
    assert gateway.state.orders == {(DIVISION, first), (DIVISION, second)}
    assert sorted(await aside(pool)) == [(1, "overtaken"), (1, "voided")]
    [void] = await voids.voids(DIVISION)
    assert (void["stands"], void["aside"]) == (False, "overtaken")
    rows = {row["digest"]: row for row in await holding.core.proposals(DIVISION)}
    assert (rows[first]["version"], rows[first]["voided"]) == (1, False)


async def test_a_bureau_that_forgot_a_void_gets_it_back(
    holding: Desk, pool: Pool, kept: str, officers: Officers, voids: Voids
) -> None:
    publishing = publishing_over(holding, pool, officers.gateway)
    await decided(holding, 1, LI, WANG)
    await all_sent(publishing)
    before = await pool.fetch("SELECT * FROM release_feed")
    digest = await voids.propose(PLACE, 1, REASON, officers.li)
    await voids.approve(DIVISION, digest, officers.wang)
    await all_sent(publishing)
    [told] = await voids.voids(DIVISION)
    connection = await asyncpg.connect(kept)
    for table in ("void_approval", "void", "feed", "feed_aside"):
        await connection.execute(f"DELETE FROM release_{table}")
    [row] = before
    await connection.execute(
        "INSERT INTO release_feed (division, bank, version, digest, signed_at, signature, body) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7)",
        *(row[name] for name in ("division", "bank", "version", "digest", "signed_at")),
        row["signature"], row["body"],
    )  # fmt: skip
    await connection.close()
    await decided(holding, 4, officers.li, officers.wang)
    await all_sent(publishing)
    await agree(pool, officers.gateway)
    assert await aside(pool) == [(1, "voided")]
    [void] = await voids.voids(DIVISION)
    same = ("digest", "decision", "proposer", "approver", "uri", "signature", "order_digest")
    assert [void[name] for name in same] == [told[name] for name in same]
    assert [version for version, *_ in await sent(pool)] == [1, 2]

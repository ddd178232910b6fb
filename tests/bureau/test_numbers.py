"""A number of releases that was given out twice: what the gateway holds under it comes back, proven
by our own signature and by nothing else, and what was signed since goes on behind it."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from adapters.postgres.bureau.pool import Pool
from bureau.desk.held_feeds import HeldUnproven, read_held
from bureau.desk.releases import Named, ReleaseRefused
from gateway.domain.faults import FeedRefused, GatewayUnavailable, LedgerUnavailable
from gateway.domain.records import canonical
from gateway.domain.releases import Verdict
from tests.bureau.numbering import (
    BUREAU,
    PLACE,
    Gateway,
    all_sent,
    aside,
    forgotten,
    numbers_over,
    publishing_over,
    sent,
)
from tests.bureau.test_releases_core import DIGEST, LI, WANG, Desk, desk, key
from tests.bureau.words import DIVISION, House, finding, verdict

__all__ = ["desk"]
pytestmark = pytest.mark.postgres


@pytest.fixture
async def holding(desk: Desk) -> Desk:
    """Five held ones: 1 and 4 to 7."""
    said = finding(policy="JL-052", revision=3, action="hold", detail="", unavailable=[])
    await desk.told([verdict(n, "held", findings=[said], digest=DIGEST) for n in (4, 5, 6, 7)])
    return desk


async def decided(desk: Desk, *numbers: int, approver: Named = WANG) -> list[bytes]:
    found = []
    for number in numbers:
        desk.clock.at += dt.timedelta(seconds=1)
        found.append(await desk.core.propose(key(number), Verdict.RELEASE, "材料已补齐", LI))
        await desk.core.approve(DIVISION, found[-1], approver)
    return found


async def agree(pool: Pool, gateway: Gateway) -> None:
    """Both ends hold the same bytes under the same numbers, from 1 on without a gap."""
    rows = await sent(pool)
    assert [(body, signature) for _, body, signature, _ in rows] == gateway.held
    assert [version for version, *_ in rows] == list(range(1, len(rows) + 1))
    assert all(acknowledged for *_, acknowledged in rows)


async def test_what_a_restored_bureau_forgot_comes_back_and_what_it_signed_since_goes_on(
    holding: Desk, pool: Pool, kept: str
) -> None:
    gateway = Gateway(holding.bureau.trust)
    publishing = publishing_over(holding, pool, gateway)
    await decided(holding, 1)
    lost = await decided(holding, 4, 5)
    await all_sent(publishing)
    told = [dict(each) for each in await holding.core.proposals(DIVISION)]
    await forgotten(kept, 2)
    since = await decided(holding, 6, 7)
    await all_sent(publishing)
    assert publishing.troubles == {}
    await agree(pool, gateway)
    assert await aside(pool) == [(2, "renumbered"), (3, "renumbered")]
    rows = {row["digest"]: row for row in await holding.core.proposals(DIVISION)}
    back = [{**rows[d], "acknowledged_at": None, "attempts": 0} for d in lost]
    assert back == [
        {**row, "acknowledged_at": None, "attempts": 0} for d in lost for row in told
        if row["digest"] == d
    ]  # fmt: skip
    assert [rows[digest]["version"] for digest in since] == [4, 5]
    [body] = await pool.fetch("SELECT body FROM desk_act WHERE what = 'release.taken_in'")
    act = orjson.loads(body["body"])
    assert act["detail"] == {"numbers": [2, 3], "signed_anew": [[2, 4], [3, 5]]}


async def test_a_restored_bureau_asks_before_anybody_decides(
    holding: Desk, pool: Pool, kept: str
) -> None:
    gateway = Gateway(holding.bureau.trust)
    [lost] = await decided(holding, 1)
    await all_sent(publishing_over(holding, pool, gateway))
    await forgotten(kept, 1)
    numbers = numbers_over(pool, holding.bureau.trust, gateway)
    assert await numbers.catch_up() == 1
    await agree(pool, gateway)
    with pytest.raises(ReleaseRefused, match="另一份决定已签署"):
        await holding.core.propose(key(1), Verdict.REFUSE, "材料不符", LI)
    asked = list(gateway.asked)
    assert asked == [1, 2] and await numbers.catch_up() == 0 and gateway.asked == asked, "once"
    assert (await holding.core.proposals(DIVISION))[0]["digest"] == lost


async def test_a_lost_acknowledgement_of_an_older_number_is_told_again(
    holding: Desk, pool: Pool
) -> None:
    gateway = Gateway(holding.bureau.trust)
    publishing = publishing_over(holding, pool, gateway)
    await decided(holding, 1, 4)
    await all_sent(publishing)
    await pool.execute("UPDATE release_feed SET acknowledged_at = NULL")
    await all_sent(publishing)
    await agree(pool, gateway)
    assert gateway.asked == [] and await aside(pool) == []


@pytest.mark.parametrize("meanwhile", ["approved anew", "rejected"])
async def test_of_a_proposal_that_was_decided_again_the_word_that_the_gateway_has_counts(
    holding: Desk, pool: Pool, kept: str, meanwhile: str
) -> None:
    """The copy was made between the two persons' steps."""
    gateway = Gateway(holding.bureau.trust)
    publishing = publishing_over(holding, pool, gateway)
    await decided(holding, 1)
    [again] = await decided(holding, 4)
    await all_sent(publishing)
    await forgotten(kept, 2, proposals=False)
    zhao = Named(name="赵主任")
    expected = [(2, "renumbered"), (3, "overtaken"), (4, "renumbered")]
    if meanwhile == "rejected":
        await holding.core.reject(DIVISION, again, zhao, "理由不足")
        await decided(holding, 5, 6)
        expected = [(2, "renumbered")]
    else:
        await decided(holding, 5)
        await holding.core.approve(DIVISION, again, zhao)
        await decided(holding, 6)
    await all_sent(publishing)
    await agree(pool, gateway)
    assert await aside(pool) == expected
    [row] = [row for row in await holding.core.proposals(DIVISION) if row["digest"] == again]
    assert (row["approver"], row["rejected_by"], row["version"]) == (WANG.name, None, 2)
    assert len(gateway.state.orders) == 4, "no order went out twice"


class Liar:
    """Hands out what it likes under every number."""

    def __init__(self, feeds: list[tuple[bytes, str, int]]) -> None:
        self.feeds = feeds

    async def publish(self, kind: str, body: bytes, signature: str) -> int:
        raise FeedRefused("409 feed_conflict: version 9 is in force here", "feed_conflict")

    async def ask(self, kind: str, body: bytes, signature: str) -> bytes:
        told = [
            {"body": body.decode(), "signature": signature, "version": version}
            for body, signature, version in self.feeds
        ]
        return orjson.dumps({"feeds": told, "version": 9})


LIES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "another number": lambda feed: feed | {"version": 2},
    "another division": lambda feed: feed | {"division": "220100000"},
    "another kind": lambda feed: feed | {"kind": "registers"},
    "nothing": lambda feed: feed | {"orders": []},
    "two orders": lambda feed: feed | {"orders": feed["orders"] * 2},
    "both": lambda feed: feed | {"void": {}},
    "a field that no feed has": lambda feed: feed | {"more": 1},
    "no order": lambda feed: feed | {"orders": [{"decision": {}, "persons": []}]},
}


async def test_a_gateway_makes_the_bureau_take_in_nothing_that_it_did_not_sign_so(
    holding: Desk, pool: Pool, house: House
) -> None:
    trust, stranger = holding.bureau.trust, house.gateway
    await decided(holding, 1)
    [waiting] = await sent(pool)
    feed = orjson.loads(waiting[1])
    other = canonical(feed | {"orders": [{**feed["orders"][0], "x": 1}]})
    told = [canonical(lie(feed)) for lie in LIES.values()]
    lies = [
        (other, waiting[2]),  # our signature, over other bytes
        (other, stranger.document(other)),  # its own
        (other, ""), (other, "x.y.z"),
        *((body, trust.sign_document(body)) for body in told),
    ]  # fmt: skip
    for body, signature in lies:
        liar = Liar([(body, signature, 1)])
        publishing = publishing_over(holding, pool, liar)
        assert await publishing.publish_all(patient=False) == 0
        assert "nothing of ours" in publishing.troubles[f"{DIVISION}/{PLACE[1]}"], body
        assert [(v, b, s, a) for v, b, s, a in await sent(pool)] == [waiting]
    assert await aside(pool) == []
    with pytest.raises(HeldUnproven):
        read_held(b"[" * 100_000, DIVISION, 1, (trust.verify_document, BUREAU))
    empty = publishing_over(holding, pool, Liar([]))
    assert await empty.publish_all(patient=False) == 0
    assert "feed_conflict" in empty.troubles[f"{DIVISION}/{PLACE[1]}"]


async def test_a_gateway_that_contradicts_what_it_acknowledged_is_not_believed(
    holding: Desk, pool: Pool, kept: str
) -> None:
    """Two feeds of ours under one number: it has acknowledged one, and hands out the other."""
    trust = holding.bureau.trust
    first, second = Gateway(trust), Gateway(trust)
    await decided(holding, 1)
    await all_sent(publishing_over(holding, pool, first))
    await forgotten(kept, 1)
    await decided(holding, 4)
    await all_sent(publishing_over(holding, pool, second))
    stood = await sent(pool)
    numbers = numbers_over(pool, trust, first)
    body = canonical(orjson.loads(first.held[0][0]) | {"version": 3})
    third = body, trust.sign_document(body), 3
    with pytest.raises(FeedRefused, match="acknowledged with other bytes"):
        await numbers.settle(PLACE, 1)
    with pytest.raises(FeedRefused, match="follows none here"):
        await numbers_over(pool, trust, Liar([third])).settle(PLACE, 3)
    assert await sent(pool) == stood


async def test_a_start_says_until_it_is_mended_that_a_gateway_hands_out_what_is_not_ours(
    holding: Desk, pool: Pool, house: House
) -> None:
    trust, name = holding.bureau.trust, "/".join(PLACE)
    liar = Liar([(b"{}", house.gateway.document(b"{}"), 1)])
    numbers = numbers_over(pool, trust, liar)
    for _ in range(2):
        assert await numbers.catch_up() == 0 and "nothing of ours" in numbers.troubles[name]
    liar.feeds = []
    assert await numbers.catch_up() == 0 and numbers.troubles == {}

    class Older(Liar):
        async def ask(self, kind: str, body: bytes, signature: str) -> bytes:
            raise FeedRefused("404 route_unknown: there is no such path", "route_unknown")

    older = numbers_over(pool, trust, Older([]))
    assert await older.catch_up() == 0 and older.troubles == {}


async def test_a_key_that_is_away_in_the_middle_leaves_all_as_it_was(
    holding: Desk, pool: Pool, kept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust = holding.bureau.trust
    gateway = Gateway(trust)
    await decided(holding, 1)
    await all_sent(publishing_over(holding, pool, gateway))
    await forgotten(kept, 1)
    await decided(holding, 4)
    stood = await sent(pool)
    publishing = publishing_over(holding, pool, gateway)
    numbers = numbers_over(pool, trust, gateway)
    sign = numbers._sign

    def away(body: bytes) -> str:
        if b'"orders"' in body:
            raise LedgerUnavailable("the token is away")
        return sign(body)

    monkeypatch.setattr(numbers, "_sign", away)
    with pytest.raises(GatewayUnavailable, match="token"):
        await numbers.settle(PLACE, 1)
    assert await sent(pool) == stood and await aside(pool) == []
    await all_sent(publishing)
    await agree(pool, gateway)

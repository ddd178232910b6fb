"""Two persons decide about a hold: what each may do, what is signed, and until when it is sent."""

import asyncio
import datetime as dt
from collections.abc import Sequence

import asyncpg
import orjson
import pytest

from adapters.postgres.bureau.pool import Pool
from adapters.postgres.bureau.releases import BureauReleases
from adapters.postgres.bureau.trail import Trail
from bureau.desk.publish import Publishing
from bureau.desk.releases import VALID, Named, ReleaseRefused, Releases
from bureau.wiring import program_teller, written
from gateway.domain.faults import FeedRefused, GatewayUnavailable
from gateway.domain.holds import FindingName
from gateway.domain.instruction import InstructionKey
from gateway.domain.records import unnumbered
from gateway.domain.releases import Person, PersonRole, Verdict, read_order
from tests.bureau.words import BANK, DIVISION, Bureau, Chain, House, finding, told, verdict

pytestmark = pytest.mark.postgres

LI, WANG = Named(name="李经办"), Named(name="王复核")
HOLDING = FindingName(policy="JL-052", revision=3)
DIGEST = "ab" * 32


def key(number: int) -> InstructionKey:
    return InstructionKey(
        division=DIVISION, fiscal_year=2026, voucher_type="8202", voucher_no=f"{number:013d}"
    )


class Clock:
    def __init__(self) -> None:
        self.at = dt.datetime.now(dt.UTC)

    def __call__(self) -> dt.datetime:
        return self.at


class Desk:
    """The core with one held instruction (1), told by the bank's log."""

    def __init__(self, bureau: Bureau, pool: Pool, chain: Chain) -> None:
        self.bureau = bureau
        self.chain = chain
        self.store = BureauReleases(pool, Trail(written))
        self.clock = Clock()
        self.core = Releases(self.store, bureau.desk, bureau.trust.sign_document, self.clock)

    async def told(self, bodies: Sequence[bytes]) -> None:
        await told(self.bureau, self.chain, *bodies)


@pytest.fixture
async def desk(bureau: Bureau, pool: Pool, chain: Chain) -> Desk:
    desk = Desk(bureau, pool, chain)
    said = finding(policy="JL-052", revision=3, action="hold", detail="", unavailable=[])
    warned = finding(policy="JL-080", revision=1, action="warn", detail="", unavailable=[])
    held = verdict(1, "held", findings=[said, warned], digest=DIGEST)
    await desk.told([held, verdict(2), verdict(3, "blocked")])
    return desk


@pytest.mark.walk
async def test_what_one_proposes_and_another_approves_is_signed_as_one_order(
    desk: Desk, house: House
) -> None:
    (hold,) = await desk.core.open_holds(DIVISION)
    assert (hold["voucher_no"], hold["proposed"]) == (f"{1:013d}", False)
    digest = await desk.core.propose(key(1), Verdict.RELEASE, "材料已补齐", LI)
    assert await desk.store.waiting_feeds() == []
    assert (await desk.core.open_holds(DIVISION))[0]["proposed"]
    await desk.core.approve(DIVISION, digest, WANG)
    (feed,) = await desk.store.waiting_feeds()
    assert desk.bureau.trust.verify_document(feed["body"], feed["signature"]) == house.bureau.uri
    fields = orjson.loads(feed["body"])
    assert (fields["kind"], fields["version"], fields["division"]) == ("releases", 1, DIVISION)
    order = read_order(orjson.dumps(fields["orders"][0]))
    assert order.digest == digest
    assert (order.key, order.instruction_digest.hex()) == (key(1), DIGEST)
    assert order.overrides == {HOLDING}, "a warning holds nothing"
    assert (order.proposer.name, order.approver.name) == (LI.name, WANG.name)


async def test_a_number_that_two_banks_hold_is_proposed_at_the_one_where_it_was(
    desk: Desk, pool: Pool
) -> None:
    await pool.execute(
        """INSERT INTO interception SELECT (jsonb_populate_record(i, '{"bank": "105"}')).*
           FROM interception AS i WHERE i.outcome = 'held'"""
    )
    await desk.core.propose(key(1), Verdict.RELEASE, "材料已补齐", LI, bank=BANK)
    shown = {hold["bank"]: hold["proposed"] for hold in await desk.core.open_holds(DIVISION)}
    assert shown == {BANK: True, "105": False}


async def test_a_second_proposal_waits_until_the_first_is_decided_on(desk: Desk) -> None:
    first = await desk.core.propose(key(1), Verdict.RELEASE, "材料已补齐", LI)
    with pytest.raises(ReleaseRefused, match="待复核"):
        await desk.core.propose(key(1), Verdict.RELEASE, "材料已补齐，再报", LI)
    with pytest.raises(ReleaseRefused, match="待复核"):
        await desk.core.propose(key(1), Verdict.REFUSE, "材料不符", WANG)
    assert len(await desk.core.proposals(DIVISION)) == 1
    await desk.core.reject(DIVISION, first, WANG, "理由不足")
    assert await desk.core.propose(key(1), Verdict.REFUSE, "材料不符", LI) != first


async def test_a_proposal_that_is_left_when_the_hold_ends_or_another_is_sent_is_not_signed(
    desk: Desk,
) -> None:
    left = await desk.core.propose(key(1), Verdict.RELEASE, "材料已补齐", LI)
    desk.clock.at += VALID + dt.timedelta(minutes=1)  # it is too old to wait; another one may come
    other = await desk.core.propose(key(1), Verdict.RELEASE, "材料已补齐", LI)
    await desk.core.approve(DIVISION, other, WANG)
    desk.clock.at -= VALID  # as if both were of one day
    with pytest.raises(ReleaseRefused, match="另一份决定已签署"):
        await desk.core.approve(DIVISION, left, WANG)
    await acknowledged(desk)
    with pytest.raises(ReleaseRefused, match="另一份决定已签署"):
        await desk.core.approve(DIVISION, left, WANG)
    await desk.told([ending("released", other)])
    with pytest.raises(ReleaseRefused, match="已结束"):
        await desk.core.approve(DIVISION, left, WANG)
    assert await desk.store.waiting_feeds() == []


async def test_after_an_order_nothing_is_proposed_until_its_end_is_told(desk: Desk) -> None:
    first = await desk.core.propose(key(1), Verdict.RELEASE, "材料已补齐", LI)
    await desk.core.approve(DIVISION, first, WANG)
    for _ in ("on its way", "acknowledged"):
        with pytest.raises(ReleaseRefused, match="另一份决定已签署"):
            await desk.core.propose(key(1), Verdict.REFUSE, "材料不符", LI)
        await acknowledged(desk)
    await desk.told([ending("not_carried_out", first)])
    second = await desk.core.propose(key(1), Verdict.REFUSE, "材料不符", LI)
    await desk.core.approve(DIVISION, second, WANG)
    await acknowledged(desk)
    await desk.told([ending("refused", second)])
    with pytest.raises(ReleaseRefused, match="已结束"):
        await desk.core.propose(key(1), Verdict.RELEASE, "材料已补齐", LI)


def stopped(order: bytes, judged: object) -> bytes:
    fields = orjson.loads(ending("not_carried_out", order))
    del fields["seq"]
    return unnumbered(fields | {"judged": judged, "why": "findings"})


async def test_what_was_found_when_an_order_was_not_carried_out_is_what_the_next_one_names(
    desk: Desk,
) -> None:
    """A policy was revised meanwhile, and another holds it besides."""
    first = await desk.core.propose(key(1), Verdict.RELEASE, "材料已补齐", LI)
    await desk.core.approve(DIVISION, first, WANG)
    await acknowledged(desk)
    judged = [
        finding(policy="JL-052", revision=4, action="hold", detail="", unavailable=[]),
        finding(policy="JL-053", revision=1, action="hold", detail="2", unavailable=["b", "a"]),
        finding(policy="JL-080", revision=1, action="warn", detail="", unavailable=[]),
    ]
    await desk.told([stopped(first, judged)])
    with pytest.raises(ReleaseRefused, match="不是挂起的理由"):
        await desk.core.propose(key(1), Verdict.RELEASE, "材料已补齐", LI, [HOLDING])
    again = await desk.core.propose(key(1), Verdict.RELEASE, "材料已补齐", LI)
    await desk.core.approve(DIVISION, again, WANG)
    (feed,) = await desk.store.waiting_feeds()
    assert read_order(orjson.dumps(orjson.loads(feed["body"])["orders"][0])).overrides == {
        FindingName(policy="JL-052", revision=4),
        FindingName(policy="JL-053", revision=1, detail="2", unavailable=("a", "b")),
    }


@pytest.mark.parametrize("judged", [None, [{"policy": "JL-052"}], "all of it", {"a": 1}])
async def test_a_record_that_names_nothing_leaves_what_the_verdict_says(
    desk: Desk, judged: object
) -> None:
    first = await desk.core.propose(key(1), Verdict.RELEASE, "材料已补齐", LI)
    await desk.core.approve(DIVISION, first, WANG)
    await acknowledged(desk)
    await desk.told([stopped(first, judged)])
    assert await desk.core.held_findings(key(1)) == [HOLDING]
    assert await desk.core.propose(key(1), Verdict.REFUSE, "材料不符", LI)


async def test_an_order_that_nobody_carried_out_in_its_time_stands_in_nobody_s_way(
    desk: Desk,
) -> None:
    first = await desk.core.propose(key(1), Verdict.RELEASE, "材料已补齐", LI)
    await desk.core.approve(DIVISION, first, WANG)
    desk.clock.at += VALID + dt.timedelta(minutes=1)
    assert await desk.core.propose(key(1), Verdict.RELEASE, "材料已补齐", LI) != first


async def test_of_proposals_at_once_one_is_kept(desk: Desk) -> None:
    said = await asyncio.gather(
        *(desk.core.propose(key(1), Verdict.RELEASE, f"第{n}次提议", LI) for n in range(5)),
        return_exceptions=True,
    )
    assert sum(isinstance(each, ReleaseRefused) for each in said) == 4
    assert len(await desk.core.proposals(DIVISION)) == 1


async def acknowledged(desk: Desk) -> None:
    for feed in await desk.store.waiting_feeds():
        await desk.store.attempted(feed, desk.clock.at, None)


def ending(what: str, order: bytes) -> bytes:
    return unnumbered(
        {
            "division": DIVISION, "fiscal_year": 2026, "kind": "release",
            "order_sha256": order.hex(), "subject": str(key(1)), "voucher_no": f"{1:013d}",
            "voucher_type": "8202", "what": what,
        }
    )  # fmt: skip


async def test_what_a_command_decides_is_told_with_its_typed_name_before_it_is_done(
    desk: Desk, bureau: Bureau
) -> None:
    core = Releases(
        desk.store, bureau.desk, bureau.trust.sign_document, desk.clock,
        program_teller(bureau.people),
    )  # fmt: skip
    digest = await core.propose(key(1), Verdict.RELEASE, "材料已补齐", LI)
    await core.approve(DIVISION, digest, WANG)
    since = desk.clock.at - dt.timedelta(minutes=1)
    rows = await bureau.people.program_acts([DIVISION], since, 10)
    told = {row["what"]: orjson.loads(row["body"])["detail"] for row in rows}
    assert told["release.proposed"]["by"] == LI.name
    assert told["release.approved"]["by"] == WANG.name
    assert all(detail["os_user"] for detail in told.values())
    with pytest.raises(ReleaseRefused):
        await core.reject(DIVISION, digest, LI, "已签发")
    assert len(await bureau.people.program_acts([DIVISION], since, 10)) == 3, "a try is told too"


@pytest.mark.parametrize("name", ["李经办", " 李 经办 ", "李·经办", "李經辦"])
async def test_nobody_approves_what_he_proposed(desk: Desk, name: str) -> None:
    digest = await desk.core.propose(key(1), Verdict.RELEASE, "材料已补齐", LI)
    with pytest.raises(ReleaseRefused, match="one"):
        await desk.core.approve(DIVISION, digest, Named(name=name))
    assert await desk.store.waiting_feeds() == []


async def test_the_database_itself_takes_no_approval_by_the_proposer(desk: Desk) -> None:
    digest = await desk.core.propose(key(1), Verdict.RELEASE, "材料已补齐", LI)
    same = Person(role=PersonRole.APPROVER, name="李 经办", uri="", at=desk.clock.at)
    with pytest.raises(asyncpg.CheckViolationError):
        await desk.store.approve(DIVISION, digest, same, lambda row, version: (b"", ""))


async def test_officers_with_keys_of_their_own_sign_the_decision(desk: Desk, house: House) -> None:
    signer = house.signer("spiffe://treasury.test/operator/li")
    li = Named(name="李经办", uri=signer.uri, sign=signer.document)
    digest = await desk.core.propose(key(1), Verdict.REFUSE, "无合同依据", li)
    await desk.core.approve(DIVISION, digest, WANG)
    (feed,) = await desk.store.waiting_feeds()
    order = read_order(orjson.dumps(orjson.loads(feed["body"])["orders"][0]))
    assert (order.verdict, order.overrides) == (Verdict.REFUSE, frozenset())
    assert order.proposer.uri == signer.uri and ".." in order.proposer.signature


@pytest.mark.parametrize("number", [2, 3, 4])
async def test_only_what_is_held_is_decided_about(desk: Desk, number: int) -> None:
    with pytest.raises(ReleaseRefused, match="not held"):
        await desk.core.propose(key(number), Verdict.RELEASE, "材料已补齐", LI)


async def test_only_what_holds_it_is_overridden(desk: Desk) -> None:
    other = FindingName(policy="JL-041", revision=1)
    with pytest.raises(ReleaseRefused, match="JL-041"):
        await desk.core.propose(key(1), Verdict.RELEASE, "材料已补齐", LI, [other])


async def test_a_proposal_is_decided_once_and_grows_too_old(desk: Desk) -> None:
    digest = await desk.core.propose(key(1), Verdict.RELEASE, "材料已补齐", LI)
    await desk.core.reject(DIVISION, digest, WANG, "材料不是原件")
    with pytest.raises(ReleaseRefused, match="rejected"):
        await desk.core.approve(DIVISION, digest, WANG)
    desk.clock.at += dt.timedelta(seconds=1)
    old = await desk.core.propose(key(1), Verdict.RELEASE, "材料已补齐", LI)
    desk.clock.at += VALID + dt.timedelta(seconds=1)
    with pytest.raises(ReleaseRefused, match="too old"):
        await desk.core.approve(DIVISION, old, WANG)
    fresh = await desk.core.propose(key(1), Verdict.RELEASE, "材料已补齐", LI)
    await desk.core.approve(DIVISION, fresh, WANG)
    with pytest.raises(ReleaseRefused, match="approved"):
        await desk.core.approve(DIVISION, fresh, Named(name="赵三"))
    with pytest.raises(ReleaseRefused, match="approved"):
        await desk.core.reject(DIVISION, fresh, Named(name="赵三"), "太迟")


async def test_a_hold_that_ended_is_on_the_list_no_more(desk: Desk) -> None:
    ended = {
        "division": DIVISION, "fiscal_year": 2026, "kind": "release", "voucher_type": "8202",
        "voucher_no": f"{1:013d}",
    }  # fmt: skip
    await desk.told([unnumbered(ended | {"what": "not_carried_out"})])
    assert len(await desk.core.open_holds(DIVISION)) == 1
    await desk.told([unnumbered(ended | {"what": "released"})])
    assert await desk.core.open_holds(DIVISION) == []


class Way:
    def __init__(self) -> None:
        self.words: list[str] = []
        self.failing: Exception | None = GatewayUnavailable("away")

    async def publish(self, kind: str, body: bytes, signature: str) -> int:
        version: int = orjson.loads(body)["version"]
        if self.failing:
            raise self.failing
        self.words.append(f"{kind} {version}")
        return version


async def test_what_was_signed_is_sent_in_order_until_it_is_acknowledged(desk: Desk) -> None:
    said = finding(policy="JL-052", revision=3, action="hold", detail="", unavailable=[])
    await desk.told([verdict(4, "held", findings=[said], digest=DIGEST)])
    for number in (1, 4):
        digest = await desk.core.propose(key(number), Verdict.RELEASE, "材料已补齐", LI)
        await desk.core.approve(DIVISION, digest, WANG)
        desk.clock.at += dt.timedelta(seconds=1)
    way = Way()
    publishing = Publishing(desk.store, {(DIVISION, BANK): way}, desk.clock)
    for failing in (GatewayUnavailable("away"), FeedRefused("409 feed_gap")):
        way.failing = failing
        assert await publishing.publish_all(patient=False) == 0
        assert publishing.troubles == {f"{DIVISION}/{BANK}": str(failing)}
    way.failing = None
    while await publishing.publish_all(patient=False):
        pass
    assert way.words == ["releases 1", "releases 2"]
    assert publishing.troubles == {}
    told = await desk.core.proposals(DIVISION)
    assert [row["acknowledged_at"] is not None for row in told] == [True, True]
    assert [row["attempts"] for row in told] == [1, 3]

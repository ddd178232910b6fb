"""Two banks of one division tell of the same voucher number: each speaks for its own line, and none
stands before another's, ends its hold, is released in its place, or is opened by its link."""

import datetime as dt
import re

import attrs
import orjson
import pytest

from adapters.bureau.frame import framed
from bureau.desk.people import Office
from bureau.desk.refusals import ActRefused
from bureau.desk.releases import Named, ReleaseRefused
from bureau.desk.trail import Act
from bureau.inbox.receive import Inbox
from bureau.ports import LogPlace
from certs.log.note import log_origin
from certs.signatories import signatories
from certs.trust import Trust
from gateway.domain.instruction import InstructionKey
from gateway.domain.releases import Verdict
from tests.bureau.desks import Desk
from tests.bureau.test_holds_pages import ended, held, told
from tests.bureau.words import BANK, DIVISION, DOMAIN, Bureau, Chain, House, finding, verdict

pytestmark = pytest.mark.postgres
LIAR = "102241000001"
"""Comes before the other bank in every order."""
HOLD = f"/desk/{DIVISION}/holds/2026/8202/{1:013d}"
CARD = f"/desk/{DIVISION}/2026/8202/{1:013d}"
KEY = InstructionKey(
    division=DIVISION, fiscal_year=2026, voucher_type="8202", voucher_no=f"{1:013d}"
)


async def lied(bureau: Bureau, house: House, *bodies: bytes) -> None:
    """Another gateway of this division tells what it likes, in its own log."""
    uri = f"{DOMAIN}/gateway/{LIAR}"
    signer = house.signer(uri)
    named = [
        ("gateway", house.gateway.certificate), ("liar", signer.certificate),
        ("bureau", house.bureau.certificate),
    ]  # fmt: skip
    place = LogPlace(division=DIVISION, bank=LIAR, gateway=uri, origin=log_origin(uri, DIVISION))
    await bureau.log.open_log(place.division, place.bank, place.origin)
    inbox = Inbox(
        store=bureau.log, desk=bureau.desk, places=[place],
        trust=Trust(signatories([house.evidence.certificate], named), house.bureau),
        clock=lambda: dt.datetime.now(dt.UTC), bell=bureau.bell,
    )  # fmt: skip
    chain = Chain(signer)
    chain.seal(list(bodies))
    await inbox.receive(uri, framed(chain.delivery()))


def false_hold() -> bytes:
    said = finding(policy="JL-099", action="hold", detail="", unavailable=[])
    of_another = {"code": "102001", "name": "别的单位"}
    return verdict(1, "held", findings=[said], digest="cd" * 32, agency=of_another, bank=LIAR)


@pytest.mark.walk
async def test_each_bank_speaks_for_its_own_line_and_for_no_others(
    desk: Desk, bureau: Bureau, chain: Chain, house: House
) -> None:
    await told(bureau, chain, held(1))
    await lied(bureau, house, false_hold(), ended(1, "released"))
    reviewer, approver = await desk.seat(Office.REVIEWER), await desk.seat(Office.APPROVER)
    listed = (await reviewer.get(f"/desk/{DIVISION}/holds"))[1]
    assert f"{HOLD}?bank={BANK}" in listed
    page = (await reviewer.get(f"{HOLD}?bank={BANK}"))[1]
    assert "JL-052" in page and "JL-099" not in page and "提交复核" in page, "it has not ended"
    liars = (await reviewer.get(f"{HOLD}?bank={LIAR}"))[1]
    assert "JL-099" in liars and "JL-052" not in liars
    cards = (await reviewer.get(f"/desk/{DIVISION}/interceptions"))[1]
    assert {f"{CARD}?bank={BANK}", f"{CARD}?bank={LIAR}"} <= set(
        re.findall(r'href="([^"]+)"', cards)
    )
    form = {"verdict": "release", "reason": "材料已经补齐", "override": "JL-052/3//"}
    status, where = await reviewer.post(f"{HOLD}/propose?bank={BANK}", form)
    assert (status, where) == (303, f"{HOLD}?bank={BANK}")
    [row] = await desk.rooms.releases.proposals(DIVISION)
    decision = orjson.loads(row["decision"])
    assert row["bank"] == BANK and decision["overrides"][0]["policy"] == "JL-052"
    assert "材料已经补齐" not in (await reviewer.get(f"{HOLD}?bank={LIAR}"))[1]
    decided = f"/desk/{DIVISION}/releases/{row['digest'].hex()}/approve"
    assert await approver.post(decided) == (303, f"{HOLD}?bank={BANK}")
    [feed] = await desk.rooms.releases._store.waiting_feeds()
    assert feed["bank"] == BANK


async def test_without_a_bank_nothing_is_proposed_where_two_hold_it(
    desk: Desk, bureau: Bureau, chain: Chain, house: House
) -> None:
    await told(bureau, chain, held(1))
    await lied(bureau, house, false_hold())
    releases, li = desk.rooms.releases, Named(name="李经办")
    with pytest.raises(ReleaseRefused, match="name one"):
        await releases.propose(KEY, Verdict.RELEASE, "材料已补齐", li)
    assert await releases.propose(KEY, Verdict.RELEASE, "材料已补齐", li, bank=BANK)


async def test_people_outside_see_their_own_line_whatever_another_bank_tells(
    desk: Desk, bureau: Bureau, chain: Chain, house: House
) -> None:
    await told(bureau, chain, held(1))
    await lied(bureau, house, false_hold())
    bank, agency = await desk.seat(Office.BANK), await desk.seat(Office.AGENCY)
    for path in (CARD, f"{CARD}?bank={LIAR}"):
        page = (await bank.get(path))[1]
        assert "JL-052" in page and "JL-099" not in page
    assert (await agency.get(f"{CARD}?bank={BANK}"))[0] == 200
    assert (await agency.get(f"{CARD}?bank={LIAR}"))[0] == 404


async def test_links_of_a_trial_open_the_line_of_the_bank_that_answered(
    desk: Desk, bureau: Bureau, chain: Chain, house: House
) -> None:
    await told(bureau, chain, held(1))
    await lied(bureau, house, false_hold())
    reviewer, store = await desk.seat(Office.REVIEWER), desk.rooms.questions.store
    values = ("backtest", "JL-042", None, "", None, "r", desk.hands.now)
    act = Act(division=DIVISION, login="r", what="policy.backtest_asked", subject="1")
    number = await store.add(DIVISION, [BANK, LIAR], values, lambda _: (b"{}", "s"), lambda _: act)
    found = (0, str(KEY), desk.hands.now, "101001", 1, "held", "passed", "JL-052", "一")
    for bank in (BANK, LIAR):
        await store.told((DIVISION, number, bank), desk.hands.now, b"{}", True, [found])
    page = (await reviewer.get(f"/desk/{DIVISION}/policies/trials/{number}"))[1]
    for bank, policy in ((BANK, "JL-052"), (LIAR, "JL-099")):
        assert f'<a href="{CARD}?bank={bank}">' in page
        assert policy in (await reviewer.get(f"{CARD}?bank={bank}"))[1]


async def test_a_trial_on_one_payment_asks_the_bank_whose_record_it_is_and_no_other(
    desk: Desk, bureau: Bureau, chain: Chain, house: House
) -> None:
    await told(bureau, chain, held(1), verdict(2))
    await lied(bureau, house, false_hold())
    questions = desk.rooms.questions
    questions._places = [bureau.place, attrs.evolve(bureau.place, bank=LIAR)]
    reviewer = await desk.seat(Office.REVIEWER)
    document = (await desk.rooms.policies.documents(DIVISION))["JL-042.toml"]
    numbers = [f"{DIVISION}/2026/8202/{n:013d}" for n in (1, 2, 3)]
    for named, asked in {
        f"{numbers[0]}@{BANK}": [BANK],
        f"{numbers[0]}@{LIAR}": [LIAR],
        numbers[0]: [LIAR, BANK],
        numbers[1]: [BANK],
        numbers[2]: [LIAR, BANK],
    }.items():
        number = await questions.attempt_on(DIVISION, "JL-042", document, named, reviewer.person)
        rows = await questions.store.question(DIVISION, number)
        assert [row["bank"] for row in rows] == asked, named
        assert {row["subject"] for row in rows} == {named.partition("@")[0]}
    with pytest.raises(ActRefused, match="No gateway"):
        await questions.attempt_on(DIVISION, "JL-042", document, f"{numbers[0]}@1", reviewer.person)


async def test_a_replay_is_its_own_banks_and_leads_back_to_its_line(
    desk: Desk, bureau: Bureau, chain: Chain, house: House
) -> None:
    await told(bureau, chain, held(1))
    await lied(bureau, house, false_hold())
    reviewer = await desk.seat(Office.REVIEWER)
    status, trial = await reviewer.post(f"{CARD}/replay?bank={BANK}")
    assert status == 303
    assert f'href="{CARD}?bank={BANK}"' in (await reviewer.get(trial))[1]
    assert trial in (await reviewer.get(f"{CARD}?bank={BANK}"))[1]
    assert trial not in (await reviewer.get(f"{CARD}?bank={LIAR}"))[1]


async def test_a_case_is_of_one_banks_line_and_stands_in_no_others_way(
    desk: Desk, bureau: Bureau, chain: Chain, house: House
) -> None:
    await told(bureau, chain, held(1))
    await lied(bureau, house, false_hold())
    reviewer = await desk.seat(Office.REVIEWER)
    cases = {}
    for bank, other in ((BANK, LIAR), (LIAR, BANK)):
        assert "尚未立案" in (await reviewer.get(f"{CARD}?bank={bank}"))[1], (
            "whatever is of another"
        )
        _, cases[bank] = await reviewer.post(f"{CARD}/case?bank={bank}", {"against": "bank"})
        page = (await reviewer.get(cases[bank]))[1]
        assert f"{CARD}?bank={bank}" in page and f"{CARD}?bank={other}" not in page
    assert cases[LIAR] not in (await reviewer.get(f"{CARD}?bank={BANK}"))[1]


async def test_each_log_is_asked_for_its_own_records_and_keeps_its_own_evidence(
    bureau: Bureau, chain: Chain, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What one bank fills takes nothing from the other, and no log changes its name."""
    await lied(bureau, house, verdict(1, "held"), verdict(2))
    chain.seal([verdict(1, "blocked"), verdict(1, "blocked", amount_fen=5)])
    await bureau.inbox.receive(bureau.place.gateway, framed(chain.delivery()))
    about = str(KEY)
    told_of = {
        (bank, size): [
            record.seq for record in await bureau.log.of_subject(DIVISION, bank, about, size)
        ]
        for bank in (BANK, LIAR)
        for size in (1, 2)
    }
    assert told_of == {(BANK, 1): [0], (BANK, 2): [0, 1], (LIAR, 1): [0], (LIAR, 2): [0]}
    monkeypatch.setattr("adapters.postgres.bureau.log.EVIDENCE_KEPT_MAX", 1)
    what = {
        "reason": "gap", "detail": "d", "party": "p", "held_size": 0, "held_checkpoint": None,
        "shown_checkpoint": "c", "delivery": b"raw",
    }  # fmt: skip
    now = dt.datetime.now(dt.UTC)
    for bank, digest in ((LIAR, b"1"), (LIAR, b"2"), (BANK, b"3")):
        assert await bureau.log.keep_misbehaviour(DIVISION, bank, digest * 32, what, now) == 1
    kept = {one["digest"][:2]: one["kept"] for one in await bureau.desk.misbehaviours(DIVISION, 9)}
    assert kept == {"31": True, "32": False, "33": True}
    with pytest.raises(ValueError, match="stands under another origin"):
        await bureau.log.open_log(DIVISION, BANK, "another/log")

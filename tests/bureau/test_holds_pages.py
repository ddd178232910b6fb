"""A held instruction on the desk: why, what would release it, two persons, and its result."""

import datetime as dt
import re
from typing import Any

import orjson
import pytest

from bureau.desk.people import Office
from bureau.desk.publish import Publishing
from bureau.desk.releases import VALID
from bureau.web.sections import home
from certs.signing.signer import Signer
from certs.token import TokenUnavailable
from gateway.domain.faults import GatewayUnavailable
from gateway.domain.records import unnumbered
from gateway.pipeline.tell import microseconds
from tests.bureau.desks import Desk
from tests.bureau.words import (
    BANK,
    DIVISION,
    GATEWAY,
    Bureau,
    Chain,
    House,
    finding,
    notice,
    told,
    verdict,
)  # fmt: skip

pytestmark = pytest.mark.postgres
HOME = f"/desk/{DIVISION}/holds"
HOLD = f"{HOME}/2026/8202/{1:013d}"
REASON = {"verdict": "release", "reason": "材料已经补齐", "override": "JL-052/3//"}


def held(number: int) -> bytes:
    said = finding(
        policy="JL-052", revision=3, action="hold", detail="", unavailable=[], missing=["合同"]
    )
    return verdict(number, "held", findings=[said], digest="ab" * 32)


def ended(number: int, what: str, **more: Any) -> bytes:
    return unnumbered(
        {
            "division": DIVISION, "fiscal_year": 2026, "kind": "release", "voucher_type": "8202",
            "voucher_no": f"{number:013d}", "what": what, **more,
        }
    )  # fmt: skip


class Way:
    """A gateway that is away at first, then takes what comes."""

    def __init__(self) -> None:
        self.away = True
        self.taken: list[bytes] = []

    async def publish(self, kind: str, body: bytes, signature: str) -> int:
        if self.away:
            raise GatewayUnavailable("away")
        self.taken.append(body)
        version: int = orjson.loads(body)["version"]
        return version


def away(*_: object) -> str:
    raise TokenUnavailable("token treasury: the module knows no token of this label")


def heading(text: str) -> str:
    """What the hold's page says first of how it stands."""
    [tag] = re.findall(r'<h1>.*?<span class="tag[^"]*">(.*?)</span>', text)
    return str(tag)


@pytest.mark.walk
async def test_two_persons_release_a_hold_and_its_gateway_says_what_became_of_it(
    desk: Desk, bureau: Bureau, chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    await told(bureau, chain, held(1), held(2))
    reviewer, approver = await desk.seat(Office.REVIEWER), await desk.seat(Office.APPROVER)
    _, text = await reviewer.get(HOME)
    assert HOLD in text and "待提议" in text
    _, text = await reviewer.get(HOLD)
    assert "补齐：合同" in text and "JL-052 第3版" in text and heading(text) == "待提议"
    assert await reviewer.post(f"{HOLD}/propose", REASON) == (303, f"{HOLD}?bank={BANK}")
    assert "已办理：提出放行或不予放行意见" in (await reviewer.get(HOLD))[1]
    assert (await reviewer.post(f"{HOLD}/propose", {**REASON, "verdict": "x"}))[0] == 409
    _, text = await approver.get(HOLD)
    [digest] = re.findall(r"releases/([0-9a-f]{64})/approve", text)
    decided = f"/desk/{DIVISION}/releases/{digest}"
    assert heading(text) == "待复核"
    assert (await reviewer.post(f"{decided}/approve"))[0] == 403, "not the office that approves"
    with monkeypatch.context() as patch:
        patch.setattr(Signer, "document", away)
        status, text = await approver.post(f"{decided}/approve")
        assert status == 503 and "签名密钥暂不可用，未作任何改动" in text, "its token is away"
    assert await approver.post(f"{decided}/approve") == (303, f"{HOLD}?bank={BANK}")
    assert (await approver.post(f"{decided}/approve"))[0] == 409, "once"
    way = Way()
    publishing = Publishing(desk.rooms.releases._store, {(DIVISION, BANK): way}, desk.hands)
    await publishing.publish_all(patient=False)
    assert "网关未接收，重发中" in (await reviewer.get(HOLD))[1]
    way.away = False
    await publishing.publish_all(patient=False)
    _, text = await reviewer.get(HOLD)
    assert "网关已签收" in text and heading(text) == "已签署，待网关执行"
    persons = orjson.loads(way.taken[0])["orders"][0]["persons"]
    assert [reviewer.person.login in persons[0]["name"], len(persons)] == [True, 2]
    await told(bureau, chain, ended(1, "not_carried_out"))
    assert HOLD in (await reviewer.get(HOME))[1].partition("最近的决定")[0]
    await told(bureau, chain, ended(1, "released"))
    _, text = await reviewer.get(HOLD)
    assert "已放行并交银行" in text and "提交复核" not in text
    waiting = (await reviewer.get(HOME))[1].partition("最近的决定")[0]
    assert HOLD not in waiting and f"{2:013d}" in waiting
    _, trail = await (await desk.seat(Office.SECURITY)).get(f"/desk/{DIVISION}/trail")
    assert "release.proposed" in trail and "release.approved" in trail


async def test_what_is_left_when_a_hold_ends_is_void_on_every_page(
    desk: Desk, bureau: Bureau, chain: Chain
) -> None:
    await told(bureau, chain, held(1))
    reviewer, approver = await desk.seat(Office.REVIEWER), await desk.seat(Office.APPROVER)
    await reviewer.post(f"{HOLD}/propose", REASON)
    pages = (HOLD, HOME, f"/desk/{DIVISION}/releases")
    for page in pages:
        assert "待复核" in (await approver.get(page))[1]
    assert "批准并签署" in (await approver.get(HOLD))[1]
    await told(bureau, chain, ended(1, "expired"))
    for page in pages:
        _, text = await approver.get(page)
        assert "挂起已结束，作废" in text and "批准并签署" not in text
    assert (await reviewer.post(f"{HOLD}/propose", REASON))[0] == 409


async def test_an_order_that_was_not_carried_out_says_so_and_another_may_follow(
    desk: Desk, bureau: Bureau, chain: Chain
) -> None:
    await told(bureau, chain, held(1))
    reviewer, approver = await desk.seat(Office.REVIEWER), await desk.seat(Office.APPROVER)
    await reviewer.post(f"{HOLD}/propose", REASON)
    [digest] = re.findall(r"releases/([0-9a-f]{64})/approve", (await approver.get(HOLD))[1])
    await approver.post(f"/desk/{DIVISION}/releases/{digest}/approve")
    anew = {**REASON, "reason": "材料再次补齐"}
    assert (await reviewer.post(f"{HOLD}/propose", anew))[0] == 409, "its end is not told yet"
    await told(bureau, chain, ended(1, "not_carried_out", order_sha256=digest))
    assert '<span class="tag blocked">网关未执行</span>' in (await reviewer.get(HOLD))[1]
    assert await reviewer.post(f"{HOLD}/propose", anew) == (303, f"{HOLD}?bank={BANK}")


async def test_what_a_revised_policy_says_is_shown_and_what_was_ticked_before_is_not_it(
    desk: Desk, bureau: Bureau, chain: Chain
) -> None:
    await told(bureau, chain, held(1))
    reviewer, approver = await desk.seat(Office.REVIEWER), await desk.seat(Office.APPROVER)
    await reviewer.post(f"{HOLD}/propose", REASON)
    [digest] = re.findall(r"releases/([0-9a-f]{64})/approve", (await approver.get(HOLD))[1])
    await approver.post(f"/desk/{DIVISION}/releases/{digest}/approve")
    revised = finding(
        policy="JL-052", revision=4, action="hold", detail="", unavailable=[],
        reason_zh="合同已过期",
    )  # fmt: skip
    order = {"order_sha256": digest, "why": "findings", "reason": "材料已经补齐"}
    name = {"policy": "JL-052", "revision": 3, "detail": "", "unavailable": []}
    await told(
        bureau, chain, ended(1, "not_carried_out", **order, judged=[revised], overrides=[name])
    )
    _, text = await reviewer.get(HOLD)
    assert "再次核对仍不符合规定" in text and "合同已过期" in text, "by what it was stopped"
    assert re.findall('name="override" value="([^"]*)"', text) == ["JL-052/4//"]
    status, text = await reviewer.post(f"{HOLD}/propose", REASON)
    assert status == 409 and "挂起的事项已有变化" in text
    again = {**REASON, "override": "JL-052/4//"}
    assert (await reviewer.post(f"{HOLD}/propose", again))[0] == 303


async def test_the_first_page_shows_each_person_the_holds_whose_next_step_is_his(
    desk: Desk, bureau: Bureau, chain: Chain
) -> None:
    await told(bureau, chain, held(1))
    reviewer, approver = await desk.seat(Office.REVIEWER), await desk.seat(Office.APPROVER)
    first = f"/desk/{DIVISION}"
    assert HOLD in (await reviewer.get(first))[1] and HOLD not in (await approver.get(first))[1]
    await reviewer.post(f"{HOLD}/propose", REASON)
    assert HOLD not in (await reviewer.get(first))[1] and HOLD in (await approver.get(first))[1]
    assert "已有提议待复核" in (await reviewer.get(HOLD))[1]


async def test_a_hold_is_on_the_first_page_of_whose_step_it_is_however_many_wait_before_it(
    desk: Desk, bureau: Bureau, chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when what was proposed is void by its age, or was signed and not carried out."""
    monkeypatch.setattr(home, "WAITING_SHOWN", 2)
    await told(bureau, chain, *map(held, range(1, 5)))
    reviewer, approver = await desk.seat(Office.REVIEWER), await desk.seat(Office.APPROVER)
    first, last = f"/desk/{DIVISION}", HOLD.replace(f"{1:013d}", f"{4:013d}")
    await reviewer.post(f"{last}/propose", REASON)
    assert last in (await approver.get(first))[1]
    [digest] = re.findall(r"releases/([0-9a-f]{64})/approve", (await approver.get(last))[1])
    await approver.post(f"/desk/{DIVISION}/releases/{digest}/approve")
    assert last not in (await approver.get(first))[1], "he has done his part"
    assert "已签署，待网关执行" in (await reviewer.get(HOME))[1]
    for number in (1, 2, 3):
        hold = HOLD.replace(f"{1:013d}", f"{number:013d}")
        await reviewer.post(f"{hold}/propose", REASON)
    assert HOLD in (await approver.get(first))[1] and HOLD not in (await reviewer.get(first))[1]
    await told(bureau, chain, ended(4, "not_carried_out", order_sha256=digest))
    assert last in (await reviewer.get(first))[1], "another may be proposed"
    desk.hands.now += VALID + dt.timedelta(minutes=1)
    reviewer, approver = await desk.seat(Office.REVIEWER), await desk.seat(Office.APPROVER)
    assert HOLD in (await reviewer.get(first))[1], "nobody can approve it any more"
    assert HOLD not in (await approver.get(first))[1]


async def test_what_is_sent_back_can_be_proposed_anew(
    desk: Desk, bureau: Bureau, chain: Chain
) -> None:
    await told(bureau, chain, held(1))
    reviewer, approver = await desk.seat(Office.REVIEWER), await desk.seat(Office.APPROVER)
    status, text = await reviewer.post(f"{HOLD}/propose", {**REASON, "override": "9"})
    assert status == 409 and "请勾选准予放行的事项。" in text and f">{REASON['reason']}<" in text
    status, text = await reviewer.post(f"{HOLD}/propose", {"reason": "补"})
    assert "请选择放行或不予放行。" in text and "不少于4个字" in text, "both at once"
    assert (status, text.count('role="alert"')) == (409, 1) and ">补<" in text
    await reviewer.post(f"{HOLD}/propose", REASON)
    [digest] = re.findall(r"releases/([0-9a-f]{64})/reject", (await approver.get(HOLD))[1])
    rejecting = f"/desk/{DIVISION}/releases/{digest}/reject"
    assert (await approver.post(rejecting, {"reason": "不"}))[0] == 409
    assert (await approver.post(rejecting, {"reason": "合同不是原件"}))[0] == 303
    assert "退回：合同不是原件" in (await reviewer.get(HOLD))[1]
    refusal = {"verdict": "refuse", "reason": "单位撤回申请"}
    assert (await reviewer.post(f"{HOLD}/propose", refusal))[0] == 303


async def test_a_hold_says_when_it_ends_if_nobody_decides(
    desk: Desk, bureau: Bureau, chain: Chain, house: House
) -> None:
    """It is final: the agency has to send the payment anew (decision 0121)."""
    now = desk.hands.now
    for number, days in ((1, 10), (2, 1), (3, -1), (4, 0)):
        ends = now + dt.timedelta(days=days, minutes=1)
        until = {"held_until": microseconds(ends)} if days else {}
        body = notice(number, outcome="held", **until)
        await bureau.inbox.notice(GATEWAY, DIVISION, body, house.gateway.document(body))
    await told(bureau, chain, *(held(number) for number in (1, 2, 3, 4)))
    reviewer = await desk.seat(Office.REVIEWER)
    for page in (HOME, f"/desk/{DIVISION}"):
        _, text = await reviewer.get(page)
        shown = re.findall(r'<span class="(en|warn)">(还有 [0-9]+ 天|已到期)</span>', text)
        assert shown == [("en", "还有 10 天"), ("warn", "还有 1 天"), ("warn", "已到期")], page
    assert "累计挂起" in text, "the strip counts from the beginning, and says so"
    _, text = await reviewer.get(HOLD)
    assert "逾期终止" in text and "还有 10 天" in text
    await told(bureau, chain, ended(1, "expired"))
    assert "还有 10 天" not in (await reviewer.get(HOLD))[1], "it has ended"


async def test_a_hold_that_ended_in_the_delivery_that_told_of_it_never_waits(
    desk: Desk, bureau: Bureau, chain: Chain
) -> None:
    nul = ended(1, "\x00")
    await told(bureau, chain, held(1), held(2), ended(2, "expired"), nul)
    rows = await desk.rooms.holds.open_holds(DIVISION, None, 10, desk.hands.now - VALID)
    assert [row["voucher_no"] for row in rows] == [f"{1:013d}"]


async def test_open_holds_page_without_losing_or_repeating_one(
    desk: Desk, bureau: Bureau, chain: Chain
) -> None:
    await told(bureau, chain, *[held(n) for n in range(60)])
    reviewer = await desk.seat(Office.REVIEWER)
    _, first = await reviewer.get(HOME)
    [later] = re.findall(r'href="(\?before=[^"]+)" rel="next"', first)
    _, second = await reviewer.get(HOME + later.replace("&amp;", "&"))
    seen = [re.findall(r"/holds/2026/8202/([0-9]+)", page) for page in (first, second)]
    assert [len(set(page)) for page in seen] == [50, 10] and not set(seen[0]) & set(seen[1])

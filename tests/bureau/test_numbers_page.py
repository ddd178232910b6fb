"""What a gateway refuses, on the desk: why, what waits behind it, and a void by two persons."""

import re
from typing import Any

import pytest

from bureau.desk.numbers import Numbers
from bureau.desk.people import Office
from bureau.desk.publish import Publishing
from tests.bureau.desks import Desk, Seated
from tests.bureau.numbering import PLACE, Gateway
from tests.bureau.test_holds_pages import HOLD, REASON, ended, heading, held, told
from tests.bureau.test_holds_pages import HOME as HOLDS
from tests.bureau.words import BANK, DIVISION, DOMAIN, Bureau, Chain

pytestmark = pytest.mark.postgres
HOME = f"/desk/{DIVISION}/numbers"
WHY = "网关要求本人签名，工作台没有"


class Softened(Gateway):
    """It demands the officers' own signatures of decisions, and takes the desk's voids."""

    async def ask(self, kind: str, body: bytes, signature: str) -> bytes:
        if b'"void"' in body:
            self.officers = ()
        return await super().ask(kind, body, signature)


def publishing_of(desk: Desk, bureau: Bureau, gateway: Gateway) -> Publishing:
    rooms: Any = desk.rooms
    ways = {PLACE: gateway}
    own = f"{DOMAIN}/bureau/{DIVISION}"
    numbers = Numbers(
        rooms.voids._store, ways, bureau.trust.verify_document, own, bureau.trust.sign_document,
        desk.hands,
    )  # fmt: skip
    return Publishing(rooms.releases._store, ways, desk.hands, settle=numbers.settle)


async def refused(
    desk: Desk, bureau: Bureau, chain: Chain, reviewer: Seated, approver: Seated
) -> Publishing:
    """Hold 1's release is signed, and refused by its gateway."""
    await told(bureau, chain, held(1))
    await reviewer.post(f"{HOLD}/propose", REASON)
    [digest] = set(re.findall(r"releases/([0-9a-f]{64})/approve", (await approver.get(HOLD))[1]))
    assert (await approver.post(f"/desk/{DIVISION}/releases/{digest}/approve"))[0] == 303
    publishing = publishing_of(desk, bureau, Softened(bureau.trust, officers=["nobody"]))
    await publishing.publish_all(patient=False)
    return publishing


async def test_two_persons_make_void_what_a_gateway_refuses_and_the_hold_is_decided_anew(
    desk: Desk, bureau: Bureau, chain: Chain
) -> None:
    reviewer, approver = await desk.seat(Office.REVIEWER), await desk.seat(Office.APPROVER)
    assert "没有被拒收的决定" in (await reviewer.get(HOME))[1]
    publishing = await refused(desk, bureau, chain, reviewer, approver)
    assert "拒收已签署的决定" in (await reviewer.get(HOLDS))[1]
    _, text = await reviewer.get(HOME)
    assert "carries no header Signature-JWS" in text and "提议作废" in text
    form = {"bank": BANK, "number": "1", "reason": WHY}
    status, text = await reviewer.post(f"{HOME}/propose", form | {"reason": "短"})
    assert status == 409 and "不少于4个字" in text and 'value="短"' in text
    for wrong in ({"number": "x"}, {"number": "2"}, {"bank": "105"}):
        assert (await reviewer.post(f"{HOME}/propose", form | wrong))[0] == 409
    assert (await approver.post(f"{HOME}/propose", form))[0] == 403
    assert await reviewer.post(f"{HOME}/propose", form) == (303, HOME)
    assert "已有作废提议待复核" in (await reviewer.get(HOME))[1]
    assert (await reviewer.post(f"{HOME}/propose", form))[0] == 409
    [digest] = set(re.findall(r"numbers/([0-9a-f]{64})/approve", (await approver.get(HOME))[1]))
    status, text = await approver.post(f"{HOME}/{digest}/reject", {"reason": ""})
    assert status == 409 and "不少于4个字" in text
    assert await approver.post(f"{HOME}/{digest}/approve") == (303, HOME)
    assert (await approver.post(f"{HOME}/{digest}/approve"))[0] == 409, "once"
    assert "已签署，发送中" in (await reviewer.get(HOME))[1]
    assert "已作废，待网关收讫" in (await reviewer.get(HOLD))[1]
    anew = REASON | {"reason": "材料已经补齐，再次提议"}
    assert (await reviewer.post(f"{HOLD}/propose", anew))[0] == 409, "the gateway's log must tell"
    await publishing.publish_all(patient=False)
    _, text = await reviewer.get(HOME)
    assert "网关已收讫，编号作废" in text and "没有被拒收的决定" in text and WHY in text
    order = await bureau.pool.fetchval("SELECT order_digest FROM release_void")
    words = {"reason": WHY, "refused": "400 feed_invalid", "order_sha256": order.hex()}
    await told(bureau, chain, ended(1, "voided", **words))
    _, text = await reviewer.get(HOLD)
    assert heading(text) == "待提议" and "网关拒收，已作废" in text
    assert "决定被网关拒收，已由两人作废" in text and f"作废理由：{WHY}" in text
    assert (await reviewer.post(f"{HOLD}/propose", anew))[0] == 303
    assert "再次提议" in (await reviewer.get(HOLD))[1]
    _, trail = await (await desk.seat(Office.SECURITY)).get(f"/desk/{DIVISION}/trail")
    assert "release.void_proposed" in trail and "release.void_approved" in trail


async def test_a_void_that_is_sent_back_leaves_the_refused_one_waiting(
    desk: Desk, bureau: Bureau, chain: Chain
) -> None:
    reviewer, approver = await desk.seat(Office.REVIEWER), await desk.seat(Office.APPROVER)
    await refused(desk, bureau, chain, reviewer, approver)
    await reviewer.post(f"{HOME}/propose", {"bank": BANK, "number": "1", "reason": WHY})
    [digest] = set(re.findall(r"numbers/([0-9a-f]{64})/approve", (await approver.get(HOME))[1]))
    assert await approver.post(f"{HOME}/{digest}/reject", {"reason": "先请银行改设置"}) == (
        303,
        HOME,
    )
    _, text = await reviewer.get(HOME)
    assert "退回：先请银行改设置" in text and "提议作废" in text
    assert (await approver.post(f"{HOME}/{digest}/approve"))[0] == 409
    assert (await approver.post(f"{HOME}/{'0' * 64}/approve"))[0] == 409

"""What was proposed under an account that is closed since is approved by nobody: it goes back."""

import datetime as dt
import re

import pytest

from bureau.desk.people import Office
from bureau.desk.releases import Named, ReleaseRefused
from gateway.domain.legal_day import legal_day
from tests.bureau.cases.test_complaints import taken
from tests.bureau.cases.test_decided_as_shown import verified
from tests.bureau.desks import Desk, Seated
from tests.bureau.policies.test_policy_trials import HOME as POLICIES
from tests.bureau.policies.test_policy_trials import LOWER
from tests.bureau.test_holds_pages import HOLD, REASON, held
from tests.bureau.test_numbers_page import HOME as NUMBERS
from tests.bureau.test_numbers_page import WHY, refused
from tests.bureau.test_registers import AGENCY, form_of, loaded
from tests.bureau.test_registers import HOME as REGISTERS
from tests.bureau.words import BANK, DIVISION, Bureau, Chain, told

pytestmark = pytest.mark.postgres
CLOSED = "提议人的账号已停用"


async def closed(desk: Desk, who: Seated) -> None:
    admin = await desk.seat(Office.ADMINISTRATOR, "zhou")
    assert (await admin.post(f"/accounts/{who.person.login}/close"))[0] == 303


async def test_a_release_of_a_closed_account_is_not_signed_and_another_may_propose_it(
    desk: Desk, bureau: Bureau, chain: Chain
) -> None:
    await told(bureau, chain, held(1))
    gone, stays = await desk.seat(Office.REVIEWER, "r1"), await desk.seat(Office.REVIEWER, "r2")
    approver = await desk.seat(Office.APPROVER)
    await gone.post(f"{HOLD}/propose", REASON)
    [digest] = set(re.findall(r"releases/([0-9a-f]{64})/approve", (await approver.get(HOLD))[1]))
    await closed(desk, gone)
    at = f"/desk/{DIVISION}/releases/{digest}"
    status, page = await approver.post(f"{at}/approve")
    assert status == 409 and CLOSED in page
    with pytest.raises(ReleaseRefused, match=CLOSED):  # nor by a typed name (`releases approve`)
        typed = Named(name="另一人")
        await desk.rooms.releases.approve(DIVISION, bytes.fromhex(digest), typed)
    assert (await approver.post(f"{at}/reject", {"reason": "提议人已停用"}))[0] == 303
    own = REASON | {"reason": "本人核实，材料已经补齐"}
    assert (await stays.post(f"{HOLD}/propose", own))[0] == 303
    [anew] = set(re.findall(r"releases/([0-9a-f]{64})/approve", (await approver.get(HOLD))[1]))
    assert anew != digest
    assert (await approver.post(f"/desk/{DIVISION}/releases/{anew}/approve"))[0] == 303


async def test_a_void_of_a_closed_account_is_not_signed(
    desk: Desk, bureau: Bureau, chain: Chain
) -> None:
    gone, stays = await desk.seat(Office.REVIEWER, "r1"), await desk.seat(Office.REVIEWER, "r2")
    approver = await desk.seat(Office.APPROVER)
    await refused(desk, bureau, chain, stays, approver)
    form = {"bank": BANK, "number": "1", "reason": WHY}
    assert (await gone.post(f"{NUMBERS}/propose", form))[0] == 303
    [digest] = set(re.findall(r"numbers/([0-9a-f]{64})/approve", (await approver.get(NUMBERS))[1]))
    await closed(desk, gone)
    status, page = await approver.post(f"{NUMBERS}/{digest}/approve")
    assert status == 409 and CLOSED in page
    assert (await approver.post(f"{NUMBERS}/{digest}/reject", {"reason": "提议人停用"}))[0] == 303


async def test_a_change_of_registers_of_a_closed_account_is_not_published(desk: Desk) -> None:
    reviewer, approver = await loaded(desk)
    change = f"{REGISTERS}/changes/2"
    form = form_of("agencies", AGENCY | {"status": "suspended"})
    assert (await reviewer.post(f"{REGISTERS}/agencies/edit", form))[0] == 303
    await closed(desk, reviewer)
    status, page = await approver.post(f"{change}/approve")
    assert status == 409 and CLOSED in page
    assert "正常" in (await approver.get(f"{REGISTERS}/agencies"))[1]
    assert (await approver.post(f"{change}/reject", {"said": "提议人停用"}))[0] == 303


async def test_a_draft_of_a_closed_account_is_not_agreed_to(desk: Desk) -> None:
    reviewer, approver = await desk.seat(Office.REVIEWER), await desk.seat(Office.APPROVER)
    form = {"document": LOWER, "step": "draft", "reason": "降低限额"}
    status, draft = await reviewer.post(f"{POLICIES}/JL-042/edit", form)
    assert status == 303
    await closed(desk, reviewer)
    status, page = await approver.post(f"{draft}/agree")
    assert status == 409 and "起草人账号已停用" in page
    assert (await approver.post(f"{draft}/send-back", {"reason": "请重新起草"}))[0] == 303


async def test_a_verdict_of_a_closed_account_is_sent_back(desk: Desk) -> None:
    gone, stays = await desk.seat(Office.REVIEWER, "r1"), await desk.seat(Office.REVIEWER, "r2")
    approver = await desk.seat(Office.APPROVER)
    case = await verified(stays, legal_day(desk.hands.now))
    cleared = {"verdict": "cleared", "text": "排除疑点"}
    assert (await gone.post(f"{case}/propose", cleared))[0] == 303
    await closed(desk, gone)
    status, page = await approver.post(f"{case}/decide", {"seen": await approver.seen(case)})
    assert status == 409 and CLOSED in page
    back = {"seen": await approver.seen(case), "text": "请他人重新提出"}
    assert (await approver.post(f"{case}/send_back", back))[0] == 303
    assert (await stays.post(f"{case}/propose", cleared))[0] == 303
    seen = {"seen": await approver.seen(case)}
    assert (await approver.post(f"{case}/decide", seen))[0] == 303


async def confirmed(reviewer: Seated, approver: Seated, day: dt.date) -> str:
    case = await verified(reviewer, day)
    verdict = {"verdict": "confirmed", "text": "属实"}
    assert (await reviewer.post(f"{case}/propose", verdict))[0] == 303
    decided = {"seen": await approver.seen(case)}
    assert (await approver.post(f"{case}/decide", decided))[0] == 303
    return case


async def test_a_handling_of_a_closed_account_is_sent_back(desk: Desk) -> None:
    gone, stays = await desk.seat(Office.REVIEWER, "r1"), await desk.seat(Office.REVIEWER, "r2")
    approver, day = await desk.seat(Office.APPROVER), legal_day(desk.hands.now)
    case = await confirmed(stays, approver, day)
    handling = {
        "text": "电话警示", "measure": ["21(1)"],
        "due 21(1)": (day + dt.timedelta(days=9)).isoformat(),
    }  # fmt: skip
    assert (await gone.post(f"{case}/propose_handling", handling))[0] == 303
    await closed(desk, gone)
    seen = {"seen": await approver.seen(case)}
    status, page = await approver.post(f"{case}/approve_handling", seen)
    assert status == 409 and CLOSED in page
    assert "电话警示" in (await approver.get(case))[1], "nothing was issued, and it waits still"
    back = {"seen": await approver.seen(case), "text": "请他人重新提出"}
    assert (await approver.post(f"{case}/send_back", back))[0] == 303
    assert (await stays.post(f"{case}/propose_handling", handling))[0] == 303
    seen = {"seen": await approver.seen(case)}
    assert (await approver.post(f"{case}/approve_handling", seen))[0] == 303


async def test_a_referral_of_a_closed_account_is_sent_back(desk: Desk) -> None:
    gone, stays = await desk.seat(Office.REVIEWER, "r1"), await desk.seat(Office.REVIEWER, "r2")
    approver = await desk.seat(Office.APPROVER)
    case = await confirmed(stays, approver, legal_day(desk.hands.now))
    referral = {"to": "audit", "text": "多次违规"}
    assert (await gone.post(f"{case}/propose_referral", referral))[0] == 303
    await closed(desk, gone)
    seen = {"seen": await approver.seen(case)}
    status, page = await approver.post(f"{case}/approve_referral", seen)
    assert status == 409 and CLOSED in page
    assert "移交函</td>" not in (await approver.get(case))[1], "no letter, no number"
    back = {"seen": await approver.seen(case), "text": "请他人重新提出"}
    assert (await approver.post(f"{case}/return_referral", back))[0] == 303
    assert (await stays.post(f"{case}/propose_referral", referral))[0] == 303
    seen = {"seen": await approver.seen(case)}
    assert (await approver.post(f"{case}/approve_referral", seen))[0] == 303


async def test_an_opinion_on_a_complaint_of_a_closed_account_is_sent_back(desk: Desk) -> None:
    gone, stays = await desk.seat(Office.REVIEWER, "r1"), await desk.seat(Office.REVIEWER, "r2")
    approver, complaint = (
        await desk.seat(Office.APPROVER),
        await taken(await desk.seat(Office.KEEPER)),
    )
    opinion = {"words": "查无实据"}
    assert (await stays.post(f"{complaint}/steps/accept"))[0] == 303
    assert (await gone.post(f"{complaint}/steps/conclude", opinion))[0] == 303
    await closed(desk, gone)
    seen = {"seen": await approver.seen(complaint)}
    status, page = await approver.post(f"{complaint}/steps/approve", seen)
    assert status == 409 and CLOSED in page
    assert (await approver.post(f"{complaint}/steps/send_back", seen | {"words": "请他人提出"}))[
        0
    ] == 303
    assert (await stays.post(f"{complaint}/steps/conclude", opinion))[0] == 303
    seen = {"seen": await approver.seen(complaint)}
    assert (await approver.post(f"{complaint}/steps/approve", seen))[0] == 303

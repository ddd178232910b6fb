"""What a second person decides is what that person was shown: whoever has an old page open, or an
old proposal at hand, decides nothing that he did not see (docs/decisions/0057)."""

import asyncio
import datetime as dt

import pytest

from bureau.desk.people import Office
from gateway.domain.legal_day import legal_day
from tests.bureau.cases.test_complaints import taken
from tests.bureau.desks import Desk, Seated
from tests.bureau.policies.test_policies_pages import CASH
from tests.bureau.policies.test_policies_pages import HOME as POLICIES
from tests.bureau.test_registers import AGENCY, form_of, loaded, snapshot
from tests.bureau.test_registers import HOME as REGISTERS
from tests.bureau.words import DIVISION

pytestmark = pytest.mark.postgres
HOME = f"/desk/{DIVISION}"


async def verified(reviewer: Seated, day: dt.date) -> str:
    """A case whose verification is done, so that a verdict may be proposed."""
    form = {
        "against": "agency", "agency_code": "101001", "agency_name": "吉林省示例厅",
        "title": "虚列会议费", "reason": "人工排查",
    }  # fmt: skip
    status, case = await reviewer.post(f"{HOME}/cases/new", form)
    assert status == 303, case
    asked = {"means": "phone_call", "due": day.isoformat(), "text": "问过", "person": "张某"}
    for move, body in (
        ("verify", asked), ("record", {"number": 1, "text": "否认"}),
        ("accept", {"number": 1, "text": "采信"}),
    ):  # fmt: skip
        assert (await reviewer.post(f"{case}/{move}", body))[0] == 303
    return case


async def test_a_verdict_that_was_proposed_anew_is_not_decided_from_an_old_page(desk: Desk) -> None:
    reviewer, day = await desk.seat(Office.REVIEWER), legal_day(desk.hands.now)
    first, second = await desk.seat(Office.APPROVER, "a1"), await desk.seat(Office.APPROVER, "a2")
    case = await verified(reviewer, day)
    cleared = {"verdict": "cleared", "text": "排除疑点"}
    assert (await reviewer.post(f"{case}/propose", cleared))[0] == 303
    old = {"seen": await first.seen(case)}
    back = {"seen": await second.seen(case), "text": "请再核实"}
    assert (await second.post(f"{case}/send_back", back))[0] == 303
    confirmed = {"verdict": "confirmed", "text": "属实"}
    assert (await reviewer.post(f"{case}/propose", confirmed))[0] == 303
    status, page = await first.post(f"{case}/decide", old)
    assert status == 409 and "重新查看" in page
    for none in ({}, {"seen": ""}, {"seen": "-1"}, {"seen": "x"}):
        assert (await first.post(f"{case}/decide", none))[0] == 409, none
    assert "认定意见待复核" in (await first.get(case))[1]
    assert (await first.post(f"{case}/decide", {"seen": await first.seen(case)}))[0] == 303


async def test_two_approvers_at_once_decide_a_case_once(desk: Desk) -> None:
    reviewer, day = await desk.seat(Office.REVIEWER), legal_day(desk.hands.now)
    approvers = [await desk.seat(Office.APPROVER, f"a{n}") for n in range(4)]
    case = await verified(reviewer, day)
    await reviewer.post(f"{case}/propose", {"verdict": "confirmed", "text": "属实"})
    seen = await approvers[0].seen(case)
    forms = [{"seen": seen, "text": "退回"}] * 4
    moves = ("decide", "send_back", "decide", "send_back")
    answers = await asyncio.gather(
        *(a.post(f"{case}/{m}", f) for a, m, f in zip(approvers, moves, forms, strict=True))
    )
    assert sorted(status for status, _ in answers) == [303, 409, 409, 409]


async def test_an_opinion_on_a_complaint_is_not_approved_from_an_old_page(desk: Desk) -> None:
    keeper, reviewer = await desk.seat(Office.KEEPER), await desk.seat(Office.REVIEWER)
    first, second = await desk.seat(Office.APPROVER, "a1"), await desk.seat(Office.APPROVER, "a2")
    path = await taken(keeper)
    await reviewer.post(f"{path}/steps/accept")
    await reviewer.post(f"{path}/steps/conclude", {"words": "查无实据"})
    old = {"seen": await first.seen(path)}
    back = {"seen": await second.seen(path), "words": "请再查实"}
    assert (await second.post(f"{path}/steps/send_back", back))[0] == 303
    await reviewer.post(f"{path}/steps/conclude", {"words": "属实，已退回"})
    assert (await first.post(f"{path}/steps/approve", old))[0] == 409
    new = {"seen": await first.seen(path)}
    assert (await first.post(f"{path}/steps/approve", new))[0] == 303


async def test_an_older_proposal_takes_back_no_register_change_that_was_approved_since(
    desk: Desk,
) -> None:
    """A new name, proposed while the agency was active, would lift its suspension."""
    reviewer, approver = await loaded(desk)
    renamed = form_of("agencies", AGENCY | {"name": "新名"})
    suspended = form_of("agencies", AGENCY | {"status": "suspended"})
    for form in (renamed, suspended):
        assert (await reviewer.post(f"{REGISTERS}/agencies/edit", form))[0] == 303
    whole = {"file": ("r.json", snapshot(version=90)), "reason": "全量更新"}
    assert (await reviewer.post(f"{REGISTERS}/import", whole))[0] == 303
    assert (await approver.post(f"{REGISTERS}/changes/3/approve"))[0] == 303
    for older in (2, 4):
        status, page = await approver.post(f"{REGISTERS}/changes/{older}/approve")
        assert status == 409 and "重新提议" in page
    assert "暂停拨付" in (await reviewer.get(f"{REGISTERS}/agencies"))[1]
    said = {"said": "已另有变更"}
    assert (await approver.post(f"{REGISTERS}/changes/2/reject", said))[0] == 303
    both = form_of("agencies", AGENCY | {"name": "新名", "status": "suspended"})
    assert (await reviewer.post(f"{REGISTERS}/agencies/edit", both))[0] == 303
    assert (await approver.post(f"{REGISTERS}/changes/5/approve"))[0] == 303


def lowered(limit: str) -> str:
    above = f"{float(limit) + 0.01:.2f}"
    below = f"{float(limit) - 0.01:.2f}"
    return (
        CASH.replace('"1000.00"', f'"{limit}"').replace('"999.99"', f'"{below}"')
        .replace('"1000.01"', f'"{above}"').replace("revision = 2", "revision = 3", 1)
    )  # fmt: skip


async def test_an_older_draft_takes_back_no_policy_that_was_agreed_to_since(desk: Desk) -> None:
    reviewer = await desk.seat(Office.REVIEWER)
    approvers = [await desk.seat(Office.APPROVER, f"a{n}") for n in range(2)]
    for number, limit in enumerate(("900.00", "850.00", "820.00"), 1):
        form = {"document": lowered(limit), "step": "draft", "reason": "降低限额"}
        status, path = await reviewer.post(f"{POLICIES}/JL-042/edit", form)
        assert (status, path) == (303, f"{POLICIES}/drafts/{number}")
    answers = await asyncio.gather(
        *(a.post(f"{POLICIES}/drafts/{n}/agree") for a, n in zip(approvers, (2, 3), strict=True))
    )
    assert sorted(status for status, _ in answers) == [303, 409], "of two at once the first"
    assert (await approvers[0].post(f"{POLICIES}/drafts/1/agree"))[0] == 409
    back = f"{POLICIES}/drafts/1/send-back"
    status, text = await approvers[0].post(back, {"reason": "不"})
    assert status == 409 and "请填写退回理由" in text
    assert (await approvers[0].post(back, {"reason": "已有更低的限额"}))[0] == 303
    assert "<strong>已有更低的限额</strong>" in (await reviewer.get(f"{POLICIES}/drafts/1"))[1]

"""What letters tell of a case without payments, of a bank's order, and of what a court undid."""

import datetime as dt

import attrs
import pytest

from bureau.desk.casework.state import Order
from bureau.desk.casework.words import Measure, Move
from bureau.desk.papers import letters
from bureau.desk.papers.established import standings
from bureau.desk.papers.referral import referral
from bureau.desk.people import Office
from gateway.domain.legal_day import legal_day
from tests.bureau.cases.test_case_edges import APPROVER, REVIEWER
from tests.bureau.cases.test_cases_machine import DAY, after, handled, made
from tests.bureau.cases.test_desk_papers import ISSUE, about, proposed
from tests.bureau.cases.test_form_again import confirmed
from tests.bureau.desks import Desk
from tests.bureau.words import DIVISION

pytestmark = pytest.mark.postgres
BY_HAND = attrs.evolve(about(), payments=(), amounts=(), case_amount=1_280_050)
IN_WORDS = "人民币壹万贰仟捌佰元零伍角整（¥12,800.50）"
ORDER = Order(
    number=1, measure=Measure.BANK_RETURN, due=dt.date(2026, 3, 20), returned=1_280_050,
    other=100,
)  # fmt: skip


def test_a_case_that_names_no_payment_is_told_with_its_own_amount() -> None:
    order = attrs.evolve(ORDER, measure=Measure.WARN)
    for paper in (
        letters.handling_sheet(BY_HAND, [order], "退回", ("甲", "乙"), ISSUE),
        letters.bulletin(BY_HAND, (), "通报", ISSUE),
        referral(BY_HAND, proposed("audit"), ISSUE),
    ):
        text = paper.text()
        assert IN_WORDS in text and "0笔" not in text and "零元" not in text, text
    due = {"due": "2026-03-20"}
    told = letters.concern(BY_HAND, {"text": "请关注", "concern": "large", **due}, ISSUE).text()
    assert "涉及支付金额较大。现将" in told and "0笔" not in told
    nothing = attrs.evolve(BY_HAND, case_amount=0)
    assert "存在下列问题：" in letters.bulletin(nothing, (), "通报", ISSUE).text()
    assert ("涉及金额", "—") in referral(nothing, proposed("audit"), ISSUE).rows


def test_a_bank_is_told_which_payments_and_how_much_it_must_return() -> None:
    text = letters.bank_notice(about(), [ORDER], "限期办理", ISSUE).text()
    assert IN_WORDS in text and "补办手续等其他\n人民币壹元整" in text
    assert "第2026030200001号" in text and "2026年3月20日" in text


@pytest.mark.parametrize("result", ["changed", "revoked"])
def test_what_a_court_undid_was_not_left_undone_by_its_party(result: str) -> None:
    """`未按期落实` of an order that a review took back would be a false report of its party."""
    undone = made(Move.DISPUTE, kind="review"), made(Move.DISPUTE_END, result=result)
    (order,) = after(*handled(Measure.WARN), *undone).orders
    (told,) = standings([order], DAY)
    assert told.outcome == "经复议、诉讼或仲裁撤销或变更，不再执行"


async def test_the_page_of_a_case_says_so_too_and_goes_on_to_another_decision(desk: Desk) -> None:
    case, office = await confirmed(desk), desk.rooms.office
    year, number = (int(part) for part in case.split("/")[-2:])
    key = DIVISION, year, number
    due = legal_day(desk.hands.now).isoformat()
    orders = [{"measure": "21(2)", "due": due, "returned": 100}]
    for move, body, by in (
        (Move.PROPOSE_HANDLING, {"text": "x", "orders": orders}, REVIEWER),
        (Move.APPROVE_HANDLING, {}, APPROVER),
        (Move.DISPUTE, {"text": "x", "kind": "review"}, REVIEWER),
        (Move.DISPUTE_END, {"text": "x", "result": "changed"}, REVIEWER),
        (Move.PROPOSE_HANDLING, {"text": "y", "orders": orders}, REVIEWER),
        (Move.APPROVE_HANDLING, {}, APPROVER),
    ):
        await office.move(key, move, body, by)
    _, text = await (await desk.seat(Office.REVIEWER)).get(case)
    assert "已撤销或变更" in text and "已升级" not in text and "待整改" in text

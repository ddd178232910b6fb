"""The expected step of a case comes first; what is not possible is told and not offered."""

import pytest

from bureau.desk.casework.ahead import expected, objection
from bureau.desk.casework.moves import replayed, step
from bureau.desk.casework.phase import phase, standing_zh
from bureau.desk.casework.state import Case, awaits
from bureau.desk.casework.words import WHO, Against, Measure, Move
from bureau.desk.people import Office, Person
from bureau.web.sections.forms import forms_of
from tests.bureau.cases.test_cases_machine import DAY, LATE, VERIFIED, after, handled, made, orders

WARNED = handled(Measure.WARN)
REFERRED = step(after(*VERIFIED), made(Move.PROPOSE_REFERRAL, to="audit"))
TURNS: dict[str, tuple[Case, Office, Move]] = {
    "a new case is verified": (after(), Office.REVIEWER, Move.VERIFY),
    "what was asked is answered": (after(*VERIFIED[:1]), Office.AGENCY, Move.REPLY),
    "a reply is taken or sent back": (after(*VERIFIED[:2]), Office.REVIEWER, Move.ACCEPT),
    "what is verified gets a verdict": (after(*VERIFIED[:3]), Office.REVIEWER, Move.PROPOSE),
    "a verdict is decided": (after(*VERIFIED[:4]), Office.APPROVER, Move.DECIDE),
    "the confirmed is handled": (after(*VERIFIED), Office.REVIEWER, Move.PROPOSE_HANDLING),
    "an order is reported on": (after(*WARNED), Office.AGENCY, Move.REPORT),
    "a report is judged": (
        after(*WARNED, made(Move.REPORT)), Office.REVIEWER, Move.ACCEPT_REPORT,
    ),
    "a report is judged while another order is open": (
        after(*handled(Measure.WARN, Measure.RETURN_AND_ADJUST), made(Move.REPORT)),
        Office.REVIEWER, Move.ACCEPT_REPORT,
    ),
    "a rectified case is put away": (
        after(*WARNED, made(Move.REPORT), made(Move.ACCEPT_REPORT)), Office.REVIEWER, Move.ARCHIVE,
    ),
    "a referral is agreed to": (REFERRED, Office.APPROVER, Move.APPROVE_REFERRAL),
}  # fmt: skip


def person(office: Office, login: str = "") -> Person:
    return Person(login=login or office.value, division="220000000", office=office, name="张")


@pytest.mark.parametrize("turn", TURNS)
def test_the_expected_step_comes_first_and_open(turn: str) -> None:
    case, office, move = TURNS[turn]
    found, _ = forms_of(case, person(office), DAY)
    assert found[0].move is move and found[0].first
    assert [form.first for form in found].count(True) == 1, "one primary button"


def test_what_is_not_possible_is_told_with_its_reason_and_not_offered() -> None:
    for case, title, word in (
        (after(*VERIFIED[:1]), "提出认定意见", "尚有核实事项未完成"),
        (after(*VERIFIED[:2]), "提出认定意见", "尚有核实事项未完成"),
        (after(*VERIFIED), "归档", "须作出处理"),
        (after(*WARNED), "提出处理意见", "整改期限未到"),
        (REFERRED, "提出移交意见", "待审批"),
    ):
        found, barred = forms_of(case, person(Office.REVIEWER), DAY)
        [one] = [each for each in barred if each.title == title]
        assert word in one.zh and one.en
        assert not any(form.title.startswith(title) for form in found)
    own = person(Office.APPROVER, VERIFIED[3].by)
    found, barred = forms_of(after(*VERIFIED[:4]), own, DAY)
    assert [each.title for each in barred] == ["认定"] and "不能审批" in barred[0].zh


def test_a_report_that_is_refused_without_its_evidence_asks_for_it_in_its_form() -> None:
    for measure, needed in ((Measure.WARN, True), (Measure.RETURN_AND_ADJUST, False)):
        [form] = forms_of(after(*handled(measure)), person(Office.AGENCY), DAY)[0]
        [files] = [field for field in form.fields if field.kind == "files"]
        assert files.required is needed and ("佐证材料" in files.zh) is needed


def test_an_overdue_reply_or_order_lets_the_bureau_go_on() -> None:
    asked, running = after(*VERIFIED[:1]), after(*WARNED)
    for case, move in ((asked, Move.PROPOSE), (running, Move.PROPOSE_HANDLING)):
        assert forms_of(case, person(Office.REVIEWER), LATE)[0][0].move is move
        assert move not in expected(case, DAY)


@pytest.mark.parametrize("turn", TURNS)
def test_what_is_offered_is_never_refused_whatever_office_asks(turn: str) -> None:
    case, _, _ = TURNS[turn]
    for office in Office:
        found, barred = forms_of(case, person(office), DAY)
        for form in found:
            assert office in WHO[form.move]
            assert objection(case, form.move, person(office), DAY) is None
        assert {one.title for one in barred}.isdisjoint(form.title for form in found)


def row(case: Case, **more: object) -> dict[str, object]:
    return {
        "stage": case.stage.value, "phase": phase(case).value, "awaits": awaits(case),
        "due": case.due, "escalation": case.escalation, "referring": case.referral is not None,
        **more,
    }  # fmt: skip


def test_header_and_list_say_what_waits() -> None:
    asked, running = after(*VERIFIED[:1]), after(*WARNED)
    overdue = step(running, made(Move.ESCALATE, day=LATE))
    for case, day, words in (
        (after(), DAY, "疑点登记，待核实"), (asked, DAY, "待答复"), (asked, LATE, "待答复，已逾期"),
        (after(*VERIFIED[:2]), DAY, "已回复，待采信"), (running, DAY, "整改中"),
        (running, LATE, "整改中，已逾期"), (overdue, LATE, "未按要求整改，待升级处理"),
        (REFERRED, DAY, "已确认，待处理意见；移交意见待复核"),
    ):  # fmt: skip
        assert standing_zh(row(case), day, inside=True) == words
    two = after(*handled(Measure.WARN, Measure.RETURN_AND_ADJUST), made(Move.REPORT))
    for case, day, words in (
        (two, DAY, "整改中；另有事项已报送，待认可"),
        (two, LATE, "整改中，已逾期；另有事项已报送，待认可"),
        (step(two, made(Move.ACCEPT_REPORT)), DAY, "整改中"),
        (step(two, made(Move.REPORT, number=2)), LATE, "已报送整改，待认可"),
    ):
        for inside in (True, False):
            assert standing_zh(row(case), day, inside=inside) == words, "what is still owed"
    for case, words in ((asked, "待答复"), (after(), "疑点登记，待核实")):
        assert standing_zh(row(case, phase=""), DAY, inside=True) == words, "not moved since"
    assert standing_zh(row(REFERRED), DAY, inside=False) == "已确认"
    handling = replayed(
        Against.AGENCY, [*VERIFIED, made(Move.PROPOSE_HANDLING, orders=orders(Measure.WARN))]
    )
    assert standing_zh(row(handling), DAY, inside=False) == "处理待审批"

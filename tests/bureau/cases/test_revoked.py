"""A decision that a review or a court revoked is there no more to be disputed."""

import pytest

from bureau.desk.casework.words import Measure, Move, Stage
from bureau.desk.people import Office
from bureau.desk.refusals import ActRefused
from gateway.domain.legal_day import legal_day
from tests.bureau.cases.test_case_edges import APPROVER, REVIEWER
from tests.bureau.cases.test_cases_machine import after, handled, made
from tests.bureau.cases.test_form_again import confirmed
from tests.bureau.desks import Desk
from tests.bureau.words import DIVISION

pytestmark = pytest.mark.postgres


async def archived(desk: Desk, result: str) -> str:
    """The path of a case whose decision was disputed with this result."""
    case, due = await confirmed(desk), legal_day(desk.hands.now).isoformat()
    year, number = (int(part) for part in case.split("/")[-2:])
    orders = [{"measure": "21(5)"}, {"measure": "21(2)", "due": due}]
    for move, body, by in (
        (Move.PROPOSE_HANDLING, {"text": "x", "orders": orders}, REVIEWER),
        (Move.APPROVE_HANDLING, {}, APPROVER),
        (Move.DISPUTE, {"text": "x", "kind": "review"}, REVIEWER),
        (Move.DISPUTE_END, {"text": "x", "result": result}, REVIEWER),
    ):
        await desk.rooms.office.move((DIVISION, year, number), move, body, by)
    return case


async def test_a_revoked_decision_that_is_in_the_archive_is_disputed_no_more(desk: Desk) -> None:
    case = await archived(desk, "revoked")
    year, number = (int(part) for part in case.split("/")[-2:])
    office, key = desk.rooms.office, (DIVISION, year, number)
    await office.move(key, Move.ARCHIVE, {}, REVIEWER)
    reviewer = await desk.seat(Office.REVIEWER)
    assert f'action="{case}/dispute"' not in (await reviewer.get(case))[1]
    with pytest.raises(ActRefused, match="已被撤销"):
        await office.move(key, Move.DISPUTE, {"text": "x", "kind": "lawsuit"}, REVIEWER)
    assert (await office.state(key))[1].stage is Stage.ARCHIVED


async def test_an_upheld_decision_may_go_on_to_a_court(desk: Desk) -> None:
    case = await archived(desk, "upheld")
    reviewer = await desk.seat(Office.REVIEWER)
    assert f'action="{case}/dispute"' in (await reviewer.get(case))[1]
    sent = {"kind": "lawsuit", "text": "x", "seen": await reviewer.seen(case)}
    assert (await reviewer.post(f"{case}/dispute", sent))[0] == 303


def test_a_case_of_before_in_which_it_was_disputed_again_is_still_read() -> None:
    again = made(Move.DISPUTE, kind="lawsuit")
    ended = made(Move.DISPUTE, kind="review"), made(Move.DISPUTE_END, result="revoked")
    case = after(*handled(Measure.WARN), *ended, made(Move.ARCHIVE), again)
    assert (case.stage, case.revoked) == (Stage.RECTIFIED, True)

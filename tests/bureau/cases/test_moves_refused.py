"""Each move of a case names something that must be where the move takes it up: else it is refused
in words, and the case is as it was."""

import datetime as dt
from typing import Any

import pytest

from bureau.desk.casework.ladder import open_to
from bureau.desk.casework.made import Made
from bureau.desk.casework.moves import CONCERNS, step
from bureau.desk.casework.state import Case, Done
from bureau.desk.casework.words import Against, Means, Measure, Move
from tests.bureau.cases.test_cases_machine import DAY, DUE, VERIFIED, after, handled, made, refused

ASKED = after(made(Move.VERIFY, means="document_request"))
REPLIED = step(ASKED, made(Move.REPLY))
ORDERED = after(*handled(Measure.WARN, Measure.RETURN_AND_ADJUST))
REPORTED = step(ORDERED, made(Move.REPORT))
DISPUTED = step(REPORTED, made(Move.DISPUTE, kind="review"))


@pytest.mark.parametrize(
    ("case", "move", "code"),
    [
        (ASKED, made(Move.REPLY, number=2), "request_wrong"),
        (ASKED, made(Move.RETURN), "request_wrong"),
        (ASKED, made(Move.ACCEPT), "request_wrong"),
        (REPLIED, made(Move.REPLY), "request_wrong"),
        (REPLIED, made(Move.ACCEPT, number=2), "request_wrong"),
        (step(REPLIED, made(Move.ACCEPT)), made(Move.RETURN), "request_wrong"),
        (ASKED, made(Move.OBSTRUCTED), "request_wrong"),
        (ASKED, made(Move.OBSTRUCTED, number=2), "request_wrong"),
        (ORDERED, made(Move.REPORT, number=3), "order_wrong"),
        (REPORTED, made(Move.REPORT), "order_wrong"),
        (ORDERED, made(Move.ACCEPT_REPORT), "order_wrong"),
        (REPORTED, made(Move.ACCEPT_REPORT, number=3), "order_wrong"),
        (REPORTED, made(Move.REJECT_REPORT, number=2), "order_wrong"),
        (ORDERED, made(Move.ESCALATE), "order_wrong"),
        (ORDERED, made(Move.ESCALATE, number=3), "order_wrong"),
        (DISPUTED, made(Move.DISPUTE, kind="review"), "dispute_wrong"),
        (DISPUTED, made(Move.DISPUTE_END, result="lost"), "dispute_wrong"),
        (DISPUTED, made(Move.DISPUTE_END), "dispute_wrong"),
        (REPORTED, made(Move.DISPUTE_END, result="upheld"), "dispute_wrong"),
        (after(*VERIFIED[:3]), made(Move.PROPOSE, verdict="archived"), "verdict_wrong"),
        (after(*VERIFIED), made(Move.PROPOSE_HANDLING), "measure_missing"),
        (after(*VERIFIED), made(Move.PROPOSE_HANDLING, orders=[]), "measure_missing"),
    ],
)
def test_what_a_move_names_is_where_the_move_takes_it_up(case: Case, move: Made, code: str) -> None:
    assert refused(case, move) == code


@pytest.mark.parametrize(
    ("case", "move", "body"),
    [
        (ASKED, Move.REPLY, {}), (REPLIED, Move.RETURN, {}), (REPLIED, Move.ACCEPT, {}),
        (REPLIED, Move.PROPOSE, {"verdict": "cleared"}), (after(*VERIFIED[:4]), Move.SEND_BACK, {}),
        (ORDERED, Move.REPORT, {}), (REPORTED, Move.ACCEPT_REPORT, {}),
        (REPORTED, Move.REJECT_REPORT, {}), (REPORTED, Move.DISPUTE, {"kind": "review"}),
        (DISPUTED, Move.DISPUTE_END, {"result": "upheld"}), (ORDERED, Move.NOTE, {}),
        (after(made(Move.VERIFY, means="onsite_verification", ground="x")), Move.OBSTRUCTED, {}),
    ],
)  # fmt: skip
def test_no_move_is_made_without_a_word_why(case: Case, move: Move, body: dict[str, Any]) -> None:
    assert refused(case, made(move, **body, text=" ")) == "field_missing"
    assert refused(case, made(move, **body, text="长" * 4001)) == "field_missing"


def test_a_letter_of_concern_says_its_concern_and_no_other_means_has_one() -> None:
    for concern in CONCERNS:
        assert step(after(), made(Move.VERIFY, means="letter_of_concern", concern=concern)).requests
    letter = made(Move.VERIFY, means="letter_of_concern", concern="curious")
    assert refused(after(), letter) == "concern_missing"
    assert ASKED.requests[0].means is Means.DOCUMENT_REQUEST


def test_what_is_sent_back_has_a_new_day_and_what_is_answered_keeps_its_own() -> None:
    later = (DAY.replace(day=30)).isoformat()
    assert REPLIED.requests[0].due.isoformat() == DUE
    assert step(ASKED, made(Move.REPLY, due="")).requests[0].due.isoformat() == DUE
    assert step(REPLIED, made(Move.RETURN, due=later)).requests[0].due.isoformat() == later
    assert refused(REPLIED, made(Move.RETURN, due="")) == "due_wrong"


def test_a_refused_report_may_be_made_again() -> None:
    failed = step(REPORTED, made(Move.REJECT_REPORT))
    assert step(failed, made(Move.REPORT)).orders[0].status is Done.REPORTED


def test_a_measure_stands_once_and_takes_no_negative_amount() -> None:
    confirmed, warn = after(*VERIFIED), {"measure": Measure.WARN.value, "due": DUE}
    twice = made(Move.PROPOSE_HANDLING, orders=[warn, warn])
    assert refused(confirmed, twice) == "measure_twice"
    negative = made(Move.PROPOSE_HANDLING, orders=[warn | {"adjusted": -1}])
    assert refused(confirmed, negative) == "amount_wrong"
    undue = made(Move.PROPOSE_HANDLING, orders=[warn | {"due": ""}])
    assert refused(confirmed, undue) == "due_wrong"


def test_nothing_that_was_not_decided_is_disputed() -> None:
    cleared = step(step(after(), made(Move.PROPOSE, verdict="cleared")), made(Move.DECIDE))
    put_away = step(cleared, made(Move.ARCHIVE))
    assert refused(put_away, made(Move.DISPUTE, kind="review")) == "dispute_wrong"
    bank = after(*handled(Measure.BANK_RETURN), against=Against.BANK)
    assert refused(bank, made(Move.DISPUTE, kind="review")) == "dispute_wrong"
    assert step(bank, made(Move.DISPUTE, kind="arbitration")).disputed


def test_a_review_that_changes_takes_back_what_is_not_over() -> None:
    accepted = step(REPORTED, made(Move.ACCEPT_REPORT))
    disputed = step(accepted, made(Move.DISPUTE, kind="lawsuit"))
    for result in ("changed", "revoked"):
        ended = step(disputed, made(Move.DISPUTE_END, result=result))
        assert [each.status for each in ended.orders] == [Done.ACCEPTED, Done.WITHDRAWN]
        assert ended.revoked == (result == "revoked") and not ended.disputed


def test_an_answer_is_waited_for_until_its_day_is_over() -> None:
    verdict: dict[str, Any] = {"verdict": "confirmed"}
    last = dt.date.fromisoformat(DUE)
    assert refused(ASKED, made(Move.PROPOSE, day=last, **verdict)) == "verification_open"
    assert step(ASKED, made(Move.PROPOSE, day=last + dt.timedelta(days=1), **verdict)).proposal


def opened(case: Case, day: dt.date) -> set[Measure]:
    return {measure for measure in Measure if open_to(case, measure, day)}


def test_which_measures_are_open_at_each_step_of_articles_21_and_22() -> None:
    first = {Measure.WARN, Measure.RETURN_AND_ADJUST, Measure.BULLETIN}
    last, late = dt.date.fromisoformat(DUE), dt.date.fromisoformat(DUE) + dt.timedelta(days=1)
    assert opened(after(*VERIFIED), DAY) == first
    warned = after(*handled(Measure.WARN))
    assert opened(warned, last) == first - {Measure.WARN}, "it is being carried out"
    assert opened(warned, late) == first | {Measure.ORDER_RECTIFICATION}
    reported = step(warned, made(Move.REPORT))
    assert opened(reported, late) == first - {Measure.WARN}
    refused_in_term = step(reported, made(Move.REJECT_REPORT))
    assert opened(refused_in_term, DAY) == first | {Measure.ORDER_RECTIFICATION}


def test_funds_are_suspended_only_once_the_written_orders_term_is_over() -> None:
    late = dt.date.fromisoformat(DUE) + dt.timedelta(days=1)
    written = made(
        Move.PROPOSE_HANDLING, day=late,
        orders=[{"measure": Measure.ORDER_RECTIFICATION.value, "due": str(late)}],
    )  # fmt: skip
    ordered = step(after(*handled(Measure.WARN)), written)
    ordered = step(ordered, made(Move.APPROVE_HANDLING, day=late))
    over = late + dt.timedelta(days=1)
    assert Measure.SUSPEND not in opened(ordered, late)
    assert Measure.SUSPEND in opened(ordered, over)
    failed = step(step(ordered, made(Move.REPORT, number=2)), made(Move.REJECT_REPORT, number=2))
    assert Measure.SUSPEND not in opened(failed, late), "refused within its term"
    assert Measure.SUSPEND in opened(failed, over)


def test_a_bank_is_fined_only_for_an_order_that_it_did_not_carry_out() -> None:
    first = {Measure.BANK_RETURN, Measure.BANK_REMEDY}
    case = after(*handled(Measure.BANK_RETURN), against=Against.BANK)
    late = dt.date.fromisoformat(DUE) + dt.timedelta(days=1)
    assert opened(after(*VERIFIED, against=Against.BANK), DAY) == first
    assert opened(case, DAY) == first - {Measure.BANK_RETURN}
    assert opened(case, late) == first | {Measure.BANK_PENALTY}

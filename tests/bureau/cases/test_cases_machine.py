"""The state machine of cases: only what Art. 11 and 21 to 24 allow, whatever is tried (I19)."""

import datetime as dt

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bureau.desk.casework.ladder import AT_ONCE, OF
from bureau.desk.casework.made import Made
from bureau.desk.casework.moves import replayed, step
from bureau.desk.casework.phase import PHASE_ZH, Phase, phase
from bureau.desk.casework.state import Asked, Case, Done, Order, Request, awaits
from bureau.desk.casework.words import FROM, PROGRAM, WHO, Against, Means, Measure, Move, Stage
from bureau.desk.people import Office
from bureau.desk.refusals import ActRefused
from tests.examples import examples

DAY = dt.date(2026, 3, 2)
DUE = (DAY + dt.timedelta(days=10)).isoformat()
LATE = DAY + dt.timedelta(days=30)


def made(move: Move, by: str = "", day: dt.date = DAY, **body: object) -> Made:
    office = next(iter(sorted(WHO[move])), None)
    due = (day + dt.timedelta(days=10)).isoformat()
    return Made(
        move=move, by=by or (office.value if office else PROGRAM), office=office, day=day,
        body={"text": "说明", "due": due, "number": 1, **body},
    )  # fmt: skip


def orders(*measures: Measure, due: str = DUE) -> list[dict[str, object]]:
    return [{"measure": measure.value, "due": due, "returned": 100} for measure in measures]


def after(*moves: Made, against: Against = Against.AGENCY) -> Case:
    return replayed(against, moves)


VERIFIED = (
    made(Move.VERIFY, means="document_request"),
    made(Move.REPLY),
    made(Move.ACCEPT),
    made(Move.PROPOSE, verdict="confirmed"),
    made(Move.DECIDE),
)


def handled(*measures: Measure) -> tuple[Made, ...]:
    proposed = made(Move.PROPOSE_HANDLING, orders=orders(*measures))
    return (*VERIFIED, proposed, made(Move.APPROVE_HANDLING))


def refused(case: Case, move: Made) -> str:
    with pytest.raises(ActRefused) as caught:
        step(case, move)
    return caught.value.code


@pytest.mark.parametrize("stage", Stage)
def test_no_move_is_made_from_a_stage_that_does_not_allow_it(stage: Stage) -> None:
    case = Case(against=Against.AGENCY, stage=stage)
    others = [move for move in Move if stage not in FROM[move]]
    assert others
    assert {refused(case, made(move)) for move in others} == {"move_illegal"}


@pytest.mark.parametrize("office", [*Office, None])
def test_no_office_makes_anothers_move(office: Office | None) -> None:
    """None: the program itself, which makes those that are nobody's."""
    for move in Move:
        own = office in WHO[move] if WHO[move] else office is None
        if FROM[move] and not own:
            case = Case(against=Against.AGENCY, stage=min(FROM[move]))
            tried = Made(move=move, by="x", office=office, day=DAY)
            assert refused(case, tried) == "not_your_move", move


def test_nothing_is_confirmed_unverified_or_while_a_reply_waits() -> None:
    confirm = made(Move.PROPOSE, verdict="confirmed")
    assert refused(after(), confirm) == "verification_missing"
    asked = after(made(Move.VERIFY, means="phone_call"))
    assert refused(asked, confirm) == "verification_open"
    assert refused(step(asked, made(Move.RECORD)), confirm) == "verification_open"
    late = made(Move.PROPOSE, day=LATE, verdict="confirmed")
    assert step(asked, late).stage is Stage.TO_DECIDE, "no answer in time stops nobody"
    assert step(after(), made(Move.PROPOSE, verdict="cleared")).stage is Stage.TO_DECIDE


def test_who_proposed_does_not_decide() -> None:
    proposed = after(*VERIFIED[:4])
    assert refused(proposed, made(Move.DECIDE, by=VERIFIED[3].by)) == "same_person"
    handling = after(*VERIFIED, made(Move.PROPOSE_HANDLING, orders=orders(Measure.WARN)))
    assert refused(handling, made(Move.APPROVE_HANDLING, by="reviewer")) == "same_person"


def test_an_interview_needs_a_ground_until_phone_or_papers_were_tried() -> None:
    interview = made(Move.VERIFY, means="interview")
    assert refused(after(), interview) == "field_missing"
    assert step(after(), made(Move.VERIFY, means="interview", ground="x")).requests
    assert step(after(made(Move.VERIFY, means="phone_call")), interview).requests
    assert refused(after(), made(Move.VERIFY, means="letter_of_concern")) == "concern_missing"


def test_the_ladder_of_article_21_is_climbed_step_by_step() -> None:
    def try_(case: Case, measure: Measure, day: dt.date = DAY) -> Case:
        due = (day + dt.timedelta(days=10)).isoformat()
        return step(case, made(Move.PROPOSE_HANDLING, day=day, orders=orders(measure, due=due)))

    confirmed = after(*VERIFIED)
    for measure in (Measure.ORDER_RECTIFICATION, Measure.SUSPEND, Measure.BANK_RETURN):
        with pytest.raises(ActRefused):
            try_(confirmed, measure)
    running = after(*handled(Measure.RETURN_AND_ADJUST))
    assert refused(running, made(Move.PROPOSE_HANDLING, orders=orders(Measure.BULLETIN))) == (
        "rectification_running"
    )
    with pytest.raises(ActRefused):
        try_(running, Measure.SUSPEND, LATE)
    ordered = step(
        try_(running, Measure.ORDER_RECTIFICATION, LATE), made(Move.APPROVE_HANDLING, day=LATE)
    )
    assert [o.status for o in ordered.orders] == [Done.SUPERSEDED, Done.OPEN]
    later = LATE + dt.timedelta(days=30)
    escalated = step(ordered, made(Move.ESCALATE, day=later, number=2))
    assert escalated.escalation is Measure.SUSPEND
    suspended = step(
        try_(escalated, Measure.SUSPEND, later), made(Move.APPROVE_HANDLING, day=later)
    )
    assert suspended.orders[-1].measure is Measure.SUSPEND and suspended.escalation is None


def test_refused_rectification_opens_the_next_measure_and_accepted_ones_end_it() -> None:
    reported = after(*handled(Measure.WARN, Measure.RETURN_AND_ADJUST), made(Move.REPORT))
    failed = step(reported, made(Move.REJECT_REPORT))
    assert failed.escalation is Measure.ORDER_RECTIFICATION
    accepted = step(reported, made(Move.ACCEPT_REPORT))
    assert accepted.stage is Stage.RECTIFYING, "the other order is open"
    both = step(step(accepted, made(Move.REPORT, number=2)), made(Move.ACCEPT_REPORT, number=2))
    assert both.stage is Stage.RECTIFIED


def test_obstruction_on_site_opens_the_written_order_at_once() -> None:
    moves = (
        made(Move.VERIFY, means="onsite_verification", ground="x"),
        made(Move.OBSTRUCTED), *VERIFIED[3:],
        made(Move.PROPOSE_HANDLING, orders=orders(Measure.ORDER_RECTIFICATION)),
    )  # fmt: skip
    assert after(*moves).stage is Stage.HANDLING


def test_a_bulletin_or_a_banks_penalty_asks_for_no_report() -> None:
    assert after(*handled(Measure.BULLETIN)).stage is Stage.RECTIFIED
    bank = after(*handled(Measure.BANK_RETURN), against=Against.BANK)
    assert bank.stage is Stage.RECTIFYING and awaits(bank) == "bank"


def test_a_dispute_keeps_the_case_from_the_archive_and_may_undo_it() -> None:
    done = after(*handled(Measure.WARN), made(Move.REPORT), made(Move.ACCEPT_REPORT))
    assert refused(done, made(Move.DISPUTE, kind="arbitration")) == "dispute_wrong"
    disputed = step(done, made(Move.DISPUTE, kind="review"))
    assert refused(disputed, made(Move.ARCHIVE)) == "dispute_open"
    assert step(disputed, made(Move.DISPUTE_END, result="upheld")).stage is Stage.RECTIFIED
    assert step(disputed, made(Move.DISPUTE_END, result="changed")).stage is Stage.CONFIRMED
    assert step(disputed, made(Move.DISPUTE_END, result="revoked")).stage is Stage.CLEARED


def test_what_the_bureau_may_not_handle_is_handed_over_and_only_then_put_away() -> None:
    confirmed = after(*VERIFIED)
    assert refused(confirmed, made(Move.ARCHIVE)) == "handling_missing"
    propose = Move.PROPOSE_REFERRAL
    assert refused(confirmed, made(propose, to="other")) == "field_missing", "which department"
    for nobody in ("police", ""):
        assert refused(confirmed, made(propose, to=nobody)) == "referral_wrong", "no preset"
    assert refused(confirmed, made(propose, to="audit", text=" ")) == "field_missing"
    proposed = step(confirmed, made(propose, to="other", person="同级公安机关"))
    assert refused(proposed, made(Move.ARCHIVE)) == "referral_open"
    referred = step(proposed, made(Move.APPROVE_REFERRAL))
    assert step(referred, made(Move.ARCHIVE)).stage is Stage.ARCHIVED


def test_a_referral_is_proposed_by_one_and_agreed_to_or_sent_back_by_another() -> None:
    confirmed = after(*VERIFIED)
    agree, back = made(Move.APPROVE_REFERRAL), made(Move.RETURN_REFERRAL)
    assert {refused(confirmed, each) for each in (agree, back)} == {"referral_missing"}
    propose = made(Move.PROPOSE_REFERRAL, to="audit")
    waiting = step(confirmed, propose)
    assert (waiting.stage, waiting.referred, awaits(waiting)) == (confirmed.stage, (), "approver")
    assert refused(waiting, propose) == "referral_waits"
    assert refused(waiting, made(Move.APPROVE_REFERRAL, by=propose.by)) == "same_person"
    assert refused(waiting, made(Move.RETURN_REFERRAL, text="")) == "field_missing", "why"
    assert step(waiting, back) == confirmed
    agreed = step(waiting, agree)
    assert (agreed.referred, agreed.referral) == (("audit",), None)
    twice = step(step(agreed, made(Move.PROPOSE_REFERRAL, to="discipline")), agree)
    assert twice.referred == ("audit", "discipline"), "each body of its own letter"


def test_a_referral_runs_beside_the_handling_and_its_party_does_not_see_it() -> None:
    running = after(*handled(Measure.RETURN_AND_ADJUST))
    waiting = step(running, made(Move.PROPOSE_REFERRAL, to="congress"))
    assert awaits(waiting) == "agency" and waiting.for_party == running.for_party
    reported = step(step(waiting, made(Move.REPORT)), made(Move.ACCEPT_REPORT))
    assert reported.stage is Stage.RECTIFIED and reported.referral == waiting.referral
    for done in (waiting, reported):
        assert step(done, made(Move.APPROVE_REFERRAL)).referred == ("congress",)
    proposed = step(
        step(after(*VERIFIED), made(Move.PROPOSE_REFERRAL, to="audit")),
        made(Move.PROPOSE_HANDLING, orders=orders(Measure.WARN)),
    )
    assert step(proposed, made(Move.APPROVE_REFERRAL)).stage is Stage.HANDLING
    disputed = step(reported, made(Move.DISPUTE, kind="review"))
    for result in ("changed", "revoked"):
        ended = step(disputed, made(Move.DISPUTE_END, result=result))
        assert ended.referral is None, "what it rested on is no more"


def test_a_referral_by_one_person_is_read_of_before_and_never_made_again() -> None:
    alone = Made(
        move=Move.REFER, by="a", office=Office.APPROVER, day=DAY, body={"to": "audit", "text": "x"}
    )
    assert refused(after(*VERIFIED), alone) == "not_your_move"
    assert refused(after(*VERIFIED), made(Move.REFER, to="audit")) == "move_illegal"
    assert after(*VERIFIED, alone).referred == ("audit",)
    assert after(*VERIFIED, alone, made(Move.ARCHIVE)).stage is Stage.ARCHIVED


def test_a_case_says_what_it_waits_for() -> None:
    asked, replied, accepted, proposed, confirmed = (after(*VERIFIED[:n]) for n in range(1, 6))
    called = after(made(Move.VERIFY, means="phone_call"))
    running = after(*handled(Measure.RETURN_AND_ADJUST))
    reported = step(running, made(Move.REPORT))
    failed = step(reported, made(Move.REJECT_REPORT))
    done = step(reported, made(Move.ACCEPT_REPORT))
    handling = step(confirmed, made(Move.PROPOSE_HANDLING, orders=orders(Measure.WARN)))
    cases = {
        Phase.TO_VERIFY: after(), Phase.REPLY_DUE: asked, Phase.REPLIED: replied,
        Phase.VERIFIED: accepted, Phase.TO_DECIDE: proposed, Phase.TO_HANDLE: confirmed,
        Phase.RECORD_DUE: called, Phase.RECTIFYING: running, Phase.REPORTED: reported,
        Phase.TO_ESCALATE: failed, Phase.RECTIFIED: done, Phase.HANDLING: handling,
        Phase.REFERRED: attrs.evolve(confirmed, referred=("audit",)),
        Phase.ARCHIVED: step(done, made(Move.ARCHIVE)),
        Phase.CLEARED: after(made(Move.PROPOSE, verdict="cleared"), made(Move.DECIDE)),
    }  # fmt: skip
    assert {phase(case): case for case in cases.values()} == cases
    assert set(cases) == set(Phase) == set(PHASE_ZH)


def test_a_case_is_as_far_as_the_order_that_has_come_least_far() -> None:
    two = after(*handled(Measure.WARN, Measure.RETURN_AND_ADJUST), made(Move.REPORT))
    assert phase(two) is Phase.RECTIFYING
    assert phase(step(two, made(Move.REJECT_REPORT))) is Phase.TO_ESCALATE
    assert phase(step(two, made(Move.ESCALATE, day=LATE, number=2))) is Phase.TO_ESCALATE
    both = step(two, made(Move.REPORT, number=2))
    assert phase(both) is Phase.REPORTED
    assert phase(step(both, made(Move.REJECT_REPORT, number=2))) is Phase.TO_ESCALATE
    assert phase(step(both, made(Move.ACCEPT_REPORT, number=2))) is Phase.REPORTED


def test_a_reply_that_never_came_makes_no_order_overdue() -> None:
    late = [attrs.evolve(each, day=LATE) for each in VERIFIED[3:]]
    due = (LATE + dt.timedelta(days=9)).isoformat()
    handling = made(Move.PROPOSE_HANDLING, day=LATE, orders=orders(Measure.WARN, due=due))
    unanswered = after(VERIFIED[0], *late, handling, made(Move.APPROVE_HANDLING, day=LATE))
    assert unanswered.requests[0].waits_outside
    assert unanswered.due == unanswered.orders[0].due


def test_a_review_begun_after_the_archive_takes_the_case_out_again() -> None:
    done = handled(Measure.WARN), made(Move.REPORT), made(Move.ACCEPT_REPORT)
    archived = after(*done[0], *done[1:], made(Move.ARCHIVE))
    disputed = step(archived, made(Move.DISPUTE, kind="lawsuit"))
    assert (disputed.stage, disputed.disputed) == (Stage.RECTIFIED, True)
    cleared = after(made(Move.PROPOSE, verdict="cleared"), made(Move.DECIDE), made(Move.ARCHIVE))
    assert refused(cleared, made(Move.DISPUTE, kind="lawsuit")) == "dispute_wrong"


_BODIES = st.fixed_dictionaries(
    {
        "means": st.sampled_from([*Means, "none"]), "number": st.integers(0, 3),
        "ground": st.sampled_from(["", "x"]), "concern": st.sampled_from(["large", ""]),
        "verdict": st.sampled_from(["confirmed", "cleared", "archived"]),
        "to": st.sampled_from(["audit", "other", ""]), "person": st.just("x"),
        "kind": st.sampled_from(["review", "arbitration"]),
        "result": st.sampled_from(["upheld", "changed", "revoked"]),
        "orders": st.lists(
            st.sampled_from(list(Measure)), min_size=0, max_size=2
        ).map(lambda found: orders(*found, due="2026-12-31")),
    }
)  # fmt: skip
_TRIES = st.lists(
    st.tuples(
        st.sampled_from(list(Move)), st.sampled_from(["a", "b"]), st.integers(0, 60), _BODIES
    ),
    max_size=40,
)


@examples(300)
@given(tries=_TRIES, against=st.sampled_from(list(Against)))
def test_whatever_people_try_the_case_stays_lawful(
    tries: list[tuple[object, ...]], against: Against
) -> None:
    """Refused moves change nothing; those made replay to the same case; and the ladder holds."""
    case, kept, day = Case(against=against), [], DAY
    for move, by, days, body in tries:
        day = min(day + dt.timedelta(days=int(str(days))), dt.date(2026, 12, 1))
        tried = made(Move(str(move)), by=str(by), day=day, **body)  # type: ignore[arg-type]
        if not WHO[tried.move]:
            tried = made(tried.move, day=day, number=1)
        try:
            case = step(case, tried)
        except ActRefused:
            continue
        kept.append(tried)
        assert replayed(against, kept) == case
        assert case.stage is not Stage.CONFIRMED or case.requests
        assert all(order.measure in OF[against] for order in case.orders)
        seen = [order.measure for order in case.orders]
        if Measure.SUSPEND in seen:
            assert Measure.ORDER_RECTIFICATION in seen[: seen.index(Measure.SUSPEND)]
        if case.stage in (Stage.RECTIFIED,):
            over = (Done.ACCEPTED, Done.SUPERSEDED, Done.WITHDRAWN)
            assert all(o.status in over for o in case.orders)
        if case.stage is Stage.ARCHIVED:
            assert not any(order.status in (Done.OPEN, Done.REPORTED) for order in case.orders)
            assert not case.disputed and awaits(case) == "nobody"
            assert case.referral is None
        agreed = [each for each in kept if each.move is Move.APPROVE_REFERRAL]
        assert len(case.referred) == len(agreed)
        assert all(o.due is not None or o.measure in AT_ONCE for o in case.orders)


def test_whose_turn_it_is() -> None:
    assert awaits(after()) == "reviewer"
    asked = after(made(Move.VERIFY, means="document_request"))
    assert awaits(asked) == "agency" and awaits(step(asked, made(Move.REPLY))) == "reviewer"
    assert awaits(after(made(Move.VERIFY, means="phone_call"))) == "reviewer"
    assert awaits(after(*VERIFIED[:4])) == "approver"
    request = Request(number=1, means=Means.INTERVIEW, due=DAY, status=Asked.ISSUED)
    order = Order(number=1, measure=Measure.WARN, due=LATE)
    both = Case(against=Against.AGENCY, requests=(request,), orders=(order,))
    assert (attrs.evolve(both, stage=Stage.VERIFYING).due, both.due) == (DAY, LATE)

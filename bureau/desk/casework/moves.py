"""The moves of a case: `step` gives the case after one, or refuses what is not legal (I19).

A case is what its moves made it: the same function judges a new move and replays the old ones.
"""

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Any, TypeVar

import attrs

from bureau.desk.casework.english import MOVE_EN, STAGE_EN
from bureau.desk.casework.ladder import AT_ONCE, NEXT, require
from bureau.desk.casework.made import Made
from bureau.desk.casework.referral import (
    agree_referral,
    propose_referral,
    return_referral,
    sent_alone,
)
from bureau.desk.casework.state import Asked, Case, Done, Order, Proposal, Request
from bureau.desk.casework.words import (
    AMOUNT_ZH,
    FROM,
    MOVE_ZH,
    PROGRAM,
    STAGE_ZH,
    WHO,
    Against,
    Means,
    Measure,
    Move,
    Stage,
)
from bureau.desk.refusals import ActRefused

Option = TypeVar("Option", bound=StrEnum)
DISPUTES = {Against.AGENCY: ("review", "lawsuit"), Against.BANK: ("arbitration", "civil_suit")}
"""Art. 24: administrative review or lawsuit for an agency, arbitration or civil suit for a bank."""
DISPUTE_ZH = {
    "review": "行政复议", "lawsuit": "行政诉讼", "arbitration": "仲裁", "civil_suit": "民事诉讼",
}  # fmt: skip
CONCERNS = {"frequent": "经常触发预警", "serious": "问题性质严重", "large": "涉及支付金额较大"}
_OVER = (Done.ACCEPTED, Done.SUPERSEDED, Done.WITHDRAWN)
"""Nothing more is to come of such an order."""
_NEEDS_GROUND = (Means.INTERVIEW, Means.ONSITE_VERIFICATION)


def option(options: type[Option], text: str) -> Option:
    """Raises ActRefused for what is none of the options."""
    try:
        return options(text)
    except ValueError:
        raise ActRefused(
            "option_wrong", "选项不在名单中。", f"“{text[:40]}” is no option."
        ) from None


def replayed(against: Against, made: Iterable[Made]) -> Case:
    """The case after all these moves."""
    case = Case(against=against)
    for each in made:
        case = sent_alone(case, each) if each.move is Move.REFER else step(case, each)
    return case


def step(case: Case, made: Made) -> Case:
    """The case after the move. Raises ActRefused; then nothing has happened."""
    if made.office is None:
        if made.by != PROGRAM or WHO[made.move]:
            raise ActRefused("not_your_move", "无权进行此项操作。", "Only people make this move.")
    elif made.office not in WHO[made.move]:
        raise ActRefused("not_your_move", "您的岗位无权进行此项操作。", "Not for your office.")
    if case.stage not in FROM[made.move]:
        raise ActRefused(
            "move_illegal",
            f"案件处于“{STAGE_ZH[case.stage]}”阶段，不能进行“{MOVE_ZH[made.move]}”。",
            f"Not possible in a case that is {STAGE_EN[case.stage]}: {MOVE_EN[made.move]}.",
        )
    return _STEPS[made.move](case, made)


def _verify(case: Case, made: Made) -> Case:
    means, due = option(Means, made.text("means")), made.due()
    tried = {each.means for each in case.requests}
    if means in _NEEDS_GROUND and not tried & {Means.PHONE_CALL, Means.DOCUMENT_REQUEST}:
        made.text("ground")  # Art. 11(2)3: what phone and documents cannot verify
    if means is Means.JOINT_INVESTIGATION:
        made.text("ground")  # Art. 11(2)5: complex, or not cooperating
    if means is Means.LETTER_OF_CONCERN and made.body.get("concern") not in CONCERNS:
        raise ActRefused(
            "concern_missing", "关注函须说明：经常、严重或金额较大（第十一条（二）4）。",
            "A letter of concern is for the frequent, the serious or the large (Art. 11(2)4).",
        )  # fmt: skip
    request = Request(number=len(case.requests) + 1, means=means, due=due)
    return attrs.evolve(case, stage=Stage.VERIFYING, requests=(*case.requests, request))


def _asked(allowed: tuple[Asked, ...], to: Asked) -> Callable[[Case, Made], Case]:
    def asked(case: Case, made: Made) -> Case:
        request = case.request(made.number())
        if request is None or request.status not in allowed:
            raise ActRefused("request_wrong", "该核实事项不在此状态。", "Not at this point.")
        made.text("text")
        due = made.due() if to is Asked.RETURNED else request.due
        changed = attrs.evolve(request, status=to, due=due)
        return attrs.evolve(case, requests=_with(case.requests, changed))

    return asked


def _obstructed(case: Case, made: Made) -> Case:
    request = case.request(made.number())
    if request is None or request.means is not Means.ONSITE_VERIFICATION:
        raise ActRefused(
            "request_wrong", "只有实地核证可登记不配合（第二十一条（三））。",
            "Only an on-site verification can be obstructed (Art. 21(3)).",
        )  # fmt: skip
    made.text("text")
    changed = attrs.evolve(request, status=Asked.ACCEPTED)
    return attrs.evolve(case, obstructed=True, requests=_with(case.requests, changed))


def _propose(case: Case, made: Made) -> Case:
    verdict = option(Stage, made.text("verdict"))
    made.text("text")
    if verdict not in (Stage.CONFIRMED, Stage.CLEARED):
        raise ActRefused("verdict_wrong", "认定意见为确认或排除。", "Confirmed or cleared.")
    if any(
        each.status is Asked.REPLIED or (each.waits_outside and each.due >= made.day)
        for each in case.requests
    ):
        raise ActRefused(
            "verification_open", "尚有核实事项未完成。", "A verification is still under way."
        )
    if verdict is Stage.CONFIRMED and not case.requests:
        raise ActRefused(
            "verification_missing", "未经核实不得确认违规（第十一条（二））。",
            "Nothing is confirmed without verification (Art. 11(2)).",
        )  # fmt: skip
    proposal = Proposal(by=made.by, verdict=verdict, back=case.stage)
    return attrs.evolve(case, stage=Stage.TO_DECIDE, proposal=proposal)


def _decide(case: Case, made: Made) -> Case:
    proposal = _of_another(case, made)
    assert proposal.verdict is not None
    return attrs.evolve(case, stage=proposal.verdict, proposal=None)


def _send_back(case: Case, made: Made) -> Case:
    made.text("text")
    assert case.proposal is not None
    return attrs.evolve(case, stage=case.proposal.back, proposal=None)


def _propose_handling(case: Case, made: Made) -> Case:
    raw = made.body.get("orders")
    if not isinstance(raw, list) or not raw:
        raise ActRefused("measure_missing", "请选择处理方式。", "Choose at least one measure.")
    if case.stage is Stage.RECTIFYING and not any(o.missed(made.day) for o in case.orders):
        raise ActRefused(
            "rectification_running", "整改期限未到，不得升级处理。", "Rectification is under way."
        )
    orders = tuple(
        _order(case, made, entry, len(case.orders) + n) for n, entry in enumerate(raw, start=1)
    )
    if len({order.measure for order in orders}) != len(orders):
        raise ActRefused("measure_twice", "同一处理方式只能选择一次。", "A measure stands once.")
    proposal = Proposal(by=made.by, orders=orders, back=case.stage)
    return attrs.evolve(case, stage=Stage.HANDLING, proposal=proposal)


def _order(case: Case, made: Made, entry: Mapping[str, Any], number: int) -> Order:
    measure = option(Measure, str(entry.get("measure")))
    require(case, measure, made.day)
    amounts = {field: int(entry.get(field) or 0) for field in AMOUNT_ZH}
    if min(amounts.values()) < 0:
        raise ActRefused("amount_wrong", "金额不能为负。", "An amount is not negative.")
    due = None if measure in AT_ONCE else attrs.evolve(made, body=entry).due()
    return Order(
        number=number, measure=measure, due=due, returned=amounts["returned"],
        adjusted=amounts["adjusted"], other=amounts["other"],
    )  # fmt: skip


def _approve_handling(case: Case, made: Made) -> Case:
    proposal = _of_another(case, made)
    done = {order.number: Done.ACCEPTED for order in proposal.orders if order.measure in AT_ONCE}
    orders = [attrs.evolve(o, status=done.get(o.number, o.status)) for o in proposal.orders]
    earlier = [
        attrs.evolve(o, status=Done.SUPERSEDED) if o.missed(made.day) else o for o in case.orders
    ]
    if all(order.measure is Measure.BULLETIN for order in proposal.orders):
        earlier = list(case.orders)  # a bulletin takes nobody's duty away
    changed = attrs.evolve(
        case, stage=Stage.RECTIFYING, proposal=None, orders=(*earlier, *orders), escalation=None
    )
    return _when_all_done(changed)


def _report(case: Case, made: Made) -> Case:
    order = case.order(made.number())
    if order is None or order.status not in (Done.OPEN, Done.FAILED):
        raise ActRefused("order_wrong", "该处理事项不在此状态。", "Not at this point.")
    made.text("text")
    told = {name: int(made.body[name]) for name in AMOUNT_ZH if name in made.body}
    return _changed(case, attrs.evolve(order, status=Done.REPORTED, reported=told))


def _judge_report(to: Done) -> Callable[[Case, Made], Case]:
    def judge(case: Case, made: Made) -> Case:
        order = case.order(made.number())
        if order is None or order.status is not Done.REPORTED:
            raise ActRefused("order_wrong", "该处理事项尚未报送整改结果。", "Not reported yet.")
        made.text("text")
        changed = _changed(case, attrs.evolve(order, status=to))
        if to is Done.FAILED:
            return attrs.evolve(changed, escalation=NEXT.get(order.measure))
        return _when_all_done(changed)

    return judge


def _escalate(case: Case, made: Made) -> Case:
    order = case.order(made.number())
    if order is None or not order.missed(made.day) or order.measure not in NEXT:
        raise ActRefused("order_wrong", "该处理事项未逾期。", "It is not overdue.")
    return attrs.evolve(case, escalation=NEXT[order.measure])


def _dispute(case: Case, made: Made) -> Case:
    made.text("text")
    if case.disputed or made.body.get("kind") not in DISPUTES[case.against]:
        raise ActRefused(
            "dispute_wrong",
            "预算单位：行政复议、行政诉讼；代理银行：仲裁、民事诉讼（第二十四条）。",
            "Art. 24: review or lawsuit for an agency, arbitration or civil suit for a bank.",
        )  # fmt: skip
    if case.stage is Stage.ARCHIVED and not case.orders:
        raise ActRefused("dispute_wrong", "本案没有处理决定。", "Nothing was decided to dispute.")
    # The terms of a review or a lawsuit may outlast the archive: then the case is taken out again.
    stage = Stage.RECTIFIED if case.stage is Stage.ARCHIVED else case.stage
    return attrs.evolve(case, disputed=True, stage=stage)


def _dispute_end(case: Case, made: Made) -> Case:
    made.text("text")
    result = made.body.get("result")
    if not case.disputed or result not in ("upheld", "changed", "revoked"):
        raise ActRefused("dispute_wrong", "结果为维持、变更或撤销。", "Upheld, changed or revoked.")
    ended = attrs.evolve(case, disputed=False)
    if result == "upheld":
        return ended
    dropped = tuple(
        attrs.evolve(o, status=Done.WITHDRAWN) if o.status not in _OVER else o for o in case.orders
    )
    revoked = result == "revoked"
    stage = Stage.CLEARED if revoked else Stage.CONFIRMED
    return attrs.evolve(
        ended,
        stage=stage,
        revoked=revoked,
        orders=dropped,
        proposal=None,
        referral=None,
        escalation=None,
    )


def _archive(case: Case, made: Made) -> Case:
    if case.disputed:
        raise ActRefused(
            "dispute_open", "复议、诉讼或仲裁未结，不得归档。", "A dispute is still open (Art. 24)."
        )
    if case.referral is not None:
        raise ActRefused(
            "referral_open", "移交意见待审批，不得归档。", "A referral waits for its approval."
        )
    if case.stage is Stage.CONFIRMED and not case.referred:
        raise ActRefused(
            "handling_missing", "已确认的违规须作出处理，或移交有关部门（第十一条（三））。",
            "A confirmed violation is handled, or handed to who is competent (Art. 11(3)).",
        )  # fmt: skip
    return attrs.evolve(case, stage=Stage.ARCHIVED)


def _unchanged(case: Case, made: Made) -> Case:
    made.text("text")
    return case


def _of_another(case: Case, made: Made) -> Proposal:
    """What waits for decision, if it was not this person who proposed it."""
    assert case.proposal is not None
    if case.proposal.by == made.by:
        raise ActRefused(
            "same_person", "提出意见的人不能审批。", "Who proposed it cannot approve it."
        )
    return case.proposal


def _with(requests: tuple[Request, ...], changed: Request) -> tuple[Request, ...]:
    return tuple(changed if each.number == changed.number else each for each in requests)


def _changed(case: Case, order: Order) -> Case:
    orders = tuple(order if each.number == order.number else each for each in case.orders)
    return attrs.evolve(case, orders=orders)


def _when_all_done(case: Case) -> Case:
    over = all(each.status in _OVER for each in case.orders)
    return attrs.evolve(case, stage=Stage.RECTIFIED, escalation=None) if over else case


_STEPS: Mapping[Move, Callable[[Case, Made], Case]] = {
    Move.VERIFY: _verify,
    Move.REPLY: _asked((Asked.ISSUED, Asked.RETURNED), Asked.REPLIED),
    Move.RECORD: _asked((Asked.ISSUED, Asked.RETURNED), Asked.REPLIED),
    Move.RETURN: _asked((Asked.REPLIED,), Asked.RETURNED),
    Move.ACCEPT: _asked((Asked.REPLIED,), Asked.ACCEPTED),
    Move.OBSTRUCTED: _obstructed,
    Move.PROPOSE: _propose,
    Move.DECIDE: _decide,
    Move.SEND_BACK: _send_back,
    Move.PROPOSE_HANDLING: _propose_handling,
    Move.APPROVE_HANDLING: _approve_handling,
    Move.REPORT: _report,
    Move.ACCEPT_REPORT: _judge_report(Done.ACCEPTED),
    Move.REJECT_REPORT: _judge_report(Done.FAILED),
    Move.REMIND: _unchanged,
    Move.ESCALATE: _escalate,
    Move.PROPOSE_REFERRAL: propose_referral,
    Move.APPROVE_REFERRAL: agree_referral,
    Move.RETURN_REFERRAL: return_referral,
    Move.DISPUTE: _dispute,
    Move.DISPUTE_END: _dispute_end,
    Move.NOTE: _unchanged,
    Move.ARCHIVE: _archive,
}

"""What a new move must bring along or find, beside what the case's stage allows.

Not part of `step`: a case is replayed from moves that were made before these rules were.
"""

import datetime as dt
from collections.abc import Collection

from bureau.desk.casework.ladder import in_term
from bureau.desk.casework.made import DUE_MAX, Made
from bureau.desk.casework.state import Case, Order
from bureau.desk.casework.words import REPORTED_ZH, Measure, Move
from bureau.desk.refusals import ActRefused, check_proposer


def check_handed_in(before: Case, made: Made, files: bool) -> None:
    """Raises ActRefused. `files`: whether any came along."""
    order = before.order(made.number()) if made.move is Move.REPORT else None
    if order is not None:
        _check_amounts(order, made)
        _check_evidence(order, files)
    _check_reply(before, made)
    _check_dispute(before, made)
    _check_meeting(made)
    _check_term(before, made)


def check_two_persons(before: Case, made: Made, closed: Collection[str]) -> None:
    """Raises ActRefused. `closed`: logins of this case's persons whose accounts are closed."""
    waits = {
        Move.DECIDE: before.proposal,
        Move.APPROVE_HANDLING: before.proposal,
        Move.APPROVE_REFERRAL: before.referral,
    }.get(made.move)
    if waits is not None:
        check_proposer(waits.by in closed)


def _check_amounts(order: Order, made: Made) -> None:
    """Of each amount that was ordered it is said how much was done: nothing is taken as all."""
    silent = [zh for n, zh in REPORTED_ZH.items() if getattr(order, n) and n not in made.body]
    if silent:
        raise ActRefused(
            "amount_missing", f"请填写金额：{'、'.join(silent)}；尚未办理的填 0。",
            "Say how much was returned, adjusted or otherwise put right; 0 if nothing.",
        )  # fmt: skip


def _check_evidence(order: Order, files: bool) -> None:
    """Art. 21(1): the result of a correction is handed in written, with what proves it."""
    if order.measure is Measure.WARN and not files:
        raise ActRefused(
            "evidence_missing", "请附书面纠正结果和相关佐证材料（第二十一条（一））。",
            "Attach the written result and its evidence (Art. 21(1)).",
        )  # fmt: skip


def _check_reply(before: Case, made: Made) -> None:
    """Nobody answers in the place of a department that was asked about him."""
    request = before.request(made.number()) if made.move is Move.REPLY else None
    if request is not None and request not in before.for_party.requests:
        raise ActRefused("request_wrong", "该核实事项不在此状态。", "Not at this point.")


def _check_dispute(before: Case, made: Made) -> None:
    if made.move is Move.DISPUTE and before.revoked:
        raise ActRefused(
            "dispute_wrong", "处理决定已被撤销，没有可复议、起诉或仲裁的决定（第二十四条）。",
            "The decision was revoked: there is none to dispute (Art. 24).",
        )  # fmt: skip


def _check_term(before: Case, made: Made) -> None:
    if made.move is not Move.PROPOSE_HANDLING:
        return
    for order in made.body.get("orders", ()):
        if order["measure"] == Measure.SUSPEND and in_term(before, Measure.SUSPEND, made.day):
            raise ActRefused(
                "measure_not_open", "第二十一条（四）：书面整改意见的期限尚未届满。",
                "Art. 21(4): the term of the written order is not over.",
            )  # fmt: skip


def _check_meeting(made: Made) -> None:
    """Annexes 1 and 2 invite nobody to a day that is over, and send somebody."""
    if made.move is not Move.VERIFY:
        return
    if "day" in made.body and not (
        made.day <= dt.date.fromisoformat(made.body["day"]) <= made.day + DUE_MAX
    ):
        raise ActRefused(
            "day_wrong", "约谈日期应在今天至一年之内。", "The interview: within a year from today."
        )
    if "day" in made.body and made.due() < dt.date.fromisoformat(made.body["day"]):
        raise ActRefused(
            "due_wrong", "期限不能早于约谈日期。", "Not due before the day of the interview."
        )
    if made.body.get("persons", 1) < 1:
        raise ActRefused("number_wrong", "人数应大于零。", "Somebody is sent.")

"""The ladder of measures, Art. 21 and 22: which step needs which before it."""

import datetime as dt

from bureau.desk.casework.state import Case, Done
from bureau.desk.casework.words import Against, Measure
from bureau.desk.refusals import ActRefused

OF: dict[Against, tuple[Measure, ...]] = {
    Against.AGENCY: (
        Measure.WARN, Measure.RETURN_AND_ADJUST, Measure.ORDER_RECTIFICATION, Measure.SUSPEND,
        Measure.BULLETIN,
    ),
    Against.BANK: (Measure.BANK_RETURN, Measure.BANK_REMEDY, Measure.BANK_PENALTY),
}  # fmt: skip
NEXT: dict[Measure, Measure] = {
    Measure.WARN: Measure.ORDER_RECTIFICATION,
    Measure.RETURN_AND_ADJUST: Measure.ORDER_RECTIFICATION,
    Measure.ORDER_RECTIFICATION: Measure.SUSPEND,
    Measure.BANK_RETURN: Measure.BANK_PENALTY,
    Measure.BANK_REMEDY: Measure.BANK_PENALTY,
}
"""What follows when a measure was not carried out in time; nothing follows the last."""
AT_ONCE = frozenset({Measure.BULLETIN, Measure.BANK_PENALTY})
"""Carried out by the bureau itself: nobody has to report on them."""


def open_to(case: Case, measure: Measure, day: dt.date) -> bool:
    """Whether the regulation allows this measure now."""
    return _objection(case, measure, day) is None and not in_term(case, measure, day)


def in_term(case: Case, measure: Measure, day: dt.date) -> bool:
    """Art. 21(4) is for who let the term of the written order pass: what was refused within it may
    be put right still. Not part of `require`: cases of before are replayed by that."""
    return measure is Measure.SUSPEND and not any(
        order.measure is Measure.ORDER_RECTIFICATION
        and order.missed(day) and order.due is not None and order.due < day
        for order in case.orders
    )  # fmt: skip


def require(case: Case, measure: Measure, day: dt.date) -> None:
    """Raises ActRefused with the paragraph that is not fulfilled."""
    if objection := _objection(case, measure, day):
        raise ActRefused("measure_not_open", *objection)


def _objection(case: Case, measure: Measure, day: dt.date) -> tuple[str, str] | None:
    if measure not in OF[case.against]:
        return "该处理方式不适用于本案对象。", "This measure is not for the party of this case."
    missed = {order.measure for order in case.orders if order.missed(day)}
    if measure is Measure.ORDER_RECTIFICATION and not (missed or case.obstructed):
        return (
            "第二十一条（三）：须有不及时纠正、实地核证不配合、拒不执行或虚报整改的情形。",
            "Art. 21(3) needs an order not carried out, or a refusal to cooperate.",
        )
    if measure is Measure.SUSPEND and Measure.ORDER_RECTIFICATION not in missed:
        return (
            "第二十一条（四）：须未在限期内落实书面整改意见。",
            "Art. 21(4) needs a written order of rectification that was not carried out in time.",
        )
    if measure is Measure.BANK_PENALTY and not missed:
        return (
            "第二十二条（三）：须有不及时整改、未按要求整改或虚报整改的情形。",
            "Art. 22(3) needs an order to the bank that was not carried out.",
        )
    standing = {
        order.measure for order in case.orders if order.status in (Done.OPEN, Done.REPORTED)
    }
    if measure in standing and measure not in missed:
        return "该处理方式已在执行中。", "This measure is being carried out already."
    return None

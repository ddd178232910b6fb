"""Referral of a case (Art. 23, and Art. 11(3) where the bureau is not competent): one proposes,
another agrees, and only then a letter goes out.

It runs beside the handling and changes no stage: the party is not told of it.
"""

import attrs

from bureau.desk.casework.made import Made
from bureau.desk.casework.state import Case, Referral
from bureau.desk.refusals import ActRefused

REFERRALS = {
    "congress": "人民代表大会常务委员会", "audit": "审计机关", "discipline": "纪检监察机关",
    "other": "其他有关部门",
}  # fmt: skip
"""Art. 23; `other`: whoever is competent where the bureau is not (Art. 11(3))."""


def propose_referral(case: Case, made: Made) -> Case:
    """Raises ActRefused: one waits already, or whom it goes to or why is missing."""
    if case.referral is not None:
        raise ActRefused(
            "referral_waits", "已有移交意见待审批，不必重复提出。", "A referral waits already."
        )
    to, person = _addressed(made)
    referral = Referral(by=made.by, to=to, person=person, text=made.text("text"))
    return attrs.evolve(case, referral=referral)


def agree_referral(case: Case, made: Made) -> Case:
    referral = _waiting(case)
    if referral.by == made.by:
        raise ActRefused(
            "same_person", "提出意见的人不能审批。", "Who proposed it cannot approve it."
        )
    return attrs.evolve(case, referral=None, referred=(*case.referred, referral.to))


def return_referral(case: Case, made: Made) -> Case:
    _waiting(case)
    made.text("text")
    return attrs.evolve(case, referral=None)


def sent_alone(case: Case, made: Made) -> Case:
    """A referral by one person, as it was before record 0059: replayed and never made anew."""
    to, _ = _addressed(made)
    return attrs.evolve(case, referred=(*case.referred, to))


def _addressed(made: Made) -> tuple[str, str]:
    to = str(made.body.get("to", ""))
    if to not in REFERRALS:
        raise ActRefused(
            "referral_wrong", "请选择移送机关：人大常委会、审计、纪检监察机关（第二十三条）。",
            "Choose whom it is referred to: congress, audit or discipline (Art. 23).",
        )  # fmt: skip
    # Art. 11(3): which department is competent
    return to, made.text("person") if to == "other" else ""


def _waiting(case: Case) -> Referral:
    if case.referral is None:
        raise ActRefused("referral_missing", "没有待审批的移交意见。", "No referral waits.")
    return case.referral

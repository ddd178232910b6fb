"""A case as far as it has come: what was asked, what was ordered, what was proposed by whom."""

import datetime as dt
from collections.abc import Mapping
from enum import StrEnum

import attrs

from bureau.desk.casework.words import AMOUNT_ZH, Against, Means, Measure, Stage


class Asked(StrEnum):
    """Of one verification: issued, answered, sent back for more, taken as enough."""

    ISSUED = "issued"
    REPLIED = "replied"
    RETURNED = "returned"
    ACCEPTED = "accepted"


class Done(StrEnum):
    """Of one order: open, reported by the agency or bank, accepted, refused; overtaken by the next
    measure; taken back or changed by a review, a court or an arbitration. Not stored."""

    OPEN = "open"
    REPORTED = "reported"
    ACCEPTED = "accepted"
    FAILED = "failed"
    SUPERSEDED = "superseded"
    WITHDRAWN = "withdrawn"


@attrs.frozen(kw_only=True)
class Request:
    number: int
    means: Means
    due: dt.date
    status: Asked = Asked.ISSUED

    @property
    def waits_outside(self) -> bool:
        return self.status in (Asked.ISSUED, Asked.RETURNED)


@attrs.frozen(kw_only=True)
class Order:
    """One measure in force. Amounts in fen: to be returned, adjusted, otherwise put right."""

    number: int
    measure: Measure
    due: dt.date | None
    returned: int = 0
    adjusted: int = 0
    other: int = 0
    status: Done = Done.OPEN
    reported: Mapping[str, int] = attrs.field(factory=dict)
    """The amounts that its party's last report names; of before they were asked for: none."""

    @property
    def short(self) -> Mapping[str, int]:
        """By how much a report that waits for its judge falls short of what was ordered."""
        if self.status is not Done.REPORTED:
            return {}
        left = {name: getattr(self, name) - self.reported.get(name, 0) for name in AMOUNT_ZH}
        return {name: fen for name, fen in left.items() if fen > 0}

    def missed(self, day: dt.date) -> bool:
        """Refused as no rectification, or its day has passed without a report."""
        late = self.due is not None and self.due < day
        return self.status is Done.FAILED or (self.status is Done.OPEN and late)


@attrs.frozen(kw_only=True)
class Proposal:
    """What one person proposed and another must decide. `verdict` or `orders`."""

    by: str
    verdict: Stage | None = None
    orders: tuple[Order, ...] = ()
    back: Stage
    """The stage to which it is sent back."""


@attrs.frozen(kw_only=True)
class Referral:
    """Whom the case is to be handed to, and why, as one person proposed it."""

    by: str
    to: str
    """Of `REFERRALS`."""
    person: str
    """Which department, if `to` is `other`."""
    text: str


@attrs.frozen(kw_only=True)
class Case:
    against: Against
    stage: Stage = Stage.SUSPECTED
    requests: tuple[Request, ...] = ()
    orders: tuple[Order, ...] = ()
    proposal: Proposal | None = None
    obstructed: bool = False
    """Refused to cooperate with an on-site verification (Art. 21(3))."""
    disputed: bool = False
    revoked: bool = False
    """A review, lawsuit, arbitration or suit took the decision back: there is none to dispute."""
    referred: tuple[str, ...] = ()
    referral: Referral | None = None
    """Proposed, and not agreed to yet; beside whatever stage the handling is at."""
    escalation: Measure | None = None
    """The next measure, since an order was not carried out in time."""

    def request(self, number: int) -> Request | None:
        return next((each for each in self.requests if each.number == number), None)

    def order(self, number: int) -> Order | None:
        return next((each for each in self.orders if each.number == number), None)

    @property
    def for_party(self) -> "Case":
        """As the agency or bank that it is about may see it: without what was asked of other
        departments, and without what was handed to them."""
        theirs = [each for each in self.requests if each.means is not Means.JOINT_INVESTIGATION]
        return attrs.evolve(self, requests=tuple(theirs), referred=(), referral=None)

    @property
    def due(self) -> dt.date | None:
        """The nearest day on which somebody outside must have answered."""
        return next(iter(self.dues), None)

    @property
    def dues(self) -> list[dt.date]:
        """All such days, in order. What was never answered is waited for no more once a verdict was
        proposed without it."""
        asked = self.requests if self.stage is Stage.VERIFYING else ()
        days = [each.due for each in asked if each.waits_outside]
        days += [each.due for each in self.orders if each.status is Done.OPEN and each.due]
        return sorted(set(days))


OURS = (Means.PHONE_CALL, Means.JOINT_INVESTIGATION)
"""The bureau itself, or another department, has the next word."""


def owes(case: Case) -> bool:
    """Whether the party has a request to answer, whoever has the next word about others."""
    return case.stage is Stage.VERIFYING and any(
        each.waits_outside and each.means not in OURS for each in case.requests
    )


def awaits(case: Case) -> str:
    """Whose turn it is: reviewer, approver, agency, bank, or nobody."""
    if case.stage in (Stage.ARCHIVED,):
        return "nobody"
    if case.stage in (Stage.TO_DECIDE, Stage.HANDLING):
        return "approver"
    if case.referral is not None and case.stage is not Stage.RECTIFYING:
        return "approver"
    outside = [each for each in case.requests if each.waits_outside]
    inside = [each for each in case.requests if each.status is Asked.REPLIED]
    if case.stage is Stage.VERIFYING and outside and not inside:
        return case.against.value if outside[-1].means not in OURS else "reviewer"
    if case.stage is Stage.RECTIFYING and not case.escalation:
        reported = any(each.status is Done.REPORTED for each in case.orders)
        if not reported and any(each.status is Done.OPEN for each in case.orders):
            return case.against.value
    return "reviewer"

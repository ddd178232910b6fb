"""Every misdeed of the day by the policy that must notice it, and what becomes of each."""

import datetime as dt
from collections.abc import Callable, Mapping

from deploy.demo import breaches, breaches_payees, breaches_spending, repeats
from deploy.demo.clerk import Clerk
from gateway.domain.decision import Outcome
from gateway.domain.instruction import Instruction

EARLY_UNTIL, YEAR_END_FROM = 8, 11
"""Months."""
HELD = breaches.HELD | {
    "JL-008", "JL-023", "JL-025", "JL-027", "JL-032", "JL-045", "JL-052", "JL-053", "JL-061",
    "JL-062", "JL-070", "JL-081", "JL-082", "JL-083", "JL-044", "JL-092",
}  # fmt: skip
WARNED = frozenset({"JL-005", "JL-015", "JL-016", "JL-054", "JL-072", "JL-084", "JL-085", "JL-091"})
"""These pass with a finding; those that are neither held nor warned of are blocked."""


def misdeeds_on(day: dt.date) -> Mapping[str, Callable[[Clerk], Instruction]]:
    """Those that can happen on that day."""
    seasonal = {
        **(breaches_spending.EARLY if day.month <= EARLY_UNTIL else {}),
        **(breaches_spending.YEAR_END if day.month >= YEAR_END_FROM else {}),
    }
    return {
        **breaches.BREACHES, **breaches_payees.BREACHES, **breaches_spending.BREACHES, **seasonal,
    }  # fmt: skip


REPEATS = repeats.REPEATS
"""Two instructions each, of which the second is the misdeed because the first was paid."""


def outcome_of_misdeed(policy: str) -> Outcome:
    if policy in WARNED:
        return Outcome.PASS
    return Outcome.HOLD if policy in HELD else Outcome.BLOCK

"""What `explain` says of a want of money behind what holds or blocks."""

import datetime as dt

import attrs
import pytest
from msgspec.structs import replace

from gateway.domain.codes import PayeeKind
from gateway.domain.decision import Action, Finding, Outcome
from gateway.domain.facts import Facts
from gateway.domain.instruction import Payee
from gateway.domain.money import Fen
from gateway.pipeline.decide import LIMIT_ID
from gateway.pipeline.explain import explain
from tests.pipeline.fakes import INDICATOR, BookOf, finding, instruction, registers
from tests.policies.shipped import BOOK

MONDAY = dt.date(2026, 3, 2)
UNFILED = Payee(
    kind=PayeeKind.PERSON, account="6228230123456789018", name="李某某", bank_code="105241000022"
)
STOPS = (Action.HOLD, Action.BLOCK)
HELD = {"JL-023", "JL-045", "JL-050"}
ENOUGH, TOO_LITTLE = 1_000_000, 10_000
"""Granted; 30,000 are wanted."""
SPENT = 40_000, 20_000
"""Enough was granted, and of that too much is spent by the bureau's count."""


def told(granted: int, posted: int = 0, **changes: object) -> tuple[str, set[str], set[str]]:
    rows = registers(granted)
    indicator = replace(rows.indicators[INDICATOR], posted_fen=Fen(posted))
    rows = attrs.evolve(rows, indicators={INDICATOR: indicator})
    explained = explain(instruction(**changes), rows, BOOK, MONDAY)
    return (
        explained.decision.outcome,
        {each.policy for each in explained.decision.findings if each.action in STOPS},
        {each.policy for each in explained.beside},
    )


@pytest.mark.parametrize(
    ("granted", "outcome", "named"),
    [(ENOUGH, Outcome.PASS, set()), (TOO_LITTLE, Outcome.BLOCK, {"JL-011"})],
)
def test_alone_a_want_of_money_decides(granted: int, outcome: Outcome, named: set[str]) -> None:
    assert told(granted) == (outcome, named, set())


def test_beside_a_block_it_is_named_and_does_not_decide() -> None:
    assert told(*SPENT, purpose="") == (Outcome.BLOCK, {"JL-004"}, {"JL-011"})
    assert told(ENOUGH, purpose="") == (Outcome.BLOCK, {"JL-004"}, set())


def test_beside_a_hold_it_decides_as_on_the_line() -> None:
    assert told(ENOUGH, payee=UNFILED) == (Outcome.HOLD, HELD, set())
    assert told(*SPENT, payee=UNFILED) == (Outcome.BLOCK, {*HELD, "JL-011"}, set())


def test_what_exceeds_all_that_was_granted_decides_as_on_the_line() -> None:
    assert told(TOO_LITTLE, purpose="") == (Outcome.BLOCK, {"JL-004", "JL-011"}, set())
    assert told(TOO_LITTLE, payee=UNFILED) == (Outcome.BLOCK, {*HELD, "JL-011"}, set())


class OfOneHold(BookOf):
    """A book that says nothing of limits."""

    def decide(self, facts: Facts) -> tuple[Finding, ...]:
        return (finding("JL-050", Action.HOLD),)


def test_where_no_policy_judges_the_limit_the_shortage_itself_is_named() -> None:
    explained = explain(instruction(), registers(TOO_LITTLE), OfOneHold(), MONDAY)
    assert [each.policy for each in explained.beside] == [LIMIT_ID]

"""A decision that rested on the ledger's word, or on an order, is made again from its record."""

import attrs
import pytest

from gateway.domain.codes import Register
from gateway.domain.decision import Action, Finding, Outcome, restored, stored
from gateway.domain.holds import name_of
from gateway.domain.ledger import Demand, LimitKey, LimitKind, Moved, Short
from gateway.domain.legal_day import legal_day, minute_of_day
from gateway.domain.money import Fen
from gateway.domain.windows import WindowKey
from gateway.pipeline.again import decide_again, effect_then, facts_then
from gateway.pipeline.cases import cases_of
from gateway.pipeline.decide import NOTHING_KNOWN, Known, decide, short_of
from gateway.pipeline.identify import identify
from gateway.pipeline.judge import Bench, judge
from tests.pipeline.fakes import CASH, INDICATOR, NOW, BookOf, finding, instruction, registers

LIMIT = LimitKey(kind=LimitKind.INDICATOR, id=INDICATOR)
SHORT = Short(demand=Demand(limit=LIMIT, amount_fen=Fen(3_000)), available_fen=40)
MOVED = Moved(values={WindowKey(window=CASH, key="101001"): 4_000})
HELD = finding("JL-023", Action.HOLD)


@pytest.mark.parametrize(
    "known", [NOTHING_KNOWN, NOTHING_KNOWN.learn(SHORT), NOTHING_KNOWN.learn(MOVED)]
)
@pytest.mark.parametrize("lost", [frozenset(), frozenset({Register.PERSONS})])
@pytest.mark.parametrize("ordered", [False, True])
def test_the_same_bytes_come_of_it(
    known: Known, lost: frozenset[Register], ordered: bool
) -> None:  # fmt: skip
    book = BookOf(findings=(HELD,) if ordered else (), cash_max=5_000)
    order, shelf = instruction("1", 3_000), registers()
    then = attrs.evolve(shelf, unavailable=lost)
    cases = cases_of(order, identify(order, then), then, legal_day(NOW), minute_of_day(NOW))
    overrides = {name_of(HELD)} if ordered else ()
    decision = decide(cases, known, then, book, overrides).decision
    assert decision.outcome is (Outcome.PASS if known is NOTHING_KNOWN else decision.outcome)
    kept = restored(stored(decision))
    assert stored(decide_again(order, shelf, book, kept, NOW)) == stored(decision)
    (whole,) = facts_then(order, shelf, kept, NOW)
    assert whole.facts.unavailable == lost
    assert whole.facts.indicator_available == (40 if known.shorts else None)


@pytest.mark.parametrize("first", [INDICATOR, f"{INDICATOR}/authorized"])
def test_of_a_plan_and_that_of_the_payments_method_the_narrower_one_counts(first: str) -> None:
    """Whichever the ledger told of first."""
    second = f"{INDICATOR}/authorized" if first == INDICATOR else INDICATOR
    order, shelf = instruction("1", 3_000), registers()
    (case, *_) = cases_of(order, identify(order, shelf), shelf, legal_day(NOW), minute_of_day(NOW))
    left = {first: 40, second: 900}, {first: 900, second: 40}
    for each in left:
        known = NOTHING_KNOWN
        for id, available in each.items():
            limit = LimitKey(kind=LimitKind.PLAN, id=id)
            wanted = Demand(limit=limit, amount_fen=Fen(3_000))
            known = known.learn(Short(demand=wanted, available_fen=available))
        assert short_of(case.facts, known, shelf).plan_available == 40


def test_without_what_it_rested_on_it_would_come_out_otherwise() -> None:
    book, order, shelf = BookOf(cash_max=5_000), instruction("1", 3_000), registers()
    cases = cases_of(order, identify(order, shelf), shelf, legal_day(NOW), minute_of_day(NOW))
    plain = decide(cases, NOTHING_KNOWN, shelf, book).decision
    for told in (SHORT, MOVED):
        rested = decide(cases, NOTHING_KNOWN.learn(told), shelf, book).decision
        assert rested.outcome is not plain.outcome
        assert b"basis" in stored(rested) and b"basis" not in stored(plain)


@pytest.mark.parametrize("known", [NOTHING_KNOWN, NOTHING_KNOWN.learn(MOVED)])
@pytest.mark.parametrize("findings", [(), (HELD,)])
def test_what_it_reserved_and_added_to_windows_comes_out_again(
    known: Known, findings: tuple[Finding, ...]
) -> None:
    book, order, shelf = (
        BookOf(findings=findings, cash_max=5_000),
        instruction("1", 3_000),
        registers(),
    )
    bench = Bench(registers=shelf, book=book, on=legal_day(NOW), minute=minute_of_day(NOW),
                  partial=False)  # fmt: skip
    ruling, demands = judge(order, identify(order, shelf), known, bench)
    kept = restored(stored(ruling.decision))
    assert effect_then(order, shelf, book, kept, NOW) == (demands, ruling.shares)
    assert effect_then(order, shelf, None, kept, NOW) == (demands, ())

"""What a decision makes of the ledger's word, of the bureau's order, and of a voucher's details."""

import attrs
import msgspec
import pytest

from gateway.domain.decision import Action, Finding, Outcome, restored, stored
from gateway.domain.facts import Facts
from gateway.domain.holds import name_of
from gateway.domain.ledger import Demand, LimitKey, LimitKind, Moved, Short
from gateway.domain.legal_day import legal_day
from gateway.domain.money import Fen
from gateway.domain.windows import Measure, WindowAsk, WindowKey, WindowShare
from gateway.pipeline.cases import cases_of
from gateway.pipeline.decide import (
    NOTHING_KNOWN,
    Case,
    decide,
    known_of,
    limit_finding,
    overrides_of,
    short_of,
)
from gateway.pipeline.identify import identify
from tests.pipeline.fakes import INDICATOR, NOW, BookOf, finding, instruction, registers

HELD = finding("JL-023", Action.HOLD)
PLAN = LimitKey(kind=LimitKind.PLAN, id=INDICATOR)
SHORT = Short(demand=Demand(limit=PLAN, amount_fen=Fen(3_000), cap_fen=2_900), available_fen=-5)
SHELF = registers()


def whole(amount: int = 3_000) -> Case:
    order = instruction("1", amount)
    return cases_of(order, identify(order, SHELF), SHELF, legal_day(NOW))[0]


def parts(*amounts: int, payees: str = "") -> list[Case]:
    """The whole and its details `D1`…, paid to accounts of one letter each."""
    facts = whole(sum(amounts)).facts
    details = [
        Case(facts=detail_of(facts, amount, payee), detail=f"D{n}")
        for n, (amount, payee) in enumerate(zip(amounts, payees, strict=True), 1)
    ]
    return [Case(facts=facts), *details]


def detail_of(facts: Facts, amount: int, payee: str) -> Facts:
    return msgspec.structs.replace(facts, amount=Fen(amount), payee_account=payee, is_detail=True)


# --- what the ledger has told -------------------------------------------------------


def test_what_was_told_of_one_window_stays_when_another_moves() -> None:
    """Forgotten, the two would take turns until the payment is refused for now."""
    one, other = (WindowKey(window="W", key=key) for key in "AB")
    known = NOTHING_KNOWN.learn(Moved(values={one: 1})).learn(Moved(values={other: 2}))
    assert known.windows == {one: 1, other: 2}
    assert known.learn(Moved(values={one: 3})).windows == {one: 3, other: 2}
    assert known.learn(SHORT).windows == known.windows


def test_a_line_that_is_overdrawn_has_nothing_left() -> None:
    known = NOTHING_KNOWN.learn(SHORT)
    assert short_of(whole().facts, known, SHELF).plan_available == 0
    assert "可用额度0.00元" in limit_finding(SHORT).reason_zh


def test_no_order_sets_a_shortage_of_money_aside_whatever_it_names() -> None:
    overrides = {name_of(HELD), name_of(limit_finding(SHORT))}
    known, book = NOTHING_KNOWN.learn(SHORT), BookOf(findings=(HELD,))
    decision = decide([whole()], known, SHELF, book, overrides).decision
    assert [each.policy for each in decision.findings] == ["JL-023", "LIMIT"]
    assert decision.outcome is Outcome.HOLD
    assert decide([whole()], NOTHING_KNOWN, SHELF, book, overrides).decision.outcome is Outcome.PASS
    assert known_of(restored(stored(decision)).basis) == known, "to the cap, for a replay"


def test_what_an_order_set_aside_is_told_from_the_record_to_the_register_that_was_missing() -> None:
    named = attrs.evolve(HELD, revision=3, detail="D2", unavailable=("persons", "accounts"))
    overrides = {name_of(named), name_of(HELD)}
    decision = decide([whole()], NOTHING_KNOWN, SHELF, BookOf(), overrides).decision
    assert set(overrides_of(restored(stored(decision)).basis)) == overrides


# --- details ------------------------------------------------------------------------


@attrs.define
class Counting(BookOf):
    """Looks at one window by payee, and notes what each case saw there."""

    measure: Measure = Measure.SUM
    seen: list[int] = attrs.field(factory=list)

    def key(self, facts: Facts) -> WindowKey:
        return WindowKey(window="W", key=facts.payee_account)

    def asks(self, facts: Facts) -> tuple[WindowAsk, ...]:
        return (WindowAsk(key=self.key(facts), measure=self.measure, since=facts.on, believed=0),)

    def decide(self, facts: Facts) -> tuple[Finding, ...]:
        self.seen.append(facts.windows.get("W", 0))
        return ()

    def shares(self, facts: Facts, outcome: Outcome) -> tuple[WindowShare, ...]:
        value, item = facts.amount, "odd" if facts.amount % 2 else "even"
        return (WindowShare(key=self.key(facts), day=facts.on, value=value, item=item),)


@pytest.mark.parametrize(
    ("measure", "seen"),
    [
        (Measure.SUM, [100, 300, 0, 800]),
        (Measure.MAX, [100, 200, 0, 500]),
        (Measure.COUNT, [100, 101, 0, 102]),
        (Measure.DISTINCT, [100, 101, 0, 101]),
    ],
)
def test_a_detail_sees_what_the_details_before_it_add_to_its_own_window_and_to_no_other(
    measure: Measure, seen: list[int]
) -> None:
    cases = parts(200, 500, 301, 400, payees="PPQP")
    book = Counting(measure=measure)
    known = NOTHING_KNOWN.learn(Moved(values={WindowKey(window="W", key="P"): 100}))
    ruling = decide(cases, known, SHELF, book)
    assert book.seen[1:] == seen
    assert {ask.key.key: ask.believed for ask in ruling.asks if ask.key.key in "PQ"} == {
        "P": 100, "Q": 0,
    }  # fmt: skip
    assert [share.value for share in ruling.shares] == [200, 500, 301, 400]


@attrs.define
class Grading(BookOf):
    """One policy that asks something of each amount, and something of the whole."""

    of: dict[int, Action] = attrs.field(factory=dict)

    def decide(self, facts: Facts) -> tuple[Finding, ...]:
        asked = self.of.get(facts.amount)
        return (finding("JL-010", asked),) if asked else ()


@pytest.mark.parametrize(
    ("of", "said"),
    [
        ({3: Action.WARN, 1: Action.WARN, 2: Action.WARN}, [("", "warn")]),
        ({3: Action.WARN, 1: Action.WARN, 2: Action.HOLD}, [("", "warn"), ("D2", "hold")]),
        ({3: Action.HOLD, 1: Action.WARN, 2: Action.WARN}, [("", "hold")]),
        ({3: Action.WARN, 2: Action.WARN}, [("", "warn"), ("D2", "warn")]),
        ({1: Action.WARN, 2: Action.WARN}, [("D1", "warn"), ("D2", "warn")]),
    ],
)
def test_what_is_wrong_with_all_of_it_is_said_once_but_what_is_worse_in_a_detail_of_that_detail(
    of: dict[int, Action], said: list[tuple[str, str]]
) -> None:
    decision = decide(parts(1, 2, payees="PQ"), NOTHING_KNOWN, SHELF, Grading(of=of)).decision
    assert [(each.detail, each.action.value) for each in decision.findings] == said
    assert (decision.outcome is Outcome.HOLD) is (Action.HOLD in of.values())

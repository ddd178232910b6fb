"""Where the division and its bank take parts of a batch, the sound details pass; else none does."""

import attrs
import orjson
import pytest
from msgspec.structs import replace

from gateway.domain.bank import BankConduct, LeftOut
from gateway.domain.codes import BusinessType
from gateway.domain.decision import Action, Finding, Outcome, restored, stored
from gateway.domain.facts import Facts
from gateway.domain.instruction import Detail, Instruction
from gateway.domain.ledger import LimitKey, LimitKind, Moved
from gateway.domain.money import Fen
from gateway.domain.windows import Measure, WindowAsk, WindowKey
from gateway.pipeline.again import decide_again, facts_then
from gateway.pipeline.decide import NOTHING_KNOWN
from gateway.pipeline.identify import identify
from gateway.pipeline.judge import Bench, judge
from gateway.pipeline.line import Line
from tests.limits import limit_at
from tests.pipeline.fakes import (
    DIVISION,
    INDICATOR,
    NOW,
    BookOf,
    finding,
    instruction,
    received,
    registers,
)
from tests.pipeline.test_line import Street

LIMIT = LimitKey(kind=LimitKind.INDICATOR, id=INDICATOR)


@attrs.define
class Picky(BookOf):
    """Holds what is paid to an account in `bad`, as a whole and in the detail itself."""

    bad: frozenset[str] = frozenset()
    whole: tuple[Finding, ...] = ()

    def decide(self, facts: Facts) -> tuple[Finding, ...]:
        found = BookOf.decide(self, facts)
        if facts.payee_account in self.bad or (not facts.is_detail and facts.amount > 6_000):
            found += (finding("JL-050", Action.HOLD),)
        return found + (() if facts.is_detail else self.whole)


def batch(*amounts: int) -> Instruction:
    one = instruction("1", sum(amounts))
    details = tuple(
        Detail(id=f"D-{n}", payee=replace(one.payee, account=f"ACCOUNT{n}"),
               amount_fen=Fen(amount))
        for n, amount in enumerate(amounts, 1)
    )  # fmt: skip
    return replace(one, business_type=BusinessType.PAYROLL, details=details)


class Telling:
    """What the bank was told beside the bytes."""

    left_out: LeftOut | None = None


async def street_of(order: Instruction, book: Picky, *, partial: bool = True) -> Street:
    street = Street(order)
    await street.open()
    conduct = BankConduct(idempotent=False, enquiry=True, horizon_s=6.0, partial=partial)
    street.bank.conduct = conduct
    rooms = attrs.evolve(street.line._rooms, book=book, partial=frozenset({DIVISION}))
    street.line = Line(rooms)
    return street


def watched(street: Street) -> Telling:
    told, submit = Telling(), street.bank.submit

    async def submit_and_note(key, raw, format, left_out=None):  # type: ignore[no-untyped-def]
        told.left_out = left_out
        return await submit(key, raw, format)

    street.bank.submit = submit_and_note  # type: ignore[method-assign]
    return told


async def test_the_sound_details_are_paid_and_only_they_are_reserved() -> None:
    order = batch(1_000, 6_000, 2_000)
    street = await street_of(order, Picky(bad=frozenset({"ACCOUNT2"})))
    told = watched(street)
    before = (await limit_at(street.ledger, DIVISION, LIMIT)).available_fen  # type: ignore[union-attr]
    answer = await street.line.carry(received())
    assert answer.decision.outcome is Outcome.PASS
    assert answer.decision.withheld == ("D-2",)
    assert {(f.policy, f.detail) for f in answer.decision.findings} == {("JL-050", "D-2")}
    assert told.left_out == LeftOut(places=(2,), paid_fen=3_000)
    after = (await limit_at(street.ledger, DIVISION, LIMIT)).available_fen  # type: ignore[union-attr]
    assert before - after == 3_000
    assert street.state.instructions[order.key].amount_fen == 3_000
    again = await street.line.carry(received())
    assert again.replayed and again.decision == answer.decision


async def test_the_bureau_is_told_of_what_is_withheld_at_once() -> None:
    street = await street_of(batch(1_000, 6_000), Picky(bad=frozenset({"ACCOUNT2"})))
    await street.line.carry(received())
    (notice,) = [orjson.loads(each.body) for each in street.state.notices.values()]
    assert (notice["outcome"], notice["withheld"]) == ("passed", ["D-2"])
    record = orjson.loads(street.state.pending[DIVISION][0].body)
    assert record["withheld"] == ["D-2"] and record["notice_sha256"]


@pytest.mark.parametrize("partial", [True, False])
async def test_one_bad_detail_holds_the_voucher_unless_division_and_bank_take_parts(
    partial: bool,
) -> None:
    order = batch(1_000, 2_000)
    street = await street_of(order, Picky(bad=frozenset({"ACCOUNT2"})), partial=partial)
    answer = await street.line.carry(received())
    assert answer.decision.outcome is (Outcome.PASS if partial else Outcome.HOLD)
    assert bool(street.bank.submitted) is partial


@pytest.mark.parametrize(
    ("bad", "whole"),
    [
        (frozenset({"ACCOUNT1", "ACCOUNT2"}), ()),
        (frozenset(), (finding("JL-007", Action.BLOCK),)),
        (frozenset({"ACCOUNT2"}), (finding("JL-007", Action.BLOCK),)),
    ],
)
async def test_nothing_passes_where_every_detail_or_the_voucher_itself_is_bad(
    bad: frozenset[str], whole: tuple[Finding, ...]
) -> None:
    street = await street_of(batch(1_000, 2_000), Picky(bad=bad, whole=whole))
    answer = await street.line.carry(received())
    assert answer.decision.outcome is not Outcome.PASS
    assert answer.decision.withheld == () and street.bank.submitted == []


@attrs.define
class Strict(BookOf):
    """Asks something of what is paid to each account."""

    of: dict[str, Action] = attrs.field(factory=dict)

    def decide(self, facts: Facts) -> tuple[Finding, ...]:
        asked = self.of.get(facts.payee_account)
        return (finding("JL-050", asked),) if asked and facts.is_detail else ()


@pytest.mark.parametrize(
    ("of", "withheld"),
    [
        ({"ACCOUNT1": Action.WARN, "ACCOUNT2": Action.HOLD}, ("D-2",)),
        ({"ACCOUNT2": Action.BLOCK}, ("D-2",)),
        ({"ACCOUNT3": Action.HOLD, "ACCOUNT1": Action.BLOCK}, ("D-1", "D-3")),
        ({"ACCOUNT1": Action.WARN}, ()),
    ],
)
async def test_what_a_detail_is_blocked_for_withholds_it_and_a_warning_does_not(
    of: dict[str, Action], withheld: tuple[str, ...]
) -> None:
    street = await street_of(batch(100, 200, 400), Strict(of=of))
    told = watched(street)
    decision = (await street.line.carry(received())).decision
    assert decision.outcome is Outcome.PASS
    assert decision.withheld == withheld, "in the voucher's order"
    assert {(f.detail, f.action) for f in decision.findings} == {
        (f"D-{account[-1]}", action) for account, action in of.items()
    }
    paid = sum(each for n, each in enumerate((100, 200, 400), 1) if f"D-{n}" not in withheld)
    assert (told.left_out and told.left_out.paid_fen) == (paid if withheld else None)


class Waning(BookOf):
    """Holds a whole above 500 and details above 250, warns of the others, holds ACCOUNT2 besides:
    what all of them bear is said of the whole, until the whole is less."""

    def decide(self, facts: Facts) -> tuple[Finding, ...]:
        bound = 250 if facts.is_detail else 500
        found = (finding("JL-010", Action.HOLD if facts.amount > bound else Action.WARN),)
        if not facts.is_detail and facts.amount <= bound:
            found = ()
        return (*found, *[finding("JL-050", Action.HOLD)] * (facts.payee_account == "ACCOUNT2"))


async def test_what_only_shows_without_what_was_withheld_first_is_withheld_too() -> None:
    order = batch(100, 200, 300)
    order = replace(order, payee=replace(order.payee, account="HEAD"))
    street = await street_of(order, Waning())
    told = watched(street)
    decision = (await street.line.carry(received())).decision
    assert (decision.outcome, decision.withheld) == (Outcome.PASS, ("D-2", "D-3"))
    assert told.left_out == LeftOut(places=(2, 3), paid_fen=100)
    held = [(f.policy, f.detail) for f in decision.findings if f.action is Action.HOLD]
    assert held == [("JL-050", "D-2"), ("JL-010", "D-3")], "each with its reason"


@attrs.define
class Filling(BookOf):
    """Holds a detail whose payee's window, with it, comes to more than 500."""

    def asks(self, facts: Facts) -> tuple[WindowAsk, ...]:
        key = WindowKey(window="W", key=facts.payee_account)
        return (WindowAsk(key=key, measure=Measure.SUM, since=facts.on, believed=0),)

    def decide(self, facts: Facts) -> tuple[Finding, ...]:
        filled = facts.is_detail and facts.windows.get("W", 0) + facts.amount > 500
        return (finding("JL-044", Action.HOLD),) if filled else ()


def test_the_window_for_which_a_detail_is_withheld_is_proven_like_those_of_what_passes() -> None:
    """Not proven, it could have been emptied since."""
    order, shelf = batch(100, 200, 300), registers()
    full = Moved(values={WindowKey(window="W", key="ACCOUNT2"): 301})
    bench = Bench(registers=shelf, book=Filling(), on=NOW.date(), minute=600, partial=True)
    ruling, demands = judge(order, identify(order, shelf), NOTHING_KNOWN.learn(full), bench)
    assert ruling.decision.withheld == ("D-2",)
    assert [each.amount_fen for each in demands] == [400]
    believed = {ask.key.key: ask.believed for ask in ruling.asks}
    assert believed["ACCOUNT2"] == 301 and {"ACCOUNT1", "ACCOUNT3"} <= set(believed)


async def test_a_part_is_decided_again_from_its_record() -> None:
    order, shelf = batch(1_000, 6_000, 2_000), registers()
    book = Picky(bad=frozenset({"ACCOUNT2"}))
    street = await street_of(order, book)
    decision = (await street.line.carry(received())).decision
    kept = restored(stored(decision))
    assert stored(decide_again(order, shelf, book, kept, NOW)) == stored(decision)
    whole, *details = facts_then(order, shelf, kept, NOW)
    assert whole.facts.amount == 3_000 and [d.detail for d in details] == ["D-1", "D-3"]

"""The policies in force: decides an instruction, and explains a decision clause by clause."""

import datetime as dt
from collections.abc import Generator, Mapping, Sequence
from typing import TypeAlias

import attrs

from gateway.domain.codes import Register
from gateway.domain.decision import SEVERITY, Action, Finding, Outcome
from gateway.domain.facts import Facts
from gateway.domain.windows import WindowAsk, WindowShare
from policies.book.document import Policy
from policies.book.finding import failure, finding_of, no_answer, plain_finding
from policies.book.judge import Judgement, judge, judge_fired
from policies.book.resolve import Serving, UnitGroup, check_levels, grouped, in_force
from policies.book.steps import finished
from policies.book.template import Speaker
from policies.book.unit import Unit
from policies.book.wanted import asks_of, shares_of
from policies.language.codelist import CodeList

SELECTIONS_MAX = 4_096
"""Resolved (division, voucher type, payment method, fund, day) kept; emptied when full."""

Key: TypeAlias = tuple[str, str, str | None, str | None, dt.date]


def key_of(facts: Facts) -> Key:
    """What a selection depends on."""
    return (facts.division, facts.voucher_type, facts.payment_method, facts.fund_code, facts.on)


@attrs.frozen(kw_only=True)
class Explanation:
    """One policy on one instruction: what was asked, what came of it, the finding if it fired."""

    policy: Policy
    judgement: Judgement
    finding: Finding | None


@attrs.frozen(kw_only=True)
class Selection:
    """The policies that judge one (division, voucher type, payment method, fund, day)."""

    serving: tuple[Serving, ...]
    registers: frozenset[Register]
    windowed: tuple[Serving, ...]
    """Those with windows."""


class Book:
    """A checked set of policies. Fits gateway.ports.Book; never raises while deciding."""

    def __init__(
        self, units: Sequence[Unit], codes: Mapping[str, CodeList], revision: str,
        groups: Sequence[UnitGroup] | None = None,
    ) -> None:  # fmt: skip
        """`revision` is the digest of the canonical content. Raises PolicyRefused on a clash of
        levels, unless the units have been checked and grouped before (`building`)."""
        self.groups = finished(_grouping(units)) if groups is None else tuple(groups)
        self._speaker = Speaker(codes)
        self.codes = codes
        self._selections: dict[Key, Selection] = {}
        self.units = tuple(units)
        self.revision = revision

    @classmethod
    def building(
        cls, units: Sequence[Unit], codes: Mapping[str, CodeList], revision: str
    ) -> Generator[None, None, "Book"]:
        """The same in steps, pausing between them; what it returns is the book."""
        groups = yield from _grouping(units)
        return cls(units, codes, revision, groups)

    def forget(self) -> None:
        """Drop what was remembered of decisions; it is found again."""
        self._selections.clear()
        self._speaker = Speaker(self.codes)

    def decide(self, facts: Facts) -> tuple[Finding, ...]:
        """All policies that fire, most severe first, then by id; the empty tuple is a pass."""
        try:
            return self._decide(facts)
        except Exception:  # noqa: BLE001  a book that cannot answer holds, it never passes
            return (
                no_answer(
                    "规则簿执行出错，本笔支付挂起待人工核对。",
                    "The policy book failed; held for a person to check.",
                ),
            )

    def asks(self, facts: Facts) -> tuple[WindowAsk, ...]:
        """The windows whose values may change what these facts come to; few payments have any.

        Never depends on `facts.windows`, except that each ask says what was believed.
        """
        windowed = self.selected(facts).windowed
        return asks_of(windowed, facts) if windowed else ()

    def shares(self, facts: Facts, outcome: Outcome = Outcome.PASS) -> tuple[WindowShare, ...]:
        """What an instruction with this outcome adds to each window that counts it."""
        windowed = self.selected(facts).windowed
        return shares_of(windowed, facts, outcome) if windowed else ()

    def actions(self, facts: Facts, selection: Selection) -> dict[str, Action]:
        """`decide` without words, for many instructions: what each policy that fires asks for.

        Says nothing where no policy is in force.
        """
        if facts.unavailable and not facts.unavailable.isdisjoint(selection.registers):
            found = self._without(facts.unavailable, selection, facts)
            return {finding.policy: finding.action for finding in found}
        asked: dict[str, Action] = {}
        for serving in selection.serving:
            positions = serving.group.run(facts)
            if positions:
                for unit in serving.speaking(positions):
                    action = unit.constant_action or self._action(unit, facts)
                    before = asked.get(unit.policy.id, action)
                    asked[unit.policy.id] = max(before, action, key=SEVERITY.__getitem__)
        return asked

    def _action(self, unit: Unit, facts: Facts) -> Action:
        """Where causes alone settle it, without interpreting all of them."""
        if unit.causes_ask and (held := unit.causes_ask(facts)):
            return max((unit.causes[n].action for n in held), key=SEVERITY.__getitem__)
        (finding,) = self._found(unit, facts, expected=True)
        return finding.action

    def explain(self, facts: Facts) -> tuple[Explanation, ...]:
        """Every policy in force for these facts, by id, fired or not. For pages, not for speed."""
        selection = self._selection(facts)
        units = [unit for serving in selection.serving for _, unit in serving.units]
        units.sort(key=lambda unit: unit.policy.id)
        return tuple(self._explained(unit, facts) for unit in units)

    def _decide(self, facts: Facts) -> tuple[Finding, ...]:
        selection = self.selected(facts)
        lost = facts.unavailable
        if lost and not lost.isdisjoint(selection.registers):
            return self._without(lost, selection, facts)
        found: list[Finding] = []
        for serving in selection.serving:
            positions = serving.group.run(facts)
            if positions:
                for unit in serving.speaking(positions):
                    found += self._found(unit, facts, expected=True)
        if found:
            return _ordered(found)
        return () if selection.serving else (_NOTHING_IN_FORCE,)

    def _without(
        self, lost: frozenset[Register], selection: Selection, facts: Facts
    ) -> tuple[Finding, ...]:
        """Interpret what rests on a lost register; the rest is decided as ever."""
        found: list[Finding] = []
        for serving in selection.serving:
            for _, unit in serving.units:
                if not lost.isdisjoint(unit.registers):
                    found += self._found(unit, facts, expected=False)
                elif _fires(unit, facts):
                    found += self._found(unit, facts, expected=True)
        return _ordered(found)

    def _found(self, unit: Unit, facts: Facts, *, expected: bool) -> tuple[Finding, ...]:
        """The unit's finding; a failure if it raises, or if only the generated code fired.

        A unit is asked again by its own functions; without a register it is interpreted.
        """
        try:
            if not expected or facts.unavailable:
                judgement = judge(unit, facts)
            elif unit.plain:
                fired = unit.predicate(facts)
                return (plain_finding(unit, facts, self._speaker) if fired else failure(unit),)
            else:
                judgement = judge_fired(unit, facts)
            finding = finding_of(unit, judgement, facts, self._speaker)
        except Exception:  # noqa: BLE001  a policy that raises holds, it never passes
            return (failure(unit),)
        if finding is None:
            return (failure(unit),) if expected else ()
        return (finding,)

    def _explained(self, unit: Unit, facts: Facts) -> Explanation:
        judgement = judge(unit, facts)
        finding = finding_of(unit, judgement, facts, self._speaker)
        return Explanation(policy=unit.policy, judgement=judgement, finding=finding)

    def selected(self, facts: Facts) -> Selection:
        """The same for all facts of one division, voucher type, payment method, fund and day."""
        return self._selections.get(key_of(facts)) or self._selection(facts)

    def _selection(self, facts: Facts) -> Selection:
        serving = in_force(
            self.groups, facts.division, facts.voucher_type, facts.payment_method,
            facts.fund_code, facts.on,
        )  # fmt: skip
        selection = Selection(
            serving=serving,
            registers=frozenset().union(*(s.group.registers for s in serving)),
            windowed=tuple(s for s in serving if s.group.windows),
        )
        if len(self._selections) >= SELECTIONS_MAX:
            self._selections.clear()
        self._selections[key_of(facts)] = selection
        return selection


def _grouping(units: Sequence[Unit]) -> Generator[None, None, tuple[UnitGroup, ...]]:
    yield from check_levels(units)
    return (yield from grouped(units))


_NOTHING_IN_FORCE = no_answer(
    "本行政区划在支付日没有生效的监控规则，本笔支付挂起待人工核对。",
    "No policy is in force for this division on this day; held for a person to check.",
)


def _fires(unit: Unit, facts: Facts) -> bool:
    try:
        return unit.predicate(facts)
    except Exception:  # noqa: BLE001  the interpreter then looks at it, and holds if it must
        return True


def _ordered(found: Sequence[Finding]) -> tuple[Finding, ...]:
    """Most severe first, then by id; of one id (two levels of government) the most severe only."""
    if len(found) == 1:
        return tuple(found)
    rows = sorted(found, key=lambda f: (-SEVERITY[f.action], f.policy))
    first = {row.policy: row for row in reversed(rows)}
    return tuple(row for row in rows if first[row.policy] is row)

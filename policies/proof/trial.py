"""Puts one policy on trial: its own tests, generated boundaries, clauses both ways, mutants."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import TypeAlias

import attrs

from gateway.domain.facts import Facts, changed
from policies.book.book import Book
from policies.book.cases import case
from policies.book.document import Policy
from policies.book.finding import finding_of
from policies.book.judge import Judgement, judge
from policies.book.outlook import window_term
from policies.book.prove import prove
from policies.book.resolve import applies, level
from policies.book.template import Speaker
from policies.book.unit import Unit
from policies.language.codelist import CodeList
from policies.language.errors import Problem
from policies.language.typed import Constant
from policies.language.types import BOOL
from policies.proof.boundaries import around, edges, thresholds
from policies.proof.mutants import mutants

KILLED_LEAST_PERCENT = 95
REACHES_MAX = 3
"""How many of a threshold's cases are kept; the first ones whose outcome it decides."""

_Seen: TypeAlias = tuple[str, str, tuple[str, ...], str]
"""What a test can see: action, exception that nearly fitted, papers, exception that held."""
_ALWAYS = Constant(True, BOOL)


@attrs.frozen(kw_only=True)
class Trial:
    """What came of it; `passed` if the policy may take effect."""

    policy: str
    cases: int
    """Embedded tests."""
    boundaries: int
    """Generated cases."""
    problems: tuple[Problem, ...]
    """Tests that failed, and readings that disagree."""
    unseen: tuple[str, ...]
    """Clauses never seen true, or never seen false."""
    undecided: tuple[str, ...]
    """Thresholds that decide no case."""
    mutants: int
    killed: int
    killed_by_author: int
    """By the embedded tests alone, without the generated cases."""
    survivors: tuple[str, ...]

    @property
    def killed_percent(self) -> float:
        return 100 * self.killed / self.mutants if self.mutants else 100.0

    @property
    def passed(self) -> bool:
        return (
            not self.problems
            and not self.unseen
            and not self.undecided
            and self.killed * 100 >= self.mutants * KILLED_LEAST_PERCENT
        )


def trial(
    policy: Policy, units: Sequence[Unit], codes: Mapping[str, CodeList]
) -> Generator[None, None, Trial]:
    """A generator that pauses now and then; what it returns is the trial."""
    problems = yield from prove(policy, units, codes)
    book = yield from Book.building(units, codes, "")
    court = _Court(policy, book, Speaker(codes))
    rows = [row for row in (court.facts(n) for n in range(len(policy.tests))) if row is not None]
    unseen: list[str] = []
    undecided: list[str] = []
    survivors: list[str] = []
    boundaries = made = killed = by_author = 0
    for unit in units:
        own = court.of_unit(unit, rows)
        generated, idle = court.boundaries(unit, own)
        problems += court.disagreements([*own, *generated])
        problems += court.outside(unit, own)
        undecided += idle
        unseen += court.unseen(unit, [*own, *generated])
        boundaries += len(generated)
        yield
        for mutant in mutants(unit):
            made += 1
            if court.notices(unit, mutant.unit, own):
                by_author += 1
                killed += 1
            elif court.notices(unit, mutant.unit, generated):
                killed += 1
            else:
                survivors.append(f"{mutant.place}: {mutant.what}")
            yield
    return Trial(
        policy=policy.id,
        cases=len(policy.tests),
        boundaries=boundaries,
        problems=tuple(problems),
        unseen=tuple(dict.fromkeys(unseen)),
        undecided=tuple(dict.fromkeys(undecided)),
        mutants=made,
        killed=killed,
        killed_by_author=by_author,
        survivors=tuple(survivors),
    )


class _Court:
    def __init__(self, policy: Policy, book: Book, speaker: Speaker) -> None:
        self._policy = policy
        self._book = book
        self._speaker = speaker
        self._windows = {rule.name: window_term(policy, rule) for rule in policy.windows}

    def facts(self, number: int) -> Facts | None:
        division = level(self._policy.scope.division)
        return case(self._policy.tests[number], division, [], self._windows)

    def of_unit(self, unit: Unit, rows: Sequence[Facts]) -> list[Facts]:
        """The cases judged by this unit; if there are none, all of them moved to its first day."""
        within = [row for row in rows if self._reaches(row)]
        own = [row for row in within if unit.in_force(row.on)]
        return own or [changed(row, on=unit.first) for row in within]

    def boundaries(self, unit: Unit, rows: Sequence[Facts]) -> tuple[list[Facts], list[str]]:
        """Cases around each threshold, and the thresholds that decide none of them."""
        found: list[Facts] = []
        idle: list[str] = []
        for threshold in thresholds(unit):
            decisive = 0
            for row in rows:
                near = around(threshold, row)
                if len({self._seen(unit, one) for one in near}) > 1:
                    found += near
                    decisive += 1
                if decisive == REACHES_MAX:
                    break
            if not decisive:
                idle.append(threshold.place)
        for row in rows:
            found += [changed(row, on=day) for day in edges(unit) if unit.in_force(day)]
        return found, idle

    def outside(self, unit: Unit, rows: Sequence[Facts]) -> Iterator[Problem]:
        """The day before the first and the day after the last, the policy is silent."""
        first, last = self._policy.effective.first, self._policy.effective.last
        days = [day for day in edges(unit) if day < first or (last is not None and day > last)]
        for row in rows:
            for day in days:
                moved = changed(row, on=day)
                if any(f.policy == self._policy.id for f in self._book.decide(moved)):
                    yield self._problem(f"{day} 不在施行期内却触发", f"fires on {day}")

    def disagreements(self, rows: Sequence[Facts]) -> Iterator[Problem]:
        """Generated code and interpreter give one answer, also at the boundaries."""
        for row in rows:
            decided = [f for f in self._book.decide(row) if f.policy == self._policy.id]
            explained = [e.finding for e in self._book.explain(row) if e.finding is not None]
            if decided != explained:
                yield self._problem("两种执行结果不一致", "generated code and interpreter differ")

    def unseen(self, unit: Unit, rows: Sequence[Facts]) -> Iterator[str]:
        """Clauses that were never asked and true, or never asked and false."""
        seen: set[tuple[str, object]] = set()
        for row in rows:
            judgement = judge(unit, row)
            seen.update((f"when.{c.name}", found) for c, found in judgement.clauses)
            seen.update((f"cause.{c.id}", found) for c, found in judgement.causes)
            seen.update((f"unless.{s.rule.id}", s.fits) for s in judgement.exceptions)
        places = [(f"when.{c.name}", c.expr) for c in unit.clauses]
        places += [(f"cause.{c.id}", c.expr) for c in unit.causes]
        places += [(f"unless.{r.id}", r.expr) for r in unit.exceptions]
        for place, expr in places:
            for wanted in (True, False):
                if expr != _ALWAYS and (place, wanted) not in seen:
                    yield f"{place}: {'true' if wanted else 'false'}"

    def notices(self, unit: Unit, mutant: Unit, rows: Sequence[Facts]) -> bool:
        return any(self._seen(unit, row) != self._seen(mutant, row) for row in rows)

    def _seen(self, unit: Unit, facts: Facts) -> _Seen:
        judgement: Judgement = judge(unit, facts)
        finding = finding_of(unit, judgement, facts, self._speaker)
        if finding is None:
            return "none", "", (), judgement.held
        near = finding.exception.id if finding.exception else ""
        return finding.action, near, tuple(sorted(m.kind for m in finding.missing)), ""

    def _reaches(self, row: Facts) -> bool:
        scope = self._policy.scope
        method, fund = row.payment_method, row.fund_code
        return applies(scope, row.division, row.voucher_type, method, fund)

    def _problem(self, zh: str, en: str) -> Problem:
        return Problem(place=self._policy.place, column=0, zh=zh, en=en)

"""Compiles documents: a policy is one unit for each stretch of days with fixed parameters."""

import datetime as dt
from collections.abc import Callable, Generator, Mapping
from typing import TypeAlias, TypeVar

import attrs

from gateway.domain.codes import ApprovalKind, Evidence
from gateway.domain.windows import Measure
from policies.book.dead import dead
from policies.book.document import Cause, Policy, Remark, Unless, WindowRule, Wording
from policies.book.outlook import asked_when, window_term, windows_said
from policies.book.papers import read_papers
from policies.book.reach import unknown_funds
from policies.book.steps import finished
from policies.book.template import Places, Template, Words, template, words_of
from policies.book.unit import (
    Clause,
    ExceptionRule,
    Reason,
    RemarkRule,
    Sentence,
    Unit,
    UnitWindow,
    condition_of,
    registers_of,
)
from policies.language.checker import NOTHING, Checked, check
from policies.language.codelist import YEAR_MAX, CodeList
from policies.language.errors import ClauseError, PolicyRefused, Problem, nearest
from policies.language.generate import predicate
from policies.language.literals import Listed, Terms
from policies.language.parser import NODES_MAX, parse
from policies.language.typed import Constant, Expr, windows_of
from policies.language.types import BOOL, SCHEMA, Fact, Kind

Result = TypeVar("Result")

Row: TypeAlias = Mapping[str, Constant | Listed]

SUMMED = (Kind.MONEY,)
TOLD_APART = (Kind.TEXT, Kind.CODE, Kind.ENUM)

_FALSE = Constant(False, BOOL)


def compile_policy(policy: Policy, codes: Mapping[str, CodeList]) -> tuple[Unit, ...]:
    """The policy's units in order of days. Raises PolicyRefused with every problem."""
    return finished(compiling(policy, codes))


def compiling(
    policy: Policy, codes: Mapping[str, CodeList]
) -> Generator[None, None, tuple[Unit, ...]]:
    """The same, pausing after each clause and cause: a long table takes many milliseconds."""
    units = []
    problems: dict[Problem, None] = dict.fromkeys(unknown_funds(policy, codes))
    for first, last in _stretches(policy):
        compiler = _Compiler(policy, codes, first, last)
        units.append((yield from compiler.unit()))
        problems.update(dict.fromkeys(compiler.problems))
    if problems:
        raise PolicyRefused(problems)
    return tuple(units)


def _stretches(policy: Policy) -> list[tuple[dt.date, dt.date | None]]:
    """The policy's days cut at every day on which a parameter changes."""
    begin, end = policy.effective.first, policy.effective.last
    days = {begin} | {day for p in policy.params.values() for day, _ in p.values if day > begin}
    cuts = sorted(day for day in days if end is None or day <= end)
    lasts = [day - dt.timedelta(days=1) for day in cuts[1:]]
    return list(zip(cuts, [*lasts, end], strict=True))


class _Compiler:
    """Compiles one policy for one stretch; gathers problems instead of stopping at the first."""

    def __init__(
        self, policy: Policy, codes: Mapping[str, CodeList], first: dt.date, last: dt.date | None
    ) -> None:
        self._policy = policy
        self._first, self._last = first, last
        self._params = _params_on(policy, first)
        self._terms = Terms(
            facts=SCHEMA,
            params=self._params,
            lists=policy.lists,
            codes=codes,
            first_year=first.year,
            last_year=last.year if last else YEAR_MAX,
        )
        self._bare = self._terms
        windows = {rule.name: window_term(policy, rule) for rule in policy.windows}
        self._terms = attrs.evolve(self._bare, windows=windows)
        self._nodes = 0
        self.problems: list[Problem] = []

    def unit(self) -> Generator[None, None, Unit]:
        policy = self._policy
        present = NOTHING
        clauses = []
        for name, text in policy.when:
            checked = self._clause(text, f"{policy.place}.when.{name}", present)
            present |= checked.if_true
            clauses.append(Clause(name=name, text=text, expr=checked.expr))
            yield
        causes, present = yield from self._causes(present)
        exceptions = tuple(self._exception(unless, present) for unless in policy.unless)
        yield
        condition = condition_of(clauses, causes, exceptions)
        unit = Unit(
            policy=policy,
            first=self._first,
            last=self._last,
            clauses=tuple(clauses),
            causes=causes,
            exceptions=exceptions,
            reason=self._sentence(policy.reason, f"{policy.place}.reason"),
            remedy=self._sentence(policy.remedy, f"{policy.place}.remedy"),
            remarks=tuple(self._remark(remark, present) for remark in policy.remarks),
            windows=(),
            condition=condition,
            registers=registers_of(clauses, causes, exceptions),
            predicate=predicate(condition),
        )
        yield
        if not self.problems:
            for problem in dead(unit):
                if problem is not None:
                    self.problems.append(problem)
                yield
        windows = tuple(self._window(rule, unit) for rule in policy.windows)
        return attrs.evolve(unit, windows=windows)

    def _window(self, rule: WindowRule, unit: Unit) -> UnitWindow:
        """The window for this unit, which is compiled but for its windows."""
        where = self._clause(rule.where, f"{rule.place}.where", NOTHING, self._bare)
        id = self._terms.windows[rule.name].id
        of = self._summed(rule, where.if_true) if rule.of else None
        if not (id in windows_said(unit) or id in windows_of(unit.condition)) and not self.problems:
            self._wrong(rule.place, "没有条款用到这个窗口", "no clause or sentence uses it")
        return UnitWindow(
            id=id,
            measure=rule.measure,
            key=tuple(f for f in (self._fact(n, f"{rule.place}.key") for n in rule.key) if f),
            of=of,
            days=rule.days,
            counts=rule.counts,
            where=where.expr,
            asked=asked_when(id, unit),
        )

    def _summed(self, rule: WindowRule, present: frozenset[str]) -> Fact | None:
        """The fact summed or told apart: money, or text; never one that may be absent."""
        place = f"{rule.place}.of"
        fact = self._fact(rule.of, place)
        kinds = SUMMED if rule.measure in (Measure.SUM, Measure.MAX) else TOLD_APART
        if fact and fact.type.kind not in kinds:
            zh, en = fact.type.spoken()
            self._wrong(place, f"{rule.measure} 不能用于{zh}", f"{rule.measure} takes no {en}")
        if fact and fact.optional and fact.name not in present:
            name = fact.name
            self._wrong(place, f"where 中须先写 has({name})", f"where must ask has({name})")
        return fact

    def _fact(self, name: str, place: str) -> Fact | None:
        if name not in SCHEMA:
            zh, en = nearest(name, SCHEMA)
            self._wrong(place, f"没有事实 {name}{zh}", f"no fact {name}{en}")
        elif SCHEMA[name].type.kind is Kind.SET:
            self._wrong(place, f"{name} 是集合", f"{name} is a set")
        return SCHEMA.get(name)

    def _wrong(self, place: str, zh: str, en: str) -> None:
        self.problems.append(Problem(place=place, column=0, zh=zh, en=en))

    def _causes(
        self, present: frozenset[str]
    ) -> Generator[None, None, tuple[tuple[Reason, ...], frozenset[str]]]:
        """The causes; and what is present whichever of them it was."""
        found: list[Reason] = []
        common: frozenset[str] | None = None
        for cause in self._policy.causes:
            terms = attrs.evolve(self._terms, row=cause.row)
            checked = self._clause(cause.when, f"{cause.place}.when", present, terms)
            common = checked.if_true if common is None else common & checked.if_true
            found.append(self._reason(cause, checked.expr))
            yield
        return tuple(found), present | (common or NOTHING)

    def _reason(self, cause: Cause, expr: Expr) -> Reason:
        return Reason(
            id=cause.id,
            article=cause.article,
            text=cause.when,
            expr=expr,
            action=cause.action,
            sentence=self._sentence(cause.wording, cause.place, cause.row, words_of(expr)),
        )

    def _exception(self, unless: Unless, present: frozenset[str]) -> ExceptionRule:
        place = unless.place
        none = read_papers("", Evidence)
        evidence, approvals = unless.evidence, unless.approvals
        return ExceptionRule(
            id=unless.id,
            article=unless.article,
            title=unless.title,
            text=unless.when,
            expr=self._clause(unless.when, f"{place}.when", present).expr,
            evidence=self._try(lambda: read_papers(evidence, Evidence), f"{place}.evidence", none),
            approvals=self._try(
                lambda: read_papers(approvals, ApprovalKind), f"{place}.approvals", none
            ),
        )

    def _remark(self, remark: Remark, present: frozenset[str]) -> RemarkRule:
        place, remedy = remark.place, remark.remedy
        return RemarkRule(
            expr=self._clause(remark.when, f"{place}.when", present, self._bare).expr,
            reason=self._sentence(remark.reason, f"{place}.reason"),
            remedy=self._sentence(remedy, f"{place}.remedy") if remedy else None,
        )

    def _clause(
        self, text: str, place: str, present: frozenset[str], terms: Terms | None = None
    ) -> Checked:
        def checked() -> Checked:
            node, nodes = parse(text)
            self._nodes += nodes
            if self._nodes > NODES_MAX:
                raise ClauseError(1, f"规则超过 {NODES_MAX} 个节点", f"over {NODES_MAX} nodes")
            return check(node, terms or self._terms, present)

        return self._try(checked, place, Checked(_FALSE, if_true=frozenset(SCHEMA)))

    def _sentence(
        self, wording: Wording, place: str, row: Row | None = None, words: Words | None = None
    ) -> Sentence:
        places = Places(
            params=self._params,
            row=row or {},
            windows=self._terms.windows,
            causes=bool(self._policy.causes) and row is None,
            words=words,
        )
        return Sentence(
            zh=self._template(wording.zh, f"{place}.zh", attrs.evolve(places, english=False)),
            en=self._template(wording.en, f"{place}.en", attrs.evolve(places, english=True)),
        )

    def _template(self, text: str, place: str, places: Places) -> Template:
        return self._try(lambda: template(text, places), place, template("", places))

    def _try(self, make: Callable[[], Result], place: str, instead: Result) -> Result:
        try:
            return make()
        except ClauseError as error:
            self.problems.append(error.at(place))
            return instead


def _params_on(policy: Policy, day: dt.date) -> dict[str, Constant | Listed]:
    """Each parameter's value on that day: the last one that began on or before it."""
    found: dict[str, Constant | Listed] = {}
    for name, param in policy.params.items():
        for first, value in param.values:
            if first <= day or name not in found:
                found[name] = value
    return found

"""The back-test: a new book beside the old one over stored instructions, in time order."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import attrs

from gateway.domain.decision import SEVERITY, Action, Finding, Outcome
from gateway.domain.facts import Facts, changed
from gateway.domain.windows import WindowAsk
from policies.book.book import SELECTIONS_MAX, Book, Key, Selection, key_of
from policies.book.resolve import Serving
from policies.book.wanted import asks_of, shares_of
from policies.language.generate import Group, group
from policies.replay.halves import halves
from policies.replay.memory import WindowMemory
from policies.replay.report import Change, Report, Sample, Tally
from policies.replay.stored import Stored
from policies.replay.whole import judged

_OUTCOMES = (Outcome.PASS, Outcome.PASS, Outcome.HOLD, Outcome.BLOCK)
"""By severity."""
_HOLD = SEVERITY[Action.HOLD]


def backtest(old: Book, new: Book, rows: Iterable[Stored]) -> Report:
    """What would have come out otherwise. Rows come in the order in which they were decided."""
    run = Backtest(old, new)
    for row in rows:
        run.replay(row)
    return run.report


@attrs.define
class _Side:
    """One book: what it alone has, and its own past."""

    whole: Book
    half: Book
    memory: WindowMemory = attrs.field(factory=WindowMemory)


@attrs.frozen
class _Bench:
    """The policies of all parts that judge one division, voucher type, method, fund and day."""

    shared: Selection
    windowed: Selection
    old: Selection
    new: Selection
    old_covers: bool
    """Whether any policy of the whole old book is in force there."""
    new_covers: bool
    covered: bool
    counting: tuple[Selection, ...]
    """Those with windows: what may count an instruction."""
    askers: tuple[Group, ...]
    """Of all that differs or looks back: if none of them says anything, both books say the same."""


class Backtest:
    """The same, row by row as they come."""

    def __init__(self, old: Book, new: Book) -> None:
        parts = halves(old, new)
        self._shared, self._windowed = parts.shared, parts.windowed
        self._old = _Side(old, parts.old)
        self._new = _Side(new, parts.new)
        self._benches: dict[Key, _Bench] = {}
        self._watchers: dict[int, Group] = {}
        self.report = Report()

    def replay(self, row: Stored) -> None:
        facts = row.facts
        self.report.instructions += 1
        if row.details:
            self._replay_details(row)
            return
        bench = self._benches.get(key_of(facts)) or self._bench(facts)
        if not facts.unavailable and bench.covered:
            for ask in bench.askers:
                if ask(facts):
                    break
            else:
                return
        asks = asks_of(bench.windowed.windowed, facts) if bench.windowed.windowed else ()
        facts_old, old = self._judged(self._old, bench, bench.old, asks, facts)
        facts_new, new = self._judged(self._new, bench, bench.new, asks, facts)
        counts = False
        for selection in bench.counting:
            if shares_of(selection.windowed, facts, Outcome.PASS):
                counts = True
                break
        if old == new and not counts and bench.covered:
            return
        common = self._common(bench, facts, looked_back=bool(asks))
        before = _outcome(common, old, bench.old_covers)
        after = _outcome(common, new, bench.new_covers)
        if before is not after:
            self._note(row, before, after, (old, new), (facts_old, facts_new))
        if counts and row.taken:
            _remember(self._old, (bench.windowed, bench.old), facts_old, before)
            _remember(self._new, (bench.windowed, bench.new), facts_new, after)

    def _replay_details(self, row: Stored) -> None:
        """Details need both whole books: what fires on one of them fires on the voucher."""
        old = judged(self._old.whole, self._old.memory, row)
        new = judged(self._new.whole, self._new.memory, row)
        self._old.memory.add(old.shares)
        self._new.memory.add(new.shares)
        if old.outcome is not new.outcome:
            was, now = old.actions, new.actions
            policies = sorted(id for id in {*was, *now} if was.get(id) != now.get(id))
            milder = SEVERITY_OF[new.outcome] < SEVERITY_OF[old.outcome]
            tally = self._tally(row, Change(before=old.outcome, after=new.outcome), policies)
            if tally.wants_sample:
                said = (old if milder else new).findings
                tally.sample(_sample(row, policies, _reason(said, policies)))

    def _tally(self, row: Stored, change: Change, policies: Sequence[str]) -> Tally:
        return self.report.note(change, row.facts.agency_code, row.facts.amount, policies)

    def _judged(
        self, side: _Side, bench: _Bench, own: Selection, asks: tuple[WindowAsk, ...], facts: Facts
    ) -> tuple[Facts, dict[str, Action]]:
        """The facts with this book's past, and what it finds beside what both find alike."""
        own_asks = asks_of(own.windowed, facts) if own.windowed else ()
        if asks or own_asks:
            facts = changed(facts, windows=side.memory.values((*asks, *own_asks)))
        found = side.half.actions(facts, own) if own.serving else {}
        if asks:
            found |= self._windowed.actions(facts, bench.windowed)
        return facts, found

    def _common(self, bench: _Bench, facts: Facts, *, looked_back: bool) -> int:
        """The severity of what both books find alike."""
        found = self._shared.actions(facts, bench.shared)
        if not looked_back:
            found |= self._windowed.actions(facts, bench.windowed)
        return max((SEVERITY[action] for action in found.values()), default=0)

    def _bench(self, facts: Facts) -> _Bench:
        windowed = self._windowed.selected(facts)
        old, new = self._old.half.selected(facts), self._new.half.selected(facts)
        old_covers = bool(self._old.whole.selected(facts).serving)
        new_covers = bool(self._new.whole.selected(facts).serving)
        bench = _Bench(
            shared=self._shared.selected(facts), windowed=windowed, old=old, new=new,
            old_covers=old_covers, new_covers=new_covers, covered=old_covers and new_covers,
            counting=tuple(each for each in (windowed, old, new) if each.windowed),
            askers=tuple(self._askers(windowed, old, new)),
        )  # fmt: skip
        if len(self._benches) >= SELECTIONS_MAX:
            self._benches.clear()
        self._benches[key_of(facts)] = bench
        return bench

    def _askers(self, windowed: Selection, *differing: Selection) -> Iterator[Group]:
        """The cheap ones first: most instructions that are not quiet share in a window."""
        for selection in (windowed, *differing):
            yield from map(self._watcher, selection.windowed)
        for selection in differing:
            yield from (serving.group.run for serving in selection.serving)

    def _watcher(self, serving: Serving) -> Group:
        """Whether any window is asked for or shared in, as one function."""
        at = id(serving.group)
        if at not in self._watchers:
            windows = [window for _, window in serving.group.windows]
            self._watchers[at] = group([expr for w in windows for expr in (w.where, w.asked)])
        return self._watchers[at]

    def _note(
        self, row: Stored, before: Outcome, after: Outcome,
        actions: tuple[Mapping[str, Action], Mapping[str, Action]], facts: tuple[Facts, Facts],
    ) -> None:  # fmt: skip
        old, new = actions
        policies = sorted(id for id in {*old, *new} if old.get(id) != new.get(id))
        change = Change(before=before, after=after)
        tally = self._tally(row, change, policies)
        if tally.wants_sample:
            milder = SEVERITY_OF[after] < SEVERITY_OF[before]
            side, own = (self._old, facts[0]) if milder else (self._new, facts[1])
            found = side.whole.decide(own)
            tally.sample(_sample(row, policies, _reason(found, policies)))


def _remember(side: _Side, selections: Iterable[Selection], facts: Facts, outcome: Outcome) -> None:
    for selection in selections:
        side.memory.add(shares_of(selection.windowed, facts, outcome))


SEVERITY_OF = {Outcome.PASS: 0, Outcome.HOLD: 1, Outcome.BLOCK: 2}


def _outcome(common: int, found: Mapping[str, Action], covered: bool) -> Outcome:
    """Where no policy is in force at all, the book holds."""
    own = max((SEVERITY[action] for action in found.values()), default=0)
    return _OUTCOMES[max(common, own, 0 if covered else _HOLD)]


def _sample(row: Stored, policies: Sequence[str], reason: str) -> Sample:
    facts = row.facts
    return Sample(
        id=row.id, agency=facts.agency_code, amount_fen=facts.amount, day=facts.on.isoformat(),
        policies=tuple(policies), reason_zh=reason,
    )  # fmt: skip


def _reason(found: Iterable[Finding], policies: Iterable[str]) -> str:
    """The old book's words for what is released, the new one's for what is newly refused."""
    wanted = frozenset(policies)
    return next((f.reason_zh for f in found if f.policy in wanted), "")

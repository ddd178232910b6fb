"""Decides whether a signed book may follow the one in force; if it may not, the old one stays."""

import datetime as dt
from collections.abc import Callable, Collection, Generator, Mapping, Sequence

import attrs

from gateway.domain.decision import SEVERITY, Action
from gateway.domain.facts import Facts, changed
from gateway.domain.legal_day import legal_day
from policies.book.book import Book
from policies.book.bundle import Bundle, BundleRefused, proven
from policies.book.cases import CASES
from policies.book.document import Policy
from policies.book.unit import UnitWindow
from policies.language.codelist import CodeList, codes_digest
from policies.language.types import schema_digest

Building = Callable[[Mapping[str, str], Mapping[str, CodeList]], Generator[None, None, Book]]
"""policies.book.load.building: reads, checks, compiles and tests, or raises PolicyRefused."""


@attrs.frozen(kw_only=True)
class Golden:
    """An instruction that no book may ever let through."""

    name: str
    facts: Facts
    least: Action
    """The mildest answer it may get."""


@attrs.frozen(kw_only=True)
class Successor:
    """A book that may take effect, from its moment on."""

    bundle: Bundle
    book: Book

    def due(self, now: dt.datetime) -> bool:
        return now >= self.bundle.not_before


@attrs.frozen(kw_only=True)
class Court:
    """What a bundle is judged by; none of it comes with the bundle."""

    verify: Callable[[bytes, str], str]
    officers: Collection[str]
    codes: Mapping[str, CodeList]
    golden: Sequence[Golden]
    building: Building


def succeed(
    sealed: bytes, court: Court, bundle: Bundle | None, book: Book | None
) -> Generator[None, None, Successor]:
    """Prove, follow, build, test: in steps. Raises BundleRefused or PolicyRefused.

    `bundle` and `book` are those in force; None where no signed book ever was.
    """
    found = proven(sealed, court.verify, court.officers)
    _check_order(found, bundle)
    _check_terms(found, court.codes)
    yield
    built = yield from court.building(found.policies, court.codes)
    yield from checking_answers(built, court.golden, legal_day(found.not_before))
    if book is not None:
        _check_windows(book, built)
        check_revisions(book, built)
    return Successor(bundle=found, book=built)


def _check_order(found: Bundle, before: Bundle | None) -> None:
    if before is None:
        if found.previous:
            raise BundleRefused("缺少它之前的规则簿", "the book before it is not here")
        return
    if found.revision <= before.revision:
        raise BundleRefused(
            f"版本 {found.revision} 不高于现行 {before.revision}",
            f"revision {found.revision} does not follow {before.revision}",
        )
    if found.previous != before.digest:
        raise BundleRefused("不是接着现行规则簿写的", "it was not written after the one in force")


def _check_terms(found: Bundle, codes: Mapping[str, CodeList]) -> None:
    if found.schema != schema_digest():
        raise BundleRefused("事实表与本程序不符", "its facts are not this program's")
    if found.codes != codes_digest(codes):
        raise BundleRefused("代码表与本程序不符", "its code lists are not this program's")


def checking_answers(
    book: Book, golden: Sequence[Golden], day: dt.date
) -> Generator[None, None, None]:
    """Some lawful payment passes, every golden case is stopped: on its first day, and on each later
    one on which its law changes; a day at a step. Raises BundleRefused."""
    for turn in _turns(book, day):
        yield
        since = "" if turn == day else f"（{turn.isoformat()} 起）"
        lawful = [_on(Facts(**values), turn) for values in CASES.values()]
        if all(_worst(book, facts) >= SEVERITY[Action.HOLD] for facts in lawful):
            raise BundleRefused(
                f"没有一笔合规支付能够放行{since}", f"it lets no lawful payment pass on {turn}"
            )
        let_through = [
            one.name for one in golden if _worst(book, _on(one.facts, turn)) < SEVERITY[one.least]
        ]
        if let_through:
            names = "、".join(let_through)
            raise BundleRefused(
                f"不再拦住：{names}{since}", f"it no longer stops on {turn}: {names}"
            )


def _turns(book: Book, day: dt.date) -> list[dt.date]:
    """Its first day, and those later on which a policy begins, ends or has other parameters."""
    ends = {unit.last for unit in book.units if unit.last and unit.last < dt.date.max}
    turns = {unit.first for unit in book.units} | {each + dt.timedelta(days=1) for each in ends}
    return [day, *sorted(each for each in turns if each > day)]


def _on(facts: Facts, day: dt.date) -> Facts:
    """The same instruction on that day, of its year: what is of another year is no lawful one."""
    on = max(day, facts.on)
    return changed(facts, on=on, fiscal_year=on.year, year=on.year, month=on.month)


def _worst(book: Book, facts: Facts) -> int:
    return max((SEVERITY[f.action] for f in book.decide(facts)), default=-1)


def check_revisions(before: Book, after: Book) -> None:
    """What a policy's number and revision name never changes: records, releases and the breaker
    go by them (decision 0146). Raises BundleRefused."""
    old = _policies(before)
    for place, policy in _policies(after).items():
        was = old.get(place)
        if was is not None and unmoved(was, policy):
            raise BundleRefused(
                f"{policy.id} 内容有变，修订号 {policy.revision} 不高于现行的 {was.revision}",
                f"{policy.id} changed, and its revision {policy.revision} is not above the"
                f" {was.revision} in force",
            )


def unmoved(was: Policy, policy: Policy) -> bool:
    """Whether it changed under a revision that was used before."""
    return was.content != policy.content and policy.revision <= was.revision


def _policies(book: Book) -> dict[tuple[str, str], Policy]:
    return {(u.policy.id, u.policy.scope.division): u.policy for u in book.units}


def _check_windows(before: Book, after: Book) -> None:
    """A window that counts something else has another name: what is stored counts for the old."""
    old = _windows(before)
    for id, meanings in _windows(after).items():
        if old.get(id, meanings) != meanings:
            raise BundleRefused(
                f"窗口 {id} 的含义变了，请改名", f"window {id} means something else: rename it"
            )


def _windows(book: Book) -> dict[str, set[tuple[object, ...]]]:
    found: dict[str, set[tuple[object, ...]]] = {}
    for unit in book.units:
        for window in unit.windows:
            found.setdefault(window.id, set()).add(_meaning(window))
    return found


def _meaning(window: UnitWindow) -> tuple[object, ...]:
    of = window.of.name if window.of else ""
    return (window.measure, tuple(f.name for f in window.key), of, window.counts, window.where)

"""What the checker says of a changed policy: its mistakes, its tests that come out otherwise now,
and what changes for the payments that everybody knows.
"""

from collections.abc import Mapping, Sequence

import attrs

from bureau.desk.policies.words import papers_zh, read_out
from gateway.domain.facts import Facts
from policies.book.book import Book
from policies.book.compile import compile_policy
from policies.book.document import Policy, Test
from policies.book.load import load_codes, load_golden
from policies.book.prove import VERDICTS_ZH, Came, outcomes, place_of, prove
from policies.book.read import read_policy
from policies.book.steps import finished
from policies.book.succession import unmoved
from policies.book.unit import Unit
from policies.form.words import changed
from policies.language.errors import PolicyRefused, Problem
from policies.replay.compare import Difference, compare


@attrs.frozen(kw_only=True)
class Failing:
    """A test of the document that no longer comes to what it says."""

    name: str
    words: str
    """What changed, Chinese."""
    place: str
    came: Came


@attrs.frozen(kw_only=True)
class Checked:
    """What the checker says of a document."""

    problems: tuple[Problem, ...]
    failing: tuple[Failing, ...] = ()
    retold: tuple[tuple[str, str, str], ...] = ()
    """(test, before, after): tests that expect something else than they did."""
    differences: tuple[Difference, ...] = ()
    """From the document that stands, in words; what may loosen first."""
    flipped: tuple[tuple[str, str, str], ...] = ()
    """(golden instruction, before, after) where the answer of this policy changes."""
    read_out: tuple[tuple[str, str, str], ...] = ()
    """(place, before, after) in words, of every clause that reads otherwise."""
    unmoved: bool = False
    """It changed under a revision that was used before: no gateway takes that (decision 0146)."""

    @property
    def passed(self) -> bool:
        return not self.problems and not self.failing


def checked_of(policy: Policy, text: str) -> Checked:
    """Of a document in the place of a policy that stands. Takes a second; never raises."""
    try:
        new = read_policy(text, policy.place)
        units = compile_policy(new, load_codes())
    except PolicyRefused as refused:
        return Checked(problems=tuple(refused.problems))
    failing = _failing(policy, new, units)
    told = {each.place for each in failing}
    problems = [p for p in finished(prove(new, units, load_codes())) if p.place not in told]
    if new.id != policy.id:
        problems.append(
            Problem(place=policy.place, column=0, zh="规则编号不可更改", en="the id stays")
        )
    found = compare([policy], [new])
    return Checked(
        problems=tuple(problems),
        failing=failing,
        retold=_retold(policy, new),
        differences=tuple(sorted(found, key=lambda each: not each.looser)),
        flipped=_flipped(policy, new) if not problems else (),
        read_out=changed(read_out(policy), read_out(new)),
        unmoved=unmoved(policy, new),
    )


def _failing(old: Policy, new: Policy, units: Sequence[Unit]) -> tuple[Failing, ...]:
    """Each test that no longer comes to what it says, in one line: before the change and after."""
    here = outcomes(new, units, load_codes())
    try:
        unchanged = attrs.evolve(old, tests=new.tests)
        before = outcomes(unchanged, compile_policy(unchanged, load_codes()), load_codes())
    except PolicyRefused:  # a test that the old document cannot be asked
        before = {}
    titles = {each.id: each.title.zh for each in (*old.unless, *new.unless)}
    found = []
    for test in new.tests:
        came = here.get(test.place)
        if came is None or _as_said(test, came):
            continue
        was = before.get(test.place)
        words = _change(was, came, titles) if was else _change(_said(test), came, titles, "应为")
        found.append(Failing(name=test.name, words=words, place=place_of(test), came=came))
    return tuple(found)


def _said(test: Test) -> Came:
    return Came(
        outcome=test.outcome, exception=test.exception, missing=test.missing, reason_zh=""
    )  # fmt: skip


def _as_said(test: Test, came: Came) -> bool:
    return (test.outcome, test.exception, sorted(test.missing)) == (
        came.outcome, came.exception, sorted(came.missing)
    )  # fmt: skip


def _change(was: Came, came: Came, titles: Mapping[str, str], first: str = "改前") -> str:
    """`改前 拦截，改后 放行`, and what else is otherwise."""
    told = [f"{first} {VERDICTS_ZH[was.outcome]}，改后 {VERDICTS_ZH[came.outcome]}"]
    if was.exception != came.exception:
        names = [titles.get(one, one) or "无" for one in (was.exception, came.exception)]
        told.append(f"例外 {names[0]} → {names[1]}")
    if sorted(was.missing) != sorted(came.missing):
        papers = [
            papers_zh(" & ".join(one.missing)) if one.missing else "无" for one in (was, came)
        ]
        told.append(f"应补材料 {papers[0]} → {papers[1]}")
    return "；".join(told)


def _retold(old: Policy, new: Policy) -> tuple[tuple[str, str, str], ...]:
    before = {test.name: test for test in old.tests}
    return tuple(
        (test.name, _verdict(before[test.name]), _verdict(test))
        for test in new.tests
        if test.name in before and not _as_said(before[test.name], _said(test))
    )


def _verdict(test: Test) -> str:
    missing = papers_zh(" & ".join(test.missing)) if test.missing else ""
    return VERDICTS_ZH[test.outcome] + (f"（应补 {missing}）" if missing else "")


def _flipped(old: Policy, new: Policy) -> tuple[tuple[str, str, str], ...]:
    """The golden instructions on which this policy now answers otherwise."""
    books = [book_of(each) for each in (old, new)]
    found = []
    for golden in load_golden():
        before, after = (_outcome(book, golden.facts) for book in books)
        if before != after:
            found.append((golden.name, before, after))
    return tuple(found)


def book_of(policy: Policy) -> Book:
    """A book of this policy alone. Raises PolicyRefused."""
    return Book(compile_policy(policy, load_codes()), load_codes(), "draft")


def _outcome(book: Book, facts: Facts) -> str:
    found = book.decide(facts)
    return found[0].action.value if found else "none"

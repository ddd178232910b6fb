"""Runs every embedded test of a policy, and refuses a policy whose tests leave something out."""

from collections.abc import Generator, Iterable, Mapping, Sequence

from gateway.domain.decision import Finding
from gateway.domain.facts import Facts
from policies.book.book import Book
from policies.book.cases import case
from policies.book.document import Expected, Policy, Test
from policies.book.finding import BOOK_ID
from policies.book.judge import Judgement, judge
from policies.book.outlook import window_term
from policies.book.resolve import applies, level
from policies.book.unit import Reason, Unit
from policies.language.codelist import CodeList
from policies.language.errors import Problem
from policies.language.interpret import Truth


def prove(
    policy: Policy, units: Sequence[Unit], codes: Mapping[str, CodeList]
) -> Generator[None, None, list[Problem]]:
    """Problems of the policy's tests: those that fail, and those that are not there.

    A generator that pauses after each test; what it returns are the problems.
    """
    problems: list[Problem] = []
    book = yield from Book.building(units, codes, "")
    windows = {rule.name: window_term(policy, rule) for rule in policy.windows}
    shown: set[str] = set()
    for test in policy.tests:
        yield
        facts = case(test, level(policy.scope.division), problems, windows)
        if facts is not None:
            judgement = _judgement(policy, book, facts)
            problems += _run(test, book.decide(facts), judgement)
            shown.update(c.id for c, found in _causes(judgement) if found is True)
    return problems + list(_gaps(policy, shown))


def _run(test: Test, findings: Sequence[Finding], judgement: Judgement | None) -> Iterable[Problem]:
    finding = next((f for f in findings if f.policy != BOOK_ID), None)
    if judgement is not None and any(f.policy == BOOK_ID for f in findings):
        yield _failed(test, "规则簿执行出错", "the book failed")
    outcome = finding.action.value if finding else Expected.NONE.value
    if outcome != test.outcome:
        reason = f"：{finding.reason_zh}" if finding else ""
        yield _failed(test, f"应为 {test.outcome}，实为 {outcome}{reason}", f"got {outcome}")
    elif judgement is not None and (judgement.fired is False) != (finding is None):
        yield _failed(test, "两种执行结果不一致", "generated code and interpreter differ")
    exception = _exception(finding, judgement)
    if exception != test.exception:
        yield _failed(test, f"例外应为“{test.exception}”，实为“{exception}”", f"got {exception!r}")
    missing = tuple(m.kind for m in finding.missing) if finding else ()
    if sorted(missing) != sorted(test.missing):
        shown = ", ".join(missing)
        yield _failed(test, f"缺少的材料实为“{shown}”", f"the missing papers are {shown!r}")


def _judgement(policy: Policy, book: Book, facts: Facts) -> Judgement | None:
    """The interpreter's own reading; None where the policy does not apply."""
    scope = policy.scope
    for unit in book.units:
        if unit.in_force(facts.on) and applies(
            scope, facts.division, facts.voucher_type, facts.payment_method, facts.fund_code
        ):
            return judge(unit, facts)
    return None


def _exception(finding: Finding | None, judgement: Judgement | None) -> str:
    """The exception that nearly fitted, or that excused."""
    if finding is not None:
        return finding.exception.id if finding.exception else ""
    return judgement.held if judgement else ""


def _causes(judgement: Judgement | None) -> Sequence[tuple[Reason, Truth]]:
    return judgement.causes if judgement else ()


def _gaps(policy: Policy, shown: set[str]) -> Iterable[Problem]:
    """What the tests must show: firing, passing, each exception, each missing paper, each cause."""
    tests = policy.tests
    if not any(t.outcome is not Expected.NONE and not t.unavailable for t in tests):
        yield _gap(policy, "触发规则的测试", "a test in which it fires")
    if not any(t.outcome is Expected.NONE and not t.exception for t in tests):
        yield _gap(policy, "不触发规则的测试", "a test in which it does not fire")
    for cause in policy.causes:
        if cause.id not in shown:
            yield _gap(policy, f"情形 {cause.id} 的测试", f"a test that shows cause {cause.id}")
    for unless in policy.unless:
        own = [t for t in tests if t.exception == unless.id]
        if not any(t.outcome is Expected.NONE for t in own):
            yield _gap(policy, f"例外 {unless.id} 成立的测试", f"a test where {unless.id} holds")
        missing = {kind for t in own for kind in t.missing}
        for paper in _papers(unless.evidence) + _papers(unless.approvals):
            if paper not in missing:
                yield _gap(
                    policy,
                    f"例外 {unless.id} 缺少 {paper} 的测试",
                    f"a test where {unless.id} lacks {paper}",
                )


def _papers(text: str) -> list[str]:
    return [p.strip() for p in text.replace("|", "&").split("&") if p.strip()]


def _failed(test: Test, zh: str, en: str) -> Problem:
    return Problem(place=f"{test.place}（{test.name}）", column=0, zh=zh, en=en)


def _gap(policy: Policy, zh: str, en: str) -> Problem:
    return Problem(place=f"{policy.place}.test", column=0, zh=f"缺少{zh}", en=f"needs {en}")

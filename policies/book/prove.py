"""Runs every embedded test of a policy, and refuses a policy whose tests leave something out."""

from collections.abc import Generator, Iterable, Mapping, Sequence

import attrs

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

VERDICTS_ZH = {
    Expected.NONE: "放行", Expected.RECORD: "记录", Expected.WARN: "提示", Expected.HOLD: "挂起",
    Expected.BLOCK: "拦截",
}  # fmt: skip


@attrs.frozen(kw_only=True)
class Came:
    """What a test came to."""

    outcome: Expected
    exception: str
    missing: tuple[str, ...]
    reason_zh: str


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


def outcomes(
    policy: Policy, units: Sequence[Unit], codes: Mapping[str, CodeList]
) -> dict[str, Came]:
    """What each test of the policy comes to, by its place; without those that cannot be made."""
    book = Book(units, codes, "")
    windows = {rule.name: window_term(policy, rule) for rule in policy.windows}
    found = {}
    for test in policy.tests:
        facts = case(test, level(policy.scope.division), [], windows)
        if facts is not None:
            found[test.place] = _came(book.decide(facts), _judgement(policy, book, facts))
    return found


def place_of(test: Test) -> str:
    """Where a test that fails is told."""
    return f"{test.place}（{test.name}）"


def _came(findings: Sequence[Finding], judgement: Judgement | None) -> Came:
    finding = next((f for f in findings if f.policy != BOOK_ID), None)
    return Came(
        outcome=Expected(finding.action.value) if finding else Expected.NONE,
        exception=_exception(finding, judgement),
        missing=tuple(m.kind for m in finding.missing) if finding else (),
        reason_zh=finding.reason_zh if finding else "",
    )


def _run(test: Test, findings: Sequence[Finding], judgement: Judgement | None) -> Iterable[Problem]:
    """One problem at most: all that is otherwise in one line."""
    came = _came(findings, judgement)
    told = list(_otherwise(test, came))
    if judgement is not None and any(f.policy == BOOK_ID for f in findings):
        told.append(("规则簿执行出错", "the book failed"))
    elif judgement is not None and _differ(test, came, judgement):
        told.append(("两种执行结果不一致", "generated code and interpreter differ"))
    if told:
        zh, en = zip(*told, strict=True)
        yield Problem(place=place_of(test), column=0, zh="；".join(zh), en="; ".join(en))


def _differ(test: Test, came: Came, judgement: Judgement) -> bool:
    fired = judgement.fired is not False
    return came.outcome == test.outcome and fired is (came.outcome is Expected.NONE)


def _otherwise(test: Test, came: Came) -> Iterable[tuple[str, str]]:
    """Chinese and English of each thing that the test expects and did not get."""
    if came.outcome != test.outcome:
        reason = f"（{came.reason_zh}）" if came.reason_zh else ""
        zh = f"应为{VERDICTS_ZH[test.outcome]}，实为{VERDICTS_ZH[came.outcome]}{reason}"
        yield zh, f"got {came.outcome}"
    if came.exception != test.exception:
        zh = f"例外应为{test.exception or '无'}，实为{came.exception or '无'}"
        yield zh, f"got {came.exception!r}"
    if sorted(came.missing) != sorted(test.missing):
        shown = ", ".join(came.missing)
        yield f"缺少的材料实为{shown or '无'}", f"the missing papers are {shown!r}"


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


def _gap(policy: Policy, zh: str, en: str) -> Problem:
    return Problem(place=f"{policy.place}.test", column=0, zh=f"缺少{zh}", en=f"needs {en}")

"""Reads the windows of a policy: `[window.NAME]` {key, where, measure, of, days, counts}."""

from gateway.domain.decision import Outcome
from gateway.domain.windows import Measure
from policies.book.document import WindowRule
from policies.book.reader import NAME, Table

DAYS_MAX = 366
"""The ledger keeps what windows rest on for as long."""

_COUNTABLE = ((Outcome.PASS,), (Outcome.PASS, Outcome.HOLD))


def windows_of(table: Table) -> tuple[WindowRule, ...]:
    return tuple(_window(name, table.table(name)) for name, _ in table.entries())


def _window(name: str, table: Table) -> WindowRule:
    if not NAME.fullmatch(name):
        table.wrong("", "窗口名称用小写字母和下划线", "a window is named in lower_case")
    measure = table.option("measure", Measure)
    rule = WindowRule(
        name=name,
        key=table.texts("key"),
        where=table.text("where"),
        measure=measure,
        of=table.text("of", optional=measure is Measure.COUNT),
        days=table.whole("days", least=1),
        counts=_counts(table),
        place=table.place,
    )
    if not rule.key:
        table.wrong("key", "至少要有一个事实", "names no fact")
    if measure is Measure.COUNT and rule.of:
        table.wrong("of", "计数不写 of", "a count has no 'of'")
    if rule.days > DAYS_MAX:
        table.wrong("days", f"不能超过 {DAYS_MAX} 天", f"is more than {DAYS_MAX} days")
    table.done()
    return rule


def _counts(table: Table) -> tuple[Outcome, ...]:
    written = table.texts("counts")
    for counts in _COUNTABLE:
        if set(written) == set(counts) and len(written) == len(counts):
            return counts
    table.wrong("counts", "应为 passed，或 passed 和 held", "is passed, or passed and held")
    return _COUNTABLE[0]

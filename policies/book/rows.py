"""Reads the causes of a policy: those written one by one, and a table whose rows are causes."""

import re
from collections.abc import Iterator

import attrs

from gateway.domain.decision import SEVERITY, Action
from policies.book.document import Cause, Wording
from policies.book.params import ParamType, value_of
from policies.book.reader import NAME, Table, matching


@attrs.frozen
class _Form:
    """What is the same in all rows: the clause and the columns."""

    when: str
    columns: dict[str, ParamType]
    own: Action


def causes_of(policy: Table, own: Action) -> tuple[Cause, ...]:
    """`[[cause]]`, then `[[table.row]]`; `own` is the policy's action, the most severe one."""
    return (*(_cause(table, own) for table in policy.tables("cause")), *_rows(policy, own))


def _cause(table: Table, own: Action) -> Cause:
    cause = Cause(
        id=matching(table, "id", NAME, "not_active"),
        article=table.text("article", optional=True),
        when=table.text("when"),
        wording=Wording(table.text("zh"), table.text("en")),
        action=_milder(table, own),
        place=table.place,
    )
    table.done()
    return cause


def _milder(table: Table, own: Action) -> Action:
    action = table.option("action", Action, own)
    if SEVERITY[action] > SEVERITY[own]:
        table.wrong("action", "不得重于本规则", "is more severe than the policy's own")
    return action


def _rows(policy: Table, own: Action) -> Iterator[Cause]:
    """`[table]` with `fact` (rows list codes) or with `columns` and `when` (rows fill them in)."""
    if "table" not in policy.values:
        return
    table = policy.table("table")
    if "fact" in table.values:
        fact = table.text("fact")
        for row in table.tables("row"):
            codes = ", ".join(f'"{c}"' for c in row.texts("codes") if _plain(row, c))
            yield _row(row, _Form(f"has({fact}) && under({fact}, [{codes}])", {}, own))
    else:
        form = _Form(table.text("when"), _columns(table.table("columns")), own)
        for row in table.tables("row"):
            yield _row(row, form)
    if not table.values.get("row"):
        table.wrong("row", "表中没有行", "holds no row")
    table.done()


def _columns(table: Table) -> dict[str, ParamType]:
    found = {}
    for name, _ in table.entries():
        if not NAME.fullmatch(name) or name in {field.name for field in attrs.fields(Cause)}:
            table.wrong(name, "列名用小写字母，且不与行的其他项同名", "is no name for a column")
        found[name] = table.option(name, ParamType)
    return found


def _row(row: Table, form: _Form) -> Cause:
    cause = Cause(
        id=matching(row, "id", NAME, "office_supplies"),
        article=row.text("article"),
        when=form.when,
        wording=Wording(row.text("zh"), row.text("en")),
        action=_milder(row, form.own),
        place=row.place,
        row={name: value_of(row, name, kind) for name, kind in form.columns.items()},
    )
    row.done()
    return cause


def _plain(row: Table, code: str) -> bool:
    if not re.fullmatch(r"[0-9A-Za-z]{1,21}", code):
        row.wrong("codes", f"代码 {code!r} 只能是数字和字母", "a code is digits and letters")
        return False
    return True

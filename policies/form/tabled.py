"""A decision table as rows of a form: each row a rule with its own id, article, words and cells."""

from collections.abc import Mapping
from typing import Any

from policies.form.annotated import MARK
from policies.form.condition import Kinds
from policies.form.conditions import Reading, clause_from, clause_sheet
from policies.form.values import (
    lines,
    lines_of,
    listed,
    remark,
    text_of,
    value_of,
    value_text,
)

OWN = ("id", "article", "action", "zh", "en")
"""What every row has beside its columns; `action` may be left out."""


def table_sheet(table: Mapping[str, Any] | None, kinds: Kinds) -> dict[str, Any]:
    """Empty if the policy has no table."""
    if table is None:
        return {}
    columns = {n: k for n, k in table.get("columns", {}).items() if not n.endswith(MARK)}
    sheet: dict[str, Any] = {"note": table.get(MARK, ""), "fact": table.get("fact", "")}
    if "fact" not in table:
        sheet |= clause_sheet(table["when"], kinds)
    sheet["columns"] = [{"name": name, "type": kind} for name, kind in columns.items()]
    sheet["row"] = [_row_sheet(row, columns) for row in table.get("row", [])]
    return sheet


def _row_sheet(row: Mapping[str, Any], columns: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {name: str(row.get(name, "")) for name in OWN}
    found["codes"] = lines_of(row.get("codes", []))
    found["cells"] = {n: value_text(row[n], kind) for n, kind in columns.items() if n in row}
    return found | {"note": row.get(MARK, "")}


def table_from(sheet: Any, reading: Reading) -> dict[str, Any] | None:
    """The table that was filled in; None if there is none."""
    if not isinstance(sheet, Mapping):
        return None
    rows = [row for row in listed(sheet.get("row")) if text_of(row, "id")]
    columns = {text_of(c, "name"): text_of(c, "type") for c in listed(sheet.get("columns"))}
    columns = {name: kind for name, kind in columns.items() if name}
    fact = text_of(sheet, "fact")
    if not rows and not fact and not columns:
        return None
    made: dict[str, Any] = {}
    if note := remark(text_of(sheet, "note")):
        made[MARK] = note
    if fact:
        made["fact"] = fact
    else:
        made |= {"when": clause_from(sheet, reading), "columns": columns}
    made["row"] = [row_from(row, {} if fact else columns) for row in rows]
    return made


def row_from(row: Mapping[str, Any], columns: Mapping[str, str]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if note := remark(text_of(row, "note")):
        made[MARK] = note
    made |= {name: text for name in OWN[:3] if (text := text_of(row, name)) or name != "action"}
    if codes := lines(text_of(row, "codes")):
        made["codes"] = codes
    cells = row.get("cells", {})
    for name, kind in columns.items():
        text = text_of(cells, name)
        if text:
            made[name] = value_of(text, kind)
    return made | {name: text_of(row, name) for name in OWN[3:]}

"""Clauses as a form's fields: rows with pickers, or text where a clause is too free for rows."""

from collections.abc import Mapping
from typing import Any

import attrs

from gateway.domain.windows import Measure
from policies.form.condition import (
    APART,
    SIGNS,
    Kinds,
    Manner,
    Row,
    Rows,
    alike,
    clause_of,
    named,
    signs_for,
)
from policies.form.recognise import rows_of
from policies.form.values import lines, text_of
from policies.language.types import BOOL, COUNT, MONEY, SCHEMA, TEXT, Kind, Type

_COLUMNS = {"money": MONEY, "count": COUNT, "text": TEXT, "bool": BOOL}
_SUMS = (Measure.SUM, Measure.MAX)


@attrs.define
class Reading:
    """What reading a form needs to know, and what it could not read: (place, zh, en)."""

    kinds: Kinds = attrs.field(factory=dict)
    problems: list[tuple[str, str, str]] = attrs.field(factory=list)

    def wrong(self, place: str, zh: str, en: str) -> None:
        self.problems.append((place, zh, en))


def kinds_of(content: Mapping[str, Any]) -> Kinds:
    """The type of each name that a row may begin with: facts, windows, a table's columns."""
    found: dict[str, Type] = {name: fact.type for name, fact in SCHEMA.items()}
    for name, window in content.get("window", {}).items():
        measure = window.get("measure") if isinstance(window, Mapping) else None
        found[f"window.{name}"] = MONEY if measure in _SUMS else COUNT
    for name, kind in content.get("table", {}).get("columns", {}).items():
        if kind in _COLUMNS:
            found[f"row.{name}"] = _COLUMNS[kind]
    return found


def clause_sheet(clause: str, kinds: Kinds) -> dict[str, Any]:
    rows = rows_of(clause, kinds)
    return {
        "mode": "text" if rows is None else "rows",
        "text": clause,
        "join": rows.join if rows else "&&",
        "rows": [_row_sheet(row, kinds) for row in (rows.rows if rows else ())],
    }


def _row_sheet(row: Row, kinds: Kinds) -> dict[str, Any]:
    type = kinds.get(row.fact)
    ticked = type is not None and type.kind in (Kind.ENUM, Kind.SET)
    return {
        "fact": row.fact, "manner": row.manner.value, "sign": row.sign, "source": row.source,
        "value": "" if ticked else "\n".join(row.values),
        "options": row.values if ticked else (), "apart": row.apart,
    }  # fmt: skip


def clause_from(item: Mapping[str, Any], reading: Reading) -> str:
    """The clause of posted fields; its text stays where the rows still say the same."""
    text = text_of(item, "text")
    if text_of(item, "mode") == "text":
        return " ".join(text.split("\n"))
    rows = filled_rows(item, reading.kinds)
    if alike(rows, rows_of(text, reading.kinds), reading.kinds):
        return text
    return clause_of(rows, reading.kinds)


def filled_rows(item: Mapping[str, Any], kinds: Kinds) -> Rows:
    """The rows in which a fact was picked; of a sign that does not fit the fact, the likely one."""
    posted = item.get("rows", [])
    given = [one for one in posted if isinstance(one, Mapping)] if isinstance(posted, list) else []
    rows = [_filled(one, kinds) for one in given if named([text_of(one, "fact")])]
    return Rows(join="||" if text_of(item, "join") == "||" else "&&", rows=tuple(rows))


def _filled(row: Mapping[str, Any], kinds: Kinds) -> Row:
    fact, manner, source = (text_of(row, name) for name in ("fact", "manner", "source"))
    fitting = signs_for(kinds.get(fact))
    sign = text_of(row, "sign")
    if sign not in fitting:
        sign = next((one for one in fitting if one != "present"), "present")
    ticks = row.get("options", ())
    options = tuple(ticks) if isinstance(ticks, tuple) else ()
    given = row.get("value", "")
    typed = "\n".join(given).strip() if isinstance(given, tuple) else str(given).strip()
    values = options or (
        tuple(dict.fromkeys(lines(typed))) if SIGNS[sign].many else (typed,) if typed else ()
    )
    if SIGNS[sign].bare:
        values, source = (), ""
    return Row(
        fact=fact, sign=sign,
        manner=Manner(manner) if manner in tuple(Manner) else Manner.PLAIN,
        source=source if named([source]) else "", values=() if named([source]) else values,
        apart=text_of(row, "apart") if sign == APART and named([text_of(row, "apart")]) else "",
    )  # fmt: skip


def refreshed(item: Mapping[str, Any], reading: Reading) -> dict[str, Any]:
    """A clause's posted fields with its text as they say it, and rows whose signs fit."""
    clause = clause_from(item, reading)
    found = clause_sheet(clause, reading.kinds)
    if text_of(item, "mode") == "text":
        return found | {"mode": "text", "fits": found["mode"] == "rows"}
    rows = filled_rows(item, reading.kinds)
    sheet = {"mode": "rows", "text": clause, "join": rows.join, "fits": True}
    return sheet | {"rows": [_row_sheet(row, reading.kinds) for row in rows.rows]}

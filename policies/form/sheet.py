"""A document as the fields of a form.

A sheet is a tree of tables, lists and texts, as a browser posts it (`when.0.rows.1.fact`); a tuple
is what may be posted several times under one name.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from functools import lru_cache
from typing import Any

from policies.form.annotated import LAST, MARK, annotated, key_of, literal, seen
from policies.form.condition import Kinds
from policies.form.conditions import clause_sheet, kinds_of
from policies.form.filled import HEAD, Sheet, document_of
from policies.form.papers import papers_sheet
from policies.form.tabled import table_sheet
from policies.form.values import lines_of, value_text

DOCUMENTS_KNOWN_MAX = 128


def sheet_of(text: str) -> Sheet | None:
    """The document's fields; None if it is too free for the form, and is edited as text. The
    caller's own: a page adds to it."""
    return deepcopy(_proven(text))


@lru_cache(maxsize=DOCUMENTS_KNOWN_MAX)
def _proven(text: str) -> Sheet | None:
    """Written back and read again line by line, which is half of what the form's page costs: a
    document in force is the same at each visit."""
    try:
        content = annotated(text, proven=False)
        sheet = _sheet(content)
        back, problems = document_of(flat(sheet))
        whole = not problems and seen(back) == seen(text)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        return None
    return sheet if whole else None


def flat(sheet: Any, head: str = "") -> dict[str, list[str]]:
    """By the names under which a browser posts them; what may come several times is a tuple."""
    found: dict[str, list[str]] = {}
    if isinstance(sheet, Mapping):
        for name, value in sheet.items():
            found |= flat(value, f"{head}{name}.")
    elif isinstance(sheet, list):
        for number, value in enumerate(sheet):
            found |= flat(value, f"{head}{number}.")
    else:
        found[head.rstrip(".")] = list(sheet) if isinstance(sheet, tuple) else [str(sheet)]
    return found


def _sheet(content: Mapping[str, Any]) -> Sheet:
    kinds = kinds_of(content)
    sheet: Sheet = {name: str(content.get(name, "")) for name in HEAD}
    for name in ("title", "reason", "remedy"):
        sheet[name] = dict(_words(content.get(name, {})), note=_note(content.get(name, {})))
    law = content.get("law", {})
    sheet["law"] = {name: law.get(name, "") for name in ("document", "article", "text")}
    scope = content.get("scope", {})
    sheet["scope"] = {"division": scope.get("division", "")} | {
        name: lines_of(scope.get(name, []))
        for name in ("payment_methods", "voucher_types", "funds")
    }
    effective = content.get("effective", {})
    sheet["effective"] = {name: str(effective.get(name, "")) for name in ("from", "to")}
    sheet["params"] = [_param(n, one) for n, one in content.get("params", {}).items()]
    sheet["lists"] = [
        {"name": name, "items": lines_of(items), "note": content["lists"].get(name + MARK, "")}
        for name, items in content.get("lists", {}).items() if not name.endswith(MARK)
    ]  # fmt: skip
    sheet["window"] = [_window(n, one, kinds) for n, one in content.get("window", {}).items()]
    sheet["when"] = [
        {"name": name, "note": content["when"].get(name + MARK, ""), **clause_sheet(clause, kinds)}
        for name, clause in content.get("when", {}).items() if not name.endswith(MARK)
    ]  # fmt: skip
    sheet["cause"] = [
        _item(one, ("id", "article", "action", "zh", "en")) | clause_sheet(one["when"], kinds)
        for one in content.get("cause", [])
    ]
    sheet["table"] = table_sheet(content.get("table"), kinds)
    sheet["unless"] = [_unless(one, kinds) for one in content.get("unless", [])]
    sheet["remark"] = [_remark(one, kinds) for one in content.get("remark", [])]
    sheet["test"] = [_test(one) for one in content.get("test", [])]
    sheet["notes"] = "\n".join(_notes(content))
    return sheet


def _words(table: Mapping[str, Any]) -> dict[str, str]:
    return {name: table.get(name, "") for name in ("zh", "en")}


def _note(table: Mapping[str, Any]) -> str:
    return str(table.get(MARK, ""))


def _notes(content: Mapping[str, Any]) -> list[str]:
    """Remarks that have no field of their own, each as `place = remark`."""
    named = [(name, content) for name in ("", *HEAD)]
    found = [f"{n}={literal(c[n + MARK])}" for n, c in named if n and n + MARK in c]
    for room in ("law", "scope", "effective"):
        table = content.get(room, {})
        found += [
            f"{room}.{key}={literal(value)}" for key, value in table.items() if key.endswith(MARK)
        ]
    if LAST in content:
        found.append(f"{LAST}={literal(content[LAST])}")
    return found


def _item(table: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: str(table.get(name, "")) for name in names} | {"note": _note(table)}


def _param(name: str, table: Mapping[str, Any]) -> dict[str, Any]:
    kind = table.get("type", "")
    found = {
        "name": name, "type": kind, "stricter": table.get("stricter", ""), "note": _note(table),
        "value": value_text(table["value"], kind) if "value" in table else "",
    }  # fmt: skip
    found["dated"] = [
        {"from": str(row["from"]), "value": value_text(row["value"], kind)}
        for row in table.get("dated", [])
    ]
    return found


def _window(name: str, table: Mapping[str, Any], kinds: Any) -> dict[str, Any]:
    return {
        "name": name, "note": _note(table), "key": lines_of(table.get("key", [])),
        "measure": table.get("measure", ""), "of": table.get("of", ""),
        "days": str(table.get("days", "")), "counts": lines_of(table.get("counts", [])),
        **clause_sheet(table["where"], kinds),
    }  # fmt: skip


def _unless(table: Mapping[str, Any], kinds: Any) -> dict[str, Any]:
    return (
        _item(table, ("id", "article"))
        | _words(table.get("title", {}))
        | clause_sheet(table["when"], kinds)
        | {name: papers_sheet(table.get(name, "")) for name in ("evidence", "approvals")}
    )


def _remark(table: Mapping[str, Any], kinds: Any) -> dict[str, Any]:
    words = {f"{part}_{k}": v for part in ("reason", "remedy")
             for k, v in _words(table.get(part, {})).items()}  # fmt: skip
    return _item(table, ("id",)) | clause_sheet(table["when"], kinds) | words


def _test(table: Mapping[str, Any]) -> dict[str, Any]:
    found = _item(table, ("name", "base", "on", "outcome", "exception"))
    for name in ("absent", "unavailable", "missing"):
        found[name] = lines_of(table.get(name, []))
    for name in ("facts", "windows"):
        values = table.get(name, {})
        found[name] = "\n".join(f"{key_of(k)} = {literal(v)}" for k, v in values.items())
    return found


def kinds_in(sheet: Mapping[str, Any]) -> Kinds:
    """The types of the names that a sheet's rows may begin with."""
    windows = [one for one in sheet.get("window") or [] if isinstance(one, Mapping)]
    table = sheet.get("table")
    columns = table.get("columns") or [] if isinstance(table, Mapping) else []
    return kinds_of(
        {
            "window": {one.get("name"): {"measure": one.get("measure")} for one in windows},
            "table": {"columns": {one.get("name"): one.get("type") for one in columns}},
        }
    )

"""A form shown again as it was posted, blank and wrong fields included, its pickers refreshed."""

from collections.abc import Mapping, Sequence
from typing import Any

from policies.form.conditions import Reading, refreshed
from policies.form.filled import Sheet, raised, says
from policies.form.sheet import kinds_in
from policies.form.values import listed

_TICKS = ("options", "papers")
_CLAUSES = ("window", "when", "cause", "unless", "remark")
_LISTS = ("params", "lists", *_CLAUSES, "test")
_NAMES = {"cause": "id", "unless": "id", "remark": "id"}
_FIELDS: Mapping[str, tuple[str, ...]] = {
    "params": ("name", "type", "stricter", "value", "note"),
    "lists": ("name", "items", "note"),
    "window": ("name", "key", "measure", "of", "days", "counts", "note"),
    "when": ("name", "note"),
    "cause": ("id", "article", "action", "zh", "en", "note"),
    "unless": ("id", "article", "zh", "en", "note"),
    "remark": ("id", "reason_zh", "reason_en", "remedy_zh", "remedy_en", "note"),
    "row": ("id", "article", "action", "zh", "en", "codes", "note"),
    "test": (
        "name", "base", "on", "outcome", "exception", "absent", "unavailable", "missing", "facts",
        "windows", "note",
    ),
    "": (
        "id", "revision", "light", "action", "missing_evidence", "on_unavailable",
        "lower_levels_may", "mender", "notes",
    ),
    "title": ("zh", "en", "note"), "reason": ("zh", "en", "note"), "remedy": ("zh", "en", "note"),
    "law": ("document", "article", "text"),
    "scope": ("division", "payment_methods", "voucher_types", "funds"),
    "effective": ("from", "to"),
}  # fmt: skip


def blank(room: str) -> Sheet:
    """An item that nobody has filled in."""
    item: Sheet = dict.fromkeys(_FIELDS[room], "")
    if room in _CLAUSES:
        item |= {"mode": "rows", "text": "", "join": "&&", "rows": [], "fits": True}
    if room == "params":
        item["dated"] = []
    if room == "row":
        item["cells"] = {}
    if room == "unless":
        item |= {name: {"was": "", "groups": []} for name in ("evidence", "approvals")}
    return item


def shown_again(fields: Mapping[str, Sequence[str]]) -> Sheet:
    """The sheet to show. Raises ValueError for names that no form of ours has."""
    tree = _texts(raised(fields))
    reading = Reading(kinds=kinds_in(tree))
    sheet: Sheet = _filled("", tree)
    for room in ("title", "reason", "remedy", "law", "scope", "effective"):
        sheet[room] = _filled(room, tree.get(room))
    for room in _LISTS:
        items = [_item(room, one, reading) for one in listed(tree.get(room))]
        key = _NAMES.get(room, "name")
        sheet[room] = [one for one in items if one[key] or says(room, one)]
    sheet["table"] = _table(tree.get("table"), reading)
    return sheet


def _table(table: Any, reading: Reading) -> Sheet:
    if not isinstance(table, Mapping):
        return {}
    found: Sheet = {"note": table.get("note", ""), "fact": table.get("fact", "")}
    if not found["fact"]:
        found |= refreshed(table, reading)
    found["columns"] = [
        {"name": one.get("name", ""), "type": one.get("type", "")}
        for one in listed(table.get("columns"))
    ]
    rows = [
        _filled("row", one) | {"cells": dict(one.get("cells") or {})}
        for one in listed(table.get("row"))
    ]
    found["row"] = [row for row in rows if row["id"]]
    return found


def _item(room: str, posted: Mapping[str, Any], reading: Reading) -> Sheet:
    item = _filled(room, posted)
    if room in _CLAUSES:
        item |= refreshed(posted, reading)
    if room == "params":
        item["dated"] = [
            {"from": one.get("from", ""), "value": one.get("value", "")}
            for one in listed(posted.get("dated")) if one.get("from")
        ]  # fmt: skip
    if room == "unless":
        item |= {name: _papers(posted.get(name)) for name in ("evidence", "approvals")}
    return item


def _papers(field: Any) -> Sheet:
    table = field if isinstance(field, Mapping) else {}
    groups = [one for one in listed(table.get("groups")) if one.get("papers")]
    return {"was": table.get("was", ""), "groups": groups}


def _filled(room: str, posted: Any) -> Sheet:
    table = posted if isinstance(posted, Mapping) else {}
    return {
        name: found if isinstance(found := table.get(name, ""), str) else ""
        for name in _FIELDS[room]
    }


def _texts(value: Any, name: str = "") -> Any:
    """What is posted once, or one a line, as a text; ticks as they are."""
    if isinstance(value, Mapping):
        return {key: _texts(each, key) for key, each in value.items()}
    if isinstance(value, list):
        return [_texts(each) for each in value]
    return value if name in _TICKS else "\n".join(value).strip()

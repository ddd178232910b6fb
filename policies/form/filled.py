"""The document that a form's filled-in fields say.

What is typed wrongly is put into the document as it is, so that the checker tells it at its place;
only what TOML itself cannot hold is told here.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from policies.book.read import law_digest
from policies.form.annotated import LAST, MARK, written
from policies.form.conditions import Reading, clause_from, kinds_of
from policies.form.papers import papers_from
from policies.form.tabled import table_from
from policies.form.values import day, flattened, lines, remark, text_of, value_of, whole
from policies.language.errors import Problem
from policies.language.toml import TomlRefused, read_toml

HEAD = (
    "id", "revision", "light", "action", "missing_evidence", "on_unavailable", "lower_levels_may",
    "mender",
)  # fmt: skip
Sheet = dict[str, Any]
DEPTH_MAX = 12
"""Dots in a field's name; ours have six. What nests without an end ends the stack."""


_SAYS: Mapping[str, tuple[str, ...]] = {
    "params": ("value",), "lists": ("items",), "window": ("of", "key"), "when": (),
    "cause": ("article", "zh", "en"), "unless": ("article", "zh", "en"),
    "remark": ("reason_zh", "reason_en", "remedy_zh", "remedy_en"),
    "test": ("facts", "windows", "absent", "exception"),
}  # fmt: skip
"""What somebody typed into an item, whether or not it has a name yet."""


def says(room: str, item: Mapping[str, Any]) -> bool:
    """Whether an item says anything beside its name."""
    rows = item.get("rows", [])
    picked = [one for one in (rows if isinstance(rows, list) else []) if text_of(one, "fact")]
    return bool(picked) or any(text_of(item, name) for name in _SAYS[room])


def raised(fields: Mapping[str, Sequence[str]]) -> Sheet:
    """The tree of posted fields; lists come by their numbers. Raises ValueError."""
    tree: dict[str, Any] = {}
    for name, values in fields.items():
        *path, leaf = name.split(".")
        if len(path) > DEPTH_MAX:
            raise ValueError(f"{len(path)} dots")
        here = tree
        for part in path:
            here = here.setdefault(part, {})
            if not isinstance(here, dict):
                raise ValueError(name)
        here[leaf] = tuple(one.replace("\r\n", "\n") for one in values)
    return {name: _listed(value) for name, value in tree.items()}


def _listed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    below = {name: _listed(each) for name, each in value.items()}
    if below and all(name.isdigit() for name in below):
        return [below[name] for name in sorted(below, key=int)]
    return below


def document_of(fields: Mapping[str, Sequence[str]]) -> tuple[str, tuple[Problem, ...]]:
    """The document that these fields say, and what could not be put into it at all."""
    return _Back(raised(fields)).document()


class _Back:
    """Puts a sheet together again."""

    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet
        self._reading = Reading()
        self._place = f"{text_of(sheet, 'id')}.toml"
        self._content: dict[str, Any] = {}

    def document(self) -> tuple[str, tuple[Problem, ...]]:
        sheet, content = self._sheet, self._content
        for name in HEAD:
            if text := text_of(sheet, name):
                content[name] = whole(text) if name == "revision" else text
        content["title"] = self._words("title")
        law = {n: text_of(sheet.get("law", {}), n) for n in ("document", "article", "text")}
        content["law"] = law | {"digest": law_digest(law["text"])}
        content["scope"] = self._scope()
        effective = sheet.get("effective", {})
        content["effective"] = {
            n: day(text) for n in ("from", "to") if (text := text_of(effective, n))
        }
        self._named("params", self._param)
        self._named("lists", lambda one: lines(text_of(one, "items")), notes=True)
        known = {"window": self._measures(), "table": self._cells()}
        self._reading.kinds = kinds_of(content | known)
        self._named("window", self._window)
        self._named("when", lambda one: clause_from(one, self._reading), notes=True)
        self._listed("cause", self._cause)
        if table := table_from(self._sheet.get("table", {}), self._reading):
            content["table"] = table
        self._listed("unless", self._unless)
        content["reason"] = self._words("reason")
        content["remedy"] = self._words("remedy")
        self._listed("remark", self._remark)
        self._listed("test", self._test)
        self._notes()
        problems = [
            Problem(place=f"{self._place}.{place}", column=0, zh=zh, en=en)
            for place, zh, en in self._reading.problems
        ]
        return written(content), tuple(problems)

    def _all(self, table: Any, name: str) -> list[str]:
        """What was ticked or stands one a line."""
        value = table.get(name, "") if isinstance(table, Mapping) else ""
        return lines("\n".join(value) if isinstance(value, tuple) else str(value or ""))

    def _items(self, room: str) -> list[Mapping[str, Any]]:
        found = self._sheet.get(room, [])
        return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []

    def _words(self, room: str) -> dict[str, Any]:
        table = self._sheet.get(room, {})
        return self._noted({n: text_of(table, n) for n in ("zh", "en")}, table)

    def _noted(self, made: dict[str, Any], item: Any) -> dict[str, Any]:
        note = remark(text_of(item, "note"))
        return {MARK: note, **made} if note else made

    def _scope(self) -> dict[str, Any]:
        scope = self._sheet.get("scope", {})
        found: dict[str, Any] = {"division": text_of(scope, "division")}
        for name in ("payment_methods", "voucher_types", "funds"):
            if items := self._all(scope, name):
                found[name] = items
        return found

    def _named(self, room: str, make: Any, *, notes: bool = False) -> None:
        """A table whose keys a person chose. A row without a name is none."""
        made: dict[str, Any] = {}
        for item in self._items(room):
            name = text_of(item, "name")
            if not name:
                self._unnamed(room, item)
                continue
            if name in made:
                self._reading.wrong(f"{room}.{name}", "名称重复", "the name stands there twice")
                continue
            note = remark(text_of(item, "note"))
            if notes and note:
                made[name + MARK] = note
            made[name] = make(item) if notes else self._noted(make(item), item)
        if made:
            self._content[room] = made

    def _listed(self, room: str, make: Any) -> None:
        key = "name" if room == "test" else "id"
        items = self._items(room)
        made = [self._noted(make(one), one) for one in items if text_of(one, key)]
        for item in items:
            if not text_of(item, key):
                self._unnamed(room, item)
        if made:
            self._content[room] = made

    def _unnamed(self, room: str, item: Mapping[str, Any]) -> None:
        """An empty item is none; one that says something must not be lost without a word."""
        if says(room, item):
            self._reading.wrong(room, "有一项没有编号或名称", "an item has no id or name")

    def _param(self, item: Mapping[str, Any]) -> dict[str, Any]:
        kind = text_of(item, "type")
        made: dict[str, Any] = {"type": kind}
        if text := text_of(item, "value"):
            made["value"] = value_of(text, kind)
        if text := text_of(item, "stricter"):
            made["stricter"] = text
        dated = item.get("dated", [])
        rows = [
            {"from": day(text_of(row, "from")), "value": value_of(text_of(row, "value"), kind)}
            for row in (dated if isinstance(dated, list) else []) if text_of(row, "from")
        ]  # fmt: skip
        return made | ({"dated": rows} if rows else {})

    def _measures(self) -> dict[str, Any]:
        return {text_of(w, "name"): {"measure": text_of(w, "measure")}
                for w in self._items("window")}  # fmt: skip

    def _cells(self) -> dict[str, Any]:
        table = self._sheet.get("table", {})
        columns = table.get("columns", []) if isinstance(table, Mapping) else []
        found = {text_of(c, "name"): text_of(c, "type") for c in columns}
        return {"columns": {name: kind for name, kind in found.items() if name}}

    def _window(self, item: Mapping[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = {
            "key": lines(text_of(item, "key")), "where": clause_from(item, self._reading),
            "measure": text_of(item, "measure"),
        }  # fmt: skip
        if text := text_of(item, "of"):
            made["of"] = text
        counts = lines(text_of(item, "counts"))
        return made | {"days": whole(text_of(item, "days")), "counts": counts}

    def _cause(self, item: Mapping[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = {"id": text_of(item, "id")}
        made |= {n: text for n in ("article", "action") if (text := text_of(item, n))}
        made["when"] = clause_from(item, self._reading)
        return made | {n: text_of(item, n) for n in ("zh", "en")}

    def _unless(self, item: Mapping[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = {n: text_of(item, n) for n in ("id", "article")}
        made["title"] = {n: text_of(item, n) for n in ("zh", "en")}
        made["when"] = clause_from(item, self._reading)
        for name in ("evidence", "approvals"):
            if text := papers_from(item.get(name)):
                made[name] = text
        return made

    def _remark(self, item: Mapping[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = {"id": text_of(item, "id")}
        made["when"] = clause_from(item, self._reading)
        for part in ("reason", "remedy"):
            words = {n: text_of(item, f"{part}_{n}") for n in ("zh", "en")}
            if part == "reason" or any(words.values()):
                made[part] = words
        return made

    def _test(self, item: Mapping[str, Any]) -> dict[str, Any]:
        number = next(n for n, one in enumerate(self._items("test"), 1) if one is item)
        made: dict[str, Any] = {"name": text_of(item, "name")}
        if text := text_of(item, "base"):
            made["base"] = text
        if text := text_of(item, "on"):
            made["on"] = day(text)
        for name in ("facts", "windows"):
            if values := self._values(text_of(item, name), f"test[{number}].{name}"):
                made[name] = values
        for name in ("absent", "unavailable"):
            if items := self._all(item, name):
                made[name] = items
        made["outcome"] = text_of(item, "outcome")
        if text := text_of(item, "exception"):
            made["exception"] = text
        if items := self._all(item, "missing"):
            made["missing"] = items
        return made

    def _values(self, text: str, place: str) -> dict[str, Any]:
        """`amount = "1000.01"`, one a line."""
        try:
            return flattened(read_toml(text))
        except TomlRefused as error:
            self._reading.wrong(place, f"要素写法不对：{error}", str(error))
            return {}

    def _notes(self) -> None:
        for line in text_of(self._sheet, "notes").split("\n"):
            place, _, written_ = line.partition("=")
            try:
                note = remark(read_toml(f"x = {written_}")["x"]) if place else ""
            except (TomlRefused, AttributeError):
                continue
            room, _, key = place.rpartition(".")
            if note and not room:
                self._content[place if place == LAST else place + MARK] = note
            elif note and isinstance(self._content.get(room), dict):
                self._content[room] = {key: note, **self._content[room]}

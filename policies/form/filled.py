"""The document that a form's filled-in fields say.

What is typed wrongly is put into the document as it is, so that the checker tells it at its place;
only what TOML itself cannot hold is told here.
"""

import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from policies.book.read import law_digest
from policies.form.annotated import LAST, MARK, written
from policies.form.conditions import Reading, clause_from, kinds_of
from policies.form.papers import papers_from
from policies.form.tabled import table_from
from policies.form.values import day, flattened, lines, remark, value_of, whole
from policies.language.errors import Problem

HEAD = (
    "id", "revision", "light", "action", "missing_evidence", "on_unavailable", "lower_levels_may",
    "mender",
)  # fmt: skip
Sheet = dict[str, Any]


def raised(fields: Mapping[str, Sequence[str]]) -> Sheet:
    """The tree of posted fields; lists come by their numbers. Raises ValueError."""
    tree: dict[str, Any] = {}
    for name, values in fields.items():
        *path, leaf = name.split(".")
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
        self._place = f"{self._one(sheet, 'id')}.toml"
        self._content: dict[str, Any] = {}

    def document(self) -> tuple[str, tuple[Problem, ...]]:
        sheet, content = self._sheet, self._content
        for name in HEAD:
            if text := self._one(sheet, name):
                content[name] = whole(text) if name == "revision" else text
        content["title"] = self._words("title")
        law = {n: self._one(sheet.get("law", {}), n) for n in ("document", "article", "text")}
        content["law"] = law | {"digest": law_digest(law["text"])}
        content["scope"] = self._scope()
        effective = sheet.get("effective", {})
        content["effective"] = {
            n: day(text) for n in ("from", "to") if (text := self._one(effective, n))
        }
        self._named("params", self._param)
        self._named("lists", lambda one: lines(self._one(one, "items")), notes=True)
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

    def _one(self, table: Any, name: str) -> str:
        value = table.get(name, "") if isinstance(table, Mapping) else ""
        return str(value[-1] if isinstance(value, tuple) and value else value or "").strip()

    def _all(self, table: Any, name: str) -> list[str]:
        """What was ticked or stands one a line."""
        value = table.get(name, "") if isinstance(table, Mapping) else ""
        return lines("\n".join(value) if isinstance(value, tuple) else str(value or ""))

    def _items(self, room: str) -> list[Mapping[str, Any]]:
        found = self._sheet.get(room, [])
        return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []

    def _words(self, room: str) -> dict[str, Any]:
        table = self._sheet.get(room, {})
        return self._noted({n: self._one(table, n) for n in ("zh", "en")}, table)

    def _noted(self, made: dict[str, Any], item: Any) -> dict[str, Any]:
        note = remark(self._one(item, "note"))
        return {MARK: note, **made} if note else made

    def _scope(self) -> dict[str, Any]:
        scope = self._sheet.get("scope", {})
        found: dict[str, Any] = {"division": self._one(scope, "division")}
        for name in ("payment_methods", "voucher_types", "funds"):
            if items := self._all(scope, name):
                found[name] = items
        return found

    def _named(self, room: str, make: Any, *, notes: bool = False) -> None:
        """A table whose keys a person chose. A row without a name is none."""
        made: dict[str, Any] = {}
        for item in self._items(room):
            name = self._one(item, "name")
            if not name:
                continue
            if name in made:
                self._reading.wrong(f"{room}.{name}", "名称重复", "the name stands there twice")
                continue
            note = remark(self._one(item, "note"))
            if notes and note:
                made[name + MARK] = note
            made[name] = make(item) if notes else self._noted(make(item), item)
        if made:
            self._content[room] = made

    def _listed(self, room: str, make: Any) -> None:
        key = "name" if room == "test" else "id"
        made = [self._noted(make(one), one) for one in self._items(room) if self._one(one, key)]
        if made:
            self._content[room] = made

    def _param(self, item: Mapping[str, Any]) -> dict[str, Any]:
        kind = self._one(item, "type")
        made: dict[str, Any] = {"type": kind}
        if text := self._one(item, "value"):
            made["value"] = value_of(text, kind)
        if text := self._one(item, "stricter"):
            made["stricter"] = text
        dated = item.get("dated", [])
        rows = [
            {"from": day(self._one(row, "from")), "value": value_of(self._one(row, "value"), kind)}
            for row in (dated if isinstance(dated, list) else []) if self._one(row, "from")
        ]  # fmt: skip
        return made | ({"dated": rows} if rows else {})

    def _measures(self) -> dict[str, Any]:
        return {self._one(w, "name"): {"measure": self._one(w, "measure")}
                for w in self._items("window")}  # fmt: skip

    def _cells(self) -> dict[str, Any]:
        table = self._sheet.get("table", {})
        columns = table.get("columns", []) if isinstance(table, Mapping) else []
        found = {self._one(c, "name"): self._one(c, "type") for c in columns}
        return {"columns": {name: kind for name, kind in found.items() if name}}

    def _window(self, item: Mapping[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = {
            "key": lines(self._one(item, "key")), "where": clause_from(item, self._reading),
            "measure": self._one(item, "measure"),
        }  # fmt: skip
        if text := self._one(item, "of"):
            made["of"] = text
        counts = lines(self._one(item, "counts"))
        return made | {"days": whole(self._one(item, "days")), "counts": counts}

    def _cause(self, item: Mapping[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = {"id": self._one(item, "id")}
        made |= {n: text for n in ("article", "action") if (text := self._one(item, n))}
        made["when"] = clause_from(item, self._reading)
        return made | {n: self._one(item, n) for n in ("zh", "en")}

    def _unless(self, item: Mapping[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = {n: self._one(item, n) for n in ("id", "article")}
        made["title"] = {n: self._one(item, n) for n in ("zh", "en")}
        made["when"] = clause_from(item, self._reading)
        for name in ("evidence", "approvals"):
            if text := papers_from(item.get(name)):
                made[name] = text
        return made

    def _remark(self, item: Mapping[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = {"id": self._one(item, "id")}
        made["when"] = clause_from(item, self._reading)
        for part in ("reason", "remedy"):
            words = {n: self._one(item, f"{part}_{n}") for n in ("zh", "en")}
            if part == "reason" or any(words.values()):
                made[part] = words
        return made

    def _test(self, item: Mapping[str, Any]) -> dict[str, Any]:
        number = next(n for n, one in enumerate(self._items("test"), 1) if one is item)
        made: dict[str, Any] = {"name": self._one(item, "name")}
        if text := self._one(item, "base"):
            made["base"] = text
        if text := self._one(item, "on"):
            made["on"] = day(text)
        for name in ("facts", "windows"):
            if values := self._values(self._one(item, name), f"test[{number}].{name}"):
                made[name] = values
        for name in ("absent", "unavailable"):
            if items := self._all(item, name):
                made[name] = items
        made["outcome"] = self._one(item, "outcome")
        if text := self._one(item, "exception"):
            made["exception"] = text
        if items := self._all(item, "missing"):
            made["missing"] = items
        return made

    def _values(self, text: str, place: str) -> dict[str, Any]:
        """`amount = "1000.01"`, one a line."""
        try:
            return flattened(tomllib.loads(text))
        except tomllib.TOMLDecodeError as error:
            self._reading.wrong(place, f"要素写法不对：{error}", str(error))
            return {}

    def _notes(self) -> None:
        for line in self._one(self._sheet, "notes").split("\n"):
            place, _, written_ = line.partition("=")
            try:
                note = remark(tomllib.loads(f"x = {written_}")["x"]) if place else ""
            except (tomllib.TOMLDecodeError, AttributeError):
                continue
            room, _, key = place.rpartition(".")
            if note and not room:
                self._content[place if place == LAST else place + MARK] = note
            elif note and isinstance(self._content.get(room), dict):
                self._content[room] = {key: note, **self._content[room]}

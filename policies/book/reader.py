"""Reads TOML tables strictly: every key is asked for by name and kind, every other is an error."""

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, TypeVar

from policies.language.errors import Problem, nearest

Option = TypeVar("Option", bound=StrEnum)

NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")
"""Names of clauses, causes, exceptions, columns and windows."""


class Table:
    """One TOML table at one place. Problems are gathered, so that all are told at once."""

    def __init__(self, values: Mapping[str, Any], place: str, problems: list[Problem]) -> None:
        self.values = values
        self.place = place
        self.problems = problems
        self._known: set[str] = set()

    def wrong(self, key: str, zh: str, en: str) -> None:
        place = f"{self.place}.{key}" if key else self.place
        self.problems.append(Problem(place=place, column=0, zh=zh, en=en))

    def text(self, key: str, *, optional: bool = False) -> str:
        found = self._take(key, str, "文字", "text", optional=optional)
        if found is not None and not optional and not found.strip():
            self.wrong(key, "不能为空", "may not be empty")
        return found or ""

    def whole(self, key: str, *, least: int) -> int:
        found = self._take(key, int, "整数", "a whole number")
        if found is not None and found < least:
            self.wrong(key, f"不能小于 {least}", f"is less than {least}")
        return least if found is None else int(found)

    def day(self, key: str, *, optional: bool = False) -> dt.date | None:
        found: dt.date | None = self._take(
            key, dt.date, "日期，如 2026-01-01", "a date such as 2026-01-01", optional=optional
        )
        return found

    def option(self, key: str, options: type[Option], default: Option | None = None) -> Option:
        found = self._take(key, str, "文字", "text", optional=default is not None)
        if found is None:
            return default or next(iter(options))
        return self._one(key, found, options)

    def options(self, key: str, options: type[Option]) -> frozenset[Option]:
        return frozenset(self._one(key, text, options) for text in self.texts(key))

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts; an absent key is an empty list."""
        found = self._take(key, list, "文字列表", "a list of texts", optional=True) or []
        if not all(isinstance(one, str) for one in found):
            self.wrong(key, "列表中只能写文字", "holds something that is not text")
            return ()
        return tuple(found)

    def raw(self, key: str) -> Any:
        """Any value; None if absent. The caller checks it."""
        self._known.add(key)
        return self.values.get(key)

    def table(self, key: str, *, optional: bool = False) -> "Table":
        found = self._take(key, dict, "表", "a table", optional=optional)
        return Table(found or {}, f"{self.place}.{key}", self.problems)

    def tables(self, key: str) -> Iterator["Table"]:
        found = self._take(key, list, "表的列表", "a list of tables", optional=True) or []
        for number, one in enumerate(found, 1):
            if isinstance(one, dict):
                yield Table(one, f"{self.place}.{key}[{number}]", self.problems)
            else:
                self.wrong(key, f"应写作 [[{key}]]", f"is written [[{key}]]")

    def entries(self) -> Iterator[tuple[str, Any]]:
        """All keys, for tables whose keys are names of the author's choice."""
        self._known.update(self.values)
        yield from self.values.items()

    def done(self) -> None:
        """Every key that nobody asked for is an error, with the nearest known one."""
        for key in self.values:
            if key not in self._known:
                zh, en = nearest(key, self._known)
                self.wrong(key, f"没有这一项{zh}", f"no such key{en}")

    def _take(
        self, key: str, kind: type, zh: str, en: str, *, optional: bool = False
    ) -> Any:  # fmt: skip
        self._known.add(key)
        if key not in self.values:
            if not optional:
                self.wrong(key, f"缺少这一项（应为{zh}）", f"is missing (expected {en})")
            return None
        found = self.values[key]
        strange = not isinstance(found, kind) or (kind is int and isinstance(found, bool))
        if strange or (kind is dt.date and isinstance(found, dt.datetime)):
            self.wrong(key, f"应为{zh}", f"expected {en}")
            return None
        return found

    def _one(self, key: str, text: str, options: type[Option]) -> Option:
        try:
            return options(text)
        except ValueError:
            known = [o.value for o in options]
            zh, en = nearest(text, known)
            self.wrong(
                key,
                f"没有 {text!r}{zh}（可用：{', '.join(known)}）",
                f"no {text!r}{en} (known: {', '.join(known)})",
            )
            return next(iter(options))


def matching(table: Table, key: str, pattern: re.Pattern[str], example: str) -> str:
    """A text of a stated form."""
    found = table.text(key)
    if found and not pattern.fullmatch(found):
        table.wrong(key, f"应形如 {example}", f"is written such as {example}")
    return found

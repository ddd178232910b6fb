"""Splits two books into what they share and what differs: a back-test runs only the difference.

Policies whose documents differ in words alone, or not at all, find the same, except where a window
is in play: its value depends on what passed before, which may differ. Those stand apart: they ask
and count the same in both, but are judged by each book's own past.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from policies.book.book import Book
from policies.book.unit import Unit

_WORDS = frozenset({"law", "light", "mender", "reason", "remark", "remedy", "revision", "test",
                    "title"})  # fmt: skip
_ROW_WORDS = frozenset({"article", "en", "title", "zh"})


@attrs.frozen(kw_only=True)
class Halves:
    shared: Book
    windowed: Book
    """The same in both, with windows."""
    old: Book
    """What differs, as the old book has it."""
    new: Book


def halves(old: Book, new: Book) -> Halves:
    before, after = _contents(old), _contents(new)
    same = {id for id, content in before.items() if after.get(id) == content}
    looking_back = {unit.policy.id for unit in new.units if unit.windows} & same
    return Halves(
        shared=_part([u for u in new.units if u.policy.id in same - looking_back], new),
        windowed=_part([u for u in new.units if u.policy.id in looking_back], new),
        old=_part([u for u in old.units if u.policy.id not in same], old),
        new=_part([u for u in new.units if u.policy.id not in same], new),
    )


def _part(units: Sequence[Unit], book: Book) -> Book:
    return Book(units, book.codes, book.revision)


def _contents(book: Book) -> dict[str, list[str]]:
    """Of each id all that decides in its documents, in canonical text."""
    found: dict[str, set[str]] = {}
    for unit in book.units:
        text = json.dumps(_deciding(unit.policy.content), sort_keys=True, default=str)
        found.setdefault(unit.policy.id, set()).add(text)
    return {id: sorted(texts) for id, texts in found.items()}


def _deciding(content: Mapping[str, Any]) -> dict[str, Any]:
    """A document without its words, tests and revision: those change no verdict."""
    found = {name: value for name, value in content.items() if name not in _WORDS}
    for name in ("cause", "unless"):
        if name in found:
            found[name] = [_wordless(row) for row in found[name]]
    if "table" in found:
        table = dict(found["table"])
        table["row"] = [_wordless(row) for row in table.get("row", ())]
        found["table"] = table
    return found


def _wordless(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in _ROW_WORDS}

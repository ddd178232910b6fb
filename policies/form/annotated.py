"""Reads a document together with its remarks (`# ...`), and writes it in the house's layout.

The values are TOML's own; a remark stands in the same table under the key that it precedes, with
`#` behind it (`"id#"`), that of a table's heading under `"#"`. So nothing that an author wrote is
lost on the way through a form.
"""

import datetime as dt
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from policies.language.toml import read_toml

MARK = "#"
LAST = "##"
"""The key of remarks behind everything else."""

COLUMNS = 100
_CLAUSES = ("when", "where")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_MARKS = re.compile(r'''"""|\'{3}|"(?:[^"\\]|\\.)*"|'[^']*'|[#\[\]{}]''')
_ENDS = {'"""': re.compile(r'(?:\\.|[^\\])*?"""'), "'''": re.compile(r".*?'''")}
_HEADING = re.compile(r"(\[{1,2})\s*([A-Za-z0-9_.-]+)\s*\]{1,2}")
_ENTRY = re.compile(r"([A-Za-z0-9_-]+)\s*=")


class TooFree(ValueError):
    """A document whose layout a form cannot keep: a remark within or behind a value."""


def annotated(text: str, *, proven: bool = True) -> dict[str, Any]:
    """The values with their remarks; `proven`: writing them says the same again.

    Raises TomlRefused, TooFree.
    """
    content = read_toml(text)
    noted: list[str] = []
    here: dict[str, Any] = content
    opened: list[int] = []
    for line, remark in _lines(text):
        if remark is not None:
            noted.append(remark)
            continue
        key = MARK
        if match := _HEADING.fullmatch(line):
            here = _table(content, match[2].split("."), opened)
        elif match := _ENTRY.match(line):
            key = match[1] + MARK
        else:
            continue
        if noted:
            here[key] = "\n".join(noted)
            noted = []
    if noted:
        content[LAST] = "\n".join(noted)
    if proven and seen(written(content)) != seen(text):
        raise TooFree("its layout cannot be kept")
    return content


def plain(value: Any) -> Any:
    """The values without their remarks, as TOML reads them."""
    if isinstance(value, Mapping):
        return {k: plain(v) for k, v in value.items() if not k.endswith(MARK)}
    return [plain(one) for one in value] if isinstance(value, list) else value


def written(content: Mapping[str, Any]) -> str:
    """The document: values first, then its tables, each with its remarks above it."""
    lines = [*_entries(content), *_tables(content, "")]
    lines += _remark(content.get(LAST))
    return "\n".join(lines).strip("\n") + "\n"


def literal(value: Any) -> str:
    """One value as TOML writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, Mapping):
        inside = ", ".join(f"{key_of(k)} = {literal(v)}" for k, v in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(literal, value))}]"
    return str(value)


def key_of(name: str) -> str:
    return name if _BARE.fullmatch(name) else json.dumps(name, ensure_ascii=False)


def _text(value: str) -> str:
    """In single quotes where it holds double ones."""
    if '"' in value:
        return _quoted(value)
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _quoted(value: str) -> str:
    """In single quotes, as clauses are written, where nothing in it forbids that."""
    if "'" not in value and all(one >= " " and one != "\x7f" for one in value):
        return f"'{value}'"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _entries(
    table: Mapping[str, Any], *, flat: bool = False, clauses: bool = False
) -> Iterator[str]:
    """Lines of what is no table of its own; in a `flat` one, tables stand in a line."""
    for name, value in table.items():
        if name.endswith(MARK) or not (flat or _is_line(value)):
            continue
        yield from _remark(table.get(name + MARK))
        clause = clauses or name in _CLAUSES
        yield from _entry(key_of(name), value, clause=clause)


def _entry(key: str, value: Any, *, clause: bool) -> Iterator[str]:
    """A line; a long list takes several."""
    line = f"{key} = {_quoted(value) if clause and isinstance(value, str) else literal(value)}"
    if len(line) <= COLUMNS or not isinstance(value, list):
        yield line
        return
    yield f"{key} = ["
    row = "   "
    for one in map(literal, value):
        if len(row) + len(one) + 2 > COLUMNS:
            yield row
            row = "   "
        row += f" {one},"
    yield from (row, "]")


def _is_line(value: Any) -> bool:
    if isinstance(value, list) and value:
        return not all(isinstance(one, Mapping) for one in value)
    return not isinstance(value, Mapping)


def _tables(table: Mapping[str, Any], head: str) -> Iterator[str]:
    for name, value in table.items():
        if name.endswith(MARK) or _is_line(value):
            continue
        path = f"{head}{key_of(name)}"
        for one in value if isinstance(value, list) else (value,):
            yield from _one_table(one, path, listed=isinstance(value, list))


def _one_table(table: Mapping[str, Any], path: str, *, listed: bool) -> Iterator[str]:
    """`[[path]]`, `[path]`, or only what is below it where it holds nothing else."""
    rooms = path in ("params", "window") and bool(table)
    if not rooms:
        yield ""
        yield from _remark(table.get(MARK))
        yield f"[[{path}]]" if listed else f"[{path}]"
        if listed:
            yield from _entries(table, flat=True)
            return
    inline = {k: v for k, v in table.items() if path == "table" and isinstance(v, Mapping)}
    yield from _entries(table, clauses=path == "when")
    yield from _entries(inline, flat=True)
    yield from _tables({k: v for k, v in table.items() if k not in inline}, f"{path}.")


def _remark(noted: str | None) -> list[str]:
    return noted.split("\n") if noted else []


def _table(content: dict[str, Any], path: Sequence[str], opened: list[int]) -> dict[str, Any]:
    """The table that a heading opens: of a list, the first that no heading has opened yet."""
    found: Any = content
    for depth, name in enumerate(path, 1):
        found = found[name]
        if isinstance(found, list):
            ids = [id(one) for one in found]
            known = sum(one in opened for one in ids)
            found = found[known if depth == len(path) else known - 1]
    opened.append(id(found))
    return found if isinstance(found, dict) else {}


def _lines(text: str) -> Iterator[tuple[str, str | None]]:
    """Each line that matters with its remark, if it is one."""
    depth, quote = 0, ""
    for line in text.splitlines():
        bare = line.strip()
        if not quote and not depth and bare.startswith("#"):
            yield bare, bare
            continue
        if not quote and not depth and bare:
            yield bare, None
        depth, quote = _after(line, depth, quote)


def _after(line: str, depth: int, quote: str) -> tuple[int, str]:
    """How deep in brackets, and in which quotes of several lines, the next line begins."""
    at = 0
    while True:
        if quote:
            ends = _ENDS[quote].match(line, at)
            if ends is None:
                return depth, quote
            at, quote = ends.end(), ""
        match = _MARKS.search(line, at)
        if match is None:
            return depth, ""
        at, found = match.end(), match[0]
        if found == "#":
            raise TooFree("a remark stands behind a value")
        if found in ('"""', "'''"):
            quote = found
        elif found in "[]{}":
            depth += 1 if found in "[{" else -1


def seen(text: str) -> tuple[Any, list[str]]:
    """What must come out the same: the values, and every remark with what it stands above."""
    noted = []
    lines = list(_lines(text))
    for number, (line, remark) in enumerate(lines):
        if remark is not None:
            below = next((one for one, noted_ in lines[number + 1 :] if noted_ is None), "")
            noted.append(f"{line} > {below.partition('=')[0].strip()}")
    return read_toml(text), sorted(noted)

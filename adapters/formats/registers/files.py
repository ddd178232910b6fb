"""Registers as people keep them: JSON as it is, CSV and XLSX made into the feed's JSON first.

A workbook has one sheet a register, a folder or archive of CSV files one file a register; the sheet
`feed` says division, as_of and version. The first row names the columns. Account numbers stay the
text that stands in the cell: a cell that holds one as a number has lost digits and is refused.
"""

import csv
import datetime as dt
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import msgspec
import orjson
from python_calamine import CalamineError, CalamineWorkbook

from adapters.formats.json.walk import Findings
from adapters.formats.registers.feed import SHAPES
from gateway.domain.codes import Register
from gateway.domain.faults import FaultCode, Unreadable
from gateway.domain.register_feed import LISTS

HEAD = "feed"
HEAD_COLUMNS = ("division", "as_of", "version")
DIGITS_MAX = 15
"""More digits than this a spreadsheet's number cannot hold."""

_JOINED = (",", "，", ";", "；", "、")
_TRUE, _FALSE = {"true", "1", "是", "y", "yes"}, {"false", "0", "2", "否", "n", "no"}

Cells = Sequence[Sequence[Any]]


def as_feed(file: Path) -> bytes:
    """The feed's JSON. Raises Unreadable (every cell that cannot be read), OSError."""
    if file.is_dir() or file.suffix.lower() == ".csv":
        return _feed_of(_csv_sheets(file))
    if file.suffix.lower() in (".xlsx", ".xlsm", ".ods"):
        return _feed_of(_workbook(file))
    return file.read_bytes()


def template(register: Register) -> tuple[tuple[str, str], ...]:
    """Each column and what stands in it, for people."""
    if register is Register.LISTS:
        return (("list", " | ".join(LISTS)), ("value", "an account, or a vendor's account or name"))
    fields = msgspec.structs.fields(SHAPES[register])
    return tuple((field.encode_name, _wanted(field)) for field in fields)


def _wanted(field: Any) -> str:
    kinds = [kind for kind in (get_args(field.type) or (field.type,)) if kind is not None]
    words = []
    for kind in kinds:
        if isinstance(kind, type) and issubclass(kind, str) and hasattr(kind, "__members__"):
            words.append(" | ".join(member.value for member in kind))  # type: ignore[attr-defined]
        elif kind is bool:
            words.append("true | false")
        elif kind is dt.date:
            words.append("YYYY-MM-DD")
    text = " ".join(dict.fromkeys(words)) or "text"
    if field.name in _AMOUNTS:
        text = "yuan with two decimals, as text (12800.00)"
    if field.name in _LISTED:
        text = "numbers or codes, separated by commas"
    return text if field.required else f"{text}; may be empty"


_AMOUNTS = frozenset({"granted", "posted", "frozen", "amount", "paid", "used", "per_person"})


def _csv_sheets(place: Path) -> dict[str, Cells]:
    """A folder of `<register>.csv`, or the one file beside which the others lie."""
    folder = place if place.is_dir() else place.parent
    sheets: dict[str, Cells] = {}
    for name in (HEAD, *(str(register) for register in Register)):
        file = folder / f"{name}.csv"
        if file.exists():
            sheets[name] = list(csv.reader(io.StringIO(_text(file))))
    return sheets


def _text(file: Path) -> str:
    """UTF-8, with or without a mark; GBK where it is not that, as spreadsheets write it here."""
    raw = file.read_bytes()
    for encoding in ("utf-8-sig", "gbk"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise Unreadable(FaultCode.INSTRUCTION_INVALID, f"{file.name}: neither UTF-8 nor GBK")


def _workbook(file: Path) -> dict[str, Cells]:
    try:
        book = CalamineWorkbook.from_path(file)
        return {
            name: book.get_sheet_by_name(name).to_python(skip_empty_area=False)
            for name in book.sheet_names
        }
    except CalamineError as error:
        raise Unreadable(FaultCode.INSTRUCTION_INVALID, f"{file.name}: {error}") from error


def _feed_of(sheets: Mapping[str, Cells]) -> bytes:
    found = Findings()
    feed: dict[str, Any] = _head(sheets.get(HEAD), found)
    for name, cells in sheets.items():
        if name == HEAD:
            continue
        if name not in set(Register):
            found.note(name, "unknown", "不认识的工作表", "is no register's sheet")
        elif name == Register.LISTS:
            feed[name] = _lists(cells, found)
        else:
            feed[name] = list(_rows(Register(name), cells, found))
    if found:
        detail = f"the file has {len(found)} error(s) (文件有 {len(found)} 处错误)"
        raise Unreadable(FaultCode.INSTRUCTION_INVALID, detail, tuple(found))
    return orjson.dumps(feed)


def _head(cells: Cells | None, found: Findings) -> dict[str, Any]:
    if cells is None or len(cells) < 2:
        found.note(
            HEAD, "required", "缺少 feed 工作表（division、as_of、version）",
            "a sheet (or file) `feed` with division, as_of, version is required",
        )  # fmt: skip
        return {}
    said = dict(zip(map(str, cells[0]), cells[1], strict=False))
    head: dict[str, Any] = {}
    for name in HEAD_COLUMNS:
        value = said.get(name, "")
        if name == "version":
            text = _whole_number(value)
            head[name] = int(text) if text.isdecimal() else text
        elif isinstance(value, dt.datetime):
            head[name] = value.isoformat() + "+08:00"
        else:
            head[name] = _whole_number(value)
    return head


def _lists(cells: Cells, found: Findings) -> dict[str, list[str]]:
    lists: dict[str, list[str]] = {name: [] for name in LISTS}
    for index, row in _named(Register.LISTS, cells, ("list", "value"), found):
        if row["list"] in lists:
            lists[row["list"]].append(_cell_text(row["value"], f"lists[{index}].value", found))
        else:
            found.note(f"lists[{index}].list", "code", "不认识的名单", "is no list")
    return lists


def _rows(register: Register, cells: Cells, found: Findings) -> Iterator[dict[str, Any]]:
    shape = SHAPES[register]
    kinds = {field.encode_name: field for field in msgspec.structs.fields(shape)}
    for index, row in _named(register, cells, (*kinds, "op"), found):
        made: dict[str, Any] = {}
        for name, value in row.items():
            place = f"{register}[{index}].{name}"
            if value == "" or value is None:
                if name in kinds and kinds[name].required and name not in _LISTED:
                    found.note(place, "required", "缺少必填内容", "is required")
                made[name] = [] if name in _LISTED else None
            else:
                made[name] = _value(name, value, place, found)
        yield made


_LISTED = ("accounts", "official_cards", "dept_economic_codes")
_NUMBERS = ("fiscal_year", "month")
_BOOLEANS = ("is_basic", "executable", "plan_controlled", "is_workday")


def _named(
    register: Register, cells: Cells, known: Iterable[str], found: Findings
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Rows by the names of their columns; empty ones are passed over but counted."""
    if not cells:
        return
    names = [str(name).strip() for name in cells[0]]
    known = set(known)
    for name in names:
        if name and name not in known:
            found.note(f"{register}.{name}", "unknown", "不认识的列", "is not a known column")
    for index, row in enumerate(cells[1:]):
        said = {name: cell for name, cell in zip(names, row, strict=False) if name in known}
        if any(cell not in ("", None) for cell in said.values()):
            yield index, said


def _value(name: str, value: Any, place: str, found: Findings) -> Any:
    if name in _LISTED:
        text = _cell_text(value, place, found)
        for mark in _JOINED:
            text = text.replace(mark, " ")
        return text.split()
    if name in _BOOLEANS:
        return _boolean(value, place, found)
    if name in _NUMBERS:
        text = _whole_number(value)
        return int(text) if text.isdecimal() else text
    if isinstance(value, dt.datetime | dt.date):
        return (value.date() if isinstance(value, dt.datetime) else value).isoformat()
    if name in _AMOUNTS and isinstance(value, int | float) and not isinstance(value, bool):
        return _yuan(value, place, found)
    return _cell_text(value, place, found)


def _yuan(value: float, place: str, found: Findings) -> str:
    """A number cell of money, if it is exact to the fen."""
    fen = round(value * 100)
    if abs(value * 100 - fen) > 1e-4 or fen > 10**DIGITS_MAX:
        found.note(place, "amount", "金额不精确，请改为文本", "is not exact; write it as text")
    return f"{fen // 100}.{fen % 100:02}"


def _boolean(value: Any, place: str, found: Findings) -> bool:
    if isinstance(value, bool):
        return value
    text = _whole_number(value).lower()
    if text not in _TRUE | _FALSE:
        found.note(place, "type", "应为 true 或 false", "must be true or false")
    return text in _TRUE


def _cell_text(value: Any, place: str, found: Findings) -> str:
    """Account numbers and codes stay text: a number of many digits has lost its last ones."""
    if isinstance(value, float | int) and not isinstance(value, bool):
        text = _whole_number(value)
        if len(text) > DIGITS_MAX or not text.isdecimal():
            found.note(
                place, "number", "长号码应为文本格式，数字格式会丢失位数",
                "must be a text cell: as a number it has lost digits",
            )  # fmt: skip
        return text
    return str(value).strip()


def _whole_number(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()

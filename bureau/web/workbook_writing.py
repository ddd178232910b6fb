"""Workbooks (Office Open XML) that leave in slices: a sheet is never in memory as a whole.

xlsxwriter makes the workbook without its rows: styles, frozen head, filter, second sheet. The rows
are written into its first sheet as they come, so a big list costs the desk a slice at a time, and
the file begins to arrive with its first rows (decision 0061).
"""

import datetime as dt
import io
import re
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from xml.sax.saxutils import escape

import xlsxwriter
from xlsxwriter.utility import xl_col_to_name

DIGITS_MAX = 18
"""Longer amounts stay text: a spreadsheet's number holds fifteen digits."""
CELL_CHARS_MAX = 32767
_AMOUNT = re.compile(r"-?[0-9]{1,3}(,?[0-9]{3})*\.[0-9]{2}", re.ASCII)
_COUNT = re.compile(r"[0-9]{1,15}", re.ASCII)
_AMOUNT_TITLE = "金额"
_COUNT_TITLES = frozenset({"笔数 Count", "拦截 Blocked", "挂起 Held"})
"""What is counted is summed as well; every other figure is a name: a year, a code, a number."""
_WIDTHS = {"理由 Reason": 60}
_SHEET = "xl/worksheets/sheet1.xml"
_LATE = frozenset({_SHEET, "xl/workbook.xml", "xl/worksheets/sheet2.xml", "xl/sharedStrings.xml"})
"""Parts that say how many rows there were, or what was asked for."""
_STYLES = re.compile(
    rb'<row r="2"[^>]*><c r="A2" s="([0-9]+)"/><c r="B2" s="([0-9]+)"/><c r="C2" s="([0-9]+)"'
)
_DIMENSION = re.compile(rb"<dimension [^>]*/>")
_FOREIGN = re.compile(r"[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]")
"""What XML 1.0 cannot say; such a character is shown as U+FFFD."""
_ESCAPE = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
"""Text that a spreadsheet would take for an escaped character (ECMA-376, ST_Xstring)."""
Rows = Iterable[Sequence[str]]


class Workbook:
    """`begin`, `rows` as often as there are some, `end`: each gives the next bytes of the file.

    Amounts and counts are numbers that can be summed, all other cells are text: no account number
    loses its digits, no name becomes a formula. What is not ended must be abandoned.
    """

    def __init__(self, head: Sequence[str]) -> None:
        self._head = head
        self._sums = frozenset(n for n, title in enumerate(head) if _AMOUNT_TITLE in title)
        self._counts = frozenset(n for n, title in enumerate(head) if title in _COUNT_TITLES)
        self._names = [xl_col_to_name(n) for n in range(len(head))]
        self._sink = _Sink()
        self._zip = zipfile.ZipFile(self._sink, "w", zipfile.ZIP_DEFLATED)
        self.count = 0

    def begin(self) -> bytes:
        parts = _skeleton(tuple(self._head))
        for name, body in parts.items():
            if name not in _LATE:
                self._zip.writestr(zipfile.ZipInfo(name), body, zipfile.ZIP_DEFLATED)
        before, _ = _split(parts[_SHEET])
        self._text, self._money, self._whole = _styles(parts[_SHEET])
        info = zipfile.ZipInfo(_SHEET)
        info.compress_type = zipfile.ZIP_DEFLATED
        self._sheet = self._zip.open(info, "w")
        self._sheet.write(_DIMENSION.sub(b"", before))
        return self._sink.taken()

    def rows(self, rows: Rows) -> bytes:
        lines = []
        for row in rows:
            self.count += 1
            cells = [self._cell(n, value) for n, value in enumerate(row)]
            lines.append(f'<row r="{self.count + 1}">{"".join(cells)}</row>')
        self._sheet.write("".join(lines).encode())
        return self._sink.taken()

    def end(self, filters: Mapping[str, str]) -> bytes:
        """`filters`: of the second sheet, 筛选条件: what was asked, when, by whom."""
        parts = _parts(self._head, filters, self.count)
        _, after = _split(parts[_SHEET])
        self._sheet.write(after)
        self._sheet.close()
        for name in sorted(_LATE - {_SHEET}):
            self._zip.writestr(zipfile.ZipInfo(name), parts[name], zipfile.ZIP_DEFLATED)
        self._zip.close()
        return self._sink.taken()

    def abandon(self) -> None:
        """Let go of it, ended or not."""
        sheet = getattr(self, "_sheet", None)
        if sheet is not None and not sheet.closed:
            sheet.close()
        self._zip.close()

    def _cell(self, column: int, value: str) -> str:
        at = f"{self._names[column]}{self.count + 1}"
        if column in self._sums and len(value) <= DIGITS_MAX and _AMOUNT.fullmatch(value):
            return f'<c r="{at}" s="{self._money}"><v>{float(value.replace(",", ""))!r}</v></c>'
        if column in self._counts and _COUNT.fullmatch(value):
            return f'<c r="{at}" s="{self._whole}"><v>{int(value)}</v></c>'
        if not value:
            return f'<c r="{at}" s="{self._text}"/>'
        return (
            f'<c r="{at}" s="{self._text}" t="inlineStr"><is>'
            f'<t xml:space="preserve">{_told(value)}</t></is></c>'
        )


def excel(head: Sequence[str], rows: Rows, filters: Mapping[str, str]) -> bytes:
    """A small workbook at once: 数据 with a frozen head, 筛选条件 with what was asked."""
    book = Workbook(head)
    return book.begin() + book.rows(rows) + book.end(filters)


class _Sink(io.RawIOBase):
    """Where the archive is written to; what was written is taken away. It cannot be sought in, so
    sizes stand behind each part (APPNOTE 4.4.4, bit 3)."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._pieces.append(bytes(data))
        return len(data)

    def taken(self) -> bytes:
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken


def _told(value: str) -> str:
    return escape(_ESCAPE.sub("_x005F_", _FOREIGN.sub("\ufffd", value[:CELL_CHARS_MAX])))


@lru_cache(maxsize=16)
def _skeleton(head: tuple[str, ...]) -> Mapping[str, bytes]:
    """What stands before the rows: the same for each workbook of these columns, of which there are
    a handful, and made once, for making it is a fifth of what comes before the first byte."""
    return _parts(head, {}, 0)


def _parts(head: Sequence[str], filters: Mapping[str, str], count: int) -> dict[str, bytes]:
    """A workbook of `count` rows without them: part by part. Its second row holds three empty
    cells, in the styles of text, of amounts and of counts."""
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        book.set_properties({"created": dt.datetime(2026, 1, 1)})  # noqa: DTZ001 (no zone in the format)
        bold = book.add_format({"bold": True, "bg_color": "#E8EDF3", "border": 1})
        text = book.add_format({"num_format": "@", "valign": "top"})
        money = book.add_format({"num_format": "#,##0.00", "valign": "top"})
        whole = book.add_format({"num_format": "#,##0", "valign": "top"})
        sheet = book.add_worksheet("数据")
        for column, title in enumerate(head):
            sheet.write_string(0, column, title, bold)
            sheet.set_column(column, column, _WIDTHS.get(title, 22))
        sheet.write_blank(1, 0, None, text)
        sheet.write_blank(1, 1, None, money)
        sheet.write_blank(1, 2, None, whole)
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, max(count, 1), len(head) - 1)
        notes = book.add_worksheet("筛选条件")
        notes.set_column(0, 0, 24)
        notes.set_column(1, 1, 80)
        for n, (name, value) in enumerate(filters.items()):
            notes.write_string(n, 0, name, bold)
            notes.write_string(n, 1, value[:CELL_CHARS_MAX], text)
    with zipfile.ZipFile(buffer) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def _split(sheet: bytes) -> tuple[bytes, bytes]:
    """What stands before and after the rows."""
    return sheet[: sheet.index(b'<row r="2"')], sheet[sheet.index(b"</sheetData>") :]


def _styles(sheet: bytes) -> tuple[int, int, int]:
    found = _STYLES.search(sheet)
    assert found is not None, "the skeleton's second row has three cells"
    return int(found[1]), int(found[2]), int(found[3])

"""Reads an uploaded workbook (XLSX) within bounds that hold before any of it is believed.

A file of a kilobyte may name a cell in the last corner of the sheet, or unpack to gigabytes; the
reader takes memory for all of it, and a program without memory is gone. So every part is unpacked
here, bounded and looked through, and the reader is given an archive of what was looked through.
"""

import io
import re
import struct
import zipfile
import zlib
from typing import Any
from xml.parsers import expat

from python_calamine import CalamineError, CalamineWorkbook

MEMBERS_MAX = 5000
PARTS_MAX = 200
UNPACKED_BYTES_MAX = 16 * 1024 * 1024
COLUMNS_MAX = 100
TEXT_CHARS_MAX = 60_000
"""Of one cell."""
CHARS_MAX = 32 * 1024 * 1024
"""Of all cells that share a text, were each the longest: the reader copies it for every cell."""
UNREADABLE = (
    zipfile.BadZipFile, zlib.error, expat.ExpatError, EOFError, OSError, NotImplementedError,
    RuntimeError, ValueError, LookupError, struct.error, OverflowError,
)  # fmt: skip
"""What readers of archives and of XML raise: ValueError for a part that begins before the file
does, LookupError for an encoding that nobody knows."""
_PART = re.compile(r"\[Content_Types\]\.xml|(_rels|xl)/[^\0\\]*\.(xml|rels)")
_PLACE = re.compile(r"([A-Z]{1,3})([0-9]{1,7})", re.ASCII)
_UNREADABLE = "文件不是可读的 XLSX 表格。", "The file is no XLSX workbook that can be read."


class WorkbookRefused(ValueError):
    """Why, in Chinese and English."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(f"{zh} / {en}")
        self.words = zh, en


def crowded(archive: bytes) -> bool:
    """Whether it lists more members than any office program writes. Asked of the bytes: Python's
    reader takes four seconds for the 220,000 that ten megabytes may list."""
    return archive.count(b"PK\x01\x02") > MEMBERS_MAX


def rows_of(raw: bytes, rows_max: int) -> list[list[Any]]:
    """The first sheet's rows, from the first that says something. Raises WorkbookRefused."""
    archive = _looked_through(raw, rows_max)
    try:
        sheet = CalamineWorkbook.from_filelike(io.BytesIO(archive)).get_sheet_by_index(0)
        return sheet.to_python(skip_empty_area=True)
    except (CalamineError, OSError, IndexError) as error:
        raise WorkbookRefused(*_UNREADABLE) from error


def _looked_through(raw: bytes, rows_max: int) -> bytes:
    """The parts of a workbook, each unpacked and within its bounds, as a new archive."""
    if crowded(raw):
        raise WorkbookRefused("文件中的部件太多，或有重名。", "Too many parts, or two of one name.")
    target = io.BytesIO()
    left = UNPACKED_BYTES_MAX
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as source, zipfile.ZipFile(target, "w") as packed:
            parts = [each for each in source.infolist() if _PART.fullmatch(each.filename)]
            if len(parts) > PARTS_MAX or len({each.filename for each in parts}) < len(parts):
                raise WorkbookRefused(
                    "文件中的部件太多，或有重名。", "Too many parts, or two of one name."
                )
            longest = sharing = 0
            for part in parts:
                body = _unpacked(source, part, left)
                left -= len(body)
                look = _Look(rows_max)
                look.through(body)
                longest, sharing = max(longest, look.longest), sharing + look.sharing
                packed.writestr(zipfile.ZipInfo(part.filename), body)
    except WorkbookRefused:
        raise
    except UNREADABLE as error:
        raise WorkbookRefused(*_UNREADABLE) from error
    if longest * sharing > CHARS_MAX:
        raise WorkbookRefused("表格内容太多。", "The workbook holds too much.")
    return target.getvalue()


def _unpacked(source: zipfile.ZipFile, part: zipfile.ZipInfo, left: int) -> bytes:
    if part.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise WorkbookRefused(*_UNREADABLE)
    with source.open(part) as file:
        body = file.read(left + 1)
    if len(body) > left:
        raise WorkbookRefused("文件解压后太大。", "It unpacks to too much.")
    return body


class _Look:
    """One part's XML: no document type, no cell outside the bounds, no endless text."""

    def __init__(self, rows_max: int) -> None:
        self._rows_max = rows_max
        self._rows = self._cells = self._chars = 0
        self.longest = 0
        """Characters of the longest text."""
        self.sharing = 0
        """Cells that say which of the shared texts is theirs."""
        self._parser = expat.ParserCreate()
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._parser.StartElementHandler = self._element
        self._parser.CharacterDataHandler = self._text

    def through(self, body: bytes) -> None:
        """Raises WorkbookRefused, ExpatError."""
        self._parser.Parse(body, True)

    def _doctype(self, *_: object) -> None:
        raise WorkbookRefused("文件含有 DTD，不予读取。", "It has a DTD and is not read.")

    def _element(self, name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition(":")[2]
        if local in ("c", "si"):
            self._chars = 0
        if local == "row":
            self._rows, self._cells = self._rows + 1, 0
            self._within(attributes.get("r", "1"), 1)
        elif local == "c":
            self._cells += 1
            self.sharing += attributes.get("t") == "s"
            place = _PLACE.fullmatch(attributes.get("r", "A1"))
            if place is None:
                raise WorkbookRefused(*_UNREADABLE)
            self._within(place[2], _column(place[1]))

    def _within(self, row: str, column: int) -> None:
        if max(column, self._cells) > COLUMNS_MAX:
            raise WorkbookRefused(
                f"表格超过 {COLUMNS_MAX} 列。", f"More than {COLUMNS_MAX} columns."
            )
        if not (row.isascii() and row.isdigit()) or max(int(row), self._rows) > self._rows_max:
            raise WorkbookRefused(
                f"表格超过 {self._rows_max} 行。", f"More than {self._rows_max} rows."
            )

    def _text(self, text: str) -> None:
        self._chars += len(text)
        self.longest = max(self.longest, self._chars)
        if self._chars > TEXT_CHARS_MAX:
            raise WorkbookRefused(
                f"单元格超过 {TEXT_CHARS_MAX} 字。",
                f"A cell of more than {TEXT_CHARS_MAX} characters.",
            )


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number

"""An uploaded workbook is read within bounds, whatever it claims; no file ends the program."""

import io
import subprocess
import sys
import zipfile
from collections.abc import Callable

import pytest
import xlsxwriter

from bureau.web.workbook import (
    PARTS_MAX,
    TEXT_CHARS_MAX,
    UNPACKED_BYTES_MAX,
    WorkbookRefused,
    rows_of,
)

ROWS_MAX = 2001
_MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"


def related(target: str, kind: str) -> str:
    return (
        f'<Relationships xmlns="{_PACKAGE}"><Relationship Id="rId1" Type="{_OFFICE}/{kind}" '
        f'Target="{target}"/></Relationships>'
    )


def workbook(sheet: str, at: str = "worksheets/sheet1.xml", **more: str) -> bytes:
    """A workbook by hand; `sheet`: what stands in its sheetData."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("_rels/.rels", related("xl/workbook.xml", "officeDocument"))
        archive.writestr(
            "xl/workbook.xml",
            f'<workbook {_MAIN} xmlns:r="{_OFFICE}"><sheets>'
            '<sheet name="a" sheetId="1" r:id="rId1"/></sheets></workbook>',
        )
        archive.writestr("xl/_rels/workbook.xml.rels", related(at, "worksheet"))
        archive.writestr(
            f"xl/{at}", f"<worksheet {_MAIN}><sheetData>{sheet}</sheetData></worksheet>"
        )
        for name, body in more.items():
            archive.writestr(name.replace("__", "/") + ".xml", body)
    return buffer.getvalue()


def cell(place: str, value: str = "1") -> str:
    number = "".join(filter(str.isdigit, place))
    return f'<row r="{number}"><c r="{place}"><v>{value}</v></c></row>'


FAR = cell("A1") + cell("XFD1048576")
SHARED = '<c t="s"><v>0</v></c>' * 100
STRINGS = f"<sst {_MAIN}><si><t>{'文' * 50_000}</t></si></sst>"
OUTSIDE = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>'


def test_what_a_spreadsheet_writes_is_read_as_it_stands() -> None:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        sheet = book.add_worksheet("数据")
        sheet.write_row(0, 0, ["id", "名称"])
        sheet.write_row(1, 0, ["a", "一\n二"])
        sheet.write_row(2, 0, [7, "=1+1"])
    rows = rows_of(buffer.getvalue(), ROWS_MAX)
    assert [row[0] for row in rows] == ["id", "a", 7.0] and rows[1][1] == "一\n二"
    below = workbook(cell("B3", "5") + cell("B4", "6"))
    assert rows_of(below, ROWS_MAX) == [[5.0], [6.0]], "what is empty before the table is left out"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (lambda: workbook(FAR), "行"),
        (lambda: workbook(cell("A1") + cell("A1048576")), "行"),
        (lambda: workbook(cell("A1") + cell("CW1")), "列"),
        (lambda: workbook(FAR, at="elsewhere/sheet.xml"), "行"),
        (lambda: workbook("<row>" + "<c/>" * 200 + "</row>"), "列"),
        (lambda: workbook("<row/>" * 3000), "行"),
        (lambda: workbook('<row r="-1"/>'), "行"),
        (lambda: workbook(cell("a1")), "可读"),
        (lambda: workbook(cell("A1") + " " * (UNPACKED_BYTES_MAX + 1)), "太大"),
        (lambda: workbook(cell("A1", "1" * (TEXT_CHARS_MAX + 1))), "字"),
        (lambda: workbook(f"<row>{SHARED}</row>" * 2000, xl__sharedStrings=STRINGS), "太多"),
        (lambda: workbook(cell("A1"), xl__x=OUTSIDE), "DTD"),
        (lambda: workbook(cell("A1"), **{f"xl__{n}": "<x/>" for n in range(PARTS_MAX)}), "部件"),
        (lambda: workbook("<row><c></row>"), "可读"),
        (lambda: b"", "可读"),
        (lambda: b"PK\x03\x04 no archive", "可读"),
        (lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "可读"),
    ],
)  # fmt: skip
def test_a_workbook_beyond_its_bounds_is_refused_with_its_reason(
    raw: Callable[[], bytes], why: str
) -> None:
    with pytest.raises(WorkbookRefused) as refused:
        rows_of(raw(), ROWS_MAX)
    assert why in str(refused.value)


def test_no_other_format_reaches_the_reader() -> None:
    """An OpenDocument sheet repeats an empty cell a million times in thirty bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", "<x/>")
    with pytest.raises(WorkbookRefused):
        rows_of(buffer.getvalue(), ROWS_MAX)


@pytest.mark.slow
def test_a_cell_in_the_last_corner_does_not_end_the_program() -> None:
    """In a process of its own: without the bounds the reader aborts it, and no handler runs."""
    code = (
        "import sys; from bureau.web.workbook import rows_of, WorkbookRefused\n"
        "try: rows_of(sys.stdin.buffer.read(), 2001)\n"
        "except WorkbookRefused: print('alive')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=workbook(FAR), capture_output=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, b"alive\n")

"""Lists as Excel and CSV files: amounts are numbers that can be summed, all other cells are text.

So no account number loses its digits, no name becomes a formula; a sheet says what was asked for.
"""

import asyncio
import csv
import datetime as dt
import io
import re
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence

import xlsxwriter
from aiohttp import web

ROWS_MAX = 20_000
DIGITS_MAX = 18
"""Longer amounts stay text: a spreadsheet's number holds fifteen digits."""
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_AMOUNT = re.compile(r"-?[0-9]{1,3}(,?[0-9]{3})*\.[0-9]{2}", re.ASCII)
_AMOUNT_TITLE = "金额"
_WIDTHS = {"理由 Reason": 60}
Rows = Iterable[Sequence[str]]


def excel(head: Sequence[str], rows: Rows, filters: Mapping[str, str]) -> bytes:
    """A workbook: 数据 with a frozen head; 筛选条件 with what was asked, when, by whom."""
    buffer = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(buffer, options) as book:
        book.set_properties({"created": dt.datetime(2026, 1, 1)})  # noqa: DTZ001 (no zone in the format)
        bold = book.add_format({"bold": True, "bg_color": "#E8EDF3", "border": 1})
        text = book.add_format({"num_format": "@", "valign": "top"})
        money = book.add_format({"num_format": "#,##0.00", "valign": "top"})
        sums = {column for column, title in enumerate(head) if _AMOUNT_TITLE in title}
        sheet = book.add_worksheet("数据")
        sheet.write_row(0, 0, head, bold)
        count = 0
        for count, row in enumerate(rows, start=1):
            for column, value in enumerate(row):
                if column in sums and _AMOUNT.fullmatch(value) and len(value) <= DIGITS_MAX:
                    sheet.write_number(count, column, float(value.replace(",", "")), money)
                else:
                    sheet.write_string(count, column, value[:32767], text)
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, max(count, 1), len(head) - 1)
        for column, title in enumerate(head):
            sheet.set_column(column, column, _WIDTHS.get(title, 22))
        notes = book.add_worksheet("筛选条件")
        notes.set_column(0, 0, 24)
        notes.set_column(1, 1, 80)
        for n, (name, value) in enumerate(filters.items()):
            notes.write_string(n, 0, name, bold)
            notes.write_string(n, 1, value, text)
    return buffer.getvalue()


def comma_separated(head: Sequence[str], rows: Rows) -> bytes:
    """RFC 4180 with a byte order mark, which Excel needs to read it as UTF-8."""
    return b"\xef\xbb\xbf" + comma_lines([head]) + comma_lines(rows)


def comma_lines(rows: Rows) -> bytes:
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows([harmless(value) for value in row] for row in rows)
    return buffer.getvalue().encode()


async def sent(
    request: web.Request, pieces: AsyncIterator[list[list[str]]], head: Sequence[str], name: str,
    filters: Callable[[int], Mapping[str, str]],
) -> web.StreamResponse:  # fmt: skip
    """A list as a file that begins to arrive with its first piece, whatever comes after.

    `name`: ASCII, ends in csv or xlsx. `filters`: of the workbook's second sheet, by how many rows
    there were. What fails after the first piece breaks the download off: half a file never looks
    whole.
    """
    first: list[list[str]] = await anext(pieces, [])
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    response = web.StreamResponse(headers=headers)
    response.content_type = "text/csv" if name.endswith("csv") else XLSX
    await response.prepare(request)
    if name.endswith("csv"):
        await response.write(comma_separated(head, first))
        async for piece in pieces:
            await response.write(comma_lines(piece))
    else:
        rows = [*first, *[row async for piece in pieces for row in piece]]
        await response.write(await asyncio.to_thread(excel, head, rows, filters(len(rows))))
    await response.write_eof()
    return response


def harmless(value: str) -> str:
    """A cell that a spreadsheet would read as a formula begins with an apostrophe instead."""
    return "'" + value if value.startswith(_FORMULA) else value


def attachment(body: bytes, media: str, name: str) -> web.Response:
    """`name`: ASCII. Never shown in the page, whatever it is."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return web.Response(body=body, content_type=media, headers=headers)

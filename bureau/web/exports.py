"""Lists as Excel and CSV files, sent while they are made: other pages go on meanwhile."""

import asyncio
import csv
import datetime as dt
import io
import zipfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from urllib.parse import quote

from aiohttp import web

from bureau.web.pages import clock
from bureau.web.route import Visit
from bureau.web.workbook_writing import Rows, Workbook

ROWS_MAX = 20_000
PIECE_ROWS = 250
"""So many are read, written and sent at a time: a few milliseconds of the loop."""
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def comma_separated(head: Sequence[str], rows: Rows) -> bytes:
    """RFC 4180 with a byte order mark, which Excel needs to read it as UTF-8."""
    return b"\xef\xbb\xbf" + comma_lines([head]) + comma_lines(rows)


def comma_lines(rows: Rows) -> bytes:
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows([harmless(value) for value in row] for row in rows)
    return buffer.getvalue().encode()


def counted(rows: int) -> str:
    """How many there were, and whether that is all: who reads a full file must know."""
    return f"{rows}（已达上限 at the limit）" if rows >= ROWS_MAX else f"{rows}"


def searched(visit: Visit, query: str, at: dt.datetime) -> Callable[[int], dict[str, str]]:
    """The second sheet of a list that was searched, once its lines are counted."""
    return lambda rows: {
        "查询条件 Query": query or "（全部）",
        "行政区划 Division": visit.division,
        "导出人 By": f"{visit.person.name}（{visit.person.login}）",
        "导出时间 At": clock(at),
        "行数 Rows": counted(rows),
    }


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
        async for part in _workbook(head, first, pieces, filters):
            await response.write(part)
    await response.write_eof()
    return response


async def _workbook(
    head: Sequence[str], first: list[list[str]], pieces: AsyncIterator[list[list[str]]],
    filters: Callable[[int], Mapping[str, str]],
) -> AsyncIterator[bytes]:  # fmt: skip
    """Made beside the loop, a piece at a time; the next one waits until this one was taken."""
    book = Workbook(head)
    try:
        yield await asyncio.to_thread(book.begin)
        yield await asyncio.to_thread(book.rows, first)
        async for piece in pieces:
            yield await asyncio.to_thread(book.rows, piece)
        yield await asyncio.to_thread(book.end, filters(book.count))
    finally:
        book.abandon()


def harmless(value: str) -> str:
    """A cell that a spreadsheet would read as a formula begins with an apostrophe instead."""
    return "'" + value if value.startswith(_FORMULA) else value


def zipped(files: Mapping[str, bytes | str]) -> bytes:
    """By name, in order, with no moment of its making: the same files are the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name), body)
    return buffer.getvalue()


def attachment(body: bytes, media: str, name: str, zh: str = "") -> web.Response:
    """`name`: ASCII; `zh`: the name that its reader keeps it under. Never shown in the page,
    whatever it is."""
    kept = f"; filename*=UTF-8''{quote(zh, safe='')}" if zh else ""
    headers = {"Content-Disposition": f'attachment; filename="{name}"{kept}'}
    return web.Response(body=body, content_type=media, headers=headers)

"""Lists as Excel and CSV files, made piece by piece: other pages go on meanwhile."""

import asyncio
import codecs
import csv
import datetime as dt
import io
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from urllib.parse import quote

from aiohttp import web

from bureau.desk.refusals import ActRefused
from bureau.web.pages import clock
from bureau.web.route import Visit
from bureau.web.workbook_writing import Rows, Workbook

ROWS_MAX = 20_000
AND_MORE = "（已达上限，以后还有 at the limit, there are more）"
PIECE_ROWS = 250
"""So many are read, written and sent at a time: a few milliseconds of the loop."""
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def comma_lines(rows: Rows) -> bytes:
    """As RFC 4180 has them."""
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows([harmless(value) for value in row] for row in rows)
    return buffer.getvalue().encode()


class Bounded:
    """The pieces of a list, to ROWS_MAX rows; then `more` says whether there were others."""

    def __init__(self, pieces: AsyncIterator[list[list[str]]]) -> None:
        self._pieces = pieces
        self.rows = 0
        self.more = False

    async def __aiter__(self) -> AsyncIterator[list[list[str]]]:
        async for piece in self._pieces:
            left = ROWS_MAX - self.rows
            self.rows += min(len(piece), left)
            yield piece[:left]
            if len(piece) > left:
                self.more = True
                return

    def counted(self) -> str:
        """How many there were, and whether that is all: who reads a full file must know."""
        return f"{self.rows}{AND_MORE if self.more else ''}"


def searched(visit: Visit, query: str, at: dt.datetime) -> Callable[[str], dict[str, str]]:
    """The second sheet of a list that was searched, once its lines are counted."""
    return lambda rows: {
        "查询条件 Query": query or "（全部）",
        "行政区划 Division": visit.division,
        "导出人 By": f"{visit.person.name}（{visit.person.login}）",
        "导出时间 At": clock(at),
        "行数 Rows": rows,
    }


async def sent(
    request: web.Request, pieces: AsyncIterator[list[list[str]]], head: Sequence[str], name: str,
    filters: Callable[[str], Mapping[str, str]], taken: Callable[[], Awaitable[None]],
) -> web.StreamResponse:  # fmt: skip
    """A list as a file: a workbook begins to arrive with its first piece, whatever comes after.

    `name`: ASCII, ends in csv or xlsx. `filters`: of the workbook's second sheet, by how many rows
    there were. `taken` tells the trail, before anything leaves. What fails after the first piece
    breaks the download off: half a file never looks whole.

    Raises ActRefused for a CSV of more than ROWS_MAX rows: such a file could not say that it ends
    there (decision 0116).
    """
    listed = Bounded(pieces)
    if name.endswith("csv"):
        body = await _whole(head, listed)
        await taken()
        return attachment(body, "text/csv", name)
    coming = aiter(listed)
    first: list[list[str]] = await anext(coming, [])
    await taken()
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    response = web.StreamResponse(headers=headers)
    response.content_type = XLSX
    await response.prepare(request)
    async for part in _workbook(head, first, coming, lambda: filters(listed.counted())):
        await response.write(part)
    await response.write_eof()
    return response


async def _whole(head: Sequence[str], listed: Bounded) -> bytes:
    """Raises ActRefused."""
    parts = [codecs.BOM_UTF8, comma_lines([head])]  # Excel needs the mark to read it as UTF-8
    async for piece in listed:
        parts.append(comma_lines(piece))
    if listed.more:
        raise ActRefused(
            "export_too_long",
            f"符合条件的超过 {ROWS_MAX} 行，而 CSV 文件无法写明自己不完整，故未生成。"
            "请按日期等条件缩小范围，分次导出，"
            f"或导出 Excel（前 {ROWS_MAX} 行，第二张表写明是否齐全）。",
            f"More than {ROWS_MAX} rows fit, and a CSV file cannot say that it is not all of them:"
            " none was made. Narrow it (by days, say) and export part by part, or take Excel,"
            f" whose second sheet says whether its {ROWS_MAX} rows are all.",
        )
    return b"".join(parts)


async def _workbook(
    head: Sequence[str], first: list[list[str]], pieces: AsyncIterator[list[list[str]]],
    filters: Callable[[], Mapping[str, str]],
) -> AsyncIterator[bytes]:  # fmt: skip
    """Made beside the loop, a piece at a time; the next one waits until this one was taken."""
    book = Workbook(head)
    try:
        yield await asyncio.to_thread(book.begin)
        yield await asyncio.to_thread(book.rows, first)
        async for piece in pieces:
            yield await asyncio.to_thread(book.rows, piece)
        yield await asyncio.to_thread(book.end, filters())
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

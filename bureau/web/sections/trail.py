"""Pages of the audit trail (操作留痕): in words, by person, act and days; proof and export."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import urlencode

import orjson
from aiohttp import web

from bureau.desk.deeds import ACTS, Asked, act_words, asked, detail_words
from bureau.desk.people import OFFICES_ZH, Office
from bureau.desk.seating import Seating
from bureau.desk.strip import Alarm, ending_alarms
from bureau.desk.trail import Following
from bureau.web.exports import PIECE_ROWS, searched, sent
from bureau.web.pages import clock
from bureau.web.rooms import Rooms
from bureau.web.route import Nav, Route, Visit, get, post
from bureau.web.telling import tell

PAGE_ROWS = 50
END = 2**62
WATCHERS = frozenset({Office.SECURITY})
_FIELDS = ("login", "what", "from", "to")
HEAD = (
    "序号 No.", "时间 Time", "登录名 Login", "姓名 Name", "岗位 Office", "操作 Act", "代码 Code",
    "对象 Subject", "详情 Detail", "摘要 Digest",
)  # fmt: skip


def routes(rooms: Rooms) -> list[Route]:
    pages = _Trail(rooms)
    home = "/desk/{division}/trail"
    return [
        get(home, pages.listed, WATCHERS, Nav(group="rule", zh="操作留痕", en="Audit trail")),
        post(home, pages.verify, WATCHERS),
        get(home + ".{kind:xlsx|csv}", pages.export, WATCHERS),
    ]


class _Trail:
    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    async def listed(self, visit: Visit) -> web.Response:
        return await self._shown(visit, None)

    async def verify(self, visit: Visit) -> web.Response:
        """Every digest over the one before it, computed now from the kept bytes. That it was done,
        and what came of it, is an act too."""
        following = Following()
        broken = following.broken(await self._rooms.people.trail(visit.division, following.take))
        found = {} if broken is None else {"broken_at": broken}
        await tell(self._rooms, visit, "trail.verified", "", rows=following.rows, **found)
        return await self._shown(visit, (following.rows, broken))

    async def export(self, visit: Visit) -> web.StreamResponse:
        kind, query = visit.request.match_info["kind"], _query(visit)
        pieces = self._pieces(visit, _asked(visit))
        return await sent(
            visit.request, pieces, HEAD, f"trail.{kind}",
            searched(visit, query, self._rooms.clock()),
            partial(tell, self._rooms, visit, "trail.exported", query, file=kind),
        )  # fmt: skip

    async def _pieces(self, visit: Visit, wanted: Asked) -> AsyncIterator[list[list[str]]]:
        before = END
        while True:
            piece = await self._acts(visit, before, wanted, PIECE_ROWS)
            yield [_cells(row) for row in piece]
            if len(piece) < PIECE_ROWS:
                return
            before = piece[-1]["seq"]

    async def _shown(self, visit: Visit, proof: tuple[int, int | None] | None) -> web.Response:
        before = visit.query("before") or str(END)
        if not (before.isascii() and before.isdigit() and len(before) < 20):
            raise web.HTTPBadRequest(reason="before: not a number")
        rows = await self._acts(visit, int(before), _asked(visit), PAGE_ROWS)
        older = None
        if len(rows) == PAGE_ROWS:
            older = f"?{_query(visit)}&before={rows[-1]['seq']}"
        return self._rooms.pages(
            "trail", visit=visit, rows=rows, older=older, proof=proof, acts=ACTS,
            alarms=await self._alarms(visit),
            program=[read_act(row) for row in await self._program(visit)],
            typed={field: visit.query(field, 100) for field in _FIELDS}, query=_query(visit),
        )  # fmt: skip

    async def _alarms(self, visit: Visit) -> Sequence[Alarm]:
        """Certificates that end, at the head of the first page: a security officer's day begins
        here, and may see to them."""
        if visit.query("before") or _query(visit):
            return ()
        held = await asyncio.to_thread(self._rooms.shelf.held)
        return ending_alarms(held, self._rooms.clock())

    async def _program(self, visit: Visit) -> Sequence[Mapping[str, Any]]:
        """What whoever runs the program did to accounts, at the head of the first page."""
        if visit.query("before") or _query(visit):
            return []
        return await Seating(self._rooms.people, self._rooms.clock).program_acts([visit.division])

    async def _acts(
        self, visit: Visit, before: int, wanted: Asked, limit: int
    ) -> Sequence[Mapping[str, Any]]:
        rows = await self._rooms.people.acts(
            visit.division, before, (wanted.login, wanted.what, wanted.since, wanted.until), limit
        )
        return [read_act(row) for row in rows]


def _asked(visit: Visit) -> Asked:
    return asked(*(visit.query(field, 100) for field in _FIELDS))


def _query(visit: Visit) -> str:
    typed = {field: visit.query(field, 100) for field in _FIELDS}
    return urlencode({field: text for field, text in typed.items() if text})


def read_act(row: Mapping[str, Any]) -> dict[str, Any]:
    detail = orjson.loads(row["body"])["detail"]
    return {
        **row, "act": act_words(row["what"]), "detail": detail, "details": detail_words(detail)
    }  # fmt: skip


def _cells(row: Mapping[str, Any]) -> list[str]:
    details = "；".join(f"{zh} {value}" for zh, _, value in row["details"])
    return [
        str(row["seq"]), clock(row["at"]), row["login"], row["name"] or "",
        OFFICES_ZH.get(row["office"], ""), row["act"][0], row["what"], row["subject"], details,
        row["digest"].hex(),
    ]  # fmt: skip

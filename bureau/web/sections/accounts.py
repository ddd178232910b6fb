"""Pages of accounts and of the audit trail (账号管理, 操作留痕)."""

from typing import Any

import orjson
from aiohttp import web

from bureau.desk.people import OFFICES_ZH, Office, Person, covers, flaws
from bureau.desk.trail import first_break
from bureau.web.rooms import Rooms
from bureau.web.route import Nav, Route, Visit, get, post, see

PAGE_ROWS = 50
END = 2**62
KEEPERS = frozenset({Office.ADMINISTRATOR})
WATCHERS = frozenset({Office.SECURITY})


def routes(rooms: Rooms) -> list[Route]:
    pages = _Accounts(rooms)
    return [
        get("/accounts", pages.list, KEEPERS, Nav(group="rule", zh="账号", en="Accounts")),
        post("/accounts", pages.open, KEEPERS),
        post("/accounts/{login}/{step}", pages.step, KEEPERS),
        get(
            "/desk/{division}/trail", pages.trail, WATCHERS,
            Nav(group="rule", zh="操作留痕", en="Audit trail"),
        ),
        post("/desk/{division}/trail", pages.verify, WATCHERS),
    ]  # fmt: skip


class _Accounts:
    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    async def list(self, visit: Visit, **said: Any) -> web.Response:
        """`said`: link to hand over, or what was wrong with the form."""
        rows = await self._rooms.people.people(visit.query("after"), PAGE_ROWS)
        mine = [row for row in rows if self._governs(visit.person, row["division"])]
        older = f"/accounts?after={rows[-1]['login']}" if len(rows) == PAGE_ROWS else None
        return self._rooms.pages(
            "accounts", visit=visit, rows=mine, older=older, offices=OFFICES_ZH,
            divisions=[d for d in self._rooms.divisions if self._governs(visit.person, d)],
            **{"link": None, "whose": "", "oops": [], "typed": {}} | said,
        )  # fmt: skip

    async def open(self, visit: Visit) -> web.Response:
        fields = ("login", "name", "office", "division", "code", "party", "subject")
        typed = {field: visit.text(field, 200) for field in fields}
        login = typed["login"] = typed["login"].lower()
        oops = flaws(login, typed["name"], typed["office"], typed["division"], typed["code"])
        if not self._governs(visit.person, typed["division"]):
            oops.append("行政区划：不属于您管理的范围")
        if not oops:
            person = Person(
                login=login, division=typed["division"], office=Office(typed["office"]),
                name=typed["name"], code=typed["code"],
            )  # fmt: skip
            bound = {key: typed[key] or None for key in ("party", "subject")}
            if not await self._rooms.entry.open_account(person, visit.person.login, **bound):
                oops.append("登录名、证书或统一身份已被使用")
        if oops:
            return await self.list(visit, oops=oops, typed=typed)
        token = await self._rooms.entry.invite(login, visit.person.login)
        return await self.list(visit, link=_link(visit, token), whose=login)

    async def step(self, visit: Visit) -> web.Response:
        login, step = visit.request.match_info["login"], visit.request.match_info["step"]
        row = await self._rooms.people.person(login)
        if row is None or not self._governs(visit.person, row["division"]):
            raise web.HTTPNotFound()
        entry = self._rooms.entry
        if step == "reset":
            link = _link(visit, await entry.reset(login, visit.person))
            return await self.list(visit, link=link, whose=login)
        if step not in ("close", "reopen") or login == visit.person.login:
            raise web.HTTPNotFound()
        await entry.shut(login, visit.person, disabled=step == "close")
        raise see("/accounts")

    async def trail(self, visit: Visit) -> web.Response:
        return await self._trail(visit, None)

    async def verify(self, visit: Visit) -> web.Response:
        bodies, head = await self._rooms.people.trail(visit.division)
        broken = first_break(bodies, head)
        return await self._trail(visit, (len(bodies), broken))

    async def _trail(self, visit: Visit, proof: tuple[int, int | None] | None) -> web.Response:
        before = visit.query("before") or str(END)
        if not (before.isascii() and before.isdigit() and len(before) < 20):
            raise web.HTTPBadRequest(reason="before: not a number")
        login = visit.query("login", 32)
        rows = [
            {**row, "detail": orjson.loads(row["body"])["detail"]}
            for row in await self._rooms.people.acts(visit.division, int(before), login, PAGE_ROWS)
        ]
        older = f"?login={login}&before={rows[-1]['seq']}" if len(rows) == PAGE_ROWS else None
        return self._rooms.pages(
            "trail", visit=visit, rows=rows, older=older, proof=proof, login=login
        )

    def _governs(self, person: Person, division: str) -> bool:
        return division in self._rooms.divisions and covers(person.division, division)


def _link(visit: Visit, token: str) -> str:
    return f"{visit.request.scheme}://{visit.request.host}/sign-in/link/{token}"

"""Pages of accounts (账号管理): two administrators seat a person."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import orjson
from aiohttp import web

from bureau.desk.entry import ADMINISTRATORS_MIN
from bureau.desk.people import OFFICES_ZH, Office, Person, covers, flaws
from bureau.desk.seating import KIND_ZH, Kind, Seating, Wish
from bureau.web.rooms import Rooms
from bureau.web.route import FormRefused, Nav, Route, Undone, Visit, get, post, see

PAGE_ROWS = 50
KEEPERS = frozenset({Office.ADMINISTRATOR})


def routes(rooms: Rooms) -> list[Route]:
    pages = _Accounts(rooms)
    return [
        get("/accounts", pages.list, KEEPERS, Nav(group="rule", zh="账号", en="Accounts")),
        post("/accounts", pages.open, KEEPERS, again=pages.again),
        post(
            "/accounts/requests/{ask:[0-9]{1,9}}/{step}", pages.decide, KEEPERS, again=pages.again
        ),
        post("/accounts/{login}/{step}", pages.step, KEEPERS, again=pages.again),
    ]  # fmt: skip


class _Accounts:
    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._seating = Seating(rooms.people, rooms.clock)

    async def list(self, visit: Visit, **said: Any) -> web.Response:
        """`said`: link or code to hand over, or which form was refused. A form that was sent from a
        later page comes back to that page."""
        after = visit.query("after")
        rows = await self._rooms.people.people(after, PAGE_ROWS)
        mine = [row for row in rows if self._governs(visit.person, row["division"])]
        older = f"/accounts?after={rows[-1]['login']}" if len(rows) == PAGE_ROWS else None
        divisions = [d for d in self._rooms.divisions if self._governs(visit.person, d)]
        requests = [
            row for row in await self._seating.requests()
            if self._governs(visit.person, row["division"])
        ]  # fmt: skip
        return self._rooms.pages(
            "accounts", visit=visit, rows=mine, after=after, older=older, offices=OFFICES_ZH,
            kinds=KIND_ZH, divisions=divisions, requests=requests,
            able=len(await self._seating.able(visit.person.division)), wanted=ADMINISTRATORS_MIN,
            program=[_read(row) for row in await self._seating.program_acts(divisions)],
            **{"link": None, "code": None, "whose": "", "asked": None} | said,
        )  # fmt: skip

    async def again(self, visit: Visit, undone: Undone) -> web.Response:
        return await self.list(visit, undone=undone)

    async def open(self, visit: Visit) -> web.Response:
        """Asks for an account; another administrator opens it."""
        fields = ("login", "name", "office", "division", "code", "party", "subject", "reason")
        typed = {field: visit.text(field, 200) for field in fields}
        login = typed["login"] = typed["login"].lower()
        oops = flaws(login, typed["name"], typed["office"], typed["division"], typed["code"])
        if not self._governs(visit.person, typed["division"]):
            oops.append(("行政区划：不属于您管理的范围", "division: not one that you govern"))
        if not typed["reason"]:
            oops.append(("理由：必填", "reason: required"))
        if await self._rooms.people.person(login) is not None:
            oops.append(
                ("登录名、证书或统一身份已被使用", "login, certificate or identity is taken")
            )
        if oops:
            raise FormRefused(oops)
        person = Person(
            login=login, division=typed["division"], office=Office(typed["office"]),
            name=typed["name"], code=typed["code"],
        )  # fmt: skip
        wish = Wish(
            kind=Kind.OPEN, person=person, reason=typed["reason"], party=typed["party"] or None,
            subject=typed["subject"] or None,
        )  # fmt: skip
        return await self.list(visit, asked=await self._seating.ask(wish, visit.person))

    async def step(self, visit: Visit) -> web.Response:
        login, step = visit.request.match_info["login"], visit.request.match_info["step"]
        row = await self._rooms.people.person(login)
        if row is None or not self._governs(visit.person, row["division"]):
            raise web.HTTPNotFound()
        if step in (Kind.RESET, Kind.REOPEN):
            person = Person(
                login=login, division=row["division"], office=Office(row["office"]),
                name=row["name"], code=row["code"],
            )  # fmt: skip
            wish = Wish(kind=Kind(step), person=person, reason=visit.text("reason", 200))
            return await self.list(visit, asked=await self._seating.ask(wish, visit.person))
        if step != "close" or login == visit.person.login:
            raise web.HTTPNotFound()
        await self._rooms.entry.shut(login, visit.person)
        after = visit.query("after")
        raise see("/accounts" + (f"?{urlencode({'after': after})}" if after else ""))

    async def decide(self, visit: Visit) -> web.Response:
        """The other administrator's word; the link, for who asked."""
        number, step = int(visit.request.match_info["ask"]), visit.request.match_info["step"]
        row = await self._rooms.people.request(number)
        if row is None or not self._governs(visit.person, row["division"]):
            raise web.HTTPNotFound()
        if step == "link":
            token, whose = await self._seating.link(number, visit.person)
            return await self.list(visit, link=_link(visit, token), whose=whose)
        if step not in ("approve", "refuse"):
            raise web.HTTPNotFound()
        code = await self._seating.decide(number, visit.person, agree=step == "approve")
        return await self.list(visit, code=code or None, whose=row["login"])

    def _governs(self, person: Person, division: str) -> bool:
        return division in self._rooms.divisions and covers(person.division, division)


def _read(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, "detail": orjson.loads(row["body"])["detail"]}


def _link(visit: Visit, token: str) -> str:
    return f"{visit.request.scheme}://{visit.request.host}/sign-in/link/{token}"

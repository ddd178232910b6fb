"""The first page: what waits for this person (待办), and what has just come."""

import asyncio
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
from aiohttp import web

from bureau.desk.casework.words import Stage
from bureau.desk.docket.office import only_told
from bureau.desk.interceptions import searched
from bureau.desk.people import CASE_PARTIES, READERS, Office
from bureau.desk.releases import VALID
from bureau.desk.search import Search
from bureau.desk.strip import Strip, ending_alarms, strange_alarms, strip_of
from bureau.web.rooms import Rooms
from bureau.web.route import Nav, Route, Visit, get, see
from bureau.web.sections.case_list import as_seen, scope_values
from bureau.web.sections.holds import with_end
from gateway.domain.legal_day import legal_day

WAITING_SHOWN = 50
NEWEST_SHOWN = 10
_ELSEWHERE = {Office.ADMINISTRATOR: "/accounts"}
_SECTIONS = {Office.SECURITY: "trail", Office.KEEPER: "complaints"}


def routes(rooms: Rooms) -> list[Route]:
    pages = _Home(rooms)
    return [
        get("/", pages.first, frozenset(Office)),
        get("/desk/{division}", pages.home, CASE_PARTIES, Nav(group="work", zh="待办", en="To do")),
    ]


class _Home:
    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    async def first(self, visit: Visit) -> web.Response:
        """Where this office's day begins."""
        person = visit.person
        if section := _SECTIONS.get(person.office):
            raise see(f"/desk/{person.division}/{section}")
        raise see(_ELSEWHERE.get(person.office, f"/desk/{person.division}"))

    async def home(self, visit: Visit) -> web.Response:
        rooms, person = self._rooms, visit.person
        office = person.office
        turns = {Office.DEPARTMENT: "agency", Office.PROVINCE: "approver"}
        turn = turns.get(office, office.value)
        scope = (*scope_values(person), only_told(person))
        asked = await rooms.cases.waiting(visit.division, turn, scope, WAITING_SHOWN)
        waiting = await self._own(visit, asked)
        newest = await searched(
            rooms.desk, visit.division, person.scope, Search(), limit=NEWEST_SHOWN
        )
        holds = await self._holds(visit)
        wishes, changes = await self._registers(visit)
        drafts = await self._drafts(visit)
        strip = await self._strip(visit) if office in READERS else None
        return rooms.pages(
            "home", visit=visit, waiting=waiting, lines=newest, strip=strip,
            today=legal_day(rooms.clock()), more=len(asked) == WAITING_SHOWN, holds=holds,
            wishes=wishes, changes=changes, drafts=drafts, now=rooms.clock(),
            most=WAITING_SHOWN,
        )  # fmt: skip

    async def _own(self, visit: Visit, rows: Sequence[Any]) -> list[Mapping[str, Any]]:
        """Of people outside, the cases in which an answer of theirs is due, soonest first."""
        seen = await as_seen(self._rooms, visit.person, rows)
        if visit.person.inside:
            return seen
        theirs = [
            row
            for row in seen
            if row["stage"] != Stage.VERIFYING or row["awaits"] == row["against"]
        ]
        return sorted(theirs, key=lambda row: row["due"] or dt.date.max)

    async def _strip(self, visit: Visit) -> Strip:
        rooms, now = self._rooms, self._rooms.clock()
        found = await strip_of(rooms.desk, rooms.store, visit.division, now)
        alarms = ending_alarms(await asyncio.to_thread(rooms.shelf.held), now)
        strange = strange_alarms(await rooms.not_ours.open(visit.division))
        return attrs.evolve(found, alarms=(*strange, *alarms, *found.alarms))

    async def _registers(self, visit: Visit) -> tuple[list[Any], list[Any]]:
        """Measures of cases that nobody has proposed to the registers yet, for whoever proposes;
        proposals that wait, for whoever approves."""
        store, office = self._rooms.registers.store, visit.person.office
        wishes = await store.wishes(visit.division) if office is Office.REVIEWER else []
        waits = office is Office.APPROVER
        changes = await store.waiting(visit.division, WAITING_SHOWN) if waits else []
        return list(wishes), list(changes)

    async def _drafts(self, visit: Visit) -> list[Mapping[str, Any]]:
        """The oldest drafts of policies that nobody has agreed to or sent back yet."""
        if visit.person.office is not Office.APPROVER:
            return []
        return list(await self._rooms.policies.store.waiting(visit.division, WAITING_SHOWN))

    async def _holds(self, visit: Visit) -> list[Mapping[str, Any]]:
        """The oldest open holds whose next step is this person's: propose or approve."""
        step = {Office.REVIEWER: "propose", Office.APPROVER: "approve"}.get(visit.person.office)
        if step is None:
            return []
        rows = await self._rooms.holds.open_holds(
            visit.division, None, WAITING_SHOWN, self._rooms.clock() - VALID, step
        )
        return [with_end(row) for row in rows]

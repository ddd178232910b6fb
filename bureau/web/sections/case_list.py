"""The list of cases (案件台账): what is searched, page by page, and all of it as a file."""

import datetime as dt
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import urlencode

import attrs
from aiohttp import web

from bureau.desk.casework.phase import STAGES_ZH, Phase, phase, standing_zh
from bureau.desk.casework.state import awaits, owes
from bureau.desk.casework.words import ORIGIN_ZH, Stage
from bureau.desk.docket.issue import case_no
from bureau.desk.docket.office import only_told
from bureau.desk.interceptions import WORDS_AMONG
from bureau.desk.people import CASE_PARTIES, READERS, Person
from bureau.desk.search import QUERY_CHARS_MAX, Search, parsed
from bureau.web.exports import PIECE_ROWS, searched, sent
from bureau.web.pages import clock
from bureau.web.paging import numbered_before
from bureau.web.rooms import Rooms
from bureau.web.route import Nav, Route, Visit, get, see
from bureau.web.telling import tell
from gateway.domain.legal_day import legal_day
from gateway.domain.money import yuan

PAGE_ROWS = 50
HEAD = (
    "案件 Case", "立案时间 Opened", "来源 Origin", "对象 Party", "代码 Code", "主管部门 Department",
    "事由 Subject", "涉及金额（元） Yuan", "规则 Policies", "现状 Standing", "期限 Due",
)  # fmt: skip
Place = tuple[dt.datetime, int]
_NOT_HERE = ("outcome", "state", "voucher")
"""Conditions that only interceptions have."""
_NUMBER = re.compile(
    r"(?:案件)?(?:(?P<year>[0-9]{4})年第?(?P<of>[0-9]{1,9})号?|第?(?P<now>[0-9]{1,9})号)", re.ASCII
)
_REPORTED = Phase.REPORTED.value
_STAGES = {zh: stage.value for stage, zh in STAGES_ZH.items()} | {
    "已报送整改": _REPORTED,
    "待认可": _REPORTED,
}
"""As people type a stage, and as the list's buttons do."""


def routes(rooms: Rooms) -> list[Route]:
    pages, home = _CaseList(rooms), "/desk/{division}/cases"
    return [
        get(home, pages.listed, CASE_PARTIES, Nav(group="work", zh="案件", en="Cases")),
        get(home + ".{kind:xlsx|csv}", pages.export, READERS),
    ]


@attrs.frozen(kw_only=True)
class _Found:
    rows: Sequence[Mapping[str, Any]] = ()
    reach: Place | None = None
    """Words were looked for up to this case, and older ones fit the rest."""

    def further(self, limit: int) -> Place | None:
        """Behind which there may be more; None: these are all."""
        if self.reach is None and len(self.rows) == limit:
            return self.rows[-1]["opened_at"], self.rows[-1]["number"]
        return self.reach


class _CaseList:
    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    async def listed(self, visit: Visit) -> web.Response:
        query = visit.query("q", QUERY_CHARS_MAX)
        search = _known(parsed(query, _NOT_HERE))
        found = await self._found(visit, search, numbered_before(visit), PAGE_ROWS)
        return self._rooms.pages(
            "cases", visit=visit, rows=found.rows, query=query, search=search,
            older=_older(query, found), stages=STAGES_ZH, today=legal_day(self._rooms.clock()),
            reach=found.reach, among=WORDS_AMONG,
        )  # fmt: skip

    async def export(self, visit: Visit) -> web.StreamResponse:
        query = visit.query("q", QUERY_CHARS_MAX)
        search = _known(parsed(query, _NOT_HERE))
        if search.errors:  # the page says what is wrong with it; an empty file would say nothing
            raise see(f"/desk/{visit.division}/cases?{urlencode({'q': query})}")
        kind = visit.request.match_info["kind"]
        return await sent(
            visit.request, self._pieces(visit, search), HEAD, f"cases.{kind}",
            searched(visit, query, self._rooms.clock()),
            partial(tell, self._rooms, visit, "cases.exported", query, file=kind),
        )  # fmt: skip

    async def _pieces(self, visit: Visit, search: Search) -> AsyncIterator[list[list[str]]]:
        before = None
        while True:
            found = await self._found(visit, search, before, PIECE_ROWS)
            yield [self._cells(row) for row in found.rows]
            before = found.further(PIECE_ROWS)
            if before is None:
                return

    async def _found(
        self, visit: Visit, search: Search, before: Place | None, limit: int
    ) -> _Found:
        if search.errors:
            return _Found()
        stage, reported = _staged(search.stage)
        year = legal_day(self._rooms.clock()).year
        narrowed = (
            *_scoped(visit.person), stage, search.agency, search.policy, search.least, search.most,
            search.since, search.until, search.bank, *_numbered(search.words, year), reported,
        )  # fmt: skip
        cases = self._rooms.cases
        rows = await cases.cases(visit.division, before, narrowed, limit, WORDS_AMONG)
        last = rows[-1] if rows and narrowed[-2] and rows[-1]["last_looked_at"] else None
        fitting = [row for row in rows if row["fits"]]
        return _Found(
            rows=await as_seen(self._rooms, visit.person, fitting),
            reach=(last["opened_at"], last["number"]) if last else None,
        )

    def _cells(self, row: Mapping[str, Any]) -> list[str]:
        names, division = self._rooms.names, row["division"]
        if row["against"] == "agency":
            code = row["agency_code"]
            party = names.agency(division, code) or row["agency_name"]
            above = names.department(division, code)
        else:
            code, party, above = row["bank"], names.bank(row["bank"]), ""
        return [
            case_no(row["year"], row["number"]), clock(row["opened_at"]),
            ORIGIN_ZH.get(row["origin"], row["origin"]), party, code, above, row["title"],
            yuan(row["amount_fen"]), " ".join(row["policies"]),
            standing_zh(row, legal_day(self._rooms.clock()), inside=True),
            row["due"].isoformat() if row["due"] else "",
        ]  # fmt: skip


def _numbered(words: str | None, year: int) -> tuple[int | None, int | None, str | None]:
    """`2026年第3号`, as a case is written, is its number, and `第3号` this year's; other words are
    looked for."""
    found = _NUMBER.fullmatch(words or "")
    if found is None:
        return None, None, words
    return int(found["year"] or year), int(found["of"] or found["now"]), None


async def as_seen(
    rooms: Rooms, person: Person, rows: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """People outside read what they themselves owe and until when; what is asked of another
    department beside it neither stands there nor takes its place."""
    if person.inside:
        return list(rows)
    return [
        await _own_part(rooms, row) if row["stage"] == Stage.VERIFYING and row["due"] else row
        for row in rows
    ]


async def _own_part(rooms: Rooms, row: Mapping[str, Any]) -> Mapping[str, Any]:
    _, case, _ = await rooms.office.state((row["division"], row["year"], row["number"]))
    own = case.for_party
    turn = row["against"] if owes(own) else awaits(own)
    return {**row, "due": own.due, "awaits": turn, "phase": phase(own).value}


def scope_values(person: Person) -> tuple[str | None, str | None, str | None]:
    return person.scope.agency, person.scope.department, person.scope.bank


def _scoped(person: Person) -> tuple[str | None, str | None, str | None, bool]:
    return (*scope_values(person), only_told(person))


def _known(search: Search) -> Search:
    """With the stages there are, where none of them was typed."""
    if search.stage is None or search.stage in _STAGES or search.stage in _STAGES.values():
        return search
    error = (
        f"没有“{search.stage}”这个阶段，可用的阶段：{'、'.join(STAGES_ZH.values())}",
        f"{search.stage} is no stage of a case",
    )
    return attrs.evolve(search, errors=(*search.errors, error))


def _staged(typed: str | None) -> tuple[str | None, bool | None]:
    """A search's stage, and whether its report must be there: 整改中 is without one."""
    stage = _STAGES.get(typed or "", typed)
    if stage == _REPORTED:
        return Stage.RECTIFYING.value, True
    return stage, False if stage == Stage.RECTIFYING else None


def _older(query: str, found: _Found) -> str | None:
    place = found.further(PAGE_ROWS)
    if place is None:
        return None
    return "?" + urlencode({"q": query, "before": place[0].isoformat(), "no": place[1]})

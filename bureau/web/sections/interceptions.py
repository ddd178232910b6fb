"""Pages of interceptions (拦截): search, live list, export, print, and the "why refused" card."""

from collections.abc import AsyncIterator
from functools import partial
from urllib.parse import urlencode

from aiohttp import web

from bureau.desk.docket.office import only_told
from bureau.desk.interceptions import (
    PAGE_ROWS,
    STATES_ZH,
    WORDS_AMONG,
    Card,
    Found,
    Line,
    found,
    line_place,
    why_refused,
)
from bureau.desk.law import titles_of
from bureau.desk.names import Names
from bureau.desk.people import CASE_PARTIES, READERS
from bureau.desk.search import QUERY_CHARS_MAX, Search, parsed
from bureau.desk.strip import strip_of
from bureau.ports import LinePlace
from bureau.web.exports import PIECE_ROWS, attachment, searched, sent
from bureau.web.guard import shown_by
from bureau.web.pages import clock, outcome_zh
from bureau.web.paging import line_before, place_query
from bureau.web.rooms import Rooms
from bureau.web.route import Nav, Route, Visit, get, post, see
from bureau.web.sees import sees
from bureau.web.telling import tell
from gateway.domain.legal_day import legal_day

PRINT_ROWS = 200
_NOT_HERE = ("stage",)
"""Conditions that only cases have."""
HEAD = (
    "时间 Time", "判定 Outcome", "现状 State", "年度 Year", "凭证类型 Type", "凭证号 Voucher",
    "单位代码 Agency code", "预算单位 Agency", "主管部门 Department", "收款人 Payee",
    "金额（元） Yuan", "规则 Policies", "理由 Reason", "银行行号 Bank code", "代理银行 Bank",
)  # fmt: skip


def routes(rooms: Rooms) -> list[Route]:
    pages = _Interceptions(rooms)
    home = "/desk/{division}"
    card = home + "/{year:[0-9]{4}}/{type}/{no}"
    return [
        get(
            home + "/interceptions", pages.listed, CASE_PARTIES,
            Nav(group="work", zh="拦截", en="Interceptions"),
        ),
        get(home + "/interceptions/rows", pages.rows, CASE_PARTIES),
        get(home + "/interceptions/print", pages.printed, CASE_PARTIES),
        get(home + "/interceptions.{kind:xlsx|csv}", pages.export, CASE_PARTIES),
        get(home + "/events", pages.events, READERS),
        get(card, pages.card, CASE_PARTIES),
        post(card + "/verify", pages.verify, CASE_PARTIES),
        get(card + "/evidence.json", pages.evidence, READERS),
    ]  # fmt: skip


class _Interceptions:
    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    async def listed(self, visit: Visit) -> web.Response:
        before = line_before(visit)
        query, search, asked = await self._found(visit, before, PAGE_ROWS)
        fresh = before is None and visit.person.office in READERS
        return self._rooms.pages(
            "interceptions", visit=visit, lines=asked.lines, query=query, search=search,
            strip=await self._strip(visit), fresh=fresh, older=_older(query, asked),
            reach=asked.reach, among=WORDS_AMONG,
            views=await self._rooms.people.views(visit.person.login),
        )  # fmt: skip

    async def rows(self, visit: Visit) -> web.Response:
        """The changing part of the list alone, for the page's script."""
        _, _, asked = await self._found(visit, None, PAGE_ROWS)
        strip = await self._strip(visit)
        return self._rooms.pages(
            "rows", visit=visit, lines=asked.lines, strip=strip, query=visit.query("q"),
            reach=asked.reach,
        )  # fmt: skip

    async def printed(self, visit: Visit) -> web.Response:
        query, search, asked = await self._found(visit, None, PRINT_ROWS)
        return self._rooms.pages(
            "print", visit=visit, lines=asked.lines, query=query, search=search,
            now=self._rooms.clock(), whole=len(asked.lines) < PRINT_ROWS and not asked.reach,
        )  # fmt: skip

    async def export(self, visit: Visit) -> web.StreamResponse:
        query = visit.query("q", QUERY_CHARS_MAX)
        search = parsed(query, _NOT_HERE)
        if search.errors:  # the page says what is wrong with it; an empty file would say nothing
            raise see(f"/desk/{visit.division}/interceptions?{urlencode({'q': query})}")
        kind = visit.request.match_info["kind"]
        return await sent(
            visit.request, self._pieces(visit, search), HEAD, f"interceptions.{kind}",
            searched(visit, query, self._rooms.clock()),
            partial(tell, self._rooms, visit, "list.exported", query, file=kind),
        )  # fmt: skip

    async def events(self, visit: Visit) -> web.StreamResponse:
        """For as long as the session lives; listening is no presence of its person."""
        entry, token = self._rooms.entry, visit.seat.token
        shows = shown_by(visit.request, self._rooms.certificate_counts)

        async def may_stay() -> bool:
            return await entry.seat(token, visited=False, shows=shows) is not None

        return await self._rooms.live.stream(visit.request, visit.person.login, may_stay)

    async def card(self, visit: Visit) -> web.Response:
        return await self._shown(visit, await self._card(visit), None)

    async def verify(self, visit: Visit) -> web.Response:
        """Every step of the record's proof, computed now from the stored bytes."""
        card = await self._card(visit)
        return await self._shown(visit, card, await self._rooms.prover.steps(card.line))

    async def evidence(self, visit: Visit) -> web.Response:
        """Its records with their proofs, for an auditor who asks neither us nor the bank. That it
        was taken out is an act."""
        line = (await self._card(visit)).line
        body = await self._rooms.prover.evidence(line)
        if body is None:
            raise web.HTTPNotFound()
        subject = f"{line.division}/{line.fiscal_year}/{line.voucher_type}/{line.voucher_no}"
        await tell(self._rooms, visit, "record.taken_out", subject, bank=line.bank)
        number = "".join(each if each.isalnum() else "_" for each in line.voucher_no)
        return attachment(body, "application/json", "evidence.json", f"证据-{number}.json")

    async def _shown(self, visit: Visit, card: Card, proof: object) -> web.Response:
        line = card.line
        key = (line.division, line.fiscal_year, line.voucher_type, line.voucher_no)
        cases = await self._rooms.cases.cases_of((*key, line.bank), only_told(visit.person))
        return self._rooms.pages(
            "card", visit=visit, card=card, line=line, proof=proof, law=self._rooms.law,
            cases=[case for case in cases if sees(visit.person, case)],
            today=legal_day(self._rooms.clock()),
            replayed=await self._replayed(visit, key, line.bank), trials=_own_first(card),
            evidence_offices=READERS,
        )  # fmt: skip

    async def _replayed(self, visit: Visit, key: tuple[object, ...], bank: str) -> object:
        """Its last replay by its own bank's gateway, for those inside the bureau."""
        if visit.person.office not in READERS:
            return None
        subject = "/".join(map(str, key))
        return await self._rooms.questions.store.replay(visit.division, subject, bank)

    async def _card(self, visit: Visit) -> Card:
        """404 also for what another agency's person asks of: its existence is not told."""
        info = visit.request.match_info
        key = (visit.division, int(info["year"]), info["type"], info["no"])
        bank = visit.person.scope.bank or visit.query("bank", 40) or None
        card = await why_refused(self._rooms.desk, *key, bank)
        if card is None or not visit.person.scope.covers(card.line.agency_code, card.line.bank):
            raise web.HTTPNotFound()
        return card

    async def _found(
        self, visit: Visit, before: LinePlace | None, limit: int
    ) -> tuple[str, Search, Found]:
        query = visit.query("q", QUERY_CHARS_MAX)
        search = parsed(query, _NOT_HERE)
        asked = await found(
            self._rooms.desk, visit.division, visit.person.scope, search, before=before, limit=limit
        )
        return query, search, asked

    async def _pieces(self, visit: Visit, search: Search) -> AsyncIterator[list[list[str]]]:
        """Everything that fits, piece by piece: other pages go on meanwhile. Words are looked for
        in all lines, however many have none of them."""
        before = None
        while True:
            asked = await found(
                self._rooms.desk, visit.division, visit.person.scope, search, before=before,
                limit=PIECE_ROWS,
            )  # fmt: skip
            yield [_cells(line, self._rooms.names) for line in asked.lines]
            before = _further(asked, PIECE_ROWS)
            if before is None:
                return

    async def _strip(self, visit: Visit) -> object:
        """Figures of the whole division: not for people outside the bureau."""
        if visit.person.office not in READERS:
            return None
        rooms = self._rooms
        return await strip_of(rooms.desk, rooms.store, visit.division, rooms.clock())


def _own_first(card: Card) -> list[tuple[str, str]]:
    """Policies to be tried on a payment: those that found something first."""
    own = {finding.policy for finding in card.findings}
    return sorted(titles_of().items(), key=lambda each: (each[0] not in own, each[0]))


def _older(query: str, asked: Found) -> str | None:
    place = _further(asked, PAGE_ROWS)
    return place_query(place, q=query) if place else None


def _further(asked: Found, limit: int) -> LinePlace | None:
    """Where there may be more; None: these are all."""
    if asked.reach is None and len(asked.lines) == limit:
        return line_place(asked.lines[-1])
    return asked.reach


def _cells(line: Line, names: Names) -> list[str]:
    agency = names.agency(line.division, line.agency_code) or line.agency_name
    return [
        clock(line.decided_at), outcome_zh(line.outcome), STATES_ZH.get(line.state, line.state),
        str(line.fiscal_year), line.voucher_type, line.voucher_no, line.agency_code, agency,
        names.department(line.division, line.agency_code), line.payee_name, line.amount,
        " ".join(line.policies), line.reason_zh, line.bank, names.bank(line.bank),
    ]  # fmt: skip

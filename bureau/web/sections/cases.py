"""Pages of cases (案件): list, one case with its timeline and forms, documents, files."""

import asyncio
import datetime as dt
import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode

import attrs
from aiohttp import web

from bureau.desk.casework.phase import STAGES_ZH, Phase, phase
from bureau.desk.casework.referral import REFERRALS
from bureau.desk.casework.state import Case, awaits
from bureau.desk.casework.words import (
    DECIDING,
    WHO,
    Against,
    Move,
    Origin,
    Stage,
    internal,
)
from bureau.desk.docket.issue import case_no
from bureau.desk.docket.office import (
    CONCERN_SPAN,
    FREQUENT_TIMES,
    LARGE_FEN,
    SERIOUS,
    Opening,
    only_told,
)
from bureau.desk.interceptions import WORDS_AMONG, Card, Line, why_refused
from bureau.desk.papers.paper import KIND_ZH, TO_OTHERS, Kind
from bureau.desk.papers.referral import addressee
from bureau.desk.people import CASE_PARTIES, READERS, Office, Person
from bureau.desk.search import QUERY_CHARS_MAX, Search, parsed
from bureau.web.exports import attachment
from bureau.web.pages import at_bank, card_url
from bureau.web.paging import numbered_before
from bureau.web.rooms import Rooms
from bureau.web.route import Nav, OnlyLed, Route, Visit, get, post, see
from bureau.web.sections.form_bodies import body_of
from bureau.web.sections.forms import forms_of
from bureau.web.sees import sees
from bureau.web.telling import tell
from bureau.web.uploads import uploads_of
from gateway.domain.legal_day import legal_day

PAGE_ROWS = 50
CONCERNING = (FREQUENT_TIMES, LARGE_FEN, SERIOUS)
REVIEWERS = frozenset({Office.REVIEWER})
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
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
    pages = _Cases(rooms)
    home = "/desk/{division}/cases"
    one = home + "/{year:[0-9]{4}}/{number:[0-9]{1,9}}"
    card = "/desk/{division}/{year:[0-9]{4}}/{type}/{no}"
    paper = "/desk/{division}/papers/{year:[0-9]{4}}/{number:[0-9]{1,9}}.{kind:pdf|docx}"
    moves = [
        post(f"{one}/{move.value}", partial(pages.move, move), offices, upload=True)
        for move, offices in WHO.items()
        if offices
    ]
    return [
        get(home, pages.list, CASE_PARTIES, Nav(group="work", zh="案件", en="Cases")),
        get(card + "/case", pages.again, REVIEWERS),
        post(card + "/case", pages.open_from, REVIEWERS),
        get(
            "/desk/{division}/concerns", pages.concerns, REVIEWERS,
            Nav(group="work", zh="重点关注", en="Concerns"),
        ),
        post("/desk/{division}/concerns", pages.open_grouped, REVIEWERS),
        get(one, pages.case, CASE_PARTIES),
        *moves,
        get(one + "/files/{digest:[0-9a-f]{64}}", pages.file, CASE_PARTIES),
        get(one + "/referral.pdf", pages.referral, READERS),
        get(paper, pages.paper, CASE_PARTIES),
    ]  # fmt: skip


class _Cases:
    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    async def list(self, visit: Visit) -> web.Response:
        query = visit.query("q", QUERY_CHARS_MAX)
        search = _known(parsed(query, _NOT_HERE))
        stage, reported = _staged(search.stage)
        today = legal_day(self._rooms.clock())
        narrowed = (
            *_scoped(visit.person), stage, search.agency, search.policy, search.least, search.most,
            search.since, search.until, search.bank, *_numbered(search.words, today.year), reported,
        )  # fmt: skip
        before = numbered_before(visit)
        cases = self._rooms.cases
        rows = (
            [] if search.errors
            else await cases.cases(visit.division, before, narrowed, PAGE_ROWS, WORDS_AMONG)
        )  # fmt: skip
        words = narrowed[-2]
        last = rows[-1] if rows and words and rows[-1]["last_looked_at"] else None
        reach = (last["opened_at"], last["number"]) if last else None
        rows = [row for row in rows if row["fits"]]
        return self._rooms.pages(
            "cases", visit=visit, rows=rows, query=query, search=search,
            older=_older(query, rows, reach), stages=STAGES_ZH, today=today, reach=reach,
            among=WORDS_AMONG,
        )  # fmt: skip

    async def case(self, visit: Visit) -> web.Response:
        key, row = await self._row(visit)
        _, case, moves = await self._rooms.office.state(key)
        outside = not visit.person.inside
        if outside:
            moves = [each for each in moves if not internal(each["move"], each["body"])]
            case = case.for_party
            row = {**row, "due": case.due}
        row = {
            **row, "phase": phase(case).value, "awaits": awaits(case),
            "referring": case.referral is not None,
        }  # fmt: skip
        day = legal_day(self._rooms.clock())
        forms, barred = forms_of(case, visit.person, day)
        papers = [p for p in await self._rooms.cases.papers(key) if _readable(visit.person, p)]
        shown = {each["seq"] for each in moves}
        uploads = [u for u in await self._rooms.cases.uploads(key) if u["seq"] in shown]
        return self._rooms.pages(
            "case", visit=visit, row=row, case=case, moves=moves, papers=papers, uploads=uploads,
            subjects=await self._rooms.cases.subjects(key), kinds=KIND_ZH,
            wishes=await self._rooms.cases.wishes_of(key) if not outside else [],
            referrals=REFERRALS, referred_to=self._referred_to(case, visit.division),
            forms=forms, barred=barred, today=day,
        )  # fmt: skip

    def _referred_to(self, case: Case, division: str) -> str:
        region = self._rooms.names.division(division)
        return addressee(case.referral, region) if case.referral else ""

    async def move(self, move: Move, visit: Visit) -> web.StreamResponse:
        key, _ = await self._row(visit)
        body, files = body_of(visit, move), await asyncio.to_thread(uploads_of, visit)
        bound = move in DECIDING or (move is Move.VERIFY and visit.text("seen"))
        seen = visit.seen if bound else None  # a button pressed twice issues one letter
        await self._rooms.office.move(key, move, body, visit.person, files, seen=seen)
        self._rooms.bell()
        raise see(case_path(key))

    async def again(self, visit: Visit) -> web.Response:
        """The cases that a payment is in already, before another one is opened on it."""
        card = await self._card(visit)
        cases = await self._cases_of(card.line)
        if not cases:
            raise see(card_url(card.line) + at_bank(card.line.bank))
        return self._rooms.pages(
            "case_again", visit=visit, line=card.line, cases=cases, against=visit.query("against"),
            today=legal_day(self._rooms.clock()),
        )  # fmt: skip

    async def open_from(self, visit: Visit) -> web.StreamResponse:
        """From one interception's card; where the payment is in a case already, only by who was
        shown all of those it is in."""
        card = await self._card(visit)
        line = card.line
        shown = visit.text("shown") or "0"
        if str(len(await self._cases_of(line))) != shown:
            raise OnlyLed(_again_path(line, visit.text("against")))
        against = Against.BANK if visit.text("against") == "bank" else Against.AGENCY
        first = card.findings[0].title_zh if card.findings else line.reason_zh
        opening = Opening(
            origin=Origin.FINDING, against=against, agency_code=line.agency_code,
            agency_name=line.agency_name, bank=line.bank, title=f"{first}：{line.agency_name}",
            reason=line.reason_zh, amount_fen=card.amount_fen, policies=line.policies,
        )  # fmt: skip
        subject = {
            "fiscal_year": line.fiscal_year, "voucher_type": line.voucher_type,
            "voucher_no": line.voucher_no, "bank": line.bank, "cases": int(shown),
        }  # fmt: skip
        raise see(case_path(await self._open(visit, opening, [subject])))

    async def _card(self, visit: Visit) -> Card:
        info = visit.request.match_info
        key = (visit.division, int(info["year"]), info["type"], info["no"])
        card = await why_refused(self._rooms.desk, *key, visit.query("bank", 40) or None)
        if card is None:
            raise web.HTTPNotFound()
        return card

    async def _cases_of(self, line: Line) -> Sequence[Mapping[str, Any]]:
        key = (line.division, line.fiscal_year, line.voucher_type, line.voucher_no, line.bank)
        return await self._rooms.cases.cases_of(key, False)

    async def concerns(self, visit: Visit) -> web.Response:
        rows = await self._rooms.cases.concerns(visit.division, self._since(), CONCERNING)
        return self._rooms.pages(
            "concerns", visit=visit, rows=rows, days=CONCERN_SPAN.days, least=CONCERNING
        )

    async def open_grouped(self, visit: Visit) -> web.StreamResponse:
        """All recent interceptions of one agency as one case, for a letter of concern."""
        code, since = visit.text("agency", 40), self._since()
        rows = await self._rooms.cases.concerns(visit.division, since, CONCERNING)
        row = next((each for each in rows if each["agency_code"] == code), None)
        if row is None:
            raise web.HTTPNotFound()
        subjects = await self._rooms.cases.concern_keys(visit.division, code, since)
        reason = f"近{CONCERN_SPAN.days}天被监控{row['times']}笔，其中拦截{row['blocked']}笔"
        opening = Opening(
            origin=Origin.GROUPED, against=Against.AGENCY, agency_code=code,
            agency_name=row["agency_name"], bank="", reason=reason,
            title=f"重点关注：{row['agency_name']}", amount_fen=int(row["amount_fen"]),
        )  # fmt: skip
        raise see(case_path(await self._open(visit, opening, subjects)))

    async def file(self, visit: Visit) -> web.Response:
        key, _ = await self._row(visit)
        digest = visit.request.match_info["digest"]
        uploads = [u for u in await self._rooms.cases.uploads(key) if u["digest"] == digest]
        if not visit.person.inside:
            _, _, moves = await self._rooms.office.state(key)
            shown = {each["seq"] for each in moves if not internal(each["move"], each["body"])}
            uploads = [upload for upload in uploads if upload["seq"] in shown]
        found = await self._rooms.cases.upload(key, bytes.fromhex(digest)) if uploads else None
        if found is None:
            raise web.HTTPNotFound()
        await tell(self._rooms, visit, "file.fetched", case_no(key[1], key[2]), sha256=digest)
        response = attachment(found["body"], found["media"], "file")
        name = quote(found["name"], safe="")
        response.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{name}"
        return response

    async def referral(self, visit: Visit) -> web.Response:
        """The letter that waits for its approval, as a draft."""
        key, _ = await self._row(visit)
        pdf = await self._rooms.office.referral_draft(key, visit.person)
        await tell(
            self._rooms, visit, "document.previewed", case_no(key[1], key[2]), kind=Kind.REFERRAL
        )
        return attachment(pdf, "application/pdf", f"referral-draft-{key[1]}-{key[2]}.pdf")

    async def paper(self, visit: Visit) -> web.Response:
        info = visit.request.match_info
        year, number = int(info["year"]), int(info["number"])
        paper = await self._rooms.cases.paper(visit.division, year, min(number, 2**31 - 1))
        if paper is None:
            raise web.HTTPNotFound()
        await self._visible(visit, (visit.division, paper["year"], paper["number"]))
        if not _readable(visit.person, paper):
            raise web.HTTPNotFound()
        await tell(
            self._rooms, visit, "document.fetched", case_no(paper["year"], paper["number"]),
            kind=paper["kind"], number=number, sha256=paper["digest"], file=info["kind"],
        )  # fmt: skip
        name = f"{paper['kind']}-{year}-{number}.{info['kind']}"
        zh = f"{KIND_ZH[paper['kind']]}（{year}年第{number}号）.{info['kind']}"
        if info["kind"] == "docx":
            return attachment(self._rooms.editable(paper["layout"]), DOCX, name, zh)
        return attachment(paper["pdf"], "application/pdf", name, zh)

    async def _open(self, visit: Visit, opening: Opening, subjects: Any) -> tuple[str, int, int]:
        key = await self._rooms.office.open(visit.division, opening, subjects, visit.person)
        self._rooms.bell()
        return key

    async def _row(self, visit: Visit) -> tuple[tuple[str, int, int], Mapping[str, Any]]:
        info = visit.request.match_info
        key = (visit.division, int(info["year"]), min(int(info["number"]), 2**31 - 1))
        return key, await self._visible(visit, key)

    async def _visible(self, visit: Visit, key: tuple[str, int, int]) -> Mapping[str, Any]:
        """404 for what is another's: that it exists is not told."""
        row = await self._rooms.cases.case(key)
        if row is None or not sees(visit.person, row):
            raise web.HTTPNotFound()
        return row

    def _since(self) -> dt.datetime:
        return self._rooms.clock() - CONCERN_SPAN


def _readable(person: Person, paper: Mapping[str, Any]) -> bool:
    """By kind as well: letters to other departments of before were kept as if for the party."""
    return person.inside or (paper["outside"] and paper["kind"] not in TO_OTHERS)


def _numbered(words: str | None, year: int) -> tuple[int | None, int | None, str | None]:
    """`2026年第3号`, as a case is written, is its number, and `第3号` this year's; other words are
    looked for."""
    found = _NUMBER.fullmatch(words or "")
    if found is None:
        return None, None, words
    return int(found["year"] or year), int(found["of"] or found["now"]), None


def _again_path(line: Line, against: str) -> str:
    query = urlencode({"against": against})
    return f"{card_url(line)}/case{at_bank(line.bank)}&{query}"


def case_path(key: tuple[str, int, int]) -> str:
    return f"/desk/{key[0]}/cases/{key[1]}/{key[2]}"


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


def _older(query: str, rows: Any, reach: tuple[dt.datetime, int] | None) -> str | None:
    """Where there may be more: behind a full page, or behind what words were looked for in."""
    if reach is None and len(rows) == PAGE_ROWS:
        reach = rows[-1]["opened_at"], rows[-1]["number"]
    if reach is None:
        return None
    return "?" + urlencode({"q": query, "before": reach[0].isoformat(), "no": reach[1]})

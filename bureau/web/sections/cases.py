"""Pages of cases (案件): list, one case with its timeline and forms, documents, files."""

import asyncio
import datetime as dt
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode

from aiohttp import web

from bureau.desk.casework.ladder import in_term
from bureau.desk.casework.phase import phase
from bureau.desk.casework.referral import REFERRALS
from bureau.desk.casework.state import Case, awaits
from bureau.desk.casework.words import (
    DECIDING,
    WHO,
    Against,
    Move,
    Origin,
    told_to_party,
)
from bureau.desk.docket.issue import case_no
from bureau.desk.docket.office import (
    CONCERN_SPAN,
    FREQUENT_TIMES,
    LARGE_FEN,
    SERIOUS,
    Opening,
)
from bureau.desk.interceptions import Card, Line, why_refused
from bureau.desk.papers.paper import KIND_ZH, TO_OTHERS, Kind
from bureau.desk.papers.referral import addressee
from bureau.desk.people import CASE_PARTIES, READERS, Office, Person
from bureau.web.exports import attachment
from bureau.web.pages import at_bank, card_url
from bureau.web.rooms import Rooms
from bureau.web.route import FormRefused, Nav, OnlyLed, Route, Undone, Visit, get, post, see
from bureau.web.sections.form_again import form_posted, wrongs_of
from bureau.web.sections.form_bodies import body_of
from bureau.web.sections.forms import forms_of
from bureau.web.sees import sees
from bureau.web.telling import tell
from bureau.web.uploads import uploads_of
from gateway.domain.legal_day import legal_day

CONCERNING = (FREQUENT_TIMES, LARGE_FEN, SERIOUS)
CONCERNS_SHOWN = 50
REVIEWERS = frozenset({Office.REVIEWER})
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def routes(rooms: Rooms) -> list[Route]:
    pages = _Cases(rooms)
    home = "/desk/{division}/cases"
    one = home + "/{year:[0-9]{4}}/{number:[0-9]{1,9}}"
    card = "/desk/{division}/{year:[0-9]{4}}/{type}/{no}"
    paper = "/desk/{division}/papers/{year:[0-9]{4}}/{number:[0-9]{1,9}}.{kind:pdf|docx}"
    moves = [
        post(
            f"{one}/{move.value}", partial(pages.move, move), offices, upload=True, again=pages.case
        )
        for move, offices in WHO.items()
        if offices
    ]
    return [
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

    async def case(self, visit: Visit, undone: Undone | None = None) -> web.Response:
        key, row = await self._row(visit)
        _, case, moves = await self._rooms.office.state(key)
        outside = not visit.person.inside
        if outside:
            moves = told_to_party(moves)
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
            forms=forms, barred=barred, today=day, undone=undone,
            in_term=case.escalation is not None and in_term(case, case.escalation, day),
        )  # fmt: skip

    def _referred_to(self, case: Case, division: str) -> str:
        region = self._rooms.names.division(division)
        return addressee(case.referral, region) if case.referral else ""

    async def move(self, move: Move, visit: Visit) -> web.StreamResponse:
        key, _ = await self._row(visit)
        _, case, _ = await self._rooms.office.state(key)
        day = legal_day(self._rooms.clock())
        forms, _ = forms_of(case if visit.person.inside else case.for_party, visit.person, day)
        form = form_posted(forms, visit, move)
        files = await asyncio.to_thread(uploads_of, visit)
        if form and (wrong := wrongs_of(form, visit, len(files), day)):
            raise FormRefused(list(wrong.values()), wrong)
        bound = move in DECIDING or (move is Move.VERIFY and visit.text("seen"))
        seen = visit.seen if bound else None  # a button pressed twice issues one letter
        body = body_of(visit, move)
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
        rows = await self._concerns(visit, self._since())
        return self._rooms.pages(
            "concerns", visit=visit, rows=rows, days=CONCERN_SPAN.days, least=CONCERNING,
            full=len(rows) == CONCERNS_SHOWN,
        )  # fmt: skip

    async def _concerns(self, visit: Visit, since: dt.datetime) -> Sequence[Mapping[str, Any]]:
        cases = self._rooms.cases
        return await cases.concerns(visit.division, since, CONCERNING, CONCERNS_SHOWN)

    async def open_grouped(self, visit: Visit) -> web.StreamResponse:
        """Recent interceptions of one agency as one case, for a letter of concern; its amount is of
        those that it lists."""
        code, since = visit.text("agency", 40), self._since()
        rows = await self._concerns(visit, since)
        row = next((each for each in rows if each["agency_code"] == code), None)
        if row is None:
            raise web.HTTPNotFound()
        subjects = await self._rooms.cases.concern_keys(visit.division, code, since)
        reason = f"近{CONCERN_SPAN.days}天被监控{row['times']}笔，其中拦截{row['blocked']}笔"
        if len(subjects) < row["times"]:
            reason += f"；本案列入最近{len(subjects)}笔"
        opening = Opening(
            origin=Origin.GROUPED, against=Against.AGENCY, agency_code=code,
            agency_name=row["agency_name"], bank="", reason=reason,
            title=f"重点关注：{row['agency_name']}",
            amount_fen=sum(each["amount_fen"] for each in subjects),
        )  # fmt: skip
        raise see(case_path(await self._open(visit, opening, subjects)))

    async def file(self, visit: Visit) -> web.Response:
        key, _ = await self._row(visit)
        digest = visit.request.match_info["digest"]
        uploads = [u for u in await self._rooms.cases.uploads(key) if u["digest"] == digest]
        if not visit.person.inside:
            _, _, moves = await self._rooms.office.state(key)
            shown = {each["seq"] for each in told_to_party(moves)}
            uploads = [upload for upload in uploads if upload["seq"] in shown]
        if not uploads:
            raise web.HTTPNotFound()
        seq = uploads[0]["seq"]
        found = await self._rooms.cases.upload(key, seq, bytes.fromhex(digest))
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


def _again_path(line: Line, against: str) -> str:
    query = urlencode({"against": against})
    return f"{card_url(line)}/case{at_bank(line.bank)}&{query}"


def case_path(key: tuple[str, int, int]) -> str:
    return f"/desk/{key[0]}/cases/{key[1]}/{key[2]}"

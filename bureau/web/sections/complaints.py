"""Pages of complaints (投诉举报, Art. 20): intake, handling, answer, and the sealed informant."""

import datetime as dt
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from bureau.desk.casework.made import DUE_MAX
from bureau.desk.casework.words import Against, Origin
from bureau.desk.complaints import (
    DECIDING,
    PHONES,
    STAGE_ZH,
    STEP_EN,
    STEP_ZH,
    WAY_ZH,
    WHO,
    Informant,
    Stage,
    Step,
    Told,
    complaint_no,
)
from bureau.desk.docket.office import Opening
from bureau.desk.intake import form_token
from bureau.desk.people import READERS, Office
from bureau.desk.refusals import ActRefused, Words
from bureau.web.paging import numbered_before
from bureau.web.rooms import Rooms
from bureau.web.route import Nav, Route, Undone, Visit, get, post, see
from bureau.web.sections.cases import case_path
from bureau.web.sections.trials import persons_of
from gateway.domain.legal_day import legal_day

PAGE_ROWS = 50
STORY_CHARS_MAX = 8000
KEEPERS = frozenset({Office.KEEPER})
HANDLERS = READERS | KEEPERS
_STEPS: Mapping[Stage, tuple[Step, ...]] = {
    Stage.TAKEN: (Step.ACCEPT, Step.DECLINE),
    Stage.HANDLING: (Step.NOTE, Step.CASE, Step.CONCLUDE),
    Stage.CONCLUDED: (Step.APPROVE, Step.SEND_BACK),
    Stage.ANSWERED: (Step.FEED_BACK,),
    Stage.CLOSED: (),
}
_TOLD = ("way", "against", "agency_code", "agency_name", "bank", "title")
_WHO = ("name", "phone", "other")


def routes(rooms: Rooms) -> list[Route]:
    pages = _Complaints(rooms)
    home = "/desk/{division}/complaints"
    one = home + "/{year:[0-9]{4}}/{number:[0-9]{1,9}}"
    opening = one + "/openings/{seq:[0-9]{1,6}}"
    steps = "accept|decline|note|conclude|approve|send_back|feed_back"
    return [
        get(home, pages.list, HANDLERS, Nav(group="work", zh="投诉举报", en="Complaints")),
        get(home + "/new", pages.new, KEEPERS),
        post(home + "/new", pages.take, KEEPERS),
        get(one, pages.one, HANDLERS),
        post(one + "/case", pages.case, WHO[Step.CASE], again=pages.one),
        post(
            one + "/steps/{move:" + steps + "}",
            pages.step,
            HANDLERS - {Office.PROVINCE},
            again=pages.one,
        ),
        post(one + "/openings", pages.ask, KEEPERS, again=pages.one),
        post(opening + "/agree", pages.agree, KEEPERS, again=pages.one),
        post(opening + "/open", pages.open, KEEPERS, again=pages.one),
    ]


class _Complaints:
    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._complaints = rooms.complaints

    async def list(self, visit: Visit) -> web.Response:
        asked = visit.query("stage")
        stage = asked if asked in set(Stage) else None
        rows = await self._complaints.store.listed(
            visit.division, numbered_before(visit), stage, PAGE_ROWS
        )
        return self._rooms.pages(
            "complaints", visit=visit, rows=rows, stage=stage, stages=STAGE_ZH, ways=WAY_ZH,
            phones=PHONES, older=_older(stage, rows),
        )  # fmt: skip

    async def new(self, visit: Visit) -> web.Response:
        return self._form(visit, {"token": form_token()})

    def _form(self, visit: Visit, typed: Mapping[str, str], *oops: Words) -> web.Response:
        """What was typed comes back, but for the informant: that is typed again."""
        blank = dict.fromkeys((*_TOLD, "story"), "")
        return self._rooms.pages(
            "complaint_new", visit=visit, status=409 if oops else 200, ways=WAY_ZH, phones=PHONES,
            typed=blank | dict(typed), oops=oops,
        )  # fmt: skip

    async def take(self, visit: Visit) -> web.StreamResponse:
        typed = {field: visit.text(field, 200) for field in _TOLD}
        typed["story"] = visit.text("story", STORY_CHARS_MAX)
        token = visit.text("token", 32)
        informant = Informant(**{field: visit.text(f"informant_{field}", 200) for field in _WHO})
        try:
            key = await self._complaints.take(
                visit.division, Told(**typed), informant, visit.person, token
            )
        except ActRefused as refused:
            return self._form(visit, typed | {"token": token}, refused.words)
        raise see(_path(key))

    async def one(self, visit: Visit, undone: Undone | None = None) -> web.Response:
        key, row = await self._row(visit)
        office = visit.person.office
        steps = [step for step in _STEPS[Stage(row["stage"])] if office in WHO[step]]
        if row["case_number"] is not None:
            steps = [step for step in steps if step is not Step.CASE]
        store = self._complaints.store
        openings = await store.openings(key)
        logins = [each[by] for each in openings for by in ("asked_by", "agreed_by")]
        return self._rooms.pages(
            "complaint", visit=visit, undone=undone, row=row,
            steps=steps, done=await store.steps(key),
            openings=openings, no=complaint_no(key[1], key[2]), stages=STAGE_ZH, words=STEP_ZH,
            words_en=STEP_EN, ways=WAY_ZH, path=_path(key),
            persons=await persons_of(self._rooms, [row["taken_by"], *logins]),
        )  # fmt: skip

    async def step(self, visit: Visit) -> web.StreamResponse:
        key, _ = await self._row(visit)
        step = Step(visit.request.match_info["move"])
        await self._complaints.step(
            key, step, visit.text("words"), visit.person,
            due=_due(visit.text("due", 10), legal_day(self._rooms.clock())),
            seen=visit.seen if step in DECIDING else None,
        )  # fmt: skip
        raise see(_path(key))

    async def case(self, visit: Visit) -> web.StreamResponse:
        """A case of this complaint's matter; nothing of who reported it goes along."""
        key, row = await self._row(visit)
        against = Against.BANK if row["against"] == "bank" else Against.AGENCY
        code = visit.text("agency_code", 40) or row["agency_code"]
        if against is Against.AGENCY and not code:
            raise ActRefused(
                "party_missing", "请填写预算单位代码：没有代码，通知送不到该单位，它也无法答复。",
                "Fill in the agency's code: without it nothing reaches it and it cannot answer.",
            )  # fmt: skip
        name = self._rooms.names.agency(visit.division, code) or row["agency_name"]
        opening = Opening(
            origin=Origin.COMPLAINT, against=against, agency_code=code, agency_name=name,
            bank=row["bank"], title=row["title"], reason=visit.text("words") or row["title"],
        )  # fmt: skip
        new = self._rooms.office.new_case(visit.division, opening, visit.person)
        case = await self._complaints.to_case(key, new, visit.person)
        self._rooms.bell()
        raise see(case_path(case))

    async def ask(self, visit: Visit) -> web.StreamResponse:
        key, _ = await self._row(visit)
        await self._complaints.ask(key, visit.text("reason", 500), visit.person)
        raise see(_path(key))

    async def agree(self, visit: Visit) -> web.StreamResponse:
        key, _ = await self._row(visit)
        await self._complaints.agree(key, _seq(visit), visit.person)
        raise see(_path(key))

    async def open(self, visit: Visit) -> web.Response:
        """Shown in the answer to the form itself: no address leads here a second time."""
        key, _ = await self._row(visit)
        informant = await self._complaints.open(key, _seq(visit), visit.person)
        return self._rooms.pages(
            "informant", visit=visit, informant=informant, no=complaint_no(key[1], key[2]),
            path=_path(key),
        )  # fmt: skip

    async def _row(self, visit: Visit) -> tuple[tuple[str, int, int], Mapping[str, Any]]:
        info = visit.request.match_info
        key = (visit.division, int(info["year"]), min(int(info["number"]), 2**31 - 1))
        row = await self._complaints.store.one(key)
        if row is None:
            raise web.HTTPNotFound()
        return key, row


def _path(key: tuple[str, int, int]) -> str:
    return f"/desk/{key[0]}/complaints/{key[1]}/{key[2]}"


def _seq(visit: Visit) -> int:
    return int(visit.request.match_info["seq"])


def _due(text: str, today: dt.date) -> dt.date | None:
    """None: none was typed."""
    try:
        day = dt.date.fromisoformat(text) if text else None
    except ValueError:
        raise ActRefused("day", "期限：请按 2026-03-02 填写。", "Not a day.") from None
    if day is not None and not today <= day <= today + DUE_MAX:
        raise ActRefused("due", "期限：应在今天至一年之内。", "Due: within a year from today.")
    return day


def _older(stage: str | None, rows: Any) -> str | None:
    if len(rows) < PAGE_ROWS:
        return None
    last = rows[-1]
    place = {"stage": stage or "", "before": last["taken_at"].isoformat(), "no": last["number"]}
    return "?" + urlencode(place)

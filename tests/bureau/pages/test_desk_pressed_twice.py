"""Each button that decides, pressed many times in one moment and by two persons: one counts.

The table of routes says which buttons there are, so a new one must be tried here or named as one
that may be pressed again.
"""

import asyncio
import datetime as dt
import re
from typing import Any

import pytest

from bureau.desk.people import Office
from bureau.web.desk import table_of
from gateway.domain.legal_day import legal_day
from tests.bureau.cases.test_complaints import STORY, WHO, taken
from tests.bureau.cases.test_decided_as_shown import lowered
from tests.bureau.desks import Desk, Seated
from tests.bureau.policies.test_policies_pages import HOME as POLICIES
from tests.bureau.test_holds_pages import HOLD, REASON, ended, held, told
from tests.bureau.test_registers import AGENCY, form_of, loaded
from tests.bureau.test_registers import HOME as REGISTERS
from tests.bureau.words import BANK, DIVISION, Bureau, Chain, verdict

pytestmark = pytest.mark.postgres
HOME = f"/desk/{DIVISION}"
TIMES = 4


class Presser:
    """Presses a button `TIMES` times at once, and keeps which route it was."""

    def __init__(self, desk: Desk) -> None:
        self._routes = [r for r in table_of(desk.rooms) if r.method == "POST"]
        self.pressed: set[str] = set()

    async def press(self, *buttons: tuple[Seated, str, dict[str, object]]) -> list[str]:
        """Where the presses led that were taken."""
        answers = await asyncio.gather(
            *(who.post(path, form) for who, path, form in buttons * TIMES)
        )
        self.pressed |= {self._route(path) for _, path, _ in buttons}
        assert all(status < 500 for status, _ in answers), answers
        return [where for status, where in answers if status == 303]

    def _route(self, path: str) -> str:
        return next(r.path for r in self._routes if re.fullmatch(_pattern(r.path), path))


def _pattern(path: str) -> str:
    return re.sub(r"\{\w+(?::((?:[^{}]|\{[^{}]*\})*))?\}", lambda m: f"(?:{m[1] or '[^/]+'})", path)


async def test_a_case_s_buttons(desk: Desk, bureau: Bureau) -> None:
    reviewer, approver = await desk.seat(Office.REVIEWER), await desk.seat(Office.APPROVER)
    other, agency = await desk.seat(Office.APPROVER, "a2"), await desk.seat(Office.AGENCY)
    day, presser = legal_day(desk.hands.now), Presser(desk)
    new = {"against": "agency", "agency_code": "101001", "agency_name": "厅", "title": "一",
           "reason": "排查"}  # fmt: skip
    _, case = await reviewer.post(f"{HOME}/cases/new", new)

    async def once(who: Seated, *moves: str, **form: object) -> None:
        seen = await who.seen(case)
        people = (approver, other) if who is approver else (who,)
        buttons = [(each, f"{case}/{m}", {"seen": seen, **form}) for each in people for m in moves]
        assert len(await presser.press(*buttons)) == 1, moves

    due = (day + dt.timedelta(days=5)).isoformat()
    await once(reviewer, "verify", means="document_request", due=due, text="合同")
    await once(agency, "reply", number=1, text="已附")
    await once(reviewer, "return", number=1, text="补充", due=due)
    await once(agency, "reply", number=1, text="已附")
    await once(reviewer, "accept", number=1, text="采信")
    await once(reviewer, "propose", verdict="confirmed", text="属实")
    await once(approver, "decide", "send_back", text="意见")
    papers = await bureau.pool.fetchval("SELECT count(*) FROM case_paper")
    assert papers == 1, "one letter of one click"


@pytest.mark.parametrize(
    ("office", "home", "table", "form"),
    [
        (Office.REVIEWER, f"{HOME}/cases", "case_file", {
            "against": "agency", "agency_code": "101001", "agency_name": "厅", "title": "一",
            "reason": "排查", "amount": "12，800元",
        }),
        (Office.KEEPER, f"{HOME}/complaints", "complaint", {**STORY, **WHO}),
    ],
)  # fmt: skip
async def test_what_is_taken_in_is_taken_once_and_each_press_leads_to_it(
    desk: Desk, bureau: Bureau, office: Office, home: str, table: str, form: dict[str, object]
) -> None:
    who, presser = await desk.seat(office), Presser(desk)
    [token] = re.findall('name="token" value="([0-9a-f]{32})"', (await who.get(f"{home}/new"))[1])
    form = {**form, "token": token}

    async def taken_in() -> int:
        return await bureau.pool.fetchval(f"SELECT count(*) FROM {table}")

    where = await presser.press((who, f"{home}/new", form))
    assert len(where) == TIMES and len(set(where)) == 1 and await taken_in() == 1
    assert await bureau.pool.fetchval(
        "SELECT count(*) FROM desk_act WHERE what IN ('case.opened', 'complaint.taken')"
    ) == 1  # fmt: skip
    # Who goes back and types something else means something else.
    again = await presser.press((who, f"{home}/new", {**form, "title": "另一件"}))
    assert set(again) & set(where) == set() and await taken_in() == 2
    kept = await bureau.pool.fetchval(f"SELECT min(form) FROM {table}")
    assert token not in kept.hex(), "what the digest is under is kept nowhere"
    # A page of another release draws no number: then each press counts, as it did.
    old = await presser.press((who, f"{home}/new", {**form, "token": ""}))
    assert len(set(old)) == TIMES


async def test_a_case_of_many_lines_is_opened_once(
    desk: Desk, bureau: Bureau, chain: Chain
) -> None:
    at = int(desk.hands.now.timestamp() * 1_000_000) - 1_000_000
    await told(bureau, chain, *(verdict(n, "blocked", recorded_at=at + n) for n in range(7)))
    people = [await desk.seat(Office.REVIEWER, f"r{n}") for n in range(2)]
    presser = Presser(desk)
    buttons = [(who, f"{HOME}/concerns", {"agency": "101001"}) for who in people]
    assert len(await presser.press(*buttons)) == 1
    assert await bureau.pool.fetchval("SELECT count(*) FROM case_file") == 1


async def test_a_hold_a_register_change_a_draft_and_a_complaint_are_decided_once(
    desk: Desk, bureau: Bureau, chain: Chain
) -> None:
    reviewer, approver = await loaded(desk)
    other, presser = await desk.seat(Office.APPROVER, "a2"), Presser(desk)

    async def once(path: str, *ways: str, **form: object) -> None:
        buttons = [(who, f"{path}/{way}", form) for who in (approver, other) for way in ways]
        assert len(await presser.press(*buttons)) == 1, path

    await told(bureau, chain, held(1))
    await presser.press((reviewer, f"{HOLD}/propose", REASON))
    [digest] = set(re.findall(r"releases/([0-9a-f]{64})/approve", (await approver.get(HOLD))[1]))
    await once(f"{HOME}/releases/{digest}", "approve", "reject", said="退回")
    store: Any = desk.rooms.releases._store
    [row] = await store.waiting_feeds()
    await store.attempted(row, desk.hands.now, "400 feed_invalid: no", "feed_invalid")
    void: dict[str, object] = {"bank": BANK, "number": "1", "reason": "网关不收"}
    await presser.press((reviewer, f"{HOME}/numbers/propose", void))
    [digest] = set(
        re.findall(r"numbers/([0-9a-f]{64})/approve", (await approver.get(f"{HOME}/numbers"))[1])
    )
    await once(f"{HOME}/numbers/{digest}", "approve", "reject", reason="退回去")
    await reviewer.post(f"{REGISTERS}/agencies/edit", form_of("agencies", AGENCY | {"name": "新"}))
    await once(f"{REGISTERS}/changes/2", "approve", "reject", said="退回")
    form = {"document": lowered("900.00"), "step": "draft", "reason": "降低限额"}
    await reviewer.post(f"{POLICIES}/JL-042/edit", form)
    await once(f"{POLICIES}/drafts/1", "agree", "send-back", reason="依据不足")
    await told(bureau, chain, ended(1, "released", order_sha256="cd" * 32))
    await desk.rooms.not_ours.look(DIVISION)
    strange = {"bank": BANK, "what": "releases", "seq": "1"}
    await once(f"{HOME}/not-ours", "seen", reason="已向该行查明", **strange)
    path = await taken(await desk.seat(Office.KEEPER))
    steps = [(reviewer, f"{path}/steps/{s}", {"words": "理由"}) for s in ("accept", "decline")]
    assert len(await presser.press(*steps)) == 1


ELSEWHERE = {
    "/accounts/requests/{ask:[0-9]{1,9}}/{step}", "/desk/{division}/complaints/CASE/case",
    "/desk/{division}/complaints/CASE/openings/{seq:[0-9]{1,6}}/agree",
    "/desk/{division}/complaints/CASE/openings/{seq:[0-9]{1,6}}/open",
}  # fmt: skip
"""In `test_desk_races.py`."""
ONCE = {
    "/desk/{division}/releases/{digest:[0-9a-f]{64}}/approve",
    "/desk/{division}/releases/{digest:[0-9a-f]{64}}/reject",
    "/desk/{division}/numbers/{digest:[0-9a-f]{64}}/approve",
    "/desk/{division}/numbers/{digest:[0-9a-f]{64}}/reject",
    "/desk/{division}/registers/changes/{seq:[0-9]{1,12}}/approve",
    "/desk/{division}/registers/changes/{seq:[0-9]{1,12}}/reject",
    "/desk/{division}/policies/drafts/{seq:[0-9]{1,9}}/agree",
    "/desk/{division}/policies/drafts/{seq:[0-9]{1,9}}/send-back",
    "/desk/{division}/complaints/CASE/steps/"
    "{move:accept|decline|note|conclude|approve|send_back|feed_back}",
    "/desk/{division}/not-ours/seen",
    "/desk/{division}/concerns", "/desk/{division}/cases/new", "/desk/{division}/complaints/new",
}  # fmt: skip
"""Here."""
AGAIN = {
    "/accounts": "asks; each request is decided by itself",
    "/accounts/{login}/{step}": "closing a closed account changes nothing; else it asks",
    "/desk/{division}/complaints/CASE/openings": "asks",
    "/desk/{division}/{year:[0-9]{4}}/{type}/{no}/case": "bound to the cases that were shown",
    "/desk/{division}/{year:[0-9]{4}}/{type}/{no}/verify": "a look",
    "/desk/{division}/{year:[0-9]{4}}/{type}/{no}/replay": "a question",
    "/desk/{division}/holds/{year:[0-9]{4}}/{type}/{no}/propose": "one waits at a time",
    "/desk/{division}/numbers/propose": "one waits at a time",
    "/desk/{division}/policies/book": "a book is taken once",
    "/me/equip": "one's own", "/me/views": "a list",
    "/me/views/drop": "a list", "/sign-out": "an end", "/desk/{division}/trail": "a look",
    "/desk/{division}/registers/import": "a proposal",
    "/desk/{division}/registers/whole": "a proposal",
}  # fmt: skip
_AGAIN = re.compile(
    r"/policies/(trials|drafts|\{policy).*(form|edit|prove|try|shadow|backtest|stop)$"
    r"|/registers/\{register.*/edit$|/cases/CASE/[a-z_]+$"
)
"""Proposals, looks, questions; a case's moves, which the case's state allows once or which say."""


def test_every_button_is_tried_or_may_be_pressed_again(desk: Desk) -> None:
    of_one = "{year:[0-9]{4}}/{number:[0-9]{1,9}}"
    posts = {r.path.replace(of_one, "CASE") for r in table_of(desk.rooms) if r.method == "POST"}
    unknown = {path for path in posts - ONCE - ELSEWHERE - set(AGAIN) if not _AGAIN.search(path)}
    assert unknown == set()
    assert {*ONCE, *ELSEWHERE, *AGAIN} - posts == set(), "these are no more"

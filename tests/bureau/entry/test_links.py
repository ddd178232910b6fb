"""No page shows a link or a form that its reader may not open: every office walks from its first
page over all that it is shown."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin, urlsplit

import lxml.html
import pytest

from bureau.desk.people import Office
from bureau.web.desk import table_of
from tests.bureau.cases.test_complaints import taken
from tests.bureau.desks import Desk, Seated
from tests.bureau.entry.test_desk_offices import told_case
from tests.bureau.gallery import kind_of
from tests.bureau.lists.test_warned import warned
from tests.bureau.policies.test_policies_pages import HOME as POLICIES
from tests.bureau.policies.test_policy_trials import LOWER, Milder, asking
from tests.bureau.test_holds_pages import held, told
from tests.bureau.test_registers import loaded
from tests.bureau.words import DIVISION, Bureau, Chain, House

pytestmark = pytest.mark.postgres
OF_A_KIND_MAX = 12
POLICIES_MAX = 2
"""Of the library's policies, and of what is exported, so many are enough."""
_FEW = re.compile(r"/policies/JL-|\.(xlsx|csv|zip|docx|pdf)$")


async def staged(desk: Desk, bureau: Bureau, chain: Chain, house: House) -> None:
    """Something on every page: payments refused, held and warned of, cases, complaints with a case
    and without, a letter, a draft on trial, a replay, a proposal, register changes."""
    await told_case(desk, bureau, chain, house)
    await told(bureau, chain, held(7), warned(8))
    reviewer, _ = await loaded(desk)
    keeper = await desk.seat(Office.KEEPER)
    await taken(keeper)
    complaint = await taken(keeper, title="另一件")
    assert (await reviewer.post(f"{complaint}/steps/accept", {"words": ""}))[0] == 303
    assert (await reviewer.post(f"{complaint}/case", {"words": "立案"}))[0] == 303
    assert (await keeper.post(f"{complaint}/openings", {"reason": "核对情况"}))[0] == 303
    form = {"document": LOWER, "step": "draft", "reason": "降低限额"}
    _, draft = await reviewer.post(f"{POLICIES}/JL-042/edit", form)
    assert (await reviewer.post(f"{draft}/backtest", {"since": "2026-01-01"}))[0] == 303
    card = f"/desk/{DIVISION}/2026/8202/{1:013d}"
    assert (await reviewer.post(f"{card}/replay"))[0] == 303
    await asking(desk, Milder(1)).ask_all()
    hold = f"/desk/{DIVISION}/holds/2026/8202/{7:013d}"
    proposal = {"verdict": "release", "reason": "材料已经补齐", "override": "JL-052/3//"}
    assert (await reviewer.post(f"{hold}/propose", proposal))[0] == 303


def links(page: Any, here: str) -> Iterator[str]:
    """Addresses as a browser would ask for them; what stays on the page is none."""
    for href in page.xpath("//a/@href | //@data-events | //@data-rows"):
        parts = urlsplit(urljoin(here, href))
        if not href.startswith("#"):
            yield parts.path + (f"?{parts.query}" if parts.query else "")


class Walk:
    """One person's walk over everything shown to him."""

    def __init__(self, desk: Desk, who: Seated) -> None:
        self._who = who
        self._posts = [
            (re.compile(_pattern(route.path)), route.offices)
            for route in table_of(desk.rooms) if route.method == "POST"
        ]  # fmt: skip
        self.refused: list[tuple[str, str, int]] = []
        self.opened = 0

    async def all(self) -> None:
        waiting = [("", "/"), ("", "/me")]
        known, kinds = {"/", "/me"}, dict[str, int]()
        while waiting:
            origin, address = waiting.pop(0)
            path = urlsplit(address).path
            kind = kind_of(path)
            kinds[kind] = kinds.get(kind, 0) + 1
            if kinds[kind] > (POLICIES_MAX if _FEW.search(path) else OF_A_KIND_MAX):
                continue
            if path.endswith("/events"):
                self._check_stream(origin, path)
                continue
            async with self._who.session.get(self._who.url + address) as answer:
                self.opened += 1
                if answer.status != 200:
                    self.refused.append((origin, address, answer.status))
                if answer.content_type != "text/html":
                    continue
                here, text = answer.url.path_qs, await answer.text()
            if not text.strip():
                continue
            page = lxml.html.fromstring(text)
            self._check_forms(page, here)
            for each in links(page, here):
                if each not in known:
                    known.add(each)
                    waiting.append((here, each))

    def _check_stream(self, origin: str, path: str) -> None:
        """It never ends: only whether the office may listen."""
        if self._who.person.office in (Office.SECURITY, Office.KEEPER, Office.ADMINISTRATOR) or (
            not self._who.person.inside
        ):
            self.refused.append((origin, path, 403))

    def _check_forms(self, page: Any, here: str) -> None:
        for form in page.xpath("//form[@method='post']"):
            action = urlsplit(urljoin(here, form.get("action") or here)).path
            offices = next(
                (offices for pattern, offices in self._posts if pattern.fullmatch(action)), None
            )
            if offices is not None and self._who.person.office not in offices:
                self.refused.append((here, action, 403))


def _pattern(path: str) -> str:
    named = re.sub(r"\{[a-z]+:([^{}]*(?:\{[^{}]*\}[^{}]*)?)\}", r"(?:\1)", path)
    return re.sub(r"\{[a-z]+\}", "[^/]+", named)


@pytest.mark.slow
async def test_every_link_and_form_that_a_page_shows_opens_for_its_reader(
    desk: Desk, bureau: Bureau, chain: Chain, house: House
) -> None:
    await staged(desk, bureau, chain, house)
    refused = {}
    for office in Office:
        walk = Walk(desk, await desk.seat(office))
        await walk.all()
        assert walk.opened > 2, office
        if walk.refused:
            refused[office.value] = walk.refused
    assert refused == {}

"""Every form of every office is filled in with hostile text through its own page, and every page is
read again: nothing that anybody wrote is ever markup, and no text is an error of ours."""

import io
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import lxml.html
import pytest

from bureau.desk.people import Office
from tests.bureau.cases.test_complaints import taken
from tests.bureau.desks import Desk, Seated
from tests.bureau.entry.test_desk_offices import told_case
from tests.bureau.gallery import kind_of
from tests.bureau.policies.test_policies_pages import HOME as POLICIES
from tests.bureau.policies.test_policy_trials import LOWER
from tests.bureau.test_holds_pages import held, told
from tests.bureau.test_registers import loaded
from tests.bureau.words import Bureau, Chain, House

pytestmark = [pytest.mark.postgres, pytest.mark.slow]
MARKUP = "x\"'><x9 onx9=1></textarea><x9>${7*7}{{7*7}}&lt;x9&gt;"
HOSTILE = (
    MARKUP, "javascript:alert(9)//x9", "a\0b x9", "x9\u202e\u2066gnp.exe", "x9\x01\x0b\x1b[31m",
    "😀 x9 ﷽", "=cmd|' /C calc'!A1", "x9" * 5000, "-1", "99999999999999999999", "１２３",
    "0001-01-01", "9999-12-31", "/../../etc/passwd",
)  # fmt: skip
_LEFT_ALONE = re.compile(r"/sign-out$|/me/equip$|/close$|/events$")
_FILES = re.compile(r"\.(xlsx|csv|zip|pdf|docx)$|/files/|/static/")
OF_A_KIND_MAX = 2
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def links(page: Any, here: str) -> Iterator[str]:
    for href in page.xpath("//a/@href | //form[not(@method)]/@action"):
        assert not href.strip().lower().startswith(("javascript", "data", "http", "//")), href
        yield urlsplit(urljoin(here, href)).path


def checked(text: str, where: str) -> Any:
    page = lxml.html.fromstring(text)
    assert not page.xpath("//x9"), where
    for element in page.iter():
        names = [str(name) for name in getattr(element, "attrib", {})]
        assert not [name for name in names if name.startswith("on")], (where, names)
    assert "49&lt;x9" not in text, where
    for alert in page.xpath("//*[@role='alert'][normalize-space()]"):
        english = "".join(alert.xpath(".//*[@class='en']//text()")).strip()
        assert english or " / " in alert.text_content(), (where, alert.text_content())
    return page


async def walked(who: Seated, of_a_kind: int = OF_A_KIND_MAX) -> dict[str, Any]:
    """Every page that this person can reach by links, a few of each kind."""
    waiting, found, kinds = ["/", "/me"], {}, dict[str, int]()
    known = set(waiting)
    while waiting:
        path = waiting.pop(0)
        kind = kind_of(path)
        kinds[kind] = kinds.get(kind, 0) + 1
        if kinds[kind] > of_a_kind:
            continue
        status, text = await who.get(path)
        if status == 303:
            async with who.session.get(who.url + path) as answer:
                path, status, text = answer.url.path, answer.status, await answer.text()
        assert status in (200, 403), (who.person.office, path, status)
        if status == 403 or _FILES.search(path):
            continue
        found[path] = page = checked(text, path)
        for each in links(page, path):
            if each not in known and not _LEFT_ALONE.search(each):
                known.add(each)
                waiting.append(each)
    return found


def forms(page: Any, here: str) -> Iterator[tuple[str, Any]]:
    for form in page.xpath("//form[@method='post']"):
        action = urlsplit(urljoin(here, form.get("action") or here)).path
        if not _LEFT_ALONE.search(action):
            yield action, form


def filled(form: Any, text: str) -> list[tuple[str, str]]:
    """As a browser would send it, with `text` wherever a person may type."""
    fields: list[tuple[str, str]] = []
    for element in form.xpath(".//input[@name] | .//textarea[@name] | .//select[@name]"):
        name, kind = element.get("name"), element.get("type", "text")
        if kind == "hidden":
            fields.append((name, element.get("value", "")))
        elif element.tag == "select":
            options = element.xpath("./option/@value")
            fields.append((name, next((each for each in options if each), "")))
        elif kind in ("checkbox", "radio"):
            fields.append((name, element.get("value", "on")))
        elif kind == "date":
            fields.append((name, element.get("value") or "2026-12-01"))
        elif kind != "file":
            fields.append((name, text))
    step = form.xpath(".//button[@name]")
    return fields + [(each.get("name"), each.get("value", "")) for each in step[:1]]


async def sent(who: Seated, pages: dict[str, Any], text: str, seen: set[Any]) -> None:
    for here, page in pages.items():
        for action, form in forms(page, here):
            fields = filled(form, text)
            shape = kind_of(action), tuple(sorted(name for name, _ in fields)), text
            if shape in seen:
                continue
            seen.add(shape)
            raw = io.BytesIO(urlencode(fields).encode())
            async with who.session.post(
                who.url + action, data=raw, headers=FORM, allow_redirects=False
            ) as answer:
                body = await answer.text(errors="replace")
                assert answer.status < 500, (who.person.office, action, text[:20], body)
                if answer.content_type == "text/html" and body:
                    checked(body, action)


async def test_no_text_that_anybody_types_is_markup_or_an_error_of_ours(
    desk: Desk, bureau: Bureau, chain: Chain, house: House
) -> None:
    await told_case(desk, bureau, chain, house)
    await told(bureau, chain, held(7))
    reviewer, _ = await loaded(desk)
    await taken(await desk.seat(Office.KEEPER))
    form = {"document": LOWER, "step": "draft", "reason": "降低限额"}
    assert (await reviewer.post(f"{POLICIES}/JL-042/edit", form))[0] == 303
    await desk.seat(Office.ADMINISTRATOR, "second.admin")
    people = [await desk.seat(office) for office in Office]
    seen: set[Any] = set()
    for text in HOSTILE[:2]:
        for who in people:
            await sent(who, await walked(who), text, seen)
    for who in people:
        pages = await walked(who)
        for text in HOSTILE[2:]:
            await sent(who, pages, text, seen)
    for who in people:
        await walked(who)
    assert len({shape[0] for shape in seen}) > 30, "most forms were reached"


QUERIES = ("q", "before", "no", "after", "from", "to", "agency", "stage", "login", "what", "key",
           "wish", "reason", "bank", "month")  # fmt: skip
SEARCHES = (
    "date:0001", "date:9999", "date:9999-12-31", "date:0001..9999", "amount:>999999999999999.99",
    "amount:1..", "agency:'--", "policy:%", 'voucher:"', "state:x", "阶段:整改中",
    "2026年第999999999号", "%", "_", "\\", "date:2026-13", "金额:１万", "a:b:c", "::",
    "9999年第1号",
)  # fmt: skip
PLACES = ("9999-12-31T23:59:59+00:00", "0001-01-01T00:00:00+14:00", "2026-01-01T00:00:00+00:00")


async def test_no_text_in_an_address_is_an_error_of_ours(
    desk: Desk, bureau: Bureau, chain: Chain, house: House
) -> None:
    await told_case(desk, bureau, chain, house)
    await loaded(desk)
    for office in (Office.REVIEWER, Office.AGENCY, Office.SECURITY, Office.KEEPER,
                   Office.ADMINISTRATOR):  # fmt: skip
        who = await desk.seat(office)
        for path in await walked(who, 1):
            for text in (*HOSTILE, *SEARCHES, *PLACES):
                for place in PLACES[:1] if text in PLACES else ("",):
                    query = dict.fromkeys(QUERIES, text) | ({"before": place} if place else {})
                    async with who.session.get(
                        who.url + path, params=query, allow_redirects=False
                    ) as answer:
                        body = await answer.text(errors="replace")
                    assert answer.status < 500, (path, text, answer.status)
                    if answer.content_type == "text/html" and body:
                        checked(body, path)
            for name in ("q", "before", "key", "after"):
                for text in (*SEARCHES, *PLACES):
                    async with who.session.get(who.url + path, params={name: text}) as answer:
                        assert answer.status < 500, (path, name, text)

"""A policy form with many fields: what may be imported may be sent, and no reason is cut short."""

import io
from typing import Any

import pytest
from python_calamine import CalamineWorkbook

from bureau.desk.people import Office
from bureau.web.form_reading import FIELDS_MAX
from bureau.web.sections.policy_form import REASON_CHARS_MAX
from bureau.web.workbook_writing import excel
from tests.bureau.desks import Desk, Seated
from tests.bureau.policies.test_policy_form_pages import (
    HOME,
    document,
    filled,
    opened,
    posted,
    root_of,
)
from tests.bureau.words import DIVISION

pytestmark = pytest.mark.postgres
ROWS = 150


async def exported(person: Seated, policy: str, fields: dict[str, list[str]]) -> list[list[Any]]:
    flat = [(name, one) for name, values in fields.items() for one in values]
    csrf = await person.csrf()
    async with person.session.post(
        f"{person.url}{HOME}/{policy}/form", data=[("csrf", csrf), ("step", "table"), *flat]
    ) as answer:
        body = await answer.read()
    rows = CalamineWorkbook.from_filelike(io.BytesIO(body)).get_sheet_by_index(0).to_python()
    return [list(row) for row in rows]


async def test_a_table_that_was_imported_is_checked_and_handed_on(desk: Desk) -> None:
    """The form of a long table has more fields than any other form of the desk may have."""
    reviewer = await desk.seat(Office.REVIEWER)
    fields = await opened(reviewer, "JL-053")
    head, *rows = await exported(reviewer, "JL-053", fields)
    more = [[f"more_{n}", *rows[-1][1:]] for n in range(ROWS)]
    book = excel([str(each) for each in head], [*rows, *more], {})
    sent = fields | {"xlsx": [("t.xlsx", book)], "p.revision": ["9"]}
    status, page = await posted(reviewer, "JL-053", sent, "import")
    typed = filled(page)
    assert status == 200 and sum(map(len, typed.values())) > FIELDS_MAX
    status, page = await posted(reviewer, "JL-053", typed, "check")
    assert status == 200 and f"more_{ROWS - 1}" in page
    assert (await reviewer.post("/me/views", {"name": "x", **typed}))[0] == 413, "no other form"


async def test_reasons_that_do_not_fit_are_not_cut_short(desk: Desk) -> None:
    reviewer = await desk.seat(Office.REVIEWER)
    fields = await opened(reviewer, "JL-042")
    fields |= {"p.params.0.value": ["990.00"], "p.revision": ["3"]}
    _, page = await posted(reviewer, "JL-042", fields, "check")
    ticks = {"accept-0": ["1"], "why-0": ["一" * 200], "accept-1": ["1"], "why-1": ["二" * 200]}
    long = filled(page) | ticks | {"reason": ["三" * (REASON_CHARS_MAX - 300)]}
    status, page = await posted(reviewer, "JL-042", long, "accept")
    assert status == 409 and "请改短" in page
    again = filled(page)
    assert again["reason"] == long["reason"] and again["why-1"] == ["二" * 200]
    assert len(root_of(page).xpath("//*[@id='failing']//li/p")) == 2, "none was accepted"
    fits = again | ticks | {"reason": ["三" * 400]}
    status, page = await posted(reviewer, "JL-042", fits, "accept")
    assert status == 200
    [reason] = filled(page)["reason"]
    assert reason.endswith("二" * 200) and "一" * 200 in reason and reason.startswith("三" * 400)
    status, path = await posted(reviewer, "JL-042", filled(page), "draft")
    assert status == 303 and reason in (await reviewer.get(path))[1]


async def test_nothing_is_handed_on_without_a_reason(desk: Desk) -> None:
    reviewer = await desk.seat(Office.REVIEWER)
    fields = await opened(reviewer, "JL-042")
    fields |= {"p.title.zh": ["现金限额"], "p.revision": ["3"]}
    for why in ("", "改了", " 　 "):
        sent = fields | {"reason": [why]}
        status, page = await posted(reviewer, "JL-042", sent, "draft")
        assert status == 409 and "请填写修改理由" in page, why
        assert filled(page)["p.title.zh"] == ["现金限额"]
        text = {"document": document(page), "step": "draft", "reason": why}
        status, page = await reviewer.post(f"{HOME}/JL-042/edit", text)
        assert status == 409 and "请填写修改理由" in page and "现金限额" in page, why
    assert not await desk.rooms.policies.store.drafts(DIVISION, 9)

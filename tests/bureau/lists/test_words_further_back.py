"""Words are looked for in so many lines at a time: what was not looked at is said, and gone on to.

"Nothing fits" of a search that stopped half way would hide a payment from whoever audits.
"""

import csv
import html
import io
import re
from typing import Any

import pytest

from bureau.desk import interceptions as desk_interceptions
from bureau.desk.people import Office
from bureau.web.sections import case_list as case_pages
from tests.bureau.desks import Desk, Seated
from tests.bureau.words import DIVISION, Bureau, Chain, told, verdict

pytestmark = pytest.mark.postgres
HOME = f"/desk/{DIVISION}"
MOMENT = 1_772_438_400_000_000
AMONG = 5
NOT_YET = "更早的还没有查"
LOOKED_AT = "已查部分中没有符合条件"


async def pages_of(who: Seated, path: str) -> list[str]:
    found = []
    for _ in range(9):
        _, page = await who.get(path)
        found.append(page)
        further = re.findall(r'href="(\?[^"]+)" rel="next"', page)
        if not further:
            return found
        path = path.partition("?")[0] + html.unescape(further[0])
    raise AssertionError("pages without end")


async def test_a_word_that_only_the_oldest_lines_have_is_found_by_going_on(
    desk: Desk, bureau: Bureau, chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_interceptions, "WORDS_AMONG", AMONG)
    lines = [verdict(n, "blocked", recorded_at=MOMENT + n) for n in range(1, 13)]
    await told(bureau, chain, *lines)
    reviewer = await desk.seat(Office.REVIEWER)
    oldest = f"{1:013d}"
    pages = await pages_of(reviewer, f"{HOME}/interceptions?q={oldest}")
    assert [f">{oldest}<" in page for page in pages] == [False, False, True]
    assert [NOT_YET in page for page in pages] == [True, True, False]
    assert "继续向前查找" in pages[0] and LOOKED_AT in pages[0]
    _, rows = await reviewer.get(f"{HOME}/interceptions/rows?q={oldest}")
    assert LOOKED_AT in rows, "also where the page renews itself"
    _, body, _ = await reviewer.bytes(f"{HOME}/interceptions.csv?q={oldest}")
    assert [row[5].lstrip("'") for row in csv.reader(io.StringIO(body.decode("utf-8-sig")))][
        1:
    ] == [oldest], "an export is whole"
    _, paper = await reviewer.get(f"{HOME}/interceptions/print?q={oldest}")
    assert "仅列最新部分" in paper and LOOKED_AT in paper
    pages = await pages_of(reviewer, f"{HOME}/interceptions")
    assert len(pages) == 1 and NOT_YET not in pages[0], "without words nothing is left out"


async def test_a_word_of_an_old_case_is_found_by_going_on(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(case_pages, "WORDS_AMONG", AMONG)
    reviewer = await desk.seat(Office.REVIEWER)
    new: dict[str, Any] = {"against": "agency", "agency_code": "101001", "agency_name": "厅"}
    for n in range(AMONG + 2):
        form = new | {"title": f"第{'甲' if n == 0 else '乙'}件", "reason": "排查"}
        assert (await reviewer.post(f"{HOME}/cases/new", form))[0] == 303
    pages = await pages_of(reviewer, f"{HOME}/cases?q=甲件")
    assert ["第甲件" in page for page in pages] == [False, True]
    assert NOT_YET in pages[0] and LOOKED_AT in pages[0] and NOT_YET not in pages[1]

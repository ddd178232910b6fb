"""The audit trail as its readers see it: in words, narrowed, exported, and every act has words."""

import ast
import datetime as dt
import io
import re
from pathlib import Path

import pytest
from python_calamine import CalamineWorkbook

from bureau.desk.deeds import ACTS, DETAILS, act_words, detail_words
from bureau.desk.people import Office
from bureau.desk.trail import Act
from tests.bureau.desks import Desk
from tests.bureau.words import DIVISION

SOURCES = Path(__file__).parents[3] / "bureau"
TRAIL = f"/desk/{DIVISION}/trail"
_NAMED = re.compile(
    r"(session|account|case|document|release|register|policy|policies|complaint|informant|list"
    r"|report|trail)\.[a-z_]+"
)


@pytest.mark.slow
def test_every_act_that_the_desk_writes_has_words_in_both_languages() -> None:
    written = {
        node.value
        for file in SOURCES.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and _NAMED.fullmatch(node.value)
        and node.value.rpartition(".")[2] not in ("csv", "xlsx", "zip")
    }
    assert len(written) > 25
    assert written - set(ACTS) == set()
    assert all(zh and en for zh, en in [*ACTS.values(), *DETAILS.values()])


def test_what_has_no_words_is_shown_as_it_was_kept() -> None:
    assert act_words("moon.landed") == ("moon.landed", "")
    shown = detail_words({"moon": "x", "office": "reviewer", "code": "", "op": "put"})
    assert shown == [
        ("moon", "", "x"), ("岗位", "office", "财政审核岗"), ("事项", "what", "新增或变更"),
    ]  # fmt: skip


@pytest.mark.postgres
async def test_acts_are_read_in_words_and_narrowed_by_person_act_and_days(desk: Desk) -> None:
    security = await desk.seat(Office.SECURITY)
    for number, (login, what) in enumerate(
        [("alpha", "case.opened"), ("beta", "case.opened"), ("alpha", "register.approved")]
    ):
        at = dt.datetime(2026, 3, 1 + number, 16, 30, tzinfo=dt.UTC)
        act = Act(
            division=DIVISION, login=login, what=what, subject=f"事{number}",
            detail={"register": "accounts", "version": 7},
        )  # fmt: skip
        await desk.rooms.people.change(at, [act])
    for query, subjects in {
        "login=alpha": {0, 2}, "what=case.opened": {0, 1}, "from=2026-03-03&to=2026-03-03": {1},
        "from=2026-03-03&to=2026-03-04": {1, 2}, "to=2026-03-02": {0},
        "login=beta&what=register.approved": set(), "what=nonsense&login=alpha": {0, 2},
    }.items():  # fmt: skip
        status, text = await security.get(f"{TRAIL}?{query}")
        assert status == 200
        assert {n for n in range(3) if f">事{n}<" in text} == subjects, query
    assert "批准登记变更" in text and "银行账户" in text and "{&#34;" not in text
    assert (await security.get(f"{TRAIL}?from=x"))[0] == 409
    status, text = await security.get(f"{TRAIL}?from=2026-03-04&to=2026-03-03")
    assert status == 409 and "起止日期颠倒" in text, "it would find nothing, ever"
    _, book, _ = await security.bytes(f"{TRAIL}.xlsx?login=alpha")
    rows = CalamineWorkbook.from_filelike(io.BytesIO(book)).get_sheet_by_name("数据").to_python()
    assert [row[7] for row in rows[1:]] == ["事2", "事0"]
    assert rows[1][5] == "批准登记变更" and "版本 7" in rows[1][8]
    _, body, _ = await security.bytes(f"{TRAIL}.csv?login=beta")
    assert "立案" in body.decode("utf-8-sig")
    assert "导出操作留痕" in (await security.get(TRAIL))[1]

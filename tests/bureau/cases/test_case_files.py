"""A file belongs to the step with which it was handed in, whoever handed in the same one before."""

from pathlib import Path
from urllib.parse import unquote

import asyncpg
import pytest

from adapters.postgres import migrate
from bureau.desk.people import Office
from tests.bureau.cases.test_case_edges import ordered
from tests.bureau.cases.test_case_walk import HOME, PDF, moved
from tests.bureau.desks import Desk

pytestmark = pytest.mark.postgres
MIGRATION = Path(migrate.__file__).parent / "migrations_bureau" / "0077_a_file_of_each_move.sql"


def step(page: str, words: str) -> str:
    """The last step of the timeline that says these words, with the files below it."""
    return page.partition("经过")[2].rpartition(words)[2].partition("</li>")[0]


async def test_the_same_file_again_stands_with_the_step_that_it_came_with(desk: Desk) -> None:
    key = await ordered(desk, "21(2)", 5)
    case = f"{HOME}/cases/{key[1]}/{key[2]}"
    agency, reviewer = await desk.seat(Office.AGENCY), await desk.seat(Office.REVIEWER)
    await moved(reviewer, case, "note", text="内部留存", files=("线索.pdf", PDF))
    assert "线索" not in (await agency.get(case))[1], "a note is read inside the bureau"
    await moved(
        agency, case, "report", number=1, text="甲次报送", returned="1", files=("回单.pdf", PDF)
    )
    page = (await agency.get(case))[1]
    assert "回单.pdf" in step(page, "甲次报送") and "线索" not in page, "what it handed in itself"
    path = page.partition(f'href="{case}/files/')[2].partition('"')[0]
    status, body, headers = await agency.bytes(f"{case}/files/{path}")
    assert (status, body) == (200, PDF)
    assert unquote(headers["Content-Disposition"]).endswith("''回单.pdf"), "under its own name"
    await moved(reviewer, case, "reject_report", number=1, text="不清楚")
    await moved(
        agency, case, "report", number=1, text="乙次报送", returned="1", files=("再报.pdf", PDF)
    )
    page = (await reviewer.get(case))[1]
    assert "再报.pdf" in step(page, "乙次报送") and "回单.pdf" in step(page, "甲次报送")


async def test_what_was_handed_in_again_before_stands_with_its_step_too(
    desk: Desk, kept: str
) -> None:
    """By the migration: earlier releases kept a case's file once, with the first step."""
    key = await ordered(desk, "21(2)", 5)
    case = f"{HOME}/cases/{key[1]}/{key[2]}"
    agency, reviewer = await desk.seat(Office.AGENCY), await desk.seat(Office.REVIEWER)
    await moved(reviewer, case, "note", text="内部留存", files=("线索.pdf", PDF))
    await moved(
        agency, case, "report", number=1, text="甲次报送", returned="1", files=("回单.pdf", PDF)
    )
    owner = await asyncpg.connect(kept)
    await owner.execute("DELETE FROM case_upload WHERE name = '回单.pdf'")
    await owner.execute(MIGRATION.read_text(encoding="utf-8"))
    await owner.close()
    page = (await agency.get(case))[1]
    assert "附件.pdf" in step(page, "甲次报送") and "线索" not in page

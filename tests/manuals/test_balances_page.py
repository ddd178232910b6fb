"""runbooks/balances-differ.md: its own statements put right what an owner's hand changed."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.adapters.postgres.conftest import opened
from tests.adapters.postgres.storage_builders import DIVISION, admission, settlement

pytestmark = pytest.mark.postgres

PAGE = Path(__file__).parents[2] / "docs" / "runbooks" / "balances-differ.md"
SPOKEN_FOR, GRANT, OPENED = re.findall(r"```sql\n(.*?)```", PAGE.read_text("utf-8"), re.S)
LINE = {"DIVISION": DIVISION, "KIND": "indicator", "ID": "IND-1"}
LINES = "SELECT * FROM limit_line"
OPEN = "SELECT * FROM open_payment"


def filled(statement: str, **words: object) -> str:
    """The page's words in capitals, as an operator puts them in."""
    return re.sub(r"\b[A-Z]{2,}\b", lambda word: str(words.get(word[0], word[0])), statement)


@pytest.fixture
async def owner(migrated: str) -> AsyncIterator[asyncpg.Connection]:
    """With one payment of 100 open on a limit of which 850 are posted."""
    connection = await asyncpg.connect(migrated)
    await connection.execute(
        "INSERT INTO limit_line (division, kind, id, granted_fen, frozen_fen, opening_fen,"
        " reserved_fen, posted_fen, ceiling_fen) VALUES ($1, 'indicator', 'IND-1', 1000, 20, 10,"
        " 0, 850, 970)", DIVISION,
    )  # fmt: skip
    async with opened(migrated) as storage:
        await storage.ledger.admit(admission(1))
        yield connection
    await connection.close()


async def _rows(owner: asyncpg.Connection, asked: str) -> list[dict[str, Any]]:
    return [dict(row) for row in await owner.fetch(asked)]


@pytest.mark.parametrize(
    ("column", "stored"), [("posted_fen", 0), ("posted_fen", 860), ("reserved_fen", 0)]
)
async def test_what_is_spoken_for_is_put_right(
    owner: asyncpg.Connection, column: str, stored: int
) -> None:
    (right,) = await _rows(owner, LINES)
    await owner.execute(f"UPDATE limit_line SET {column} = {stored}")
    typed = SPOKEN_FOR.replace("posted_fen = posted_fen", f"{column} = {column}")
    await owner.execute(filled(typed, **LINE, RECOUNTED=right[column], STORED=stored))
    assert await _rows(owner, LINES) == [right]


async def test_so_it_is_where_more_is_spoken_for_than_granted(owner: asyncpg.Connection) -> None:
    await owner.execute("UPDATE limit_line SET granted_fen = 500, ceiling_fen = 950")
    (right,) = await _rows(owner, LINES)
    await owner.execute("UPDATE limit_line SET posted_fen = 50, ceiling_fen = 470")
    await owner.execute(filled(SPOKEN_FOR, **LINE, RECOUNTED=850, STORED=50))
    assert await _rows(owner, LINES) == [right]


@pytest.mark.parametrize("granted", [5000, 900])
async def test_a_grant_is_put_right_with_its_ceiling(
    owner: asyncpg.Connection, granted: int
) -> None:
    (right,) = await _rows(owner, LINES)
    ceiling = max(granted - 30, 950)
    await owner.execute(f"UPDATE limit_line SET granted_fen = {granted}, ceiling_fen = {ceiling}")
    await owner.execute(filled(GRANT, **LINE, RECOUNTED=right["granted_fen"]))
    assert await _rows(owner, LINES) == [right]


async def test_an_open_payment_that_is_gone_is_open_again(
    owner: asyncpg.Connection, migrated: str
) -> None:
    right = await _rows(owner, OPEN)
    words = {**LINE, "YEAR": 2026, "TYPE": "8202"}
    await owner.execute("DELETE FROM open_payment")
    await owner.execute(filled(OPENED, **words, NUMBER=1))
    assert len(right) == 1 and await _rows(owner, OPEN) == right
    async with opened(migrated) as storage:
        await storage.ledger.settle(settlement(1))
    await owner.execute(filled(OPENED, **words, NUMBER=1))
    assert await _rows(owner, OPEN) == [], "what is settled stays so"

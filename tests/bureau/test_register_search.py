"""Rows found by a name go on to the last of them; amounts stand with their unit."""

from collections.abc import Mapping
from typing import Any

import pytest

from bureau.desk.registers import search as register_search
from bureau.desk.registers.search import named
from bureau.desk.registers.words import SHEETS, Sheet, row_of
from tests.bureau.desks import Desk
from tests.bureau.test_registers import HOME, loaded

SHEET = SHEETS["agencies"]


class Shelf:
    """Agencies by key: each third bears the name that is looked for."""

    def __init__(self, count: int) -> None:
        self._rows = [
            {"key": f"{n:06d}", "row": {"name": "示例厅" if n % 3 == 0 else "别的单位"}}
            for n in range(count)
        ]

    async def rows(
        self, division: str, sheet: Sheet, after: str, agency: str | None, limit: int
    ) -> list[Mapping[str, Any]]:
        return [row for row in self._rows if str(row["key"]) > after][:limit]


@pytest.mark.parametrize(("scanned", "most"), [(8, 100), (8, 2), (1000, 2), (1000, 7), (4, 1)])
async def test_every_row_of_a_name_is_reached_once(
    scanned: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(register_search, "SCANNED_MAX", scanned)
    monkeypatch.setattr(register_search, "SLICE_ROWS", 4)
    found, after = [], ""
    for _ in range(50):
        part = await named(Shelf(50), "220000000", SHEET, "示例", most, after)
        assert len(part.rows) <= most and (not part.tired or len(part.rows) < most)
        found += [each["key"] for each in part.rows]
        after = part.after
        if not after:
            break
    assert found == [f"{n:06d}" for n in range(0, 50, 3)]


@pytest.mark.postgres
async def test_amounts_stand_with_their_unit_and_are_read_as_people_write_them(
    desk: Desk,
) -> None:
    reviewer, _ = await loaded(desk)
    _, text = await reviewer.get(f"{HOME}/indicators")
    assert "下达（元）" in text and "预算单位（元）" not in text
    _, text = await reviewer.get(f"{HOME}/plans/edit")
    assert "额度（元）" in text
    _, text = await reviewer.get(f"{HOME}/persons/edit")
    assert "个人账户（可填几个，用顿号隔开）" in text and "不回显" not in text, "nothing was there"
    amounts = {"month": "1", "amount": "￥１，２３４.5元"}
    row, _ = row_of(SHEETS["plans"], {"indicator_id": "x", **amounts})
    assert row["amount"] == "1234.50"

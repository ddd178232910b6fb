"""A download that its reader breaks off ends by itself: it is nobody's failure."""

import asyncio
from collections.abc import AsyncIterator, Callable

import attrs
import pytest

from bureau.desk.people import Office
from bureau.web import guard
from bureau.web.sections import interceptions
from tests.bureau.desks import Desk
from tests.bureau.words import DIVISION

pytestmark = pytest.mark.postgres
COLUMNS = len(interceptions.HEAD)


@attrs.define
class Said:
    """What the door writes into the log of the desk."""

    told: list[tuple[str, str]] = attrs.field(factory=list)
    heard: Callable[[], None] = lambda: None

    def info(self, event: str, **_: object) -> None:
        self._tell("info", event)

    def exception(self, event: str, **_: object) -> None:
        self._tell("error", event)

    def _tell(self, level: str, event: str) -> None:
        self.told.append((level, event))
        self.heard()


async def test_a_download_broken_off_is_told_as_that_and_not_as_a_failure(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def pieces(*_: object) -> AsyncIterator[list[list[str]]]:
        """Lines for as long as anybody takes them."""
        for n in range(100_000):
            yield [[f"{n} {m}" * 9 for m in range(COLUMNS)] for _ in range(50)]

    said, over = Said(), asyncio.Event()
    said.heard = over.set
    monkeypatch.setattr(guard, "_log", said)
    monkeypatch.setattr(interceptions._Interceptions, "_pieces", pieces)
    reviewer = await desk.seat(Office.REVIEWER)
    path = f"{reviewer.url}/desk/{DIVISION}/interceptions.xlsx"
    answer = await reviewer.session.get(path)
    await answer.content.readany()
    answer.close()
    async with asyncio.timeout(30):
        await over.wait()
    assert said.told == [("info", "visitor.gone")]


async def test_who_takes_a_csv_is_told_that_it_is_for_programs(desk: Desk) -> None:
    """A spreadsheet that opens one makes a number of eighteen digits a float: its end is lost."""
    reviewer, security = await desk.seat(Office.REVIEWER), await desk.seat(Office.SECURITY)
    for who, path in ((reviewer, "interceptions"), (reviewer, "cases"), (security, "trail")):
        _, text = await who.get(f"/desk/{DIVISION}/{path}")
        link = text.partition(f"/desk/{DIVISION}/{path}.csv")[2].partition("</a>")[0]
        assert "长号码的末几位" in link and "供程序读取" in link, path

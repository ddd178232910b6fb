"""What the ledger does not give or take of one division keeps no other division waiting."""

import datetime as dt
from typing import Any

import pytest

from gateway.domain.faults import LedgerUnavailable
from gateway.workers.close import Closing
from gateway.workers.expire import Expiring, Keeping
from gateway.workers.office import Office
from gateway.workers.register import Registering
from tests.pipeline.fakes import NOW
from tests.workers.test_holds_end import ORIGIN

ILL, WELL = "220000000", "220100000"


class Clock:
    def now(self) -> dt.datetime:
        return NOW


class Rooms:
    """Every room that these workers ask, of a ledger that has a row of one division locked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def _ask(self, division: str) -> list[Any]:
        self.asked.append(division)
        if division == ILL:
            raise LedgerUnavailable("canceled on account of a lock")
        return []

    async def unrecorded(self, division: str, limit: int) -> list[Any]:
        return self._ask(division)

    async def days_to_close(self, division: str, today: dt.date) -> list[Any]:
        return self._ask(division)

    async def open_holds(self, division: str, due: dt.datetime, limit: int) -> list[Any]:
        return self._ask(division)

    async def swept(self, division: str, before: dt.datetime) -> None:
        pass

    async def untold(self, division: str, limit: int) -> list[Any]:
        return []


@pytest.mark.parametrize("what", ["registers", "days", "holds"])
async def test_a_division_whose_rows_cannot_be_had_keeps_no_other_from_its_turn(what: str) -> None:
    rooms: Any = Rooms()
    office, clock, both = Office(None), Clock(), (ILL, WELL)  # type: ignore[arg-type]
    keeping = Keeping(holds=rooms, overdrafts=rooms, ledger=rooms)
    turn = {
        "registers": Registering(office, rooms, clock, ORIGIN, both).look,  # type: ignore[arg-type]
        "days": Closing(office, rooms, clock, ORIGIN, both).close_all,  # type: ignore[arg-type]
        "holds": Expiring(office, keeping, clock, ORIGIN, both, 1.0, {}).look,  # type: ignore[arg-type]
    }[what]
    with pytest.raises(LedgerUnavailable, match="lock"):
        await turn()
    assert rooms.asked == [ILL, WELL]

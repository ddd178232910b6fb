"""The page of certificates: the soonest to run out first, and what cannot be read left out."""

import datetime as dt
from pathlib import Path

import attrs
import pytest

from bureau.desk.certificates import Shelf
from bureau.desk.people import Office
from certs.keys import save_certificates
from tests.bureau.desks import Desk
from tests.bureau.words import DIVISION, House

pytestmark = pytest.mark.postgres


async def test_days_left_are_counted_and_broken_files_left_out(
    house: House, tmp_path: Path
) -> None:
    (tmp_path / "parties").mkdir()
    save_certificates(tmp_path / "own.pem", [house.bureau.certificate])
    save_certificates(tmp_path / "parties" / "bank.pem", [house.gateway.certificate])
    (tmp_path / "parties" / "broken.pem").write_text("nothing")
    shelf = Shelf(own={"见证": tmp_path / "own.pem"}, parties=tmp_path / "parties")
    held = shelf.held()
    assert sorted(each.file for each in held) == ["bank.pem", "own.pem"]
    one = held[0]
    assert one.days_left(one.not_after - dt.timedelta(days=5, hours=1)) == 5
    assert one.days_left(one.not_after + dt.timedelta(hours=1)) == -1


async def test_the_security_officer_and_the_bureau_see_it(
    desk: Desk, house: House, tmp_path: Path
) -> None:
    save_certificates(tmp_path / "own.pem", [house.bureau.certificate])
    shelf = attrs.evolve(desk.rooms.shelf, own={"见证 witness": tmp_path / "own.pem"})
    object.__setattr__(desk.rooms, "shelf", shelf)
    security = await desk.seat(Office.SECURITY)
    _, text = await security.get(f"/desk/{DIVISION}/certificates")
    assert "见证 witness" in text and "own.pem" in text
    agency = await desk.seat(Office.AGENCY)
    assert (await agency.get(f"/desk/{DIVISION}/certificates"))[0] == 403

"""The page of certificates: the soonest to run out first, and what cannot be read left out."""

import datetime as dt
from pathlib import Path

import attrs
import pytest
import structlog

from bureau.desk.certificates import PARTY, Held, Shelf, Warner, endings
from bureau.desk.people import Office
from bureau.desk.strip import ending_alarms
from certs.keys import save_certificates
from gateway.domain.log import P256_SHA256, SM2_SM3
from tests.bureau.desks import Desk
from tests.bureau.words import DIVISION, House
from tests.certs.outliving import ending_authority, outliving

pytestmark = pytest.mark.postgres

NOW = dt.datetime(2026, 11, 29, tzinfo=dt.UTC)


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
    save_certificates(tmp_path / "own.pem", [house.gateway.certificate])
    assert {each.serial for each in shelf.held()} == {
        f"{house.gateway.certificate.serial_number:x}"
    }
    save_certificates(tmp_path / "parties" / "broken.pem", [house.bureau.certificate])
    assert sorted(each.file for each in shelf.held()) == ["bank.pem", "broken.pem", "own.pem"]


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
    first = f"/desk/{DIVISION}/trail"
    assert "天到期" not in (await security.get(first))[1]
    object.__setattr__(desk.rooms, "shelf", Ending())
    text = (await security.get(first))[1]
    assert "还有 3 天到期：见证签名 witness" in text
    assert f'href="/desk/{DIVISION}/certificates">查看' in text, "the page that tells of it"


def held(
    days: float, use: str = "见证签名 witness", holder: str = "bureau", life: float = 396,
    suite: str = P256_SHA256,
) -> Held:  # fmt: skip
    ends = NOW + dt.timedelta(days=days)
    return Held(
        use=use, file=f"{holder}.pem", subject=holder, serial=f"{days}", holder=holder,
        not_before=ends - dt.timedelta(days=life), not_after=ends, suite=suite,
    )  # fmt: skip


class Ending(Shelf):
    """A shelf with one certificate that ends in three days."""

    def __init__(self) -> None:
        super().__init__(own={}, parties=None)

    def held(self) -> list[Held]:
        ends = dt.datetime.now(dt.UTC) + dt.timedelta(days=3, hours=1)
        return [attrs.evolve(held(3), not_after=ends)]


@pytest.mark.parametrize(
    ("days", "threshold"),
    [(61, None), (59.5, 60), (29.5, 30), (13.5, 14), (6.5, 7), (0.5, 1), (-0.01, 0), (-40, 0)],
)
async def test_each_threshold_is_passed_once(days: float, threshold: int | None) -> None:
    found = endings([held(days)], NOW)
    assert [one.threshold for one in found] == ([] if threshold is None else [threshold])


async def test_a_party_with_a_later_certificate_beside_it_ends_unsaid() -> None:
    old, new = held(-3, PARTY, "agency/1"), held(300, PARTY, "agency/1")
    other = held(-1, PARTY, "agency/2")
    assert [one.held for one in endings([new, old, other], NOW)] == [other]


async def test_the_witness_certificate_ends_with_the_authority_over_it_and_that_is_named(
    tmp_path: Path,
) -> None:
    ends = NOW.replace(microsecond=0) + dt.timedelta(days=20)
    ending = ending_authority(ends)
    own = outliving(ending, "spiffe://treasury.test/bureau/220000000", NOW)
    save_certificates(tmp_path / "own.pem", [own.certificate])
    save_certificates(tmp_path / "evidence.pem", [ending.certificate])
    use = "见证签名 witness"
    shelf = Shelf(
        own={use: tmp_path / "own.pem"}, parties=None, evidence=tmp_path / "evidence.pem",
        signing=frozenset({use}),
    )  # fmt: skip
    [one] = shelf.held()
    assert one.not_after == ends and "CN=evidence that ends" in one.by
    [alarm] = ending_alarms([one], NOW)
    assert "还有 20 天到期：见证签名 witness" in alarm.zh and "CN=evidence that ends" in alarm.zh
    with structlog.testing.capture_logs() as logs:
        Warner(shelf, lambda: ends).look([one])
    assert logs[0]["event"] == "certificate.expired" and "evidence that ends" in logs[0]["by"]


@pytest.mark.parametrize("days", [50.0, 5, 0.5, -3])
async def test_a_successor_that_is_valid_silences_every_threshold(days: float) -> None:
    """Of the same suite only, and not before it is valid itself: until then nothing is in place."""
    old, new = held(days, PARTY, "gateway"), held(300, PARTY, "gateway")
    assert endings([old, new], NOW) == []
    sm2 = held(300, PARTY, "gateway", suite=SM2_SM3)
    assert [one.held for one in endings([old, sm2], NOW)] == [old]
    to_come = held(300, PARTY, "gateway", life=299)
    assert [one.held for one in endings([old, to_come], NOW)] == [old]


async def test_the_first_page_says_ours_in_a_month_and_a_partys_in_a_week() -> None:
    shown = [held(29.5), held(20, PARTY, "agency/1"), held(3, PARTY, "agency/2")]
    said = [alarm.zh for alarm in ending_alarms(shown, NOW)]
    assert len(said) == 2 and "还有 3 天到期" in said[0] and "还有 29 天到期" in said[1]
    [ended] = ending_alarms([held(-1)], NOW)
    assert ended.zh.startswith("证书已过期：见证签名 witness，bureau")


async def test_the_operators_log_tells_each_threshold_once_as_days_go_by() -> None:
    days = iter(range(400))
    warner = Warner(Shelf(own={}, parties=None), lambda: NOW + dt.timedelta(days=next(days)))
    with structlog.testing.capture_logs() as lines:
        for _ in range(70):
            warner.look([held(62.5)])
    told = [(line["event"], line["days"]) for line in lines]
    assert told == [*(("certificate.expiring", d) for d in (60, 30, 14, 7, 1)),
                    ("certificate.expired", 0)]  # fmt: skip


async def test_the_bureaus_home_names_a_certificate_that_ends(
    desk: Desk, house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_certificates(tmp_path / "own.pem", [house.bureau.certificate])
    shelf = attrs.evolve(desk.rooms.shelf, own={"见证 witness": tmp_path / "own.pem"})
    object.__setattr__(desk.rooms, "shelf", shelf)
    later = house.bureau.not_after - dt.timedelta(days=5, hours=1)
    object.__setattr__(desk.rooms, "shelf", attrs.evolve(shelf, parties=None))
    found = ending_alarms(desk.rooms.shelf.held(), later)
    assert "还有 5 天到期：见证 witness" in found[0].zh
    reviewer = await desk.seat(Office.REVIEWER)
    _, text = await reviewer.get(f"/desk/{DIVISION}")
    assert "到期" not in text
    monkeypatch.setattr("bureau.web.sections.home.ending_alarms", lambda held, now: found)
    _, text = await reviewer.get(f"/desk/{DIVISION}")
    assert "还有 5 天到期：见证 witness" in text
    assert f'href="/desk/{DIVISION}/certificates">查看' in text

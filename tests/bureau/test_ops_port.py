"""The bureau's operators' port: what it says of itself, and what it keeps to itself."""

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from bureau.desk.certificates import Shelf
from bureau.desk.strip import SILENCE_MAX
from bureau.desk.wellbeing import Watch
from bureau.inbox.keeping import LASTS, Keeping
from bureau.ports import DeskStore
from bureau.web.ops import ops_application
from certs.keys import save_certificates
from gateway.domain.faults import StoreUnavailable
from tests.certs.outliving import ending_authority

NOW = dt.datetime(2026, 3, 2, 1, 0, tzinfo=dt.UTC)
DIVISION, BANK = "220000000", "103241001000"


class Logs:
    """Of the desk's store, the logs."""

    def __init__(self, **of_the_log: Any) -> None:
        self.lost = False
        self._log = {
            "division": DIVISION, "bank": BANK, "origin": "x/log/220000000", "size": 7,
            "cosigned_at": NOW, "misbehaviours": 0, **of_the_log,
        }  # fmt: skip

    async def logs(self, division: str) -> Sequence[Mapping[str, Any]]:
        if self.lost:
            raise StoreUnavailable("connection refused")
        return [self._log] if division == DIVISION else []


def _watch(logs: Logs, *, own: Path | None = None, **more: Any) -> Watch:
    asked = {"witness": lambda at: "", "troubles": dict, **more}
    shelf = Shelf(own={"bureau": own} if own else {}, parties=None)
    return Watch(
        desk=cast(DeskStore, logs), shelf=shelf, divisions=(DIVISION, "220100000"),
        clock=lambda: NOW, **asked,
    )  # fmt: skip


async def _told(watch: Watch) -> tuple[int, dict[str, Any], str]:
    """Status and words of readiness, and the numbers."""
    async with TestServer(ops_application(watch)) as server, aiohttp.ClientSession() as session:
        base = f"http://{server.host}:{server.port}"
        ready = await session.get(f"{base}/readyz")
        assert (await session.get(f"{base}/healthz")).status == 200, "alive is another question"
        return ready.status, await ready.json(), await (await session.get(f"{base}/metrics")).text()


async def test_a_database_that_answers_and_keeps_nothing_is_no_database() -> None:
    """A full disk: every question is answered, and every delivery is refused."""
    moments = [NOW]
    keeping = Keeping(lambda: moments[-1])
    with pytest.raises(StoreUnavailable), keeping.tried():
        raise StoreUnavailable("No space left on device")
    status, words, numbers = await _told(_watch(Logs(), keeping=keeping.trouble))
    assert status == 503 and "No space left" in words["reasons"]["database"]
    assert 'bureau_unready{what="database"} 1.0' in numbers
    with pytest.raises(ValueError), keeping.tried():
        raise ValueError("what was delivered is not what it claims")
    assert keeping.trouble(), "that says nothing of the database"
    with keeping.tried():
        pass
    assert (await _told(_watch(Logs(), keeping=keeping.trouble)))[0] == 200
    with pytest.raises(StoreUnavailable), keeping.tried():
        raise StoreUnavailable("No space left on device")
    moments.append(NOW + 2 * LASTS)
    assert not keeping.trouble(), "nobody has tried since"


async def test_a_bureau_that_hears_its_banks_is_ready_and_tells_how_far_each_is() -> None:
    at = NOW - dt.timedelta(seconds=42)
    status, words, numbers = await _told(_watch(Logs(cosigned_at=at, misbehaviours=3)))
    assert (status, words) == (200, {"ready": True, "reasons": {}, "warnings": {}})
    labels = f'{{bank="{BANK}",division="{DIVISION}"}}'
    for line in (
        "bureau_ready 1.0", f"bureau_log_size{labels} 7.0",
        f"bureau_cosigned_age_seconds{labels} 42.0",
        f"bureau_deliveries_refused_total{labels} 3.0", "process_resident_memory_bytes ",
    ):  # fmt: skip
        assert line in numbers, line
    assert "bureau_unready{" not in numbers and "bureau_warning{" not in numbers


async def test_a_silent_bank_a_feed_and_a_certificate_are_warnings_and_stop_nothing(
    tmp_path: Path,
) -> None:
    ending = ending_authority(NOW + dt.timedelta(days=5, hours=1)).certificate
    save_certificates(tmp_path / "own.pem", [ending])
    watch = _watch(
        Logs(cosigned_at=NOW - SILENCE_MAX - dt.timedelta(seconds=1)), own=tmp_path / "own.pem",
        troubles=lambda: {f"releases.{DIVISION}/{BANK}": "connection refused"},
    )  # fmt: skip
    status, words, numbers = await _told(watch)
    serial = f"{ending.serial_number:x}"
    assert (status, words["ready"]) == (200, True)
    assert set(words["warnings"]) == {
        f"log.{DIVISION}/{BANK}", f"releases.{DIVISION}/{BANK}", f"certificate/{serial}",
    }  # fmt: skip
    assert "ends in 5 days" in words["warnings"][f"certificate/{serial}"]
    assert f'bureau_warning{{what="log.{DIVISION}/{BANK}"}} 1.0' in numbers
    assert f'serial="{serial}",use="bureau"}} 5.0' in numbers


async def test_a_bureau_that_cannot_store_or_sign_is_not_ready_and_old_sizes_do_not_stay() -> None:
    logs = Logs()
    watch = _watch(logs, witness=lambda at: "the witness certificate has ended")
    logs.lost = True
    status, words, numbers = await _told(watch)
    assert (status, words["ready"]) == (503, False)
    assert set(words["reasons"]) == {"database", "witness"}
    assert "bureau_ready 0.0" in numbers and 'bureau_unready{what="database"} 1.0' in numbers
    assert "bureau_log_size{" not in numbers


@pytest.mark.parametrize(("host", "status"), [("localhost:1", 200), ("evil.example", 421)])
async def test_a_page_whose_name_was_made_to_mean_loopback_reads_nothing(
    host: str, status: int
) -> None:
    app = ops_application(_watch(Logs()))
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        url = f"http://{server.host}:{server.port}/metrics"
        assert (await session.get(url, headers={"Host": host})).status == status

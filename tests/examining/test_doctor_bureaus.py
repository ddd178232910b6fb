"""The doctor tells which bureaus the running gateway cannot believe."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from certs.authority import Purpose, create_root, create_subordinate, issue, request
from certs.keys import generate_key, save_certificates
from gateway.domain.faults import LedgerUnavailable
from gateway.domain.log import Backlog
from gateway.examining.examine import place, troubles
from gateway.examining.finding import Finding, State
from gateway.examining.keys import certificates
from gateway.web.metrics import Metrics
from gateway.web.ops import DEGRADED_AFTER_S, Ops
from tests.certs.outliving import ending_authority, outliving

DIVISION = "220000000"
BUREAU = f"spiffe://treasury.test/bureau/{DIVISION}"
NOW = dt.datetime.now(dt.UTC)


async def _nothing() -> Backlog:
    return Backlog(open_payments=0, operator_tasks=0, records_waiting=0, notices_waiting=0, logs=())


async def _told(
    metrics: Metrics, warnings: Callable[[], dict[str, str]] = dict
) -> tuple[list[Finding], str]:
    """What the doctor finds, and what Prometheus reads."""
    ops = Ops(metrics, dict, warnings, _nothing, b"{}")
    async with TestServer(ops.application()) as server:
        found = [each async for each in troubles(str(server.host), server.port or 0)]
    async with TestServer(ops.application()) as server, aiohttp.ClientSession() as session:
        url = f"http://{server.host}:{server.port}"
        ready = await session.get(f"{url}/readyz")
        assert ready.status == 200, "a bureau in trouble stops no payment"
        return found, await (await session.get(f"{url}/metrics")).text()


async def test_a_bureau_that_cannot_be_believed_is_red_and_counted() -> None:
    words = "records: it holds 3 records and had acknowledged 9"
    found, numbers = await _told(Metrics(), lambda: {f"bureau.{DIVISION}": words})
    assert [(each.part, each.state) for each in found] == [(f"bureau {DIVISION}", State.BAD)]
    assert "acknowledged 9" in found[0].detail
    assert f'gateway_warning{{what="bureau.{DIVISION}"}} 1.0' in numbers


async def test_a_gateway_on_an_address_of_ipv6_is_asked_too() -> None:
    ops = Ops(Metrics(), lambda: {"bank": "cannot be reached"}, dict, _nothing, b"{}")
    async with TestServer(ops.application(), host="::1") as server:
        found = [each async for each in troubles("::1", server.port or 0)]
    assert [(each.part, each.detail) for each in found] == [("bank", "cannot be reached")]


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("https://bureau.example", ("bureau.example", 443)),
        ("https://bureau.example:8444", ("bureau.example", 8444)),
        ("http://[::1]", ("::1", 80)),
    ],
)
def test_an_address_without_a_port_is_looked_for_where_deliveries_go(
    url: str, wanted: tuple[str, int]
) -> None:
    """A bureau at its scheme's own port was red for ever, and `serve --check` failed."""
    assert place(url) == wanted


async def test_without_trouble_nothing_is_said() -> None:
    found, numbers = await _told(Metrics())
    assert found == [] and "gateway_warning{" not in numbers


async def test_a_bureau_that_has_not_heard_for_long_is_degraded_with_age_and_reason() -> None:
    metrics, age_s = Metrics(), DEGRADED_AFTER_S

    async def untold() -> dict[tuple[str, str], float]:
        return {(DIVISION, "records"): age_s, (DIVISION, "notices"): age_s - 1}

    metrics.untold, metrics.postponed = untold, lambda: {DIVISION: "connection refused"}
    found, numbers = await _told(metrics)
    assert [(each.part, each.state) for each in found] == [(f"bureau {DIVISION}", State.WARN)]
    assert found[0].detail == "records wait 60 s: connection refused"
    labels = f'{{division="{DIVISION}",what="records"}}'
    assert f"gateway_untold_age_seconds{labels} 60.0" in numbers
    age_s = 0.2
    found, numbers = await _told(metrics)
    assert found == [], "a moment is no trouble"
    assert f"gateway_untold_age_seconds{labels} 0.2" in numbers


async def test_the_state_is_one_word_and_a_lost_database_is_not_called_degraded() -> None:
    metrics, reasons = Metrics(), dict[str, str]()

    async def untold() -> dict[tuple[str, str], float]:
        if reasons:
            raise LedgerUnavailable("down")
        return {(DIVISION, "notices"): 4000.0}

    async def said() -> tuple[int, str]:
        ops = Ops(metrics, lambda: reasons, dict, _nothing, b"{}")
        async with TestServer(ops.application()) as server, aiohttp.ClientSession() as session:
            numbers = await session.get(f"http://{server.host}:{server.port}/metrics")
            assert ("untold_age_seconds{" in await numbers.text()) is not bool(reasons)
            ready = await session.get(f"http://{server.host}:{server.port}/readyz")
            return ready.status, (await ready.json())["state"]

    metrics.untold = untold
    assert await said() == (200, "degraded")
    reasons["database"] = "down"
    assert await said() == (503, "unready")


async def test_why_a_gateway_is_not_ready_is_red() -> None:
    reasons = {"database": "the last commit failed: DiskFullError 53100"}
    ops = Ops(Metrics(), lambda: reasons, dict, _nothing, b"{}")
    async with TestServer(ops.application()) as server:
        found = [each async for each in troubles(str(server.host), server.port or 0)]
    assert [(each.part, each.state, each.detail) for each in found] == [
        ("database", State.BAD, reasons["database"])
    ]


async def test_no_gateway_need_run_for_the_doctor() -> None:
    assert [each async for each in troubles("127.0.0.1", 1)] == []


@pytest.mark.parametrize(("filed", "red"), [("bureau/220000000", False), ("bank/103", True)])
def test_a_bureau_without_a_filed_certificate_is_red(tmp_path: Path, filed: str, red: bool) -> None:
    evidence = create_subordinate(create_root("r", NOW), Purpose.EVIDENCE, "evidence", NOW)
    leaf = issue(evidence, request(generate_key(), f"spiffe://treasury.test/{filed}"), NOW)
    (tmp_path / "parties").mkdir()
    save_certificates(tmp_path / "parties" / "one.pem", [leaf])
    save_certificates(tmp_path / "ca.pem", [evidence.certificate])
    file = tmp_path / "ca.pem"
    settings: Any = SimpleNamespace(
        tls=SimpleNamespace(certificate=file, authority=file),
        record_key=SimpleNamespace(certificate=file, sm2_certificate=None),
        parties=SimpleNamespace(authority=file, folder=tmp_path / "parties"),
        bureaus={DIVISION: SimpleNamespace(peer=BUREAU)},
    )
    found = [each for each in certificates(settings, NOW) if each.part == f"bureau {DIVISION}"]
    assert [each.state for each in found] == ([State.BAD] if red else [])


@pytest.mark.parametrize(("days", "state"), [(40, None), (20, State.WARN), (3, State.BAD)])
def test_the_doctor_says_when_the_authority_over_the_record_key_ends_it(
    tmp_path: Path, days: int, state: State | None
) -> None:
    ending = ending_authority(NOW + dt.timedelta(days=days, hours=1))
    own = outliving(ending, "spiffe://treasury.test/gateway/ABC", NOW)
    (tmp_path / "parties").mkdir()
    save_certificates(tmp_path / "own.pem", [own.certificate])
    save_certificates(tmp_path / "ca.pem", [ending.certificate])
    settings: Any = SimpleNamespace(
        tls=SimpleNamespace(certificate=tmp_path / "own.pem", authority=tmp_path / "own.pem"),
        record_key=SimpleNamespace(certificate=tmp_path / "own.pem", sm2_certificate=None),
        parties=SimpleNamespace(authority=tmp_path / "ca.pem", folder=tmp_path / "parties"),
        bureaus={},
    )
    found = {each.part: each for each in certificates(settings, NOW)}
    one = found["record_key.authority"]
    assert one.state is (state or State.GOOD)
    assert (
        f"CN=evidence that ends ({ending.certificate.serial_number:x}): {days} days" in one.detail
    )

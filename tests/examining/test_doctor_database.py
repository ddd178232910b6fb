"""What `doctor` and `serve --check` say of the database's server."""

import datetime as dt
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import attrs
import pytest

from adapters.postgres.embedded.binaries import throwaway_folder
from adapters.postgres.embedded.server import EmbeddedPostgres
from adapters.postgres.health import Health, health
from gateway.configured.machine import SystemClock
from gateway.examining import examine
from gateway.examining.finding import State
from gateway.settings import Secrets
from tests.crash.disk import SmallDisk

pytestmark = pytest.mark.postgres


async def told(database: str, monkeypatch: pytest.MonkeyPatch, wanted_mib: int) -> dict[str, State]:
    monkeypatch.setattr(examine, "LOG_KEPT_MIB", wanted_mib)
    secrets = Secrets(database=database, passphrase=b"", commitment=b"")
    return {found.part: found.state async for found in examine.database(secrets)}


async def test_few_kept_log_files_are_warned_of(
    migrated: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside them all else is told as it is: a warning, nothing that is unfit."""
    few = await told(migrated, monkeypatch, 1 << 30)
    enough = await told(migrated, monkeypatch, 1)
    assert few == {**enough, "log files": State.WARN} and "log files" not in enough
    assert enough["database"] is State.GOOD and enough["schema"] is State.GOOD


async def test_a_commit_that_waits_for_a_standby_that_is_not_there_is_told(
    migrated: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a promotion, where the new primary has the old one's settings: all looks well, and
    no payment passes."""
    found = await health(migrated)
    alone = attrs.evolve(found, synchronous="ANY 1 (standby_a)")

    async def seen(_dsn: str) -> Health:
        return alone

    monkeypatch.setattr(examine, "health", seen)
    assert (await told(migrated, monkeypatch, 1))["replication"] is State.BAD
    alone = attrs.evolve(alone, standbys=1)
    assert (await told(migrated, monkeypatch, 1))["replication"] is State.GOOD


@pytest.mark.parametrize("minutes", [3, -3])
async def test_a_clock_that_is_not_the_databases_is_told(
    migrated: str, monkeypatch: pytest.MonkeyPatch, minutes: int
) -> None:
    """As `/readyz` would, but before the start: a gateway there would pass nothing."""
    secrets = Secrets(database=migrated, passphrase=b"", commitment=b"")
    assert (await examine.clock(secrets)).state is State.GOOD
    moved = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=minutes)
    monkeypatch.setattr(SystemClock, "now", lambda _: moved)
    found = await examine.clock(secrets)
    assert found.state is State.BAD and "clock-wrong" in found.detail
    assert ("ahead of" if minutes > 0 else "behind") in found.detail


@pytest.mark.slow
async def test_a_full_disk_is_seen_though_nobody_pays() -> None:
    """The server answers all questions; a commit that fails is readiness's word for ten seconds."""

    async def parts(dsn: str) -> dict[str, State]:
        secrets = Secrets(database=dsn, passphrase=b"", commitment=b"")
        return {found.part: found.state async for found in examine.database(secrets)}

    folder = throwaway_folder()
    folder.chmod(0o711)
    try:
        with SmallDisk(folder / "pg") as disk, EmbeddedPostgres(folder / "pg") as server:
            dsn = server.create_database("gateway")
            assert "database disk" not in await parts(dsn)
            disk.fill()
            assert (await parts(dsn))["database disk"] is State.BAD
            disk.free()
            assert "database disk" not in await parts(dsn)
    finally:
        shutil.rmtree(folder)


async def test_a_key_of_peoples_data_that_others_can_read_does_not_end_the_examination(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`doctor` ended in the middle, with exit 2 and nothing said of bank, bureaus and payments."""
    file = tmp_path / "people.key"
    file.write_bytes(b"0" * 44)
    file.chmod(0o644)
    monkeypatch.setenv("GATEWAY_PEOPLE_KEY", str(file))
    settings: Any = SimpleNamespace(policies=SimpleNamespace(books=tmp_path))
    secrets: Any = SimpleNamespace(database="", commitment=b"c" * 32)
    told = [each async for each in examine.own_secrets(settings, secrets)]
    assert [(each.part, each.state) for each in told] == [("secrets", State.BAD)]
    now = dt.datetime.now(dt.UTC)
    assert [each async for each in examine.registers(settings, secrets, now)] == []

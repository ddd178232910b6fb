"""What `doctor` and `serve --check` say of the database's server."""

import pytest

from gateway.commands import examine
from gateway.commands.finding import State
from gateway.settings import Secrets

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

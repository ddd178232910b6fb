"""The stage of real programs on which a test plays: its own place, curtain up, all cleared away."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from adapters.postgres.embedded.binaries import (
    EmbeddedUnavailable,
    installed_binaries,
    throwaway_folder,
)
from deploy.demo.processes import Crew
from deploy.demo.stage import Stage


@contextmanager
def own_place() -> Iterator[tuple[Path, Crew]]:
    """A folder that goes again, and whoever starts programs; the test is skipped where there is no
    PostgreSQL to start. It is always a private one."""
    try:
        installed_binaries()
    except EmbeddedUnavailable as missing:
        pytest.skip(str(missing))
    folder = throwaway_folder()
    folder.chmod(0o711)
    try:
        with Crew() as crew, pytest.MonkeyPatch.context() as patch:
            patch.delenv("GATEWAY_DATABASE", raising=False)
            yield folder, crew
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def raised(stage: Stage, registers: bytes | None = None) -> Iterator[None]:
    """The database and all programs, ended afterwards; `registers` as the operator loads them."""
    try:
        stage.start_database()
        raise_curtain(stage, registers)
        yield
    finally:
        stage.crew.stop_all()
        stage.postgres.stop()


def raise_curtain(stage: Stage, registers: bytes | None) -> None:
    """All that comes once the database is there."""
    if registers is not None:
        file = stage.folder / "registers.json"
        file.write_bytes(registers)
        subprocess.run(
            [sys.executable, "-m", "gateway", "registers", "load", str(file)],
            env=stage.environment(stage.gateway_environment),
            check=True,
            stdout=subprocess.DEVNULL,
        )
    stage.start_bank()
    stage.start_bureau()
    stage.start_gateways()

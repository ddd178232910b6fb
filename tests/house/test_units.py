"""The units for systemd: systemd itself reads them, and finds them shut tightly enough."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[2]
UNITS = sorted((HOUSE / "deploy" / "systemd").glob("*.service"))
INSTALLED = "/opt/treasury-gateway/packages/bin/python"
EXPOSURE_TENTHS_MAX = 20
"""Of 100: systemd's own sum over what a unit may reach; one without any of it has 96."""
SYSTEMD_S = 60


def _systemd() -> str:
    tool = shutil.which("systemd-analyze")
    if tool is None:
        pytest.skip("systemd-analyze is missing (Debian: systemd)")
    return tool


def _here(unit: Path, folder: Path) -> Path:
    """The unit as it would be where the program is installed."""
    text = unit.read_text("utf-8")
    assert text.count(INSTALLED) == 1
    copy = folder / unit.name
    copy.write_text(text.replace(INSTALLED, sys.executable), "utf-8")
    return copy


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_reads_a_unit_without_a_word(unit: Path, tmp_path: Path) -> None:
    ran = _run(_systemd(), "verify", str(_here(unit, tmp_path)))
    assert (ran.returncode, ran.stdout + ran.stderr) == (0, "")


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_reaches_little_of_the_machine(unit: Path, tmp_path: Path) -> None:
    threshold = f"--threshold={EXPOSURE_TENTHS_MAX}"
    here = str(_here(unit, tmp_path))
    ran = _run(_systemd(), "security", "--offline=yes", "--no-pager", threshold, here)
    assert ran.returncode == 0, ran.stdout[-400:] + ran.stderr


def test_both_programs_have_one_and_start_what_exists() -> None:
    commands = {
        line.partition(INSTALLED)[2].split()[1]
        for unit in UNITS
        for line in unit.read_text("utf-8").splitlines()
        if line.startswith("ExecStart=")
    }
    assert commands == {"gateway", "bureau"}
    assert all((HOUSE / name / "__main__.py").is_file() for name in commands)


def _run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, timeout=SYSTEMD_S)

"""The units for systemd: systemd itself reads them, and finds them shut tightly enough."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path, PurePosixPath

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


@pytest.mark.parametrize(
    ("unit", "home", "example", "written"),
    [
        (
            "treasury-gateway@.service", "/etc/treasury-gateway", "gateway.example.toml",
            ("gateway.log_file", "tls.revocations", "parties.revocations", "witness.mark",
             "files.folder"),
        ),
        (
            "treasury-bureau.service", "/etc/treasury-bureau", "bureau.example.toml",
            ("witness.forks", "trust.parties"),
        ),
    ],
)  # fmt: skip
def test_what_a_program_writes_by_the_example_its_unit_lets_it_write(
    unit: str, home: str, example: str, written: tuple[str, ...]
) -> None:
    """Everything else of the machine is read only to it (`ProtectSystem=strict`)."""
    rooms = _writable((HOUSE / "deploy" / "systemd" / unit).read_text("utf-8"))
    text = (HOUSE / "deploy" / example).read_text("utf-8")
    offered = re.sub(r"^# (?=\[files\]|carrier|revocations|folder = \"/)", "", text, flags=re.M)
    settings = tomllib.loads(offered)
    for key in written:
        table, name = key.split(".")
        place = PurePosixPath(home) / settings[table][name]
        assert rooms & {place, *place.parents}, f"{key}: {place} cannot be written"


def test_a_carrier_comes_into_the_watched_folder() -> None:
    """What lies in the unit's own folders only the gateway's user can reach."""
    unit = (HOUSE / "deploy" / "systemd" / "treasury-gateway@.service").read_text("utf-8")
    example = (HOUSE / "deploy" / "gateway.example.toml").read_text("utf-8")
    offered = re.search(r'^# folder = "(/[^"]+)"', example, re.M)
    assert offered and f"ReadWritePaths=-{offered[1]}\n" in unit


def _writable(unit: str) -> set[PurePosixPath]:
    tops = {"StateDirectory": "/var/lib/", "LogsDirectory": "/var/log/", "ReadWritePaths": ""}
    pairs = (line.partition("=") for line in unit.splitlines())
    return {
        PurePosixPath(tops[name] + value.removeprefix("-"))
        for name, _, value in pairs
        if name in tops
    }


def _run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, timeout=SYSTEMD_S)

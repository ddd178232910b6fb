"""Two processes run each collected test once; the first tells what becomes of the second."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.halves import FILES_MAX, TURN_BYTES
from tests.patience import wait_until

HOUSE = Path(__file__).parents[2]
FILES = 6
DEADLINE_S = 60.0
CONFTEST = """
import os, pytest, time
from pathlib import Path
from tests.halves import Halves

def pytest_configure(config):
    os.environ["FIRST"] = str(os.getpid())
    config.pluginmanager.register(Halves())

@pytest.fixture(scope="session")
def both_at_it():
    Path("pids", str(os.getpid())).mkdir(parents=True)  # an error if it is done twice
    while len(list(Path("pids").iterdir())) < 2:
        time.sleep(0.01)
"""
TESTS = """
import os, pytest, time
from pathlib import Path
second = lambda: os.getpid() != int(os.environ["FIRST"])
pytestmark = pytest.mark.usefixtures("both_at_it")

@pytest.fixture(scope="module")
def once():
    Path("modules", __name__).mkdir(parents=True)

def test_one(once):
    Path("ran", __name__ + "one").mkdir(parents=True)

def test_other(once):
    Path("ran", __name__ + "other").mkdir(parents=True)
    {then}
"""

pytestmark = pytest.mark.slow


def run(folder: Path, then: str = "") -> subprocess.Popen[str]:
    (folder / "conftest.py").write_text(CONFTEST)
    for number in range(FILES):
        (folder / f"test_{number}.py").write_text(TESTS.format(then=then))
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--import-mode=importlib"]
    return subprocess.Popen(
        command, cwd=folder, env={**os.environ, "PYTHONPATH": str(HOUSE)}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def test_each_test_is_run_once_and_each_process_has_its_own_fixtures(tmp_path: Path) -> None:
    """What is done twice finds its folder there, and fails."""
    ran = run(tmp_path)
    said, _ = ran.communicate(timeout=DEADLINE_S)
    assert ran.returncode == 0, said
    passed = re.findall(r"(\d+) passed", said)
    assert len(passed) == 2 and sum(map(int, passed)) == 2 * FILES
    assert len(list((tmp_path / "ran").iterdir())) == 2 * FILES
    assert len(list((tmp_path / "modules").iterdir())) == FILES


def test_what_fails_in_the_second_process_is_shown_and_fails_the_run(tmp_path: Path) -> None:
    ran = run(tmp_path, "assert not second(), 'of the second'")
    said, _ = ran.communicate(timeout=DEADLINE_S)
    assert ran.returncode == pytest.ExitCode.TESTS_FAILED
    assert "AssertionError: of the second" in said and "ended with 1" in said


def test_a_second_process_that_is_killed_fails_the_run(tmp_path: Path) -> None:
    ran = run(tmp_path, "second() and os.kill(os.getpid(), 9)")
    said, _ = ran.communicate(timeout=DEADLINE_S)
    assert ran.returncode == pytest.ExitCode.TESTS_FAILED and "ended with -9" in said


def test_a_killed_run_takes_its_second_process_along(tmp_path: Path) -> None:
    ran = run(tmp_path, "time.sleep(600)")
    pids = tmp_path / "pids"
    wait_until(lambda: pids.exists() and len(list(pids.iterdir())) == 2)
    ran.kill()
    ran.communicate()
    wait_until(lambda: not any(Path("/proc", pid.name).exists() for pid in pids.iterdir()))


def test_the_numbers_of_the_files_fit() -> None:
    assert FILES_MAX < 1 << 8 * TURN_BYTES
    assert FILES_MAX * TURN_BYTES <= 65_536, "what a pipe holds on Linux"
    assert len(list((HOUSE / "tests").rglob("test_*.py"))) < FILES_MAX

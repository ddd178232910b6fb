"""A test run leaves no process behind: not when a test forgets one, not when it is killed."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import sweeper
from tests.patience import wait_gone, wait_until

HOUSE = Path(__file__).parents[2]
PATIENCE = "LEFT_DEADLINE_S = 30.0"
"""Of a real run, for processes that a busy machine ends slowly."""
FORGETFUL = """
import os, subprocess, sys, time
def test_forgets():
    code = "import signal; print('up', flush=True); signal.pause()"
    child = subprocess.Popen(
        [sys.executable, "-c", code], start_new_session=True, stdout=subprocess.PIPE, text=True
    )
    up = child.stdout.readline()
    with open("child", "w") as file:
        file.write(str(child.pid))
    print(up, end="", flush=True)
    {then}
"""
"""Goes on once its child is up: for a moment after its start the kernel tells of no environment by
which it could be found."""

pytestmark = pytest.mark.slow


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Path]:
    """Only what the tests' own conftest needs."""
    (tmp_path / "tests").mkdir()
    for name in ("conftest.py", "examples.py", "halves.py", "sweeper.py"):
        shutil.copy(HOUSE / "tests" / name, tmp_path / "tests")
    conftest = tmp_path / "tests" / "conftest.py"
    text = conftest.read_text()
    assert text.count(PATIENCE) == 1
    conftest.write_text(text.replace(PATIENCE, "LEFT_DEADLINE_S = 1.0"))
    (tmp_path / "pyproject.toml").write_text('[tool.pytest.ini_options]\npythonpath = ["."]\n')
    yield tmp_path


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "in a worker"])
def test_a_forgotten_process_fails_the_run_and_is_ended(
    checkout: Path, workers: tuple[str, ...]
) -> None:
    run = _pytest(checkout, "child.returncode = 0", *workers)
    _, said = run.communicate()
    assert run.returncode == 1
    child = int((checkout / "child").read_text())
    assert f"left behind by a test: process {child}" in said
    wait_gone(child)


def test_a_killed_run_takes_its_processes_along(checkout: Path) -> None:
    run = _pytest(checkout, "time.sleep(600)")
    assert run.stdout is not None
    assert any(line.endswith("up\n") for line in run.stdout)
    run.kill()
    run.communicate()
    wait_gone(int((checkout / "child").read_text()))


def test_a_killed_run_takes_its_workers_and_their_processes_along(checkout: Path) -> None:
    waits = "open('worker', 'w').write(str(os.getpid())); time.sleep(600)"
    run = _pytest(checkout, waits, "-n", "1")
    worker = checkout / "worker"
    wait_until(lambda: worker.exists() and bool(worker.read_text()))
    run.kill()
    run.communicate()
    wait_gone(int((checkout / "child").read_text()))
    wait_gone(int(worker.read_text()))


def test_a_killed_run_within_a_killed_run_is_ended_too(checkout: Path) -> None:
    """The inner sweeper must survive the outer one long enough to do its work."""
    shutil.copytree(checkout, checkout / "inner")
    nested = (
        "subprocess.run([sys.executable, '-m', 'pytest', '-s', '-p', 'no:cacheprovider',"
        " '--import-mode=importlib'], cwd='inner')"
    )
    inner = checkout / "inner" / "tests" / "test_forgetful.py"
    inner.write_text(FORGETFUL.format(then="time.sleep(600)"))
    run = _pytest(checkout, nested)
    assert run.stdout is not None
    ups = (line for line in run.stdout if line.endswith("up\n"))
    next(ups)
    next(ups)
    run.kill()
    run.communicate()
    wait_gone(int((checkout / "child").read_text()))
    wait_gone(int((checkout / "inner" / "child").read_text()))


def test_a_stranger_is_not_looked_at() -> None:
    assert sweeper.marked("GATEWAY_TEST_RUN=nobody's") == {}


def _pytest(checkout: Path, then: str, *more: str) -> subprocess.Popen[str]:
    (checkout / "tests" / "test_forgetful.py").write_text(FORGETFUL.format(then=then))
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "pytest",
            "tests",
            "-s",
            "-p",
            "no:cacheprovider",
            "--import-mode=importlib",
            *more,
        ],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": str(HOUSE)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )

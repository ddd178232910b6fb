"""The tests of the tests: each planted bug, in a copy of the house, must turn named tests red."""

import compileall
import os
import py_compile
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

import attrs
import pytest

from tests.planted.bug import Bug, Change
from tests.planted.bugs import BUGS

HOUSE = Path(__file__).parents[2]
AT_ONCE = 2
DEADLINE_S = 600.0
FAILED = 1
"""pytest's exit code when tests ran and some failed; others mean that they could not run."""

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.timeout(900)]


@attrs.frozen
class Ran:
    code: int
    said: str

    def failed(self, test: str) -> bool:
        """Whether pytest's closing lines name this test, with any parameters, as failed."""
        return re.search(rf"^FAILED {re.escape(test)}(\[| |$)", self.said, re.MULTILINE) is not None


class Copies:
    """A few copies of what git knows of the house; each bug borrows one, and mends it again."""

    def __init__(self, folder: Path, server: str) -> None:
        self._free: SimpleQueue[Path] = SimpleQueue()
        self._environment = {
            **{name: value for name, value in os.environ.items() if "PYTEST" not in name},
            "GATEWAY_DATABASE": server,
            "PYTHONDONTWRITEBYTECODE": "1",  # a mended file may be as old and as long as the bug
        }
        for number in range(AT_ONCE):
            self._free.put(_copied(folder / f"copy-{number}"))

    def run(self, bug: Bug | None, tests: tuple[str, ...]) -> Ran:
        """The tests in a copy with this bug. Asserts that the bug could be planted at all."""
        copy = self._free.get()
        before = {c.file: (copy / c.file).read_bytes() for c in (bug.changes if bug else ())}
        try:
            for change in bug.changes if bug else ():
                _plant(copy, change)
            return self._pytest(copy, tests)
        finally:
            for file, content in before.items():
                (copy / file).write_bytes(content)
            self._free.put(copy)

    def _pytest(self, copy: Path, tests: tuple[str, ...]) -> Ran:
        ran = subprocess.run(
            [sys.executable, "-m", "pytest", "-rfE", "--tb=no", "--assert=plain", *tests],
            cwd=copy,
            env={**self._environment, "PYTHONPATH": str(copy)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
        return Ran(ran.returncode, ran.stdout)


@pytest.fixture(scope="module")
def runs(
    request: pytest.FixtureRequest, database_server: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[Ran]]]:
    """Under the bug's name what its tests said; under "" what all of them say without a bug."""
    copies = Copies(tmp_path_factory.mktemp("planted"), database_server)
    asked = [
        item.callspec.params["bug"]
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.path == request.path
        and hasattr(item, "callspec")
    ]  # fmt: skip
    every = tuple(dict.fromkeys(test for bug in BUGS for test in bug.tests))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        runs = {"": pool.submit(copies.run, None, every)}
        runs |= {bug.name: pool.submit(copies.run, bug, bug.tests) for bug in asked}
        yield runs
        for run in runs.values():
            run.cancel()


def test_without_a_bug_all_of_these_tests_pass(runs: dict[str, Future[Ran]]) -> None:
    ran = runs[""].result()
    assert ran.code == 0, ran.said
    assert "skipped" not in ran.said


@pytest.mark.parametrize("bug", [pytest.param(bug, id=bug.name) for bug in BUGS])
def test_a_planted_bug_turns_its_tests_red(bug: Bug, runs: dict[str, Future[Ran]]) -> None:
    ran = runs[bug.name].result()
    assert ran.code == FAILED, ran.said
    green = [test for test in bug.tests if not ran.failed(test)]
    assert green == [], f"{bug.name}: survived {green}\n{ran.said}"


def _copied(copy: Path) -> Path:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=HOUSE, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for name in filter(None, listed.split("\0")):
        if (HOUSE / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(HOUSE / name, copy / name)
    # Compiled once for all bugs; by their contents, or the planted bug would not be seen.
    compileall.compile_dir(
        copy, quiet=2, invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH
    )
    return copy


def _plant(copy: Path, change: Change) -> None:
    text = (copy / change.file).read_text("utf-8")
    found = text.count(change.old)
    assert found == 1, f"{change.file}: the text to be replaced stands there {found} times"
    (copy / change.file).write_text(text.replace(change.old, change.new), "utf-8")

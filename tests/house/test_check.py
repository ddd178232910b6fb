"""What `run.py check` runs: every contract in memory, one test of each on PostgreSQL, the walks."""

import subprocess
import sys
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[2]
STORAGE, DESK = "tests/adapters/postgres", "tests/bureau"
CONTRACTS = [path.name for path in sorted((HOUSE / STORAGE).glob("test_*_contract.py"))]


def collected(marks: str, folder: str) -> dict[str, list[str]]:
    """The tests that bear the marks, by file."""
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-m", marks, folder],
        cwd=HOUSE, capture_output=True, text=True, check=True,
    )  # fmt: skip
    names = [line.partition("::") for line in ran.stdout.splitlines() if "::" in line]
    return {file: [n for f, _, n in names if f == file] for file, _, _ in names}


@pytest.fixture(scope="module")
def chosen() -> dict[str, list[str]]:
    return collected("not slow", STORAGE)


@pytest.mark.slow
@pytest.mark.parametrize("file", CONTRACTS)
def test_a_contract_is_checked_in_memory_and_once_on_postgresql(
    file: str, chosen: dict[str, list[str]]
) -> None:
    tests = chosen[f"{STORAGE}/{file}"]
    assert sum("postgres" in name for name in tests) == 1
    assert sum("memory" in name for name in tests) > 1


@pytest.mark.slow
def test_each_room_of_the_desk_is_walked_through_once_on_postgresql() -> None:
    stored = collected("postgres", DESK)
    walks = collected("walk and postgres and not slow", DESK)
    assert {Path(file).parent for file in walks} == {Path(file).parent for file in stored}
    assert collected("postgres and not slow", DESK) == walks, "no other test of the desk"
    assert sum(map(len, walks.values())) < sum(map(len, stored.values())) / 20

"""What `run.py check` runs: every contract in memory, and one test of each on PostgreSQL."""

import subprocess
import sys
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[2]
STORAGE = "tests/adapters/postgres"
CONTRACTS = [path.name for path in sorted((HOUSE / STORAGE).glob("test_*_contract.py"))]


@pytest.fixture(scope="module")
def chosen() -> dict[str, list[str]]:
    """The tests that are not slow, by file."""
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-m", "not slow", STORAGE],
        cwd=HOUSE, capture_output=True, text=True, check=True,
    )  # fmt: skip
    names = [line.partition("::") for line in ran.stdout.splitlines() if "::" in line]
    return {file: [n for f, _, n in names if f == file] for file, _, _ in names}


@pytest.mark.slow
@pytest.mark.parametrize("file", CONTRACTS)
def test_a_contract_is_checked_in_memory_and_once_on_postgresql(
    file: str, chosen: dict[str, list[str]]
) -> None:
    tests = chosen[f"{STORAGE}/{file}"]
    assert sum("postgres" in name for name in tests) == 1
    assert sum("memory" in name for name in tests) > 1

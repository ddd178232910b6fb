"""The rooms import only what the contracts in pyproject.toml let them, and the contracts bite."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[2]
PACKAGES = ("gateway", "bureau", "adapters", "policies", "certs", "doors", "deploy", "bench")
PLANTED = (
    ("gateway/domain/money.py", "import time"),
    ("gateway/domain/answer.py", "import gateway.ports"),
    ("gateway/pipeline/decide.py", "import asyncpg"),
    ("gateway/pipeline/admit.py", "import gateway.pipeline.settle"),
    ("gateway/web/body.py", "import adapters.postgres"),
    ("gateway/workers/office.py", "import gateway.web.body"),
    ("gateway/web/body.py", "import asyncpg"),
    ("adapters/bank/answers.py", "import adapters.formats"),
    ("adapters/bank/answers.py", "import gateway.ports"),
    ("adapters/formats/problem.py", "import policies.book"),
    ("adapters/bureau/https.py", "import cryptography"),
    ("policies/language/types.py", "import policies.book"),
    ("policies/language/types.py", "import pathlib"),
    ("policies/language/types.py", "import random"),
    ("certs/keys.py", "import asyncpg"),
    ("bureau/desk/strip.py", "import gateway.pipeline.tell"),
    ("bureau/desk/strip.py", "import adapters.postgres"),
    ("bureau/desk/strip.py", "import bureau.web"),
    ("gateway/web/body.py", "import bureau.ports"),
    ("gateway/domain/bank.py", "import gateway.domain.answer"),
    ("gateway/verifying/claims.py", "import adapters.folder"),
    ("gateway/verifying/claims.py", "import gateway.settings"),
    ("gateway/serving/serve.py", "import gateway.tending.export"),
    ("gateway/policy_books/store.py", "import gateway.serving.house"),
    ("gateway/tending/export.py", "import bureau.ports"),
    ("doors/whatever_comes.py", "import gateway.domain"),
    ("gateway/nowhere.py", '"""A module that was given no place."""'),
)


@pytest.mark.slow
def test_every_room_imports_only_what_it_may() -> None:
    """`check` asks the linter itself."""
    code, report = _lint(HOUSE)
    assert code == 0, report


@pytest.mark.slow
@pytest.mark.parametrize(("place", "line"), PLANTED)
def test_a_forbidden_import_is_seen(place: str, line: str, tmp_path: Path) -> None:
    shutil.copy(HOUSE / "pyproject.toml", tmp_path)
    for package in PACKAGES:
        shutil.copytree(
            HOUSE / package, tmp_path / package, ignore=lambda _folder, names: _not_code(names)
        )
    with (tmp_path / place).open("a") as module:
        module.write(f"\n{line}\n")
    code, report = _lint(tmp_path)
    assert code == 1, report


def _lint(folder: Path) -> tuple[int, str]:
    ran = subprocess.run(
        [sys.executable, "-c", LINT, str(folder)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return ran.returncode, ran.stdout + ran.stderr


LINT = """
import sys
from importlinter.cli import lint_imports
sys.exit(lint_imports(config_filename=sys.argv[1] + "/pyproject.toml", no_cache=True))
"""


def _not_code(names: list[str]) -> list[str]:
    return [name for name in names if "." in name and not name.endswith(".py")]

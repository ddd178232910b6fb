"""What the demonstration prints for a developer's hands can be typed as it stands."""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.demo.samples import (
    bureau_commands,
    developer_environment,
    explain_command,
    operator_commands,
    write_samples,
)
from deploy.demo.stage import Stage
from tests.manuals.conftest import Manual

pytestmark = [pytest.mark.slow, pytest.mark.postgres]
HOUSE = Path(__file__).parents[2]


def test_the_agencys_program_reads_the_file_that_is_printed(manual: Manual) -> None:
    write_samples(manual.folder / "samples", manual.day.items)
    command = developer_environment(manual.stage, manual.folder)
    done = subprocess.run(
        ["bash", "-c", command], cwd=HOUSE, env=manual.stage.environment({}), check=True,
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert "DEMO-passed 放行" in done.stdout and "受理回执已核验" in done.stdout


def test_an_instruction_is_tried_with_the_registers_that_lie_beside_it(manual: Manual) -> None:
    folder = manual.folder / "tried"
    write_samples(folder, manual.day.items)
    _python, *words = shlex.split(explain_command(folder, manual.day))
    done = subprocess.run(
        [sys.executable, *words, "--json"], cwd=HOUSE, stdout=subprocess.PIPE, text=True,
        check=False,
    )  # fmt: skip
    assert json.loads(done.stdout)["outcome"] == "blocked"


@pytest.mark.parametrize("commands", [operator_commands, bureau_commands])
def test_each_partys_commands_find_their_environment_in_the_file_that_is_printed(
    manual: Manual, commands: Callable[[Stage, Path], str]
) -> None:
    """Of the bureau none was printed: its commands lacked a database and three secrets."""
    command = commands(manual.stage, manual.stage.folder)
    (file,) = re.findall(r"^\. (\S+);", command)
    assert Path(file).stat().st_mode & 0o077 == 0
    done = subprocess.run(
        ["bash", "-c", command.replace(".venv/bin/python", sys.executable)], cwd=HOUSE,
        env=manual.stage.environment({}), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout

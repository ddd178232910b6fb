"""What the demonstration prints for a developer's hands can be typed as it stands."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.demo.samples import developer_environment, explain_command, write_samples
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

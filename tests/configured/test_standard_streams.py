"""A program that was started without standard streams opens nothing under their numbers."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import structlog

from adapters.folder.standard_streams import goes_nowhere
from gateway.configured.journal import NOWHERE, configure_log

TRIED = """
import os, sys
from adapters.folder.standard_streams import hold_standard_streams
hold_standard_streams()
first = os.open(os.devnull, os.O_RDONLY)
print("said"), print("said", file=sys.stderr), sys.stderr.flush(), sys.stdout.flush()
sys.exit(first)
"""


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_what_is_opened_first_gets_no_standard_number(closed: str) -> None:
    command = f'exec "$0" -c "$1" {closed}'
    ran = subprocess.run(["/bin/sh", "-c", command, sys.executable, TRIED], check=False)
    assert ran.returncode >= 3


@pytest.mark.slow
def test_a_gateway_without_standard_error_ends_with_its_exit_code() -> None:
    """It was 1 whatever was wrong: the log had nowhere to go, and that failed first."""
    command = 'exec "$0" -m gateway serve --settings /nowhere.toml <&- >&- 2>&-'
    ran = subprocess.run(["/bin/sh", "-c", command, sys.executable], check=False)
    assert ran.returncode == 2


def test_a_log_that_nobody_can_read_is_said_to_readiness(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = structlog.get_config()
    with Path(os.devnull).open("w", encoding="utf-8") as null, monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", null)
        assert goes_nowhere(sys.stderr)
        assert NOWHERE in configure_log(None).troubles()["log_file"]
    structlog.configure(**kept)

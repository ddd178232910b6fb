"""The demonstration's day, whole, by its own command: its accounts close and its log verifies."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from adapters.postgres.embedded.binaries import EmbeddedUnavailable, installed_binaries

INSTRUCTIONS = 2000
"""Enough for the bank to drop some without a word; a small day sees none of that."""
DEADLINE_S = 600


@pytest.mark.slow
@pytest.mark.postgres
def test_a_day_of_two_thousand_closes_its_accounts(tmp_path: Path) -> None:
    try:
        installed_binaries()
    except EmbeddedUnavailable as missing:
        pytest.skip(str(missing))
    environment = {k: v for k, v in os.environ.items() if k != "GATEWAY_DATABASE"}
    out = tmp_path / "out.json"
    ran = subprocess.run(
        [sys.executable, "-m", "deploy.demo", "--once", "--instructions", str(INSTRUCTIONS),
         "--json", str(out)],
        env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=DEADLINE_S, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout[-4000:]
    day = json.loads(out.read_text("utf-8"))
    assert day["accounting_closed"] and day["log_verified"]
    assert day["received"] == INSTRUCTIONS
    assert day["vouchers"] >= INSTRUCTIONS / 4

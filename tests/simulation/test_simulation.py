"""Days in which everything goes wrong, in virtual time: afterwards every account closes.

`SIM_SEEDS=10000 SIM_FIRST=1000` runs as many from there; `-s` shows what was met.
"""

import os
import subprocess
import sys
from collections import Counter

import pytest

from tests.simulation.seeds import Ended, lived, lived_all

SEEDS = int(os.environ.get("SIM_SEEDS", "600"))
FIRST = int(os.environ.get("SIM_FIRST", "0"))
QUICK, QUICKEST = 20, 6
"""Storms of their own here; so many of them in `check`."""
BOUNDARIES = (
    "an older copy restored", "an operator's task ended by the enquiry",
    "lives on across it", "an operator set the mark", "registers changed",
    "a transaction died with the server", "bank down", "bureau down", "clock set",
    "committed after it was given up", "committed for a dead process",
    "committed, and nobody heard it", "database down", "hold expired", "hold refused",
    "hold released", "killed", "killed at admit", "killed at claim", "killed at settle",
    "killed at submit", "officers ended two words: against", "officers ended two words: ended",
    "officers said paid: ended", "paid, and called refused",
    "paid, and not found", "sent again", "settled by answer", "settled by enquiry",
    "settled by horizon", "settled by operator", "settled by told", "stopped", "stopped at admit",
    "stopped at claim", "stopped at settle", "stopped at submit", "taken back by the bank",
    "taken by nobody", "taken in silence", "the bureau forgot", "the bureau is behind",
    "the bureau lied", "told accepted: contradicted", "told accepted: settled",
    "told again to the bureau",
    "told refused: contradicted", "told returned: returned",
)  # fmt: skip


@pytest.mark.parametrize(
    "seed",
    [pytest.param(n, marks=pytest.mark.slow if n >= QUICKEST else ()) for n in range(QUICK)],
)
def test_after_a_storm_every_account_closes(seed: int) -> None:
    assert _wrong(lived(seed)) == []


@pytest.mark.slow
def test_many_storms_meet_every_boundary_and_all_accounts_close() -> None:
    met: Counter[str] = Counter()
    for ended in lived_all(FIRST, SEEDS):
        assert _wrong(ended) == []
        met.update(ended.met)
    told = "; ".join(f"{count} {what}" for what, count in met.most_common())
    sys.stdout.write(f"\nseeds {FIRST} to {FIRST + SEEDS - 1}: {told}\n")
    missed = [what for what in BOUNDARIES if not met[what]]
    assert missed == [] or SEEDS < 600, "a run that does not come there proves nothing about it"


@pytest.mark.slow
def test_a_seed_is_the_same_run_in_every_process() -> None:
    """Whatever order sets and hashes have there."""
    told = "from tests.simulation.seeds import lived; print(lived(7).digest)"
    digests = {
        subprocess.run(
            [sys.executable, "-c", told], env={**os.environ, "PYTHONHASHSEED": hash_seed},
            check=True, capture_output=True, text=True,
        ).stdout.strip()
        for hash_seed in ("1", "2")
    }  # fmt: skip
    assert digests == {lived(7).digest}


def _wrong(ended: Ended) -> list[str]:
    return [f"{ended.weather}: {words}" for words in ended.wrong]

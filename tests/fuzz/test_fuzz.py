"""The corpus holds, and a short guided run that is always the same finds nothing new.

GATEWAY_FUZZ_S=600 makes it ten minutes of each parser, another way each time.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.target import ROOMS, target_of

CORPUS = Path(__file__).parent / "corpus"
SECONDS = os.environ.get("GATEWAY_FUZZ_S")
RUNS = {"clause": 400, "policy": 1000}
"""Where each run is costly: a book is made of each policy."""


@pytest.mark.parametrize("parser", sorted(ROOMS))
def test_every_document_of_the_corpus_is_read_or_refused(parser: str) -> None:
    documents = sorted((CORPUS / parser).iterdir())
    assert documents
    for document in documents:
        target_of(parser)(document.read_bytes())


@pytest.mark.slow
@pytest.mark.parametrize("parser", sorted(ROOMS))
def test_a_guided_run_finds_no_crash(parser: str, tmp_path: Path) -> None:
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("atheris is not installed (it has no build for this Python)")
    done = subprocess.run(
        [
            sys.executable, "-m", "tests.fuzz", parser, *_length(parser), "-timeout=20",
            "-rss_limit_mb=1024", f"-artifact_prefix={tmp_path}/", str(tmp_path),
            str(CORPUS / parser),
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert not list(tmp_path.glob("crash-*"))


def _length(parser: str) -> list[str]:
    if SECONDS:
        return [f"-max_total_time={SECONDS}"]
    return ["-seed=1", f"-runs={RUNS.get(parser, 4000)}"]

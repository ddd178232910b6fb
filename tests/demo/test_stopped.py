"""Who ends the demonstration, however and however impatiently, leaves nothing of it: its folder has
the keys of every party."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from adapters.postgres.embedded.binaries import EmbeddedUnavailable, installed_binaries
from tests.demo.test_vigil import LOOK_S, descendants, found

GONE_DEADLINE_S = 60.0
AGAIN_S = 0.3
"""Between two presses of one who thinks that the first was not heard."""


def started(*words: str, said: Path) -> subprocess.Popen[bytes]:
    environment = {k: v for k, v in os.environ.items() if k != "GATEWAY_DATABASE"}
    with said.open("wb") as out:
        return subprocess.Popen(
            [sys.executable, "-m", "deploy.demo", *words], env=environment,
            stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )  # fmt: skip


def running(pids: list[int]) -> dict[int, bytes]:
    """Those that are there still, with their words; a dead one that nobody has reaped has none."""
    found = {}
    for pid in pids:
        with contextlib.suppress(OSError):
            if words := Path(f"/proc/{pid}/cmdline").read_bytes():
                found[pid] = words
    return found


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.parametrize(
    "presses",
    [(signal.SIGINT, signal.SIGINT), (signal.SIGTERM, signal.SIGINT), (signal.SIGHUP,)],
    ids=lambda presses: "-".join(one.name for one in presses),
)
def test_nothing_is_left_of_a_demonstration_that_was_stopped(
    presses: tuple[signal.Signals, ...], tmp_path: Path
) -> None:
    try:
        installed_binaries()
    except EmbeddedUnavailable as missing:
        pytest.skip(str(missing))
    demo = started("--once", said=(said := tmp_path / "said"))
    try:
        bank = found(demo, "bank")
        words = Path(f"/proc/{bank}/cmdline").read_text()
        folder = Path(re.search(r"--state\0([^\0]+)/bank\.journal", words)[1])  # type: ignore[index]
        assert (folder / "keys").is_dir()
        children = [pid for pid, _ in descendants(demo.pid)]
        for press in presses:
            demo.send_signal(press)
            time.sleep(AGAIN_S)
        code = demo.wait(GONE_DEADLINE_S)
    finally:
        demo.kill()
        demo.wait()
    text = said.read_text("utf-8")
    assert code == 128 + presses[0] and "Traceback" not in text, text
    assert not folder.exists()
    deadline = time.monotonic() + GONE_DEADLINE_S  # who watches PostgreSQL ends after it
    while left := running(children):
        assert time.monotonic() < deadline, left
        time.sleep(LOOK_S)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "more", "told"),
    [
        (("--json", "/nowhere/there.json"), {}, "--json /nowhere/there.json: No such file"),
        ((), {"GATEWAY_DATABASE": "postgresql:///x"}, "unset GATEWAY_DATABASE"),
    ],
)
def test_what_would_fail_at_the_end_is_told_at_the_beginning(
    words: tuple[str, ...], more: dict[str, str], told: str
) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "deploy.demo", "--once", *words], env={**os.environ, **more},
        capture_output=True, text=True, timeout=GONE_DEADLINE_S, check=False,
    )  # fmt: skip
    assert ran.returncode == 2 and told in ran.stderr and "Traceback" not in ran.stderr
    assert ran.stdout == ""

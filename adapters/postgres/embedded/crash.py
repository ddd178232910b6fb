"""Signals for a whole embedded PostgreSQL at once: a machine that dies, a machine that hangs."""

import os
import signal
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

GONE_DEADLINE_S = 10.0
LOOK_S = 0.002


def cluster(postmaster: int) -> list[int]:
    """The postmaster and its children, by pid; the children lead sessions of their own."""
    try:
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text("ascii")
    except FileNotFoundError:
        return []
    return [postmaster, *map(int, children.split())]


def kill_cluster(keeper: subprocess.Popen[bytes], postmaster: int) -> None:
    """kill -9 of PostgreSQL and its keeper, so that nothing is flushed and nothing tidied up.

    The keeper is stopped first: it would take the end of its child for an orderly one and remove
    a throwaway folder. The postmaster is stopped next: it would start new children meanwhile.
    """
    keeper.send_signal(signal.SIGSTOP)
    signal_all([postmaster], signal.SIGSTOP)
    doomed = cluster(postmaster)
    signal_all(reversed(doomed), signal.SIGKILL)
    _await_gone(doomed)
    keeper.kill()
    if keeper.stdin is not None:
        keeper.stdin.close()
    keeper.wait()


def signal_all(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def _await_gone(pids: Iterable[int]) -> None:
    """Until none of them runs; a zombie holds no file and no memory any more."""
    deadline = time.monotonic() + GONE_DEADLINE_S
    while any(_runs(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(LOOK_S)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False

"""Ends what a killed test run left running. Started as a script, by path, by tests/conftest.py.

Every process that a test starts inherits a mark in its environment. The standard input is a pipe
that only pytest holds: when it ends, in whatever way, processes that still bear the mark are
killed.
"""

import os
import signal
import sys
from pathlib import Path

ROUNDS = 3
"""A process may start another one while it is looked for."""


def main(mark: str) -> None:
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    sys.stdin.read()
    for _ in range(ROUNDS):
        for pid in marked(mark):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue


def marked(mark: str) -> dict[int, str]:
    """Living processes started with `mark` in their environment, with their command lines."""
    found = {}
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit() and mark.encode() in _words(process / "environ"):
                found[int(process.name)] = b" ".join(_words(process / "cmdline")).decode()
        except OSError:  # gone meanwhile, or somebody else's
            continue
    return found


def _words(file: Path) -> list[bytes]:
    return file.read_bytes().split(b"\0")


if __name__ == "__main__":
    main(sys.argv[1])

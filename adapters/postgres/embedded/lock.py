"""One embedded PostgreSQL per folder, and no refusal because of one that died."""

import fcntl
import os
import time
from pathlib import Path

from adapters.postgres.embedded.binaries import EmbeddedUnavailable

PATIENCE_S = 20.0
"""Longer than a PostgreSQL whose program was killed takes to stop."""
LOOK_S = 0.01


def take_folder(folder: Path) -> int:
    """A locked file descriptor; the folder is ours while any process holds a copy of it.

    A server that is just stopping, because its program has died, is waited for.
    Raises EmbeddedUnavailable when a living program uses the folder.
    """
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(lock, 20, 0).decode("ascii").strip()
            if _alive(owner) or time.monotonic() > deadline:
                os.close(lock)
                raise EmbeddedUnavailable(f"{folder} is in use by process {owner}") from None
            time.sleep(LOOK_S)
        else:
            os.ftruncate(lock, 0)
            os.pwrite(lock, b"%d" % os.getpid(), 0)
            return lock


def clear_stale_pid(data: Path) -> None:
    """Remove a dead server's pid file; only for the holder of the folder's lock.

    PostgreSQL itself takes any living process that inherited the old number for its predecessor
    and refuses to start.
    """
    note = data / "postmaster.pid"
    deadline = time.monotonic() + PATIENCE_S
    while note.exists():
        pid = note.read_text().split("\n", 1)[0].strip()
        if os.fsencode(data) not in _command_line(pid):
            note.unlink(missing_ok=True)
        elif time.monotonic() > deadline:
            raise EmbeddedUnavailable(f"an old PostgreSQL, process {pid}, does not stop")
        else:
            time.sleep(LOOK_S)


def _alive(pid: str) -> bool:
    return pid.isdigit() and Path("/proc", pid).exists()


def _command_line(pid: str) -> bytes:
    """Empty when the process is gone or not a process."""
    try:
        return Path("/proc", pid, "cmdline").read_bytes() if pid.isdigit() else b""
    except (FileNotFoundError, ProcessLookupError):
        return b""

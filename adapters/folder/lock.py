"""A lock among the processes of a host: an empty file beside what it guards, never taken away.

Whoever waits for it waits for a moment only: its holder may have been stopped, its disk may hang.
"""

import contextlib
import fcntl
import os
import stat
import time
from pathlib import Path

TRIES_MAX = 200
PAUSE_S = 0.01
"""Between two tries. The kernel has no order for who tries: with pauses that are short beside what
one holder needs nobody is always too late."""
_MODE = 0o600
_HELD = Path("/proc/locks")


def hold(path: Path, how: int, tries: int = TRIES_MAX) -> int:
    """A descriptor that holds it until `release`, or until the process ends, however it ends.

    `how`: fcntl.LOCK_SH or LOCK_EX. Raises OSError; BlockingIOError, naming who holds it.
    """
    for left in reversed(range(tries)):
        file = _opened(path)
        held = False
        try:
            fcntl.flock(file, how | fcntl.LOCK_NB)
            held = _is_there(path, file)
            if held:
                return file
        except BlockingIOError as error:
            if not left:
                raise BlockingIOError(error.errno, f"{path.name}: {_holders(file)}") from None
        finally:
            if not held:
                os.close(file)
        time.sleep(PAUSE_S)
    raise OSError(f"{path.name} is replaced again and again")


def release(file: int) -> None:
    """For whoever has a copy of the descriptor too: a child that has not run its program yet."""
    with contextlib.suppress(OSError):
        fcntl.flock(file, fcntl.LOCK_UN)
    os.close(file)


def hand_over(file: int, folder: Path) -> None:
    """What root wrote for an operator is the folder's owner's: a gateway is not root, and could
    neither read it nor replace it."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.fchown(file, owner.st_uid, owner.st_gid)


def _opened(path: Path) -> int:
    """A link is not followed: whoever owns the folder would be given, by root, the file that it
    leads to."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, _MODE)
    try:
        seen = os.fstat(file)
        if not stat.S_ISREG(seen.st_mode) or seen.st_nlink > 1:
            raise OSError(f"{path.name} is not a file of its own")
        hand_over(file, path.parent)
    except BaseException:
        os.close(file)
        raise
    return file


def _is_there(path: Path, file: int) -> bool:
    """Somebody took it away meanwhile: the next one locks another file, and both are alone."""
    try:
        return os.path.samestat(path.lstat(), os.fstat(file))
    except FileNotFoundError:
        return False


def _holders(file: int) -> str:
    """Who holds it, as far as the kernel says: not across containers, nor on every file system."""
    seen = os.fstat(file)
    name = f"{os.major(seen.st_dev):02x}:{os.minor(seen.st_dev):02x}:{seen.st_ino}"
    try:
        told = [line.split() for line in _HELD.read_text("ascii").splitlines()]
    except OSError:
        told = []
    numbers = sorted({line[4] for line in told if line[1] == "FLOCK" and line[5] == name})
    return f"held by process {', '.join(numbers)}" if numbers else "held by another process"

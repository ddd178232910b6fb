"""Standard input, output and error are there, whoever started the program without them.

Where one is closed (`serve >&-`, a supervisor that closes all) the first connection gets its
number: libuv ends the program when that one closes, and whatever a library prints would go to the
bank or the database.
"""

import os
import sys
from pathlib import Path


def hold_standard_streams() -> None:
    """Call before anything is opened. What is closed reads and writes nothing from then on."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # gets the lowest number
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115


def goes_nowhere(stream: object) -> bool:
    """Whether what is written to it is lost: the null device."""
    try:
        found = os.fstat(stream.fileno())  # type: ignore[attr-defined]
        return found.st_rdev == Path(os.devnull).stat().st_rdev
    except (AttributeError, OSError, ValueError):
        return False

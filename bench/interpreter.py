"""The interpreter under the figures: half of the gateway's CPU is its own, so its build counts.

What a build says of itself is not enough: distributions optimise by hand and do not say so. A small
loop that never changes tells two builds apart on one machine.
"""

import platform
import sysconfig
import time
from pathlib import Path
from typing import Any

LOOPS = 20_000
TRIES = 7
_OPTIMISED = ("--enable-optimizations", "--with-lto", "-fprofile-use", "-flto")
_SHARED = "libpython"


class _Row:
    def __init__(self, place: int) -> None:
        self.place = place
        self.name = f"row-{place}"


def interpreter() -> dict[str, Any]:
    """`version`, `compiler`, `says_optimised` (profile-guided or linked as a whole),
    `shared_library` (each call within it goes by a table) and `small_loop_ns`."""
    return {
        "version": platform.python_version(),
        "compiler": platform.python_compiler(),
        "says_optimised": says_optimised(sysconfig.get_config_vars()),
        "shared_library": _SHARED in Path("/proc/self/maps").read_text("utf-8"),
        "small_loop_ns": round(min(_turn() for _ in range(TRIES))),
    }


def says_optimised(variables: dict[str, Any]) -> bool:
    """By what it was configured and compiled with."""
    told = " ".join(str(variables.get(name, "")) for name in ("CONFIG_ARGS", "PY_CORE_CFLAGS"))
    return any(word in told for word in _OPTIMISED)


def in_words(found: dict[str, Any]) -> str:
    how = "an optimised build" if found["says_optimised"] else "a build not said to be optimised"
    where = "in a shared library" if found["shared_library"] else "in one piece"
    return (
        f"Interpreter: {found['version']} ({found['compiler']}), {how}, {where};"
        f" a small loop takes {found['small_loop_ns']} ns a turn."
    )


def _turn() -> float:
    """Nanoseconds of CPU for one turn of the loop: calls, attributes, a dictionary, a text."""
    rows: dict[str, _Row] = {}
    started = time.thread_time_ns()
    for place in range(LOOPS):
        row = _Row(place & 255)
        rows[row.name] = row
        if row.place != rows[row.name].place:
            raise AssertionError
    return (time.thread_time_ns() - started) / LOOPS

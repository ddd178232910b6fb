"""The memory of a program that serves for months: what stays is left alone, what goes is freed.

The collector: rooms and registers stay for ever and are not looked through again; and with hundreds
of requests under way a collection every 700 objects would find nothing each time. The C library:
uvloop holds a buffer of 256 KiB for each TLS connection and touches little of it. Among all else on
the heap such blocks leave holes, and of those ever more pages are touched: mapped by themselves
they cost what is touched, and are gone with their connection. What else a crowd of connections
leaves on the heap, some 50 KiB each, is given back when it has gone: the C library would keep it,
and where other things have come to lie within, the next crowd takes as much again.
"""

import asyncio
import ctypes
import gc
from collections.abc import Callable

GC_THRESHOLD = 20_000
MAPPED_FROM_BYTES = 256 * 1024
CROWD = 256
"""So many connections fewer, and half of those there were: a crowd has gone."""
GIVE_BACK_AFTER_S = 5.0
_M_MMAP_THRESHOLD = -3
"""Of glibc's malloc.h; set once, it no longer moves by itself. Other C libraries have none."""


def tend_memory() -> None:
    """Once, when all that stays is there and before the first connection."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, MAPPED_FROM_BYTES)
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD, 20, 20)


def give_back() -> None:
    """What lies free on the heap, to the system: some 80 ms for 200 MiB, a few for little. Python
    goes on meanwhile, until it needs more of the heap itself."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


class Crowds:
    """Gives back what a crowd has left, once for each, and not more than every few seconds."""

    def __init__(
        self, count: Callable[[], int], gives: Callable[[], None] = give_back,
        after_s: float = GIVE_BACK_AFTER_S,
    ) -> None:  # fmt: skip
        """`count`: connections there are now."""
        self._count = count
        self._gives = gives
        self._after_s = after_s
        self._most = 0
        self._due: asyncio.TimerHandle | None = None

    def came(self) -> None:
        self._most = max(self._most, self._count())

    def went(self) -> None:
        gone = self._most - self._count()
        if self._due is None and gone >= CROWD and gone * 2 >= self._most:
            loop = asyncio.get_running_loop()
            self._due = loop.call_later(self._after_s, self._give_back)

    def close(self) -> None:
        if self._due is not None:
            self._due.cancel()

    def _give_back(self) -> None:
        self._due, self._most = None, self._count()
        asyncio.get_running_loop().run_in_executor(None, self._gives)

"""The memory of a program that serves for months: what stays is left alone, what goes is freed.

The collector: rooms and registers stay for ever and are not looked through again; and with hundreds
of requests under way a collection every 700 objects would find nothing each time. The C library:
uvloop holds a buffer of 256 KiB for each TLS connection and touches little of it. Among all else on
the heap such blocks leave holes, and of those ever more pages are touched: mapped by themselves
they cost what is touched, and are gone with their connection.
"""

import ctypes
import gc

GC_THRESHOLD = 20_000
MAPPED_FROM_BYTES = 256 * 1024
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

"""What a crowd of connections has left on the heap goes back to the system."""

import asyncio
import ctypes
import sys
from pathlib import Path

import pytest

from doors.memory import CROWD, Crowds, give_back

BLOCKS, BLOCK_BYTES = 4096, 16 * 1024
PAGE_BYTES = 4096


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="no glibc")
def test_what_lies_free_between_what_stays_is_given_back() -> None:
    libc = ctypes.CDLL(None)
    libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    blocks = [libc.malloc(BLOCK_BYTES) for _ in range(BLOCKS)]
    stays = libc.malloc(BLOCK_BYTES)
    for block in blocks:
        ctypes.memset(block, 1, BLOCK_BYTES)
    before = _resident()
    for block in blocks:
        libc.free(block)
    give_back()
    assert _resident() < before - BLOCKS * BLOCK_BYTES // 2
    libc.free(stays)


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES


async def test_each_crowd_that_has_gone_is_cleared_up_after_once() -> None:
    inside, cleared, times = 0, asyncio.Event(), 0

    def gives() -> None:
        nonlocal times
        times += 1
        loop.call_soon_threadsafe(cleared.set)

    loop = asyncio.get_running_loop()
    crowds = Crowds(lambda: inside, gives, after_s=0.0)
    for _ in range(2):
        for inside in range(2 * CROWD):  # noqa: B007
            crowds.came()
        for inside in range(2 * CROWD, 0, -1):  # noqa: B007
            crowds.went()
        await cleared.wait()
        cleared.clear()
    assert times == 2
    crowds.close()


async def test_a_steady_number_that_comes_and_goes_is_no_crowd() -> None:
    inside = 4000
    crowds = Crowds(lambda: inside, lambda: sys.exit("a crowd?"), after_s=0.0)
    for inside in [4000, 3000, 4000, 2100, 4000] * 20:  # noqa: B007
        crowds.came()
        crowds.went()
        await asyncio.sleep(0)
    crowds.close()

"""Waiting until others have done it: no event of ours tells, and a test must end."""

import asyncio
import inspect
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

PATIENCE_S = 60.0
LOOK_S = 0.05


async def until(
    holds: Callable[[], object], what: str = "", *, within_s: float = PATIENCE_S,
    look_s: float = LOOK_S,
) -> Any:  # fmt: skip
    """What it says, or what it says when awaited, once that is true. Raises TimeoutError."""
    try:
        async with asyncio.timeout(within_s):
            while True:
                found = holds()
                if inspect.isawaitable(found):
                    found = await found
                if found:
                    return found
                await asyncio.sleep(look_s)
    except TimeoutError as late:
        raise TimeoutError(f"not within {within_s:g} s: {what}") from late


soon = partial(until, look_s=0.0)
"""All is in this process: the others run meanwhile."""


def wait_until(holds: Callable[[], object], what: str = "") -> None:
    """The same where no loop runs."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, f"not within {PATIENCE_S:g} s: {what}"
        time.sleep(LOOK_S)


def gone(pid: int) -> bool:
    """Gone, or a zombie that only waits for an init to collect it."""
    try:
        return Path("/proc", str(pid), "stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def wait_gone(pid: int) -> None:
    wait_until(lambda: gone(pid), f"the end of {pid}")

"""A gateway that notes where its CPU time goes: `python -m bench.sampled OUT serve --settings F`.

Every millisecond of CPU time (not of the clock: waiting is not counted) the kernel sends a signal;
its handler notes the Python functions that were running. Work inside a C library is noted at the
Python function that called it. The counts are written to OUT when the gateway stops.
"""

import json
import signal
import sys
from collections import Counter
from pathlib import Path
from types import FrameType

from gateway.__main__ import main

PERIOD_S = 0.001
DEPTH_MAX = 60

Stack = tuple[tuple[str, str], ...]
"""(file, function) from the innermost outwards."""


class Sampler:
    def __init__(self) -> None:
        self._stacks: Counter[Stack] = Counter()

    def start(self) -> None:
        signal.signal(signal.SIGPROF, self._note)
        signal.setitimer(signal.ITIMER_PROF, PERIOD_S, PERIOD_S)

    def stop(self) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)

    def reset(self, _number: int, _frame: FrameType | None) -> None:
        """SIGUSR1: forget the start-up and the warming."""
        self._stacks.clear()

    def write(self, out: Path) -> None:
        rows = [[list(stack), count] for stack, count in self._stacks.items()]
        out.write_text(json.dumps(rows), "utf-8")

    def _note(self, _number: int, frame: FrameType | None) -> None:
        stack: list[tuple[str, str]] = []
        while frame is not None and len(stack) < DEPTH_MAX:
            code = frame.f_code
            stack.append((code.co_filename, code.co_qualname))
            frame = frame.f_back
        self._stacks[tuple(stack)] += 1


if __name__ == "__main__":
    out = Path(sys.argv.pop(1))
    sampler = Sampler()
    signal.signal(signal.SIGUSR1, sampler.reset)
    sampler.start()
    try:
        main()
    finally:
        sampler.stop()
        sampler.write(out)

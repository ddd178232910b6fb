"""What happened: a digest of all events in their order, what was met, and what was wrong."""

import asyncio
import hashlib
import sys
from collections import Counter


class Diary:
    def __init__(self, *, aloud: bool = False) -> None:
        self._digest = hashlib.sha256()
        self._aloud = aloud
        self.met: Counter[str] = Counter()
        """How often each boundary was hit: a run that meets none proves nothing."""
        self.wrong: list[str] = []

    def note(self, *words: object) -> None:
        line = f"{asyncio.get_running_loop().time():.6f} " + " ".join(map(str, words))
        self._digest.update(line.encode() + b"\n")
        if self._aloud:
            sys.stdout.write(line + "\n")

    def meet(self, what: str, *words: object) -> None:
        self.met[what] += 1
        self.note(what, *words)

    def accuse(self, words: str) -> None:
        self.wrong.append(words)
        self.note("WRONG", words)

    @property
    def digest(self) -> str:
        """The same for the same seed, in every process."""
        return self._digest.hexdigest()

"""Policies put on trial on the desk: boundaries and mutants, as `policy test` does."""

import asyncio
import hashlib
from collections import OrderedDict

from policies.book.compile import compile_policy
from policies.book.load import load_codes
from policies.book.read import read_policy
from policies.book.steps import in_turns
from policies.proof.trial import Trial, trial

KEPT = 500


class Proofs:
    """What is known of documents by their text; a program that starts knows nothing yet."""

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, Trial] = OrderedDict()
        self._one = asyncio.Lock()

    def known(self, text: str) -> Trial | None:
        return self._known.get(_name(text))

    async def of(self, text: str, place: str) -> Trial:
        """Try every mutant, a few milliseconds at a time. One document has its turn after another,
        and is tried once, however many ask. Raises PolicyRefused."""
        async with self._one:
            if found := self.known(text):
                return found
            codes = load_codes()
            policy = read_policy(text, place)
            found = await in_turns(trial(policy, compile_policy(policy, codes), codes))
            self._known[_name(text)] = found
            while len(self._known) > KEPT:
                self._known.popitem(last=False)
            return found


def _name(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()

"""Numbers of releases that were given out twice: what a gateway holds under them is taken in.

A bureau whose database came back older signs anew under numbers that its gateways know with other
bytes, and they refuse it (`feed_conflict`) for ever. What they hold was signed here: proven by our
own signature it takes its number again, and what was signed since is signed anew behind it.
Whatever was signed twice under one number is kept aside; the trail tells of it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import orjson
import structlog

from bureau.desk.held_feeds import KIND, HeldUnproven, Verify, question, read_held
from bureau.desk.people import PROGRAM
from bureau.desk.rounds import rounds
from bureau.desk.trail import Act
from bureau.inbox.glance import shown
from bureau.ports import Clock, NumberStore
from gateway.domain.faults import FaultCode, FeedRefused, GatewayUnavailable, LedgerUnavailable
from gateway.domain.records import canonical

LOOK_S = 10.0
WORDS_CHARS_MAX = 300

_log = structlog.get_logger("bureau.numbers")


class Asked(Protocol):
    """The way to one gateway."""

    async def ask(self, kind: str, body: bytes, signature: str) -> bytes:
        """Its whole answer. Raises FeedRefused, GatewayUnavailable."""
        ...


class Numbers:
    """`verify`: whose signature it is; `own`: our own URI; `sign`: our detached JWS over bytes."""

    def __init__(
        self, store: NumberStore, ways: Mapping[tuple[str, str], Asked], verify: Verify,
        own: str, sign: Callable[[bytes], str], clock: Clock,
    ) -> None:  # fmt: skip
        self._store = store
        self._ways = ways
        self._prove = verify, own
        self._sign = sign
        self._clock = clock
        self._unasked = set(ways)
        self.troubles: dict[str, str] = {}
        """By `division/bank`: why what its gateway holds cannot be taken in."""

    async def run(self) -> None:
        await rounds("numbers", self.catch_up, LOOK_S)

    async def catch_up(self) -> int:
        """Ask each gateway once what it holds that this database does not know, so that nobody
        decides at a desk that has forgotten; one that is away is asked again. How many numbers
        were taken in."""
        taken = 0
        for place in sorted(self._unasked):
            try:
                while more := await self.settle(place, await self._store.first_open(*place)):
                    taken += more
            except GatewayUnavailable:
                continue
            except FeedRefused as refused:
                self._not_told(place, refused)
                if refused.code == FaultCode.FEED_CONFLICT:
                    continue  # it hands out what is not ours: a person must look
            else:
                self.troubles.pop("/".join(place), None)
            self._unasked.discard(place)
        return taken

    def _not_told(self, place: tuple[str, str], refused: FeedRefused) -> None:
        """A gateway of before this question refuses it, and that is all."""
        name, words = "/".join(place), str(refused)
        if refused.code == FaultCode.FEED_CONFLICT:
            if self.troubles.get(name) == words:
                return
            self.troubles[name] = words
        _log.warning("numbers.not_told", place=name, reason=words)

    async def settle(self, place: tuple[str, str], since: int) -> int:
        """Take in what the gateway holds from this number on; how many numbers that changed.

        Raises GatewayUnavailable; FeedRefused if what it hands out proves nothing, or contradicts
        what it has acknowledged.
        """
        division, bank = place
        if place not in self._ways:
            raise GatewayUnavailable("no [[gateways]] of the settings leads to this bank")
        asked = question(division, since)
        told = await self._ways[place].ask(KIND, asked, self._signed(asked))
        try:
            held = read_held(told, division, since, self._prove)
        except HeldUnproven as unproven:
            words = shown(f"it hands out nothing of ours: {unproven}", WORDS_CHARS_MAX)
            raise FeedRefused(words, FaultCode.FEED_CONFLICT) from unproven
        if not held:
            return 0

        def act(numbers: Sequence[int], moved: Sequence[tuple[int, int]]) -> Act:
            detail = {"numbers": list(numbers), "signed_anew": [list(pair) for pair in moved]}
            return Act(
                division=division, login=PROGRAM, what="release.taken_in", subject=bank,
                detail=detail,
            )  # fmt: skip

        numbers = await self._store.take_in(place, held, self._clock(), self._renumbered, act)
        if numbers:
            _log.warning("numbers.taken_in", place="/".join(place), numbers=list(numbers))
        return len(numbers)

    def _renumbered(self, body: bytes, version: int) -> tuple[bytes, str]:
        fields: dict[str, Any] = orjson.loads(body)
        again = canonical(fields | {"version": version})
        return again, self._signed(again)

    def _signed(self, body: bytes) -> str:
        """Raises GatewayUnavailable: our own key is in a token that is away."""
        try:
            return self._sign(body)
        except LedgerUnavailable as unsigned:
            raise GatewayUnavailable(str(unsigned)) from unsigned

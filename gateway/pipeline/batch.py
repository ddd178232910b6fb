"""Batch: a message of many payments, each its own instruction on the line.

    authenticate -> open -> keep -> deposit -> for each payment: read -> the line -> its status

The message is proven once, over its own bytes; it is kept, and handed to the bank core whole,
before any of its payments is decided. Each payment then goes down the line under its own identity,
and is forwarded as the part of that message that it is: nothing is edited, and nothing is sent
twice, because a message that comes again meets the rows of the first time, payment by payment.
"""

import hashlib
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TypeVar

import attrs
from msgspec.structs import replace

from gateway.domain.answer import Answer
from gateway.domain.bulk import BulkPart, KeptMessage
from gateway.domain.faults import Fault, FaultCode, LedgerUnavailable, Unready
from gateway.domain.instruction import Received
from gateway.domain.parties import Sender
from gateway.pipeline.line import Line
from gateway.ports import Clock, Gatekeeper

AT_ONCE_MAX = 256
"""Payments of one party's messages on the line at once: half of what the door lets in."""
PATIENCE_S = 30.0
"""How long one payment waits for a gateway or bank that is busy; then it is told as pending."""

_T = TypeVar("_T")
Tell = Callable[[Answer | Fault, float], None]
"""For operators: what was said of one payment, and after how many seconds."""


class Crew(Protocol):
    """How work is done beside the loop, and together."""

    async def aside(self, work: Callable[[], _T]) -> _T:
        """Computation that would keep others waiting."""
        ...

    async def together(self, jobs: Iterator[Awaitable[None]], at_once: int) -> None:
        """All of them, at most so many at once, begun in their order."""
        ...

    async def pause(self, seconds: float) -> None: ...


class BulkFormat(Protocol):
    """A format that has messages of many payments (adapters room)."""

    format: str
    part_format: str

    def takes(self, raw: bytes) -> bool:
        """Whether these bytes look like one. Nothing rests on it."""
        ...

    def open(self, raw: bytes) -> Any:
        """Validate the whole message. Raises Unreadable listing *all* errors of the whole."""
        ...

    def parts(self, raw: bytes, opened: Any) -> Iterable[BulkPart]:
        """Its payments in their order, read one at a time."""
        ...

    def told(self, part: BulkPart, said: Answer | Fault) -> Any:
        """One payment's status."""
        ...

    def report(self, opened: Any, rows: Sequence[Any]) -> bytes:
        """The answer to the whole message."""
        ...


class MessageStore(Protocol):
    async def keep(self, message: KeptMessage) -> None:
        """Once for each digest. Raises LedgerUnavailable."""
        ...


class MessageBank(Protocol):
    async def deposit(self, digest: bytes, raw: bytes, format: str) -> bool:
        """Hand over a whole message, of which nothing is to be paid yet; again as often as one
        likes. False: it is not known to have arrived."""
        ...


class Places(Protocol):
    """On the line, by party (`gateway/web/shares.py`)."""

    def place(self, party: str, most: int, /) -> AbstractAsyncContextManager[None]:
        """One, held meanwhile, if the party has fewer than `most`. Raises Unready."""
        ...


@attrs.frozen(kw_only=True)
class BatchRooms:
    gatekeeper: Gatekeeper
    bulk: BulkFormat
    store: MessageStore
    bank: MessageBank
    crew: Crew
    clock: Clock
    places: Places
    """Those of the door: a payment in a message takes one like any other."""


class Batch:
    def __init__(self, line: Line, rooms: BatchRooms) -> None:
        self._line = line
        self._rooms = rooms

    def takes(self, received: Received) -> bool:
        bulk = self._rooms.bulk
        return received.format == bulk.format and bulk.takes(received.raw)

    async def carry(self, received: Received, tell: Tell) -> bytes:
        """Carry every payment of the message; the report to it.

        Raises Fault: the message as a whole is not taken, and nothing of it was forwarded.
        """
        rooms = self._rooms
        now = rooms.clock.now()
        sender = rooms.gatekeeper.authenticate(received, now)
        self._line.refuse_outsiders(sender)
        opened = await rooms.crew.aside(lambda: rooms.bulk.open(received.raw))
        digest = hashlib.sha256(received.raw).digest()
        await self._keep(received, sender, digest, opened)
        if not await rooms.bank.deposit(digest, received.raw, received.format):
            raise Unready(
                FaultCode.OVERLOADED, "the bank core did not take the message; send again"
            )
        rows: list[Any] = [None] * opened.payments
        await rooms.crew.together(self._jobs(received, sender, opened, rows, tell), AT_ONCE_MAX)
        return await rooms.crew.aside(lambda: rooms.bulk.report(opened, rows))

    async def _keep(self, received: Received, sender: Sender, digest: bytes, opened: Any) -> None:
        try:
            await self._rooms.store.keep(
                KeptMessage(
                    division=sender.division, digest=digest, party=sender.uri,
                    signature=received.signature, raw=received.raw, payments=opened.payments,
                    at=self._rooms.clock.now(),
                )
            )  # fmt: skip
        except LedgerUnavailable as lost:
            raise Unready(
                FaultCode.LEDGER_UNAVAILABLE, "the message could not be kept; send it again"
            ) from lost

    def _jobs(
        self, received: Received, sender: Sender, opened: Any, rows: list[Any], tell: Tell
    ) -> Iterator[Awaitable[None]]:
        parts = self._rooms.bulk.parts(received.raw, opened)
        for place, part in enumerate(parts):
            yield self._one(place, part, (received, sender), rows, tell)

    async def _one(
        self, place: int, part: BulkPart, came: tuple[Received, Sender], rows: list[Any], tell: Tell
    ) -> None:
        began = self._rooms.clock.monotonic()
        said: Answer | Fault
        try:
            said = await self._patiently(part, came)
        except Fault as fault:
            said = fault
        rows[place] = self._rooms.bulk.told(part, said)
        tell(said, self._rooms.clock.monotonic() - began)

    async def _patiently(self, part: BulkPart, came: tuple[Received, Sender]) -> Answer:
        """Raises Fault."""
        if part.instruction is None:
            assert part.fault is not None
            raise part.fault
        received, sender = came
        piece = replace(received, raw=part.raw, format=self._rooms.bulk.part_format)
        until = self._rooms.clock.monotonic() + PATIENCE_S
        while True:
            try:
                async with self._rooms.places.place(received.party, AT_ONCE_MAX):
                    return await self._line.carry_proven(piece, part.instruction, sender)
            except Unready as busy:
                if self._rooms.clock.monotonic() + busy.retry_after_s > until:
                    raise
                await self._rooms.crew.pause(busy.retry_after_s)
            except LedgerUnavailable as lost:
                raise Unready(
                    FaultCode.LEDGER_UNAVAILABLE,
                    "the decision could not be proven durable; nothing was forwarded;"
                    " send the same message again",
                ) from lost

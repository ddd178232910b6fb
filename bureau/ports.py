"""What the bureau needs of the world, as Protocols; `adapters/postgres` fits them by shape.

Every method is one transaction and raises gateway.domain.faults.StoreUnavailable.
"""

import datetime as dt
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Protocol

import attrs

from gateway.domain.instruction import InstructionKey
from gateway.domain.log import Cosigned, LogHead, SealedRecord, Subtree
from gateway.domain.releases import Person

Clock = Callable[[], dt.datetime]
"""The time now, aware, UTC."""


@attrs.frozen(kw_only=True)
class LogPlace:
    """One bank's log at this bureau: who may write it, and what its checkpoints must be named."""

    division: str
    bank: str
    gateway: str
    """URI of the gateway's certificate; only it delivers here."""
    origin: str


@attrs.frozen(kw_only=True)
class Accepted:
    """A delivery that was proven against the head, with all that is stored of it."""

    head: LogHead
    records: tuple[SealedRecord, ...]
    subtrees: tuple[Subtree, ...]
    checkpoint: str
    cosigned: Cosigned
    tallies: Mapping[tuple[str, str], int]
    interceptions: Sequence[tuple[Any, ...]]
    received_at: dt.datetime


class LogStore(Protocol):
    async def append(
        self, division: str, bank: str, judge: Callable[[LogHead], Accepted]
    ) -> Accepted:
        """Lock the log, judge, store, commit. What `judge` raises leaves all as it was."""
        ...

    async def held(self, division: str, bank: str) -> tuple[LogHead, Cosigned]: ...

    async def hashes(
        self, division: str, bank: str, level: int, first: int, count: int
    ) -> list[bytes]:
        """Hashes of a kept level: 0 for leaves, 8, 16, 24 for full subtrees."""
        ...

    async def record(self, division: str, bank: str, seq: int) -> SealedRecord | None: ...

    def bodies(
        self, division: str, bank: str, end: int
    ) -> AsyncIterator[list[tuple[int, bytes]]]: ...

    async def tallies(self, division: str, bank: str) -> dict[tuple[str, str], int]: ...

    async def keep_misbehaviour(
        self, division: str, bank: str, digest: bytes, what: Mapping[str, Any], at: dt.datetime
    ) -> int: ...


class DeskStore(Protocol):
    async def keep_notice(
        self,
        place: tuple[str, str],
        digest: bytes,
        signed: tuple[bytes, str, str],
        at: dt.datetime,
        interception: tuple[Any, ...] | None,
    ) -> bool:
        """False: these very bytes were received before."""
        ...

    async def count_notices(self, division: str, bank: str) -> int: ...

    async def interceptions(
        self, division: str, before: tuple[dt.datetime, str] | None, limit: int
    ) -> Sequence[Mapping[str, Any]]: ...

    async def interception(
        self, division: str, fiscal_year: int, voucher_type: str, voucher_no: str
    ) -> Mapping[str, Any] | None: ...

    async def logs(self, division: str) -> Sequence[Mapping[str, Any]]: ...

    async def misbehaviours(self, division: str, limit: int) -> Sequence[Mapping[str, Any]]: ...


class ReleaseStore(Protocol):
    async def open_holds(self, division: str, limit: int) -> Sequence[Mapping[str, Any]]: ...

    async def propose(
        self, key: InstructionKey, bank: str, digest: bytes, decision: bytes, person: Person
    ) -> bool: ...

    async def proposal(self, division: str, digest: bytes) -> Mapping[str, Any] | None: ...

    async def proposals(self, division: str, limit: int) -> Sequence[Mapping[str, Any]]: ...

    async def approve(
        self, division: str, digest: bytes, person: Person,
        feed: Callable[[Mapping[str, Any], int], tuple[bytes, str]],
    ) -> bool:  # fmt: skip
        """Keep the approval and the signed feed that `feed` makes, both or neither."""
        ...

    async def reject(
        self, division: str, digest: bytes, by: tuple[str, str], at: dt.datetime,
        check: Callable[[Mapping[str, Any]], None],
    ) -> bool: ...  # fmt: skip

    async def waiting_feeds(self) -> Sequence[Mapping[str, Any]]:
        """The oldest unacknowledged feed of each bank."""
        ...

    async def attempted(
        self, division: str, bank: str, version: int, at: dt.datetime, trouble: str | None
    ) -> None: ...


class SessionStore(Protocol):
    async def keep_link(self, digest: bytes, expires_at: dt.datetime) -> None: ...

    async def trade_link(
        self, link: bytes, session: bytes, now: dt.datetime, until: dt.datetime
    ) -> bool: ...

    async def living(self, session: bytes, now: dt.datetime) -> bool: ...

    async def end(self, session: bytes) -> None: ...

    async def anybody(self, now: dt.datetime) -> bool: ...

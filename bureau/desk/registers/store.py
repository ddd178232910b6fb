"""What the registers need of the world: their rows and feeds, a seal, and a pen that signs."""

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Protocol


class RegisterStore(Protocol):
    async def version(self, division: str) -> int: ...

    async def kept(
        self, division: str, register: str, after: str, agency: str | None, limit: int
    ) -> Sequence[Mapping[str, Any]]: ...

    async def bodies(
        self, division: str, register: str, keys: Sequence[str] | None = None
    ) -> Sequence[bytes]: ...

    async def row(self, division: str, register: str, key: str) -> Mapping[str, Any] | None: ...

    async def last_whole(self, division: str) -> bytes | None: ...

    async def changes(
        self, division: str, before: int, register: str | None, limit: int
    ) -> Sequence[Mapping[str, Any]]: ...

    async def waiting(self, division: str, limit: int) -> Sequence[Mapping[str, Any]]: ...

    async def change(self, division: str, seq: int) -> Mapping[str, Any] | None: ...

    async def wishes(
        self, division: str, wish: int | None = None
    ) -> Sequence[Mapping[str, Any]]: ...

    async def gateways(self, division: str) -> Sequence[Mapping[str, Any]]: ...

    async def catch_up(self, division: str, banks: Sequence[str]) -> None: ...

    async def propose(
        self, division: str, values: tuple[Any, ...], act: Callable[[int], Any],
        base: int | None = None,
    ) -> int: ...  # fmt: skip

    async def decide(
        self, division: str, seq: int, judge: Callable[[Mapping[str, Any], int], Any]
    ) -> bool: ...

    async def unjudged(self, division: str) -> Sequence[Mapping[str, Any]]: ...

    async def keep_late(
        self, division: str, judged: Sequence[int], late: Collection[int]
    ) -> None: ...

    async def waiting_feeds(self, resting: Collection[str] = ()) -> Sequence[Mapping[str, Any]]: ...

    async def attempted(
        self, row: Mapping[str, Any], at: dt.datetime, trouble: str | None, refusal: str = ""
    ) -> None: ...


class Sealing(Protocol):
    def close(self, plain: bytes, context: str) -> bytes: ...

    def open(self, sealed: bytes, context: str) -> bytes: ...


class Pen(Protocol):
    def check(self, body: bytes) -> None:
        """Raises Unreadable with everything for which a gateway would refuse this feed."""
        ...

    def sign(self, body: bytes) -> str:
        """The bureau's detached JWS."""
        ...

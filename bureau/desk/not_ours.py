"""Registers, books and orders that a gateway's log tells of and this bureau did not give.

Who operates a gateway can have it decide by what was never signed here (decision 0155). Each such
record is found once, as its log arrives, and stays open until a person of the bureau says what came
of it (decision 0161): no number of later records pushes it out, and nothing that a gateway tells
ends it.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import attrs

from bureau.desk.refusals import ActRefused
from bureau.desk.rounds import rounds
from bureau.desk.trail import Act
from bureau.ports import Clock

LOOK_S = 5.0
BATCH_MAX = 500
REASON_CHARS_MIN = 4
KINDS = ("registers", "book", "releases")

Row = Mapping[str, Any]


class Store(Protocol):
    """`next_*`: records beyond where each log was looked through, oldest first: bank, seq, ours."""

    async def next_registers(self, division: str, signer: bytes, limit: int) -> Sequence[Row]: ...

    async def next_books(self, division: str, limit: int) -> Sequence[Row]: ...

    async def next_releases(self, division: str, limit: int) -> Sequence[Row]: ...

    async def looked(
        self, division: str, what: str, rows: Sequence[Row], at: dt.datetime
    ) -> None: ...

    async def open(self, division: str) -> Sequence[Row]: ...

    async def all(
        self, division: str, before: tuple[dt.datetime, int, str, str] | None, limit: int
    ) -> Sequence[Row]: ...

    async def see(
        self, place: tuple[str, str, str, int], by: tuple[str, dt.datetime, str], act: Any
    ) -> bool: ...


@attrs.frozen(kw_only=True)
class NotOurs:
    store: Store
    own: str
    """Our URI, which a gateway's record of a feed of ours names."""
    clock: Clock

    async def run(self, divisions: Sequence[str]) -> None:
        async def look() -> None:
            for division in divisions:
                await self.look(division)

        await rounds("not_ours", look, LOOK_S)

    async def look(self, division: str) -> None:
        """All that came since the last look. Raises StoreUnavailable."""
        for what in KINDS:
            while rows := await self._next(division, what):
                await self.store.looked(division, what, rows, self.clock())

    async def _next(self, division: str, what: str) -> Sequence[Row]:
        if what == "registers":
            signer = f'"signer":"{self.own}"'.encode()
            return await self.store.next_registers(division, signer, BATCH_MAX)
        if what == "book":
            return await self.store.next_books(division, BATCH_MAX)
        return await self.store.next_releases(division, BATCH_MAX)

    async def open(self, division: str) -> Sequence[Row]:
        """By bank and kind: first and newest record, how many, when the first was found."""
        return await self.store.open(division)

    async def strange(self, division: str, what: str) -> dict[str, int]:
        """Of one kind: the newest open record, by bank."""
        return {row["bank"]: row["seq"] for row in await self.open(division) if row["what"] == what}

    async def all(
        self, division: str, before: tuple[dt.datetime, int, str, str] | None, limit: int
    ) -> Sequence[Row]:
        return await self.store.all(division, before, limit)

    async def see(self, place: tuple[str, str, str, int], login: str, reason: str) -> None:
        """One person has looked into all of a bank and kind up to a record, and says what came of
        it. `place`: division, bank, kind, record. Raises ActRefused."""
        division, bank, what, seq = place
        if len(reason) < REASON_CHARS_MIN:
            raise ActRefused(
                "reason", "请填写查明的情况，不少于4个字。",
                "Say what came of it, in four characters or more.",
            )  # fmt: skip
        detail = {"bank": bank, "what": what, "record": seq, "reason": reason}
        act = Act(
            division=division, login=login, what="not_ours.seen", subject=f"{bank}/{seq}",
            detail=detail,
        )  # fmt: skip
        if not await self.store.see(place, (login, self.clock(), reason), act):
            raise ActRefused(
                "seen",
                "这条提示已有人标记，或者不存在。",
                "It was marked already, or is not there.",
            )

"""Renew: put the signed book that is due in force while payments go on, and tell the bureau."""

import asyncio
import datetime as dt
import gc
from collections import deque
from typing import Any, Protocol

import structlog

from gateway.domain.faults import LedgerUnavailable
from gateway.domain.ledger import RecordDraft
from gateway.domain.records import RecordKind, unnumbered
from gateway.pipeline.tell import Origin, microseconds
from gateway.ports import Clock, Ledger
from gateway.workers.office import Office

LOOK_S = 3.0
TOLD_EVERY_S = 60.0
"""How often one refused book is told to operators while it stands there."""

log = structlog.get_logger()


class SignedBook(Protocol):
    """What two officers signed."""

    @property
    def revision(self) -> int: ...
    @property
    def digest(self) -> str: ...
    @property
    def previous(self) -> str: ...
    @property
    def author(self) -> str: ...
    @property
    def approver(self) -> str: ...
    @property
    def not_before(self) -> dt.datetime: ...


class Trip(Protocol):
    """A policy that blocked too many, and holds instead until it is changed."""

    @property
    def policy(self) -> str: ...
    @property
    def blocked(self) -> int: ...
    @property
    def decisions(self) -> int: ...


class Renewal(Protocol):
    """The policies in force, and what happened to them."""

    @property
    def bundle(self) -> SignedBook | None: ...
    @property
    def revision(self) -> str: ...
    @property
    def problem(self) -> str: ...
    @property
    def doubt(self) -> str:
        """Why the book in force would not be taken at a start; empty if it would be."""
        ...

    @property
    def trips(self) -> "deque[Any]": ...
    async def look(self, now: dt.datetime) -> bool:
        """Put the newest due book in force, in short steps; True if it did. Raises OSError."""
        ...


class Renewing:
    def __init__(
        self, office: Office, books: Renewal, ledger: Ledger, clock: Clock, origin: Origin,
        divisions: tuple[str, ...],
    ) -> None:  # fmt: skip
        self._office = office
        self._books = books
        self._ledger = ledger
        self._clock = clock
        self._origin = origin
        self._divisions = divisions
        self._activations: deque[tuple[str, dict[str, Any]]] = deque()
        self._trips: deque[tuple[str, dict[str, Any]]] = deque()
        """What is to be recorded, by division; dated when it is (`_draft`)."""
        self._told = -TOLD_EVERY_S
        self._told_of = ""
        self.troubles: dict[str, str] = {}
        """What of the policies somebody must look into."""
        self._activated()

    async def run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            await self.look()

    async def look(self) -> bool:
        """One turn: another book if one is due, and what is to be recorded. True if renewed. By a
        clock that is wrong none is due."""
        if self._office.unfit():
            return False
        try:
            renewed = await self._renewed()
            problem = self._books.problem
        except OSError as error:
            renewed, problem = False, f"the kept books cannot be read: {error.strerror}"
        if renewed:
            self._activated()
        self._tell(problem)
        self._note_trips()
        try:
            await self._record()
        except LedgerUnavailable as lost:
            log.warning("policies.record_postponed", reason=str(lost))
        return renewed

    async def _renewed(self) -> bool:
        """A collection amid half a million new objects would pause every payment."""
        collecting = gc.isenabled()
        gc.disable()
        try:
            renewed = await self._books.look(self._clock.now())
            if renewed:
                # The new book stays; looking it through again would find nothing.
                gc.freeze()
            return renewed
        finally:
            if collecting:
                gc.enable()

    def _activated(self) -> None:
        """Say which signed book is in force, at the start and after each change."""
        bundle = self._books.bundle
        if bundle is None:
            return
        fields = {
            "approver": bundle.approver,
            "author": bundle.author,
            "digest": bundle.digest,
            "not_before": microseconds(bundle.not_before),
            "previous": bundle.previous,
            "revision": bundle.revision,
            "what": "activated",
        }
        log.info(
            "policies.activated", revision=bundle.revision, digest=bundle.digest,
            author=bundle.author, approver=bundle.approver, book=self._books.revision,
        )  # fmt: skip
        self._activations.extend(self._to_record(fields))

    def _note_trips(self) -> None:
        while self._books.trips:
            trip: Trip = self._books.trips.popleft()
            fields = {
                "blocked": trip.blocked,
                "decisions": trip.decisions,
                "policy": trip.policy,
                "what": "tripped",
            }
            self._trips.extend(self._to_record(fields))

    def _to_record(self, facts: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
        fields = facts | {"book": self._books.revision}
        return [(division, fields) for division in self._divisions]

    def _draft(self, division: str, facts: dict[str, Any]) -> RecordDraft:
        """Of this moment: the clock of a start may have been wrong, and is not believed until it
        agrees with the database's; another process may have held the office for weeks."""
        fields = facts | {
            "bank": self._origin.bank,
            "division": division,
            "kind": RecordKind.POLICY_ACTIVATED,
            "origin": self._origin.uri,
            "recorded_at": microseconds(self._clock.now()),
        }
        return RecordDraft(kind=RecordKind.POLICY_ACTIVATED, subject="", body=unnumbered(fields))

    async def _record(self) -> None:
        """Every process puts the book in force, the office's holder records it; a trip is this
        process's own, others may still block. What a division's ledger does not take waits, in
        its order, and keeps no other division waiting. Raises LedgerUnavailable when all had their
        turn."""
        lost: dict[str, LedgerUnavailable] = {}
        for untold in (self._trips, self._activations if self._office.held else deque()):
            for _ in range(len(untold)):
                division, facts = untold[0]
                try:
                    if division not in lost:
                        await self._ledger.record(division, self._draft(division, facts))
                except LedgerUnavailable as reason:
                    lost[division] = reason
                if division in lost:
                    untold.rotate(-1)  # each is passed once, so those that wait keep their order
                else:
                    untold.popleft()
        if lost:
            raise next(iter(lost.values()))

    def _tell(self, problem: str) -> None:
        """A newer book that is refused; else whether a start would refuse the one in force."""
        self.troubles.pop("book", None)
        reason = problem or self._books.doubt
        if not reason:
            self._told_of = ""
            return
        stays = f"refused, the one before it stays in force: {problem}"
        self.troubles["book"] = (
            stays if problem else f"have it signed anew by two officers: {reason}"
        )
        now = self._clock.monotonic()
        if reason != self._told_of or now - self._told >= TOLD_EVERY_S:
            self._told, self._told_of = now, reason
            log.error("policies.refused" if problem else "policies.doubted", reason=reason)

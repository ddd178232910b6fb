"""Rules that are older than those the log says were in force: nothing passes by them (0136)."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Protocol

import attrs
import msgspec
import structlog

from gateway.domain.records import RecordKind
from gateway.policy_books.in_force import Books

LOOK_S = 1.0
LOOKED_AT_MAX = 1000
"""Of each kind, the newest: a book tells of itself at each start, and of each policy that trips."""

log = structlog.get_logger()


class Log(Protocol):
    async def rules_told(self, division: str, kind: str, limit: int) -> list[bytes]:
        """The newest records of a kind. Raises LedgerUnavailable."""
        ...


class Shelf(Protocol):
    def version(self, division: str) -> int:
        """Of the registers that were read; 0 if none were."""
        ...


class _Told(msgspec.Struct):
    revision: int = 0
    version: int = 0


@attrs.frozen(kw_only=True)
class Told:
    """The highest that the log says was in force; 0: nothing."""

    book: int
    registers: Mapping[str, int]
    """By division."""


async def told_of(records: Log, divisions: Iterable[str]) -> Told:
    """Raises LedgerUnavailable."""
    book, registers = 0, dict[str, int]()
    for division in divisions:
        for body in await records.rules_told(division, RecordKind.POLICY_ACTIVATED, LOOKED_AT_MAX):
            book = max(book, _read(body).revision)
        told = await records.rules_told(division, RecordKind.REGISTER_APPLIED, LOOKED_AT_MAX)
        registers[division] = max((_read(body).version for body in told), default=0)
    return Told(book=book, registers=registers)


def older_book(told: Told, revision: int) -> str:
    """Why this book is none to decide by; empty if it is. A newer one that lies there and does not
    prove itself is another matter (decision 0115)."""
    if revision >= told.book:
        return ""
    return (
        f"policies: revision {revision} is older than revision {told.book}, which was in force by"
        " this log and is not there, or is not due by this clock (runbooks/policy-trouble)"
    )


def unsigned_book(told: Told) -> str:
    """Why a folder that nobody signed is nothing to decide by; empty where no signed book ever was
    in force: one line of the settings would do alone what two officers decide."""
    if not told.book:
        return ""
    return (
        f"policies: an unsigned folder (policies.folder), and revision {told.book}, which two"
        " officers signed, was in force by this log: name policies.books again"
        " (runbooks/policy-trouble)"
    )


def older_registers(told: Told, division: str, version: int) -> str:
    """The same of registers."""
    if not 0 < version < told.registers.get(division, 0):
        return ""
    return (
        f"registers: version {version} is older than version {told.registers[division]}, which was"
        " in force by this log and is gone (runbooks/registers-stale)"
    )


class Outdated(dict[str, str]):
    """By division, why nothing passes by the rules that are here. Empty but after a start on what
    came back older; what is put there since opens it by itself."""

    def __init__(self, told: Told, books: Books, shelf: Shelf) -> None:
        super().__init__()
        self._told = told
        self._books = books
        self._shelf = shelf

    def look(self) -> None:
        bundle, book = self._books.bundle, ""
        if bundle is None:
            book = unsigned_book(self._told)
        elif not self._books.problem:
            book = older_book(self._told, bundle.revision)
        found = dict[str, str]()
        for division in self._told.registers:
            version = self._shelf.version(division)
            if words := book or older_registers(self._told, division, version):
                found[division] = words
        for division in sorted(found.keys() - self.keys()):
            log.error("rules.older", division=division, reason=found[division])
        for division in sorted(self.keys() - found.keys()):
            log.info("rules.newest_again", division=division)
        self.clear()
        self.update(found)

    async def run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            if self:
                self.look()


def _read(body: bytes) -> _Told:
    """What cannot be read says nothing: `recount` and the bureau name a record that was changed."""
    try:
        return msgspec.json.decode(body, type=_Told)
    except (ValueError, RecursionError):
        return _Told()

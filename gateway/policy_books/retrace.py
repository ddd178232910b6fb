"""From the ledger back to facts: recorded decisions as policies saw them, in the log's order."""

from collections import OrderedDict
from pathlib import Path
from typing import Protocol

import attrs

from adapters.formats.accepted import accepted_formats
from gateway.domain.decision import Decision, restored
from gateway.domain.ledger import Demand
from gateway.domain.past import Past
from gateway.domain.registers import Registers
from gateway.domain.windows import WindowShare
from gateway.pipeline.again import decide_again, effect_then, facts_then
from gateway.policy_books.store import BookStore
from gateway.ports import Format
from policies.book.book import Book
from policies.book.bundle import open_sealed, read_bundle
from policies.book.load import book_of, load_codes, load_texts, policy_digest, revision_of
from policies.book.read import read_policy
from policies.book.shelf import HELD_MARK
from policies.language.errors import PolicyRefused
from policies.replay.recorded import AsRecorded, Replayed, compared
from policies.replay.stored import Stored

REGISTERS_KEPT = 4
"""Versions of registers in memory: decisions of one hour rest on one or two."""
TROUBLE_CHARACTERS_MAX = 400


class CannotReplay(ValueError):
    """Something the decision rested on is not at hand; the message says what."""


def trouble_of(error: Exception) -> str:
    """Why an answer cannot be given, for the bureau and the log. What nobody foresaw is told by its
    kind only: its words may quote what was sent."""
    foreseen = isinstance(error, CannotReplay | PolicyRefused)
    told = f"{type(error).__name__}: {error}" if foreseen else type(error).__name__
    return told[:TROUBLE_CHARACTERS_MAX]


@attrs.frozen(kw_only=True)
class Retraced:
    """One decision of the past, and what the policies saw."""

    row: Stored
    decision: Decision


class RegistersThen(Protocol):
    async def registers(self, division: str, version: int, /) -> Registers | None:
        """As they stood at that version; None if it is not kept. Raises LedgerUnavailable."""
        ...


class Retracer:
    """Reads instructions again with the registers of their time."""

    def __init__(self, past: RegistersThen) -> None:
        self._past = past
        self._formats = accepted_formats()
        self._registers: OrderedDict[tuple[str, int], Registers] = OrderedDict()

    async def stored(self, past: Past) -> Retraced:
        """Raises CannotReplay, LedgerUnavailable."""
        decision = restored(past.decision)
        registers = await self._registers_of(past, decision)
        instruction = self._reader(past).parse(past.raw)
        whole, *details = facts_then(instruction, registers, decision, past.decided_at)
        row = Stored(
            id=str(past.key), facts=whole.facts, details=tuple(each.facts for each in details),
            taken=past.taken,
        )  # fmt: skip
        return Retraced(row=row, decision=decision)

    async def again(self, past: Past, book: Book) -> Replayed:
        """The decision made anew beside the recorded one. Raises CannotReplay."""
        decision = restored(past.decision)
        registers = await self._registers_of(past, decision)
        instruction = self._reader(past).parse(past.raw)
        then = AsRecorded(book, decision.book_revision)
        now = decide_again(instruction, registers, then, decision, past.decided_at)
        return compared(decision, now)

    async def effect(
        self, past: Past, decision: Decision, book: Book | None
    ) -> tuple[tuple[Demand, ...], tuple[WindowShare, ...]]:
        """What a pass had to reserve, and what it added to windows by the book that decided; none
        of these without a book. Raises CannotReplay, LedgerUnavailable, Fault."""
        registers = await self._registers_of(past, decision)
        instruction = self._reader(past).parse(past.raw)
        then = None if book is None else AsRecorded(book, decision.book_revision)
        return effect_then(instruction, registers, then, decision, past.decided_at)

    def _reader(self, past: Past) -> Format:
        if past.format not in self._formats:
            raise CannotReplay(f"{past.key}: this program reads no format {past.format!r}")
        return self._formats[past.format]

    async def _registers_of(self, past: Past, decision: Decision) -> Registers:
        at = past.key.division, decision.registers_version
        if at in self._registers:
            self._registers.move_to_end(at)
            return self._registers[at]
        registers = await self._past.registers(*at)
        if registers is None:
            raise CannotReplay(f"{past.key}: registers version {at[1]} are not kept")
        self._registers[at] = registers
        while len(self._registers) > REGISTERS_KEPT:
            self._registers.popitem(last=False)
        return registers


def book_that_decided(revision: str, folder: Path, books: Path | None) -> Book:
    """The book of that name: the folder's, or one of the signed books that are kept.

    Raises CannotReplay, PolicyRefused, OSError.
    """
    wanted, codes = revision.partition(HELD_MARK)[0], load_codes()
    sources = [("policies", load_texts(folder))]
    if books is not None:
        for kept in BookStore(books).newest_first():
            bundle = read_bundle(open_sealed(kept)[0])
            sources.append((f"signed book {bundle.revision}", dict(bundle.policies)))
    for _, texts in sources:
        digests = [policy_digest(read_policy(text, place)) for place, text in texts.items()]
        if revision_of(digests, codes) == wanted:
            return book_of(texts, codes)
    raise CannotReplay(
        f"no book {wanted} here: look in the folder of signed books (--books), and replay with the"
        " release of the program that decided, as facts and code lists are part of a book's name"
    )

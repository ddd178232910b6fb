"""`recount`: every balance made anew from the log and the signed instructions, and what differs.

Balances, windows and queues are state: whoever has the database owner's rights can change them, and
no signature covers them. What they come to follows from what cannot be changed unseen: the records,
whose tree the bureau has cosigned, the instructions, whose digests stand in those records, and the
registers and the book that the records name.
"""

import asyncio
import datetime as dt
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Any

import attrs
from msgspec.structs import replace

from adapters.postgres.oversight.recount import PostgresRecount, Snapshot
from certs.signatories import read_signatories
from gateway.configured.people import vault_of
from gateway.domain.bank import BankOutcome
from gateway.domain.decision import Decision, Outcome
from gateway.domain.faults import Fault
from gateway.domain.instruction import InstructionKey, key_named
from gateway.domain.past import Past
from gateway.domain.records import RecordKind
from gateway.domain.recount import Difference, Entry, Kept, KeptLine, Record, What, spoken
from gateway.domain.releases import moment_of
from gateway.policy_books.answering import Shelves
from gateway.policy_books.retrace import CannotReplay, Retracer, book_that_decided
from gateway.settings import Settings
from gateway.tending.recount_lines import Lines
from gateway.tending.recount_log import Keys, LogCheck
from gateway.tending.recount_told import ToldBeside
from gateway.tending.recounted import (
    Effect,
    Judge,
    Said,
    balance,
    heard,
    restored_or_none,
)
from policies.book.book import Book
from policies.book.shelf import HELD_MARK

PAGE = 1_000
PRUNED_AFTER = dt.timedelta(days=400)
SHOWN_MAX = 10_000
"""Differences that are kept of one division; the rest are counted."""
BOOKS_KEPT = 3

ToldHow = Callable[[str, int, int], None]
"""Division, records read so far, and of how many."""


@attrs.define(kw_only=True)
class Recounted:
    """What came of one division."""

    division: str
    records: int = 0
    cosigned: int = 0
    """How many of them the bureau's cosignature proves."""
    waiting: int = 0
    """Records without a number yet: they are taken as they stand."""
    payments: int = 0
    lines: int = 0
    differences: list[Difference] = attrs.field(factory=list)
    left_off: int = 0
    unknown: Counter[str] = attrs.field(factory=Counter)
    """What could not be made anew, by its reason: how many payments."""

    def note(self, found: Iterable[Difference]) -> None:
        for each in found:
            if len(self.differences) < SHOWN_MAX:
                self.differences.append(each)
            else:
                self.left_off += 1

    @property
    def same(self) -> bool:
        return not self.differences

    def as_json(self) -> dict[str, Any]:
        fields = attrs.asdict(self, filter=lambda field, _: field.name != "unknown")
        return fields | {"same": self.same, "not_recounted": dict(self.unknown)}


def recount(
    settings: Settings, database: str, divisions: Sequence[str], shelves: Shelves, told: ToldHow
) -> list[Recounted]:
    """Raises LedgerUnavailable, SettingsInvalid, OSError, ValueError."""
    return asyncio.run(_recount(settings, database, divisions, shelves, told))


async def _recount(
    settings: Settings, database: str, divisions: Sequence[str], shelves: Shelves, told: ToldHow
) -> list[Recounted]:
    store = PostgresRecount(database, vault_of(production=settings.policies.books is not None))
    found = []
    try:
        for division in divisions:
            # A snapshot for each: as long as one lasts, the server keeps dead rows.
            async with store.snapshot() as snapshot:
                one = Division(division, snapshot, keys_of(settings, division), Bookcase(shelves))
                found.append(await one.recount(told))
    finally:
        await store.close()
    return found


def keys_of(settings: Settings, division: str) -> Keys:
    """Raises OSError, ValueError."""
    parties, record = settings.parties, settings.record_key
    table = read_signatories(parties.authority, parties.folder, revocations=parties.revocations)
    present = [file for file in (record.certificate, record.sm2_certificate) if file is not None]
    own, bureau = settings.gateway.uri, settings.bureaus[division].peer
    return Keys(own=own, bureau=bureau, table=table, present=present)


class Bookcase:
    """The books that decided, by name; none where it is not at hand."""

    def __init__(self, shelves: Shelves) -> None:
        self._shelves = shelves
        self._books: dict[str, Book | None] = {}

    def of(self, revision: str) -> Book | None:
        """Raises PolicyRefused, OSError."""
        name = revision.partition(HELD_MARK)[0]
        if name not in self._books:
            try:
                found = book_that_decided(name, self._shelves.folder, self._shelves.books)
            except CannotReplay:
                found = None
            while len(self._books) >= BOOKS_KEPT:
                self._books.pop(next(iter(self._books)))
            self._books[name] = found
        return self._books[name]


class Division:
    """One division's recount, in the order of its log."""

    def __init__(self, division: str, snapshot: Snapshot, keys: Keys, books: Bookcase) -> None:
        self._division = division
        self._snapshot = snapshot
        self._keys = keys
        self._books = books
        self._retracer = Retracer(snapshot)
        self._lines = Lines()
        self._beside = ToldBeside(division)
        self._waiting: list[Record] = []
        self._rows: Counter[What] = Counter()
        """Those that were found about payments on record."""
        self._found = Recounted(division=division)

    async def recount(self, told: ToldHow) -> Recounted:
        found, division = self._found, self._division
        self._judge = Judge(division=division, today=await self._snapshot.today())
        self._waiting = await self._snapshot.waiting(division)
        found.waiting = len(self._waiting)
        async for page in self._sealed():
            found.note(self._beside.take(page))
            await self._payments(_verdicts(page))
            told(division, found.records, self._size)
        for start in range(0, len(self._waiting), PAGE):
            await self._payments(_verdicts(self._waiting[start : start + PAGE]))
        await self._strays()
        await self._limits()
        await self._told()
        return found

    async def _told(self) -> None:
        """Notices, alerts and holds beside what the log tells of them."""
        beside, division, snapshot = self._beside, self._division, self._snapshot
        self._found.note(beside.take(self._waiting))
        async for digests in snapshot.notices(division):
            beside.found(digests)
        if (first := beside.first_held) is not None:
            changes = await snapshot.register_changes(division, list(beside.versions))
            strays = await snapshot.register_strays(division, list(beside.versions), first)
            self._found.note(beside.registers(changes, strays))
        self._found.note(beside.ages(await snapshot.ages(division)))
        swept = await snapshot.swept_away(division)
        self._found.note(beside.differing(await snapshot.alerts(division), swept))

    async def _sealed(self) -> AsyncIterator[list[Record]]:
        """Every record that has a number, proven as far as it is signed."""
        found, division, snapshot = self._found, self._division, self._snapshot
        head = await snapshot.head(division)
        self._size = head[1] if head else 0
        if head is None:
            return
        check = LogCheck(division, head[0], self._keys, dt.datetime.now(dt.UTC))
        cosigned = await snapshot.cosigned(division, self._size)
        found.cosigned = cosigned.size if cosigned else 0
        start = 0
        while start < self._size:
            stop = found.cosigned if start < found.cosigned else self._size
            end = min(start + PAGE, stop)
            page = await snapshot.records(division, start, end)
            found.note(check.take(page, end))
            start = found.records = end
            if cosigned and start == cosigned.size:
                found.note(check.signed(cosigned, cosigned=True))
            yield page
        if self._size != found.cosigned:
            note = await snapshot.checkpoint(division, self._size)
            found.note(check.signed(note, cosigned=False))

    async def _payments(self, named: Mapping[str, InstructionKey]) -> None:
        if not named:
            return
        kept = await self._snapshot.payments(self._division, list(named.values()))
        records = await self._snapshot.about(self._division, list(named))
        said = heard((*records, *self._waiting), named)
        for subject, key in named.items():
            self._found.payments += 1
            rows = kept.get(key)
            if rows is None:
                self._found.note([self._unlike(What.INSTRUCTION, subject, "row", None, "decided")])
            elif said[subject].verdict is not None:
                self._rows.update(rows.counts())
                try:
                    await self._payment(rows, said[subject])
                except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError):
                    # A record that was altered may be of any shape; one must not hide the others.
                    found = self._unlike(What.RECORD, subject, "verdict", "unreadable", "a verdict")
                    self._found.note([found])

    async def _payment(self, kept: Kept, said: Said) -> None:
        effect = await self._effect(kept, said)
        self._found.note(self._judge.rows(kept, said, effect))
        self._lines.add(*balance(kept, said, effect))

    async def _effect(self, kept: Kept, said: Said) -> Effect:
        """Made anew; as it is stored, and counted as unknown, where that cannot be."""
        stored = kept.ended.demands if kept.ended and said.released else kept.demands
        recorded, at = _recorded(kept, said)
        if recorded is None or kept.raw is None:
            self._found.unknown["the instruction or its decision is not what was recorded"] += 1
            return Effect(passed=stored, entries=None)
        past = Past(
            key=kept.key, seq=-1, format=kept.format, raw=kept.raw, decided_at=at,
            decision=b"", bank=BankOutcome(said.bank) if said.bank else None,
        )  # fmt: skip
        counts = not said.in_vain and (kept.entries or self._recent(at))
        try:
            book = self._books.of(recorded.book_revision) if counts else None
            demands, shares = await self._retracer.effect(past, recorded, book)
        except (CannotReplay, Fault, ValueError, KeyError) as reason:
            self._found.unknown[_why(reason)] += 1
            return Effect(passed=stored, entries=None)
        passed = spoken(((d.limit.kind.value, d.limit.id), d.amount_fen) for d in demands)
        if counts and book is None:
            self._found.unknown[f"windows: no book {recorded.book_revision[:12]} here"] += 1
            return Effect(passed=passed, entries=None)
        entries = tuple(
            Entry(window=s.key.window, key=s.key.key, day=s.day, value=s.value, item=s.item)
            for s in shares
        )
        return Effect(passed=passed, entries=entries)

    def _recent(self, at: dt.datetime) -> bool:
        return at.date() >= self._judge.today - PRUNED_AFTER

    async def _strays(self) -> None:
        """Looked for only where there are more rows than were met."""
        there = await self._snapshot.counts(self._division)
        if all(self._rows[What(what)] == number for what, number in there.items()):
            return
        waiting = list(_verdicts(self._waiting))
        self._found.note(
            self._unlike(What(what), str(key), "row", "there", None)
            for what, key in await self._snapshot.strays(self._division, waiting)
        )

    async def _limits(self) -> None:
        granted = await self._snapshot.granted(self._division)
        openings = await self._snapshot.openings(self._division)
        async for page in self._snapshot.lines(self._division):
            self._found.lines += len(page)
            for line in page:
                self._found.note(self._line(line, granted, openings))
        self._found.note(
            self._unlike(What.LIMIT, " ".join(line), "row", None, fen)
            for line, fen in sorted(self._lines.left(granted).items())
        )

    def _line(self, line: KeptLine, granted: Any, openings: Any) -> Iterable[Difference]:
        for column, stored, recounted in self._lines.unlike(line, granted, openings):
            yield self._unlike(What.LIMIT, " ".join(line.line), column, stored, recounted)

    def _unlike(
        self, what: What, subject: str, column: str, stored: str | int | None,
        recounted: str | int | None,
    ) -> Difference:  # fmt: skip
        return Difference(
            division=self._division, what=what, subject=subject, column=column, stored=stored,
            recounted=recounted,
        )  # fmt: skip


def _recorded(kept: Kept, said: Said) -> tuple[Decision | None, dt.datetime]:
    """The decision by which it counts, as its record has it; what only the row keeps (registers
    that could not be consulted) as that has it."""
    told = said.verdict
    assert told is not None
    decision, outcome = restored_or_none(kept.decision), told["outcome"]
    if said.released and said.ended:
        told, outcome = said.ended, Outcome.PASS
        if kept.ended:
            decision = restored_or_none(kept.ended.decision)
    at = moment_of(told["recorded_at"])
    if decision is None:
        return None, at
    return replace(
        decision, outcome=Outcome(outcome), book_revision=told["book"],
        registers_version=told["registers"], withheld=tuple(told.get("withheld", ())),
    ), at  # fmt: skip


def _verdicts(records: Iterable[Record]) -> dict[str, InstructionKey]:
    """By subject, whose verdict is among these. What names no payment was relabelled, and is named
    by whoever looks at the log."""
    subjects = (each.subject for each in records if each.kind == RecordKind.VERDICT)
    return {each: key for each in subjects if (key := key_named(each))}


def _why(reason: Exception) -> str:
    """By its kind where nobody foresaw it: a reader's words may quote what was sent."""
    if isinstance(reason, CannotReplay):
        return str(reason).partition(": ")[2] or str(reason)
    return type(reason).__name__

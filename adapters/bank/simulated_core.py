"""The simulated core itself: what a submission does, what an enquiry sees, what an auditor reads.

Deliberately *not* idempotent: the same key submitted twice pays twice, and `audit` says so.
"""

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from adapters.bank.fate import Fate, Habits
from adapters.bank.journal import Entry, Journal
from adapters.bank.movements import movements_of
from adapters.bank.slips import Slip, message_of, slips_of

Answer = Callable[[bytes], None]

_TAKES_EFFECT_UNHEARD = frozenset({Fate.LATE, Fate.PENDING, Fate.SILENT_TAKEN, Fate.FORGET})


class SimulatedCore:
    """`flush_soon` is called once per batch and must lead to `journal.flush()`; `die` ends it."""

    def __init__(
        self,
        habits: Habits,
        state: Path,
        *,
        flush_soon: Callable[[], object],
        die: Callable[[], None],
        fsync: bool = True,
    ) -> None:
        self.habits = habits
        self.journal = Journal(state, fsync=fsync)
        self.submissions = 0
        self.lost = 0
        """Of them: taken without a word and dropped."""
        self._messages: set[str] = set()
        self._flush_soon = flush_soon
        self._die = die

    def submit(
        self, key: str, body: bytes, answer: Answer, withheld: frozenset[int] | None = None,
        paid_fen: int = 0,
    ) -> None:  # fmt: skip
        """Do to `key` what its fate says; `answer` is called once, twice or never.

        `withheld`: details by place that are left out; what is left must come to `paid_fen`.
        """
        self.submissions += 1
        fate = self.habits.fate(key)
        if fate is Fate.SILENT_LOST:
            self.lost += 1
            return
        if fate is Fate.CRASH_BEFORE:
            self._die()
            return
        slips = slips_of(body)
        if withheld is not None:
            slips = tuple(each for place, each in enumerate(slips, 1) if place not in withheld)
            if sum(each.amount_fen for each in slips) != paid_fen:
                fate = Fate.REJECT
        entry = self._entry(key, fate, body, slips)
        if self.journal.add(entry, lambda: self._after(fate, entry, answer)):
            self._flush_soon()

    def deposit(self, digest: str, body: bytes) -> tuple[int, bytes]:
        """A whole message; of its payments none is made before each is named."""
        if hashlib.sha256(body).hexdigest() != digest:
            return 400, _json({"error": "digest_wrong"})
        self._messages.add(digest)
        return 200, _json({"message": digest})

    def may_take(self, body: bytes) -> bool:
        """A payment of a message is taken only where that message was handed over before."""
        named = message_of(body)
        return named is None or named in self._messages

    def enquire(self, key: str) -> tuple[int, bytes]:
        """HTTP status and body; the first effect is the one that counts."""
        now = time.time()
        entries = self.journal.by_key.get(key, ())
        if entries and entries[0].fate == Fate.BABBLE and entries[0].seen > now:
            return 200, self._babble(entries[0])
        known = [entry for entry in entries if entry.seen <= now]
        if not known:
            return 404, _json({"key": key, "outcome": "not_found"})
        entry = known[0]
        if entry.due is not None and entry.due > now:
            return 200, _json({"key": key, "outcome": "pending"})
        return 200, _told(entry)

    def recall(self, key: str, body: bytes) -> tuple[int, bytes]:
        """Asked to give a payment back: what was refused is no payment, what is parked still
        waits, and of what was paid it agrees to some. Asking changes nothing."""
        try:
            asked = msgspec.json.decode(body, type=dict[str, Any])["recall"]
        except (ValueError, RecursionError, KeyError):
            return 400, _json({"error": "recall_invalid"})
        about = {"key": key, "recall": asked}
        known = self.journal.by_key.get(key, ())
        if not known:
            return 404, _json(about | {"outcome": "not_found"})
        effects = [entry.due for entry in known if entry.due is not None]
        if any(due > time.time() for due in effects):
            return 200, _json(about | {"outcome": "pending"})
        if not effects or self.habits.gives_back(key):
            return 200, _json(about | {"outcome": "recalled"})
        return 200, _json(about | {"outcome": "refused", "reason": "已入账，请办理退款"})

    def audit(self) -> bytes:
        """All that took or will take effect, per key, and all refusals: for tests to read."""
        now = time.time()
        rows = []
        for key, entries in self.journal.by_key.items():
            effects = [entry for entry in entries if entry.due is not None]
            rows.append(
                {
                    "key": key,
                    "outcome": "accepted" if effects else "rejected",
                    "count": len(effects),
                    "parked": sum(entry.due > now for entry in effects if entry.due is not None),
                    "sha256": [entry.sha256 for entry in effects],
                    "at": [entry.due for entry in effects],
                    "references": [entry.reference for entry in effects],
                    "fate": entries[0].fate,
                    "submitted": len(entries),
                }
            )
        told = {"seed": self.habits.seed, "submissions": self.submissions, "lost": self.lost}
        return _json(told | {"effects": rows})

    def movements(self, after: int, limit: int) -> bytes:
        """The books from submission `after` on, up to what is parked still; lies included."""
        now = time.time()
        rows: list[dict[str, Any]] = []
        place = after
        for entry in self.journal.entries[after:]:
            if len(rows) >= limit or (entry.due is not None and entry.due > now):
                break
            rows += movements_of(entry, self.habits.late_days)
            place += 1
        return _json({"after": str(place) if place > after else None, "entries": rows})

    def _entry(self, key: str, fate: Fate, body: bytes, slips: tuple[Slip, ...]) -> Entry:
        now = time.time()
        due = now + self.habits.late_s if fate in (Fate.LATE, Fate.PENDING) else now
        unseen = now + self.habits.forget_s
        seen = {Fate.LATE: due, Fate.FORGET: unseen, Fate.BABBLE: unseen}.get(fate, now)
        refused = fate is Fate.REJECT
        return Entry(
            key=key,
            fate=fate,
            sha256=hashlib.sha256(body).hexdigest(),
            at=now,
            due=None if refused else due,
            seen=seen,
            reference=f"JH{self.journal.count + 1:012d}",
            reason=self.habits.refusal_reason(key) if refused else None,
            lie=self.habits.lie(key),
            slips=slips,
        )

    def _after(self, fate: Fate, entry: Entry, answer: Answer) -> None:
        """It is on the disk: now answer, or be the bank that does not."""
        if fate in _TAKES_EFFECT_UNHEARD:
            return
        if fate is Fate.CRASH_AFTER:
            self._die()
            return
        told = self._babble(entry) if fate is Fate.BABBLE else _told(entry)
        answer(told)
        if fate is Fate.TWICE:
            answer(told)

    def _babble(self, entry: Entry) -> bytes:
        """Of a payment that took effect: a word about a neighbour, a yes without a number, a word
        that there is not, half of a yes, or none of any language."""
        division, year, type, number = entry.key.split("/")
        yes = {"key": entry.key, "outcome": "accepted", "reference": entry.reference}
        no = yes | {"outcome": "rejected", "reason": "户名不符"}
        sorts = (
            _json(no | {"key": f"{division}/{year}/{type}/{number[:-1]}"}),
            _json(yes | {"key": f"{division}/{int(year) - 1}/{type}/{number}X"}),
            _json({"key": entry.key, "outcome": "accepted"}),
            _json(yes | {"outcome": "perhaps"}),
            _json(no)[:-9],
            b"\xff\xfe<Document>",
        )
        return sorts[self.habits.babbles(entry.key) % len(sorts)]


def _told(entry: Entry) -> bytes:
    if entry.due is None:
        return _json(
            {
                "key": entry.key,
                "outcome": "rejected",
                "reference": entry.reference,
                "reason": entry.reason,
            }
        )
    return _json({"key": entry.key, "outcome": "accepted", "reference": entry.reference})


def _json(value: dict[str, Any]) -> bytes:
    return msgspec.json.encode(value)

"""What the records say of one payment, and where its rows say otherwise."""

import datetime as dt
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs
import orjson

from gateway.domain.bank import BOOKS, ENDED, BankOutcome
from gateway.domain.decision import Decision, Outcome, restored
from gateway.domain.holds import HoldEnding
from gateway.domain.masking import without_numbers
from gateway.domain.records import RecordKind, paid_fen
from gateway.domain.recount import Difference, Entry, Kept, KeptWord, Record, Spoken, Told, What
from gateway.pipeline.tell import brief, microseconds

PRUNED_AFTER_DAYS = 366
"""No window reaches further back, and entries older than 400 days are taken away."""
_ENDS = frozenset(HoldEnding)


@attrs.define
class Said:
    """One payment as its records have it, in their order."""

    verdict: dict[str, Any] | None = None
    verdicts: int = 0
    ended: dict[str, Any] | None = None
    settled: dict[str, Any] | None = None
    """The first record of the bank's outcome."""
    refunds: dict[str, int] = attrs.field(factory=dict)
    asides: list[str] = attrs.field(factory=list)
    """States of what the bank's books had set aside, turn by turn."""

    def hear(self, record: Record) -> None:
        try:
            self._hear(record.kind, orjson.loads(record.body or b""))
        except (AttributeError, KeyError, TypeError, ValueError):
            return  # altered, and named by whoever looks at the log

    def _hear(self, kind: str, fields: dict[str, Any]) -> None:
        if kind == RecordKind.VERDICT:
            self.verdict = self.verdict or fields
            self.verdicts += 1
        elif kind == RecordKind.RELEASE and fields.get("what") in _ENDS:
            self.ended = self.ended or fields
        elif kind == RecordKind.BANK_OUTCOME:
            self.settled = self.settled or fields
        elif kind == RecordKind.REFUND:
            self.refunds[fields["refund"]] = fields["amount_fen"]
        elif kind == RecordKind.CORRECTION:
            self._hear_correction(fields)

    def _hear_correction(self, fields: Mapping[str, Any]) -> None:
        is_open = self.asides[-1:] == ["open"]
        if fields["what"] == ENDED:
            if is_open:
                paid = fields["said"] == BankOutcome.ACCEPTED
                self.asides[-1] = "posted" if paid else "given_back"
        elif fields.get("how") == BOOKS and not is_open:
            self.asides.append("open")

    @property
    def bank(self) -> str | None:
        return self.settled["bank_outcome"] if self.settled else None

    @property
    def released(self) -> bool:
        return self.ended is not None and self.ended["what"] == HoldEnding.RELEASED

    @property
    def forwarded(self) -> bool:
        passed = self.verdict is not None and self.verdict["outcome"] == Outcome.PASS
        return passed or self.released

    @property
    def waits(self) -> bool:
        """Whether the bank's outcome is not on record."""
        return self.forwarded and self.bank is None

    @property
    def paid(self) -> bool:
        return self.bank == BankOutcome.ACCEPTED or "posted" in self.asides

    @property
    def in_vain(self) -> bool:
        """Settled as not taken, or held and never paid: it counts in no window, whatever was found
        out since."""
        unpaid = self.ended is not None and not self.released
        return unpaid or self.bank in (BankOutcome.REJECTED, BankOutcome.NOT_TAKEN)


@attrs.frozen(kw_only=True)
class Effect:
    """What one payment comes to on limits and windows, made anew."""

    passed: Spoken
    """What its pass, or the release of its hold, had to reserve."""
    entries: tuple[Entry, ...] | None
    """What it adds to windows as it stands; None: nobody can tell, the book is not at hand."""


@attrs.frozen(kw_only=True)
class Judge:
    """Compares one payment's rows with what its records say."""

    division: str
    today: dt.date
    """By the database: entries of long ago may be gone."""

    def rows(self, kept: Kept, said: Said, effect: Effect) -> Iterator[Difference]:
        yield from self._instruction(kept, said)
        yield from self._decision(kept, said)
        passed = said.verdict is not None and said.verdict["outcome"] == Outcome.PASS
        yield from self._spoken(
            kept, What.INSTRUCTION, kept.demands, effect.passed if passed else {}
        )
        yield from self._hold(kept, said, effect)
        yield from self._bank(kept, said, effect)
        yield from self._refunds(kept, said, effect)
        yield from self._asides(kept, said, effect)
        if effect.entries is not None:
            yield from self._windows(kept, effect.entries)

    def _instruction(self, kept: Kept, said: Said) -> Iterator[Difference]:
        verdict = said.verdict
        assert verdict is not None
        raw = hashlib.sha256(kept.raw).hexdigest() if kept.raw is not None else "sealed otherwise"
        for column, stored, recounted in (
            ("raw", raw, verdict["digest"]),
            ("digest", kept.digest.hex(), verdict["digest"]),
            ("outcome", kept.outcome, verdict["outcome"]),
            ("amount_fen", kept.amount_fen, paid_fen(verdict)),
            ("agency_code", kept.agency_code, verdict["agency"]["code"]),
            ("party", kept.party, verdict["sender"]),
            ("decided_at", microseconds(kept.decided_at), verdict["recorded_at"]),
        ):
            yield from self._unlike(kept, What.INSTRUCTION, column, stored, recounted)
        if said.verdicts > 1:
            yield from self._unlike(kept, What.RECORD, "verdict", said.verdicts, 1)

    def _decision(self, kept: Kept, said: Said) -> Iterator[Difference]:
        assert said.verdict is not None
        yield from self._decided(kept, What.INSTRUCTION, kept.decision, said.verdict)

    def _decided(
        self, kept: Kept, what: What, raw: bytes, verdict: Mapping[str, Any]
    ) -> Iterator[Difference]:
        """Of a decision as it is kept, whatever its record tells of it too."""
        decision = restored_or_none(raw)
        if decision is None:
            yield from self._unlike(kept, what, "decision", "unreadable", "as recorded")
            return
        told = {
            "book": verdict["book"], "findings": verdict["findings"], "outcome": verdict["outcome"],
            "registers": verdict["registers"], "withheld": verdict.get("withheld", []),
        }  # fmt: skip
        stored = {
            "book": decision.book_revision,
            "findings": orjson.loads(orjson.dumps([brief(each) for each in decision.findings])),
            "outcome": decision.outcome.value, "registers": decision.registers_version,
            "withheld": list(decision.withheld),
        }  # fmt: skip
        for name, recounted in told.items():
            if stored[name] != recounted:
                yield from self._unlike(
                    kept, what, f"decision.{name}", _shown(stored[name]), _shown(recounted)
                )  # fmt: skip

    def _hold(self, kept: Kept, said: Said, effect: Effect) -> Iterator[Difference]:
        how = said.ended["what"] if said.ended else None
        stored = kept.ended.how if kept.ended else None
        yield from self._unlike(kept, What.HOLD_END, "how", stored, how)
        if kept.ended and said.ended:
            at = microseconds(kept.ended.at)
            yield from self._unlike(kept, What.HOLD_END, "ended_at", at, said.ended["recorded_at"])
            order = kept.ended.order.hex() if kept.ended.order else None
            yield from self._unlike(
                kept, What.HOLD_END, "order_digest", order, said.ended.get("order_sha256")
            )
            if said.released:
                again = restored_or_none(kept.ended.decision)
                told = said.ended | {
                    "findings": said.ended["judged"], "outcome": Outcome.PASS,
                    "withheld": list(again.withheld) if again else [],
                }  # fmt: skip
                yield from self._decided(kept, What.HOLD_END, kept.ended.decision, told)
            wanted = effect.passed if said.released else {}
            yield from self._spoken(kept, What.HOLD_END, kept.ended.demands, wanted)

    def _bank(self, kept: Kept, said: Said, effect: Effect) -> Iterator[Difference]:
        yield from self._unlike(kept, What.SETTLEMENT, "bank", kept.bank, said.bank)
        if kept.word and said.settled:
            for column, stored, recounted in _words(kept.word, said.settled):
                yield from self._unlike(kept, What.SETTLEMENT, column, stored, recounted)
        if bool(kept.open) != said.waits:
            stored, recounted = ("open" if each else None for each in (kept.open, said.waits))
            yield from self._unlike(kept, What.OPEN_PAYMENT, "row", stored, recounted)
        elif kept.open:
            yield from self._unlike(
                kept, What.OPEN_PAYMENT, "amount_fen", kept.open.amount_fen, kept.amount_fen
            )
            began = said.ended if said.released else said.verdict
            assert began is not None
            yield from self._unlike(
                kept, What.OPEN_PAYMENT, "opened_at", microseconds(kept.open.at),
                began["recorded_at"],
            )  # fmt: skip
            yield from self._spoken(kept, What.OPEN_PAYMENT, kept.open.demands, effect.passed)

    def _refunds(self, kept: Kept, said: Said, effect: Effect) -> Iterator[Difference]:
        for name in sorted(kept.refunds.keys() | said.refunds.keys()):
            held = kept.refunds[name].amount_fen if name in kept.refunds else None
            yield from self._unlike(
                kept, What.REFUND, f"amount_fen {name}", held, said.refunds.get(name)
            )
        held_back: Counter[tuple[str, str]] = Counter()
        for refund in kept.refunds.values():
            held_back.update(refund.back)
        yield from self._spoken(
            kept, What.REFUND, held_back, back_of(kept, said, effect), "back_fen"
        )

    def _asides(self, kept: Kept, said: Said, effect: Effect) -> Iterator[Difference]:
        states = [each.state for each in kept.asides]
        if states != said.asides:
            yield from self._unlike(
                kept, What.SET_ASIDE, "ended_as", " ".join(states) or None,
                " ".join(said.asides) or None,
            )  # fmt: skip
        for each in kept.asides[: len(said.asides)]:
            yield from self._spoken(kept, What.SET_ASIDE, each.demands, effect.passed, "fen")

    def _windows(self, kept: Kept, entries: Sequence[Entry]) -> Iterator[Difference]:
        stored, recounted = Counter(kept.entries), Counter(entries)
        reach = self.today - dt.timedelta(days=PRUNED_AFTER_DAYS)
        missing = sorted(e for e in (recounted - stored).elements() if e.day >= reach)
        surplus = sorted((stored - recounted).elements())
        for name in sorted({_named(each) for each in (*missing, *surplus)}):
            yield from self._unlike(
                kept, What.WINDOW, name, _value(surplus, name), _value(missing, name)
            )

    def _spoken(
        self, kept: Kept, what: What, stored: Spoken, recounted: Spoken, column: str = "demand_fen"
    ) -> Iterator[Difference]:
        for line in sorted(stored.keys() | recounted.keys()):
            yield from self._unlike(
                kept, what, f"{column} {' '.join(line)}", stored.get(line), recounted.get(line)
            )

    def _unlike(
        self, kept: Kept, what: What, column: str, stored: Told, recounted: Told
    ) -> Iterator[Difference]:
        if stored != recounted:
            yield Difference(
                division=self.division, what=what, subject=str(kept.key), column=column,
                stored=stored, recounted=recounted,
            )  # fmt: skip


def heard(records: Iterable[Record], subjects: Iterable[str]) -> dict[str, Said]:
    """What is said of each of these."""
    found = {subject: Said() for subject in subjects}
    for record in records:
        if said := found.get(record.subject):
            said.hear(record)
    return found


def restored_or_none(decision: bytes) -> Decision | None:
    """None where the bytes are no decision any more."""
    try:
        return restored(decision)
    except (ValueError, KeyError, TypeError):
        return None


def back_of(kept: Kept, said: Said, effect: Effect) -> Spoken:
    """What refunds gave back on each line: its part of the payment, rounded down over all of them,
    so that the last fen completes it (docs/storage.md)."""
    returned = sum(said.refunds.values())
    if not returned or not kept.amount_fen:
        return {}
    parts = {line: fen * returned // kept.amount_fen for line, fen in effect.passed.items()}
    return {line: fen for line, fen in parts.items() if fen}


def balance(kept: Kept, said: Said, effect: Effect) -> tuple[Spoken, Spoken]:
    """What one payment reserves and what it has posted."""
    reserved: Counter[tuple[str, str]] = Counter()
    posted: Counter[tuple[str, str]] = Counter()
    if said.waits:
        reserved.update(effect.passed)
    if "open" in said.asides:
        reserved.update(effect.passed)
    if said.paid:
        posted.update(effect.passed)
        posted.subtract(back_of(kept, said, effect))
    return reserved, posted


def _words(kept: KeptWord, told: Mapping[str, Any]) -> Iterator[tuple[str, Told, Told]]:
    """Column, as stored, as recorded. A record's reason has lost its long numbers."""
    yield "settled_at", microseconds(kept.at), told["recorded_at"]
    yield "bank_reference", kept.reference, told.get("reference")
    reason = without_numbers(kept.reason) if kept.reason else kept.reason
    yield "bank_reason", reason, told.get("reason")
    yield "evidence", kept.how, told.get("how") or ""


def _named(entry: Entry) -> str:
    return f"{entry.window} {entry.key} {entry.day}"


def _value(entries: Sequence[Entry], name: str) -> int | None:
    found = [each.value for each in entries if _named(each) == name]
    return sum(found) if found else None


def _shown(value: object) -> str:
    return orjson.dumps(value).decode()[:200]

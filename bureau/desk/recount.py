"""What the desk lists and counts, made anew from the proven records, and what is stored otherwise.

Lines of interceptions and warnings, open holds, tallies and figures are state: no signature covers
them. The records are proven first (`audit`); cases are people's work, and stand in the trail.
"""

import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import attrs
import orjson

from bureau.desk.audit import Auditor
from bureau.inbox.glance import (
    Glance,
    glance,
    noticed_interception,
    recorded_interceptions,
    recorded_warnings,
    tallied,
)
from bureau.ports import LogPlace
from certs.trust import Trust
from gateway.domain.faults import Unproven
from gateway.domain.log import SealedRecord

PAGE = 2_000
ENDS = frozenset({"released", "refused", "expired", "withdrawn"})
_STATE_OF = {
    "accepted": "paid", "rejected": "returned", "not_taken": "returned", "unknown": "unknown",
}  # fmt: skip
_LINE = (
    "outcome", "agency_code", "agency_name", "payee_name", "amount_fen", "policies", "reason_zh",
    "decided_at", "told_digest", "record_seq",
)  # fmt: skip
_WARNED = (
    "agency_code", "agency_name", "payee_name", "amount_fen", "policies", "reason_zh", "decided_at",
    "record_seq",
)  # fmt: skip

Key = tuple[int, str, str]
Row = Mapping[str, Any]


class Snapshot(Protocol):
    """Fulfilled by adapters.postgres.bureau.recount.Snapshot."""

    async def size(self) -> int: ...

    async def records(self, start: int, end: int) -> list[SealedRecord]: ...

    async def lines(self, keys: Sequence[Key]) -> Mapping[Key, Row]: ...

    async def warned(self, keys: Sequence[Key]) -> Mapping[Key, Row]: ...

    async def told_since(self, subjects: Sequence[str], size: int) -> Sequence[Row]: ...

    def noticed(self) -> AsyncIterator[Sequence[Row]]: ...

    async def tallies(self) -> Mapping[tuple[str, str], int]: ...

    async def strays(self) -> Sequence[tuple[str, Key]]: ...

    async def figures(self) -> Sequence[Row]: ...


class Opens(Protocol):
    def __call__(self, division: str, bank: str, /) -> AbstractAsyncContextManager[Snapshot]: ...


@attrs.frozen(kw_only=True)
class Difference:
    division: str
    bank: str
    what: str
    """`interception`, `warned`, `open_hold`, `notice`, `tally`, `figure` or `log`."""
    subject: str
    column: str
    stored: str | None
    recounted: str | None


Progress = Callable[[LogPlace, int, int], None]
"""A log, how many records were read, of how many."""


def _unheard(_place: LogPlace, _done: int, _total: int) -> None: ...


class Recounter:
    """Raises StoreUnavailable."""

    def __init__(self, opens: Opens, auditor: Auditor, trust: Trust) -> None:
        self._opens = opens
        self._auditor = auditor
        self._trust = trust

    async def recount(
        self, place: LogPlace, on_progress: Progress = _unheard, *, figures: bool = True
    ) -> AsyncIterator[Difference]:
        """Each value that differs. `figures` are of the division: once is enough. The records are
        read twice, to be proven and to be counted: `on_progress` gets how many of both are done."""
        audit = await self._auditor.audit(
            place, lambda done, size: on_progress(place, done, 2 * size)
        )
        if not audit.holds:
            yield _differs(place, "log", place.origin, "records", audit.reason, "whole and signed")
        async with self._opens(place.division, place.bank) as found:
            size, counts = await found.size(), Counter[tuple[str, str]]()
            for start in range(0, size, PAGE):
                on_progress(place, size + start, 2 * size)
                page = await found.records(start, min(start + PAGE, size))
                glances = [glance(record.body) for record in page]
                counts.update(tallied(glances))
                async for each in self._page(place, found, glances, size):
                    yield each
            for name, stored, wanted in _unlike(await found.tallies(), counts):
                yield _differs(place, "tally", " ".join(name), "count", stored, wanted)
            on_progress(place, 2 * size, 2 * size)
            async for rows in found.noticed():
                for row in rows:
                    for each in self._notice(place, row):
                        yield each
            for what, key in await found.strays():
                yield _differs(place, what, _named(place, key), "row", "there", None)
            for row in await found.figures() if figures else ():
                yield _figure(place, row)

    async def _page(
        self, place: LogPlace, found: Snapshot, glances: Sequence[Glance], size: int
    ) -> AsyncIterator[Difference]:
        """The last verdict has the word about an interception, the first about a warning."""
        lines = {row[:3]: row for row in recorded_interceptions(place.division, glances)}
        kept = await found.lines(list(lines))
        since: dict[str, list[Row]] = {}
        for told in await found.told_since([_named(place, key) for key in lines], size):
            since.setdefault(told["subject"], []).append(told)
        for key, row in lines.items():
            held = kept.get(key)
            if held and (held["record_seq"] or 0) > row[-1]:
                continue
            named = _named(place, key)
            if held is None:
                yield _differs(place, "interception", named, "row", None, row[3])
                continue
            for column, stored, wanted in _line(held, row, since.get(named, ())):
                what = "open_hold" if column == "waits" else "interception"
                yield _differs(place, what, named, column, stored, wanted)
        warnings = {row[:3]: row for row in recorded_warnings(place.division, glances)}
        told_of = await found.warned(list(warnings))
        for key, row in warnings.items():
            held = told_of.get(key)
            if held is None:
                yield _differs(place, "warned", _named(place, key), "row", None, row[7])
            elif held["record_seq"] >= row[-1]:
                for column, stored, wanted in _columns(held, _WARNED, row[3:]):
                    yield _differs(place, "warned", _named(place, key), column, stored, wanted)

    def _notice(self, place: LogPlace, row: Row) -> Iterator[Difference]:
        """Of what is only told the notice is the proof; else the record, which names its digest."""
        named = _named(place, (row["fiscal_year"], row["voucher_type"], row["voucher_no"]))
        if row["notice_digest"] is None:
            if row["record_seq"] is None:
                yield _differs(place, "interception", named, "row", "there", None)
            return
        body = row["body"]
        told = noticed_interception(place.division, body) if body is not None else None
        if body is None or hashlib.sha256(body).digest() != row["notice_digest"] or told is None:
            digest = None if body is None else hashlib.sha256(body).hexdigest()
            yield _differs(place, "notice", named, "body", digest, row["notice_digest"].hex())
            return
        if row["record_seq"] is not None:
            # Of a person the record tells no name: the list has the one that the notice shows.
            if not glance(row["record_body"] or b"").payee.name:
                for each in _columns(row, ("payee_name",), (told[6],)):
                    yield _differs(place, "interception", named, *each)
            return
        if reason := self._unproven(row):
            yield _differs(place, "notice", named, "signature", reason, "signed by the bank")
        for column, stored, wanted in _columns(row, _LINE[:8], told[3:11]):
            yield _differs(place, "interception", named, column, stored, wanted)

    def _unproven(self, row: Row) -> str:
        try:
            signer = self._trust.verify_document(row["body"], row["signature"])
        except Unproven as refused:
            return refused.detail
        return "" if signer == row["signer"] else f"signed by {signer}"


def _line(held: Row, row: Sequence[Any], since: Iterable[Row]) -> Iterator[tuple[str, Any, Any]]:
    """Of a person the record tells no name; then the notice lends it."""
    wanted = list(row[3:])
    if not wanted[3]:
        wanted[3] = held["payee_name"]
    yield from _columns(held, _LINE, wanted)
    states, ended = [], False
    for told in since:
        state = _state_told(told)
        states += [state] if state else []
        ended = ended or state in ENDS
    is_held = row[3] == "held"
    state = states[-1] if is_held and states else row[3]
    yield from _differing("state", held["state"], state)
    yield from _differing("waits", held["waits"], is_held and not ended)


def _columns(
    held: Row, names: Sequence[str], wanted: Sequence[Any]
) -> Iterator[tuple[str, Any, Any]]:
    for name, value in zip(names, wanted, strict=True):
        told = value.split(" ") if name == "policies" and value else value
        yield from _differing(name, held[name] or None, told or None)


def _differing(name: str, stored: Any, wanted: Any) -> Iterator[tuple[str, Any, Any]]:
    if stored != wanted:
        yield name, stored, wanted


def _state_told(told: Row) -> str | None:
    """What one record makes of a hold (as `state_told` in the database); None: nothing."""
    try:
        fields = orjson.loads(told["body"])
        if told["kind"] == "refund":
            return "refunded"
        if told["kind"] == "release":
            return fields["what"] if fields["what"] in ENDS else None
        what, how = fields.get("what"), fields.get("how")
        if (told["kind"], what) == ("correction", "contradiction") and how != "books":
            return "unknown"
        return _STATE_OF.get(fields.get("bank_outcome") or fields.get("said"))
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _unlike(
    stored: Mapping[tuple[str, str], int], wanted: Mapping[tuple[str, str], int]
) -> Iterator[tuple[tuple[str, str], int, int]]:
    for name in sorted(stored.keys() | wanted.keys()):
        if stored.get(name, 0) != wanted.get(name, 0):
            yield name, stored.get(name, 0), wanted.get(name, 0)


def _figure(place: LogPlace, row: Row) -> Difference:
    return Difference(
        division=place.division, bank="", what="figure",
        subject=f"{row['measure']} {row['day']} {row['key']} {row['outcome']}".strip(),
        column="count, fen", stored=f"{row['kept_count']}, {row['kept_fen']}",
        recounted=f"{row['wanted_count']}, {row['wanted_fen']}",
    )  # fmt: skip


def _named(place: LogPlace, key: Key) -> str:
    return "/".join(map(str, (place.division, *key)))


def _differs(
    place: LogPlace, what: str, subject: str, column: str, stored: Any, wanted: Any
) -> Difference:
    return Difference(
        division=place.division, bank=place.bank, what=what, subject=subject, column=column,
        stored=_shown(stored), recounted=_shown(wanted),
    )  # fmt: skip


def _shown(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.hex()
    return " ".join(value) if isinstance(value, list) else str(value)

"""Commit 1 as part of a batch: admissions into the rows of `commit_batch`, and its answer back."""

import uuid
from collections.abc import Sequence
from operator import itemgetter
from typing import Any, TypeAlias

from adapters.postgres.ledger.keys import key_arrays
from adapters.postgres.ledger.standing import standings_or_why
from adapters.postgres.session import Connection
from adapters.postgres.statements import statements
from gateway.domain.faults import LedgerUnavailable
from gateway.domain.instruction import InstructionKey
from gateway.domain.ledger import Admission, Admitted, Demand, Moved, Short, Standing
from gateway.domain.people import IN_CLEAR, Sealing, sealed_if_any
from gateway.domain.windows import Measure, WindowAsk, WindowKey, WindowShare

BIGINT_MAX = 2**63 - 1
UNIT = "\x1f"
"""Between the texts of one column; no identifier holds it, the doors refuse control characters."""

_Rows: TypeAlias = list[tuple[Any, ...]]
_Windows: TypeAlias = tuple[_Rows, _Rows, _Rows]

_SQL = statements("ledger")
_ADMITTED = Admitted()
_KEY = itemgetter(1, 2, 3, 4)
"""A claim's identity among its columns."""
_NO_LIMITS = (None, None, None)
_NO_WINDOWS: _Windows = ([], [], [])

Answer: TypeAlias = Admitted | Short | Moved | Standing
Told: TypeAlias = Answer | LedgerUnavailable
"""An answer, or why what stands there already cannot be read."""


class AdmissionWork:
    """What was received is kept sealed."""

    def __init__(self, sealing: Sealing = IN_CLEAR) -> None:
        self._sealing = sealing

    def weight(self, item: Admission) -> int:
        return len(item.raw) + len(item.decision) + len(item.record.body) + len(item.notice or b"")

    def arguments(self, items: Sequence[Admission]) -> tuple[Any, ...]:
        """Claims, lines, demands, records, notices, windows, asks, shares."""
        lines, demands = _lines(items)
        windows = _NO_WINDOWS
        if any(item.asks or item.shares for item in items):
            windows = _windows(items)
        told = _told(items, self._sealing)
        return _claims(items, self._sealing), lines, demands, *told, *windows

    async def answers(
        self, connection: Connection, items: Sequence[Admission], row: Sequence[Any]
    ) -> list[Told]:
        """`row`: what `commit_batch` returned of admissions, from `existing` on."""
        existing, short_slots, short_demands, availables, *moved = row
        results: list[Told] = [_ADMITTED] * len(items)
        if short_slots:
            for slot, demand, available in zip(short_slots, short_demands, availables, strict=True):
                short = Short(demand=items[slot - 1].demands[demand], available_fen=available)
                results[slot - 1] = short
        if moved[0]:
            for slot, values in _true_values(items, *moved).items():
                results[slot - 1] = Moved(values=values)
        if existing:
            keys = [items[slot - 1].key for slot in existing]
            known = await standings_or_why(connection, keys, self._sealing)
            for slot in existing:
                results[slot - 1] = known[items[slot - 1].key]
        return results

    async def find(
        self, connection: Connection, attempt: uuid.UUID, items: Sequence[Admission]
    ) -> Sequence[Admitted | None]:
        rows = await connection.fetch(
            _SQL["admitted_by"], attempt, *key_arrays([item.key for item in items])
        )
        ours = {InstructionKey(**row) for row in rows}
        return [_ADMITTED if item.key in ours else None for item in items]


def _claims(items: Sequence[Admission], sealing: Sealing) -> list[tuple[Any, ...]]:
    """`batch_claim`s, sorted by key: one order of locks for all gateways."""
    claims = []
    for slot, item in enumerate(items, 1):
        key, demands = item.key, item.demands
        claims.append((
            slot, key.division, key.fiscal_year, key.voucher_type, key.voucher_no,
            item.amount_fen, item.decided_at, item.outcome, item.agency_code, item.party,
            item.format, item.signature, item.digest, sealing.seal_bytes(item.raw), item.decision,
            *(_limits(demands) if demands else _NO_LIMITS),
        ))  # fmt: skip
    claims.sort(key=_KEY)
    return claims


def _limits(demands: Sequence[Demand]) -> tuple[str, str, str]:
    """Kinds, ids and amounts of the demands, each as one text."""
    if len(demands) == 1:
        (only,) = demands
        return only.limit.kind, only.limit.id, str(only.amount_fen)
    return (
        UNIT.join([demand.limit.kind for demand in demands]),
        UNIT.join([demand.limit.id for demand in demands]),
        UNIT.join([str(demand.amount_fen) for demand in demands]),
    )


def _lines(items: Sequence[Admission]) -> tuple[list[tuple[Any, ...]], str]:
    """`batch_line`s wanted, sorted, with all that is wanted of each; and the demands in the order
    of arrival, as the function reads them. Raises ValueError for an id with a separator in it."""
    wanted: dict[tuple[str, str, str], int] = {}
    caps: dict[tuple[str, str, str], int] = {}
    flat: list[tuple[int, tuple[str, str, str], int, int]] = []
    for slot, item in enumerate(items, 1):
        for demand in item.demands:
            limit, amount, cap = demand.limit, demand.amount_fen, demand.cap_fen
            if UNIT in limit.id:
                raise ValueError("a limit's id holds a separator")
            line = (item.key.division, limit.kind.value, limit.id)
            wanted[line] = wanted.get(line, 0) + amount
            if cap is None:
                cap = BIGINT_MAX
            else:
                caps[line] = min(cap, caps.get(line, cap))
            flat.append((slot, line, amount, cap))
    lines = sorted(wanted)
    place = {line: n for n, line in enumerate(lines, 1)}
    return (
        [(*line, min(wanted[line], BIGINT_MAX), caps.get(line, BIGINT_MAX)) for line in lines],
        " ".join([f"{slot} {place[line]} {amount} {cap}" for slot, line, amount, cap in flat]),
    )


def _told(
    items: Sequence[Admission], sealing: Sealing
) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """`batch_told` of each, in the order of arrival, and the `batch_notice`s."""
    told, notices = [], []
    for slot, item in enumerate(items, 1):
        record, division = item.record, item.key.division
        told.append(
            (
                division,
                record.kind,
                record.subject,
                record.body,
                sealed_if_any(sealing, record.disclosures),
            )
        )
        if item.notice is not None:
            notices.append((slot, division, record.subject, item.decided_at, item.notice))
    return told, notices


def _windows(
    items: Sequence[Admission],
) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """The `batch_window`s concerned and whether anybody asks; `batch_ask`s and `batch_share`s in
    the order of arrival."""
    places: dict[tuple[str, WindowKey], int] = {}

    def place_of(item: Admission, key: WindowKey) -> int:
        return places.setdefault((item.key.division, key), len(places) + 1)

    asks = [
        (slot, place_of(item, ask.key), ask.measure, ask.since, ask.believed)
        for slot, item in enumerate(items, 1)
        for ask in item.asks
    ]
    some_ask = len(places)
    shares = [
        (slot, place_of(item, share.key), place, share.day, share.value, share.item)
        for slot, item in enumerate(items, 1)
        for place, share in enumerate(item.shares, 1)
    ]
    windows = [
        (division, key.window, key.key, place <= some_ask)
        for (division, key), place in places.items()
    ]
    return windows, asks, shares


def _true_values(
    items: Sequence[Admission], slots: list[int], asks: list[int], values: list[int]
) -> dict[int, dict[WindowKey, int]]:
    """By slot. Those who moved will come again in this order: each is told the value with the
    shares of those before it, which commit 1 proves then."""
    found: dict[int, dict[WindowKey, int]] = {}
    before: dict[tuple[str, WindowKey], list[WindowShare]] = {}
    last = 0
    for slot, place, value in zip(slots, asks, values, strict=True):
        if slot != last and last:
            _come_again(before, items[last - 1])
        last, ask = slot, items[slot - 1].asks[place]
        others = before.get((items[slot - 1].key.division, ask.key), ())
        found.setdefault(slot, {})[ask.key] = _with_others(ask, value, others)
    return found


def _come_again(
    before: dict[tuple[str, WindowKey], list[WindowShare]], item: Admission
) -> None:  # fmt: skip
    for share in item.shares:
        before.setdefault((item.key.division, share.key), []).append(share)


def _with_others(ask: WindowAsk, value: int, others: Sequence[WindowShare]) -> int:
    """For DISTINCT a guess: whether their items are counted already is not known here."""
    counted = [share for share in others if share.day >= ask.since]
    if ask.measure is Measure.SUM:
        return value + sum(share.value for share in counted)
    if ask.measure is Measure.MAX:
        return max([value, *(share.value for share in counted)])
    if ask.measure is Measure.DISTINCT:
        return value + len({share.item for share in counted})
    return value + len(counted)

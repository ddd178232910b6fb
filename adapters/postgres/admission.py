"""Commit 1 as a batch: admissions into the arrays of `admit_batch`, and its answer back."""

import uuid
from collections.abc import Sequence
from typing import Any, TypeAlias

from adapters.postgres.session import Connection
from adapters.postgres.standing import key_arrays, standings
from adapters.postgres.statements import statements
from gateway.domain.instruction import InstructionKey
from gateway.domain.ledger import Admission, Admitted, Moved, Short, Standing
from gateway.domain.windows import Measure, WindowAsk, WindowKey, WindowShare

BIGINT_MAX = 2**63 - 1

_SQL = statements("ledger")
_ADMITTED = Admitted()

_Answer: TypeAlias = Admitted | Short | Moved | Standing


class AdmissionWork:
    """Admissions for `GroupCommit`; `instance` names the process that alone may send them."""

    def __init__(self, instance: str) -> None:
        self._instance = instance
        self._statement: Any = None
        self._with_windows: Any = None

    def key(self, item: Admission) -> InstructionKey:
        return item.key

    def weight(self, item: Admission) -> int:
        return len(item.raw) + len(item.decision) + len(item.record.body) + len(item.notice or b"")

    async def prepare(self, connection: Connection) -> None:
        self._statement = await connection.prepare(_SQL["admit_batch"])
        self._with_windows = await connection.prepare(_SQL["admit_windows"])

    async def commit(
        self, connection: Connection, attempt: uuid.UUID, items: Sequence[Admission]
    ) -> Sequence[_Answer]:
        plain = *_claims(items), *_demands(items), *_records(items)
        if any(item.asks or item.shares for item in items):
            windows = _windows(items)
            row = await self._with_windows.fetchrow(attempt, self._instance, *plain, *windows)
        else:
            row = await self._statement.fetchrow(attempt, self._instance, *plain)
        existing, short_slots, short_demands, availables, *moved = row
        results: list[_Answer] = [_ADMITTED] * len(items)
        if short_slots:
            for slot, demand, available in zip(short_slots, short_demands, availables, strict=True):
                short = Short(demand=items[slot - 1].demands[demand], available_fen=available)
                results[slot - 1] = short
        if moved[0]:
            for slot, values in _true_values(items, *moved).items():
                results[slot - 1] = Moved(values=values)
        if existing:
            known = await standings(connection, [items[slot - 1].key for slot in existing])
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


def _claims(items: Sequence[Admission]) -> tuple[list[Any], ...]:
    """Columns of the claims, sorted by key: one order of locks for all gateways."""
    order = sorted(
        (k.division, k.fiscal_year, k.voucher_type, k.voucher_no, slot)
        for slot, k in enumerate([item.key for item in items])
    )
    claims = [items[place[4]] for place in order]
    return (
        [place[4] + 1 for place in order],
        [place[0] for place in order],
        [place[1] for place in order],
        [place[2] for place in order],
        [place[3] for place in order],
        [a.amount_fen for a in claims],
        [a.decided_at for a in claims],
        [a.outcome for a in claims],
        [a.agency_code for a in claims],
        [a.party for a in claims],
        [a.format for a in claims],
        [a.signature for a in claims],
        [a.digest for a in claims],
        [a.raw for a in claims],
        [a.decision for a in claims],
    )


def _demands(items: Sequence[Admission]) -> tuple[list[Any], ...]:
    """The lines wanted, sorted, with what is wanted of each; and the demands in arrival order."""
    wanted: dict[tuple[str, str, str], int] = {}
    caps: dict[tuple[str, str, str], int] = {}
    flat: list[tuple[int, tuple[str, str, str], int, int]] = []
    for slot, item in enumerate(items, 1):
        for demand in item.demands:
            line = (item.key.division, demand.limit.kind.value, demand.limit.id)
            wanted[line] = wanted.get(line, 0) + demand.amount_fen
            cap = BIGINT_MAX
            if demand.cap_fen is not None:
                cap = demand.cap_fen
                caps[line] = min(cap, caps.get(line, cap))
            flat.append((slot, line, demand.amount_fen, cap))
    lines = sorted(wanted)
    place = {line: n for n, line in enumerate(lines, 1)}
    return (
        [line[0] for line in lines],
        [line[1] for line in lines],
        [line[2] for line in lines],
        [min(wanted[line], BIGINT_MAX) for line in lines],
        [caps.get(line, BIGINT_MAX) for line in lines],
        [slot for slot, _, _, _ in flat],
        [place[line] for _, line, _, _ in flat],
        [amount for _, _, amount, _ in flat],
        [cap for _, _, _, cap in flat],
    )


def _windows(items: Sequence[Admission]) -> tuple[list[Any], ...]:
    """The windows concerned, and whether anybody asks; asks and shares in the order of arrival."""
    places: dict[tuple[str, WindowKey], int] = {}
    asks = [(slot, item, ask) for slot, item in enumerate(items, 1) for ask in item.asks]
    asked = [places.setdefault((i.key.division, a.key), len(places) + 1) for _, i, a in asks]
    shares = [
        (slot, item, place, share)
        for slot, item in enumerate(items, 1)
        for place, share in enumerate(item.shares, 1)
    ]
    some_ask = len(places)
    shared = [places.setdefault((i.key.division, s.key), len(places) + 1) for _, i, _, s in shares]
    return (
        [division for division, _ in places],
        [key.window for _, key in places],
        [key.key for _, key in places],
        [place <= some_ask for place in places.values()],
        [slot for slot, _, _ in asks],
        asked,
        [ask.measure for _, _, ask in asks],
        [ask.since for _, _, ask in asks],
        [ask.believed for _, _, ask in asks],
        [slot for slot, _, _, _ in shares],
        shared,
        [place for _, _, place, _ in shares],
        [share.day for _, _, _, share in shares],
        [share.value for _, _, _, share in shares],
        [share.item for _, _, _, share in shares],
    )


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


def _records(items: Sequence[Admission]) -> tuple[list[Any], ...]:
    records = [item.record for item in items]
    notices = [(slot, item.notice) for slot, item in enumerate(items, 1) if item.notice is not None]
    return (
        [item.key.division for item in items],
        [r.kind for r in records],
        [r.subject for r in records],
        [r.body for r in records],
        [r.disclosures for r in records],
        [slot for slot, _ in notices],
        [body for _, body in notices],
    )

"""The simulated core's books as a list of movements, told as it would tell them: lies included."""

import datetime as dt
from typing import Any

import attrs

from adapters.bank.fate import Lie
from adapters.bank.journal import Entry
from adapters.bank.slips import Slip

STRAY_FEN = 88_800
_SOMEBODY = ("6217000000000000001", "无名氏")


@attrs.frozen
class _Booked:
    slip: Slip
    key: str | None
    days_late: int = 0


def movements_of(entry: Entry, late_days: int) -> list[dict[str, Any]]:
    """What the books say of one submission; nothing if it did not take effect."""
    if entry.due is None:
        return []
    booked = _booked(entry, late_days)
    return [_row(entry, number, one) for number, one in enumerate(booked, 1)]


def _booked(entry: Entry, late_days: int) -> list[_Booked]:
    true = [_Booked(slip, entry.key) for slip in entry.slips]
    if not true or entry.lie == Lie.NEVER:
        return []
    first = true[0].slip
    if entry.lie == Lie.AMOUNT:
        return [_Booked(_with(first, amount_fen=first.amount_fen + 100), entry.key), *true[1:]]
    if entry.lie == Lie.PAYEE:
        account, name = _SOMEBODY
        return [
            _Booked(_with(first, counter_account=account, counter_name=name), entry.key),
            *true[1:],
        ]
    if entry.lie == Lie.TWICE:
        return [*true, *true]
    if entry.lie == Lie.STRAY:
        account, name = _SOMEBODY
        return [*true, _Booked(Slip(first.account, account, name, STRAY_FEN), None)]
    if entry.lie == Lie.LATE:
        return [_Booked(one.slip, one.key, late_days) for one in true]
    return true


def _with(slip: Slip, **changes: Any) -> Slip:
    fields = {name: getattr(slip, name) for name in slip.__struct_fields__}
    return Slip(**{**fields, **changes})


def _row(entry: Entry, number: int, booked: _Booked) -> dict[str, Any]:
    at = dt.datetime.fromtimestamp(entry.due or 0.0, dt.UTC) + dt.timedelta(days=booked.days_late)
    whole, rest = divmod(booked.slip.amount_fen, 100)
    return {
        "division": entry.key.split("/", 1)[0],
        "id": f"{entry.reference}-{number}",
        "booked_at": at.isoformat(),
        "account": booked.slip.account,
        "direction": "debit",
        "amount": f"{whole}.{rest:02d}",
        "instruction": booked.key,
        "reference": entry.reference,
        "counter_account": booked.slip.counter_account,
        "counter_name": booked.slip.counter_name,
    }

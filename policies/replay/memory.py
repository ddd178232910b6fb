"""Windows replayed in memory: what the ledger would have told at each moment of the past."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence

import attrs

from gateway.domain.windows import Measure, WindowAsk, WindowKey, WindowShare


@attrs.define
class _Day:
    sum: int = 0
    count: int = 0
    max: int = 0
    items: set[str] = attrs.field(factory=set)


class WindowMemory:
    """The windows of one book, filled in the order of the decisions."""

    def __init__(self) -> None:
        self._days: defaultdict[WindowKey, dict[dt.date, _Day]] = defaultdict(dict)

    def values(self, asks: Iterable[WindowAsk], own: Sequence[WindowShare] = ()) -> dict[str, int]:
        """What each asked window comes to over its days, by the window's id; with the shares of
        earlier details of the same voucher."""
        return {ask.key.window: self._value(ask, own) for ask in asks}

    def forget(self, before: dt.date) -> None:
        """Days that no window reaches any more."""
        for days in self._days.values():
            for day in [day for day in days if day < before]:
                del days[day]

    def add(self, shares: Iterable[WindowShare]) -> None:
        for share in shares:
            day = self._days[share.key].setdefault(share.day, _Day())
            day.sum += share.value
            day.count += 1
            day.max = max(day.max, share.value)
            if share.item:
                day.items.add(share.item)

    def _value(self, ask: WindowAsk, own: Sequence[WindowShare]) -> int:
        days = [d for day, d in self._days.get(ask.key, {}).items() if day >= ask.since]
        if mine := [share for share in own if share.key == ask.key]:
            days.append(
                _Day(
                    sum=sum(share.value for share in mine), count=len(mine),
                    max=max(share.value for share in mine), items={s.item for s in mine},
                )
            )  # fmt: skip
        match ask.measure:
            case Measure.SUM:
                return sum(d.sum for d in days)
            case Measure.COUNT:
                return sum(d.count for d in days)
            case Measure.MAX:
                return max((d.max for d in days), default=0)
            case Measure.DISTINCT:
                return len(set().union(*(d.items for d in days)))

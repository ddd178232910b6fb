"""Windows replayed in memory: what the ledger would have told at each moment of the past."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable

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

    def values(self, asks: Iterable[WindowAsk]) -> dict[str, int]:
        """What each asked window comes to over its days, by the window's id."""
        return {ask.key.window: self._value(ask) for ask in asks}

    def add(self, shares: Iterable[WindowShare]) -> None:
        for share in shares:
            day = self._days[share.key].setdefault(share.day, _Day())
            day.sum += share.value
            day.count += 1
            day.max = max(day.max, share.value)
            if share.item:
                day.items.add(share.item)

    def _value(self, ask: WindowAsk) -> int:
        days = [d for day, d in self._days.get(ask.key, {}).items() if day >= ask.since]
        match ask.measure:
            case Measure.SUM:
                return sum(d.sum for d in days)
            case Measure.COUNT:
                return sum(d.count for d in days)
            case Measure.MAX:
                return max((d.max for d in days), default=0)
            case Measure.DISTINCT:
                return len(set().union(*(d.items for d in days)))

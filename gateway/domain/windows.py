"""Windows: sums and counts over the days before an instruction, proven in the decision's commit.

A window answers questions such as "how much cash has this agency drawn in five days". The line
decides on the value it believes; commit 1 compares it with the true one under a lock on the key, so
two halves of a split payment can never both rest on "nothing so far".
"""

import datetime as dt
from collections.abc import Iterable
from enum import StrEnum

import msgspec


class Measure(StrEnum):
    SUM = "sum"
    COUNT = "count"
    MAX = "max"
    DISTINCT = "distinct"


class WindowKey(msgspec.Struct, frozen=True, kw_only=True, order=True):
    window: str
    """Policy and name: `JL-044.cash`."""
    key: str
    """The values of the window's key facts, joined; personal values among them only as digests."""


class WindowAsk(msgspec.Struct, frozen=True, kw_only=True):
    """What a decision rests on: the measure over `since` .. today, this instruction left out."""

    key: WindowKey
    measure: Measure
    since: dt.date
    believed: int
    """The value that the decision was made with; fen for sums and maxima."""


class WindowShare(msgspec.Struct, frozen=True, kw_only=True):
    """What one admitted instruction adds to a window; taken back if it does not take effect."""

    key: WindowKey
    day: dt.date
    value: int
    """Fen for sums and maxima; 1 for counts."""
    item: str = ""
    """What DISTINCT counts."""


def of_whole_alone(
    of_whole: Iterable[WindowShare], of_the_same_as_detail: Iterable[WindowShare]
) -> tuple[WindowShare, ...]:
    """Of a voucher with details what the whole adds to windows beside them: what is counted of
    wholes only. All else its details add, each by itself, and it would be counted twice."""
    of_details = {share.key for share in of_the_same_as_detail}
    return tuple(share for share in of_whole if share.key not in of_details)

"""The close of a legal day: count and sum for each agency and payer account, from the ledger.

Held against the bank's statement and the clearing totals it shows what was never logged
(Art. 10(4)3-4, 28(4)).
"""

import datetime as dt

import attrs

from gateway.domain.legal_day import SHANGHAI


@attrs.frozen(kw_only=True)
class AccountTotal:
    """What was decided on the day for one payer account of one agency; amounts in fen."""

    agency: str
    account: str | None
    """None: the ledger holds these verdicts and the log does not."""
    verdicts: int
    amount_fen: int
    passed: int
    passed_fen: int
    held: int
    blocked: int
    accepted: int
    """By the bank, as far as it was known when the day was closed."""
    accepted_fen: int
    rejected: int
    """By the bank, or never taken by it."""
    unknown: int
    first_seq: int | None
    last_seq: int | None
    """Between which numbers of the log they lie."""
    first_no: int | None
    last_no: int | None
    """Smallest and largest number of the agency's verdicts (`agency_no`) among these."""
    numbered: int
    unrecorded: tuple[str, ...]
    """Instructions whose verdict the log does not hold, the first few."""


@attrs.frozen(kw_only=True)
class DayTotals:
    division: str
    day: dt.date
    lines: tuple[AccountTotal, ...]

    @property
    def stretch(self) -> tuple[int, int]:
        """All verdicts of the day lie in the log from the first to before the second number."""
        firsts = [line.first_seq for line in self.lines if line.first_seq is not None]
        lasts = [line.last_seq for line in self.lines if line.last_seq is not None]
        return min(firsts, default=0), max(lasts, default=-1) + 1

    @property
    def verdicts(self) -> int:
        return sum(line.verdicts for line in self.lines)

    @property
    def amount_fen(self) -> int:
        return sum(line.amount_fen for line in self.lines)

    @property
    def unrecorded(self) -> tuple[str, ...]:
        return tuple(subject for line in self.lines for subject in line.unrecorded)


def bounds(day: dt.date) -> tuple[dt.datetime, dt.datetime]:
    """First moment of the legal day, and of the next."""
    dawn = dt.datetime.combine(day, dt.time(), SHANGHAI)
    return dawn, dawn + dt.timedelta(days=1)


def agency_gaps(lines: tuple[AccountTotal, ...]) -> dict[str, int]:
    """By agency: how many numbers between its first and its last of the day no verdict bears."""
    found: dict[str, list[AccountTotal]] = {}
    for line in lines:
        if line.first_no is not None and line.last_no is not None:
            found.setdefault(line.agency, []).append(line)
    gaps = {agency: _missing(each) for agency, each in found.items()}
    return {agency: count for agency, count in gaps.items() if count}


def _missing(lines: list[AccountTotal]) -> int:
    first = min(line.first_no for line in lines if line.first_no is not None)
    last = max(line.last_no for line in lines if line.last_no is not None)
    return last - first + 1 - sum(line.numbered for line in lines)

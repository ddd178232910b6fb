"""The record of a day's close, cut into parts that a delivery can carry."""

import datetime as dt
from typing import Any

import attrs

from gateway.domain.day import AccountTotal, DayTotals, agency_gaps
from gateway.domain.ledger import RecordDraft
from gateway.domain.records import RecordKind, unnumbered
from gateway.pipeline.tell import Origin, microseconds

LINES_MAX = 2000
"""Of one part: some 600 KiB, where a record may have 1 MiB."""
GAPS_NAMED_MAX = 100


def close_subject(division: str, day: dt.date) -> str:
    """What the records of a close are about."""
    return f"{division}/day_close/{day.isoformat()}"


def day_close(totals: DayTotals, origin: Origin, at: dt.datetime) -> tuple[RecordDraft, ...]:
    """One record, or a few where a division has thousands of accounts; also of a day of nothing.

    `unrecorded` and `number_gaps` name what the ledger holds and the log lacks: empty on good days.
    """
    lines, (first_seq, end_seq) = totals.lines, totals.stretch
    parts = [lines[n : n + LINES_MAX] for n in range(0, len(lines), LINES_MAX)] or [()]
    whole = {
        "amount_fen": totals.amount_fen,
        "bank": origin.bank,
        "day": totals.day.isoformat(),
        "division": totals.division,
        "end_seq": end_seq,
        "first_seq": first_seq,
        "kind": RecordKind.DAY_CLOSE,
        "number_gaps": agency_gaps(lines),
        "origin": origin.uri,
        "parts": len(parts),
        "recorded_at": microseconds(at),
        "unrecorded": list(totals.unrecorded[:GAPS_NAMED_MAX]),
        "verdicts": totals.verdicts,
    }
    subject = close_subject(totals.division, totals.day)
    return tuple(
        RecordDraft(
            kind=RecordKind.DAY_CLOSE,
            subject=subject,
            body=unnumbered({**whole, "part": number, "lines": [_line(each) for each in part]}),
        )
        for number, part in enumerate(parts, start=1)
    )


def _line(total: AccountTotal) -> dict[str, Any]:
    hidden = attrs.filters.exclude("unrecorded", "first_seq", "last_seq")
    return attrs.asdict(total, filter=hidden)

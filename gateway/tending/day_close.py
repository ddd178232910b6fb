"""`day-close`: put a legal day's counts and sums on record, or hold it against the ledger."""

import asyncio
import datetime as dt
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import orjson

from adapters.postgres.oversight.day_close import PostgresDayBook
from gateway.configured.right_time import clock_apart
from gateway.domain.day import DayTotals
from gateway.domain.legal_day import legal_day
from gateway.domain.money import yuan
from gateway.pipeline.close import close_subject, day_close
from gateway.pipeline.tell import Origin
from gateway.settings import Settings, read_settings
from gateway.workers.close import GRACE

COMPARED = ("amount_fen", "verdicts", "lines", "number_gaps", "unrecorded")


class TooEarly(ValueError):
    """The day has not ended, or nobody can tell."""


@attrs.frozen(kw_only=True)
class Closed:
    totals: DayTotals
    now: bool
    """False: it was closed before, and nothing was written."""
    sealed: bool
    """Whether the record has its number yet; without it nothing can be compared."""
    differs: tuple[str, ...]
    """What the ledger says otherwise today than the record did: bank outcomes that came later are
    no difference."""

    @property
    def whole(self) -> bool:
        return not self.totals.unrecorded and not self.differs

    def in_words(self) -> list[str]:
        """Chinese first, for the terminal."""
        totals = self.totals
        state = (
            "已写入日志待编号 put on record"
            if self.now
            else "此前已日终，已重新核对 closed before, compared"
        )
        if not self.now and not self.sealed:
            state = "此前已日终，尚未编号，稍后再核对 closed before, not sealed yet: compare later"
        return [
            f"{totals.division} {totals.day}：判定 {totals.verdicts} 笔，"
            f"金额 {yuan(totals.amount_fen)} 元，{len(totals.lines)} 行。{state}",
            *(f"  日志缺少 missing in the log: {each}" for each in totals.unrecorded),
            *(f"  与已记录不符 differs from the record: {name}" for name in self.differs),
        ]

    def as_json(self) -> dict[str, Any]:
        return {
            "amount_fen": self.totals.amount_fen,
            "closed_now": self.now,
            "day": self.totals.day.isoformat(),
            "differs": list(self.differs),
            "division": self.totals.division,
            "lines": len(self.totals.lines),
            "sealed": self.sealed,
            "unrecorded": list(self.totals.unrecorded),
            "verdicts": self.totals.verdicts,
        }


def close(division: str, day: dt.date, settings_file: Path, database: str) -> Closed:
    """Safe to run twice. Raises TooEarly, SettingsInvalid, LedgerUnavailable, ValueError."""
    settings = read_settings(settings_file)
    if division not in settings.gateway.divisions:
        raise ValueError(f"{division} is not a division of these settings")
    now = dt.datetime.now(dt.UTC)
    if day >= legal_day(now - GRACE):
        raise TooEarly(f"{day} ends at midnight in Beijing and is closed five minutes later")
    return asyncio.run(_close(division, day, now, settings, database))


async def _close(
    division: str, day: dt.date, now: dt.datetime, settings: Settings, database: str
) -> Closed:
    origin = Origin(bank=settings.gateway.bank_code, uri=settings.gateway.uri)
    write = partial(day_close, origin=origin, at=now)
    if apart := await clock_apart(database):
        raise TooEarly(f"{apart}: nobody knows whether {day} has ended")
    book = PostgresDayBook(database)
    try:
        totals = await book.close_day(division, day, now, write)
        if totals is not None:
            return Closed(totals=totals, now=True, sealed=False, differs=())
        totals = await book.totals(division, day)
        bodies = await book.closes(division, close_subject(division, day))
        recorded = [orjson.loads(body) for body in bodies]
        fresh = [orjson.loads(draft.body) for draft in write(totals)]
        return Closed(
            totals=totals,
            now=False,
            sealed=bool(recorded),
            differs=_differences(recorded, fresh) if recorded else (),
        )
    finally:
        await book.close()


def _differences(recorded: list[dict[str, Any]], fresh: list[dict[str, Any]]) -> tuple[str, ...]:
    if len(recorded) != len(fresh):
        return ("parts",)
    pairs = list(zip(recorded, fresh, strict=True))
    return tuple(
        name
        for name in COMPARED
        if any(_decided(one.get(name)) != _decided(other.get(name)) for one, other in pairs)
    )


def _decided(value: Any) -> Any:
    """Without what the bank said: it may come after the close."""
    if not isinstance(value, list):
        return value
    later = {"accepted", "accepted_fen", "rejected", "unknown"}
    return [
        {name: each[name] for name in each if name not in later} if isinstance(each, dict) else each
        for each in value
    ]

"""`registers load`: put the bureau's registers into the ledger, whole or not at all."""

import asyncio
import datetime as dt
from collections.abc import Callable, Collection
from pathlib import Path

from adapters.formats.registers.feed import FeedReading
from adapters.formats.registers.files import as_feed
from adapters.postgres.migrate import migrate
from adapters.postgres.registers.applying import Loaded, PostgresRegisters
from gateway.configured.people import conceal_of, vault_of
from gateway.domain.faults import FaultCode, FieldError, Unreadable
from gateway.domain.register_feed import RegisterFeed, out_of_turn

AHEAD_MAX = dt.timedelta(minutes=5)
"""How far the bureau's clock may be ahead of ours."""

Told = Callable[[str, int, int], None]
"""What is being done, how many rows of it are done, and of how many."""


def load_registers(
    file: Path, database: str, now: dt.datetime, told: Told, served: Collection[str] = ()
) -> tuple[RegisterFeed, Loaded]:
    """`served`: the divisions of the settings; where none are given, those that the gateways of
    this database have said they serve count.

    Raises Unreadable with every error, OutOfTurn, LedgerUnavailable, SettingsInvalid, OSError.
    """
    reading = FeedReading(as_feed(file), conceal_of(vault_of()))
    for done in reading.steps():
        told("read", done, reading.total)
    feed = reading.result
    refuse_future(feed.as_of, now)
    if served:
        refuse_unserved(feed.division, served)
    told("apply", 0, feed.rows)
    return feed, asyncio.run(_load(feed, database, served))


def refuse_unserved(division: str, served: Collection[str]) -> None:
    """Registers that no gateway would ever read look loaded and are not. Raises Unreadable."""
    if division not in served:
        names = ", ".join(sorted(served))
        raise Unreadable(
            FaultCode.DIVISION_UNKNOWN, f"division {division} is not served here (served: {names})",
            (
                FieldError(
                    field="division", code="division_unknown",
                    zh=f"本行网关不服务该财政区划；服务的是 {names}",
                    en=f"is not served by this bank's gateways; they serve {names}",
                ),
            ),
        )  # fmt: skip


def refuse_future(as_of: dt.datetime, now: dt.datetime) -> None:
    """Registers made tomorrow would count as fresh for a day longer than they are.

    Raises Unreadable.
    """
    if as_of > now + AHEAD_MAX:
        raise Unreadable(
            FaultCode.INSTRUCTION_INVALID,
            "the snapshot claims to be made in the future",
            (
                FieldError(
                    field="as_of",
                    code="date_in_future",
                    zh=f"备案信息的时点晚于现在（{now.isoformat(timespec='seconds')}）",
                    en=f"is later than now ({now.isoformat(timespec='seconds')})",
                ),
            ),
        )


async def _load(feed: RegisterFeed, database: str, served: Collection[str]) -> Loaded:
    await migrate(database)
    store = PostgresRegisters(database)
    try:
        known = () if served else await store.served()
        if known:
            refuse_unserved(feed.division, known)
        loaded = await store.apply(feed)
        if not loaded.applied and not loaded.known:
            raise out_of_turn(feed, loaded.version)
        return loaded
    finally:
        await store.close()

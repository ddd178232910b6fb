"""This host's clock beside its database's: what a person does by a command is written by it."""

from adapters.postgres.log.recordlog import PostgresRecordLog
from gateway.configured.machine import SystemClock
from gateway.workers.clocks import UNASKED, Clocks


async def clock_doubt(database: str) -> str:
    """Why this host's clock is not believed (decision 0107): UNASKED if the database does not
    answer; empty if it is believed."""
    records = PostgresRecordLog(database)
    clocks = Clocks(records, SystemClock(), ())
    try:
        await clocks.look()
    finally:
        await records.close()
    return clocks.why


async def clock_apart(database: str) -> str:
    """Why the clock is wrong; empty if it is not, or if the database does not answer: whoever asks
    it next says so."""
    doubt = await clock_doubt(database)
    return "" if doubt == UNASKED else doubt

"""What people do by a command is written by this host's clock: one that is wrong is refused."""

from adapters.postgres.log.recordlog import PostgresRecordLog
from gateway.configured.machine import SystemClock
from gateway.workers.clocks import UNASKED, Clocks


async def clock_apart(database: str) -> str:
    """Why this host's clock is not believed (decision 0107); empty if it is, or if the database
    does not answer: whoever asks it next says so."""
    records = PostgresRecordLog(database)
    clocks = Clocks(records, SystemClock(), ())
    try:
        await clocks.look()
    finally:
        await records.close()
    return "" if clocks.why == UNASKED else clocks.why

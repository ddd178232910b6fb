"""One run of the database's server, as far as `Kept` asks it: what it holds of what a process was
told is durable. The real `Kept` asks; only its SQL is answered from rows in memory."""

import asyncio
import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any

from adapters.postgres.ledger.kept import Heard, Kept
from adapters.postgres.session import UnsafeServer
from adapters.postgres.statements import statements
from gateway.domain.decision import Outcome
from gateway.domain.faults import LedgerUnavailable
from gateway.domain.holds import Claimed, HoldEnding
from gateway.domain.instruction import InstructionKey
from gateway.domain.ledger import Admitted
from gateway.domain.log import Sealed
from tests.memory.state import MemoryState
from tests.pipeline.fakes import NOW
from tests.simulation.transaction import at_once

_SQL = statements("kept")


class Server:
    """Of one database, whose copies may be put in each other's place."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state
        self.run = 0
        """What was on its way to an earlier one is lost, and its sessions ended."""
        self.timeline = "00000001"
        """Another one after a recovery to some moment; a copy of files keeps its own."""

    def prove(self, kept: Kept) -> None:
        """Before a new session is used. Raises LedgerUnavailable."""
        try:
            at_once(kept.prove(_Connection(self, self._state)))  # type: ignore[arg-type]
        except UnsafeServer as unsafe:
            raise LedgerUnavailable(str(unsafe)) from unsafe


class KeptAtOnce(Kept):
    """Asks the host without a thread: virtual time stands still while one reads."""

    async def _host_says(self) -> Heard:
        return self.told()


def remember(kept: Kept, name: str, arguments: Sequence[Any], answer: object) -> None:
    """What a process is told by this answer, as its adapters remember it."""
    if name == "admit" and isinstance(answer, Admitted):
        if arguments[0].outcome is Outcome.PASS:
            kept.passed(arguments[0].key)
    elif name == "claim" and isinstance(answer, Claimed):
        kept.released(arguments[0].key)
    elif name == "seal" and isinstance(answer, Sealed):
        kept.sealed(arguments[0], answer.head.size)


class DatabaseClock:
    """`gateway.workers.clocks.Witness`: of the server, which is right."""

    async def time_there(self) -> dt.datetime:
        return NOW + dt.timedelta(seconds=asyncio.get_running_loop().time())


class _Connection:
    def __init__(self, server: Server, state: MemoryState) -> None:
        self._server = server
        self._state = state

    async def fetchrow(self, _: str) -> "_Row":
        return _Row({"started": self._server.run, "timeline": self._server.timeline})

    async def fetch(self, query: str, *columns: Sequence[Any]) -> list[dict[str, Any]]:
        return [dict(row) for row in self._found(query, columns)]

    def _found(self, query: str, columns: Sequence[Sequence[Any]]) -> Iterator[dict[str, Any]]:
        state = self._state
        if query == _SQL["shorter_logs"]:
            for division, size in zip(*columns, strict=True):
                log = state.logs.get(division)
                if log is None or len(log.records) < size:
                    yield {"division": division}
            return
        names = ("division", "fiscal_year", "voucher_type", "voucher_no")
        for row in zip(*columns, strict=True):
            named = dict(zip(names, row, strict=True))
            key = InstructionKey(**named)
            if query == _SQL["absent_instructions"]:
                there = key in state.instructions
            else:
                assert query == _SQL["absent_releases"]
                end = state.hold_ends.get(key)
                there = end is not None and end.how is HoldEnding.RELEASED
            if not there:
                yield named


class _Row(dict[str, Any]):
    """As the driver's: its values are what it is made of."""

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        return iter(self.values())

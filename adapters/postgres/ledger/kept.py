"""What this process was told is durable: a server that no longer has it has forgotten what it paid.

A standby that was promoted without the last commits, or an older copy that was put in its place,
looks like any other server. Who was told that they stand asks for them first, on each connection
that decides or seals, before it is used; and for what its host has seen, on each further run.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import structlog

from adapters.postgres.ledger.keys import key_arrays
from adapters.postgres.session import Connection, UnsafeServer
from adapters.postgres.statements import statements
from gateway.domain.instruction import InstructionKey

REMEMBERED_MAX = 4096
"""Payments of some seconds; what is older is in a sealed log, whose size is remembered too."""
NAMED_MAX = 20
UNTOLD = "another run of the server, and what this host has seen of its logs cannot be read"
GRACE_S = 3.0
"""So long nothing is decided on a server that was promoted: by then every process of this host has
asked it for its own, and has written down what is lost (`gateway.workers.mark`)."""
HEAR_S = 1.0
"""So long a connection waits for what this host knows; within `session.CONNECT_DEADLINE_S`."""
SILENT = "the disk does not answer"

Heard: TypeAlias = tuple[str, Mapping[str, int]]
"""What some process of this host has found lost, empty if none has; and how long this host has seen
each division's log."""

_SQL = statements("kept")

log = structlog.get_logger()


class Forgetful(UnsafeServer):
    """The server lacks what it, or the one before it, had committed durably."""


class Kept:
    """Of one process; shared by all its rooms that decide or seal."""

    def __init__(self) -> None:
        self._sizes: dict[str, int] = {}
        self._passed: deque[InstructionKey] = deque(maxlen=REMEMBERED_MAX)
        self._released: deque[InstructionKey] = deque(maxlen=REMEMBERED_MAX)
        self._proven: object = None
        self._timeline = ""
        self._promoted: tuple[str, float] | None = None
        self._forgot = ""
        self.told: Callable[[], Heard] = lambda: ("", {})
        """What this host knows; asked of each further run of a server. May block: called from a
        thread, one at a time. Raises OSError, ValueError: it cannot be told, and nothing is decided
        until it can."""
        self._asking: asyncio.Future[Heard] | None = None

    @property
    def forgot(self) -> str:
        """What is lost, once it was found to be; stays, for it was told to others."""
        return self._forgot

    def sealed(self, division: str, size: int) -> None:
        self._sizes[division] = max(size, self._sizes.get(division, 0))

    def passed(self, key: InstructionKey) -> None:
        """Committed to be handed to the bank."""
        self._passed.append(key)

    def released(self, key: InstructionKey) -> None:
        """A hold whose release was claimed, likewise."""
        self._released.append(key)

    async def prove(self, connection: Connection) -> None:
        """Raises UnsafeServer, Forgetful. The same run of the same server forgets nothing: asked
        once of each, but for the sizes, which are asked each time."""
        shorter = await _shorter_logs(connection, self._sizes)
        row = await connection.fetchrow(_SQL["run"])
        assert row is not None
        run = tuple(row)
        lost: list[InstructionKey] = []
        if run != self._proven:
            passed, released = list(self._passed), list(self._released)
            lost += await _absent(connection, "absent_instructions", passed)
            lost += await _absent(connection, "absent_releases", released)
            if not shorter and not lost:
                sizes = await self._hear_the_host(row["timeline"])
                shorter = await _shorter_logs(connection, sizes)
        if not shorter and not lost:
            self._proven, self._timeline = run, row["timeline"]
            return
        self._say(shorter, lost)
        raise Forgetful(self._forgot)

    async def _hear_the_host(self, timeline: str) -> Mapping[str, int]:
        """How long each log must be. Another process may have paid what this one never knew of, or
        slept through. The first run is the start's, which asks by itself (`gateway.workers.mark`).

        Raises UnsafeServer, Forgetful."""
        if not self._timeline:
            return {}
        if timeline != self._timeline:
            self._wait_for_others(timeline)
        try:
            words, sizes = await self._host_says()
        except (OSError, ValueError) as reason:
            raise UnsafeServer(f"{UNTOLD}: {reason}") from reason
        if words:
            self._forgot = self._forgot or words
            raise Forgetful(words)
        return sizes

    async def _host_says(self) -> Heard:
        """Asked anew for each connection: what was asked before may not have seen what the others
        wrote since. Of a disk that hangs one thread waits, however many connections there are.

        Raises OSError, ValueError."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(HEAR_S):
                while self._asking is not None:
                    await asyncio.wait({self._asking})
                self._asking = asking = loop.run_in_executor(None, self.told)
                asking.add_done_callback(self._asked)
                await asyncio.wait({asking})
        except TimeoutError:
            raise OSError(SILENT) from None
        return asking.result()

    def _asked(self, answer: "asyncio.Future[Heard]") -> None:
        self._asking = None
        answer.cancelled() or answer.exception()  # nobody may have waited for it

    def _wait_for_others(self, timeline: str) -> None:
        """Raises UnsafeServer."""
        now = asyncio.get_running_loop().time()
        if self._promoted is None or self._promoted[0] != timeline:
            self._promoted = timeline, now
        if now - self._promoted[1] < GRACE_S:
            raise UnsafeServer("a promoted server: what was paid before is asked for first")

    def _say(self, shorter: Sequence[str], lost: Sequence[InstructionKey]) -> None:
        if self._forgot:
            return
        named = [str(key) for key in lost[:NAMED_MAX]]
        words = [f"{len(lost)} payments ({', '.join(named)})"] if lost else []
        words += [f"records of the log of {', '.join(shorter)}"] if shorter else []
        self._forgot = (
            f"the database has lost what it had committed: {' and '.join(words)}; a standby or a"
            " copy without them has taken its place (runbooks/database-failover)"
        )
        log.error("database.forgot", payments=len(lost), named=named, logs=list(shorter))


async def _shorter_logs(connection: Connection, seen: Mapping[str, int]) -> list[str]:
    if not seen:
        return []
    rows = await connection.fetch(_SQL["shorter_logs"], list(seen), list(seen.values()))
    return [row["division"] for row in rows]


async def _absent(
    connection: Connection, name: str, keys: Sequence[InstructionKey]
) -> list[InstructionKey]:
    if not keys:
        return []
    rows = await connection.fetch(_SQL[name], *key_arrays(keys))
    return [InstructionKey(**row) for row in rows]

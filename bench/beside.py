"""Two ledgers beside one another: the same work in turn, in pieces so short that both meet the same
machine, and each one's own CPU time.

A piece is a fraction of a second; pieces go A B, B A, A B ... A stall of the disk or a busy
neighbour falls on one piece and is one outlier among many pairs, not a tenth of one side.
"""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack

import attrs
import uvloop

from adapters.postgres.ledger.ledger import PostgresLedger
from bench.admission import VAULT, admitted
from bench.machine import cpu_nanoseconds, descendants, title
from gateway.domain.ledger import Admission


@attrs.define
class Side:
    """What one ledger was measured at."""

    rates: list[float] = attrs.field(factory=list)
    """Admissions a second, of each piece."""
    admitted: int = 0
    client_ns: int = 0
    """CPU of this process while it worked for that ledger."""
    server_ns: int = 0
    """CPU of that ledger's own PostgreSQL processes."""

    @property
    def cpu_us(self) -> float:
        return (self.client_ns + self.server_ns) / 1000 / self.admitted


def admitted_in_turn(
    databases: Mapping[str, str], wanted: Sequence[Admission], pieces: int, waiters: int,
    postmaster: int,
) -> dict[str, Side]:  # fmt: skip
    """`databases`: DSNs by the name of the database, two of them; `pieces`: for each.

    The first tenth of the pieces warms caches and plans and is not counted.
    """
    return uvloop.run(_in_turn(databases, wanted, pieces, waiters, postmaster))


async def _in_turn(
    databases: Mapping[str, str], wanted: Sequence[Admission], pieces: int, waiters: int,
    postmaster: int,
) -> dict[str, Side]:  # fmt: skip
    sides = {name: Side() for name in databases}
    each = len(wanted) // (2 * pieces)
    waiting = iter(wanted)
    warm = max(1, pieces // 10)
    async with AsyncExitStack() as rooms:
        ledgers = {
            name: await rooms.enter_async_context(
                PostgresLedger(dsn, instance="bench", sealing=VAULT)
            )
            for name, dsn in databases.items()
        }
        for number in range(pieces):
            order = list(sides) if number % 2 else list(reversed(sides))
            for name in order:
                part = [next(waiting) for _ in range(each)]
                if number == warm:
                    sides[name] = Side(server_ns=-_serving(name, postmaster))
                await _piece(ledgers[name], part, waiters, sides[name])
        for name, side in sides.items():
            side.server_ns += _serving(name, postmaster)
    return sides


async def _piece(
    ledger: PostgresLedger, part: Sequence[Admission], waiters: int, side: Side
) -> None:
    seconds, cpu_ns = await admitted(ledger, part, waiters)
    side.rates.append(len(part) / seconds)
    side.client_ns += cpu_ns
    side.admitted += len(part)


def _serving(database: str, postmaster: int) -> int:
    """CPU so far of the processes whose titles say that they serve this database."""
    mine = [pid for pid in descendants(postmaster) if f" {database} " in title(pid)]
    return sum(map(cpu_nanoseconds, mine))

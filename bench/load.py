"""The load generator, a process of its own: `python -m bench.load`, told what to do in one line.

It opens its connections, says `ready`, waits for `go`, sends requests that were signed beforehand,
and prints one line of JSON: answers by status, seconds, milliseconds of each answer, its own CPU.
"""

import asyncio
import gc
import os
import struct
import sys
import time
from collections import Counter, deque
from collections.abc import Iterable
from itertools import cycle
from pathlib import Path

import attrs
import msgspec
import uvloop

from adapters.bank.exchange import Exchange, Reply
from certs.tls import Credentials, client_context

DEADLINE_S = 30.0


class Orders(msgspec.Struct):
    """What one run of the generator is to do."""

    host: str
    port: int
    certificate: str
    key: str
    passphrase: str
    authorities: str
    requests: str
    """File of requests, each after its length (4 bytes, big-endian)."""
    connections: int
    per_second: float | None = None
    """Open loop: send at these times whatever is still unanswered; None: as answers come."""
    warming: int = 0
    """So many of the requests are sent before `ready`, to warm connections and caches."""
    endless: bool = False
    """Begin again with the first request after the last, until somebody ends the process."""


class Report(msgspec.Struct):
    seconds: float
    answers: dict[str, int]
    """By status and, in the gateway's words, outcome: `200 passed`."""
    milliseconds: list[float]
    cpu_s: float


@attrs.define
class Tally:
    answers: Counter[str] = attrs.field(factory=Counter)
    milliseconds: list[float] = attrs.field(factory=list)

    def note(self, reply: Reply | None, since: float) -> None:
        self.milliseconds.append((time.perf_counter() - since) * 1000)
        self.answers[_word(reply)] += 1


def write_requests(path: Path, requests: list[bytes]) -> None:
    with path.open("wb") as out:
        for request in requests:
            out.write(struct.pack(">I", len(request)) + request)


def read_requests(path: Path) -> list[bytes]:
    data, place, found = path.read_bytes(), 0, []
    while place < len(data):
        (length,) = struct.unpack_from(">I", data, place)
        found.append(data[place + 4 : place + 4 + length])
        place += 4 + length
    return found


async def generate(orders: Orders) -> Report:
    requests = read_requests(Path(orders.requests))
    exchanges = [await _connected(orders) for _ in range(orders.connections)]
    await _closed_loop(exchanges, requests[: orders.warming], Tally())
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.readline)
    gc.disable()
    tally, cpu, started = Tally(), time.process_time(), time.perf_counter()
    rest = requests[orders.warming :]
    if orders.endless:
        await _closed_loop(exchanges, cycle(rest), tally)
    elif orders.per_second is None:
        await _closed_loop(exchanges, rest, tally)
    else:
        await _open_loop(exchanges, rest, orders.per_second, tally)
    return Report(
        seconds=time.perf_counter() - started,
        answers=dict(tally.answers),
        milliseconds=tally.milliseconds,
        cpu_s=time.process_time() - cpu,
    )


async def _connected(orders: Orders) -> Exchange:
    tls = client_context(
        Credentials(
            certificate=Path(orders.certificate),
            key=Path(orders.key),
            passphrase=orders.passphrase.encode(),
            authorities=Path(orders.authorities),
        )
    )
    _, exchange = await asyncio.get_running_loop().create_connection(
        Exchange, orders.host, orders.port, ssl=tls, server_hostname=orders.host
    )
    return exchange


async def _closed_loop(exchanges: list[Exchange], requests: Iterable[bytes], tally: Tally) -> None:
    """Each connection sends its next request when its last was answered."""
    waiting = iter(requests)
    loop = asyncio.get_running_loop()

    async def work(exchange: Exchange) -> None:
        for request in waiting:
            sent = time.perf_counter()
            tally.note(await exchange.ask(request, loop.time() + DEADLINE_S), sent)

    async with asyncio.TaskGroup() as group:
        for exchange in exchanges:
            group.create_task(work(exchange))


async def _open_loop(
    exchanges: list[Exchange], requests: list[bytes], per_second: float, tally: Tally
) -> None:
    """Send at fixed times; the wait for a free connection counts as the server's."""
    loop = asyncio.get_running_loop()
    free = deque(exchanges)
    late: deque[tuple[bytes, float]] = deque()

    async def work(exchange: Exchange, request: bytes, due: float) -> None:
        while True:
            tally.note(await exchange.ask(request, loop.time() + DEADLINE_S), due)
            if not late:
                free.append(exchange)
                return
            request, due = late.popleft()

    started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number, request in enumerate(requests):
            due = started + number / per_second
            if (pause := due - time.perf_counter()) > 0:
                await asyncio.sleep(pause)
            if free:
                group.create_task(work(free.popleft(), request, due))
            else:
                late.append((request, due))


def _word(reply: Reply | None) -> str:
    if reply is None:
        return "silence"
    for outcome in (b"passed", b"held", b"blocked", b"accepted"):
        if b'"outcome":"%b"' % outcome in reply.body:
            return f"{reply.status} {outcome.decode()}"
    return str(reply.status)


def main() -> None:
    orders = msgspec.json.decode(sys.stdin.readline(), type=Orders)
    report = uvloop.run(generate(orders))
    _tell(msgspec.json.encode(report) + b"\n")
    os._exit(0)  # nothing to close in order: the connections end with the process


def _tell(line: bytes) -> None:
    """By the system's own call: after uvloop has run, Python's stream loses what a full pipe does
    not take at once, where whoever reads it comes late."""
    left = memoryview(line)
    while left:
        left = left[os.write(sys.stdout.fileno(), left) :]


if __name__ == "__main__":
    main()

"""The porter on a real socket: a crowd's places, and whose visitors they are that go."""

import asyncio
import contextlib
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

import attrs
import pytest

from doors.porter import Porter
from tests.patience import until

STRANGER, BANK = "127.0.0.7", "127.0.0.9"


@attrs.define
class Gate:
    """A porter whose visitors shake hands until they hang up; `shaking` has them as they came."""

    address: tuple[str, int]
    crowd: contextlib.ExitStack
    told: Counter[str] = attrs.field(factory=Counter)
    shaking: list[str] = attrs.field(factory=list)
    begun: int = 0

    def come(self, count: int, source: str) -> None:
        """The system takes them in; the loop has not run yet."""
        for _ in range(count):
            visitor = socket.create_connection(self.address, source_address=(source, 0))
            self.crowd.enter_context(visitor)

    async def shake(self, visitor: socket.socket) -> None:
        source = str(visitor.getpeername()[0])
        self.shaking.append(source)
        self.begun += 1
        try:
            with visitor:
                await asyncio.Event().wait()
        finally:
            self.shaking.remove(source)

    async def quiet(self) -> None:
        """Until nobody comes or goes any more."""
        seen = -1
        while seen != self.begun + self.told.total():
            seen = self.begun + self.told.total()
            for _ in range(200):
                await asyncio.sleep(0)


@pytest.fixture
async def opened() -> AsyncIterator[Callable[..., Gate]]:
    async with contextlib.AsyncExitStack() as stack:
        crowd = stack.enter_context(contextlib.ExitStack())

        def opened(inside: int = 0, **bounds: Any) -> Gate:
            listening = socket.create_server(("127.0.0.1", 0), backlog=256)
            gate = Gate(listening.getsockname(), crowd)
            told = lambda reason: gate.told.update([reason])  # noqa: E731
            porter = Porter(listening, gate.shake, lambda: inside, told, **bounds)
            stack.push_async_callback(porter.close)
            return gate

        yield opened


async def test_a_crowd_in_one_breath_stays_within_the_places_of_handshakes(
    opened: Callable[..., Gate],
) -> None:
    """Each of it ended the same oldest one, which had not heard of it yet: of 1,024 places it took
    4,096, which were all."""
    gate = opened(visitors_max=100, handshakes_max=8)
    gate.come(80, STRANGER)
    await until(lambda: gate.begun == 80)
    await gate.quiet()
    assert len(gate.shaking) == 8 and gate.told == {"handshakes": 72}


async def test_a_strangers_thousands_take_one_anothers_places_and_nobody_elses(
    opened: Callable[..., Gate],
) -> None:
    gate = opened(visitors_max=20, handshakes_max=8)
    gate.come(3, BANK)
    await until(lambda: len(gate.shaking) == 3)
    gate.come(120, STRANGER)
    await until(lambda: gate.told.total() == 115)
    await gate.quiet()
    assert Counter(gate.shaking) == {BANK: 3, STRANGER: 5} and gate.told == {"handshakes": 115}


async def test_a_bank_is_not_behind_a_crowd_that_came_before_it(
    opened: Callable[..., Gate],
) -> None:
    gate = opened(visitors_max=200, handshakes_max=200)
    gate.come(120, STRANGER)
    gate.come(1, BANK)
    await until(lambda: BANK in gate.shaking)
    assert gate.shaking.index(BANK) < 100


async def test_one_address_may_have_every_place_while_nobody_else_comes(
    opened: Callable[..., Gate],
) -> None:
    """A bank behind one address, or all banks behind one machine that hands connections on."""
    gate = opened(visitors_max=60, handshakes_max=60)
    gate.come(60, BANK)
    await until(lambda: len(gate.shaking) == 60)
    assert not gate.told


async def test_when_all_are_inside_nobody_else_comes_in(opened: Callable[..., Gate]) -> None:
    gate = opened(inside=20, visitors_max=20, handshakes_max=8)
    gate.come(5, BANK)
    await until(lambda: gate.told["connections"] == 5)
    assert not gate.begun

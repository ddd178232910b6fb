"""A follower runs exactly while this process holds the office and a candidate is on trial."""

import asyncio
from typing import Any

import pytest

from gateway.domain.faults import LedgerUnavailable
from gateway.workers.office import Office
from gateway.workers.shadow import AGAIN_S, Shadowing


class Child:
    """A process that ends when it is told to, or with the code a test gives it."""

    def __init__(self) -> None:
        self.returncode: int | None = None

    def terminate(self) -> None:
        self.returncode = -15

    async def wait(self) -> int:
        assert self.returncode is not None
        return self.returncode


class House:
    """One gateway with a clock, an office and a database that has a candidate or none."""

    def __init__(self) -> None:
        self.office = Office(records=None)  # type: ignore[arg-type]
        self.office.held = True
        self.candidate: Any = True
        self.now = 0.0
        self.children: list[Child] = []
        self.troubles: dict[str, str] = {}
        self.shadowing = Shadowing(
            self.office, self.any, self.start, lambda: self.now, self.why_not
        )

    async def why_not(self) -> dict[str, str]:
        return self.troubles

    async def any(self) -> bool:
        if isinstance(self.candidate, Exception):
            raise self.candidate
        return bool(self.candidate)

    async def start(self) -> Child:
        self.children.append(Child())
        return self.children[-1]

    @property
    def alive(self) -> int:
        return sum(child.returncode is None for child in self.children)


@pytest.fixture
def house() -> House:
    return House()


async def test_one_follower_is_started_while_a_candidate_is_on(house: House) -> None:
    house.candidate = False
    await house.shadowing.look()
    assert house.children == []
    house.candidate = True
    await house.shadowing.look()
    await house.shadowing.look()
    assert len(house.children) == 1 and house.alive == 1


async def test_without_the_office_none_runs(house: House) -> None:
    await house.shadowing.look()
    house.office.held = False
    await house.shadowing.look()
    assert house.alive == 0
    await house.shadowing.look()
    assert len(house.children) == 1


async def test_one_that_failed_is_started_again_after_a_while(house: House) -> None:
    await house.shadowing.look()
    house.children[0].returncode = 1
    await house.shadowing.look()
    assert len(house.children) == 1
    house.now += AGAIN_S
    await house.shadowing.look()
    assert len(house.children) == 2


async def test_one_that_had_no_more_to_do_is_not_a_failure(house: House) -> None:
    await house.shadowing.look()
    house.children[0].returncode = 0
    house.candidate = False
    await house.shadowing.look()
    house.candidate = True
    await house.shadowing.look()
    assert len(house.children) == 2


async def test_a_lost_database_stops_nothing(house: House) -> None:
    house.candidate = LedgerUnavailable("down")
    await house.shadowing.look()
    house.candidate = True
    await house.shadowing.look()
    assert house.alive == 1


async def test_the_follower_ends_with_the_gateway(house: House) -> None:
    await house.shadowing.look()
    task = asyncio.create_task(house.shadowing.run())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    assert house.alive == 0


async def test_a_candidate_that_does_not_go_on_is_told_where_the_office_is_held(
    house: House,
) -> None:
    house.troubles = {"220000000": "shadow run 3 does not go on: KeyError"}
    await house.shadowing.look()
    assert house.shadowing.troubles == {"shadow.220000000": "shadow run 3 does not go on: KeyError"}
    house.office.held = False
    await house.shadowing.look()
    assert house.shadowing.troubles == {}


async def test_a_follower_that_does_not_end_is_not_waited_for(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever lost the office looks on, and so ends with its gateway."""
    monkeypatch.setattr("gateway.workers.shadow.STOP_S", 0.0)
    await house.shadowing.look()
    monkeypatch.setattr(house.children[0], "wait", asyncio.Event().wait)
    house.office.held = False
    async with asyncio.timeout(30):
        await house.shadowing.look()
        await house.shadowing.look()

"""Connections to the bank are kept, and let go: none stays that nobody will use again."""

import asyncio
import gc
import time
import weakref

import pytest

from adapters.bank.exchange import Exchange
from adapters.bank.pool import Pool, Unreachable
from gateway.domain.bank import BankOutcome
from tests.adapters.bank.scripted import Heard, accepted, dialogue, key
from tests.patience import soon


async def test_a_crowds_connections_are_let_go_though_the_load_stays() -> None:
    """Those used last are used next: a steady load never comes to the others to find them old."""
    together = asyncio.Barrier(4)

    async def in_step(heard: Heard, writer: asyncio.StreamWriter) -> None:
        if int(heard.key[-1]) < 5:
            await together.wait()
        writer.write(accepted(heard.key))

    async with dialogue(in_step, connections=4) as (bank, scripted):
        await asyncio.gather(*(bank.submit(key(n), b"{}", "json") for n in range(1, 5)))
        pool = bank._payments
        assert (len(pool._idle), scripted.connections) == (4, 4)
        for exchange in [*pool._idle][:3]:
            exchange.idle_since -= pool.idle_s_max
        await bank.submit(key(5), b"{}", "json")
        assert (len(pool._idle), scripted.connections) == (1, 4)


async def test_who_is_hung_up_on_in_the_moment_of_connecting_has_handed_nothing_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Proof that nothing was sent: not a payment whose end is unknown, and no mistake of ours."""

    async def silent(heard: Heard, writer: asyncio.StreamWriter) -> None:
        raise AssertionError("nothing is heard")

    async with dialogue(silent) as (bank, scripted):
        connect = Pool._connect

        async def cut(pool: Pool, deadline: float) -> Exchange:
            exchange = await connect(pool, deadline)
            exchange.connection_lost(ConnectionResetError())
            return exchange

        monkeypatch.setattr(Pool, "_connect", cut)
        answer = await bank.submit(key(), b"{}", "json")
        assert answer.outcome is BankOutcome.NOT_TAKEN and not scripted.heard
        assert bank.strain, "whoever comes next is refused before he is admitted"


@pytest.mark.parametrize("ended_by", ["us", "the bank", "nonsense"])
async def test_a_closed_connection_leaves_nothing_for_the_collector(ended_by: str) -> None:
    """It comes seldom in a gateway, and a readiness check ends a connection every few seconds."""

    async def speak(heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(b"nonsense" if ended_by == "nonsense" else accepted(heard.key))

    gc.collect()
    gc.disable()
    try:
        async with dialogue(speak) as (bank, scripted):
            await bank.submit(key(), b"{}", "json")
            known = weakref.WeakSet(o for o in gc.get_objects() if isinstance(o, Exchange))
            assert ended_by == "nonsense" or len(known) == 1  # of nonsense it is gone already
            if ended_by == "the bank":
                scripted.hang_up()
            elif ended_by == "us":
                await bank.aclose()
            bank._payments._idle.clear()
            await soon(lambda: not len(known))
            assert not len(known)
    finally:
        gc.enable()


@pytest.mark.parametrize("hangs", [True, False])
@pytest.mark.parametrize("waits", [True, False])
async def test_only_who_had_all_his_time_and_met_nobody_says_that_the_bank_is_away(
    monkeypatch: pytest.MonkeyPatch, hangs: bool, waits: bool
) -> None:
    """A place that came late leaves too little time to connect: that says nothing of the bank. A
    port that refuses does, whoever knocks."""
    async with dialogue(in_turn := InTurn(), connections=1) as (bank, _):
        first = asyncio.ensure_future(bank.submit(key(1), b"{}", "json"))
        await soon(lambda: in_turn.heard)

        async def refused(pool: Pool, deadline: float) -> Exchange:
            cause = TimeoutError() if hangs else ConnectionRefusedError()
            raise Unreachable("no connection to the bank could be made") from cause

        monkeypatch.setattr(Pool, "_connect", refused)
        if waits:
            second = asyncio.ensure_future(bank.submit(key(2), b"{}", "json"))
            await soon(lambda: bank.waiting)
        in_turn.last.close()
        await first
        if not waits:
            second = asyncio.ensure_future(bank.submit(key(2), b"{}", "json"))
        assert (await second).outcome is BankOutcome.NOT_TAKEN
        assert bank.circuit.lost is not (hangs and waits)


class InTurn:
    """Says nothing, and remembers on what."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []

    async def __call__(self, heard: Heard, writer: asyncio.StreamWriter) -> None:
        self.last = writer
        self.heard.append(heard)


async def test_a_process_that_slept_while_it_connected_writes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The loop's timers have not caught up: by now others may have asked the bank."""
    slept, monotonic = [0.0], time.monotonic
    monkeypatch.setattr("adapters.bank.pool.time.monotonic", lambda: monotonic() + slept[0])
    connect = Pool._connect

    async def asleep(pool: Pool, deadline: float) -> Exchange:
        exchange = await connect(pool, deadline)
        slept[0] = 60.0
        return exchange

    monkeypatch.setattr(Pool, "_connect", asleep)
    async with dialogue(in_turn := InTurn()) as (bank, _):
        answer = await bank.submit(key(), b"{}", "json")
        assert answer.outcome is BankOutcome.NOT_TAKEN and not in_turn.heard
        assert not bank.circuit.lost and bank.in_use == 0


async def test_a_place_goes_to_the_first_who_still_waits() -> None:
    """One was cancelled, and has not left the queue yet."""
    pool = Pool("127.0.0.1", 1, None, size=1, waiting_max=3, in_use=1)
    gone, waits, later = (asyncio.get_running_loop().create_future() for _ in range(3))
    pool._waiting.extend((gone, waits, later))
    gone.cancel()
    pool._hand_on()
    assert waits.done() and not later.done() and pool.in_use == 1


async def test_a_bank_that_is_reached_again_is_no_longer_lost() -> None:
    async with dialogue(InTurn()) as (bank, _):
        bank.circuit.unreachable()
        assert bank.strain
        assert await bank.reach() and not bank.strain

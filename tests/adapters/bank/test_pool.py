"""Connections to the bank are kept, and let go: none stays that nobody will use again."""

import asyncio
import gc
import weakref

import pytest

from adapters.bank.exchange import Exchange
from adapters.bank.pool import Pool
from gateway.domain.bank import BankOutcome
from tests.adapters.bank.scripted import Heard, accepted, dialogue, key, until


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
            await until(lambda: not len(known))
            assert not len(known)
    finally:
        gc.enable()

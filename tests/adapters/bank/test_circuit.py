"""A bank that is silent again and again is left alone for a while, and then tried."""

import asyncio
import socket

import pytest

from adapters.bank.circuit import Circuit, CircuitState
from adapters.bank.exchange import Exchange
from adapters.bank.http_core import UNANSWERED, UNREACHED, HttpBank
from adapters.bank.pool import Pool
from gateway.domain.bank import BankOutcome
from tests.adapters.bank.scripted import (
    CONDUCT,
    Heard,
    ScriptedBank,
    accept,
    accepted,
    bank_saying,
    key,
)
from tests.patience import soon


def test_it_opens_at_the_bound_and_not_before() -> None:
    circuit = Circuit(failures_max=3, pause_s=1.0)
    circuit.silent(10.0)
    circuit.silent(10.0)
    assert circuit.state(10.0) is CircuitState.CLOSED
    circuit.silent(10.0)
    assert circuit.state(10.0) is CircuitState.OPEN


def test_one_answer_between_silences_starts_the_count_anew() -> None:
    circuit = Circuit(failures_max=2)
    circuit.silent(0.0)
    circuit.answered(0.0)
    circuit.silent(0.0)
    assert circuit.state(0.0) is CircuitState.CLOSED


def test_after_the_pause_the_next_call_decides() -> None:
    circuit = Circuit(failures_max=1, pause_s=1.0)
    circuit.silent(10.0)
    assert circuit.state(10.99) is CircuitState.OPEN
    assert circuit.state(11.0) is CircuitState.HALF_OPEN
    circuit.silent(11.5)
    assert circuit.state(12.0) is CircuitState.OPEN
    circuit.answered(12.0)
    assert circuit.state(12.0) is CircuitState.CLOSED


async def test_an_open_circuit_saturates_the_bank_until_it_answers() -> None:
    async def fails_first(heard: Heard, writer: asyncio.StreamWriter) -> None:
        if len(scripted.heard) <= 2:
            writer.close()
        else:
            writer.write(accepted(heard.key))

    async with bank_saying(fails_first) as (scripted, port):
        circuit = Circuit(failures_max=2, pause_s=3600)
        bank = HttpBank("127.0.0.1", port, None, CONDUCT, 1, 5.0, 4, circuit)
        await bank.submit(key(1), b"{}", "json")
        assert not bank.strain
        await bank.submit(key(2), b"{}", "json")
        assert bank.strain == UNANSWERED
        assert bank.circuit_state is CircuitState.OPEN
        # already past commit 1 when it opened: the call is made all the same
        got = await bank.submit(key(3), b"{}", "json")
        assert got.outcome is BankOutcome.ACCEPTED
        assert not bank.strain
        await bank.aclose()


async def test_whether_it_is_silent_still_one_call_at_a_time_finds_out() -> None:
    """All of them at once would be as many payments of which nobody knows what became."""
    say = asyncio.Event()

    async def waits(heard: Heard, writer: asyncio.StreamWriter) -> None:
        await say.wait()
        writer.write(accepted(heard.key))

    async with bank_saying(waits) as (_, port):
        circuit = Circuit(failures_max=1, pause_s=0.0)
        bank = HttpBank("127.0.0.1", port, None, CONDUCT, 8, 30.0, 4, circuit)
        circuit.silent(0.0)
        assert bank.circuit_state is CircuitState.HALF_OPEN and not bank.strain
        probe = asyncio.create_task(bank.submit(key(1), b"{}", "json"))
        await asyncio.sleep(0)
        assert bank.in_use == 1 and bank.strain == UNANSWERED
        say.set()
        assert (await probe).outcome is BankOutcome.ACCEPTED
        assert bank.circuit_state is CircuitState.CLOSED
        others = [asyncio.create_task(bank.submit(key(n), b"{}", "json")) for n in (2, 3)]
        await asyncio.sleep(0)
        assert not bank.strain
        await asyncio.gather(*others)
        await bank.aclose()


async def test_who_waited_for_his_place_too_long_to_connect_says_nothing_about_the_bank(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connected = asyncio.Event()
    connect = Pool._connect

    async def lastly(pool: Pool, deadline: float) -> Exchange:
        return await connect(pool, 0.0)  # as if its place had come in the last moment

    async def silent(heard: Heard, writer: asyncio.StreamWriter) -> None:
        connected.set()
        await writer.wait_closed()

    async with bank_saying(silent) as (_, port):
        bank = HttpBank("127.0.0.1", port, None, CONDUCT, 1, 0.6, 4)
        first = asyncio.create_task(bank.submit(key(1), b"{}", "json"))
        await connected.wait()
        second = asyncio.create_task(bank.submit(key(2), b"{}", "json"))
        await asyncio.sleep(0)
        assert bank.waiting == 1
        first.cancel()
        monkeypatch.setattr(Pool, "_connect", lastly)
        assert (await second).outcome is BankOutcome.NOT_TAKEN
        assert not bank.circuit.lost and bank.circuit_state is CircuitState.CLOSED
        await bank.aclose()


async def test_a_full_pool_says_nothing_about_the_bank() -> None:
    async with bank_saying(accept) as (_, port):
        bank = HttpBank("127.0.0.1", port, None, CONDUCT, 1, 5.0, 0, Circuit(failures_max=1))
        calls = [bank.submit(key(n), b"{}", "json") for n in range(4)]
        got = await asyncio.gather(*calls)
        assert [each.outcome for each in got].count(BankOutcome.NOT_TAKEN) == 3
        assert bank.circuit_state is CircuitState.CLOSED
        await bank.aclose()


def test_a_bank_that_cannot_be_reached_is_left_alone_until_it_is_reached() -> None:
    circuit = Circuit(pause_s=1.0)
    circuit.unreachable()
    assert circuit.state(3600.0) is CircuitState.OPEN
    circuit.reachable()
    assert circuit.state(3600.0) is CircuitState.CLOSED


async def test_whoever_looks_for_a_dead_bank_finds_out_before_a_payment_does() -> None:
    async with bank_saying(accept) as (_, port):
        bank = HttpBank("127.0.0.1", port, None, CONDUCT, 1, 5.0, 4)
        assert await bank.reach()
        assert not bank.strain
    assert not await bank.reach()
    assert bank.strain == UNREACHED
    await bank.aclose()


def test_a_slow_handshake_says_less_than_an_answer_heard_since_it_began() -> None:
    circuit = Circuit()
    circuit.answered(10.0)
    circuit.unreachable(slow_since=9.0)
    assert circuit.state(11.0) is CircuitState.CLOSED
    circuit.unreachable(slow_since=10.5)
    assert circuit.state(11.0) is CircuitState.OPEN
    circuit.answered(12.0)
    circuit.unreachable()
    assert circuit.state(12.0) is CircuitState.OPEN, "refused is refused, whoever answered"


@pytest.mark.slow
async def test_one_connection_that_is_late_turns_nobody_away_while_the_bank_answers() -> None:
    """A packet lost on its way is sent again after a second: that is one payment's bad luck."""
    say, loop = asyncio.Event(), asyncio.get_running_loop()

    async def waits(heard: Heard, writer: asyncio.StreamWriter) -> None:
        await say.wait()
        writer.write(accepted(heard.key))

    with socket.socket() as listener, socket.socket() as filler:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        listener.setblocking(False)
        bank = HttpBank("127.0.0.1", listener.getsockname()[1], None, CONDUCT, 8, 4.0, 4)
        first = asyncio.create_task(bank.submit(key(1), b"{}", "json"))
        (taken, _) = await loop.sock_accept(listener)
        scripted = ScriptedBank(waits)
        serving = asyncio.create_task(scripted.serve(*await asyncio.open_connection(sock=taken)))
        await soon(lambda: scripted.heard)
        filler.connect(listener.getsockname())  # nobody takes it: the next waits outside
        late = asyncio.create_task(bank.submit(key(2), b"{}", "json"))
        await soon(lambda: bank.in_use == 2)
        say.set()
        assert (await first).outcome is BankOutcome.ACCEPTED
        assert (await late).outcome is BankOutcome.NOT_TAKEN
        assert not bank.strain, "the bank has answered meanwhile"
        assert (await bank.submit(key(3), b"{}", "json")).outcome is BankOutcome.ACCEPTED
        bank.deadline_s = 0.2
        assert not await bank.reach() and bank.strain == UNREACHED, "nobody was heard since"
        await bank.aclose()
        await serving


async def test_whoever_is_hung_up_on_after_the_handshake_has_not_reached_the_bank(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """So does a balancer whose core is gone."""
    monkeypatch.setattr("adapters.bank.pool.HUNG_UP_WITHIN_S", 60.0)  # of a busy machine
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    bank = HttpBank("127.0.0.1", server.sockets[0].getsockname()[1], None, CONDUCT, 1, 5.0, 4)
    try:
        assert not await bank.reach()
        assert bank.strain == UNREACHED
    finally:
        await bank.aclose()
        server.close()

"""The agencies' client sends what was signed, waits when told to, and repeats the same bytes."""

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator

import pytest

from certs.authority import Purpose, create_root, create_subordinate, issue, request
from certs.keys import generate_key
from certs.signing.jws import JwsRefused
from certs.signing.signer import Signer, signer
from certs.signing.suites import public_point
from deploy.demo.agency import AgencyClient, GatewayAnswer
from deploy.demo.day import DayItem, day
from tests.adapters.bank.scripted import (
    Heard,
    ScriptedBank,
    Speak,
    bank_saying,
    http,
    say_nothing,
    saying,
)
from tests.certs.oracles import verify_detached
from tests.patience import soon

_DOORS = {"json": "/v1/instructions", "voucher": "/v1/vouchers", "iso20022": "/v1/iso20022"}
DAY = day(1, 60, dt.date(2026, 11, 23))
AT = dt.datetime(2026, 11, 23, 2, 0, tzinfo=dt.UTC)
OK = http(b"{}")


def made_signer() -> Signer:
    root = create_root("root", AT)
    evidence = create_subordinate(root, Purpose.EVIDENCE, "evidence", AT)
    key = generate_key()
    return signer(issue(evidence, request(key, DAY.senders[0]), AT), key)


SIGNER = made_signer()
PUBLIC = public_point(SIGNER.certificate.public_key())


@contextlib.asynccontextmanager
async def gateway_saying(
    speak: Speak, *, connections: int = 4, patience_s: float = 60.0
) -> AsyncIterator[tuple[ScriptedBank, AgencyClient]]:
    sign = dict.fromkeys(DAY.senders, SIGNER.document)
    async with bank_saying(speak) as (gateway, port):
        client = AgencyClient(
            "127.0.0.1", port, None, sign, connections=connections, patience_s=patience_s
        )
        yield gateway, client
        await client.aclose()


def ordinary(count: int) -> list[DayItem]:
    return [item for item in DAY.items if item.outcome and item.after is None][:count]


async def test_every_message_goes_through_its_door_signed_over_its_own_bytes() -> None:
    async with gateway_saying(saying(OK)) as (gateway, client):
        answers = await client.send_all(DAY.items)
    assert {answer.status for answer in answers} == {200}
    by_bytes: dict[bytes, list[Heard]] = {}
    for heard in gateway.heard:
        by_bytes.setdefault(heard.body, []).append(heard)
    for item in DAY.items:
        heard = by_bytes[item.raw].pop()
        door = _DOORS[item.format]
        assert heard.line == f"POST {door} HTTP/1.1"
        if item.forged:
            with pytest.raises(JwsRefused):
                verify_detached(PUBLIC, heard.body, heard.headers["signature-jws"])
        else:
            verify_detached(PUBLIC, heard.body, heard.headers["signature-jws"])
    assert not any(by_bytes.values())


async def test_a_503_is_sent_again_as_it_was_and_a_refusal_is_not() -> None:
    async def busy_twice(heard: Heard, writer: asyncio.StreamWriter) -> None:
        if len(gateway.heard) <= 2:
            writer.write(http(b"busy", "503 Service Unavailable", "Retry-After: 0\r\n"))
        else:
            writer.write(http(b"no", "403 Forbidden"))

    [item] = ordinary(1)
    async with gateway_saying(busy_twice) as (gateway, client):
        answer = await client.send(item)
    assert (answer.status, answer.body, answer.attempts) == (403, b"no", 3)
    assert {heard.body for heard in gateway.heard} == {item.raw}
    assert len({heard.headers["signature-jws"] for heard in gateway.heard}) == 1


@pytest.mark.slow
async def test_it_waits_as_long_as_it_is_told_to() -> None:
    async def busy_once(heard: Heard, writer: asyncio.StreamWriter) -> None:
        told_at.append(asyncio.get_running_loop().time())
        if len(told_at) == 1:
            writer.write(http(b"busy", "503 Service Unavailable", "Retry-After: 1\r\n"))
        else:
            writer.write(OK)

    told_at: list[float] = []
    async with gateway_saying(busy_once) as (_, client):
        await client.send(ordinary(1)[0])
    assert told_at[1] - told_at[0] >= 1.0


async def test_a_cut_connection_is_answered_by_sending_the_same_again() -> None:
    async def cut_once(heard: Heard, writer: asyncio.StreamWriter) -> None:
        if len(gateway.heard) == 1:
            writer.close()
        else:
            writer.write(OK)

    async with gateway_saying(cut_once) as (gateway, client):
        answer = await client.send(ordinary(1)[0])
    assert (answer.status, answer.attempts, client.retries) == (200, 2, 1)


async def test_patience_ends_and_says_so() -> None:
    async with gateway_saying(saying(None), patience_s=0.0) as (_, client):
        answer = await client.send(ordinary(1)[0])
    assert (answer.status, answer.attempts) == (0, 1)


async def test_what_must_come_after_is_sent_only_when_the_first_is_answered() -> None:
    items = DAY.items
    first = {items[item.after].raw for item in items if item.after is not None}
    independent = sum(item.after is None for item in items)
    others_heard = asyncio.Event()

    async def firsts_last(heard: Heard, writer: asyncio.StreamWriter) -> None:
        if len(gateway.heard) == independent:
            others_heard.set()
        if heard.body in first:
            await others_heard.wait()
        writer.write(OK)

    async with gateway_saying(firsts_last, connections=len(items)) as (gateway, client):
        async with asyncio.timeout(60):
            await client.send_all(items)
    followers = [item.raw for item in items if item.after is not None]
    assert sorted(heard.body for heard in gateway.heard[independent:]) == sorted(followers)


async def test_never_more_at_once_than_there_are_connections() -> None:
    under_way, most = 0, 0

    async def counting(heard: Heard, writer: asyncio.StreamWriter) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        for _ in range(5):
            await asyncio.sleep(0)
        under_way -= 1
        writer.write(OK)

    async with gateway_saying(counting, connections=3) as (gateway, client):
        await client.send_all(ordinary(40))
    assert (most, gateway.connections) == (3, 3)


async def test_answers_are_told_as_they_come_and_returned_in_order() -> None:
    async def echo(heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(http(heard.body))

    told: list[tuple[DayItem, GatewayAnswer]] = []
    items = ordinary(30)
    async with gateway_saying(echo) as (_, client):
        answers = await client.send_all(items, lambda item, answer: told.append((item, answer)))
    assert [answer.body for answer in answers] == [item.raw for item in items]
    assert {item.key for item, _ in told} == {item.key for item in items}
    assert all(answer.body == item.raw for item, answer in told)


async def test_an_answer_longer_than_a_banks_is_read() -> None:
    async with gateway_saying(saying(http(b"x" * 200_000))) as (_, client):
        answer = await client.send(ordinary(1)[0])
    assert len(answer.body) == 200_000


async def test_closing_leaves_nobody_waiting() -> None:
    async with gateway_saying(say_nothing, patience_s=0.0) as (gateway, client):
        sending = asyncio.create_task(client.send(ordinary(1)[0]))
        await soon(lambda: gateway.heard)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending

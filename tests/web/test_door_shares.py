"""What one party may take of the door's room and time, and that the others are still served."""

import asyncio
import contextlib

import pytest

from gateway.domain.bulk import MESSAGE_BYTES_MAX
from gateway.web.body import READING_BYTES_MAX
from gateway.web.brief import OPERATORS
from tests.web.besieged import HOST, OTHER_DIVISION, Siege, read_reply

pytestmark = [
    pytest.mark.slow,
    pytest.mark.postgres,
    pytest.mark.usefixtures("nothing_happens"),
]

REGISTER_VOUCHER = (
    b'<?xml version="1.0" encoding="GBK"?><MOF><VoucherCount>1</VoucherCount><Voucher>'
    b'<VoucherBody VtCode="5106"><'
)


def _post(path: str, length: int, signature: str, media: str = "application/json") -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: {media}\r\n"
        f"Signature-JWS: {signature}\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


async def test_who_announces_large_bodies_and_sends_none_keeps_nobody_elses_out(
    siege: Siege,
) -> None:
    whole, rest = divmod(READING_BYTES_MAX, MESSAGE_BYTES_MAX)
    greedy = []
    for length in (*[MESSAGE_BYTES_MAX] * whole, rest):
        reader, writer = await siege.connect()
        writer.write(_post("/v1/iso20022", length, "x", "application/xml"))
        await writer.drain()
        greedy.append((reader, writer))
    other = siege.party("share-other", *siege.model.sender.split("/")[3:])
    served = await siege.post(b"{}", other, more="Connection: close\r\n")
    assert served.code == "instruction_invalid", "not overloaded: aiohttp's road, another party"
    refused = await read_reply(greedy[2][0])
    assert refused.status == 503, "two at once are enough"
    for _, writer in greedy:
        writer.transport.abort()


@pytest.mark.parametrize(
    "path",
    ["/v1/feeds/registers", "/v1/feeds/releases", "/v1/feeds/questions", "/v1/feeds/held"],
)
async def test_a_feed_of_somebody_who_is_no_bureau_is_not_read(siege: Siege, path: str) -> None:
    """Eight megabytes of brackets from an agency were read, and stood still everybody for 2.5 s."""
    raw = b'{"rows":[' + b'{"a":1},' * 1000 + b"oops"
    agency = siege.party(f"share-{path[10:]}", *siege.model.sender.split("/")[3:])
    refused = await siege.say(_post(path, len(raw), siege.signed(raw)) + raw, agency)
    assert (refused.status, refused.code) == (403, "sender_not_entitled")
    too_large = await siege.say(_post(path, 8 << 20, siege.signed(raw)) + raw, agency)
    assert (too_large.status, too_large.code) == (413, "body_too_large"), "before it comes"


async def test_a_register_voucher_of_an_agency_is_not_read_either(siege: Siege) -> None:
    refused = await siege.post(REGISTER_VOUCHER, format="voucher")
    assert refused.status == 403 and b"sender_not_entitled" in refused.body


async def test_the_bureau_of_another_division_is_read_no_further(siege: Siege) -> None:
    stranger = siege.party("share-bureau", "bureau", OTHER_DIVISION)
    raw = b"{"
    refused = await siege.say(_post("/v1/feeds/questions", 1, siege.signed(raw)) + raw, stranger)
    assert (refused.status, refused.code) == (403, "sender_unknown")


async def test_the_silent_at_the_operators_port_have_their_number_and_keep_nobody_out(
    siege: Siege,
) -> None:
    """It had no bound: whoever reached it could take every open file of the gateway."""
    silent = [
        await asyncio.open_connection(HOST, siege.stage.ports.ops)
        for _ in range(OPERATORS.connections_max + 8)
    ]
    assert b"alive" in await siege.operators("/healthz")
    async with asyncio.timeout(60):
        for reader, _ in silent[:8]:
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b"", "hung up on"
    for _, writer in silent:
        writer.transport.abort()

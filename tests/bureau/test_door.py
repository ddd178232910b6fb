"""The inbox's door: who may ask what, and that every refusal is a problem document with a code."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp
import pytest

from adapters.bureau.frame import MEDIA_TYPE, NOTICES_MEDIA_TYPE, bundled, framed
from bureau.web.door import IN_FLIGHT_MAX, IN_FLIGHT_PER_PARTY_MAX
from certs.signing.signer import Signer
from certs.token import TokenUnavailable
from tests.bureau.words import BANK, DIVISION, DOMAIN, Bureau, Chain, Door, House, notice, verdict

pytestmark = pytest.mark.postgres
Client = Callable[[str], AbstractAsyncContextManager[aiohttp.ClientSession]]
GATEWAY_PATH = f"gateway/{BANK}"


@pytest.fixture
def client(door: Door) -> Client:
    @asynccontextmanager
    async def opened(path: str) -> AsyncIterator[aiohttp.ClientSession]:
        connector = aiohttp.TCPConnector(ssl=door.client(path))
        async with aiohttp.ClientSession(door.url, connector=connector) as session:
            yield session

    return opened


@pytest.mark.walk
async def test_the_operator_and_the_divisions_bureau_may_read_the_summary_and_nobody_else(
    client: Client,
) -> None:
    expected = {
        "operator/demo": 200,
        f"bureau/{DIVISION}": 200,
        "bureau/229900000": 403,
        GATEWAY_PATH: 403,
        f"agency/{DIVISION}/101001": 403,
    }
    for path, status in expected.items():
        async with client(path) as session:
            found, body = await _get(session, f"/v1/summary?division={DIVISION}")
            assert found == status, path
            assert status == 200 or body["code"] == "sender_not_entitled"
    async with client("operator/demo") as session:
        assert (await _get(session, "/v1/summary?division=9"))[1]["code"] == "division_unknown"


async def test_a_request_that_is_not_a_delivery_is_told_why(
    client: Client, chain: Chain, bureau: Bureau
) -> None:
    chain.seal([verdict(1)])
    good = framed(chain.delivery())
    typed = {"Content-Type": MEDIA_TYPE}
    cases: list[tuple[bytes, dict[str, str], int, str]] = [
        (good, {"Content-Type": "application/json"}, 415, "media_type_unsupported"),
        (good, {**typed, "Content-Encoding": "gzip"}, 415, "content_encoding_refused"),
        (good[:-1], typed, 400, "delivery_unreadable"),
        (good + b"x", typed, 400, "delivery_unreadable"),
        (b"", typed, 400, "delivery_unreadable"),
        (b"{}\n", typed, 400, "delivery_unreadable"),
        (good.replace(b'"version":1', b'"version":2'), typed, 400, "delivery_unreadable"),
        (good.replace(b'"start":0', b'"start":-1'), typed, 400, "delivery_unreadable"),
        (good.replace(b'"start":0', b'"start":false'), typed, 400, "delivery_unreadable"),
        (good.replace(b'"division":"2', b'"division":"3'), typed, 403, "sender_not_entitled"),
    ]
    async with client(GATEWAY_PATH) as session:
        for body, headers, status, code in cases:
            found, told = await _post(session, "/v1/records", body, headers)
            assert (found, told["code"]) == (status, code)
        assert (await _get(session, "/v1/records"))[1]["code"] == "method_refused"
        assert (await _get(session, "/nowhere"))[1]["code"] == "route_unknown"
        assert (await _post(session, "/v1/records", good, typed))[0] == 200
    assert await bureau.desk.misbehaviours(DIVISION, 9) == []


async def test_what_is_no_request_is_told_so_in_our_words(door: Door) -> None:
    """It was aiohttp's text, with its name and version, and quoted what had come."""
    async with AsyncExitStack() as stack:
        reader = await _began(stack, door, GATEWAY_PATH, b"BREW-42\r\n\r\n")
        said = await reader.read()
    assert said.startswith(b"HTTP/1.0 400 ") and b'"code":"http_malformed"' in said
    assert b"aiohttp" not in said and b"BREW-42" not in said


async def test_a_body_beyond_the_cap_is_refused_before_it_is_read(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bureau.web.door.NOTICE_BYTES_MAX", 256 * 1024)
    async with client(GATEWAY_PATH) as session:
        status, told = await _post(session, "/v1/notices", b"x" * (256 * 1024 + 1), {})
        assert (status, told["code"]) == (413, "body_too_large")


async def test_a_bundle_that_is_not_as_its_header_says_stores_nothing(
    client: Client, house: House, bureau: Bureau
) -> None:
    good = bundled(DIVISION, [(body, house.gateway.document(body)) for body in map(notice, (1, 2))])
    header, rest = good.split(b"\n", 1)
    typed = {"Content-Type": NOTICES_MEDIA_TYPE}
    bent = [
        b"", b"{}\n", good[:-1], good + b"x", rest, bundled(DIVISION, []),
        header.replace(b'"version":1', b'"version":2') + b"\n" + rest,
        header.replace(b'"sizes":[', b'"sizes":[0,') + b"\n" + rest,
        header.replace(b'"signatures":[', b'"signatures":["",') + b"\n" + rest,
        header.replace(b'"version"', b'"more":1,"version"') + b"\n" + rest,
        bundled(DIVISION, [(b"{}", "")] * 257),
    ]  # fmt: skip
    async with client(GATEWAY_PATH) as session:
        for raw in bent:
            status, told = await _post(session, "/v1/notices", raw, typed)
            assert (status, told["code"]) == (400, "delivery_unreadable"), raw[:80]
        assert await bureau.desk.count_notices(DIVISION, BANK) == 0
        assert (await _post(session, "/v1/notices", good, typed))[0] == 200
    assert await bureau.desk.count_notices(DIVISION, BANK) == 2


async def test_a_notice_signed_by_another_party_than_its_carrier_is_refused(
    client: Client, house: House, bureau: Bureau
) -> None:
    body = notice(1)
    headers = {"Division": DIVISION, "Signature-JWS": house.bureau.document(body)}
    async with client(GATEWAY_PATH) as session:
        status, told = await _post(session, "/v1/notices", body, headers)
        assert (status, told["code"]) == (403, "sender_unknown")
        assert "not the connection's party" in told["detail"]
        stranger = house.signer(f"{DOMAIN}/gateway/999")
        headers["Signature-JWS"] = stranger.document(body)
        assert (await _post(session, "/v1/notices", body, headers))[1]["code"] == "sender_unknown"
    assert await bureau.desk.count_notices(DIVISION, BANK) == 0


async def test_bodies_that_do_not_come_take_the_places_of_no_other_party(door: Door) -> None:
    """Eight agencies' announcements without a body kept every gateway's deliveries out."""
    head = (
        b"POST /v1/records HTTP/1.1\r\nHost: x\r\nContent-Type: %b\r\nContent-Length: 9\r\n\r\n"
    ) % MEDIA_TYPE.encode()
    async with AsyncExitStack() as stack:
        strangers = [
            await _began(stack, door, f"agency/{DIVISION}/101001", head)
            for _ in range(IN_FLIGHT_MAX)
        ]
        for reader in strangers:
            assert b" 403 " in await reader.readline(), "at once, without a body"
        slow = [await _began(stack, door, GATEWAY_PATH, head) for _ in range(IN_FLIGHT_MAX)]
        told = [asyncio.create_task(reader.readline()) for reader in slow]
        async with asyncio.timeout(60):
            for first in asyncio.as_completed(told):
                assert b" 503 " in await first
                if sum(task.done() for task in told) == IN_FLIGHT_MAX - IN_FLIGHT_PER_PARTY_MAX:
                    break
        for task in told:
            task.cancel()


async def _began(stack: AsyncExitStack, door: Door, path: str, head: bytes) -> asyncio.StreamReader:
    host, port = door.url.removeprefix("https://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port), ssl=door.client(path))
    stack.push_async_callback(_hang_up, writer)
    writer.write(head)
    return reader


async def _hang_up(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()
    await asyncio.sleep(0)


async def test_while_the_token_of_its_key_is_away_the_door_says_come_back(
    client: Client, chain: Chain, house: House, bureau: Bureau, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It said 500, with a trace for each try of each gateway."""
    chain.seal([verdict(1)])
    body = notice(1)
    signed = {"Division": DIVISION, "Signature-JWS": house.gateway.document(body)}
    tries = (
        ("/v1/records", framed(chain.delivery()), {"Content-Type": MEDIA_TYPE}),
        ("/v1/notices", body, signed),
    )

    def away(*_: object) -> bytes:
        raise TokenUnavailable("token treasury: the module knows no token of this label")

    async with client(GATEWAY_PATH) as session:
        with monkeypatch.context() as patch:
            for name in ("raw", "der", "receipt"):
                patch.setattr(Signer, name, away)
            for path, raw, headers in tries:
                status, told = await _post(session, path, raw, headers)
                assert (status, told["code"]) == (503, "witness_silent")
        assert (await bureau.log.held(DIVISION, BANK))[0].size == 0
        for path, raw, headers in tries:
            assert (await _post(session, path, raw, headers))[0] == 200


async def test_without_its_database_the_door_says_come_back(
    client: Client, chain: Chain, bureau: Bureau, pool: Any
) -> None:
    chain.seal([verdict(1)])
    pool.terminate()
    async with client(GATEWAY_PATH) as session:
        headers = {"Content-Type": MEDIA_TYPE}
        async with session.post(
            "/v1/records", data=framed(chain.delivery()), headers=headers
        ) as answer:
            assert answer.status == 503 and answer.headers["Retry-After"]
            assert (await answer.json(content_type=None))["code"] == "store_unavailable"


async def _get(session: aiohttp.ClientSession, path: str) -> tuple[int, dict[str, Any]]:
    async with session.get(path) as answer:
        return answer.status, await answer.json(content_type=None)


async def _post(
    session: aiohttp.ClientSession, path: str, body: bytes, headers: dict[str, str]
) -> tuple[int, dict[str, Any]]:
    async with session.post(path, data=body, headers=headers) as answer:
        return answer.status, await answer.json(content_type=None)

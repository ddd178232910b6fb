"""The inbox's door lets parties in: who never shakes hands or comes too often keeps out nobody."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, ExitStack, asynccontextmanager

import attrs
import pytest
from aiohttp import web

from bureau.web.reception import DESK, Bounds, door, site
from certs.tls import client_context, people_context, server_context
from tests.bureau.words import BANK, DIVISION, House

BOUNDS = Bounds(connections_max=12, connections_per_party_max=3, handshakes_max=4, idle_s=0.3)
GATEWAY, OTHER = f"gateway/{BANK}", "gateway/999"
ASK = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@attrs.define
class Street:
    """From where one comes to the door."""

    port: int
    stack: AsyncExitStack
    tls: Callable[[str], ssl.SSLContext]
    known: dict[str, ssl.SSLContext] = attrs.field(factory=dict)

    async def come(self, party: str | None) -> Streams:
        """None: a stranger who never shakes hands."""
        if party and party not in self.known:
            self.known[party] = self.tls(party)
        name = "localhost" if party else None
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.port, ssl=self.known[party] if party else None, server_hostname=name
        )
        self.stack.push_async_callback(_hang_up, writer)
        return reader, writer

    async def served(self, party: str) -> bool:
        """Whether a request is answered."""
        try:
            reader, writer = await self.come(party)
            writer.write(ASK)
            return b"404" in await reader.readline()
        except (ConnectionError, ssl.SSLError):
            return False


async def _hang_up(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()
    await asyncio.sleep(0)


@pytest.fixture
def opened(
    house: House, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Bounds], AbstractAsyncContextManager[Street]]:
    folder = tmp_path_factory.mktemp("reception")

    @asynccontextmanager
    async def opened(bounds: Bounds) -> AsyncIterator[Street]:
        tls = server_context(house.credentials(folder, f"bureau/{DIVISION}"))
        async with (
            AsyncExitStack() as stack,
            door(web.Application(), "127.0.0.1", 0, tls, bounds) as port,
        ):
            yield Street(
                port, stack, lambda party: client_context(house.credentials(folder, party))
            )
            await stack.aclose()

    return opened


async def test_strangers_who_never_shake_hands_keep_no_gateway_out(
    opened: Callable[[Bounds], AbstractAsyncContextManager[Street]],
) -> None:
    async with opened(attrs.evolve(BOUNDS, idle_s=75.0)) as street:
        for _ in range(3 * BOUNDS.connections_max):
            await street.come(None)
        assert await street.served(GATEWAY)


async def test_a_crowd_in_one_breath_takes_no_more_than_the_places_of_handshakes(
    opened: Callable[[Bounds], AbstractAsyncContextManager[Street]],
) -> None:
    """Strangers who came faster than one of them is hung up on filled all 512 places of the door,
    and a gateway was turned away."""
    async with opened(attrs.evolve(BOUNDS, idle_s=75.0)) as street:
        with ExitStack() as crowd:
            for _ in range(3 * BOUNDS.connections_max):  # the loop has not run yet
                crowd.enter_context(socket.create_connection(("127.0.0.1", street.port)))
            assert await street.served(GATEWAY)


async def test_a_party_has_its_share_of_connections_and_no_more(
    opened: Callable[[Bounds], AbstractAsyncContextManager[Street]],
) -> None:
    async with opened(attrs.evolve(BOUNDS, idle_s=75.0)) as street:
        assert [await street.served(GATEWAY) for _ in range(4)] == [True] * 3 + [False]
        assert await street.served(OTHER), "another party comes in"


async def test_who_says_nothing_or_drips_its_head_is_hung_up_on(
    opened: Callable[[Bounds], AbstractAsyncContextManager[Street]],
) -> None:
    async with opened(BOUNDS) as street:
        for said in (b"", ASK[:9]):
            reader, writer = await street.come(GATEWAY)
            writer.write(said)
            async with asyncio.timeout(60):
                assert await _ended(reader)


async def _ended(reader: asyncio.StreamReader) -> bool:
    try:
        return await reader.read() == b""
    except (ConnectionError, ssl.SSLError):
        return True


async def test_strangers_take_the_desk_from_nobody(
    house: House, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Nobody needs a certificate to be inside there: silent strangers held a connection for a
    minute in the handshake, for an hour behind it, as many as the program has open files."""
    folder = tmp_path_factory.mktemp("desk")
    tls = people_context(house.credentials(folder, f"bureau/{DIVISION}"))
    bounds = Bounds(connections_max=6, handshakes_max=3, makes_room=True)
    nobody = ssl.create_default_context(cafile=str(folder / "transport.pem"))
    nobody.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    for context in (tls, None):
        async with (
            AsyncExitStack() as stack,
            site(web.Application(), "127.0.0.1", 0, context, bounds) as port,
        ):
            street = Street(port, stack, lambda _: nobody)
            for n in range(20):
                await street.come("nobody" if context and n % 2 else None)
            visitor = await asyncio.open_connection(
                "127.0.0.1", port, ssl=nobody if context else None,
                server_hostname="localhost" if context else None,
            )  # fmt: skip
            stack.push_async_callback(_hang_up, visitor[1])
            visitor[1].write(ASK)
            async with asyncio.timeout(60):
                assert b"404" in await visitor[0].readline()
            await stack.aclose()


async def test_an_address_has_its_share_of_the_desk(
    house: House, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("desk")
    tls = people_context(house.credentials(folder, f"bureau/{DIVISION}"))
    bounds = Bounds(connections_per_party_max=3, makes_room=True)
    async with (
        AsyncExitStack() as stack,
        site(web.Application(), "127.0.0.1", 0, tls, bounds) as port,
    ):
        known = client_context(house.credentials(folder, GATEWAY))
        street = Street(port, stack, lambda _: known)
        assert [await street.served(GATEWAY) for _ in range(4)] == [True] * 3 + [False]
        await stack.aclose()


async def test_who_says_nothing_at_the_desk_is_hung_up_on() -> None:
    async with site(
        web.Application(), "127.0.0.1", 0, None, attrs.evolve(DESK, idle_s=0.3)
    ) as port:
        for said in (b"", ASK[:9]):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(said)
            async with asyncio.timeout(60):
                assert await _ended(reader)
            writer.close()

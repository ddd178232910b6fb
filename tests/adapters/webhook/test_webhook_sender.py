"""Signed messages to somebody else's address: real TLS, and never into our own network."""

import asyncio
import contextlib
import datetime as dt
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import attrs
import pytest
from aiohttp import web

from adapters.webhook.sender import WebhookSender, public_tls
from certs.authority import Purpose, create_root, create_subordinate, issue, request
from certs.keys import generate_key, save_certificates, save_key
from gateway.domain.faults import Undelivered

SECRET = b"a passphrase for this test only"
BODY = b'{"id":1}'


@attrs.define
class Receiver:
    port: int
    authority: Path
    status: int = 204
    headers: dict[str, str] = attrs.field(factory=dict)
    heard: list[tuple[bytes, str]] = attrs.field(factory=list)

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}/told"


@pytest.fixture
async def receiver(tmp_path: Path) -> AsyncIterator[Receiver]:
    now = dt.datetime.now(dt.UTC)
    root = create_root("Receivers", now)
    authority = create_subordinate(root, Purpose.TRANSPORT, "Receivers' transport", now)
    key = generate_key()
    asked = request(key, "spiffe://other/agency/220000000/101001", dns=["localhost"])
    save_certificates(
        tmp_path / "server.pem", [issue(authority, asked, now), authority.certificate]
    )
    save_key(tmp_path / "server.key", key, SECRET)
    save_certificates(tmp_path / "ca.pem", [root.certificate])
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key", SECRET)
    made = Receiver(port=0, authority=tmp_path / "ca.pem")

    async def told(asking: web.Request) -> web.Response:
        made.heard.append((await asking.read(), asking.headers["Signature-JWS"]))
        return web.Response(status=made.status, headers=made.headers)

    app = web.Application()
    app.router.add_post("/told", told)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    made.port = runner.addresses[0][1]
    yield made
    await runner.cleanup()


@contextlib.asynccontextmanager
async def sender(receiver: Receiver, *inside: str, lookup: object = None) -> (
    AsyncIterator[WebhookSender]
):  # fmt: skip
    more = {"lookup": lookup} if lookup else {}
    made = WebhookSender(
        lambda body: f"signed {len(body)}", public_tls(receiver.authority),
        inside=frozenset(inside), **more,  # type: ignore[arg-type]
    )  # fmt: skip
    try:
        yield made
    finally:
        await made.aclose()


async def test_a_message_arrives_as_it_was_signed(receiver: Receiver) -> None:
    async with sender(receiver, "localhost") as ours:
        await ours.send(receiver.url, BODY)
    assert receiver.heard == [(BODY, "signed 8")]


@pytest.mark.parametrize("status", [300, 302, 400, 404, 500, 503])
async def test_only_a_2xx_is_taken_and_no_redirect_is_followed(
    receiver: Receiver, status: int
) -> None:
    receiver.status, receiver.headers = status, {"Location": receiver.url}
    async with sender(receiver, "localhost") as ours:
        with pytest.raises(Undelivered, match=str(status)) as refused:
            await ours.send(receiver.url, BODY)
    assert not refused.value.forbidden
    assert len(receiver.heard) == 1


async def test_our_own_network_is_not_spoken_to_unless_it_is_named(receiver: Receiver) -> None:
    async with sender(receiver) as ours:
        with pytest.raises(Undelivered, match="not outside") as refused:
            await ours.send(receiver.url, BODY)
    assert refused.value.forbidden
    assert receiver.heard == []


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.1", "172.16.5.5", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "0.0.0.0", "224.0.0.1", "::1", "fe80::1", "fc00::1", "::ffff:127.0.0.1", "2002:7f00:1::",
        "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::7f00:1", "::7f00:1", "::ffff:0:7f00:1",
        "fec0::1", "192.0.0.8", "5f00::1", "3fff::1",
        "255.255.255.255", "198.18.0.1",
    ],
)  # fmt: skip
async def test_one_inward_address_among_several_forbids_the_name(
    receiver: Receiver, address: str
) -> None:
    async def lookup(_host: str, _port: int) -> list[str]:
        return ["93.184.215.14", address]

    async with sender(receiver, lookup=lookup) as ours:
        with pytest.raises(Undelivered, match="not outside") as refused:
            await ours.send("https://agency.example/told", BODY)
    assert refused.value.forbidden


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost/told", "https://127.0.0.1/told", "https://[::1]/told",
        "https://2130706433/told", "https://0x7f000001/told", "https://127.1/told",
        "https://user:secret@agency.example/told", "https:///told", "file:///etc/passwd",
        "https://127。0。0。1/told", "https://１２７．0．0．1/told", "https://local\thost/told",
        "https://%31%32%37.0.0.%31/told",
    ],
)  # fmt: skip
async def test_an_address_is_https_and_names_a_host(receiver: Receiver, url: str) -> None:
    async with sender(receiver) as ours:
        with pytest.raises(Undelivered) as refused:
            await ours.send(url, BODY)
    assert refused.value.forbidden
    assert "secret" not in str(refused.value)


async def test_a_name_that_points_elsewhere_the_second_time_is_looked_at_again(
    receiver: Receiver,
) -> None:
    """DNS rebinding: what was looked at is what is spoken to."""
    asked = 0

    async def lookup(_host: str, _port: int) -> list[str]:
        nonlocal asked
        asked += 1
        return ["127.0.0.1"]

    async with sender(receiver, "localhost", lookup=lookup) as ours:
        await ours.send(receiver.url, BODY)
    async with sender(receiver, lookup=lookup) as ours:
        with pytest.raises(Undelivered, match="not outside"):
            await ours.send(receiver.url, BODY)
    assert asked == 2


async def test_a_receiver_of_another_authority_gets_nothing(receiver: Receiver) -> None:
    stranger = WebhookSender(lambda _: "signed", public_tls(), inside=frozenset({"localhost"}))
    with pytest.raises(Undelivered):
        await stranger.send(receiver.url, BODY)
    await stranger.aclose()
    await asyncio.sleep(0)
    assert receiver.heard == []

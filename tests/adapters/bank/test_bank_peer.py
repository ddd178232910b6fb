"""Who is at the bank's address must be the bank: an impostor is handed nothing."""

import asyncio
import contextlib
import datetime as dt
import ssl
from pathlib import Path

import pytest

from adapters.bank.http_core import UNREACHED, HttpBank
from certs.authority import Authority, Purpose, create_root, create_subordinate, issue, request
from certs.keys import generate_key, save_certificates, save_key
from certs.tls import Credentials, client_context, server_context
from gateway.domain.bank import BankOutcome, EnquiryOutcome
from tests.adapters.bank.scripted import CONDUCT, key

DOMAIN = "spiffe://treasury.test"
SECRET = b"a passphrase for tests"


def credentials(folder: Path, transport: Authority, path: str, now: dt.datetime) -> Credentials:
    own, name = generate_key(), path.replace("/", "_")
    leaf = issue(transport, request(own, f"{DOMAIN}/{path}", ip=["127.0.0.1"]), now)
    save_key(folder / f"{name}.key", own, SECRET)
    save_certificates(folder / f"{name}.pem", [leaf])
    save_certificates(folder / "ca.pem", [transport.certificate])
    return Credentials(
        certificate=folder / f"{name}.pem",
        key=folder / f"{name}.key",
        passphrase=SECRET,
        authorities=folder / "ca.pem",
    )


@pytest.mark.parametrize("who", ["bureau/220000000", "gateway/103", "bank/104"])
async def test_an_impostor_on_the_banks_port_is_proven_to_have_got_nothing(
    tmp_path: Path, who: str
) -> None:
    now = dt.datetime.now(dt.UTC)
    transport = create_subordinate(create_root("root", now), Purpose.TRANSPORT, "transport", now)
    impostor = credentials(tmp_path, transport, who, now)
    ours = credentials(tmp_path, transport, "gateway/999", now)
    heard: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            heard.append(await reader.read(1))
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0, ssl=server_context(impostor))
    port = server.sockets[0].getsockname()[1]
    context = client_context(ours, peer=f"{DOMAIN}/bank/103")
    bank = HttpBank("127.0.0.1", port, context, CONDUCT, 2, 5.0, 10)
    try:
        got = await bank.submit(key(1), b"{}", "json")
        assert got.outcome is BankOutcome.NOT_TAKEN
        assert (await bank.enquire(key(1))).outcome is EnquiryOutcome.SILENT
    finally:
        await bank.aclose()
        server.close()
        await server.wait_closed()
    assert not any(heard) and bank.sent == 0


async def test_a_bank_that_does_not_know_our_authority_is_not_reached_though_the_handshake_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With TLS 1.3 the client is through before the server has looked at its certificate."""
    monkeypatch.setattr("adapters.bank.pool.HUNG_UP_WITHIN_S", 60.0)  # of a busy machine
    now = dt.datetime.now(dt.UTC)
    root = create_root("root", now)
    known, unknown = (
        create_subordinate(root, Purpose.TRANSPORT, "transport", now) for _ in range(2)
    )
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    for folder in (theirs, ours):
        folder.mkdir()
    at_bank = credentials(theirs, known, "bank/103", now)
    at_gateway = credentials(ours, unknown, "gateway/103", now)
    save_certificates(ours / "ca.pem", [known.certificate])

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise AssertionError("nobody comes in")

    server = await asyncio.start_server(listen, "127.0.0.1", 0, ssl=server_context(at_bank))
    port = server.sockets[0].getsockname()[1]
    context = client_context(at_gateway, peer=f"{DOMAIN}/bank/103")
    bank = HttpBank("127.0.0.1", port, context, CONDUCT, 2, 5.0, 10)
    try:
        assert not await bank.reach()
        assert bank.strain == UNREACHED, "or each payment on a new connection would end unknown"
    finally:
        await bank.aclose()
        server.close()
        await server.wait_closed()

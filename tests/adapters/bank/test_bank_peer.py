"""Who is at the bank's address must be the bank: an impostor is handed nothing."""

import asyncio
import contextlib
import datetime as dt
import ssl
from pathlib import Path

import pytest

from adapters.bank.http_core import HttpBank
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

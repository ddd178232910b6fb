"""A whole stage under siege: hand-written bytes over real TLS, and what became of them."""

import asyncio
import json
import ssl
from collections.abc import Mapping
from typing import Any

import aiohttp
import asyncpg
import attrs

from certs.signing.signer import Signer
from certs.tls import Credentials, client_context
from deploy.demo.agency import signed_request
from deploy.demo.day import Day, DayItem
from deploy.demo.identities import Identities, uri
from deploy.demo.stage import HOST, Stage

DIVISION = "220000000"
OTHER_DIVISION = "220100000"
ANSWER_DEADLINE_S = 60.0
HOT_INDICATOR = "2200002026999999300000"
HOT_YUAN = "10000.00"
OTHERS = (
    f"agency/{OTHER_DIVISION}/101001", f"channel/{DIVISION}/counter2",
    f"channel/{OTHER_DIVISION}/counter", f"bureau/{DIVISION}", f"bureau/{OTHER_DIVISION}",
    "bank/104100000004", "gateway/104100000004", "operator/li",
)  # fmt: skip
"""Parties that sign and send nothing of the day."""

_ROUTES = {
    "json": ("/v1/instructions", "application/json"),
    "voucher": ("/v1/vouchers", "application/xml"),
    "iso20022": ("/v1/iso20022", "application/xml"),
}


@attrs.frozen(kw_only=True)
class Reply:
    """What the gateway said; status 0: it closed the connection without a word."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    raw: bytes

    @property
    def code(self) -> str:
        return str(json.loads(self.body)["code"])

    @property
    def fields(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


@attrs.frozen(kw_only=True)
class Siege:
    """The programs, the day they were staged for, and the keys of its parties."""

    stage: Stage
    day: Day
    signers: Mapping[str, Signer]
    model: DayItem
    """An ordinary small purchase, to be varied."""

    @property
    def port(self) -> int:
        return self.stage.ports.door

    @property
    def identities(self) -> Identities:
        return self.stage.identities

    def instruction(self, number: str, **changes: Any) -> bytes:
        """The model under another voucher number, with other fields."""
        fields = json.loads(self.model.raw) | {"voucher_no": number}
        fields["documents"][0]["number"] = number
        return json.dumps(fields | changes, ensure_ascii=False).encode()

    def signed(self, raw: bytes, *, by: str | None = None) -> str:
        return self.signers[by or self.model.sender].document(raw)

    def request(
        self, raw: bytes, *, signature: str | None = None, format: str = "json", more: str = ""
    ) -> bytes:
        """A whole, correct request for these bytes, unless told otherwise."""
        own = self.signed(raw) if signature is None else signature
        return signed_request(_ROUTES[format], raw, own, more=more)

    async def connect(
        self, who: Credentials | None = None, tls: ssl.SSLContext | None = None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        context = tls or client_context(who or self.stage.client)
        return await asyncio.open_connection(HOST, self.port, ssl=context, server_hostname=HOST)

    async def say(self, request: bytes, who: Credentials | None = None) -> Reply:
        """Send these bytes on a connection of their own; the first answer."""
        reader, writer = await self.connect(who)
        try:
            writer.write(request)
            return await read_reply(reader, bodiless=request.startswith(b"HEAD"))
        finally:
            writer.transport.abort()

    async def post(self, raw: bytes, who: Credentials | None = None, **how: Any) -> Reply:
        return await self.say(self.request(raw, **how), who)

    async def get(self, path: str, who: Credentials) -> Reply:
        return await self.say(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode(), who)

    async def stored(self) -> int:
        """Decisions in the ledger."""
        return int(await self.ask_ledger("SELECT count(*) FROM instruction"))

    async def ask_ledger(self, question: str, *values: object) -> Any:
        return await self._ask(self.stage.gateway_database, question, *values)

    async def ask_bureau(self, question: str, *values: object) -> Any:
        return await self._ask(self.stage.bureau_database, question, *values)

    async def _ask(self, database: str, question: str, *values: object) -> Any:
        connection = await asyncpg.connect(database)
        try:
            return await connection.fetchval(question, *values)
        finally:
            await connection.close()

    async def forwarded(self) -> int:
        """Submissions in the bank's own journal."""
        url = f"https://{HOST}:{self.stage.ports.bank}/v1/journal"
        return int((await self.ask(url))["submissions"])

    async def operators(self, path: str) -> bytes:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://{HOST}:{self.stage.ports.ops}{path}") as answer,
        ):
            return await answer.read()

    async def ask(self, url: str) -> dict[str, Any]:
        connector = aiohttp.TCPConnector(ssl=client_context(self.stage.operator))
        async with aiohttp.ClientSession(connector=connector) as session, session.get(url) as found:
            fields: dict[str, Any] = json.loads(await found.read())
            return fields

    def log(self) -> str:
        return (self.stage.folder / "gateway-0.log").read_text("utf-8")

    def party(self, name: str, *path: str) -> Credentials:
        """A TLS identity of our own authority."""
        return self.identities.connection(name, uri(*path))


def uri_of(party: str) -> str:
    return uri(*party.split("/"))


async def read_reply(reader: asyncio.StreamReader, *, bodiless: bool = False) -> Reply:
    try:
        async with asyncio.timeout(ANSWER_DEADLINE_S):
            head = await reader.readuntil(b"\r\n\r\n")
            status, _, rest = head.decode("latin-1").partition("\r\n")
            headers = {
                name.lower(): value.strip()
                for name, _, value in (line.partition(":") for line in rest.splitlines() if line)
            }
            length = 0 if bodiless else int(headers.get("content-length", "0"))
            body = await reader.readexactly(length)
            return Reply(status=int(status.split()[1]), headers=headers, body=body, raw=head + body)
    except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
        return Reply(status=0, headers={}, body=b"", raw=b"")

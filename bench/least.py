"""The least that a gateway of this kind can do in Python: the peer that says what a machine gives.

`python -m bench.least ORDERS`, a file of them. Signed instructions over mutual TLS 1.3, each
proven (ES256) and decoded, committed in groups (insert, conditional update, insert), handed to the
bank over kept connections, its outcome committed in groups (insert), answered with a signed
receipt. No policy, no register, no reading of what the instruction says, no state that a restart
could use, no log, no metric, no replay: nothing here may serve anybody.
"""

import asyncio
import gc
import sys
from pathlib import Path
from typing import cast

import asyncpg
import msgspec
import uvloop

from adapters.bank.exchange import Exchange
from adapters.bank.pool import Pool
from adapters.postgres.driver import quicken
from certs.keys import load_certificates, load_signer
from certs.signing.encoding import from_b64url
from certs.signing.jws import signing_input, split_detached
from certs.signing.signer import Signer, thumbprint_of
from certs.signing.suites import PublicKey, public_of, suite_of
from certs.tls import Credentials, client_context, server_context

LINES = 400
ARRIVING_BYTES = 64 * 1024
BANK_DEADLINE_S = 30.0
_HEAD_END = b"\r\n\r\n"
_LENGTH, _TOKEN = b"Content-Length: ", b"Signature-JWS: "

TABLES = f"""
CREATE TABLE least_instruction (id text PRIMARY KEY, raw bytea NOT NULL, decision bytea NOT NULL);
CREATE TABLE least_limit (
    id integer PRIMARY KEY, granted bigint NOT NULL, reserved bigint NOT NULL,
    CHECK (reserved <= granted)) WITH (fillfactor = 50);
CREATE TABLE least_record (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body bytea NOT NULL);
INSERT INTO least_limit SELECT n, 1000000000000, 0 FROM generate_series(0, {LINES - 1}) AS n;
"""
_COMMIT = """
WITH asked AS MATERIALIZED (
    SELECT * FROM unnest($1::text[], $2::int[], $3::bytea[]) AS a (id, line, raw)),
claimed AS (INSERT INTO least_instruction SELECT id, raw, raw FROM asked),
taken AS (
    UPDATE least_limit l SET reserved = reserved + s.n
    FROM (SELECT line, count(*) AS n FROM asked GROUP BY line) s
    WHERE l.id = s.line AND granted - reserved >= s.n)
INSERT INTO least_record (body) SELECT raw FROM asked UNION ALL SELECT unnest($4::bytea[])
"""


class Orders(msgspec.Struct, kw_only=True):
    """What one run of it is given: files, addresses, and a database that nobody else uses."""

    host: str
    port: int
    bank_port: int
    dsn: str
    certificate: str
    key: str
    passphrase: str
    authorities: str
    record_certificate: str
    record_key: str
    parties: str
    bank_connections: int

    @property
    def tls(self) -> Credentials:
        return Credentials(
            certificate=Path(self.certificate),
            key=Path(self.key),
            passphrase=self.passphrase.encode(),
            authorities=Path(self.authorities),
        )


class Ledger:
    """What waits is committed in one round trip: admissions and outcomes in one transaction."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self._connection = connection
        self._admitted: list[tuple[str, bytes]] = []
        self._settled: list[bytes] = []
        self._waiting: list[asyncio.Future[None]] = []
        self._something = asyncio.Event()

    async def admit(self, key: str, raw: bytes) -> None:
        self._admitted.append((key, raw))
        await self._wait()

    async def settle(self, body: bytes) -> None:
        self._settled.append(body)
        await self._wait()

    async def run(self) -> None:
        statement = await self._connection.prepare(_COMMIT)
        while await self._something.wait():
            self._something.clear()
            admitted, self._admitted = self._admitted, []
            settled, self._settled = self._settled, []
            waiting, self._waiting = self._waiting, []
            keys = [key for key, _ in admitted]
            lines = [hash(key) % LINES for key in keys]
            await statement.fetch(keys, lines, [raw for _, raw in admitted], settled)
            for each in waiting:
                each.set_result(None)

    async def _wait(self) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(done)
        self._something.set()
        await done


class Least:
    def __init__(self, orders: Orders, ledger: Ledger, bank: Pool, own: Signer) -> None:
        self._ledger = ledger
        self._bank = bank
        self._own = own
        self._host = f"{orders.host}:{orders.bank_port}"
        self._keys = dict(_key_in(file) for file in Path(orders.parties).glob("*.pem"))
        self._known: dict[str, PublicKey] = {}

    async def answer(self, token: str, raw: bytes) -> bytes:
        """Prove, decode, commit, hand over, commit, sign. Raises ValueError for a bad signature."""
        protected, signature = split_detached(token)
        key = self._known.get(protected) or self._key_of(protected)
        if not suite_of(key).verify_raw(key, signature, signing_input(protected, raw)):
            raise ValueError("the signature proves nothing")
        said = msgspec.json.decode(raw)
        name = (
            f"{said['division']}/{said['fiscal_year']}/{said['voucher_type']}/{said['voucher_no']}"
        )
        await self._ledger.admit(name, raw)
        head = (
            f"POST /v1/payments HTTP/1.1\r\nHost: {self._host}\r\nContent-Type: application/json"
            f"\r\nInstruction-Key: {name}\r\nContent-Length: {len(raw)}\r\n\r\n"
        )
        reply = await self._bank.call(head.encode() + raw, BANK_DEADLINE_S)
        assert reply and reply.status < 300, "the bank is to take everything"
        await self._ledger.settle(raw)
        said = {"instruction": name, "outcome": "passed", "bank": "accepted"}
        body = msgspec.json.encode(
            {**said, "receipt": self._own.receipt(msgspec.json.encode(said))}
        )
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n"
        return head.encode() + body

    def _key_of(self, protected: str) -> PublicKey:
        header = from_b64url(protected).decode()
        thumbprint = next(each for each in self._keys if each in header)
        return self._known.setdefault(protected, self._keys[thumbprint])


class Door(asyncio.BufferedProtocol):
    """One request after the other, each whole before the next is sent."""

    def __init__(self, least: Least) -> None:
        self._least = least
        self._arriving = memoryview(bytearray(ARRIVING_BYTES))
        self._so_far = b""
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._arriving

    def buffer_updated(self, nbytes: int) -> None:
        self._so_far += bytes(self._arriving[:nbytes])
        head, end, body = self._so_far.partition(_HEAD_END)
        if end and len(body) == int(_field(head, _LENGTH)):
            self._so_far = b""
            self._task = asyncio.create_task(self._answer(_field(head, _TOKEN).decode(), body))

    async def _answer(self, token: str, body: bytes) -> None:
        self._transport.write(await self._least.answer(token, body))


def _field(head: bytes, name: bytes) -> bytes:
    return head.partition(name)[2].partition(b"\r\n")[0]


def _key_in(file: Path) -> tuple[str, PublicKey]:
    (certificate,) = load_certificates(file)
    return thumbprint_of(certificate), public_of(certificate)


def _own(orders: Orders) -> Signer:
    certificate, key = Path(orders.record_certificate), Path(orders.record_key)
    return load_signer(certificate, key, orders.passphrase.encode())


async def serve(orders: Orders) -> None:
    quicken()
    connection = await asyncpg.connect(orders.dsn)
    await connection.execute("SET synchronous_commit = on")
    ledger = Ledger(connection)
    bank = Pool(
        orders.host, orders.bank_port, client_context(orders.tls), orders.bank_connections,
        waiting_max=1_000, exchange=Exchange,
    )  # fmt: skip
    least = Least(orders, ledger, bank, _own(orders))
    loop = asyncio.get_running_loop()
    await loop.create_server(
        lambda: Door(least), orders.host, orders.port, ssl=server_context(orders.tls),
        reuse_port=True,
    )  # fmt: skip
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)
    sys.stdout.write("least.ready\n")
    sys.stdout.flush()
    await ledger.run()


if __name__ == "__main__":
    uvloop.run(serve(msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Orders)))

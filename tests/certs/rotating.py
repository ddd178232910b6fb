"""A stage of real programs under a steady load, whose keys are changed while it runs."""

import asyncio
import datetime as dt
import ssl
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import attrs

from certs.authority import Authority, issue, request
from certs.keys import generate_key, save_certificates, save_key, save_sealed
from certs.tls import Credentials, client_context
from deploy.demo.agency import AgencyClient, Sign
from deploy.demo.day import DayItem
from deploy.demo.stage import HOST, Stage
from tests.patience import until

LOOK_S = 0.02
AT_ONCE_MAX = 64
SOON_S = 60.0
BUSY = b'"ledger_unavailable"'
"""A busy machine's database may be late over a commit: no key is to blame for that."""


class ListedStage(Stage):
    """The gateway and the bureau check the transport authority's revocation list."""

    @property
    def list_file(self) -> Path:
        return self.folder / "transport.crl"

    def _gateway_settings(self, number: int) -> str:
        text = super()._gateway_settings(number)
        listed = f'[tls]\nrevocations = "{self.list_file}"'
        return text.replace("[tls]", listed, 1)

    def _bureau_settings(self) -> str:
        listed = f'[door]\nrevocations = "{self.list_file}"'
        return super()._bureau_settings().replace("[door]", listed, 1)


@attrs.define
class Load:
    """Instructions at a steady rate, which waits for a busy machine; an answer other than 200 to
    the first attempt is a failure."""

    clients: list[AgencyClient]
    items: list[DayItem]
    rate: float
    answered: int = 0
    failures: Counter[str] = attrs.field(factory=Counter)
    slowest_s: float = 0.0
    began: float = 0.0
    ended: float = 0.0

    async def run(self, until: asyncio.Event) -> None:
        self.began = time.monotonic()
        room = asyncio.Semaphore(AT_ONCE_MAX)
        async with asyncio.TaskGroup() as group:
            for number, item in enumerate(self.items):
                due = self.began + number / self.rate
                if (early := due - time.monotonic()) > 0:
                    await asyncio.sleep(early)
                await room.acquire()
                if until.is_set():
                    break
                sending = group.create_task(self._send(self.clients[-1], item))
                sending.add_done_callback(lambda _: room.release())
            else:
                raise AssertionError("the day was too short for the load")
        self.ended = time.monotonic()

    async def _send(self, client: AgencyClient, item: DayItem) -> None:
        answer = await client.send(item)
        while answer.status == 503 and BUSY in answer.body:
            await asyncio.sleep(LOOK_S)
            answer = await client.send(item)
        self.answered += 1
        self.slowest_s = max(self.slowest_s, answer.seconds)
        if answer.status != 200 or answer.attempts != 1:
            self.failures[f"{answer.status} after {answer.attempts}: {answer.body[:160]!r}"] += 1

    @property
    def a_second(self) -> float:
        return self.answered / (self.ended - self.began)


@asynccontextmanager
async def running(load: Load) -> AsyncIterator[None]:
    enough = asyncio.Event()
    task = asyncio.create_task(load.run(enough))
    try:
        yield
    finally:
        enough.set()
        await task


def client_of(stage: Stage, sign: dict[str, Sign]) -> AgencyClient:
    """Patience nought: nothing is sent a second time."""
    tls = client_context(stage.client)
    return AgencyClient(HOST, stage.ports.door, tls, sign, connections=AT_ONCE_MAX, patience_s=0.0)


async def seconds_until(holds: Callable[[], Awaitable[bool]], what: str) -> float:
    began = time.monotonic()
    await until(holds, what, within_s=SOON_S, look_s=LOOK_S)
    return time.monotonic() - began


def said(stage: Stage, program: str, event: str) -> Callable[[], Awaitable[bool]]:
    """Whether a program's log holds a line with all of these words."""

    async def heard() -> bool:
        text = (stage.folder / f"{program}.log").read_text("utf-8", "replace")
        return any(all(word in line for word in event.split("&")) for line in text.splitlines())

    return heard


async def serial_at(port: int, tls: ssl.SSLContext) -> str:
    """The serial number that the server there shows to a new visitor."""
    _, writer = await asyncio.open_connection(HOST, port, ssl=tls)
    try:
        return str(writer.get_extra_info("ssl_object").getpeercert()["serialNumber"])
    finally:
        writer.transport.abort()


def new_tls_key(
    credentials: Credentials, authority: Authority, party: str, *, sealed: bool = True
) -> str:
    """Puts a new certificate and key in place of the old ones; the new serial (hex)."""
    key = generate_key()
    asked = request(key, party, dns=("localhost",), ip=("127.0.0.1",))
    leaf = issue(authority, asked, dt.datetime.now(dt.UTC))
    draft = credentials.key.with_suffix(".new")
    (save_sealed if sealed else save_key)(draft, key, credentials.passphrase)
    new_certificate = credentials.certificate.with_suffix(".new.pem.draft")
    save_certificates(new_certificate, [leaf])
    new_certificate.replace(credentials.certificate)
    draft.replace(credentials.key)
    return f"{leaf.serial_number:X}"


def new_record_key(
    files: tuple[Path, Path], authority: Authority, party: str, passphrase: bytes,
    parties: Path | None = None,
) -> Path:  # fmt: skip
    """As `new_tls_key`, for a signing key; its certificate goes to the parties first if asked."""
    key = generate_key()
    leaf = issue(authority, request(key, party), dt.datetime.now(dt.UTC))
    kept = files[0].with_name(f"{files[0].stem}-next.crt")
    save_certificates(kept, [leaf])
    if parties is not None:
        save_certificates(parties / f"{files[0].stem}-next.pem", [leaf])
    draft = files[1].with_suffix(".new")
    save_sealed(draft, key, passphrase)
    draft_certificate = files[0].with_suffix(".draft")
    save_certificates(draft_certificate, [leaf])
    draft_certificate.replace(files[0])
    draft.replace(files[1])
    return kept

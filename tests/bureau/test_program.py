"""The program itself, as a process: checked, killed at the worst moments, resumed."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import asyncpg
import attrs
import pytest

from adapters.bureau.https import HttpsBureau
from adapters.postgres.embedded.binaries import throwaway_folder
from adapters.postgres.embedded.server import EmbeddedPostgres
from bureau.__main__ import main
from certs.authority import issue, request
from certs.keys import generate_key, load_key, save_certificates, save_key
from certs.log.note import log_origin
from certs.tls import client_context
from deploy.demo.processes import Crew
from gateway.domain.faults import BureauUnavailable
from tests.bureau.words import (
    BANK,
    DIVISION,
    DOMAIN,
    GATEWAY,
    PASSPHRASE,
    Chain,
    House,
    notice,
    verdict,
)
from tests.certs.soft_token import SoftToken, soft_token
from tests.crash.disk import SmallDisk

__all__ = ["soft_token"]

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

READY = '"event":"bureau.ready"'
BATCHES = 12
BATCH = 40


@attrs.frozen(kw_only=True)
class Program:
    """A bureau's files, and the crew that runs it."""

    crew: Crew
    folder: Path
    environment: dict[str, str]
    house: House

    @property
    def argv(self) -> list[str]:
        return [sys.executable, "-m", "bureau", "--settings", str(self.folder / "bureau.toml")]

    def start(self) -> None:
        self.crew.start("bureau", self.argv, self.environment, self.folder / "log", READY)

    def said(self) -> list[dict[str, str]]:
        """Every ready line, oldest first."""
        lines = (self.folder / "log").read_text().splitlines()
        return [json.loads(line) for line in lines if READY in line]

    def run(self, *options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.argv, *options],
            env=self.environment,
            text=True,
            capture_output=True,
            timeout=180,
        )


@pytest.fixture
def program(database: str, house: House, tmp_path: Path) -> Iterator[Program]:
    door = house.credentials(tmp_path, f"bureau/{DIVISION}")
    key = generate_key()
    wanted = request(key, f"{DOMAIN}/bureau/{DIVISION}")
    (tmp_path / "parties").mkdir()
    save_key(tmp_path / "witness.key", key, PASSPHRASE)
    save_certificates(tmp_path / "witness.pem", [issue(house.evidence, wanted, house.at)])
    save_certificates(tmp_path / "evidence.pem", [house.evidence.certificate])
    save_certificates(tmp_path / "parties" / "gateway.pem", [house.gateway.certificate])
    (tmp_path / "bureau.toml").write_text(
        f"""
[door]
host = "127.0.0.1"
port = 0
certificate = "{door.certificate.name}"
key = "{door.key.name}"
authorities = "{door.authorities.name}"
[desk]
host = "127.0.0.1"
port = 0
name = "吉林省财政厅国库处"
[ops]
host = "127.0.0.1"
port = 0
[witness]
certificate = "witness.pem"
key = "witness.key"
[trust]
evidence_authorities = "evidence.pem"
parties = "parties"
[[logs]]
division = "{DIVISION}"
gateway = "{GATEWAY}"
origin = "{log_origin(GATEWAY, DIVISION)}"
""",
        encoding="utf-8",
    )
    environment = os.environ | {
        "BUREAU_DATABASE": database,
        "BUREAU_DOOR_PASSPHRASE": PASSPHRASE.decode(),
        "BUREAU_WITNESS_PASSPHRASE": PASSPHRASE.decode(),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    with Crew() as crew:
        yield Program(crew=crew, folder=tmp_path, environment=environment, house=house)


async def test_a_bureau_with_its_gateways_key_is_told_at_the_check(program: Program) -> None:
    """Both keys in one hand: the bank could cosign its own log."""
    key = load_key(program.folder / "witness.key", PASSPHRASE)
    bank = issue(program.house.evidence, request(key, GATEWAY), program.house.at)
    save_certificates(program.folder / "parties" / "gateway-too.pem", [bank])
    checked = program.run("--check")
    assert checked.returncode == 1 and "Traceback" not in checked.stderr
    assert f"has the key of {GATEWAY}: two parties are two keys" in checked.stderr


async def test_check_proves_everything_and_serves_nothing(program: Program) -> None:
    checked = program.run("--check")
    assert (checked.returncode, checked.stderr.count("Traceback")) == (0, 0), checked.stderr
    program.environment["BUREAU_WITNESS_PASSPHRASE"] = "another passphrase"
    wrong = program.run("--check")
    assert wrong.returncode == 1 and "witness.key" in wrong.stderr
    del program.environment["BUREAU_DATABASE"]
    missing = program.run("--check")
    assert missing.returncode == 2 and "BUREAU_DATABASE" in missing.stderr


async def test_check_says_that_the_database_has_no_room_left(program: Program) -> None:
    """It answers every question, and keeps nothing of what gateways report."""
    folder = throwaway_folder()
    folder.chmod(0o711)
    try:
        with SmallDisk(folder / "pg") as disk, EmbeddedPostgres(folder / "pg") as server:
            program.environment["BUREAU_DATABASE"] = server.create_database("bureau")
            assert program.run("--check").returncode == 0
            disk.fill()
            full = program.run("--check")
            assert full.returncode == 1 and "no room left" in full.stderr, full.stderr
            disk.free()
            assert program.run("--check").returncode == 0
    finally:
        shutil.rmtree(folder)


def test_what_is_typed_wrongly_is_told_and_starts_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An account's words without --invite began to serve, and whoever typed them waited."""
    nowhere = tmp_path / "bureau.toml"
    with pytest.raises(SystemExit) as ended:
        main(["--settings", str(nowhere), "--office", "reviewer", "--name", "周丽"])
    assert ended.value.code == 2 and "--office, --name: of an invited" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["--settings", str(nowhere), "--invite", "zhou.li", "--office", "nobody"])
    assert "<Office" not in capsys.readouterr().err
    assert main(["--settings", str(nowhere)]) == 2
    assert capsys.readouterr().err == f"settings: {nowhere}: No such file or directory\n"


async def test_a_pin_that_was_refused_is_no_reason_to_start_again(
    program: Program, soft_token: SoftToken
) -> None:
    """Whatever starts it each two seconds would lock the token before anybody looks."""
    pin = program.folder / "pin"
    pin.write_text("11112222")
    pin.chmod(0o600)
    (program.folder / "witness.key").write_text(soft_token.uri(pin_source=pin))
    program.environment["SOFTHSM2_CONF"] = os.environ["SOFTHSM2_CONF"]
    refused = program.run()
    assert refused.returncode == 2 and "PIN" in refused.stderr, refused.stderr
    assert "11112222" not in refused.stdout + refused.stderr


async def test_the_first_start_prints_a_link_that_works_once_and_sigterm_stops_cleanly(
    program: Program,
) -> None:
    program.start()
    [ready] = program.said()
    link = ready["sign_in"]
    token = link.rpartition("/")[2]
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        for expected in (200, 401):
            form = {"token": token}
            async with session.post(ready["desk"] + "sign-in/link", data=form) as answer:
                assert answer.status == expected
    async with aiohttp.ClientSession() as session:
        async with session.get(ready["ops"] + "readyz") as answer:
            assert (answer.status, (await answer.json())["ready"]) == (200, True)
        async with session.get(ready["ops"] + "metrics") as answer:
            assert "bureau_ready 1.0" in await answer.text()
    invited = program.run("--invite", "reviewer1", "--office", "reviewer", "--name", "张三")
    assert invited.returncode == 0, invited.stderr
    token = invited.stdout.strip().rpartition("/")[2]
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        async with session.post(ready["desk"] + "sign-in/link", data={"token": token}) as answer:
            assert answer.status == 200 and answer.url.path == "/me"
        await _equip(program, "reviewer1", "admin")
        # An open live page does not keep the program from stopping.
        async with session.get(ready["desk"] + f"desk/{DIVISION}/events") as stream:
            assert stream.status == 200 and stream.url.path.endswith("/events")
            assert program.crew.stop("bureau") == 0
    program.start()
    again = program.said()[-1]
    assert again["sign_in"] and not again["sign_in_second"], "one of the two cannot sign in yet"
    linked = program.run("--sign-in-link")
    assert linked.returncode == 0 and "/sign-in/" in linked.stdout


async def _equip(program: Program, *logins: str) -> None:
    """As though these had set password and authenticator on their page."""
    owner = await asyncpg.connect(program.environment["BUREAU_DATABASE"])
    try:
        await owner.execute(
            "UPDATE desk_person SET password = 'x', totp = 'x' WHERE login = any($1)", list(logins)
        )
    finally:
        await owner.close()


@pytest.mark.parametrize("moment", ["before the answer", "as the body ends"])
async def test_killed_between_receiving_and_answering_the_delivery_resumes_without_gap_or_double(
    program: Program, house: House, moment: str
) -> None:
    """kill -9 in every other delivery, at the moment the answer sets out or the body is in."""
    chain = Chain(house.gateway)
    for batch in range(BATCHES):
        chain.seal([verdict(BATCH * batch + n, "held") for n in range(BATCH)])
    tls = client_context(house.credentials(program.folder, f"gateway/{BANK}"))
    program.start()
    size, kills, cosigned = 0, 0, {}
    for last in range(BATCHES):
        end = BATCH * (last + 1)
        if last % 2:
            async with (
                _Cutter(program, moment) as cutter,
                HttpsBureau(f"https://localhost:{cutter.port}", tls) as client,
            ):
                with pytest.raises(BureauUnavailable):
                    await client.deliver(chain.delivery(size, last))
            kills += 1
            program.crew.restart("bureau")
            held = (await _summary(program))["size"]
            assert held in ((end,) if moment == "before the answer" else (size, end))
        door = program.said()[-1]["door"].replace("127.0.0.1", "localhost")
        async with HttpsBureau(door, tls) as client:
            while size < end:
                answer = await client.deliver(chain.delivery(size, last))
                assert answer.size in (size, end)
                # The bureau never cosigns a size twice: a repeated answer is the same text.
                assert cosigned.setdefault(answer.size, answer.checkpoint) == answer.checkpoint
                size = answer.size
    assert kills == BATCHES // 2
    summary = await _summary(program)
    assert summary["log_verified"] is True
    assert summary["records"] == summary["size"] == BATCHES * BATCH
    assert summary["verdicts"] == {"passed": 0, "held": BATCHES * BATCH, "blocked": 0}
    assert summary["misbehaviours"] == 0


async def test_a_notice_acknowledged_before_a_kill_is_there_after_it(
    program: Program, house: House
) -> None:
    tls = client_context(house.credentials(program.folder, f"gateway/{BANK}"))
    program.start()
    for number in range(5):
        door = program.said()[-1]["door"].replace("127.0.0.1", "localhost")
        body = notice(number)
        async with HttpsBureau(door, tls) as client:
            (receipt,) = await client.notify(DIVISION, [(body, house.gateway.document(body))])
            assert isinstance(receipt, str)
        program.crew.kill("bureau")
        program.crew.restart("bureau")
    bundle = [(body, house.gateway.document(body)) for body in map(notice, range(5, 25))]
    async with HttpsBureau(
        program.said()[-1]["door"].replace("127.0.0.1", "localhost"), tls
    ) as client:
        assert all(isinstance(each, str) for each in await client.notify(DIVISION, bundle))
    program.crew.kill("bureau")
    program.crew.restart("bureau")
    assert (await _summary(program))["notices"] == 25


async def _summary(program: Program) -> dict[str, object]:
    tls = client_context(program.house.credentials(program.folder, "operator/demo"))
    door = program.said()[-1]["door"].replace("127.0.0.1", "localhost")
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls)) as session,
        session.get(f"{door}/v1/summary?division={DIVISION}") as answer,
    ):
        assert answer.status == 200, await answer.text()
        return dict(await answer.json())


class _Cutter:
    """A TCP go-between that kills the bureau at a named moment of the one exchange it carries.

    TLS 1.3 without tickets: after the handshake the first bytes from the bureau are its answer.
    """

    def __init__(self, program: Program, moment: str) -> None:
        self._program = program
        self._moment = moment
        self._sent = 0
        self._answered_handshake = False
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    async def __aenter__(self) -> "_Cutter":
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        port = int(self._program.said()[-1]["door"].rpartition(":")[2])
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", port)
        ends = (writer, up_writer)
        for source, sink, ours in ((reader, up_writer, True), (up_reader, writer, False)):
            task = asyncio.create_task(self._pump(source, sink, ends, ours))
            self._tasks.add(task)

    async def _pump(
        self,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        ends: tuple[asyncio.StreamWriter, asyncio.StreamWriter],
        from_gateway: bool,
    ) -> None:
        while data := await source.read(65_536):
            if from_gateway:
                self._sent += len(data)
            sink_now = self._is_moment(from_gateway)
            if from_gateway or not sink_now:
                sink.write(data)
                await sink.drain()
            if sink_now:
                self._program.crew.kill("bureau")
                for end in ends:
                    end.transport.abort()
                return

    def _is_moment(self, from_gateway: bool) -> bool:
        body_in = self._sent > BATCH * 300
        if self._moment == "before the answer":
            return body_in and not from_gateway
        return body_in and from_gateway

"""A database that is not there is named in one line; of several hosts one that writes is found."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from adapters.postgres.bureau.pool import open_pool
from adapters.postgres.reach import address_of, connect
from certs.people import write_key
from deploy.demo.day import day
from gateway.domain.faults import DatabaseUnreached, StoreUnavailable
from gateway.domain.legal_day import legal_day
from tests.pipeline.fakes import NOW

HOST = "127.0.0.1"


@pytest.mark.parametrize(
    ("dsn", "hosts"),
    [
        ("postgresql://gw:secret@db-a/gateway", (("db-a", "5432"),)),
        ("postgresql://gw:secret@db-a:5433,db-b/gateway", (("db-a", "5433"), ("db-b", "5432"))),
        ("postgresql://gw:secret@[::1]:5433/gateway", (("::1", "5433"),)),
        ("postgresql://gw:secret@/gateway?host=a,b&port=1,2", (("a", "1"), ("b", "2"))),
        ("postgresql://gw:secret@/gateway?host=a,b&port=1", (("a", "1"), ("b", "1"))),
        ("postgresql://gw:secret@/gateway?host=%2Frun%2Fpg", (("/run/pg", "5432"),)),
        ("postgresql:///gateway", ()),
    ],
)
def test_hosts_are_read_as_libpq_reads_them(dsn: str, hosts: tuple[tuple[str, str], ...]) -> None:
    address = address_of(dsn)
    assert address.hosts == hosts and address.database == "gateway"


@pytest.mark.parametrize(
    ("dsn", "words"),
    [
        ("postgresql://gw:pw-1@/gateway?host=/nowhere", "/nowhere/.s.PGSQL.5432: no such socket"),
        ("postgresql://gw:pw-1@127.0.0.1:1/gateway", "127.0.0.1:1: nothing listens there"),
        ("postgresql://gw:pw-1@db.invalid/gateway", "db.invalid:5432: no such host"),
        ("postgresql://gw:pw-1@127.0.0.1:1,db.invalid/gateway", "no such host"),
        ("gw:pw-1@somewhere", "begins with postgresql://"),
        ("postgresql://gw:pw-1@/gateway?host=a,b&port=1,2,3", "each host has a port or all one"),
        ("postgresql://gw:pw-1@a:x/gateway", "ports are 1 to 65535"),
        ("postgresql://gw:pw-1@a:99999,b/gateway", "ports are 1 to 65535"),
        ("postgresql://gw:pw-1@/gateway?host=a&port=x", "ports are 1 to 65535"),
        ("postgresql://gw:pw-1/more@a/gateway", "%2F"),
        ("postgresql://gw:pw-1#more@a/gateway", "%23"),
        ("postgresql://gw:pw-1?more@a/gateway", "%3F"),
        ("postgresql://gw:1/pw-1@a/gateway", "%2F"),
        ("postgresql://gw:1?a=pw-1@a/gateway", "%3F"),
        ("postgresql://gw:a@pw-1/pw-1@a/gateway", "%40"),
        ("postgresql://gw:a@b/gateway?pw-1", "%3F"),
    ],
)
async def test_what_was_tried_is_told_and_never_the_password(dsn: str, words: str) -> None:
    with pytest.raises(DatabaseUnreached) as told:
        await connect(dsn, deadline_s=2.0)
    assert words in str(told.value) and "pw-1" not in str(told.value)


async def test_the_bureaus_pool_tells_no_password_either() -> None:
    with pytest.raises(StoreUnavailable, match="%2F") as told:
        await open_pool("postgresql://gw:pw-1/more@a/bureau")
    assert "pw-1" not in str(told.value)


@pytest.mark.slow
@pytest.mark.parametrize("command", ["migrate", "registers load FILE", "unknowns list"])
def test_a_command_says_in_one_line_what_was_tried_and_what_to_do(
    command: str, tmp_path: Path
) -> None:
    people, registers = tmp_path / "people.key", tmp_path / "registers.json"
    write_key(people)
    registers.write_bytes(day(1, 60, legal_day(NOW)).registers)
    environment = {
        **{name: value for name, value in os.environ.items() if "GATEWAY" not in name},
        "GATEWAY_DATABASE": "postgresql://gw:pw-1@/gateway?host=/nowhere",
        "GATEWAY_PEOPLE_KEY": str(people),
    }
    ran = subprocess.run(
        [sys.executable, "-m", "gateway", *command.replace("FILE", str(registers)).split()],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 1, ran.stderr
    [tried] = [line for line in ran.stderr.splitlines() if "/nowhere/.s.PGSQL.5432" in line]
    assert "gateway as gw" in tried and "no such socket" in tried
    assert "Check that PostgreSQL runs" in ran.stderr and "pw-1" not in ran.stderr


@asynccontextmanager
async def silent() -> AsyncIterator[int]:
    """A port that takes connections and never says a word, as a machine that hangs."""

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(say_nothing, HOST, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@pytest.mark.slow
@pytest.mark.postgres
async def test_of_several_hosts_the_one_that_answers_and_writes_is_taken(database: str) -> None:
    parts = urlsplit(database)
    asked = parse_qs(parts.query)
    [socket], port = asked["host"], asked.get("port", ["5432"])[0]
    async with silent() as hung:
        for first in (f"{HOST},{socket}", f"/nowhere,{socket}", f"{socket},{HOST}"):
            ports = f"{hung},{port}" if first.startswith(HOST) else f"{port},{port}"
            dsn = f"postgresql://{parts.netloc}{parts.path}?host={first}&port={ports}"
            connection = await connect(dsn, deadline_s=9.0)
            assert await connection.fetchval("SELECT 1") == 1
            await connection.close()


@pytest.mark.postgres
async def test_a_host_that_takes_no_writes_is_passed_over(database: str) -> None:
    parts = urlsplit(database)
    owner = await asyncpg.connect(database)
    await owner.execute(f"ALTER DATABASE {parts.path[1:]} SET default_transaction_read_only = on")
    await owner.close()
    asked = parse_qs(parts.query)
    [socket], port = asked["host"], asked.get("port", ["5432"])[0]
    dsn = f"postgresql://{parts.netloc}{parts.path}?host={socket},{socket}&port={port}"
    with pytest.raises(DatabaseUnreached, match="takes no writes"):
        await connect(dsn, deadline_s=9.0)

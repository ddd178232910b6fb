"""A database's host that is lost without a word: whoever waited for it goes on with the other."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from adapters.postgres.bureau.pool import connection_of, open_pool
from adapters.postgres.ledger.ledger import PostgresLedger
from adapters.postgres.log.recordlog import PostgresRecordLog
from adapters.postgres.migrate import MIGRATIONS as GATEWAYS
from adapters.postgres.reach import GONE_AFTER_S
from adapters.postgres.session import Pool, open_session
from bureau.wiring import MIGRATIONS as BUREAUS
from gateway.domain.faults import LedgerUnavailable, StoreUnavailable
from tests.adapters.postgres.conftest import as_runtime
from tests.adapters.postgres.storage_builders import DIVISION, NOW, PlainSealer, draft
from tests.crash.wires import Way, Wire

pytestmark = pytest.mark.postgres
HOST = "127.0.0.1"


def _place_of(dsn: str) -> tuple[str, str, Path]:
    """Folder and port of the server's socket, and the socket."""
    asked = parse_qs(urlsplit(dsn).query)
    [folder], port = asked["host"], asked.get("port", ["5432"])[0]
    return folder, port, Path(folder) / f".s.PGSQL.{port}"


@contextlib.asynccontextmanager
async def _wired(near: Path | tuple[str, int], dsn: str) -> AsyncIterator[Wire]:
    wire = Wire(near, _place_of(dsn)[2])
    await wire.open()
    try:
        yield wire
    finally:
        await wire.close()
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others)


async def test_a_seal_whose_answer_never_comes_is_given_up_and_the_next_goes_elsewhere(
    migrated: str, tmp_path: Path
) -> None:
    """As of a primary whose disk hangs while a standby is promoted: its kernel says that all is
    well, and the only process that may seal would wait for it until somebody restarts it."""
    folder, port, _ = _place_of(migrated)
    near = tmp_path / f".s.PGSQL.{port}"
    parts = urlsplit(migrated)
    hosts = f"host={tmp_path},{folder}&port={port}"
    dsn = as_runtime(f"postgresql://{parts.netloc}{parts.path}?{hosts}")
    async with PostgresLedger(as_runtime(migrated), instance="gw-1") as ledger:
        for number in range(4):
            await ledger.record(DIVISION, draft(f"subject {number}"))
    async with _wired(near, migrated) as wire:
        room, sealer = PostgresRecordLog(dsn), PlainSealer()
        assert await room.seal(DIVISION, 2, NOW, sealer.seal)
        await wire.forget(Way.BACK)
        room._pool._cut_after_s = 0.2
        with pytest.raises(LedgerUnavailable):
            await room.seal(DIVISION, 2, NOW, sealer.seal)
        await wire.close()
        sealed = await room.seal(DIVISION, 4, NOW, sealer.seal)
        assert sealed and sealed.head.size == 4
        await room.close()


async def test_a_write_whose_answer_never_comes_gives_its_place_back(
    migrated: str, tmp_path: Path
) -> None:
    _, port, _ = _place_of(migrated)
    near = tmp_path / f".s.PGSQL.{port}"
    parts = urlsplit(migrated)
    dsn = f"postgresql://{parts.netloc}{parts.path}?host={tmp_path}&port={port}"
    async with _wired(near, migrated) as wire:
        pool = Pool(dsn, size=1, cut_after_s=0.2)
        await pool.execute("SELECT 1")
        await wire.forget(Way.BACK)
        with pytest.raises(LedgerUnavailable):
            await pool.execute("SELECT 1")
        await wire.mend()
        await pool.execute("SELECT 1")
        await pool.close()


async def test_a_bureaus_connection_whose_answer_never_comes_is_given_back(
    migrated_once: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of eight: all would wait for a server that hangs, and none be left for one that does not."""
    async with migrated_once(BUREAUS) as at:
        _, port, _ = _place_of(at)
        parts = urlsplit(at)
        dsn = f"postgresql://{parts.netloc}{parts.path}?host={tmp_path}&port={port}"
        async with _wired(tmp_path / f".s.PGSQL.{port}", at) as wire:
            pool = await open_pool(dsn)
            async with connection_of(pool) as connection:
                await connection.execute("SELECT 1")
            await wire.forget(Way.BACK)
            monkeypatch.setattr("adapters.postgres.bureau.pool.CUT_AFTER_S", 0.2)
            with pytest.raises(StoreUnavailable):
                async with connection_of(pool) as connection:
                    await connection.execute("SELECT 1")
            await wire.mend()
            async with connection_of(pool) as connection:
                await connection.execute("SELECT 1")
            assert pool.get_idle_size() == pool.get_size(), "each has its place back"
            await pool.close()


@pytest.mark.parametrize("whose", ["gateway", "bureau"])
async def test_the_kernels_are_told_to_ask_one_another(migrated_once: Any, whose: str) -> None:
    """What is idle, and what waits for an answer, ends when the other host does not answer."""
    folder = GATEWAYS if whose == "gateway" else BUREAUS
    with socket.socket() as free:
        free.bind((HOST, 0))
        port = free.getsockname()[1]
    async with contextlib.AsyncExitStack() as rooms:
        at = await rooms.enter_async_context(migrated_once(folder))
        parts = urlsplit(at)
        dsn = f"postgresql://{parts.netloc}{parts.path}?host={HOST}&port={port}"
        await rooms.enter_async_context(_wired((HOST, port), at))
        if whose == "gateway":
            session = await open_session(dsn)
            rooms.push_async_callback(session.close)
            connection: Any = session.connection
        else:
            pool = await open_pool(dsn)
            rooms.push_async_callback(pool.close)
            connection = await rooms.enter_async_context(pool.acquire())
        end = connection._transport.get_extra_info("socket")
        assert end.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        told = end.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
        assert told == GONE_AFTER_S * 1000

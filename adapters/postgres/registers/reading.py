"""Reading registers out of the database into tables, whole or what changed, in short steps."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

from adapters.postgres.session import Connection
from adapters.postgres.statements import statements
from gateway.domain.codes import Register
from gateway.domain.register_tables import Tables, TablesBuilding

STEP_ROWS = 1000
"""Fetched at a time under way: a millisecond or two, then others may go on."""
WHOLE_STEP_ROWS = 4000
"""When all of it is read: fewer waits for the server, and steps of some milliseconds."""

_SQL = statements("registers")


async def read_whole(connection: Connection, division: str, version: int) -> Tables:
    """Every row that stands at that version. Within a transaction."""
    await connection.execute(_SQL["go_through"])
    counted = await connection.fetch(_SQL["counts"], division, version)
    building = TablesBuilding({Register(row["register"]): row["rows"] for row in counted})
    adding = {row["register"]: building.adding(Register(row["register"])) for row in counted}
    whole = _steps(connection, _SQL["whole"], division, version, step=WHOLE_STEP_ROWS)
    async with aclosing(whole) as steps:
        async for rows in steps:
            for register, key, body in rows:
                adding[register](key, body)
    return building.done()


async def read_changed(
    connection: Connection, tables: Tables, division: str, versions: tuple[int, int]
) -> Tables:
    """`tables` at the first version made into those at the second. Within a transaction."""
    puts: dict[Register, dict[str, bytes]] = {}
    gone: dict[Register, list[str]] = {}
    async with aclosing(_steps(connection, _SQL["put_since"], division, *versions)) as steps:
        async for rows in steps:
            for register, key, body in rows:
                puts.setdefault(Register(register), {})[key] = body
    async with aclosing(_steps(connection, _SQL["ended_since"], division, *versions)) as steps:
        async for rows in steps:
            for register, key in rows:
                gone.setdefault(Register(register), []).append(key)
    return tables.changed(puts, gone)


async def rows_digests(
    connection: Connection, division: str, versions: Sequence[int]
) -> dict[int, bytes]:
    """By version: a SHA-256 over the rows that it put and ended, as they are kept. Of a million
    rows it takes seconds."""
    rows = await connection.fetch(_SQL["register_changes"], division, versions)
    return {row["version"]: row["rows_digest"] for row in rows}


async def _steps(
    connection: Connection, query: str, *arguments: Any, step: int = STEP_ROWS
) -> AsyncGenerator[list[Any], None]:
    """The server makes the next rows ready while these are worked on."""
    cursor = await connection.cursor(query, *arguments)
    coming = asyncio.ensure_future(cursor.fetch(step))
    try:
        while rows := await coming:
            coming = asyncio.ensure_future(cursor.fetch(step))
            await asyncio.sleep(0)  # it is asked for now, not when these are done
            yield rows
    finally:
        await asyncio.wait({coming})  # nobody else may use the connection before

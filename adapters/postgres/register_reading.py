"""Reading registers out of the database into tables, whole or what changed, in short steps."""

from collections.abc import AsyncIterator
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
    async for rows in _steps(connection, _SQL["whole"], division, version, step=WHOLE_STEP_ROWS):
        for register, key, body in rows:
            building.add(Register(register), key, body)
    return building.done()


async def read_changed(
    connection: Connection, tables: Tables, division: str, versions: tuple[int, int]
) -> Tables:
    """`tables` at the first version made into those at the second. Within a transaction."""
    puts: dict[Register, dict[str, bytes]] = {}
    gone: dict[Register, list[str]] = {}
    async for rows in _steps(connection, _SQL["put_since"], division, *versions):
        for register, key, body in rows:
            puts.setdefault(Register(register), {})[key] = body
    async for rows in _steps(connection, _SQL["ended_since"], division, *versions):
        for register, key in rows:
            gone.setdefault(Register(register), []).append(key)
    return tables.changed(puts, gone)


async def _steps(
    connection: Connection, query: str, *arguments: Any, step: int = STEP_ROWS
) -> AsyncIterator[list[Any]]:
    cursor = await connection.cursor(query, *arguments)
    while rows := await cursor.fetch(step):
        yield rows

"""The deployment's salt, from which the keys of sealed values are stretched."""

from adapters.postgres.bureau.pool import Pool, connection_of
from adapters.postgres.statements import statements

_SQL = statements("bureau/salt")


async def salt_of(pool: Pool) -> tuple[bytes, bool]:
    """The salt, and whether rows of registers are named under the stretched key.

    Raises StoreUnavailable.
    """
    async with connection_of(pool) as connection:
        [row] = await connection.fetch(_SQL["salt"])
    return row["salt"], row["names_stretched"]

"""The marks of the secrets that a database was written with: another one is told at the start."""

from collections.abc import Mapping

from adapters.postgres.session import Pool
from adapters.postgres.statements import statements

_SQL = statements("secret_marks")


async def other_secrets(dsn: str, marks: Mapping[str, bytes], *, keep: bool = False) -> list[str]:
    """The names under which this database knows another mark, sorted; with `keep` a name that it
    does not know yet is kept. Raises LedgerUnavailable."""
    pool = Pool(dsn, size=1, allow_unsafe=True)
    try:
        if keep:
            for name, mark in marks.items():
                await pool.execute(_SQL["keep"], name, mark)
        known = {row["name"]: row["mark"] for row in await pool.fetch(_SQL["marks"])}
    finally:
        await pool.close()
    return sorted(name for name, mark in marks.items() if known.get(name, mark) != mark)

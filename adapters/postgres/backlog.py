"""What is under way in the gateway's database: the figures an operator looks at first."""

from adapters.postgres.session import Pool
from adapters.postgres.statements import statements
from gateway.domain.log import Backlog, LogState

_SQL = statements("backlog")


class PostgresBacklog:
    """`gateway.ports.Watch`. Raises LedgerUnavailable."""

    def __init__(self, dsn: str, *, allow_unsafe: bool = False) -> None:
        self._pool = Pool(dsn, size=1, allow_unsafe=allow_unsafe)

    async def close(self) -> None:
        await self._pool.close()

    async def backlog(self) -> Backlog:
        (row,) = await self._pool.fetch(_SQL["backlog"])
        logs = await self._pool.fetch(_SQL["logs"])
        return Backlog(
            **row,
            logs=tuple(
                LogState(
                    division=log["division"],
                    size=log["size"],
                    acknowledged_size=log["acknowledged_size"],
                )
                for log in logs
            ),
        )

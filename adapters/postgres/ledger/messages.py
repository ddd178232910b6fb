"""Messages of many payments on PostgreSQL, each kept once under its digest."""

from adapters.postgres.session import Pool, Proof
from adapters.postgres.statements import statements
from gateway.domain.bulk import KeptMessage
from gateway.domain.people import IN_CLEAR, Sealing

_SQL = statements("messages")


class PostgresMessages:
    """`gateway.pipeline.batch.MessageStore`. Every error of the database is LedgerUnavailable."""

    def __init__(
        self, dsn: str, sealing: Sealing = IN_CLEAR, *, allow_unsafe: bool = False,
        kept: Proof | None = None,
    ) -> None:  # fmt: skip
        self._sealing = sealing
        self._pool = Pool(dsn, size=2, allow_unsafe=allow_unsafe, kept=kept)

    async def close(self) -> None:
        await self._pool.close()

    async def keep(self, message: KeptMessage) -> None:
        """One statement that is its own transaction; the same message again changes nothing."""
        await self._pool.unbroken(
            self._pool.execute(
                _SQL["keep"], message.division, message.digest, message.at, message.party,
                message.signature, message.payments, self._sealing.seal_bytes(message.raw),
            )
        )  # fmt: skip

    async def raw(self, division: str, digest: bytes) -> bytes | None:
        """The message as it was signed; None if none was kept under that digest."""
        rows = await self._pool.fetch(_SQL["raw"], division, digest)
        return self._sealing.open_bytes(rows[0]["raw"]) if rows else None

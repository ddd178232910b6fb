"""Loading the bureau's registers: a whole snapshot and its limits, in one transaction."""

import attrs

from adapters.postgres.ledger import limit_of
from adapters.postgres.session import Pool
from adapters.postgres.statements import statements
from gateway.domain.ledger import Limit, LimitKey, LimitKind
from gateway.domain.limits import granted_limits, spelled
from gateway.domain.registers import Registers

_SQL = statements("registers")


@attrs.frozen(kw_only=True)
class Loaded:
    """What became of a snapshot that was offered."""

    applied: bool
    """False if its version is not higher than the one in force; then nothing was changed."""
    version: int | None
    """The version in force now; None if there is none."""
    overdrawn: tuple[Limit, ...] = ()
    """Limits whose lowered grant is less than what is already spoken for: nothing more is reserved
    on them, what is reserved may still be posted, and somebody must be told."""
    withdrawn: tuple[str, ...] = ()
    """Limits that are no longer in the registers: their grant is now nothing. An indicator by its
    id alone, others as `kind id`."""


class PostgresRegisters:
    """Writes registers. The first load of a limit takes the register's own count of what was spent
    as the line's opening; later loads change only what is granted and frozen."""

    def __init__(self, dsn: str, *, allow_unsafe: bool = False) -> None:
        self._pool = Pool(dsn, size=1, allow_unsafe=allow_unsafe)

    async def close(self) -> None:
        await self._pool.close()

    async def load(self, registers_raw: bytes, registers: Registers) -> Loaded:
        """Apply a whole snapshot with a strictly higher version, or nothing.

        `registers_raw` are the bytes as received. Raises LedgerUnavailable: not applied, or not
        known whether; loading again is safe.
        """
        return await self._pool.unbroken(self._load(registers_raw, registers))

    async def _load(self, raw: bytes, registers: Registers) -> Loaded:
        division, lines = registers.division, granted_limits(registers)
        kinds, ids = [line.key.kind for line in lines], [line.key.id for line in lines]
        async with self._pool.transaction() as connection:
            await connection.execute(_SQL["lock_division"], division)
            known = await connection.fetchval(_SQL["version_of"], division)
            if known is not None and registers.version <= known:
                return Loaded(applied=False, version=known)
            await connection.execute(
                _SQL["add_snapshot"], division, registers.version, registers.as_of, raw
            )
            await connection.execute(
                _SQL["put_lines"],
                division,
                kinds,
                ids,
                [line.granted_fen for line in lines],
                [line.frozen_fen for line in lines],
                [line.opening_fen for line in lines],
            )
            withdrawn = await connection.fetch(_SQL["withdraw_lines"], division, kinds, ids)
            await connection.execute(_SQL["note_overdrawn"], division)
            overdrawn = await connection.fetch(_SQL["overdrawn"], division)
            await connection.execute(_SQL["tell"], division)
        return Loaded(
            applied=True,
            version=registers.version,
            overdrawn=tuple(map(limit_of, overdrawn)),
            withdrawn=tuple(
                spelled(key)
                for key in sorted(
                    LimitKey(kind=LimitKind(row["kind"]), id=row["id"]) for row in withdrawn
                )
            ),
        )

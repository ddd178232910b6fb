"""Refunds and overdrawn lines on PostgreSQL; each method is one transaction."""

import uuid

from adapters.postgres.drafts import tell
from adapters.postgres.ledger.keys import key_columns
from adapters.postgres.ledger.ledger import limit_of
from adapters.postgres.session import Pool, Proof
from adapters.postgres.statements import statements
from gateway.domain.ledger import LimitKey, RecordDraft
from gateway.domain.refunds import Overdraft, Refund, RefundAnswer, RefundResult

_SQL = statements("holds")


class PostgresRefunds:
    """`gateway.hold_ports.Refunds` and `.Overdrafts`. Every error is LedgerUnavailable; the same
    refund may be handed in again."""

    def __init__(self, dsn: str, *, allow_unsafe: bool = False, kept: Proof | None = None) -> None:
        self._pool = Pool(dsn, size=2, allow_unsafe=allow_unsafe, kept=kept)

    async def close(self) -> None:
        await self._pool.close()

    async def refund(self, refund: Refund) -> RefundAnswer:
        return await self._pool.unbroken(self._refund(refund))

    async def untold(self, division: str, limit: int) -> list[Overdraft]:
        rows = await self._pool.fetch(_SQL["untold_overdrafts"], division, limit)
        return [Overdraft(limit=limit_of(row), noted_at=row["noted_at"]) for row in rows]

    async def tell(self, division: str, overdraft: Overdraft, record: RecordDraft) -> bool:
        """Write its record, once. False: somebody else did, or it is no more."""
        return await self._pool.unbroken(self._tell(division, overdraft, record))

    async def _refund(self, refund: Refund) -> RefundAnswer:
        record, payment = refund.record, refund.payment
        assert payment.division == refund.key.division
        async with self._pool.transaction() as connection:
            row = await connection.fetchrow(
                _SQL["refund"], uuid.uuid4(), *key_columns(refund.key), payment.fiscal_year,
                payment.voucher_type, payment.voucher_no, refund.amount_fen, refund.at,
                refund.digest, refund.handed.party, refund.handed.raw, record.kind,
                record.subject, record.body, refund.notification, refund.handed.signature,
                refund.reference,
            )  # fmt: skip
        assert row is not None
        return RefundAnswer(result=RefundResult(row["result"]), refundable_fen=row["refundable"])

    async def _tell(self, division: str, overdraft: Overdraft, record: RecordDraft) -> bool:
        line: LimitKey = overdraft.limit.key
        async with self._pool.transaction() as connection:
            told = await connection.fetchval(
                _SQL["tell_overdraft"], division, line.kind, line.id, overdraft.noted_at
            )
            if told is None:
                return False
            await tell(connection, division, record)
        return True

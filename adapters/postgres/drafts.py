"""Records that wait to be numbered and sealed, written in the transaction of what they tell."""

from adapters.postgres.session import Connection
from adapters.postgres.statements import statements
from gateway.domain.ledger import RecordDraft
from gateway.domain.records import digest_mark

_SQL = statements("drafts")


async def tell(
    connection: Connection, division: str, record: RecordDraft, disclosures: bytes | None = None
) -> None:
    """`disclosures`: the record's own, sealed as they are stored."""
    await connection.execute(
        _SQL["tell"], division, record.kind, record.subject, record.body, disclosures
    )


async def tell_conflict(
    connection: Connection, division: str, record: RecordDraft, digest: bytes, records_max: int,
    disclosures: bytes | None = None,
) -> bool:  # fmt: skip
    """False: this content is on record already, or `records_max` of this subject are."""
    await connection.execute(_SQL["lock_subject"], division, record.subject)
    written = await connection.fetchval(
        _SQL["tell_conflict"], division, record.subject, record.body, disclosures,
        digest_mark(digest), records_max,
    )  # fmt: skip
    return written is not None

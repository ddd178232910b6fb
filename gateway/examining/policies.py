"""Which book the gateway would start with, and whether a newer one was refused."""

import datetime as dt
from collections.abc import AsyncIterator, Sequence

from adapters.postgres.log.recordlog import PostgresRecordLog
from certs.keys import load_signer
from gateway.configured.keys import revocations_of, trust_of
from gateway.domain.certificates import Revocation
from gateway.domain.faults import LedgerUnavailable
from gateway.examining.finding import Finding, bad, good, warn
from gateway.policy_books.in_force import last_good
from gateway.policy_books.older import Told, older_book, told_of, unsigned_book
from gateway.settings import Secrets, Settings
from policies.book.book import Book
from policies.book.load import load


async def policies(
    settings: Settings, secrets: Secrets, now: dt.datetime
) -> AsyncIterator[Finding]:
    """Signed books are proven as `serve` proves them; a folder is loaded and called unsigned."""
    try:
        if settings.policies.folder is not None:
            book = load(settings.policies.folder)
            yield good("policies", f"{_words(book)}, an unsigned folder")
            if words := unsigned_book(await told_in(secrets.database, settings.gateway.divisions)):
                yield bad("policies", words)
            return
        own = settings.record_key
        signer = load_signer(own.certificate, own.key, secrets.passphrase)
        trust = trust_of(settings, signer, await _ended(secrets.database))
        found, problem = await last_good(settings.policies, trust, now)
    except (ValueError, OSError) as refused:
        yield bad("policies", refused)
        return
    bundle = found.bundle
    signed = f"revision {bundle.revision}, signed by {bundle.author} and {bundle.approver}"
    yield good("policies", f"{_words(found.book)}, {signed}")
    told = await told_in(secrets.database, settings.gateway.divisions)
    if not problem and (older := older_book(told, bundle.revision)):
        yield bad("policies", older)
    if problem:
        yield warn("policies", f"refused, the one before it stays in force: {problem}")


async def _ended(database: str) -> list[Revocation]:
    """None where the database cannot say or was never migrated: that is a finding of its own."""
    try:
        return await revocations_of(database)
    except LedgerUnavailable:
        return []


async def told_in(database: str, divisions: Sequence[str]) -> Told:
    """What the log says was in force; nothing where the database cannot say."""
    records = PostgresRecordLog(database, pool_size=1)
    try:
        return await told_of(records, divisions)
    except LedgerUnavailable:
        return Told(book=0, registers={})
    finally:
        await records.close()


def _words(book: Book) -> str:
    return f"{len({unit.policy.id for unit in book.units})} policies, book {book.revision[:16]}"

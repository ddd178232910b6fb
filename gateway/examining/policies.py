"""Which book the gateway would start with, and whether a newer one was refused."""

import datetime as dt
from collections.abc import AsyncIterator

from certs.keys import load_signer
from gateway.configured.keys import revocations_of, trust_of
from gateway.domain.certificates import Revocation
from gateway.domain.faults import LedgerUnavailable
from gateway.examining.finding import Finding, bad, good, warn
from gateway.policy_books.in_force import last_good
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
    if problem:
        yield warn("policies", f"refused, the one before it stays in force: {problem}")


async def _ended(database: str) -> list[Revocation]:
    """None where the database cannot say or was never migrated: that is a finding of its own."""
    try:
        return await revocations_of(database)
    except LedgerUnavailable:
        return []


def _words(book: Book) -> str:
    return f"{len({unit.policy.id for unit in book.units})} policies, book {book.revision[:16]}"

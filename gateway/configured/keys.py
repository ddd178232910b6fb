"""This gateway's own keys, and whose signatures count beside them."""

from collections.abc import Iterable

from adapters.postgres.certificates.cases import PostgresCertificates
from adapters.postgres.session import Proof
from certs.keys import load_signer, load_sm2_signer
from certs.signatories import read_signatories
from certs.signing.signer import Signer, in_both_suites
from certs.tls import Credentials
from certs.trust import Trust
from gateway.domain.certificates import Revocation
from gateway.settings import Secrets, Settings


def record_signer(settings: Settings, secrets: Secrets) -> Signer:
    """The record key, in GW1-SM2-SM3 both. Raises ValueError (SuiteUnavailable among them)."""
    chosen = settings.record_key
    first = load_signer(chosen.certificate, chosen.key, secrets.passphrase)
    if chosen.sm2_certificate is None or chosen.sm2_key is None:
        return first
    sm2 = load_sm2_signer(chosen.sm2_certificate, chosen.sm2_key, secrets.passphrase)
    return in_both_suites(first, sm2)


def trust_of(settings: Settings, own: Signer, ended: Iterable[Revocation] = ()) -> Trust:
    """The parties whose signatures count, less those whom their authority's lists revoke, and of
    whoever asked the registry those whom it has `ended`.

    Raises ValueError, OSError.
    """
    chosen, revoked = settings.parties, [each.thumbprint for each in ended]
    table = read_signatories(chosen.authority, chosen.folder, revoked, chosen.revocations)
    return Trust(table, own)


async def revocations_of(database: str, kept: Proof | None = None) -> list[Revocation]:
    """What the registry has ended, and no list may tell yet. Raises LedgerUnavailable."""
    registry = PostgresCertificates(database, kept=kept)
    try:
        return await registry.revocations()
    finally:
        await registry.close()


def credentials(settings: Settings, secrets: Secrets) -> Credentials:
    return Credentials(
        certificate=settings.tls.certificate,
        key=settings.tls.key,
        passphrase=secrets.passphrase,
        authorities=settings.tls.authority,
        revocations=settings.tls.revocations,
    )

"""Whether a revocation list can be relied on, and whom it names (RFC 5280 section 6.3).

No delta, partitioned or indirect lists: what is marked critical and not known here is refused,
never skipped.
"""

import datetime as dt

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

_KNOWN_OF_LIST = (x509.AuthorityKeyIdentifier, x509.CRLNumber)
_KNOWN_OF_ENTRY = (x509.CRLReason, x509.InvalidityDate)


def against_list(
    revocations: x509.CertificateRevocationList, authority: x509.Certificate, at: dt.datetime
) -> list[str]:
    """Reasons why the list says nothing about the certificates of `authority` at `at`."""
    reasons = []
    if revocations.issuer != authority.subject:
        reasons.append("the list is of another authority")
    elif not _signed(revocations, authority):
        reasons.append("the list is not signed by the authority")
    if not _may(authority, "crl_sign"):
        reasons.append("the authority may not sign lists")
    end = revocations.next_update_utc
    if end is None or not revocations.last_update_utc <= at <= end:
        reasons.append("the list is not current")
    return reasons + incomplete(revocations)


def incomplete(revocations: x509.CertificateRevocationList) -> list[str]:
    """Reasons why somebody whom the list does not name may be revoked all the same."""
    reasons = []
    try:
        # Even if not marked critical: a list for some certificates only is not one for all.
        partial = (x509.IssuingDistributionPoint, x509.DeltaCRLIndicator)
        if any(isinstance(each.value, partial) for each in revocations.extensions):
            reasons.append("the list is one of several")
        reasons += _unknown(revocations.extensions, _KNOWN_OF_LIST)
        for entry in revocations:
            reasons += _unknown(entry.extensions, _KNOWN_OF_ENTRY)
    except (ValueError, x509.DuplicateExtension) as error:
        reasons.append(f"the list cannot be read: {error}")
    return reasons


def is_revoked(
    revocations: x509.CertificateRevocationList, certificate: x509.Certificate, at: dt.datetime
) -> bool:
    found = revocations.get_revoked_certificate_by_serial_number(certificate.serial_number)
    return found is not None and found.revocation_date_utc <= at


def _may(authority: x509.Certificate, what: str) -> bool:
    """Without the extension a key may do anything (RFC 5280 4.2.1.3)."""
    try:
        usage = authority.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return bool(getattr(usage, what))


def _signed(revocations: x509.CertificateRevocationList, authority: x509.Certificate) -> bool:
    try:
        return revocations.is_signature_valid(authority.public_key())  # type: ignore[arg-type]
    except (TypeError, ValueError, UnsupportedAlgorithm):
        return False


def _unknown(extensions: x509.Extensions, known: tuple[type, ...]) -> list[str]:
    return [
        f"the critical extension {each.oid.dotted_string} is not known"
        for each in extensions
        if each.critical and not isinstance(each.value, known)
    ]

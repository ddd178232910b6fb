"""Whether one certificate was signed by another's key, in either suite (RFC 5280, GM/T 0015)."""

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from certs.reading import REFUSALS
from certs.signing.sm2 import SM2, Sm2PublicKey
from certs.signing.suites import public_of

SM2_WITH_SM3 = x509.ObjectIdentifier("1.2.156.10197.1.501")


def issued_by(authority: x509.Certificate, certificate: x509.Certificate) -> bool:
    """Names and signature agree; whether the authority may issue at all is the caller's question.

    Raises SuiteUnavailable if an SM2 signature cannot be checked on this machine.
    """
    if certificate.signature_algorithm_oid == SM2_WITH_SM3:
        return _issued_in_sm2(authority, certificate)
    try:
        certificate.verify_directly_issued_by(authority)
    except (*REFUSALS, InvalidSignature):
        return False
    return True


def _issued_in_sm2(authority: x509.Certificate, certificate: x509.Certificate) -> bool:
    key = public_of(authority)
    return (
        isinstance(key, Sm2PublicKey)
        and certificate.issuer == authority.subject
        and SM2.verify_der(key, certificate.signature, certificate.tbs_certificate_bytes)
    )

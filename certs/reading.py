"""Certificates, requests and revocation lists as they are read: whole, or not at all.

The library reads them lazily and refuses in exceptions of six kinds, most of which are no
ValueError: a doubled extension is found by whoever first asks for any. Here all of it is asked
once, and whoever holds what was read is surprised by nothing.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

CODE = "x509_unreadable"
"""Stands in every such refusal, for programs and for whoever looks it up (docs/certificates.md)."""
REFUSALS = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)

_T = TypeVar("_T")


class Unreadable(ValueError):
    """Its bytes are no certificate, request or list that means one thing only."""


def certificates_in(
    pem: bytes, refusal: str = "the certificate cannot be read"
) -> Sequence[x509.Certificate]:
    """All of a PEM text, one at least. Raises Unreadable."""
    return _read(lambda: [_whole(each) for each in x509.load_pem_x509_certificates(pem)], refusal)


def certificate_of(der: bytes) -> x509.Certificate:
    """Raises Unreadable."""
    return _read(
        lambda: _whole(x509.load_der_x509_certificate(der)), "the certificate cannot be read"
    )


def request_in(pem: bytes) -> x509.CertificateSigningRequest:
    """PKCS#10 in PEM, whose signature is not looked at yet. Raises Unreadable."""
    return _read(lambda: _whole_request(x509.load_pem_x509_csr(pem)), "the request cannot be read")


def request_of(der: bytes) -> x509.CertificateSigningRequest:
    """The same in DER. Raises Unreadable."""
    return _read(lambda: _whole_request(x509.load_der_x509_csr(der)), "the request cannot be read")


def list_in(pem: bytes) -> x509.CertificateRevocationList:
    """One list in PEM. Raises Unreadable."""
    return _read(
        lambda: _whole_list(x509.load_pem_x509_crl(pem)), "the revocation list cannot be read"
    )


def _read(read: Callable[[], _T], refusal: str) -> _T:
    try:
        return read()
    except REFUSALS as error:
        raise Unreadable(f"{refusal} [{CODE}]: {error}") from error


def _whole(certificate: x509.Certificate) -> x509.Certificate:
    """Not its key: one of a curve that the library does not know (SM2) is read by
    `certs.signing.suites.public_of`, which refuses what no suite knows."""
    _ = certificate.extensions, certificate.subject, certificate.issuer
    _ = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return certificate


def _whole_request(request: x509.CertificateSigningRequest) -> x509.CertificateSigningRequest:
    _ = request.extensions, request.subject
    return request


def _whole_list(crl: x509.CertificateRevocationList) -> x509.CertificateRevocationList:
    _ = crl.extensions, crl.issuer, crl.last_update_utc, crl.next_update_utc
    for entry in crl:
        _ = entry.extensions, entry.revocation_date_utc
    return crl

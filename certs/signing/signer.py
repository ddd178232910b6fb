"""A party's signing key with its certificate: what makes our signatures, and names us in them."""

import datetime as dt

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from certs.signing.encoding import b64url
from certs.signing.jws import protected_header, sign_compact, sign_detached
from certs.signing.suites import P256, public_point


def thumbprint_of(certificate: x509.Certificate) -> str:
    """`x5t#S256` (RFC 7515 section 4.1.8): base64url SHA-256 of the DER certificate."""
    return b64url(certificate.fingerprint(hashes.SHA256()))


def uri_of(certificate: x509.Certificate) -> str:
    """The one URI SAN that names the party. Raises ValueError for none or several."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        raise ValueError("the certificate has no subject alternative name") from None
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    if len(uris) != 1:
        raise ValueError(f"the certificate has {len(uris)} URI names; exactly one must be there")
    return uris[0]


@attrs.frozen(kw_only=True)
class Signer:
    """Signs documents, receipts and checkpoints. Made by `signer`."""

    uri: str
    thumbprint: str
    certificate: x509.Certificate
    not_before: dt.datetime
    not_after: dt.datetime
    _key: ec.EllipticCurvePrivateKey = attrs.field(repr=False)
    _detached: str
    _compact: str

    def document(self, body: bytes) -> str:
        """Detached JWS over the exact bytes."""
        return sign_detached(self._key, self._detached, body)

    def receipt(self, payload: bytes) -> str:
        """Compact JWS carrying the payload."""
        return sign_compact(self._key, self._compact, payload)

    def raw(self, message: bytes) -> bytes:
        """r || s, 64 bytes."""
        return P256.sign_raw(self._key, message)

    def der(self, message: bytes) -> bytes:
        return P256.sign_der(self._key, message)


def signer(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Signer:
    """Raises ValueError if the key is not the certificate's, or not on P-256."""
    if public_point(certificate.public_key()) != public_point(key.public_key()):
        raise ValueError("the private key is not the certificate's")
    thumbprint = thumbprint_of(certificate)
    return Signer(
        uri=uri_of(certificate),
        thumbprint=thumbprint,
        certificate=certificate,
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        key=key,
        detached=protected_header(thumbprint, detached=True),
        compact=protected_header(thumbprint, detached=False),
    )

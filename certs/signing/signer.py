"""A party's signing key with its certificate: what makes our signatures, and names us in them."""

import datetime as dt

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from certs.signing.encoding import b64url
from certs.signing.jws import protected_header, sign_compact, sign_detached
from certs.signing.suites import PrivateKey, public_of, suite_of
from certs.token import TokenKey, TokenUnavailable


def thumbprint_of(certificate: x509.Certificate) -> str:
    """`x5t#S256` (RFC 7515 section 4.1.8): base64url SHA-256 of the DER certificate."""
    return b64url(certificate.fingerprint(hashes.SHA256()))


def uri_of(certificate: x509.Certificate | x509.CertificateSigningRequest) -> str:
    """The one URI SAN that names the party. Raises ValueError for none or several."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        raise ValueError("the certificate has no subject alternative name") from None
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    if len(uris) != 1:
        raise ValueError(f"the certificate has {len(uris)} URI names; exactly one must be there")
    return uris[0]


def holder_of(certificate: x509.Certificate) -> str:
    """Whom it names: its URI, or the subject of one that has none."""
    try:
        return uri_of(certificate)
    except ValueError:
        return certificate.subject.rfc4514_string()


@attrs.frozen(kw_only=True)
class Signer:
    """Signs documents, receipts and checkpoints. Made by `signer`.

    In the suite GW1-SM2-SM3 a party has two keys: checkpoints carry a line of each, documents and
    receipts are signed by the SM2 key.
    """

    uri: str
    thumbprint: str
    certificate: x509.Certificate
    not_before: dt.datetime
    not_after: dt.datetime
    _key: PrivateKey = attrs.field(repr=False)
    _detached: str
    _compact: str
    sm2: "Signer | None" = None
    """The same party's SM2 key, where its suite is GW1-SM2-SM3."""

    @property
    def suite(self) -> str:
        return suite_of((self.sm2 or self)._key).name

    @property
    def each(self) -> tuple["Signer", ...]:
        """One for each line of a checkpoint."""
        return (self, self.sm2) if self.sm2 else (self,)

    @property
    def in_token(self) -> bool:
        return any(isinstance(each._key, TokenKey) for each in self.each)

    @property
    def trouble(self) -> str:
        """Why it could not sign when it was last asked to: only a key in a token says so."""
        return next(
            (each._key.trouble for each in self.each if isinstance(each._key, TokenKey)), ""
        )

    def prove(self) -> str:
        """Sign something that is used nowhere, for a token may be away; why we cannot, else
        empty. Blocking."""
        try:
            for each in self.each:
                each.raw(b"a trial of this key")
        except TokenUnavailable as lost:
            return str(lost)
        return ""

    def document(self, body: bytes) -> str:
        """Detached JWS over the exact bytes. This and the others: TokenUnavailable."""
        chosen = self.sm2 or self
        return sign_detached(chosen._key, chosen._detached, body)

    def receipt(self, payload: bytes) -> str:
        """Compact JWS carrying the payload."""
        chosen = self.sm2 or self
        return sign_compact(chosen._key, chosen._compact, payload)

    def raw(self, message: bytes) -> bytes:
        """r || s, 64 bytes, by this very key."""
        return suite_of(self._key).sign_raw(self._key, message)

    def der(self, message: bytes) -> bytes:
        return suite_of(self._key).sign_der(self._key, message)


def in_both_suites(first: Signer, sm2: Signer) -> Signer:
    """One party's two keys as one. Raises ValueError if they are of two parties or one suite."""
    if first.uri != sm2.uri:
        raise ValueError(f"the SM2 certificate is of {sm2.uri}, not of {first.uri}")
    if first.suite == sm2.suite:
        raise ValueError("the SM2 certificate is not one of an SM2 key")
    return attrs.evolve(first, sm2=sm2)


def signer(certificate: x509.Certificate, key: PrivateKey) -> Signer:
    """Raises ValueError if the key is not the certificate's, or not on P-256 or SM2's curve."""
    if public_of(certificate) != key.public_key():
        raise ValueError("the private key is not the certificate's")
    thumbprint, alg = thumbprint_of(certificate), suite_of(key).jws_alg
    return Signer(
        uri=uri_of(certificate),
        thumbprint=thumbprint,
        certificate=certificate,
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        key=key,
        detached=protected_header(thumbprint, detached=True, alg=alg),
        compact=protected_header(thumbprint, detached=False, alg=alg),
    )

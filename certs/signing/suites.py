"""Signature suites: which curve, which hash, and the two spellings of a signature.

Everything above asks `suite_of(key)`: GW1-SM2-SM3 stands beside GW1-P256-SHA256.
"""

import hashlib
from typing import Any, Protocol, TypeAlias

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

from certs.signing.der import contents, elements
from certs.signing.sm2 import SM2, Sm2PrivateKey, Sm2PublicKey, read_sm2_public
from gateway.domain.log import P256_SHA256

PublicKey: TypeAlias = ec.EllipticCurvePublicKey | Sm2PublicKey
PrivateKey: TypeAlias = ec.EllipticCurvePrivateKey | Sm2PrivateKey

HALF_BYTES = 32
RAW_BYTES = 2 * HALF_BYTES
"""A raw signature is r || s, each 32 bytes, big-endian (RFC 7518 section 3.4; IEEE P1363)."""

_ECDSA_SHA256 = ec.ECDSA(hashes.SHA256())
_SIGNING = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
"""RFC 6979: the same receipt for the same decision, and no harm from a poor random source."""


class Suite(Protocol):
    """One family of signatures over messages (the suite hashes them itself)."""

    @property
    def name(self) -> str: ...

    @property
    def jws_alg(self) -> str:
        """The only value of `alg` that a JWS of this suite may carry."""
        ...

    def digest(self, message: bytes) -> bytes: ...

    def sign_raw(self, key: Any, message: bytes) -> bytes: ...

    def sign_der(self, key: Any, message: bytes) -> bytes: ...

    def verify_raw(self, key: Any, signature: bytes, message: bytes) -> bool: ...

    def verify_der(self, key: Any, signature: bytes, message: bytes) -> bool: ...


class P256Sha256:
    """ECDSA on P-256 with SHA-256 (FIPS 186-5)."""

    name = P256_SHA256
    jws_alg = "ES256"

    def digest(self, message: bytes) -> bytes:
        return hashlib.sha256(message).digest()

    def sign_raw(self, key: ec.EllipticCurvePrivateKey, message: bytes) -> bytes:
        r, s = decode_dss_signature(key.sign(message, _SIGNING))
        return r.to_bytes(HALF_BYTES, "big") + s.to_bytes(HALF_BYTES, "big")

    def sign_der(self, key: ec.EllipticCurvePrivateKey, message: bytes) -> bytes:
        return key.sign(message, _SIGNING)

    def verify_raw(self, key: ec.EllipticCurvePublicKey, signature: bytes, message: bytes) -> bool:
        """False for anything but a valid signature of exactly RAW_BYTES; never raises for one."""
        if len(signature) != RAW_BYTES:
            return False
        r = int.from_bytes(signature[:HALF_BYTES], "big")
        s = int.from_bytes(signature[HALF_BYTES:], "big")
        return _holds(key, encode_dss_signature(r, s), message)

    def verify_der(self, key: ec.EllipticCurvePublicKey, signature: bytes, message: bytes) -> bool:
        """False unless valid *and* spelled in DER: OpenSSL refuses a BER spelling of r, s."""
        return _holds(key, signature, message)


P256 = P256Sha256()
SUITES: dict[str, Suite] = {P256.name: P256, SM2.name: SM2}
JWS_ALGS = frozenset(suite.jws_alg for suite in SUITES.values())
_TBS_SPKI = 6
"""RFC 5280 section 4.1: version, serial, algorithm, issuer, validity, subject, then the key."""


def suite_of(key: object) -> Suite:
    """The suite of a public or private key: a signature proves nothing under another's rules."""
    return SM2 if isinstance(key, (Sm2PublicKey, Sm2PrivateKey)) else P256


def public_of(certificate: x509.Certificate) -> PublicKey:
    """A certificate's key, on P-256 or SM2's curve.

    Raises ValueError for any other, SuiteUnavailable (a ValueError) where SM2 cannot be done here.
    """
    try:
        return public_point(certificate.public_key())
    except UnsupportedAlgorithm:
        fields = list(elements(contents(certificate.tbs_certificate_bytes)))
        return read_sm2_public(fields[_TBS_SPKI])


def public_point(key: object) -> ec.EllipticCurvePublicKey:
    """The key itself if it is on P-256. Raises ValueError otherwise."""
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    raise ValueError("the key is not an elliptic-curve key on P-256")


def _holds(key: ec.EllipticCurvePublicKey, der: bytes, message: bytes) -> bool:
    try:
        key.verify(der, message, _ECDSA_SHA256)
    except InvalidSignature:
        return False
    return True

"""Signature suites: which curve, which hash, and the two spellings of a signature.

Everything above speaks to a `Suite`, so that GW1-SM2-SM3 can stand beside GW1-P256-SHA256.
"""

import hashlib
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

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

    def sign_raw(self, key: ec.EllipticCurvePrivateKey, message: bytes) -> bytes: ...

    def sign_der(self, key: ec.EllipticCurvePrivateKey, message: bytes) -> bytes: ...

    def verify_raw(
        self, key: ec.EllipticCurvePublicKey, signature: bytes, message: bytes
    ) -> bool: ...

    def verify_der(
        self, key: ec.EllipticCurvePublicKey, signature: bytes, message: bytes
    ) -> bool: ...


class P256Sha256:
    """ECDSA on P-256 with SHA-256 (FIPS 186-5)."""

    name = "GW1-P256-SHA256"
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
SUITES: dict[str, Suite] = {P256.name: P256}


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

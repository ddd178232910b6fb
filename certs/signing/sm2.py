"""SM2 with SM3 (GM/T 0003.2, 0004, 0009; GB/T 32918.2): keys, and the suite GW1-SM2-SM3."""

import attrs
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

from certs.signing.libcrypto import Key, libcrypto
from gateway.domain.log import SM2_SM3, sm3

HALF_BYTES = 32
RAW_BYTES = 2 * HALF_BYTES


@attrs.frozen(kw_only=True, eq=False)
class Sm2PublicKey:
    """Compared by its DER SubjectPublicKeyInfo."""

    spki: bytes
    _key: Key = attrs.field(repr=False)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sm2PublicKey) and self.spki == other.spki

    def __hash__(self) -> int:
        return hash(self.spki)

    def verify_der(self, signature: bytes, message: bytes) -> bool:
        """False unless valid and spelled in DER, with no byte to spare."""
        return _is_der(signature) and libcrypto().verify(self._key, signature, message)


@attrs.frozen(kw_only=True, eq=False)
class Sm2PrivateKey:
    _key: Key = attrs.field(repr=False)

    def public_key(self) -> Sm2PublicKey:
        return Sm2PublicKey(spki=libcrypto().spki(self._key), key=self._key)

    def sign_der(self, message: bytes) -> bytes:
        """Not deterministic: SM2 has no RFC 6979; two signatures of one message differ."""
        return libcrypto().sign(self._key, message)

    def pem(self, passphrase: bytes) -> bytes:
        return libcrypto().write_private(self._key, passphrase)


def generate_sm2() -> Sm2PrivateKey:
    """Raises SuiteUnavailable."""
    return Sm2PrivateKey(key=libcrypto().generate())


def read_sm2_private(pem: bytes, passphrase: bytes) -> Sm2PrivateKey:
    """From encrypted PKCS#8 in PEM. Raises ValueError, SuiteUnavailable."""
    if b"ENCRYPTED" not in pem:
        raise ValueError("the private key is not encrypted")
    return Sm2PrivateKey(key=libcrypto().read_private(pem, passphrase))


def read_sm2_public(spki: bytes) -> Sm2PublicKey:
    """From DER SubjectPublicKeyInfo. Raises ValueError, SuiteUnavailable."""
    key = libcrypto().read_public(spki)
    if libcrypto().spki(key) != spki:
        raise ValueError("the public key has another spelling than its only one")
    return Sm2PublicKey(spki=spki, key=key)


class Sm2Sm3:
    """A message's SM3 is taken with the signer's identifier and key before it (Z_A)."""

    name = SM2_SM3
    jws_alg = SM2_SM3
    """JOSE registers no SM2; a private name, as RFC 7515 section 4.1.1 lets us."""

    def digest(self, message: bytes) -> bytes:
        return sm3(message)

    def sign_raw(self, key: Sm2PrivateKey, message: bytes) -> bytes:
        r, s = decode_dss_signature(key.sign_der(message))
        return r.to_bytes(HALF_BYTES, "big") + s.to_bytes(HALF_BYTES, "big")

    def sign_der(self, key: Sm2PrivateKey, message: bytes) -> bytes:
        return key.sign_der(message)

    def verify_raw(self, key: Sm2PublicKey, signature: bytes, message: bytes) -> bool:
        """False for anything but a valid signature of exactly RAW_BYTES; never raises for one."""
        if len(signature) != RAW_BYTES:
            return False
        r = int.from_bytes(signature[:HALF_BYTES], "big")
        s = int.from_bytes(signature[HALF_BYTES:], "big")
        return key.verify_der(encode_dss_signature(r, s), message)

    def verify_der(self, key: Sm2PublicKey, signature: bytes, message: bytes) -> bool:
        return key.verify_der(signature, message)


SM2 = Sm2Sm3()


def _is_der(signature: bytes) -> bool:
    try:
        return encode_dss_signature(*decode_dss_signature(signature)) == signature
    except ValueError:
        return False

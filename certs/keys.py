"""Private keys and certificates on disk: keys encrypted, their owner's only, whole or absent.

A key's file holds encrypted PKCS#8, a sealed key (`certs/sealed_key.py`) or the name of a key in a
token (`certs/token.py`); whoever opens it need not know which.
"""

import secrets
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from certs.files import own_file, save_new
from certs.reading import certificates_in
from certs.sealed_key import is_sealed, seal, unseal
from certs.signing.libcrypto import SuiteUnavailable
from certs.signing.signer import Signer, signer
from certs.signing.sm2 import Sm2PrivateKey, read_sm2_private
from certs.signing.suites import PrivateKey, public_point
from certs.token import is_token, open_token_key

PASSPHRASE_BYTES_MIN = 12
"""PKCS#8 as written here derives its key with PBKDF2: the passphrase must carry the strength."""


def generate_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def new_passphrase() -> bytes:
    """128 random bits as text, for keys that a program makes for itself."""
    return secrets.token_urlsafe(16).encode("ascii")


def save_key(path: Path, key: PrivateKey, passphrase: bytes) -> None:
    """Encrypted PKCS#8 (RFC 5958) in PEM, mode 0600. Refuses to overwrite a key."""
    _check_passphrase(passphrase)
    save_new(path, _encrypted(key, passphrase))


def save_sealed(path: Path, key: ec.EllipticCurvePrivateKey, passphrase: bytes) -> None:
    """Argon2id and AES-256-GCM, mode 0600. Refuses to overwrite a key."""
    _check_passphrase(passphrase)
    save_new(path, seal(key, passphrase))


def load_sm2_key(path: Path, passphrase: bytes) -> Sm2PrivateKey:
    """As `load_key`, of the suite GW1-SM2-SM3. Raises ValueError, SuiteUnavailable (one too)."""
    pem = own_file(path)
    try:
        return read_sm2_private(pem, passphrase)
    except SuiteUnavailable:
        raise
    except ValueError as error:
        raise ValueError(
            f"{path.name} does not open as an SM2 key: unencrypted, damaged, of another suite, "
            "or another passphrase"
        ) from error


def load_key(path: Path, passphrase: bytes) -> ec.EllipticCurvePrivateKey:
    """Raises ValueError for an unencrypted, foreign or unreadable key, naming the file only."""
    pem = own_file(path)
    if is_token(pem):
        return open_token_key(pem.decode("ascii", "replace"), passphrase)
    if not passphrase:
        raise ValueError(f"{path.name}: no passphrase is given (--passphrase, or its variable)")
    try:
        if is_sealed(pem):
            return unseal(pem, passphrase)
        key = serialization.load_pem_private_key(pem, passphrase)
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"{path.name} does not open: unencrypted, damaged or another passphrase"
        ) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError(f"{path.name} is not an elliptic-curve key")
    public_point(key.public_key())
    return key


def save_certificates(path: Path, certificates: Sequence[x509.Certificate]) -> None:
    """PEM, one after another: a leaf first, then its authorities."""
    path.write_bytes(b"".join(pem_of(each) for each in certificates))


def load_certificates(path: Path) -> tuple[x509.Certificate, ...]:
    """All certificates of a PEM file. Raises ValueError if it holds none or a broken one."""
    return tuple(certificates_in(path.read_bytes(), f"{path.name} holds no readable certificate"))


def read_certificate(pem: bytes) -> x509.Certificate:
    """Raises ValueError."""
    return certificates_in(pem)[0]


def load_signer(certificate: Path, key: Path, passphrase: bytes) -> Signer:
    """A record or document key from its two files. Raises ValueError."""
    return signer(load_certificates(certificate)[0], load_key(key, passphrase))


def load_sm2_signer(certificate: Path, key: Path, passphrase: bytes) -> Signer:
    """The same party's SM2 key from its two files. Raises ValueError."""
    return signer(load_certificates(certificate)[0], load_sm2_key(key, passphrase))


def _check_passphrase(passphrase: bytes) -> None:
    if len(passphrase) < PASSPHRASE_BYTES_MIN:
        raise ValueError(f"the passphrase must have {PASSPHRASE_BYTES_MIN} bytes or more")


def _encrypted(key: PrivateKey, passphrase: bytes) -> bytes:
    if isinstance(key, Sm2PrivateKey):
        return key.pem(passphrase)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(passphrase),
    )


def pem_of(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)

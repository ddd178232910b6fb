"""A private key at rest: AES-256-GCM under a key that Argon2id makes of the passphrase (RFC 9106).

The file is one JSON document; its header is authenticated with the key, so that nobody weakens the
cost unseen.
"""

import base64
import secrets
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from certs.stretching import ALONE

FORM = "treasury-sealed-key-1"
MEMORY_KIB = 64 * 1024
ITERATIONS = 3
LANES = 4
"""RFC 9106 section 4, the second recommended set."""
MEMORY_KIB_MAX = 1024 * 1024
ITERATIONS_MAX = 64
SALT_BYTES, NONCE_BYTES, KEY_BYTES = 16, 12, 32


def is_sealed(file: bytes) -> bool:
    return file.lstrip().startswith(b"{")


def seal(key: ec.EllipticCurvePrivateKey, passphrase: bytes) -> bytes:
    """The file's bytes."""
    plain = key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    header: dict[str, Any] = {
        "form": FORM, "iterations": ITERATIONS, "lanes": LANES, "memory_kib": MEMORY_KIB,
        "nonce": _text(secrets.token_bytes(NONCE_BYTES)),
        "salt": _text(secrets.token_bytes(SALT_BYTES)),
    }  # fmt: skip
    sealed = _cipher(header, passphrase).encrypt(_bytes(header["nonce"]), plain, _canonical(header))
    return _canonical({**header, "sealed": _text(sealed)}) + b"\n"


def unseal(file: bytes, passphrase: bytes) -> ec.EllipticCurvePrivateKey:
    """Raises ValueError: not such a file, a cost beyond reason, damaged, or another passphrase."""
    header = _header(file)
    sealed = _bytes(header.pop("sealed"))
    try:
        plain = _cipher(header, passphrase).decrypt(
            _bytes(header["nonce"]), sealed, _canonical(header)
        )
    except InvalidTag as error:
        raise ValueError("damaged, or another passphrase") from error
    key = serialization.load_der_private_key(plain, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("not an elliptic-curve key")
    return key


def _header(file: bytes) -> dict[str, Any]:
    try:
        header = orjson.loads(file)
        sizes = header["memory_kib"], header["iterations"], header["lanes"]
        if header["form"] != FORM or set(header) != {
            "form", "iterations", "lanes", "memory_kib", "nonce", "salt", "sealed",
        }:  # fmt: skip
            raise ValueError("not a sealed key")
        if not all(type(size) is int and size > 0 for size in sizes):
            raise ValueError("its cost is no number")
        if sizes[0] > MEMORY_KIB_MAX or sizes[1] > ITERATIONS_MAX or sizes[2] > ITERATIONS_MAX:
            raise ValueError("its cost is beyond reason")
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError("not a sealed key") from error
    return dict(header)


def _cipher(header: dict[str, Any], passphrase: bytes) -> AESGCM:
    kdf = Argon2id(
        salt=_bytes(header["salt"]),
        length=KEY_BYTES,
        iterations=header["iterations"],
        lanes=header["lanes"],
        memory_cost=header["memory_kib"],
    )
    with ALONE:
        return AESGCM(kdf.derive(passphrase))


def _canonical(header: dict[str, Any]) -> bytes:
    return orjson.dumps(header, option=orjson.OPT_SORT_KEYS)


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


def _bytes(value: str) -> bytes:
    return base64.b64decode(value, validate=True)

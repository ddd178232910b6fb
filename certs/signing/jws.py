"""JSON Web Signatures: detached over raw bytes (RFC 7797), compact for receipts.

Only the algorithm of the signer's suite (ES256 or GW1-SM2-SM3), only the header members named here,
only one spelling of every value. A header that was understood once is remembered by its text, so a
known signer costs one look-up and one verification.
"""

import json
from enum import StrEnum
from typing import Any

import attrs

from certs.signing.encoding import b64url, from_b64url
from certs.signing.suites import JWS_ALGS, P256, RAW_BYTES, PrivateKey, PublicKey, suite_of
from gateway.domain.once import once

HEADER_CHARS_MAX = 1024
NAME_CHARS_MAX = 60
"""Of a member's name that is quoted, in ASCII: it may hold what no answer can."""
THUMBPRINT_CHARS = 43
"""base64url of a SHA-256, unpadded."""
SIGNATURE_CHARS = 86
_IGNORED = frozenset({"kid", "typ"})
"""Members that may be there (strings) and decide nothing."""


class JwsFault(StrEnum):
    MALFORMED = "malformed"
    HEADER = "header"
    ENCODING = "encoding"
    SIGNATURE = "signature"


class JwsRefused(ValueError):
    """The token is not one of ours, or does not prove its bytes."""

    def __init__(self, fault: JwsFault, detail: str) -> None:
        super().__init__(detail)
        self.fault = fault
        self.detail = detail


@attrs.frozen(kw_only=True)
class Header:
    """What a protected header says, once it has been found strict."""

    alg: str
    thumbprint: str | None
    """`x5t#S256`: base64url SHA-256 of the signer's DER certificate (RFC 7515 section 4.1.8)."""
    detached: bool


def protected_header(thumbprint: str | None, *, detached: bool, alg: str = P256.jws_alg) -> str:
    """The protected part that we write: `{"alg","b64","crit","x5t#S256"}`, encoded."""
    fields: dict[str, Any] = {"alg": alg}
    if detached:
        fields |= {"b64": False, "crit": ["b64"]}
    if thumbprint is not None:
        fields["x5t#S256"] = thumbprint
    return b64url(json.dumps(fields, separators=(",", ":")).encode("ascii"))


def signing_input(protected: str, payload: bytes) -> bytes:
    """ASCII(protected) || '.' || payload: the payload raw if detached, else its base64url."""
    return protected.encode("ascii") + b"." + payload


def sign_detached(key: PrivateKey, protected: str, body: bytes) -> str:
    """`<protected>..<signature>` over the exact bytes of `body` (RFC 7797, b64=false)."""
    return f"{protected}..{b64url(suite_of(key).sign_raw(key, signing_input(protected, body)))}"


def sign_compact(key: PrivateKey, protected: str, payload: bytes) -> str:
    """`<protected>.<payload>.<signature>` (RFC 7515 section 7.1)."""
    text = b64url(payload)
    signature = suite_of(key).sign_raw(key, signing_input(protected, text.encode("ascii")))
    return f"{protected}.{text}.{b64url(signature)}"


def split_detached(token: str) -> tuple[str, bytes]:
    """The protected part (not yet read) and the 64 signature bytes. Raises JwsRefused."""
    protected, dots, signature = token.partition("..")
    if not dots or not protected or "." in signature:
        raise JwsRefused(JwsFault.MALFORMED, "not a detached JWS: <header>..<signature>")
    return protected, _signature_bytes(signature)


def read_header(protected: str, *, detached: bool) -> Header:
    """Decode and check a protected header strictly. Raises JwsRefused.

    `alg` must be one of ours, and is the caller's to hold against the key; a detached header must
    say `"b64":false,"crit":["b64"]`, a compact one neither; anything else but x5t#S256, kid and typ
    is refused, as are duplicate members.
    """
    fields = _header_fields(protected)
    alg = fields.pop("alg", None)
    _expect(isinstance(alg, str) and alg in JWS_ALGS, "alg must be ES256 or GW1-SM2-SM3")
    if detached:
        _expect(fields.pop("b64", None) is False, "b64 must be false")
        _expect(fields.pop("crit", None) == ["b64"], 'crit must be ["b64"]')
    thumbprint = fields.pop("x5t#S256", None)
    _expect(thumbprint is None or _is_thumbprint(thumbprint), "x5t#S256 is not a SHA-256")
    for name, value in fields.items():
        known = name in _IGNORED and isinstance(value, str)
        _expect(known, f"header member not known: {name!a:.{NAME_CHARS_MAX}}")
    return Header(alg=alg, thumbprint=thumbprint, detached=detached)


def read_compact(token: str) -> tuple[Header, bytes]:
    """Header and payload of a compact token, NOT yet proven: for finding the key to prove it."""
    protected, payload, _ = _three(token)
    return read_header(protected, detached=False), _decoded(payload)


def verify_compact(key: PublicKey, token: str) -> bytes:
    """The proven payload of a compact token. Raises JwsRefused."""
    protected, payload, signature = _three(token)
    expect_alg(read_header(protected, detached=False), key)
    body = _decoded(payload)
    message = signing_input(protected, payload.encode("ascii"))
    if not suite_of(key).verify_raw(key, _signature_bytes(signature), message):
        raise JwsRefused(JwsFault.SIGNATURE, "the signature does not prove this payload")
    return body


def expect_alg(header: Header, key: PublicKey) -> None:
    """The key says how it signs; what a token says of itself only has to agree. JwsRefused."""
    _expect(header.alg == suite_of(key).jws_alg, "alg is not that of the signer's key")


def _three(token: str) -> tuple[str, str, str]:
    parts = token.split(".", 3)
    if len(parts) != 3 or not all(parts):
        raise JwsRefused(JwsFault.MALFORMED, "not a compact JWS: <header>.<payload>.<signature>")
    return parts[0], parts[1], parts[2]


def _header_fields(protected: str) -> dict[str, Any]:
    if len(protected) > HEADER_CHARS_MAX:
        raise JwsRefused(JwsFault.HEADER, "header too long")
    text = _decoded(protected)
    try:
        fields = json.loads(text.decode("utf-8"), object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        raise JwsRefused(JwsFault.HEADER, f"the header is not JSON: {error}") from error
    if not isinstance(fields, dict):
        raise JwsRefused(JwsFault.HEADER, "the header is not a JSON object")
    return fields


def _is_thumbprint(value: object) -> bool:
    if not isinstance(value, str) or len(value) != THUMBPRINT_CHARS:
        return False
    try:
        from_b64url(value)
    except ValueError:
        return False
    return True


def _signature_bytes(text: str) -> bytes:
    # 86 characters are 64 bytes: a DER signature, or one with extra zeroes, has another length.
    if len(text) != SIGNATURE_CHARS:
        raise JwsRefused(JwsFault.SIGNATURE, f"a signature has {RAW_BYTES} bytes, r || s")
    return _decoded(text)


def _decoded(text: str) -> bytes:
    try:
        return from_b64url(text)
    except ValueError as error:
        raise JwsRefused(JwsFault.ENCODING, str(error)) from error


def _expect(holds: bool, detail: str) -> None:
    if not holds:
        raise JwsRefused(JwsFault.HEADER, detail)

"""A private key inside a PKCS#11 token (an HSM): it signs there and never leaves.

The key's file holds a URI (RFC 7512) in place of a key, such as
`pkcs11:token=treasury;object=record-2026?module-path=/usr/lib/softhsm/libsofthsm2.so`. The token's
PIN is the passphrase that would have opened the file.
"""

from types import ModuleType
from typing import Any, NoReturn
from urllib.parse import unquote

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    encode_dss_signature,
)

SCHEME = "pkcs11:"
RAW_BYTES = 64


class TokenUnavailable(ValueError):
    """The token, its module or python-pkcs11 is missing, or it does not let us in."""


def is_token(file: bytes) -> bool:
    return file.lstrip().startswith(SCHEME.encode())


class TokenKey(ec.EllipticCurvePrivateKey):
    """A P-256 key that lives in a token; wherever a private key signs, this one does too."""

    def __init__(self, session: Any, key: Any, public: ec.EllipticCurvePublicKey) -> None:
        self._session = session
        self._key = key
        self._public = public

    @property
    def curve(self) -> ec.EllipticCurve:
        return self._public.curve

    @property
    def key_size(self) -> int:
        return self._public.key_size

    def public_key(self) -> ec.EllipticCurvePublicKey:
        return self._public

    def sign(self, data: Any, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
        """DER (RFC 3279). The token gives r || s over a digest made here."""
        algorithm = signature_algorithm.algorithm
        if isinstance(algorithm, Prehashed):
            digest = bytes(data)
        else:
            hasher = hashes.Hash(algorithm)
            hasher.update(data)
            digest = hasher.finalize()
        raw = self._key.sign(digest, mechanism=_pkcs11().Mechanism.ECDSA)
        half = len(raw) // 2
        return encode_dss_signature(
            int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big")
        )

    def exchange(self, algorithm: ec.ECDH, peer_public_key: ec.EllipticCurvePublicKey) -> NoReturn:
        raise TokenUnavailable("a signing key of a token agrees on no secrets")

    def private_numbers(self) -> NoReturn:
        raise TokenUnavailable("the key does not leave its token")

    def private_bytes(
        self,
        encoding: serialization.Encoding,
        format: serialization.PrivateFormat,
        encryption_algorithm: serialization.KeySerializationEncryption,
    ) -> NoReturn:
        raise TokenUnavailable("the key does not leave its token")

    def __copy__(self) -> "TokenKey":
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> "TokenKey":
        return self


def open_token_key(uri: str, pin: bytes) -> TokenKey:
    """The key that the URI names. Raises TokenUnavailable with what is missing."""
    path, query = _parts(uri)
    session = _session(path, query, pin)
    pkcs11 = _pkcs11()
    try:
        private = session.get_key(
            object_class=pkcs11.ObjectClass.PRIVATE_KEY, label=path.get("object")
        )
        public = session.get_key(
            object_class=pkcs11.ObjectClass.PUBLIC_KEY, label=path.get("object")
        )
    except pkcs11.PKCS11Error as error:
        raise TokenUnavailable(f"the token holds no key {path.get('object')!r}") from error
    return TokenKey(session, private, _public_of(public))


def make_token_key(uri: str, pin: bytes) -> TokenKey:
    """Make a P-256 key pair in the token under the URI's name. Raises TokenUnavailable."""
    path, query = _parts(uri)
    session = _session(path, query, pin)
    pkcs11 = _pkcs11()
    import pkcs11.util.ec as curves

    try:
        parameters = session.create_domain_parameters(
            pkcs11.KeyType.EC,
            {pkcs11.Attribute.EC_PARAMS: curves.encode_named_curve_parameters("secp256r1")},
            local=True,
        )
        public, private = parameters.generate_keypair(
            store=True, label=path["object"], mechanism=pkcs11.Mechanism.EC_KEY_PAIR_GEN
        )
    except pkcs11.PKCS11Error as error:
        raise TokenUnavailable(f"the token makes no key: {type(error).__name__}") from error
    return TokenKey(session, private, _public_of(public))


def _public_of(public: Any) -> ec.EllipticCurvePublicKey:
    import pkcs11.util.ec as curves

    found = serialization.load_der_public_key(curves.encode_ec_public_key(public))
    if not isinstance(found, ec.EllipticCurvePublicKey):
        raise TokenUnavailable("the token's key is not an elliptic-curve key")
    return found


_sessions: dict[tuple[str, str], Any] = {}
"""A token lets a process in once; its sessions are kept for the life of the process."""


def _session(path: dict[str, str], query: dict[str, str], pin: bytes) -> Any:
    module, token = query.get("module-path"), path.get("token")
    if not module or not token or not path.get("object"):
        raise TokenUnavailable("the URI must name token, object and module-path")
    if found := _sessions.get((module, token)):
        return found
    pkcs11 = _pkcs11()
    try:
        library = pkcs11.lib(module)
        opened = library.get_token(token_label=token).open(rw=True, user_pin=pin.decode())
    except pkcs11.PinIncorrect as error:
        raise TokenUnavailable(f"token {token}: the PIN is not accepted") from error
    except (pkcs11.PKCS11Error, RuntimeError, OSError) as error:
        raise TokenUnavailable(f"token {token}: {type(error).__name__} {error}") from error
    _sessions[module, token] = opened
    return opened


def _parts(uri: str) -> tuple[dict[str, str], dict[str, str]]:
    head, _, tail = uri.strip().partition("?")
    path = dict(_pair(each) for each in head.removeprefix(SCHEME).split(";") if each)
    return path, dict(_pair(each) for each in tail.split("&") if each)


def _pair(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name, unquote(value)


def _pkcs11() -> ModuleType:
    try:
        import pkcs11
    except ImportError as error:
        raise TokenUnavailable(
            "keys in a token need python-pkcs11: install treasury-gateway[hsm]"
        ) from error
    module: ModuleType = pkcs11
    return module

"""A private key inside a PKCS#11 token (an HSM): it signs there and never leaves.

The key's file holds a URI (RFC 7512) in place of a key, such as
`pkcs11:token=treasury;object=record-2026?module-path=/usr/lib/softhsm/libsofthsm2.so`. The token's
PIN stands in the file that `pin-source` names; without one it is the passphrase that would have
opened the key's file.
"""

import asyncio
import hashlib
import threading
import time
from concurrent.futures import Future, wait
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn
from urllib.parse import unquote

import attrs
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    encode_dss_signature,
)

from certs.files import own_file

SCHEME = "pkcs11:"
AGAIN_S = 2.0
"""So often a token that could not sign is opened anew: an open call may hang for seconds."""
ON_A_LOOP_AGAIN_S = 30.0
"""The same where everybody else waits too. Programs that serve try beside it, in a thread."""
SILENT_S = 2.0
"""A token that has not answered by then hangs (a device on a network): nobody on an event loop
waits longer, and a command `ON_A_LOOP_AGAIN_S` more (decision 0157)."""


class TokenUnavailable(ValueError):
    """The token, its module or python-pkcs11 is missing, or it does not let us in."""


class PinRefused(TokenUnavailable):
    """Whoever starts a program again and again with such a PIN locks the token."""


def is_token(file: bytes) -> bool:
    return file.lstrip().startswith(SCHEME.encode())


@attrs.frozen
class TokenUri:
    """What a key's file says of a key in a token. Made by `read_uri`."""

    module: str
    token: str
    object: str
    pin_source: str = ""

    def pin(self, passphrase: bytes) -> bytes:
        """Raises TokenUnavailable."""
        if not self.pin_source:
            if not passphrase:
                lacking = "no PIN: name its file (pin-source), or give the passphrase"
                raise TokenUnavailable(f"token {self.token}: {lacking}")
            return passphrase
        try:
            return own_file(Path(self.pin_source)).strip()
        except (OSError, ValueError) as error:
            words = getattr(error, "strerror", None) or error
            raise TokenUnavailable(f"pin-source {self.pin_source}: {words}") from error


def read_uri(text: str) -> TokenUri:
    """Raises TokenUnavailable."""
    head, _, tail = text.strip().partition("?")
    path = dict(_pair(each) for each in head.removeprefix(SCHEME).split(";") if each)
    query = dict(_pair(each) for each in tail.split("&") if each)
    found = [query.get("module-path"), path.get("token"), path.get("object")]
    if not head.startswith(SCHEME) or not all(found):
        example = f"{SCHEME}token=T;object=KEY?module-path=/usr/lib/MODULE.so"
        raise TokenUnavailable(
            f"the URI must name token, object and module-path, as in {example} (in a shell: quoted)"
        )
    if "pin-value" in query:
        raise TokenUnavailable("no PIN stands in a URI: put it into a file, pin-source=FILE")
    source = query.get("pin-source", "").removeprefix("file:")
    if source and not source.startswith("/"):
        raise TokenUnavailable("pin-source must be a file, with its whole path")
    module, token, name = map(str, found)
    return TokenUri(module, token, name, "/" + source.lstrip("/") if source else "")


class TokenKey(ec.EllipticCurvePrivateKey):
    """A P-256 key that lives in a token; wherever a private key signs, this one does too.

    A token that was away (a restart, a network) is opened anew; while it is, `trouble` says so.
    """

    def __init__(self, uri: TokenUri, pin: bytes, key: Any, public: ec.EllipticCurvePublicKey):
        self._uri = uri
        self._pin = pin
        self._key = key
        self._public = public
        self._start = _starts.get(uri.module, 0)
        self._tried_at = 0.0
        self.trouble = ""
        """Why it could not sign when it was last asked to."""

    @property
    def curve(self) -> ec.EllipticCurve:
        return self._public.curve

    @property
    def key_size(self) -> int:
        return self._public.key_size

    def public_key(self) -> ec.EllipticCurvePublicKey:
        return self._public

    def sign(self, data: Any, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
        """DER (RFC 3279). The token gives r || s over a digest made here. Raises
        TokenUnavailable."""
        algorithm = signature_algorithm.algorithm
        if isinstance(algorithm, Prehashed):
            digest = bytes(data)
        else:
            hasher = hashes.Hash(algorithm)
            hasher.update(data)
            digest = hasher.finalize()
        raw = self._raw(digest)
        half = len(raw) // 2
        return encode_dss_signature(
            int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big")
        )

    def _raw(self, digest: bytes) -> bytes:
        """Once more with a new session if this one is gone, or the whole token was."""
        if not _turn.acquire(timeout=0 if self.trouble else SILENT_S):
            self.trouble = self.trouble or self._hangs
            raise TokenUnavailable(self.trouble)  # another thread waits for a token already
        pause = ON_A_LOOP_AGAIN_S if _on_a_loop() else AGAIN_S
        if self.trouble and time.monotonic() - self._tried_at < pause:
            _turn.release()
            raise TokenUnavailable(self.trouble)
        answered: Future[bytes] = Future()
        threading.Thread(target=self._in_turn, args=(digest, answered), daemon=True).start()
        for patience_s in (SILENT_S,) if _on_a_loop() else (SILENT_S, ON_A_LOOP_AGAIN_S):
            if answered in wait([answered], patience_s).done:
                raw = answered.result()
                self.trouble = ""
                return raw
            self.trouble = self._hangs
        raise TokenUnavailable(self.trouble)

    def _in_turn(self, digest: bytes, answered: "Future[bytes]") -> None:
        """Beside whoever asked: a call into a module that hangs cannot be left. It keeps the turn
        until it is answered; then it clears the trouble by itself."""
        try:
            raw = self._raw_or_anew(digest)
        except Exception as error:  # noqa: BLE001 - whoever asked is told, or nobody is
            _turn.release()
            answered.set_exception(error)
        else:
            _turn.release()
            answered.set_result(raw)

    @property
    def _hangs(self) -> str:
        token, key = self._uri.token, self._uri.object
        return f"the key {key!r} cannot sign: token {token} does not answer (runbooks/hsm-lost)"

    def _raw_or_anew(self, digest: bytes) -> bytes:
        pkcs11 = _pkcs11()
        try:
            try:
                raw = self._raw_now(digest)
            except (TokenUnavailable, pkcs11.PKCS11Error):
                self.trouble = self.trouble or f"token {self._uri.token} is opened anew"
                _start_anew(self._uri)
                raw = self._raw_now(digest)
        except (TokenUnavailable, pkcs11.PKCS11Error) as error:
            self._tried_at = time.monotonic()
            words = str(error) or type(error).__name__
            self.trouble = f"the key {self._uri.object!r} cannot sign: {words}"
            raise TokenUnavailable(self.trouble) from error
        self.trouble = ""
        return raw

    def _raw_now(self, digest: bytes) -> bytes:
        """Raises TokenUnavailable, pkcs11.PKCS11Error."""
        started = _starts.get(self._uri.module, 0)
        if self._start != started:  # a number that named this key may name another one by now
            pin = self._uri.pin(self._pin)  # its file anew: the token may have another PIN by now
            self._key, public = _pair_in(_session(self._uri, pin), self._uri)
            if public != self._public:
                raise TokenUnavailable(f"token {self._uri.token} holds another key of this name")
            self._start = started
        return bytes(self._key.sign(digest, mechanism=_pkcs11().Mechanism.ECDSA))

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


def open_token_key(text: str, passphrase: bytes) -> TokenKey:
    """The key that the URI names. Raises TokenUnavailable with what is missing."""
    uri = read_uri(text)
    pin = uri.pin(passphrase)
    with _turn:  # what was looked up before a start anew would count as looked up after it
        private, public = _pair_in(_session(uri, pin), uri)
        return TokenKey(uri, pin, private, public)


def make_token_key(text: str, passphrase: bytes) -> TokenKey:
    """Make a P-256 key pair in the token under the URI's name, to sign with and nothing else. Of
    two keys of one name neither could be opened. Raises TokenUnavailable."""
    uri = read_uri(text)
    pin = uri.pin(passphrase)
    session = _session(uri, pin)
    pkcs11 = _pkcs11()
    import pkcs11.util.ec as curves

    try:
        if any(session.get_objects({pkcs11.Attribute.LABEL: uri.object})):
            raise TokenUnavailable(
                f"token {uri.token} holds {uri.object!r} already: take another name, object=..."
            )
        parameters = session.create_domain_parameters(
            pkcs11.KeyType.EC,
            {pkcs11.Attribute.EC_PARAMS: curves.encode_named_curve_parameters("secp256r1")},
            local=True,
        )
        public, private = parameters.generate_keypair(
            store=True, label=uri.object, mechanism=pkcs11.Mechanism.EC_KEY_PAIR_GEN,
            capabilities=pkcs11.MechanismFlag.SIGN | pkcs11.MechanismFlag.VERIFY,
        )  # fmt: skip
    except pkcs11.PKCS11Error as error:
        raise TokenUnavailable(f"the token makes no key: {type(error).__name__}") from error
    return TokenKey(uri, pin, private, _public_of(public))


def _pair_in(session: Any, uri: TokenUri) -> tuple[Any, ec.EllipticCurvePublicKey]:
    """The private key, and the public one beside it. Raises TokenUnavailable."""
    pkcs11 = _pkcs11()
    found = []
    for kind in (pkcs11.ObjectClass.PRIVATE_KEY, pkcs11.ObjectClass.PUBLIC_KEY):
        part = f"{'private' if kind is pkcs11.ObjectClass.PRIVATE_KEY else 'public'} key"
        try:
            found.append(session.get_key(object_class=kind, label=uri.object))
        except pkcs11.NoSuchKey as error:
            words = f"token {uri.token} holds no {part} {uri.object!r}"
            raise TokenUnavailable(words) from error
        except pkcs11.MultipleObjectsReturned as error:
            words = f"token {uri.token} holds several of {part} {uri.object!r}: delete or rename"
            raise TokenUnavailable(f"{words} those that are not meant") from error
        except pkcs11.PKCS11Error as error:
            words = f"token {uri.token}: {part} {uri.object!r}: {type(error).__name__}"
            raise TokenUnavailable(words) from error
    return found[0], _public_of(found[1])


def _public_of(public: Any) -> ec.EllipticCurvePublicKey:
    import pkcs11.util.ec as curves

    found = serialization.load_der_public_key(curves.encode_ec_public_key(public))
    if not isinstance(found, ec.EllipticCurvePublicKey):
        raise TokenUnavailable("the token's key is not an elliptic-curve key")
    return found


_turn = threading.Lock()
"""One signature at a time: whoever starts a module anew lets nobody sign by what it knew before."""
_sessions: dict[tuple[str, str], Any] = {}
"""A token lets a process in once; its sessions are kept for the life of the process."""
_starts: dict[str, int] = {}
"""How often a module was started anew: what a session of before had found is found no more."""
_refused: dict[tuple[str, str, bytes], str] = {}
"""PINs that a token did not take: after a few wrong ones it locks itself, and we look often."""


def _session(uri: TokenUri, pin: bytes) -> Any:
    if found := _sessions.get((uri.module, uri.token)):
        return found
    tried = uri.module, uri.token, hashlib.sha256(pin).digest()
    if tried in _refused:
        raise PinRefused(_refused[tried])
    pkcs11 = _pkcs11()
    try:
        library = pkcs11.lib(uri.module)
        opened = library.get_token(token_label=uri.token).open(rw=True, user_pin=pin.decode())
    except (pkcs11.PinIncorrect, pkcs11.PinLenRange, pkcs11.PinInvalid, UnicodeDecodeError):
        whence = f"of {uri.pin_source}" if uri.pin_source else "(the passphrase: no pin-source)"
        _refused[tried] = (
            f"token {uri.token}: the PIN {whence} is not accepted; this program does not try it"
            " again, for the token would lock itself"
        )
        raise PinRefused(_refused[tried]) from None
    except pkcs11.PinLocked as error:
        raise TokenUnavailable(
            f"token {uri.token}: it has locked its PIN (PinLocked): its security officer unlocks it"
            " (runbooks/hsm-lost)"
        ) from error
    except pkcs11.NoSuchToken as error:
        raise TokenUnavailable(
            f"token {uri.token}: the module knows no token of this label"
        ) from error
    except (pkcs11.PKCS11Error, RuntimeError, OSError) as error:
        raise TokenUnavailable(_unanswered(uri, error)) from error
    _sessions[uri.module, uri.token] = opened
    return opened


def _start_anew(uri: TokenUri) -> None:
    """Drop the sessions, and let the module look for its tokens: every key in them is looked up
    anew before it signs again."""
    pkcs11 = _pkcs11()
    for known in [known for known in _sessions if known[0] == uri.module]:
        del _sessions[known]
    _starts[uri.module] = _starts.get(uri.module, 0) + 1
    try:
        pkcs11.lib(uri.module).reinitialize()
    except pkcs11.PKCS11Error as error:
        raise TokenUnavailable(_unanswered(uri, error)) from error


def _on_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _unanswered(uri: TokenUri, error: Exception) -> str:
    words = f"token {uri.token}: {uri.module} answers {type(error).__name__}"
    detail = str(error) or "is the token there, and the module set up for this user?"
    return f"{words}: {detail} (runbooks/hsm-lost)"


def _pair(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name, unquote(value)


def _pkcs11() -> ModuleType:
    try:
        import pkcs11
    except ImportError as error:
        raise TokenUnavailable(
            "keys in a token need python-pkcs11 (it is in deploy/runtime.lock)"
        ) from error
    module: ModuleType = pkcs11
    return module

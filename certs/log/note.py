"""Signed notes and checkpoints (c2sp.org/signed-note, tlog-checkpoint, tlog-cosignature).

A log signs `origin, size, root` with note signature type 0x02: ECDSA on P-256 over the text, DER,
key id = SHA-256(SPKI)[:4]. C2SP gives no ECDSA cosignature, so the witness uses type 0xff with the
identifier below, the message of `cosignature/v1` and the layout u64 time || r || s.
"""

import datetime as dt
import hashlib
import re
import struct
from collections.abc import Iterable, Sequence
from functools import lru_cache

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from certs.log.tree import HASH_BYTES
from certs.signing.encoding import b64, from_b64
from certs.signing.signer import Signer, uri_of
from certs.signing.suites import P256, RAW_BYTES, public_point

NOTE_CHARS_MAX = 65_536
SIGNATURES_MAX = 16
SIZE_MAX = 2**63 - 1
COSIGNATURE_TYPE = b"\xfftreasury-gateway/cosignature-p256-sha256/v1"
_KEY_ID_BYTES = 4
_TIME_BYTES = 8
_DASH = "— "
_NAME = re.compile(r"[^\s+]+")
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class NoteRefused(ValueError):
    """The text is not a note, not a checkpoint, or not signed by whom it must be."""


@attrs.frozen(kw_only=True)
class SignatureLine:
    name: str
    key_id: bytes
    blob: bytes
    """What follows the key id."""


@attrs.frozen(kw_only=True)
class SignedNote:
    text: str
    """With its final newline: what is signed."""
    signatures: tuple[SignatureLine, ...]


@attrs.frozen(kw_only=True)
class Checkpoint:
    origin: str
    size: int
    root: bytes


@attrs.frozen(kw_only=True)
class NoteKey:
    """A public key under the name that its signature lines carry."""

    name: str
    key_id: bytes
    public: ec.EllipticCurvePublicKey
    not_before: dt.datetime
    not_after: dt.datetime

    def lives(self, at: dt.datetime) -> bool:
        return self.not_before <= at <= self.not_after


@attrs.frozen(kw_only=True)
class Cosignature:
    """A witness's word that at `at` it had seen this log up to this size, grown and unbroken."""

    name: str
    at: dt.datetime


def log_origin(gateway_uri: str, division: str) -> str:
    """`<the gateway's URI>/log/<division>`: the first line of the log's checkpoints."""
    return f"{gateway_uri}/log/{division}"


@lru_cache(maxsize=1024)
def log_key(certificate: x509.Certificate, origin: str) -> NoteKey:
    """The key of a record certificate, for one log of its gateway.

    Raises ValueError if the origin is not one of the certificate's own.
    """
    if not origin.startswith(f"{uri_of(certificate)}/log/"):
        raise ValueError(f"the certificate of {uri_of(certificate)} does not speak for {origin}")
    public = public_point(certificate.public_key())
    return _note_key(certificate, origin, _log_key_id(public))


@lru_cache(maxsize=1024)
def witness_key(certificate: x509.Certificate) -> NoteKey:
    """The cosigning key of a bureau's certificate, under the bureau's URI."""
    name, public = uri_of(certificate), public_point(certificate.public_key())
    return _note_key(certificate, name, _witness_key_id(name, public))


def parse_note(note: str) -> SignedNote:
    """Split text and signatures strictly. Raises NoteRefused."""
    if len(note) > NOTE_CHARS_MAX:
        raise NoteRefused("the note is too long")
    if any(ord(each) < 0x20 and each != "\n" for each in note):
        raise NoteRefused("the note has control characters")
    text, gap, tail = note.rpartition("\n\n")
    if not gap or not text or not tail.endswith("\n"):
        raise NoteRefused("the note has no signatures after an empty line")
    lines = tail[:-1].split("\n")
    if len(lines) > SIGNATURES_MAX:
        raise NoteRefused(f"the note has more than {SIGNATURES_MAX} signatures")
    return SignedNote(text=text + "\n", signatures=tuple(_signature_line(each) for each in lines))


def checkpoint_text(checkpoint: Checkpoint) -> str:
    return f"{checkpoint.origin}\n{checkpoint.size}\n{b64(checkpoint.root)}\n"


def parse_checkpoint(text: str) -> Checkpoint:
    """Three lines, no extension lines (nobody could audit them). Raises NoteRefused."""
    lines = text.split("\n")
    if len(lines) != 4 or lines[3]:
        raise NoteRefused("a checkpoint has three lines: origin, size, root")
    origin, size, root = lines[:3]
    if not _NAME.fullmatch(origin):
        raise NoteRefused("the origin is empty or has spaces or a plus")
    if not _DECIMAL.fullmatch(size) or int(size) > SIZE_MAX:
        raise NoteRefused("the size is not a plain decimal")
    digest = _decoded(root, "root")
    if len(digest) != HASH_BYTES:
        raise NoteRefused("the root is not 32 bytes")
    return Checkpoint(origin=origin, size=int(size), root=digest)


def sign_checkpoint(signer: Signer, checkpoint: Checkpoint) -> str:
    """The signed note of a checkpoint, by the log's own key."""
    text = checkpoint_text(checkpoint)
    key = log_key(signer.certificate, checkpoint.origin)
    return f"{text}\n{_line(key, signer.der(text.encode()))}"


def open_checkpoint(
    note: str, keys: Iterable[NoteKey], at: dt.datetime | None = None
) -> tuple[Checkpoint, SignedNote]:
    """The checkpoint, if a key of its own log signed it and none of that name signed wrongly.

    Signatures under names that nobody here knows are ignored, as the specification demands. With
    `at`, one of the keys must be valid at that moment. Raises NoteRefused.
    """
    signed = parse_note(note)
    checkpoint = parse_checkpoint(signed.text)
    mine = [key for key in keys if key.name == checkpoint.origin]
    found = _matching(signed, mine)
    if not found:
        raise NoteRefused("no signature of the log's known key")
    for key, line in found:
        if not P256.verify_der(key.public, line.blob, signed.text.encode()):
            raise NoteRefused("the log's signature does not prove the checkpoint")
    if at is not None and not any(key.lives(at) for key, _ in found):
        raise NoteRefused("the log's certificate is not valid at this time")
    return checkpoint, signed


def cosign(note: str, signer: Signer, at: dt.datetime) -> str:
    """The note with the witness's cosignature appended; whole seconds, as the message has them."""
    signed = parse_note(note)
    seconds = int(at.timestamp())
    blob = struct.pack(">Q", seconds) + signer.raw(_cosigned(signed.text, seconds))
    return note + _line(witness_key(signer.certificate), blob)


def cosignatures(signed: SignedNote, witnesses: Iterable[NoteKey]) -> tuple[Cosignature, ...]:
    """The valid cosignatures of known witnesses. A known witness's wrong one raises NoteRefused."""
    found = []
    for key, line in _matching(signed, witnesses):
        if len(line.blob) != _TIME_BYTES + RAW_BYTES:
            raise NoteRefused("a cosignature has another length than time and r || s")
        seconds: int = struct.unpack(">Q", line.blob[:_TIME_BYTES])[0]
        message = _cosigned(signed.text, seconds)
        if not P256.verify_raw(key.public, line.blob[_TIME_BYTES:], message):
            raise NoteRefused("the witness's cosignature does not prove the checkpoint")
        found.append(Cosignature(name=key.name, at=_EPOCH + dt.timedelta(seconds=seconds)))
    return tuple(found)


def _note_key(certificate: x509.Certificate, name: str, key_id: bytes) -> NoteKey:
    return NoteKey(
        name=name,
        key_id=key_id,
        public=public_point(certificate.public_key()),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
    )


def _matching(
    signed: SignedNote, keys: Iterable[NoteKey]
) -> Sequence[tuple[NoteKey, SignatureLine]]:
    by_name = {(key.name, key.key_id): key for key in keys}
    lines = [(by_name.get((line.name, line.key_id)), line) for line in signed.signatures]
    return [(key, line) for key, line in lines if key is not None]


def _cosigned(text: str, seconds: int) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()


def _signature_line(line: str) -> SignatureLine:
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space or not _NAME.fullmatch(name):
        raise NoteRefused("a signature line is not `— name base64`")
    blob = _decoded(encoded, "signature")
    if len(blob) <= _KEY_ID_BYTES:
        raise NoteRefused("a signature line has no signature")
    return SignatureLine(name=name, key_id=blob[:_KEY_ID_BYTES], blob=blob[_KEY_ID_BYTES:])


def _line(key: NoteKey, blob: bytes) -> str:
    return f"{_DASH}{key.name} {b64(key.key_id + blob)}\n"


def _decoded(text: str, what: str) -> bytes:
    try:
        return from_b64(text)
    except ValueError as error:
        raise NoteRefused(f"the {what} is {error}") from error


def _log_key_id(public: ec.EllipticCurvePublicKey) -> bytes:
    return hashlib.sha256(_spki(public)).digest()[:_KEY_ID_BYTES]


def _witness_key_id(name: str, public: ec.EllipticCurvePublicKey) -> bytes:
    named = name.encode() + b"\n" + COSIGNATURE_TYPE + _spki(public)
    return hashlib.sha256(named).digest()[:_KEY_ID_BYTES]


def _spki(public: ec.EllipticCurvePublicKey) -> bytes:
    return public.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )

"""Signed notes and checkpoints (c2sp.org/signed-note, tlog-checkpoint, tlog-cosignature).

A log signs `origin, size, root` with note signature type 0x02: ECDSA on P-256 over the text, DER,
key id = SHA-256(SPKI)[:4]. C2SP gives no ECDSA cosignature, so the witness uses type 0xff with the
identifier below, the message of `cosignature/v1` and the layout u64 time || r || s.

In the suite GW1-SM2-SM3 log and witness sign twice, once with each of their keys, and both lines
count or none: the SM2 lines are of type 0xff too.
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

from certs.signing.encoding import b64, from_b64
from certs.signing.signer import Signer, uri_of
from certs.signing.sm2 import Sm2PublicKey
from certs.signing.suites import RAW_BYTES, PublicKey, public_of, suite_of
from gateway.domain.log import P256_SHA256, SM2_SM3, suite_of_origin
from gateway.domain.tree import HASH_BYTES

NOTE_CHARS_MAX = 65_536
SIGNATURES_MAX = 16
SIZE_MAX = 2**63 - 1
SM2_LOG_TYPE = b"\xfftreasury-gateway/log-sm2-sm3/v1"
COSIGNATURE_TYPE = b"\xfftreasury-gateway/cosignature-p256-sha256/v1"
SM2_COSIGNATURE_TYPE = b"\xfftreasury-gateway/cosignature-sm2-sm3/v1"
_KEY_ID_BYTES = 4
_TIME_BYTES = 8
_DASH = "— "
_NAME = re.compile(r"[^\s+]+")
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_SECONDS_MAX = int((dt.datetime(9999, 1, 1, tzinfo=dt.UTC) - _EPOCH).total_seconds())
"""So that no zone's clock overflows by it either."""


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
    public: PublicKey
    not_before: dt.datetime
    not_after: dt.datetime

    def lives(self, at: dt.datetime) -> bool:
        return self.not_before <= at <= self.not_after

    def within(self, not_before: dt.datetime, not_after: dt.datetime) -> "NoteKey":
        """The same key, alive no longer than the authority over its certificate as well."""
        return attrs.evolve(
            self,
            not_before=max(self.not_before, not_before),
            not_after=min(self.not_after, not_after),
        )

    @property
    def suite(self) -> str:
        return suite_of(self.public).name


@attrs.frozen(kw_only=True)
class Cosignature:
    """A witness's word that at `at` it had seen this log up to this size, grown and unbroken."""

    name: str
    at: dt.datetime
    keys: tuple[NoteKey, ...]
    """Whose lines these are: one, or one of each suite."""

    @property
    def lived(self) -> bool:
        """Whether every certificate was valid at that moment."""
        return all(key.lives(self.at) for key in self.keys)


def log_origin(gateway_uri: str, division: str, suite: str = P256_SHA256) -> str:
    """`<the gateway's URI>/log/<division>`, in the other suite with its name after it: the first
    line of the log's checkpoints (`gateway.domain.log.suite_of_origin`)."""
    plain = f"{gateway_uri}/log/{division}"
    return plain if suite == P256_SHA256 else f"{plain}/{suite}"


def log_origins(gateway_uri: str, division: str) -> tuple[str, ...]:
    """The names that a division's log may have: one in each suite."""
    return tuple(log_origin(gateway_uri, division, suite) for suite in (P256_SHA256, SM2_SM3))


def suites_wanted(origin: str) -> tuple[str, ...]:
    """Whose signatures a checkpoint of this log must bear."""
    both = P256_SHA256, SM2_SM3
    return both if suite_of_origin(origin) == SM2_SM3 else both[:1]


@lru_cache(maxsize=1024)
def log_key(certificate: x509.Certificate, origin: str) -> NoteKey:
    """The key of a record certificate, for one log of its gateway.

    Raises ValueError if the origin is not one of the certificate's own.
    """
    if not origin.startswith(f"{uri_of(certificate)}/log/"):
        raise ValueError(f"the certificate of {uri_of(certificate)} does not speak for {origin}")
    public = public_of(certificate)
    return _note_key(certificate, origin, public, _log_key_id(origin, public))


@lru_cache(maxsize=1024)
def witness_key(certificate: x509.Certificate) -> NoteKey:
    """The cosigning key of a bureau's certificate, under the bureau's URI."""
    name, public = uri_of(certificate), public_of(certificate)
    return _note_key(certificate, name, public, _witness_key_id(name, public))


def witness_keys(signer: Signer) -> tuple[NoteKey, ...]:
    """What a witness itself signs with."""
    return tuple(witness_key(each.certificate) for each in signer.each)


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
    """The signed note of a checkpoint, by the log's own keys."""
    text = checkpoint_text(checkpoint)
    lines = [
        _line(log_key(each.certificate, checkpoint.origin), each.der(text.encode()))
        for each in signer.each
    ]
    return f"{text}\n{''.join(lines)}"


def open_checkpoint(
    note: str, keys: Iterable[NoteKey], at: dt.datetime | None = None
) -> tuple[Checkpoint, SignedNote]:
    """The checkpoint, if a key of its own log signed it and none of that name signed wrongly.

    Of a log in GW1-SM2-SM3, a key of each suite. Signatures under names that nobody here knows are
    ignored, as the specification demands. With `at`, one of the keys (of each suite) must be valid
    at that moment. Raises NoteRefused.
    """
    signed = parse_note(note)
    checkpoint = parse_checkpoint(signed.text)
    mine = [key for key in keys if key.name == checkpoint.origin]
    found = _matching(signed, mine)
    for suite in suites_wanted(checkpoint.origin):
        if not any(key.suite == suite for key, _ in found):
            raise NoteRefused(f"no signature of the log's known key ({suite})")
    for key, line in found:
        if not suite_of(key.public).verify_der(key.public, line.blob, signed.text.encode()):
            raise NoteRefused("the log's signature does not prove the checkpoint")
    if at is not None and len(_living(checkpoint.origin, found, at)) < len(
        suites_wanted(checkpoint.origin)
    ):
        raise NoteRefused("the log's certificate is not valid at this time")
    return checkpoint, signed


def alone(note: str, keys: Iterable[NoteKey], at: dt.datetime) -> str:
    """An opened note's text with the one living signature of each suite that proves it, and
    nothing else that hangs under it. Raises NoteRefused."""
    checkpoint, signed = open_checkpoint(note, keys := tuple(keys), at)
    mine = [key for key in keys if key.name == checkpoint.origin]
    chosen = _living(checkpoint.origin, _matching(signed, mine), at)
    lines = "".join(_line(key, line.blob) for key, line in chosen)
    return f"{signed.text}\n{lines}"


def cosign(note: str, signer: Signer, at: dt.datetime) -> str:
    """The note with the witness's cosignatures appended; whole seconds, as the message has them.

    A witness with two keys signs logs of GW1-SM2-SM3 with both, others with the first.
    """
    signed = parse_note(note)
    seconds = int(at.timestamp())
    message, moment = _cosigned(signed.text, seconds), struct.pack(">Q", seconds)
    wanted = suites_wanted(signed.text.partition("\n")[0])
    lines = [
        _line(witness_key(each.certificate), moment + each.raw(message))
        for each in signer.each[: len(wanted)]
    ]
    return note + "".join(lines)


def cosignatures(signed: SignedNote, witnesses: Iterable[NoteKey]) -> tuple[Cosignature, ...]:
    """The valid cosignatures of known witnesses. A known witness's wrong one raises NoteRefused.

    Of a log in GW1-SM2-SM3 only those made with both of a witness's keys at one moment count.
    """
    found: dict[tuple[str, int], list[NoteKey]] = {}
    for key, line in _matching(signed, witnesses):
        if len(line.blob) != _TIME_BYTES + RAW_BYTES:
            raise NoteRefused("a cosignature has another length than time and r || s")
        seconds: int = struct.unpack(">Q", line.blob[:_TIME_BYTES])[0]
        if seconds > _SECONDS_MAX:
            raise NoteRefused("a cosignature's time is beyond every calendar")
        message = _cosigned(signed.text, seconds)
        if not suite_of(key.public).verify_raw(key.public, line.blob[_TIME_BYTES:], message):
            raise NoteRefused("the witness's cosignature does not prove the checkpoint")
        found.setdefault((key.name, seconds), []).append(key)
    wanted = set(suites_wanted(signed.text.partition("\n")[0]))
    return tuple(
        Cosignature(name=name, at=_EPOCH + dt.timedelta(seconds=seconds), keys=tuple(keys))
        for (name, seconds), keys in found.items()
        if wanted <= {key.suite for key in keys}
    )


def _living(
    origin: str, found: Sequence[tuple[NoteKey, SignatureLine]], at: dt.datetime
) -> list[tuple[NoteKey, SignatureLine]]:
    """The first of each wanted suite whose certificate is valid; fewer if one has none."""
    chosen: dict[str, tuple[NoteKey, SignatureLine]] = {}
    for key, line in found:
        if key.suite in suites_wanted(origin) and key.lives(at):
            chosen.setdefault(key.suite, (key, line))
    return list(chosen.values())


def _note_key(
    certificate: x509.Certificate, name: str, public: PublicKey, key_id: bytes
) -> NoteKey:
    return NoteKey(
        name=name,
        key_id=key_id,
        public=public,
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


def _log_key_id(origin: str, public: PublicKey) -> bytes:
    if isinstance(public, Sm2PublicKey):
        return _named_key_id(origin, SM2_LOG_TYPE, public.spki)
    return hashlib.sha256(_spki(public)).digest()[:_KEY_ID_BYTES]


def _witness_key_id(name: str, public: PublicKey) -> bytes:
    if isinstance(public, Sm2PublicKey):
        return _named_key_id(name, SM2_COSIGNATURE_TYPE, public.spki)
    return _named_key_id(name, COSIGNATURE_TYPE, _spki(public))


def _named_key_id(name: str, kind: bytes, spki: bytes) -> bytes:
    """c2sp.org/signed-note: SHA-256(name, line feed, type, key), whatever the suite."""
    return hashlib.sha256(name.encode() + b"\n" + kind + spki).digest()[:_KEY_ID_BYTES]


def _spki(public: ec.EllipticCurvePublicKey) -> bytes:
    return public.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )

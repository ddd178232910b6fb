"""Mutual TLS 1.3, P-256, nothing resumed: contexts for both ends, and who is at the other one.

The trust anchor is the transport authority itself, so a certificate of the evidence authority under
the same root opens no connection. Refused handshakes, which asyncio hides, reach a callback; who is
refused by a listener hears TLS's own word for it.
"""

import os
import re
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
from cryptography.hazmat.primitives import serialization

from certs.keys import load_key
from certs.token import is_token

_PEER = "_treasury_peer"
_OUTGOING = "_treasury_outgoing"
_NO_WORD = re.compile(r"'[^']*'|[^a-z0-9]+")
"""What somebody else wrote, in quotes, is no part of a word of ours."""
_CLOCK = " or the system clock is incorrect"
"""A hint that newer OpenSSL adds to its two sentences of time; the word stays what it was."""
CAUSE_MAX = 64

RefusalSink = Callable[["Refusal"], None]
Admit = Callable[[ssl.SSLObject], None]
"""Called after a good handshake; raises ssl.SSLError for whom it does not let in."""


@attrs.frozen(kw_only=True)
class Refusal:
    """One handshake that failed."""

    reason: str
    """OpenSSL's word in lower case (`certificate_verify_failed`): few, so fit for a label."""
    detail: str
    """The verifier's sentence (`certificate has expired`), or the whole error."""

    @property
    def cause(self) -> str:
        """The most exact word that there is for it: `certificate_has_expired` says more than
        `certificate_verify_failed`. Still few: the verifier's sentences are a closed list."""
        if self.reason != "certificate_verify_failed":
            return self.reason
        said = self.detail.lower().removesuffix(_CLOCK)
        return _NO_WORD.sub("_", said).strip("_")[:CAUSE_MAX] or self.reason


@attrs.frozen(kw_only=True)
class Credentials:
    """Files of one end: its leaf (followed by nothing or its authorities), key, and anchors."""

    certificate: Path
    key: Path
    passphrase: bytes = attrs.field(repr=False)
    authorities: Path
    """The transport authority's certificate(s)."""
    revocations: Path | None = None
    """A CRL in PEM of the transport authority. An expired one refuses everyone."""


@attrs.frozen(kw_only=True)
class Peer:
    """Who is at the other end, as its verified certificate says."""

    uri: str | None
    """None unless it has exactly one URI SAN."""
    issuer: tuple[tuple[tuple[str, str], ...], ...]
    serial: int
    not_after: str


def server_context(
    credentials: Credentials, on_refusal: RefusalSink | None = None, *, admit: Admit | None = None,
    opened: bytes | None = None,
) -> ssl.SSLContext:  # fmt: skip
    """For a listener: asks every client for its certificate. `opened`: its key, if known."""
    context = _context(ssl.PROTOCOL_TLS_SERVER, credentials, opened)
    context.sslobject_class = _watched(on_refusal, None, admit)
    context.verify_mode = ssl.CERT_REQUIRED
    context.num_tickets = 0
    return context


def people_context(credentials: Credentials) -> ssl.SSLContext:
    """For people's browsers: a certificate of `authorities` signs in, none is asked of others."""
    context = _context(ssl.PROTOCOL_TLS_SERVER, credentials)
    context.sslobject_class = _watched(None, None, None)
    context.verify_mode = ssl.CERT_OPTIONAL
    context.num_tickets = 0
    return context


def client_context(
    credentials: Credentials, on_refusal: RefusalSink | None = None, *, peer: str | None = None,
    admit: Admit | None = None,
) -> ssl.SSLContext:  # fmt: skip
    """For connections to a server; checks the server's host name and shows our certificate.

    `peer`: the party URI that the server's certificate must carry. Any other ends the handshake
    (ssl.SSLError), so not a byte is ever written to it: every party of ours has a certificate of
    the same authority, and a host name says where somebody listens, not who it is.
    """
    context = _context(ssl.PROTOCOL_TLS_CLIENT, credentials)
    context.sslobject_class = _watched(on_refusal, peer, admit)
    context.check_hostname = True
    return context


def party_of(ssl_object: Any) -> str | None:
    """The URI SAN of the peer: exactly one, or None. Read once for a connection.

    `ssl_object` is what `transport.get_extra_info("ssl_object")` returns; None (no TLS) is nobody.
    """
    peer = peer_of(ssl_object)
    return peer.uri if peer else None


def peer_of(ssl_object: Any) -> Peer | None:
    """The peer of a finished handshake; None without TLS or certificate."""
    if ssl_object is None:
        return None
    known: Peer | None = ssl_object.__dict__.get(_PEER)
    if known is None:
        known = _read_peer(ssl_object.getpeercert())
        ssl_object.__dict__[_PEER] = known
    return known


def open_key(credentials: Credentials) -> bytes:
    """The private key in PEM, in the clear, for `load_chain`: costly, and so done once.

    Raises ValueError, OSError.
    """
    if is_token(credentials.key.read_bytes()):
        raise ValueError(f"{credentials.key.name}: TLS takes no key in a token; use a sealed file")
    return load_key(credentials.key, credentials.passphrase).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def load_chain(context: ssl.SSLContext, credentials: Credentials, opened: bytes) -> None:
    """Certificate and key into a context, also in place of those before.

    OpenSSL reads keys from files only: it gets one that lies in this process's memory and nowhere
    else, and is gone when this returns. Raises ValueError, OSError.
    """
    memory = os.memfd_create("key", os.MFD_CLOEXEC)
    try:
        os.write(memory, opened)
        context.load_cert_chain(str(credentials.certificate), f"/proc/self/fd/{memory}")
    except ssl.SSLError as refused:
        name = credentials.certificate.name
        if refused.reason == "KEY_VALUES_MISMATCH":
            raise ValueError(f"{credentials.key.name}: not the private key of {name}") from refused
        raise ValueError(f"{name}: {_why(refused)}") from refused
    finally:
        os.close(memory)


def _context(
    protocol: int, credentials: Credentials, opened: bytes | None = None
) -> ssl.SSLContext:
    context = _TellingContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.maximum_version = ssl.TLSVersion.TLSv1_3
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_ecdh_curve("prime256v1")
    context.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    _trust_in(context, credentials.authorities)
    if credentials.revocations is not None:
        _trust_in(context, credentials.revocations)
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    load_chain(context, credentials, opened or open_key(credentials))
    return context


def _trust_in(context: ssl.SSLContext, file: Path) -> None:
    """Raises ValueError, OSError."""
    try:
        context.load_verify_locations(cafile=str(file))
    except ssl.SSLError as refused:
        raise ValueError(f"{file.name}: {_why(refused)}") from refused


def _why(refused: ssl.SSLError) -> str:
    """OpenSSL has no reason of its own for an empty file."""
    words = (refused.reason or "nothing to read in it").lower().replace("_", " ")
    return f"no certificate or list for TLS: {words}"


class _TellingContext(ssl.SSLContext):
    """Its connections know where what they write to the peer waits to be sent."""

    def wrap_bio(
        self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, *args: Any, **more: Any
    ) -> ssl.SSLObject:
        made = super().wrap_bio(incoming, outgoing, *args, **more)
        made.__dict__[_OUTGOING] = outgoing
        return made


def _watched(
    on_refusal: RefusalSink | None, expected: str | None, admit: Admit | None
) -> type[ssl.SSLObject]:
    class WatchedObject(ssl.SSLObject):
        refused: ssl.SSLError | None = None

        def do_handshake(self) -> None:
            refused, self.refused = self.refused, None
            if refused is not None:
                raise refused
            try:
                super().do_handshake()
                if expected is not None:
                    _expect_peer(party_of(self), expected)
                if admit is not None:
                    admit(self)
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                raise
            except ssl.SSLError as error:
                if on_refusal is not None:
                    on_refusal(_refusal(error))
                if self.server_side and self.__dict__[_OUTGOING].pending:
                    # OpenSSL has written the alert that tells the peer why. A loop that hears of an
                    # error hangs up without sending it; one that is to wait for the peer sends it,
                    # and comes here again with the peer's next byte. A peer that neither goes nor
                    # speaks is a silent handshake, and ends as one.
                    self.refused = error.with_traceback(None)
                    raise ssl.SSLWantReadError(*error.args) from error
                raise

    return WatchedObject


def _expect_peer(found: str | None, expected: str) -> None:
    if found != expected:
        words = f"the peer is {found or 'nobody by one URI'}, not {expected}"
        error = ssl.SSLCertVerificationError(ssl.SSLErrorNumber.SSL_ERROR_SSL, words)
        error.reason, error.verify_message = "PEER_MISMATCH", words
        raise error


def _refusal(error: ssl.SSLError) -> Refusal:
    reason = (error.reason or "unknown").lower()
    detail = error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else str(error)
    return Refusal(reason=reason, detail=detail)


def _read_peer(certificate: dict[str, Any] | None) -> Peer | None:
    if not certificate:
        return None
    uris = [text for kind, text in certificate.get("subjectAltName", ()) if kind == "URI"]
    return Peer(
        uri=uris[0] if len(uris) == 1 else None,
        issuer=certificate["issuer"],
        serial=int(certificate["serialNumber"], 16),
        not_after=certificate["notAfter"],
    )

"""TLS that changes while it is in use: keys overlap, lists are renewed, the revoked are kept out.

A listener's front context stays; each handshake is given the context of now (`sni_callback`). Flags
are the front's own even then (trap T3), so they change with it. A client's context takes a new
certificate in place: its next handshake shows it, connections under way go on.
"""

import datetime as dt
import ssl
from collections import Counter
from typing import Any

import attrs
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from certs.reading import certificate_of
from certs.revocation import issuer_of
from certs.signing.suites import public_point
from certs.tls import (
    Credentials,
    RefusalSink,
    client_context,
    load_chain,
    open_key,
    server_context,
)
from gateway.domain.certificates import Revoked
from gateway.domain.inventory import Seen

MET_MAX = 10_000
"""Certificates that one process remembers between two reports."""
_KEY = "_treasury_certificate"


class Guard:
    """Who came to our doors, who was refused and why, and who may come no more."""

    def __init__(self) -> None:
        self.revoked = Revoked()
        self.met: dict[tuple[str, str], Seen] = {}
        self.refused: Counter[str] = Counter()

    def admit(self, tls: ssl.SSLObject) -> None:
        """After each handshake. Raises ssl.SSLCertVerificationError for a revoked certificate."""
        peer = _peer(tls)
        if peer is None:
            return
        if len(self.met) < MET_MAX:
            self.met[peer.issuer, peer.serial] = peer
        if self._is_revoked(peer):
            words = f"the certificate {peer.serial} of {peer.holder} is revoked"
            raise _refused("CERTIFICATE_REVOKED", words)
        if not _is_p256(tls):
            raise _refused("KEY_NOT_P256", f"the key of {peer.holder} is not on P-256")

    def may_stay(self, tls: Any, now: dt.datetime) -> bool:
        """Whether the certificate of a connection under way is still good: not revoked and, since
        TLS looks at it only once, not ended meanwhile."""
        peer = _peer(tls) if tls is not None else None
        return peer is None or (now <= peer.not_after and not self._is_revoked(peer))

    def taken_notes(self) -> tuple[list[Seen], dict[str, int]]:
        """Who came and what was refused since this was last asked."""
        met, refused = list(self.met.values()), dict(self.refused)
        self.met, self.refused = {}, Counter()
        return met, refused

    def _is_revoked(self, peer: Seen) -> bool:
        return (peer.issuer, peer.serial) in self.revoked.serials


@attrs.frozen(kw_only=True)
class Prepared:
    """Files as they were read, proven to be fit."""

    credentials: Credentials
    opened: bytes = attrs.field(repr=False)
    context: ssl.SSLContext


class LiveTls:
    """One program's TLS ends, all of the same files, renewed together."""

    def __init__(
        self, credentials: Credentials, on_refusal: RefusalSink | None = None,
        guard: Guard | None = None,
    ) -> None:  # fmt: skip
        self._credentials = credentials
        self._on_refusal = on_refusal
        self.guard = guard or Guard()
        self._clients: list[ssl.SSLContext] = []
        self._front: ssl.SSLContext | None = None
        self._current: ssl.SSLContext | None = None

    def server(self) -> ssl.SSLContext:
        """The listener's context. Raises ValueError, OSError (its files)."""
        if self._front is None:
            self._front = self._current = server_context(
                self._credentials, self._on_refusal, admit=self.guard.admit
            )
            self._front.sni_callback = self._swap
        return self._front

    def client(self, peer: str | None) -> ssl.SSLContext:
        """A context for connections to `peer`, kept up to date."""
        made = client_context(
            self._credentials, self._on_refusal, peer=peer, admit=self.guard.admit
        )
        self._clients.append(made)
        return made

    def prepare(self, credentials: Credentials | None = None) -> Prepared:
        """Read all files anew, or others: slow, and fit for another thread.

        Nothing has changed yet. Raises ValueError, OSError.
        """
        chosen = credentials or self._credentials
        opened = open_key(chosen)
        return Prepared(
            credentials=chosen, opened=opened, context=server_context(chosen, opened=opened)
        )

    def take(self, prepared: Prepared) -> None:
        """Put it in force: in the thread of the handshakes.

        A client forgets no authority and no list that it knew before: those that go, go with a
        restart; revoked certificates are refused by the guard at once.
        """
        chosen = self._credentials = prepared.credentials
        if self._front is not None:
            self._current = prepared.context
            self._front.verify_flags = prepared.context.verify_flags
        for client in self._clients:
            load_chain(client, chosen, prepared.opened)
            client.load_verify_locations(cafile=str(chosen.authorities))
            if chosen.revocations is not None:
                client.load_verify_locations(cafile=str(chosen.revocations))

    def renew(self, credentials: Credentials | None = None) -> None:
        """Both. Raises ValueError, OSError: then nothing has changed."""
        self.take(self.prepare(credentials))

    def _swap(self, tls: ssl.SSLSocket | ssl.SSLObject, name: str | None, _: object) -> None:
        """Called within each handshake, also without a server name."""
        if self._current is not None and tls.context is not self._current:
            tls.context = self._current


def seen_of(certificate: x509.Certificate, place: str, holder: str) -> Seen:
    return Seen(
        issuer=issuer_of(certificate),
        serial=f"{certificate.serial_number:x}",
        place=place,
        holder=holder,
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
    )


def _peer(tls: Any) -> Seen | None:
    known: Seen | None = tls.__dict__.get(_KEY)
    if known is None:
        der = tls.getpeercert(True)
        if not der:
            return None
        certificate = certificate_of(der)
        known = tls.__dict__[_KEY] = seen_of(certificate, "door", _holder(certificate))
    return known


def _holder(certificate: x509.Certificate) -> str:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return ""
    return ",".join(names.get_values_for_type(x509.UniformResourceIdentifier))


def _is_p256(tls: ssl.SSLObject) -> bool:
    """OpenSSL takes a client's key of any kind that is strong enough; our profiles know one."""
    try:
        public_point(certificate_of(tls.getpeercert(True) or b"").public_key())
    except (ValueError, UnsupportedAlgorithm):
        return False
    return True


def _refused(reason: str, words: str) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(ssl.SSLErrorNumber.SSL_ERROR_SSL, words)
    error.reason, error.verify_message = reason, words
    return error

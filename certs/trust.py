"""The gatekeeper: whose bytes these are, may this connection carry them; and our own signature."""

import datetime as dt
import hashlib
from pathlib import Path

import attrs

from certs.own_word import OwnWord, own_word
from certs.signatories import Signatories, Signatory, read_signatories
from certs.signing.jws import (
    JwsRefused,
    expect_alg,
    read_compact,
    read_header,
    signing_input,
    split_detached,
    verify_compact,
)
from certs.signing.signer import Signer
from certs.signing.suites import suite_of
from certs.token import TokenUnavailable
from gateway.domain.faults import FaultCode, LedgerUnavailable, Unproven, Unready
from gateway.domain.instruction import Received
from gateway.domain.parties import CARRIERS, Sender, sender_of

HEADERS_KNOWN_MAX = 4096
PARTIES_KNOWN_MAX = 4096
UNSIGNED = (
    "no receipt can be signed just now; what was decided stands: send the same bytes again, with no"
    " other number"
)


@attrs.frozen(kw_only=True)
class _Standing:
    """The table in force, with what was learnt under it; replaced as one."""

    table: Signatories
    by_header: dict[str, Signatory] = attrs.field(factory=dict)
    """Protected headers that a valid signature has already come with."""
    senders: dict[str, Sender | None] = attrs.field(factory=dict)


class Trust:
    """Fulfils gateway.ports.Gatekeeper; the bureau proves documents with the same class."""

    def __init__(self, table: Signatories, own: Signer) -> None:
        self._standing = _Standing(table=table)
        self._own = own
        self._word = own_word(table, own)

    @property
    def table(self) -> Signatories:
        return self._standing.table

    @property
    def own(self) -> Signer:
        return self._own

    @property
    def word(self) -> OwnWord:
        """How long what we sign ourselves counts, by the table in force."""
        return self._word

    def replace(self, table: Signatories, own: Signer | None = None) -> None:
        """Put another table in force, in one assignment; checks under way finish with the old."""
        self._own = own or self._own
        self._word = own_word(table, self._own)
        self._standing = _Standing(table=table)

    def authenticate(self, received: Received, now: dt.datetime) -> Sender:
        """Prove the raw bytes before anybody parses them; the signer is the sender.

        The connection must be the signer's own, or a channel's or bureau's of the same division.
        Raises Unproven: SIGNATURE_MISSING, SIGNATURE_INVALID, SIGNER_UNKNOWN (also expired, not
        yet valid, revoked) or SENDER_UNKNOWN.
        """
        standing = self._standing
        signer = _prove(standing, received.raw, received.signature)
        _check_life(standing.table, signer, now)
        sender = signer.sender
        if received.party != sender.uri and not _may_carry(standing, received.party, sender):
            raise Unproven(
                FaultCode.SENDER_UNKNOWN, "the connection's party may not send for the signer"
            )
        return sender

    def verify_document(self, body: bytes, signature: str, at: dt.datetime | None = None) -> str:
        """The signer's URI if the detached JWS proves `body`. Raises Unproven.

        `at`: the moment at which the certificate must be valid; without it only its place in the
        table and revocation are checked (for documents that were accepted in their time).
        """
        standing = self._standing
        signer = _prove(standing, body, signature)
        _check_life(standing.table, signer, at)
        return signer.sender.uri

    def verify_receipt(self, token: str, at: dt.datetime | None = None) -> tuple[str, bytes]:
        """The signer's URI and the proven payload of a compact JWS. Raises Unproven."""
        table = self._standing.table
        try:
            header, _ = read_compact(token)
            signer = _known(table, header.thumbprint)
            payload = verify_compact(signer.public, token)
        except JwsRefused as refused:
            raise Unproven(FaultCode.SIGNATURE_INVALID, refused.detail) from refused
        _check_life(table, signer, at)
        return signer.sender.uri, payload

    def sign_receipt(self, payload: bytes) -> str:
        """Compact JWS over `payload` with our record key. Raises Unready."""
        try:
            return self._own.receipt(payload)
        except TokenUnavailable as lost:
            raise Unready(FaultCode.LEDGER_UNAVAILABLE, UNSIGNED) from lost

    def sign_document(self, body: bytes) -> str:
        """Detached JWS (RFC 7797) over `body` with our record key. Raises LedgerUnavailable."""
        try:
            return self._own.document(body)
        except TokenUnavailable as lost:
            raise LedgerUnavailable(str(lost)) from lost


def load_trust(
    evidence: Path, parties: Path, own: Signer, revocations: Path | None = None
) -> Trust:
    """From the evidence authority's PEM file, the folder of the parties' certificates, and the
    authority's revocation lists.

    `Trust.table.left_out` names each certificate that does not count, with its reason.
    """
    return Trust(read_signatories(evidence, parties, revocations=revocations), own)


def _prove(standing: _Standing, raw: bytes, token: str) -> Signatory:
    if not token:
        raise Unproven(FaultCode.SIGNATURE_MISSING, "the request carries no header Signature-JWS")
    try:
        protected, signature = split_detached(token)
        signer = standing.by_header.get(protected)
        if signer is not None:
            _check_signature(signer, protected, raw, signature)
            return signer
        header = read_header(protected, detached=True)
        signer = _known(standing.table, header.thumbprint)
        expect_alg(header, signer.public)
    except JwsRefused as refused:
        raise Unproven(FaultCode.SIGNATURE_INVALID, refused.detail) from refused
    _check_signature(signer, protected, raw, signature)
    # Only after a proof: a stranger cannot fill this; and never without bound.
    if len(standing.by_header) < HEADERS_KNOWN_MAX:
        standing.by_header[protected] = signer
    return signer


def _check_signature(signer: Signatory, protected: str, raw: bytes, signature: bytes) -> None:
    suite = suite_of(signer.public)
    if not suite.verify_raw(signer.public, signature, signing_input(protected, raw)):
        # To be held against what was signed: most often that was another text.
        came = f"{len(raw)} bytes of SHA-256 {hashlib.sha256(raw).hexdigest()} came"
        words = f"the signature does not prove these bytes: {came}"
        raise Unproven(FaultCode.SIGNATURE_INVALID, words)


def _known(table: Signatories, thumbprint: str | None) -> Signatory:
    signer = table.by_thumbprint.get(thumbprint) if thumbprint else None
    if signer is None:
        raise Unproven(FaultCode.SIGNER_UNKNOWN, _unknown_words(thumbprint))
    return signer


def _unknown_words(thumbprint: str | None) -> str:
    if not thumbprint:
        return "the header names no certificate: x5t#S256 is missing"
    return "no party is known by this x5t#S256"


def _check_life(table: Signatories, signer: Signatory, at: dt.datetime | None) -> None:
    if table.is_revoked(signer):
        raise Unproven(FaultCode.SIGNER_UNKNOWN, "the signer's certificate is revoked")
    if at is None:
        return
    if at < signer.not_before:
        raise Unproven(FaultCode.SIGNER_UNKNOWN, "the signer's certificate is not yet valid")
    if at > signer.not_after:
        raise Unproven(FaultCode.SIGNER_UNKNOWN, "the signer's certificate has expired")
    listed_until = table.listed_until(signer)
    if listed_until is not None and at > listed_until:
        words = "the revocation list of the signer's authority has ended, or there is none"
        raise Unproven(FaultCode.SIGNER_UNKNOWN, words)


def _may_carry(standing: _Standing, party: str, sender: Sender) -> bool:
    carrier = standing.senders.get(party)
    if carrier is None:
        carrier = sender_of(party)
        if len(standing.senders) < PARTIES_KNOWN_MAX:
            standing.senders[party] = carrier
    return carrier is not None and carrier.role in CARRIERS and carrier.division == sender.division

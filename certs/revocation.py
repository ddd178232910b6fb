"""Revocation lists and OCSP answers of an authority (RFC 5280 section 5, RFC 6960).

Both say what the database says; neither is asked while a payment waits: each process keeps the set
of revoked certificates in memory.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import attrs
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp

from certs.authority import Authority
from certs.proven_list import incomplete
from certs.reading import REFUSALS, list_in
from certs.signing.suites import public_point
from gateway.domain.certificates import Reason, Revocation, RevocationList, Revoked

LIST_LIFE = dt.timedelta(days=7)
ANSWER_LIFE = dt.timedelta(hours=1)
BACKDATE = dt.timedelta(minutes=5)

_FLAGS = {
    Reason.UNSPECIFIED: x509.ReasonFlags.unspecified,
    Reason.KEY_COMPROMISE: x509.ReasonFlags.key_compromise,
    Reason.AFFILIATION_CHANGED: x509.ReasonFlags.affiliation_changed,
    Reason.SUPERSEDED: x509.ReasonFlags.superseded,
    Reason.CESSATION: x509.ReasonFlags.cessation_of_operation,
}


def issuer_of(certificate: x509.Certificate) -> str:
    """Who issued it: hex of the authority key identifier; "" if it does not say."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    except x509.ExtensionNotFound:
        return ""
    return (found.key_identifier or b"").hex()


def identity_of(authority: x509.Certificate) -> str:
    """What its certificates call it: hex of the subject key identifier. Raises ValueError."""
    try:
        found = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        raise ValueError("the authority's certificate does not say what it is called") from None
    return found.key_identifier.hex()


def make_list(
    authority: Authority, revocations: Iterable[Revocation], number: int, at: dt.datetime,
    life: dt.timedelta = LIST_LIFE,
) -> RevocationList:  # fmt: skip
    """A list of every revocation of `authority`, the `number`-th of its lists."""
    issuer = identity_of(authority.certificate)
    moment = at.astimezone(dt.UTC).replace(microsecond=0)
    start, end = moment - BACKDATE, moment + life
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.certificate.subject)
        .last_update(start)
        .next_update(end)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()),
            critical=False,
        )
        .add_extension(x509.CRLNumber(number), critical=False)
    )
    for each in revocations:
        if each.issuer == issuer:
            builder = builder.add_revoked_certificate(_entry(each))
    signed = builder.sign(authority.key, hashes.SHA256())
    return RevocationList(
        issuer=issuer, number=number, this_update=start, next_update=end,
        pem=signed.public_bytes(serialization.Encoding.PEM),
    )  # fmt: skip


def read_lists(
    pem: bytes, authorities: Sequence[x509.Certificate]
) -> dict[str, x509.CertificateRevocationList]:
    """The lists in a PEM file by issuer, each signed by one of `authorities` and of all that it has
    revoked; of two of one authority the newer. Raises ValueError."""
    found: dict[str, x509.CertificateRevocationList] = {}
    for piece in _pieces(pem):
        crl = list_in(piece)
        authority = next((each for each in authorities if _is_of(crl, each)), None)
        if authority is None:
            raise ValueError("a revocation list is not signed by the authority it is used for")
        if why := "; ".join(incomplete(crl)):
            raise ValueError(f"the revocation list of {crl.issuer.rfc4514_string()}: {why}")
        issuer = identity_of(authority)
        if issuer not in found or _age(found[issuer]) < _age(crl):
            found[issuer] = crl
    return found


def lists_in(pem: bytes) -> tuple[RevocationList, ...]:
    """The lists of a file as they stand, named by their issuer's subject; nothing is proven.
    Raises ValueError."""
    found = [list_in(piece) for piece in _pieces(pem)]
    return tuple(read_of(crl.issuer.rfc4514_string(), crl) for crl in found)


def read_of(issuer: str, crl: x509.CertificateRevocationList) -> RevocationList:
    """A list as the inventory knows it. One without an end (RFC 5280 5.1.2.5) has ended."""
    return RevocationList(
        issuer=issuer, number=list_number(crl), this_update=crl.last_update_utc,
        next_update=crl.next_update_utc or crl.last_update_utc, pem=pem_of_list(crl),
    )  # fmt: skip


def pem_of_list(crl: x509.CertificateRevocationList) -> bytes:
    return crl.public_bytes(serialization.Encoding.PEM)


def list_number(crl: x509.CertificateRevocationList) -> int:
    try:
        return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    except x509.ExtensionNotFound:
        return 0


def _age(crl: x509.CertificateRevocationList) -> tuple[int, dt.datetime]:
    return list_number(crl), crl.last_update_utc


def serials_of(crl: x509.CertificateRevocationList) -> frozenset[str]:
    return frozenset(f"{each.serial_number:x}" for each in crl)


def revoked_in(
    file: Path, authorities: Sequence[x509.Certificate], at: dt.datetime | None = None
) -> Revoked:
    """All that a file of lists says is revoked. Raises ValueError (also for a list that has ended
    at `at`), OSError."""
    lists = read_lists(file.read_bytes(), authorities)
    if at is not None and any((crl.next_update_utc or at) <= at for crl in lists.values()):
        raise ValueError(f"{file.name}: a revocation list has ended")
    return Revoked(
        serials=frozenset(
            (issuer, serial) for issuer, crl in lists.items() for serial in serials_of(crl)
        )
    )


@attrs.frozen(kw_only=True)
class Responder:
    """Answers OCSP questions about the certificates of one authority."""

    authority: x509.Certificate
    certificate: x509.Certificate
    """Of the responder, issued by that authority."""
    key: ec.EllipticCurvePrivateKey = attrs.field(repr=False)

    def answer(
        self, question: bytes, known: Callable[[str], x509.Certificate | None],
        revoked: Callable[[str], Revocation | None], at: dt.datetime,
    ) -> bytes:  # fmt: skip
        """DER for DER. `known` and `revoked` are asked by serial (hex).

        Of a serial that we never issued the answer is "unauthorized" (RFC 5019 2.2.3), never
        "good".
        """
        try:
            asked = ocsp.load_der_ocsp_request(question)
            algorithm, extensions = asked.hash_algorithm, asked.extensions
        except (*REFUSALS, NotImplementedError):  # the latter: of several certificates at once
            return _unsuccessful(ocsp.OCSPResponseStatus.MALFORMED_REQUEST)
        if not self._asks_us(asked):
            return _unsuccessful(ocsp.OCSPResponseStatus.UNAUTHORIZED)
        serial = f"{asked.serial_number:x}"
        certificate, ended = known(serial), revoked(serial)
        if certificate is None:
            return _unsuccessful(ocsp.OCSPResponseStatus.UNAUTHORIZED)
        moment = at.astimezone(dt.UTC).replace(microsecond=0)
        status = ocsp.OCSPCertStatus.REVOKED if ended else ocsp.OCSPCertStatus.GOOD
        builder = (
            ocsp.OCSPResponseBuilder()
            .add_response(
                cert=certificate,
                issuer=self.authority,
                algorithm=algorithm,
                cert_status=status,
                this_update=moment,
                next_update=moment + ANSWER_LIFE,
                revocation_time=ended.at.astimezone(dt.UTC) if ended else None,
                revocation_reason=_FLAGS[ended.reason] if ended else None,
            )
            .responder_id(ocsp.OCSPResponderEncoding.HASH, self.certificate)
            .certificates([self.certificate])
        )
        for extension in extensions:
            if isinstance(extension.value, x509.OCSPNonce):
                builder = builder.add_extension(extension.value, critical=False)
        signed = builder.sign(self.key, hashes.SHA256())
        return signed.public_bytes(serialization.Encoding.DER)

    def _asks_us(self, asked: ocsp.OCSPRequest) -> bool:
        mine = (
            ocsp.OCSPRequestBuilder()
            .add_certificate_by_hash(
                *_hashes_of(self.authority, asked.hash_algorithm),
                asked.serial_number,
                asked.hash_algorithm,
            )
            .build()
        )
        return (
            mine.issuer_key_hash == asked.issuer_key_hash
            and mine.issuer_name_hash == asked.issuer_name_hash
        )


def _hashes_of(authority: x509.Certificate, algorithm: hashes.HashAlgorithm) -> tuple[bytes, bytes]:
    point = public_point(authority.public_key()).public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    return _hash(algorithm, authority.subject.public_bytes()), _hash(algorithm, point)


def _hash(algorithm: hashes.HashAlgorithm, data: bytes) -> bytes:
    hasher = hashes.Hash(algorithm)
    hasher.update(data)
    return hasher.finalize()


def _unsuccessful(status: ocsp.OCSPResponseStatus) -> bytes:
    answer = ocsp.OCSPResponseBuilder.build_unsuccessful(status)
    return answer.public_bytes(serialization.Encoding.DER)


def _entry(each: Revocation) -> x509.RevokedCertificate:
    builder = (
        x509.RevokedCertificateBuilder()
        .serial_number(int(each.serial, 16))
        .revocation_date(each.at.astimezone(dt.UTC).replace(microsecond=0))
    )
    if each.reason is not Reason.UNSPECIFIED:
        # RFC 5280 5.3.1: "unspecified" is said by saying nothing.
        builder = builder.add_extension(x509.CRLReason(_FLAGS[each.reason]), critical=False)
    return builder.build()


def _is_of(crl: x509.CertificateRevocationList, authority: x509.Certificate) -> bool:
    if crl.issuer != authority.subject:
        return False
    try:
        return crl.is_signature_valid(public_point(authority.public_key()))
    except (*REFUSALS, InvalidSignature):
        return False


def _pieces(pem: bytes) -> list[bytes]:
    mark = b"-----BEGIN X509 CRL-----"
    return [mark + piece for piece in pem.split(mark)[1:]]

"""The table of parties whose signatures count: thumbprint to key, name, life; and who was left out.

Every certificate is checked against the evidence authority when the table is made, with a reason
when it is refused; on the line only a look-up is left. A table is never changed, only replaced.
"""

import datetime as dt
import errno
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import attrs
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from certs.issued import issued_by
from certs.keys import load_certificates
from certs.revocation import issuer_of, read_lists, read_of, serials_of
from certs.signing.signer import thumbprint_of, uri_of
from certs.signing.sm2 import Sm2PublicKey
from certs.signing.suites import PublicKey, public_of
from gateway.domain.certificates import RevocationList
from gateway.domain.parties import Role, Sender, sender_of

SIGNATORIES_MAX = 100_000
NEVER = dt.datetime.min.replace(tzinfo=dt.UTC)


@attrs.frozen(kw_only=True)
class Signatory:
    """One party's signing certificate, ready for the line."""

    sender: Sender
    thumbprint: str
    serial: int
    public: PublicKey
    not_before: dt.datetime
    not_after: dt.datetime
    """Never later than its authority's own end."""
    certificate: x509.Certificate
    issuer: str
    """As revocation lists name its authority."""

    @property
    def listable(self) -> bool:
        """Lists are read of P-256 authorities; an SM2 certificate is revoked by the registry, or
        taken out of the folder."""
        return not isinstance(self.public, Sm2PublicKey)


@attrs.frozen(kw_only=True)
class Lists:
    """What the evidence authorities' revocation lists say, and until when, by issuer."""

    serials: frozenset[tuple[str, str]]
    ends: Mapping[str, dt.datetime]
    read: tuple[RevocationList, ...] = ()


@attrs.frozen(kw_only=True)
class Life:
    """How long a certificate counts under its authority, which is named: never longer than it."""

    not_before: dt.datetime
    not_after: dt.datetime
    authority: x509.Certificate
    """Of several that issued it (one key, renewed) the last to end."""


@attrs.frozen(kw_only=True)
class LeftOut:
    """A certificate that does not count, and why."""

    name: str
    reason: str


@attrs.frozen(kw_only=True)
class Signatories:
    """By thumbprint (`x5t#S256`); `revoked` holds thumbprints."""

    authorities: tuple[x509.Certificate, ...]
    by_thumbprint: Mapping[str, Signatory]
    revoked: frozenset[str]
    left_out: tuple[LeftOut, ...]
    lists: Lists | None = None
    """None: none are kept here."""

    def of(self, uri: str) -> tuple[Signatory, ...]:
        """All certificates of one party, in the table's order: its log is read with each of them,
        many times a second, and a table may hold many thousands."""
        return self._by_uri.get(uri, ())

    @cached_property
    def _by_uri(self) -> Mapping[str, tuple[Signatory, ...]]:
        found: dict[str, tuple[Signatory, ...]] = {}
        for one in self.by_thumbprint.values():
            found[one.sender.uri] = (*found.get(one.sender.uri, ()), one)
        return found

    def also_called(self, one: Signatory) -> list[str]:
        """Under which other names its key stands here."""
        key = _key(one)
        same = {each.sender.uri for each in self.by_thumbprint.values() if _key(each) == key}
        return sorted(same - {one.sender.uri})

    def is_revoked(self, one: Signatory) -> bool:
        """By the registry, or by a list of its authority."""
        if one.thumbprint in self.revoked:
            return True
        if self.lists is None or not one.listable:
            return False
        return (one.issuer, f"{one.serial:x}") in self.lists.serials

    def counts_until(self, one: Signatory) -> dt.datetime:
        """The first of all that ends what it signs anew."""
        listed = self.listed_until(one)
        return one.not_after if listed is None else min(one.not_after, listed)

    def listed_until(self, one: Signatory) -> dt.datetime | None:
        """How long nobody need ask anew whether it is revoked: beyond its authority's list, or
        without one, it counts no more (silence never passes). None: no lists are kept here."""
        if self.lists is None or not one.listable:
            return None
        return self.lists.ends.get(one.issuer, NEVER)


def signatories(
    evidence: Sequence[x509.Certificate],
    certificates: Iterable[tuple[str, x509.Certificate]],
    revoked: Iterable[str] = (),
) -> Signatories:
    """Make a table from named certificates. Raises ValueError without a usable authority."""
    if not evidence:
        raise ValueError("no evidence authority: nobody's signature could count")
    for authority in evidence:
        _check_authority(authority)
    found: dict[str, Signatory] = {}
    names: dict[str, str] = {}
    left_out: list[LeftOut] = []
    for name, certificate in certificates:
        try:
            one = signatory(evidence, certificate)
        except ValueError as error:
            left_out.append(LeftOut(name=name, reason=str(error)))
        else:
            found[one.thumbprint] = one
            names[one.thumbprint] = name
    for thumbprint, others in _two_named(found.values()).items():
        del found[thumbprint]
        reason = f"its key is also that of {', '.join(others)}: whose word it is nobody can say"
        left_out.append(LeftOut(name=names[thumbprint], reason=reason))
    if len(found) > SIGNATORIES_MAX:
        raise ValueError(f"more than {SIGNATORIES_MAX} signing certificates")
    return Signatories(
        authorities=tuple(evidence),
        by_thumbprint=found,
        revoked=frozenset(revoked),
        left_out=tuple(left_out),
    )


def signatory(evidence: Sequence[x509.Certificate], certificate: x509.Certificate) -> Signatory:
    """One checked certificate. Raises ValueError with the first reason against it."""
    life = life_under(evidence, certificate)
    _check_leaf(certificate)
    sender = sender_of(uri_of(certificate))
    if sender is None:
        raise ValueError("its URI does not name a party")
    return Signatory(
        sender=sender,
        thumbprint=thumbprint_of(certificate),
        serial=certificate.serial_number,
        public=public_of(certificate),
        not_before=life.not_before,
        not_after=life.not_after,
        certificate=certificate,
        issuer=issuer_of(certificate),
    )


def _two_named(found: Iterable[Signatory]) -> dict[str, list[str]]:
    """Officers' certificates whose key is somebody else's too, with whose: two officers are two
    keys, and who holds one that bears two names would be both. By thumbprint.

    Ended certificates count too: what was signed in their time is proven by them.
    """
    by_key: dict[Sm2PublicKey | ec.EllipticCurvePublicNumbers, list[Signatory]] = defaultdict(list)
    for one in found:
        by_key[_key(one)].append(one)
    return {
        one.thumbprint: others
        for same in by_key.values()
        for one in same
        if one.sender.role is Role.OPERATOR
        and (others := sorted({each.sender.uri for each in same} - {one.sender.uri}))
    }


def _key(one: Signatory) -> Sm2PublicKey | ec.EllipticCurvePublicNumbers:
    """As a point, however its certificate spells it."""
    return one.public if isinstance(one.public, Sm2PublicKey) else one.public.public_numbers()


def life_under(evidence: Sequence[x509.Certificate], certificate: x509.Certificate) -> Life:
    """As far as one of its authorities lives without a break. Raises ValueError if none issued it.

    An authority that was renewed with its key stands here twice: what it issued lives on.
    """
    issuers = [each for each in evidence if issued_by(each, certificate)]
    if not issuers:
        raise ValueError("it was not issued by the evidence authority")
    issuers.sort(key=lambda each: each.not_valid_after_utc, reverse=True)
    last = issuers[0]
    start = last.not_valid_before_utc
    for earlier in issuers[1:]:
        if earlier.not_valid_after_utc >= start:
            start = min(start, earlier.not_valid_before_utc)
    return Life(
        not_before=max(certificate.not_valid_before_utc, start),
        not_after=min(certificate.not_valid_after_utc, last.not_valid_after_utc),
        authority=last,
    )


def read_signatories(
    evidence_file: Path,
    folder: Path,
    revoked: Iterable[str] = (),
    revocations: Path | None = None,
) -> Signatories:
    """From the authority's PEM file, a folder of PEM files, one party's certificate in each, and a
    file of the authorities' lists.

    A file that cannot be read is left out with its reason, like a certificate that does not count;
    of authorities and lists it raises ValueError, OSError. So it does of a folder that is not
    there: that is not one in which nobody stands.
    """
    if not folder.is_dir():
        raise FileNotFoundError(errno.ENOENT, "no such folder", str(folder))
    named: list[tuple[str, x509.Certificate]] = []
    unreadable: list[LeftOut] = []
    for path in sorted(folder.glob("*.pem")):
        try:
            named += [(path.name, each) for each in load_certificates(path)]
        except ValueError as error:
            unreadable.append(LeftOut(name=path.name, reason=str(error)))
    evidence = load_certificates(evidence_file)
    table = signatories(evidence, named, revoked)
    lists = _lists(revocations, evidence) if revocations is not None else None
    return attrs.evolve(table, left_out=(*unreadable, *table.left_out), lists=lists)


def read_anew(
    evidence_file: Path,
    folder: Path,
    revoked: Iterable[str] = (),
    revocations: Path | None = None,
) -> Signatories:
    """`read_signatories` beside a running program. Where nobody counts any more it raises
    ValueError: a folder on a disk that is not mounted is empty, and nobody meant that."""
    table = read_signatories(evidence_file, folder, revoked, revocations)
    if not table.by_thumbprint:
        why = "".join(f"; {each.name}: {each.reason}" for each in table.left_out[:3])
        raise ValueError(f"no certificate in {folder} counts any more{why}")
    return table


def _lists(file: Path, evidence: Sequence[x509.Certificate]) -> Lists:
    found = read_lists(file.read_bytes(), evidence)
    read = tuple(read_of(issuer, crl) for issuer, crl in found.items())
    return Lists(
        serials=frozenset(
            (issuer, serial) for issuer, crl in found.items() for serial in serials_of(crl)
        ),
        ends={each.issuer: each.next_update for each in read},
        read=read,
    )


def _check_authority(certificate: x509.Certificate) -> None:
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound as error:
        raise ValueError("the evidence authority is not a certificate authority") from error
    if not constraints.ca or not usage.key_cert_sign:
        raise ValueError("the evidence authority may not sign certificates")
    public_of(certificate)


def _check_leaf(certificate: x509.Certificate) -> None:
    try:
        extensions = certificate.extensions
    except (ValueError, x509.DuplicateExtension) as error:
        raise ValueError(f"its extensions cannot be read: {error}") from error
    try:
        usage = extensions.get_extension_for_class(x509.KeyUsage).value
        constraints = extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound as error:
        raise ValueError("it does not say what its key may be used for") from error
    if constraints.ca:
        raise ValueError("it is an authority, not a party")
    if not usage.digital_signature or usage.key_cert_sign:
        raise ValueError("its key may not sign documents")

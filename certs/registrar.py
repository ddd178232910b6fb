"""The registrar: which request may become a certificate. Every check runs at each decision.

What held when it was asked for need not hold when it is approved or issued: a key may have been
lost meanwhile, an authority ended, another request come with the same key (trap T10).
"""

import datetime as dt
from collections.abc import Callable, Sequence

import attrs
from cryptography import x509

from certs.authority import Authority, Purpose, RequestRefused, asked_for, issue, issue_responder
from certs.authority import key_digest as digest_of
from certs.issued import issued_by
from certs.keys import pem_of
from certs.reading import REFUSALS
from certs.revocation import issuer_of
from certs.signing.signer import thumbprint_of
from gateway.domain.certificates import (
    HOLDERS,
    Case,
    Issued,
    MoveRefused,
    Order,
    Profile,
    State,
    why_not,
)
from gateway.domain.parties import sender_of

LIVE_OF_ONE_PURPOSE_MAX = 2
"""One and its successor: a third one of the same holder and profile would hide a forgotten one."""


def read_order(
    id: str, profile: Profile, pem: bytes, requester: str, at: dt.datetime,
    replaces: str | None = None,
) -> Order:  # fmt: skip
    """An order from a request's bytes. Raises MoveRefused if nothing in it can be believed."""
    try:
        holder, hosts, key = asked_for(pem)
    except RequestRefused as refused:
        raise MoveRefused([str(refused)]) from refused
    return Order(
        id=id, profile=profile, holder=holder, hosts=hosts, request=pem, key_digest=key,
        requester=requester, requested_at=at, replaces=replaces,
    )  # fmt: skip


@attrs.frozen(kw_only=True)
class Rules:
    """What an order is held against."""

    trust_domain: str
    officers: frozenset[str]
    known: Sequence[Case]
    """All cases, this one among them."""
    lost_keys: frozenset[bytes]
    """Digests of keys that were revoked as compromised."""


def against(order: Order, rules: Rules, at: dt.datetime) -> list[str]:
    """Every reason against an order as things are now; empty if there is none."""
    return [reason for check in _CHECKS for reason in check(order, rules, at)]


def check_request(case: Case, rules: Rules, at: dt.datetime) -> None:
    """A new case, held against what its approval will be held against. Raises MoveRefused."""
    reasons = against(case.order, rules, at)
    if case.order.requester not in rules.officers:
        reasons.append(f"{case.order.requester} is not one of the officers")
    if reasons:
        raise MoveRefused(reasons)


def check_step(case: Case, to: State, actor: str, rules: Rules, at: dt.datetime) -> None:
    """Whether `actor` may take the case to `to` now. Raises MoveRefused with all reasons."""
    reasons = why_not(case, to, actor, rules.officers)
    if to in (State.APPROVED, State.ISSUED):
        reasons += against(case.order, rules, at)
        if case.order.requester not in rules.officers:
            reasons.append("the requester is no longer one of the officers")
    if to is State.ACTIVE and case.issued:
        reasons += _not_valid(case.issued, at)
    if to is State.ISSUED:
        approver = case.actor_of(State.APPROVED)
        if approver is None or approver == case.order.requester:
            reasons.append("no second person has approved it")
        elif approver not in rules.officers:
            reasons.append("the approver is no longer one of the officers")
    if reasons:
        raise MoveRefused(reasons)


def issue_for(order: Order, authority: Authority, at: dt.datetime) -> Issued:
    """The certificate of an approved order, as its profile says. Raises MoveRefused."""
    wanted = (
        (Purpose.TRANSPORT,) if order.profile.opens_connections
        else (Purpose.TRANSPORT, Purpose.EVIDENCE) if order.profile is Profile.OCSP
        else (Purpose.EVIDENCE,)
    )  # fmt: skip
    if authority.purpose not in wanted:
        raise MoveRefused([f"a {order.profile} certificate is not the {authority.purpose} CA's"])
    make = issue_responder if order.profile is Profile.OCSP else issue
    try:
        return facts_of(make(authority, order.request, at))
    except RequestRefused as refused:
        raise MoveRefused([str(refused)]) from refused


def imported(
    order: Order, certificate: x509.Certificate, authorities: Sequence[x509.Certificate]
) -> Issued:
    """A certificate that another authority made of an order's request. Raises MoveRefused."""
    reasons = []
    if not any(issued_by(each, certificate) for each in authorities):
        reasons.append("it was not issued by an authority of these")
    if _digest(certificate) != order.key_digest:
        reasons.append("its key is not the one that was asked for")
    names = _names(certificate)
    if names is None or names.get_values_for_type(x509.UniformResourceIdentifier) != [order.holder]:
        reasons.append("it does not name exactly the party that was asked for")
    if _is_authority(certificate):
        reasons.append("it is an authority, not a party")
    if reasons:
        raise MoveRefused(reasons)
    return facts_of(certificate)


def facts_of(certificate: x509.Certificate) -> Issued:
    return Issued(
        issuer=issuer_of(certificate),
        serial=f"{certificate.serial_number:x}",
        thumbprint=thumbprint_of(certificate),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        certificate=pem_of(certificate),
    )


def _proof(order: Order, rules: Rules, at: dt.datetime) -> list[str]:
    """The bytes are read again: possession, names and key must be those that were approved."""
    try:
        found = asked_for(order.request)
    except RequestRefused as refused:
        return [str(refused)]
    agreed = found == (order.holder, order.hosts, order.key_digest)
    return [] if agreed else ["the request's bytes are not what the case says of them"]


def _profile(order: Order, rules: Rules, at: dt.datetime) -> list[str]:
    holder = sender_of(order.holder)
    if holder is None:
        return ["the URI does not name a party"]
    reasons = []
    if holder.role not in HOLDERS[order.profile]:
        reasons.append(f"a {holder.role} has no {order.profile} certificate")
    if holder.trust_domain != rules.trust_domain:
        reasons.append(f"the holder is not of {rules.trust_domain}")
    if order.profile is Profile.TLS_SERVER and not order.hosts:
        reasons.append("a server's certificate needs a host name")
    if order.profile is not Profile.TLS_SERVER and order.hosts:
        reasons.append(f"a {order.profile} certificate names no host")
    if any("*" in host for host in order.hosts):
        reasons.append("no host name may hold a wildcard")
    return reasons


def _key(order: Order, rules: Rules, at: dt.datetime) -> list[str]:
    reasons = []
    if order.key_digest in rules.lost_keys:
        reasons.append("the key was reported compromised")
    used = [
        case.order.id for case in rules.known
        if case.order.key_digest == order.key_digest
        and case.order.id != order.id
        and case.state is not State.REFUSED
    ]  # fmt: skip
    if used:
        reasons.append(f"the key is used by another case: {', '.join(used)}")
    return reasons


def _succession(order: Order, rules: Rules, at: dt.datetime) -> list[str]:
    same = [
        case for case in rules.known
        if case.live and case.order.id != order.id
        and _place(case.order) == _place(order)
        and case.issued is not None and case.issued.not_after > at
    ]  # fmt: skip
    reasons = []
    if len(same) >= LIVE_OF_ONE_PURPOSE_MAX:
        reasons.append(f"the holder has {len(same)} live {order.profile} certificates already")
    if order.replaces and order.replaces not in {case.order.id for case in same}:
        reasons.append(
            "what it replaces is not a live certificate of the same holder, profile and host names"
        )
    if same and not order.replaces:
        named = ", ".join(case.order.id for case in same)
        reasons.append(f"the holder has such a certificate: say which case it replaces ({named})")
    return reasons


_CHECKS: tuple[Callable[[Order, Rules, dt.datetime], list[str]], ...] = (
    _proof, _profile, _key, _succession,
)  # fmt: skip


def _place(order: Order) -> tuple[str, Profile, tuple[str, ...]]:
    """Two servers of one party under two host names are two places."""
    return order.holder, order.profile, tuple(sorted(order.hosts))


def _not_valid(issued: Issued, at: dt.datetime) -> list[str]:
    """Another authority says when its certificate begins; in use everybody would refuse it."""
    if at < issued.not_before:
        return [f"its certificate is not valid before {issued.not_before.isoformat()}"]
    if at > issued.not_after:
        return [f"its certificate ended at {issued.not_after.isoformat()}"]
    return []


def _digest(certificate: x509.Certificate) -> bytes:
    """Empty where its key is none that we know."""
    try:
        return digest_of(certificate.public_key())
    except REFUSALS:
        return b""


def _names(certificate: x509.Certificate) -> x509.SubjectAlternativeName | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False

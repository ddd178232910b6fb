"""Certificates as cases: what was asked for, each step with its person, what was issued or ended.

requested -> approved -> issued -> staged -> active -> retiring -> retired, or revoked from wherever
a certificate exists, or refused before it does. A step is added, never changed.
"""

import datetime as dt
from collections.abc import Mapping
from enum import StrEnum

import attrs

from gateway.domain.parties import Role


class Profile(StrEnum):
    """What a certificate is for; each has its authority, its life, and roles that may hold it."""

    TLS_SERVER = "tls-server"
    TLS_CLIENT = "tls-client"
    RECORD = "record"
    """Signs checkpoints, receipts and notices of a gateway."""
    FEED = "feed"
    """Signs a bureau's feeds, receipts and cosignatures."""
    SIGNING = "signing"
    """Signs instructions, statements, books, cases: agencies, channels, banks, officers."""
    OCSP = "ocsp"
    """Answers for the transport or evidence authority (RFC 6960 4.2.2.2)."""

    @property
    def opens_connections(self) -> bool:
        return self in (Profile.TLS_SERVER, Profile.TLS_CLIENT)


HOLDERS: Mapping[Profile, frozenset[Role]] = {
    Profile.TLS_SERVER: frozenset({Role.GATEWAY, Role.BUREAU, Role.BANK}),
    Profile.TLS_CLIENT: frozenset(Role),
    Profile.RECORD: frozenset({Role.GATEWAY}),
    Profile.FEED: frozenset({Role.BUREAU}),
    Profile.SIGNING: frozenset({Role.AGENCY, Role.CHANNEL, Role.BANK, Role.OPERATOR}),
    Profile.OCSP: frozenset({Role.OPERATOR}),
}


class State(StrEnum):
    REQUESTED = "requested"
    APPROVED = "approved"
    REFUSED = "refused"
    ISSUED = "issued"
    STAGED = "staged"
    """Known to whoever must trust it, not yet used."""
    ACTIVE = "active"
    RETIRING = "retiring"
    """Still valid beside its successor."""
    RETIRED = "retired"
    REVOKED = "revoked"


_LIVE = frozenset({State.ISSUED, State.STAGED, State.ACTIVE, State.RETIRING})
MOVES: Mapping[State, frozenset[State]] = {
    State.REQUESTED: frozenset({State.APPROVED, State.REFUSED}),
    State.APPROVED: frozenset({State.ISSUED, State.REFUSED}),
    State.ISSUED: frozenset({State.STAGED, State.REVOKED}),
    State.STAGED: frozenset({State.ACTIVE, State.REVOKED}),
    State.ACTIVE: frozenset({State.RETIRING, State.REVOKED}),
    State.RETIRING: frozenset({State.RETIRED, State.REVOKED}),
    State.RETIRED: frozenset({State.REVOKED}),
    State.REFUSED: frozenset(),
    State.REVOKED: frozenset(),
}


class Reason(StrEnum):
    """Why a certificate was revoked (RFC 5280 5.3.1); hold is not offered: it can be lifted."""

    UNSPECIFIED = "unspecified"
    KEY_COMPROMISE = "key_compromise"
    AFFILIATION_CHANGED = "affiliation_changed"
    SUPERSEDED = "superseded"
    CESSATION = "cessation_of_operation"


class MoveRefused(ValueError):
    """A step that may not be taken, with all reasons against it."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons


@attrs.frozen(kw_only=True)
class Order:
    """What was asked for."""

    id: str
    profile: Profile
    holder: str
    """The party's URI."""
    hosts: tuple[str, ...]
    request: bytes = attrs.field(repr=False)
    """PKCS#10, PEM, as received: its signature is the proof of possession."""
    key_digest: bytes
    """SHA-256 of the public key (SubjectPublicKeyInfo)."""
    requester: str
    requested_at: dt.datetime
    replaces: str | None = None
    """Id of the case whose certificate it succeeds."""


@attrs.frozen(kw_only=True)
class Step:
    state: State
    at: dt.datetime
    actor: str
    """URI of the officer."""
    act: bytes = attrs.field(repr=False)
    """Canonical JSON that the officer signed."""
    signature: str = attrs.field(repr=False)
    """Detached JWS over `act`."""
    note: str = ""


@attrs.frozen(kw_only=True)
class Issued:
    issuer: str
    """Hex of the authority's key identifier (RFC 5280 4.2.1.1)."""
    serial: str
    """Hex."""
    thumbprint: str
    """`x5t#S256`."""
    not_before: dt.datetime
    not_after: dt.datetime
    certificate: bytes = attrs.field(repr=False)
    """PEM."""


@attrs.frozen(kw_only=True)
class Case:
    order: Order
    steps: tuple[Step, ...]
    issued: Issued | None = None

    @property
    def state(self) -> State:
        return self.steps[-1].state

    @property
    def live(self) -> bool:
        """A certificate of it exists and was neither retired nor revoked."""
        return self.state in _LIVE

    def actor_of(self, state: State) -> str | None:
        return next((step.actor for step in self.steps if step.state is state), None)


@attrs.frozen(kw_only=True)
class Revocation:
    issuer: str
    serial: str
    thumbprint: str
    at: dt.datetime
    reason: Reason


@attrs.frozen(kw_only=True)
class RevocationList:
    """A signed CRL (RFC 5280 section 5)."""

    issuer: str
    number: int
    this_update: dt.datetime
    next_update: dt.datetime
    pem: bytes = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class Revoked:
    """The set in memory that each request is held against."""

    serials: frozenset[tuple[str, str]] = frozenset()
    """(issuer, serial), both hex."""
    thumbprints: frozenset[str] = frozenset()


def why_not(case: Case, to: State, actor: str, officers: frozenset[str]) -> list[str]:
    """Reasons against a step, by its state and its person; empty if there are none."""
    found = []
    if to not in MOVES[case.state]:
        found.append(f"a case that is {case.state} does not become {to}")
    if actor not in officers:
        found.append(f"{actor} is not one of the officers")
    if to in (State.APPROVED, State.REFUSED) and actor == case.order.requester:
        found.append("the requester may not decide on the own request")
    return found


def renewal_due(not_before: dt.datetime, not_after: dt.datetime) -> dt.datetime:
    """When a third of the life is left."""
    return not_after - (not_after - not_before) / 3


ALERT_DAYS = (60, 30, 14, 7, 1)


def list_alert_of(
    this_update: dt.datetime, next_update: dt.datetime, now: dt.datetime
) -> int | None:
    """Days left of a revocation list, as `alert_of`. A list lives for days: from half of its life
    on it must have a successor, or it will refuse everyone; a certificate's thresholds would come
    too late or at once."""
    left = next_update - now
    if left > (next_update - this_update) / 2:
        return None
    return 0 if left <= dt.timedelta(0) else max(1, left.days)


def alert_of(not_before: dt.datetime, not_after: dt.datetime, now: dt.datetime) -> int | None:
    """The smallest threshold that was passed, in days; 0 once it has ended; None: none.

    A threshold that is longer than two thirds of the life is none: a certificate of 90 days would
    begin with an alert.
    """
    left = not_after - now
    if left <= dt.timedelta(0):
        return 0
    life = not_after - not_before
    passed = [
        days for days in ALERT_DAYS
        if left <= dt.timedelta(days=days) and dt.timedelta(days=days) <= life * 2 / 3
    ]  # fmt: skip
    return min(passed, default=None)

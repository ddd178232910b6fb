"""The bureau's orders about holds (放行, 不予放行): two named persons bound to one digest.

    order    = {"decision": {...}, "persons": [proposer, approver]}
    decision = {"decided_at","division","fiscal_year","instruction_sha256","kind","overrides",
                "reason","valid_until","verdict","voucher_no","voucher_type"}
    person   = {"at","decision_sha256","name","role","signature","uri"}

`decision_sha256` is that of the decision's canonical bytes; `signature`, where there is one, the
person's own detached JWS over them. Moments are microseconds since 1970, UTC. The feed that carries
orders is signed by the bureau as a whole.
"""

import datetime as dt
import hashlib
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import Annotated, Any, TypeVar

import attrs
import msgspec

from gateway.domain.faults import FaultCode, Unproven, Unreadable
from gateway.domain.folding import bare
from gateway.domain.holds import FindingName
from gateway.domain.instruction import InstructionKey
from gateway.domain.records import canonical

KIND = "release_decision"
ORDERS_MAX = 1000
"""In one feed."""
LIMIT_POLICIES = frozenset({"LIMIT"})
"""Findings of the line itself that money is short: no order overrides them."""

Verify = Callable[[bytes, str], str]
"""(body, detached JWS) -> the signer's URI. Raises Unproven."""

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_Text = Annotated[str, msgspec.Meta(max_length=500)]
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Sha256 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
Moment = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]


class Verdict(StrEnum):
    RELEASE = "release"
    REFUSE = "refuse"


class PersonRole(StrEnum):
    PROPOSER = "proposer"
    APPROVER = "approver"


class _Override(msgspec.Struct, forbid_unknown_fields=True):
    policy: _Name
    revision: int
    detail: _Text
    unavailable: list[_Name]


class DecisionTold(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What the decision of an order and that of a void have alike."""

    kind: str
    division: Annotated[str, msgspec.Meta(pattern="^[0-9]{9}$")]
    fiscal_year: Annotated[int, msgspec.Meta(ge=2000, le=9999)]
    voucher_type: Annotated[str, msgspec.Meta(pattern="^[0-9A-Za-z]{1,8}$")]
    voucher_no: Annotated[str, msgspec.Meta(pattern="^[0-9A-Za-z-]{1,42}$")]
    reason: Annotated[str, msgspec.Meta(min_length=4, max_length=500)]
    decided_at: Moment


class _Decision(DecisionTold):
    instruction_sha256: Sha256
    verdict: Verdict
    overrides: list[_Override]
    valid_until: Moment


class _PersonTold(msgspec.Struct, forbid_unknown_fields=True):
    role: PersonRole
    name: _Name
    uri: _Text
    at: Moment
    decision_sha256: Sha256
    signature: Annotated[str, msgspec.Meta(max_length=4000)]


class _Framed(msgspec.Struct, forbid_unknown_fields=True):
    decision: dict[str, Any]
    persons: list[_PersonTold]


Told = TypeVar("Told", bound=DecisionTold)


@attrs.frozen(kw_only=True)
class Person:
    """One of the two. `uri` and `signature` are empty where the bureau's own word is the proof."""

    role: PersonRole
    name: str
    uri: str
    at: dt.datetime
    signature: str = ""


@attrs.frozen(kw_only=True)
class Decided:
    """What two persons are bound to, and who they are, as it was read: an `Order`, a `Void`.
    Nothing of it is proven but its form."""

    digest: bytes
    """SHA-256 of the decision's canonical bytes: what it is known by."""
    decision: bytes
    key: InstructionKey
    reason: str
    decided_at: dt.datetime
    proposer: Person
    approver: Person


@attrs.frozen(kw_only=True)
class Order(Decided):
    instruction_digest: bytes
    verdict: Verdict
    overrides: frozenset[FindingName]
    """The held findings it overrides, and no other."""
    valid_until: dt.datetime


def decision_bytes(
    key: InstructionKey, instruction_digest: bytes, verdict: Verdict,
    overrides: Collection[FindingName], reason: str, span: tuple[dt.datetime, dt.datetime],
) -> bytes:  # fmt: skip
    """What both persons are bound to. `span`: decided at, valid until."""
    return canonical(
        {
            "decided_at": microseconds_of(span[0]),
            "division": key.division,
            "fiscal_year": key.fiscal_year,
            "instruction_sha256": instruction_digest.hex(),
            "kind": KIND,
            "overrides": [
                {
                    "detail": name.detail,
                    "policy": name.policy,
                    "revision": name.revision,
                    "unavailable": list(name.unavailable),
                }
                for name in sorted(overrides)
            ],
            "reason": reason,
            "valid_until": microseconds_of(span[1]),
            "verdict": verdict,
            "voucher_no": key.voucher_no,
            "voucher_type": key.voucher_type,
        }
    )


def order_bytes(decision: bytes, persons: Sequence[Person]) -> bytes:
    """The decision with who answers for it."""
    digest = hashlib.sha256(decision).hexdigest()
    told = [
        {
            "at": microseconds_of(person.at),
            "decision_sha256": digest,
            "name": person.name,
            "role": person.role,
            "signature": person.signature,
            "uri": person.uri,
        }
        for person in persons
    ]
    return canonical({"decision": msgspec.json.decode(decision), "persons": told})


def read_order(raw: bytes) -> Order:
    """As `read_decided`. Raises Unreadable with the reason."""
    with in_words("an order about a hold"):
        read, bound = read_decided(raw, _Decision, KIND)
        overrides = frozenset(_name(each) for each in read.overrides)
        if read.verdict is Verdict.REFUSE and overrides:
            raise ValueError("a refusal overrides nothing")
        if any(name.policy in LIMIT_POLICIES for name in overrides):
            raise ValueError("no order overrides a shortage of money")
    return Order(
        instruction_digest=bytes.fromhex(read.instruction_sha256), verdict=read.verdict,
        overrides=overrides, valid_until=moment_of(read.valid_until), **bound,
    )  # fmt: skip


def read_decided(raw: bytes, form: type[Told], kind: str) -> tuple[Told, dict[str, Any]]:
    """A decision of this form with who answers for it, strictly: every field, no other; the two
    persons differ and are bound to this decision. With it the fields of `Decided`.

    Raises ValueError, TypeError, RecursionError: `in_words` tells them.
    """
    framed = msgspec.json.decode(raw, type=_Framed)
    decision = canonical(framed.decision)
    read = msgspec.json.decode(decision, type=form)
    if read.kind != kind:
        raise ValueError(f"a decision's kind is {kind}")
    digest = hashlib.sha256(decision)
    proposer, approver = _two_of(framed.persons, digest.hexdigest())
    key = InstructionKey(
        division=read.division, fiscal_year=read.fiscal_year, voucher_type=read.voucher_type,
        voucher_no=read.voucher_no,
    )  # fmt: skip
    return read, {
        "digest": digest.digest(), "decision": decision, "key": key, "reason": read.reason,
        "decided_at": moment_of(read.decided_at), "proposer": proposer, "approver": approver,
    }  # fmt: skip


@contextmanager
def in_words(what: str) -> Iterator[None]:
    """What a reader raises of bytes that are none, as Unreadable."""
    try:
        yield
    except (ValueError, TypeError, RecursionError) as error:
        raise Unreadable(FaultCode.FEED_INVALID, f"not {what}: {error}") from error


def prove_persons(order: Decided, verify: Verify, officers: Collection[str]) -> None:
    """That both signed the decision themselves and are officers. Raises Unproven."""
    for person in (order.proposer, order.approver):
        signer = verify(order.decision, person.signature)
        if signer != person.uri or signer not in officers:
            raise Unproven(
                FaultCode.SENDER_NOT_ENTITLED, f"{signer} may not sign an order as {person.role}"
            )


def _two_of(persons: Sequence[_PersonTold], digest: str) -> tuple[Person, Person]:
    """Proposer and approver, bound to the decision of this digest. Raises ValueError."""
    if [person.role for person in persons] != [PersonRole.PROPOSER, PersonRole.APPROVER]:
        raise ValueError("one proposer and then one approver answer for it")
    if any(person.decision_sha256 != digest for person in persons):
        raise ValueError("a person is bound to another decision")
    first, second = (
        Person(role=each.role, name=each.name, uri=each.uri, at=moment_of(each.at),
               signature=each.signature)
        for each in persons
    )  # fmt: skip
    if same_person(first, second):
        raise ValueError("proposer and approver are one person")
    return first, second


def same_person(one: Person, other: Person) -> bool:
    """By name as people would read it, whatever it is written in, or by URI."""
    return bare(one.name) == bare(other.name) or (bool(one.uri) and one.uri == other.uri)


def _name(each: _Override) -> FindingName:
    return FindingName(
        policy=each.policy, revision=each.revision, detail=each.detail,
        unavailable=tuple(sorted(each.unavailable)),
    )  # fmt: skip


def microseconds_of(moment: dt.datetime) -> int:
    return (moment - _EPOCH) // dt.timedelta(microseconds=1)


def moment_of(microseconds: int) -> dt.datetime:
    return _EPOCH + dt.timedelta(microseconds=microseconds)

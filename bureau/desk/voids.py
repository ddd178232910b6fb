"""A number that its gateway refuses for good is made void (作废): two persons, with a reason.

What was signed goes out in order, so one decision that its gateway will never take keeps all
behind it waiting. A void takes its number: signed like it, bound to the very bytes that were
refused. The hold is as it was; once the gateway's log tells of the void, another decision may be
proposed. What a gateway has taken is never made void: under its number it takes nothing else, and
hands back what it has (`bureau.desk.numbers`).
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
import orjson

from bureau.desk.releases import (
    KIND,
    VALID,
    Named,
    ReleaseRefused,
    Told,
    check_name,
    check_open,
    person_of,
    proposer_beside,
    step_told,
)
from bureau.desk.trail import Act
from bureau.ports import Clock, VoidStore
from gateway.domain.faults import FaultCode, Unreadable
from gateway.domain.instruction import InstructionKey
from gateway.domain.records import canonical
from gateway.domain.releases import Person, PersonRole, order_bytes
from gateway.domain.voids import Void, read_void, void_bytes

SHOWN_MAX = 100
OUT_OF_TURN = frozenset({FaultCode.FEED_GAP.value, FaultCode.FEED_CONFLICT.value})
"""Refusals of a number, not of what it carries: a void would be refused alike."""


@attrs.frozen(kw_only=True)
class Refused:
    """What a gateway refuses next, as it stands."""

    row: Mapping[str, Any]

    @property
    def may_be_void(self) -> bool:
        return self.row["refusal"] not in OUT_OF_TURN and self.row["voucher_no"] is not None


class Voids:
    """Raises ReleaseRefused, StoreUnavailable. `sign`: the bureau's detached JWS over bytes."""

    def __init__(
        self, store: VoidStore, sign: Callable[[bytes], str], clock: Clock,
        told: Told | None = None,
    ) -> None:  # fmt: skip
        """`told` hears of each step that a command is about to take."""
        self._store = store
        self._sign = sign
        self._clock = clock
        self._told = told

    async def refused(self, division: str) -> Sequence[Refused]:
        """Of each bank the decision that its gateway has refused and all others wait behind."""
        return [Refused(row=row) for row in await self._store.refused_feeds(division)]

    async def voids(self, division: str) -> Sequence[Mapping[str, Any]]:
        """Newest first, with who approved or rejected each, and whether its bank has it."""
        return await self._store.voids(division, SHOWN_MAX)

    async def void(self, division: str, digest: bytes) -> Mapping[str, Any] | None:
        rows = await self._store.voids(division, 1, digest)
        return rows[0] if rows else None

    async def propose(
        self, place: tuple[str, str], number: int, reason: str, person: Named
    ) -> bytes:
        """The first person's step, about what the gateway refuses at this moment; the digest by
        which another one approves. `place`: division and bank."""
        check_name(person)
        now, made = self._clock(), b""

        def make(row: Mapping[str, Any] | None, waits: bool) -> tuple[bytes, bytes, Person]:
            nonlocal made
            row = _standing(row, number)
            if waits:
                raise ReleaseRefused("已有作废提议待复核 / a void of it waits for approval already")
            refused = hashlib.sha256(row["body"]).digest(), row["order_digest"], row["trouble"]
            decision = void_bytes(_key(row), number, refused, reason.strip(), now)
            proposer = person_of(PersonRole.PROPOSER, person, decision, now)
            other = attrs.evolve(proposer, role=PersonRole.APPROVER, name="—", uri="—")
            made = _read(order_bytes(decision, [proposer, other])).digest
            return made, decision, proposer

        detail = {"bank": place[1], "number": number, "by": person.name.strip()}
        act = await self._tell(person, place[0], "release.void_proposed", detail)
        await self._store.propose_void(place, now - VALID, make, act)
        return made

    async def approve(self, division: str, digest: bytes, person: Named) -> None:
        """The second person's step: signs it, under the refused one's number."""
        check_name(person)
        now, known = self._clock(), await self._known(division, digest)
        approver = person_of(PersonRole.APPROVER, person, known["decision"], now)

        def feed(row: Mapping[str, Any], refused: Mapping[str, Any] | None) -> tuple[bytes, str]:
            check_open(row)
            if now > row["proposed_at"] + VALID:
                raise ReleaseRefused("提议已过期，请重新提议 / it is too old; propose it anew")
            void = order_bytes(row["decision"], [proposer_beside(row, approver), approver])
            read = _read(void)
            standing = _standing(refused, read.version)
            if hashlib.sha256(standing["body"]).digest() != read.feed_digest:
                raise ReleaseRefused(CHANGED)
            fields = {"division": division, "kind": KIND, "void": orjson.loads(void)}
            body = canonical(fields | {"version": read.version})
            return body, self._sign(body)

        detail = {"bank": known["bank"], "number": known["version"], "by": approver.name}
        act = await self._tell(person, division, "release.void_approved", detail)
        await self._store.approve_void((division, known["bank"]), digest, approver, feed, act)

    async def reject(self, division: str, digest: bytes, person: Named, reason: str) -> None:
        """Nothing comes of the proposal; the refused one waits on."""
        check_name(person)
        known = await self._known(division, digest)
        by = person.name.strip(), reason.strip()
        detail = {"bank": known["bank"], "number": known["version"], "by": by[0]}
        act = await self._tell(person, division, "release.void_rejected", detail)
        place = division, known["bank"]
        await self._store.reject_void(place, digest, by, self._clock(), check_open, act)

    async def _known(self, division: str, digest: bytes) -> Mapping[str, Any]:
        row = await self.void(division, digest)
        if row is None:
            raise ReleaseRefused("没有这份提议 / nothing was proposed under this digest")
        return row

    async def _tell(
        self, person: Named, division: str, what: str, detail: Mapping[str, Any]
    ) -> Act | None:
        step = what, f"{detail['bank']}/{detail['number']}", detail
        return await step_told(self._told, person, division, step)


CHANGED = "网关当前并未拒收这份决定 / it is not what the gateway refuses at this moment"


def _standing(row: Mapping[str, Any] | None, number: int) -> Mapping[str, Any]:
    if row is None or row["version"] != number:
        raise ReleaseRefused(CHANGED)
    if not Refused(row=row).may_be_void:
        raise ReleaseRefused(
            "网关拒收的是编号而非内容，不能作废 / what is refused is its number, not what it says"
        )
    return row


def _key(row: Mapping[str, Any]) -> InstructionKey:
    return InstructionKey(
        division=row["division"], fiscal_year=row["fiscal_year"],
        voucher_type=row["voucher_type"], voucher_no=row["voucher_no"],
    )  # fmt: skip


def _read(void: bytes) -> Void:
    """As a gateway will read it, before anybody has put a name to it."""
    try:
        return read_void(void)
    except Unreadable as unreadable:
        raise ReleaseRefused(f"提议不合规范 / {unreadable.detail}") from unreadable

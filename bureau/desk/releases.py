"""Decisions about holds (放行, 不予放行): one proposes, another approves, the bureau signs.

No pages here: the desk and the command line work on this. What was approved is signed in the very
transaction that keeps the approval; `Publishing` brings it to the bank until it is acknowledged.
"""

import datetime as dt
import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import attrs
import orjson

from bureau.desk.refusals import PROPOSER_CLOSED
from bureau.desk.trail import Act
from bureau.ports import Clock, DeskStore, ReleaseStore
from gateway.domain.faults import Unreadable
from gateway.domain.holds import FindingName
from gateway.domain.instruction import InstructionKey
from gateway.domain.records import canonical
from gateway.domain.releases import (
    LIMIT_POLICIES,
    Person,
    PersonRole,
    Verdict,
    decision_bytes,
    order_bytes,
    read_order,
    same_person,
)

VALID = dt.timedelta(days=3)
"""How long a decision may be carried out after it was proposed."""
SHOWN_MAX = 500
KIND = "releases"


class ReleaseRefused(ValueError):
    """Nothing was kept; the words say why, Chinese and English."""


@attrs.frozen(kw_only=True)
class Named:
    """Who acts. `uri` and `sign` for one who signs with a key of his own, else the bureau's word
    (and whoever signed him in) answers for the name."""

    name: str
    uri: str = ""
    sign: Callable[[bytes], str] | None = None
    login: str = ""
    """At the desk: under which the trail tells of the step, in the transaction that takes it."""


Told = Callable[[str, str, str, Mapping[str, str]], Awaitable[None]]
"""division, what (`release.approved`), subject, detail: told of before a command acts."""


class Releases:
    """Raises ReleaseRefused, StoreUnavailable. `sign` is the bureau's detached JWS over bytes."""

    def __init__(
        self, store: ReleaseStore, desk: DeskStore, sign: Callable[[bytes], str], clock: Clock,
        told: Told | None = None,
    ) -> None:  # fmt: skip
        """`told` hears of each step that a command is about to take."""
        self._told = told
        self._store = store
        self._desk = desk
        self._sign = sign
        self._clock = clock

    async def open_holds(self, division: str) -> Sequence[Mapping[str, Any]]:
        """What waits for this bureau, oldest first, as far as it was told."""
        return await self._store.open_holds(division, SHOWN_MAX)

    async def proposals(self, division: str) -> Sequence[Mapping[str, Any]]:
        """Newest first, with who approved or rejected each, and whether its bank has it."""
        return await self._store.proposals(division, SHOWN_MAX)

    async def payment_of(self, division: str, digest: bytes) -> tuple[int, str, str, str] | None:
        """Year, type, number and bank of what a proposal is about; None if there is no such one."""
        row = await self._store.proposal(division, digest)
        if row is None:
            return None
        return row["fiscal_year"], row["voucher_type"], row["voucher_no"], row["bank"]

    async def held_findings(
        self, key: InstructionKey, bank: str | None = None
    ) -> list[FindingName]:
        """What holds it, by its proven records: what a release may override."""
        return _held(await self._record(key, bank))

    async def propose(
        self, key: InstructionKey, verdict: Verdict, reason: str, person: Named,
        overrides: Sequence[FindingName] | None = None, *, bank: str | None = None,
    ) -> bytes:  # fmt: skip
        """The first person's step; the digest by which the second one approves.

        `overrides` None: all findings that hold it. A refusal overrides nothing. `bank`: at whose
        gateway, where several hold the number.
        """
        check_name(person)
        record = await self._record(key, bank)
        held = _held(record)
        wanted = tuple(held if overrides is None else overrides)
        if verdict is Verdict.REFUSE:
            wanted = ()
        if unknown := [each.policy for each in wanted if each not in held]:
            raise ReleaseRefused(
                f"{'、'.join(unknown)} 不是挂起的理由 / {unknown}: not what holds it"
            )
        now = self._clock()
        digest_of_bytes = bytes.fromhex(record["digest"])
        decision = decision_bytes(
            key, digest_of_bytes, verdict, wanted, reason.strip(), (now, now + VALID)
        )
        proposer = person_of(PersonRole.PROPOSER, person, decision, now)
        _check_form(decision, proposer)
        digest = hashlib.sha256(decision).digest()
        detail = {"digest": digest.hex(), "verdict": verdict.value, "by": proposer.name}
        step = "release.proposed", str(key), detail
        act = await step_told(self._told, person, key.division, step)

        def check(stands: Mapping[str, Any]) -> None:
            _check_decidable(stands, now)
            if _recent(stands["waiting_since"], now):
                raise ReleaseRefused(
                    "已有提议待复核，请先批准或退回 / one waits for approval already"
                )

        await self._store.propose(key, record["of_bank"], digest, decision, proposer, check, act)
        return digest

    async def approve(self, division: str, digest: bytes, person: Named) -> None:
        """The second person's step: signs it and leaves it for sending."""
        check_name(person)
        now = self._clock()
        row = await self._store.proposal(division, digest)
        if row is None:
            raise ReleaseRefused("没有这份提议 / nothing was proposed under this digest")
        approver = person_of(PersonRole.APPROVER, person, row["decision"], now)

        def feed(row: Mapping[str, Any], version: int) -> tuple[bytes, str]:
            check_open(row)
            _check_decidable(row, now)
            proposer = proposer_beside(row, approver)
            order = order_bytes(row["decision"], [proposer, approver])
            if now > _read(order).valid_until:
                raise ReleaseRefused("提议已过期，请重新提议 / it is too old; propose it anew")
            fields = {"division": division, "kind": KIND, "orders": [orjson.loads(order)]}
            body = canonical(fields | {"version": version})
            return body, self._sign(body)

        detail = {"digest": digest.hex(), "by": approver.name}
        step = "release.approved", digest.hex()[:16], detail
        act = await step_told(self._told, person, division, step)
        if not await self._store.approve(division, digest, approver, feed, act):
            raise ReleaseRefused("已复核过 / it was approved before")

    async def reject(self, division: str, digest: bytes, person: Named, reason: str) -> None:
        """Nothing will come of the proposal; the hold waits on."""
        check_name(person)
        if await self._store.proposal(division, digest) is None:
            raise ReleaseRefused("没有这份提议 / nothing was proposed under this digest")
        by = person.name.strip(), reason.strip()
        detail = {"digest": digest.hex(), "by": by[0]}
        step = "release.rejected", digest.hex()[:16], detail
        act = await step_told(self._told, person, division, step)
        await self._store.reject(division, digest, by, self._clock(), check_open, act)

    async def _record(self, key: InstructionKey, bank: str | None) -> dict[str, Any]:
        """The proven verdict of a held instruction, and whose log it stands in (`of_bank`)."""
        row = await self._desk.interception(
            key.division, key.fiscal_year, key.voucher_type, key.voucher_no, bank
        )
        if row is not None and row["held_by"] > 1:
            raise ReleaseRefused(
                f"{key} 在几家代理银行挂起，请指明代理银行 / several banks hold it; name one"
            )
        if row is None or row["outcome"] != "held":
            raise ReleaseRefused(f"{key} 没有挂起 / is not held, as far as the bureau was told")
        if row["record_body"] is None:
            raise ReleaseRefused(f"{key} 的记录尚未送达 / its record has not arrived yet")
        record = _named(row["record_body"]) | {"of_bank": row["bank"]}
        stopped = await self._store.stopped_by(key.division, row["bank"], str(key))
        if stopped is None:
            return record
        return record | {"findings": _judged(stopped, record["findings"])}


def _named(body: bytes) -> dict[str, Any]:
    """A record that says what a decision has to name; it is a bank's program's word."""
    record: dict[str, Any] = orjson.loads(body)
    try:
        _held(record)
        bytes.fromhex(record["digest"])
    except (LookupError, TypeError, ValueError) as error:
        raise ReleaseRefused(
            "记录内容不全，不能提议 / its record does not say what a decision names"
        ) from error
    return record


def _judged(stopped: bytes, told: Any) -> Any:
    """What held it when an order was not carried out: since its verdict policies may have been
    revised and registers changed, and an order names what it sets aside (decision 0015). `told`,
    what the verdict says, where that bank's program says nothing of use."""
    record = orjson.loads(stopped)
    try:
        _held({"findings": record["judged"]})
    except (LookupError, TypeError, ValueError):
        return told
    return record["judged"]


def _held(record: Mapping[str, Any]) -> list[FindingName]:
    return sorted(
        FindingName(
            policy=each["policy"], revision=each["revision"], detail=each["detail"],
            unavailable=tuple(sorted(each["unavailable"])),
        )
        for each in record["findings"]
        if each["action"] == "hold" and each["policy"] not in LIMIT_POLICIES
    )  # fmt: skip


def person_of(role: PersonRole, person: Named, decision: bytes, at: dt.datetime) -> Person:
    return Person(
        role=role, name=person.name.strip(), uri=person.uri, at=at,
        signature=person.sign(decision) if person.sign else "",
    )  # fmt: skip


def check_name(person: Named) -> None:
    if not 2 <= len(person.name.strip()) <= 64 or not person.name.isprintable():
        raise ReleaseRefused("经办人姓名为2至64个字 / a name has 2 to 64 characters")


async def step_told(
    told: Told | None, person: Named, division: str, step: tuple[str, str, Mapping[str, Any]]
) -> Act | None:
    """A command is told of here; of somebody at the desk, the act to be kept with the step.
    `step`: what, subject, detail."""
    what, subject, detail = step
    if told is not None:
        await told(division, what, subject, {name: str(value) for name, value in detail.items()})
    if not person.login:
        return None
    return Act(division=division, login=person.login, what=what, subject=subject, detail=detail)


def proposer_beside(row: Mapping[str, Any], approver: Person) -> Person:
    """Who proposed it: another one than whoever approves, whose account, if it was proposed at the
    desk, is not closed."""
    if row["closed"]:
        raise ReleaseRefused(" / ".join(PROPOSER_CLOSED))
    proposer = Person(
        role=PersonRole.PROPOSER, name=row["proposer"], uri=row["uri"], at=row["proposed_at"],
        signature=row["signature"],
    )  # fmt: skip
    if same_person(proposer, approver):
        raise ReleaseRefused("提议人不能复核自己的提议 / proposer and approver are one")
    return proposer


def check_open(row: Mapping[str, Any]) -> None:
    if row["approver"]:
        raise ReleaseRefused(f"已由{row['approver']}复核 / approved already")
    if row["rejected_by"]:
        raise ReleaseRefused(f"已由{row['rejected_by']}否决 / rejected already")


def _check_decidable(stands: Mapping[str, Any], now: dt.datetime) -> None:
    """Nothing is signed, nor proposed, that its gateway could only refuse: the hold waits, and no
    other order about it may still be carried out."""
    if not stands["held"]:
        raise ReleaseRefused("该笔挂起已结束，不能再提议或批准 / the hold has ended")
    if _recent(stands["ordered_since"], now):
        raise ReleaseRefused(
            "另一份决定已签署，网关尚未报送结果 / another order was signed; its end is not told yet"
        )


def _recent(proposed_at: dt.datetime | None, now: dt.datetime) -> bool:
    """Whether what was proposed then may still be approved or carried out."""
    return proposed_at is not None and now <= proposed_at + VALID


def _check_form(decision: bytes, proposer: Person) -> None:
    """As a gateway will read it, before anybody has put a name to it."""
    other = attrs.evolve(proposer, role=PersonRole.APPROVER, name="—", uri="—")
    _read(order_bytes(decision, [proposer, other]))


def _read(order: bytes) -> Any:
    try:
        return read_order(order)
    except Unreadable as unreadable:
        raise ReleaseRefused(f"提议不合规范 / {unreadable.detail}") from unreadable

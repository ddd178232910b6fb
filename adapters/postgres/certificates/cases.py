"""Cases of certificates, revocations and lists: one decision, one transaction, with its record."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import attrs
import msgspec

from adapters.postgres.drafts import tell
from adapters.postgres.session import Connection, Pool, Proof, Session, open_ear
from adapters.postgres.statements import statements
from gateway.domain.certificates import (
    Case,
    Issued,
    Order,
    Profile,
    Reason,
    Revocation,
    RevocationList,
    Revoked,
    State,
    Step,
)
from gateway.domain.ledger import RecordDraft
from gateway.domain.releases import moment_of

POLL_S = 0.5
"""Asking is the truth; a notification only makes it come sooner."""
CHANNEL = "certificates"

_SQL = statements("certificates")


@attrs.frozen(kw_only=True)
class Decision:
    """What is to be kept of one step."""

    step: Step
    order: Order | None = None
    """With a first step."""
    issued: Issued | None = None
    revocation: Revocation | None = None
    records: Sequence[tuple[str, RecordDraft]] = ()
    """By division."""


class PostgresCertificates:
    """Every error of the database is LedgerUnavailable."""

    def __init__(self, dsn: str, *, allow_unsafe: bool = False, kept: Proof | None = None) -> None:
        """`kept`: of a server that forgot nobody learns who is not revoked."""
        self._dsn = dsn
        self._allow_unsafe = allow_unsafe
        self._kept = kept
        self._pool = Pool(dsn, size=2, allow_unsafe=allow_unsafe, kept=kept)
        self._told = asyncio.Event()
        self._ear: Session | None = None
        self._heard: dict[str, int] = {}
        """By division: up to which number its log was asked about certificates."""
        self._ended: dict[tuple[str, str], Revocation] = {}
        self.gone = 0
        """How many revocations that a log tells of the registry had no more when last asked."""

    async def close(self) -> None:
        if self._ear:
            await self._ear.close()
        await self._pool.close()

    async def cases(self) -> list[Case]:
        """All, oldest first."""
        async with self._pool.session() as session:
            return await _cases(session.connection)

    async def revocations(self) -> list[Revocation]:
        """Those of the registry, and whatever else the sealed logs tell of: a revocation is never
        lifted, and whoever took its row away has not lifted it (decision 0137)."""
        found = [_revocation(row) for row in await self._pool.fetch(_SQL["revoked"])]
        rows = await self._pool.fetch(_SQL["told"], list(self._heard), list(self._heard.values()))
        for row in rows:
            self._heard[row["division"]] = row["seq"]
            if ended := _told_ended(row["body"]):
                self._ended[ended.issuer, ended.serial] = ended
        known = {(each.issuer, each.serial) for each in found}
        gone = [ended for place, ended in self._ended.items() if place not in known]
        self.gone = len(gone)
        return found + gone

    async def revoked(self) -> Revoked:
        """The set that is held in memory."""
        found = await self.revocations()
        return Revoked(
            serials=frozenset((each.issuer, each.serial) for each in found),
            thumbprints=frozenset(each.thumbprint for each in found if each.thumbprint),
        )

    async def decide(
        self, case_id: str, judge: Callable[[list[Case], list[Revocation]], Decision]
    ) -> Decision:
        """Ask `judge` about all cases as they stand, and keep what it decides: one after another.

        Whatever `judge` raises keeps nothing.
        """
        return await self._pool.unbroken(self._decide(case_id, judge))

    async def _decide(
        self, case_id: str, judge: Callable[[list[Case], list[Revocation]], Decision]
    ) -> Decision:
        async with self._pool.transaction() as connection:
            await connection.execute(_SQL["lock"])
            cases = await _cases(connection)
            # Nobody revokes meanwhile: that takes the same lock.
            ended = await self.revocations()
            refused: Exception | None = None
            try:
                decision = judge(cases, ended)
            except ValueError as error:
                refused = error
            else:
                await _keep(connection, case_id, cases, decision)
        if refused:
            raise refused
        return decision

    async def revoke_foreign(
        self, revocation: Revocation, actor: str, records: Sequence[tuple[str, RecordDraft]]
    ) -> bool:
        """A certificate that no case stands for. False if it was revoked before."""
        return await self._pool.unbroken(self._revoke_foreign(revocation, actor, records))

    async def _revoke_foreign(
        self, revocation: Revocation, actor: str, records: Sequence[tuple[str, RecordDraft]]
    ) -> bool:
        async with self._pool.transaction() as connection:
            await connection.execute(_SQL["lock"])
            if not await _revoke(connection, revocation, actor):
                return False
            await _tell(connection, records)
        return True

    async def lists(self) -> list[RevocationList]:
        """The newest of each authority."""
        return [RevocationList(**row) for row in await self._pool.fetch(_SQL["newest_lists"])]

    async def add_list(
        self, made: RevocationList, records: Sequence[tuple[str, RecordDraft]]
    ) -> None:
        await self._pool.unbroken(self._add_list(made, records))

    async def _add_list(
        self, made: RevocationList, records: Sequence[tuple[str, RecordDraft]]
    ) -> None:
        async with self._pool.transaction() as connection:
            columns = made.issuer, made.number, made.this_update, made.next_update, made.pem
            await connection.execute(_SQL["add_list"], *columns)
            await _tell(connection, records)

    async def wait(self) -> None:
        """Until something of all this changed, POLL_S at most."""
        await self._listen()
        try:
            async with asyncio.timeout(POLL_S):
                await self._told.wait()
        except TimeoutError:
            return
        self._told.clear()

    async def _listen(self) -> None:
        if self._ear and not self._ear.connection.is_closed():
            return
        self._ear = await open_ear(
            self._dsn, CHANNEL, self._hear, allow_unsafe=self._allow_unsafe, kept=self._kept
        )

    def _hear(self, connection: object, pid: int, channel: str, payload: object) -> None:
        self._told.set()


async def _keep(
    connection: Connection, case_id: str, cases: Sequence[Case], decision: Decision
) -> None:
    if order := decision.order:
        await connection.execute(
            _SQL["add_case"], order.id, order.profile.value, order.holder, list(order.hosts),
            order.request, order.key_digest, order.requester, order.requested_at, order.replaces,
        )  # fmt: skip
    before = next((len(case.steps) for case in cases if case.order.id == case_id), 0)
    step = decision.step
    await connection.execute(
        _SQL["add_step"], case_id, before, step.state.value, step.at, step.actor, step.act,
        step.signature, step.note,
    )  # fmt: skip
    if issued := decision.issued:
        await connection.execute(
            _SQL["add_issued"], case_id, issued.issuer, issued.serial, issued.thumbprint,
            issued.not_before, issued.not_after, issued.certificate,
        )  # fmt: skip
    if decision.revocation:
        await _revoke(connection, decision.revocation, step.actor)
    await _tell(connection, decision.records)


async def _revoke(connection: Connection, ended: Revocation, actor: str) -> bool:
    columns = ended.issuer, ended.serial, ended.thumbprint, ended.at, ended.reason.value, actor
    return await connection.fetchval(_SQL["revoke"], *columns) is not None


async def _tell(connection: Connection, records: Sequence[tuple[str, RecordDraft]]) -> None:
    for division, draft in records:
        await tell(connection, division, draft)
    await connection.execute(_SQL["notify"])


async def _cases(connection: Connection) -> list[Case]:
    steps: dict[str, list[Step]] = defaultdict(list)
    for row in await connection.fetch(_SQL["steps"]):
        fields = dict(row)
        id = fields.pop("case_id")
        steps[id].append(Step(**{**fields, "state": State(fields["state"])}))
    rows = await connection.fetch(_SQL["cases"])
    return [_case(dict(row), tuple(steps[row["id"]])) for row in rows]


def _case(row: dict[str, Any], steps: tuple[Step, ...]) -> Case:
    issued = {field.name: row.pop(field.name) for field in attrs.fields(Issued)}
    order = {**row, "profile": Profile(row["profile"]), "hosts": tuple(row["hosts"])}
    return Case(
        order=Order(**order), steps=steps, issued=Issued(**issued) if issued["serial"] else None
    )


class _Event(msgspec.Struct):
    """Of a record `certificate_event`, what says that a certificate has ended."""

    what: str = ""
    state: str = ""
    issuer: str = ""
    serial: str = ""
    thumbprint: str = ""
    reason: str = ""
    recorded_at: int = 0


def _told_ended(body: bytes | None) -> Revocation | None:
    """What cannot be read says nothing: `recount` and the bureau name a record that was changed."""
    try:
        told = msgspec.json.decode(body or b"", type=_Event)
    except (ValueError, RecursionError):
        return None
    if not told.serial or State.REVOKED not in (told.what, told.state):
        return None
    reason = Reason(told.reason) if told.reason in set(Reason) else Reason.UNSPECIFIED
    try:
        at = moment_of(told.recorded_at)
    except OverflowError:  # altered; that it has ended counts all the same
        at = moment_of(0)
    return Revocation(
        issuer=told.issuer, serial=told.serial, thumbprint=told.thumbprint, at=at, reason=reason
    )


def _revocation(row: Any) -> Revocation:
    return Revocation(**{**row, "reason": Reason(row["reason"])})

"""Take what the bank says of itself, and look for what it left undone: the two ways to an alert."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence

import attrs

from gateway.conduct_ports import ConductStore
from gateway.domain.conduct import (
    Alert,
    BankEntry,
    Correction,
    EndResult,
    HandedOver,
    Known,
    Statement,
    TakenBack,
)
from gateway.domain.conduct_rules import Allowances
from gateway.domain.faults import Conflicting, Fault, FaultCode
from gateway.domain.instruction import Instruction
from gateway.domain.ledger import RecordDraft, Standing
from gateway.domain.registers import Account
from gateway.pipeline.conduct import alerts_on_arrears, alerts_on_entry, denied, owed_since
from gateway.pipeline.conduct_words import (
    alert_record,
    cleared_otherwise,
    paid_all_the_same,
    taken_back,
    told_by_books,
)
from gateway.pipeline.ordered import ordered
from gateway.pipeline.parse import refuse_forgetful
from gateway.pipeline.tell import Origin
from gateway.ports import Format, RegisterShelf

_NOTHING: Mapping[str, Account] = {}
_NO_DAYS: Mapping[dt.date, bool] = {}


@attrs.frozen(kw_only=True)
class Reconciling:
    """What both ways need. `allowances` is what the settings leave the bank in time."""

    store: ConductStore
    shelf: RegisterShelf
    formats: Mapping[str, Format]
    origin: Origin
    allowances: Allowances
    behind: Mapping[str, str] = attrs.field(factory=dict)
    """Divisions whose database has forgotten what it passed: to it every movement is foreign."""
    noticed: Callable[[BankEntry, Standing], None] = lambda _entry, _standing: None
    """Operators are told of a payment that was settled as not paid, and that the books show."""
    ended: Callable[[TakenBack], None] = lambda _back: None
    """And of what the bank has taken back."""

    async def take(
        self, statement: Statement, now: dt.datetime, *, received: HandedOver | None = None,
        cursor: tuple[str, str] | None = None,
    ) -> int:  # fmt: skip
        """Keep a statement with the alerts on its entries; how many are new.

        Raises LedgerUnavailable; then nothing was kept, and it may be taken again.
        """
        statement = attrs.evolve(statement, entries=tuple(map(_within, statement.entries)))
        known = await self.store.known(statement.entries, statement.clearing)
        found = [cleared_otherwise(total, before) for total, before in known.cleared.items()]
        booked = dict(known.booked)
        known = attrs.evolve(known, booked=booked)
        for entry in statement.entries:
            accounts, calendar = self._registers(entry.division, now)
            found += alerts_on_entry(
                entry, known, accounts, calendar, self.allowances, self._instruction
            )
            booked.setdefault((entry.division, entry.id), entry)
        return await self.store.take(
            statement, self._told(found, now), now, received=received, cursor=cursor,
            corrections=self._corrections(_contradicted(statement.entries, known), now),
        )  # fmt: skip

    async def hand_over(
        self, statement: Statement, handed: HandedOver, now: dt.datetime
    ) -> tuple[int, bool]:
        """New alerts, and whether these very bytes were taken before.

        Raises Conflicting (the number was used for other bytes), LedgerUnavailable, Unready.
        """
        refuse_forgetful(handed.division, self.behind)
        before = await self.store.statement_digest(handed.division, statement.id)
        if before == handed.digest:
            return 0, True
        if before is not None:
            raise Conflicting(
                FaultCode.INSTRUCTION_CONFLICT,
                f"statement {statement.id} of {handed.division} was taken with other content",
            )
        return await self.take(statement, now, received=handed), False

    async def look(self, division: str, now: dt.datetime) -> int:
        """Look for what is undone and raise what was not raised before; how many are new. What the
        bank has taken back contradicts nothing any more.

        Raises LedgerUnavailable.
        """
        _, calendar = self._registers(division, now)
        arrears = await self.store.arrears(
            division, now,
            since=owed_since(now, calendar, self.allowances),
            records_before=now - self.allowances.records,
            notices_before=now - self.allowances.notices,
        )  # fmt: skip
        for back in arrears.taken_back:
            end = taken_back(back, self.origin, now)
            if await self.store.end_contradiction(end, now) is EndResult.ENDED:
                self.ended(back)
        found = list(alerts_on_arrears(division, arrears, now, calendar, self.allowances))
        contradicted = []
        if arrears.denied:
            contradicted = _contradicted(arrears.denied, await self.store.known(arrears.denied))
            found += [
                paid_all_the_same(entry, standing, self._instruction(standing))
                for entry, standing in contradicted
            ]
        if not found:
            return 0
        return await self.store.take(
            Statement(id=""), self._told(found, now), now,
            corrections=self._corrections(contradicted, now),
        )  # fmt: skip

    def ours(
        self, entries: Sequence[BankEntry], served: Sequence[str], now: dt.datetime
    ) -> tuple[BankEntry, ...]:
        """Those of divisions that this gateway serves: another's are another's business. Whose an
        account is the registers say: a movement of one of ours is ours, whatever it is booked as.
        """
        accounts = [(division, self._registers(division, now)[0]) for division in served]
        return tuple(
            each
            for entry in entries
            for each in (_assigned(entry, accounts),)
            if each.division in served
        )

    def _told(
        self, alerts: Sequence[Alert], now: dt.datetime
    ) -> list[tuple[Alert, RecordDraft, bytes]]:
        return [(alert, *alert_record(alert, self.origin, now)) for alert in alerts]

    def _corrections(
        self, contradicted: Sequence[tuple[BankEntry, Standing]], now: dt.datetime
    ) -> list[Correction]:
        for entry, standing in contradicted:
            self.noticed(entry, standing)
        return [
            told_by_books(entry, standing, self.origin, now) for entry, standing in contradicted
        ]

    def _instruction(self, standing: Standing) -> Instruction:
        return ordered(standing, self.formats)

    def _registers(
        self, division: str, now: dt.datetime
    ) -> tuple[Mapping[str, Account], Mapping[dt.date, bool]]:
        """Without registers an account counts as the treasury's: what is unknown is looked at."""
        try:
            registers = self.shelf.of(division, now)
        except Fault:
            return _NOTHING, _NO_DAYS
        return registers.accounts, registers.calendar


def _contradicted(entries: Sequence[BankEntry], known: Known) -> list[tuple[BankEntry, Standing]]:
    """Debits of what was settled as not paid, each with its instruction."""
    return [
        (entry, standing)
        for entry in entries
        if entry.key and (standing := known.standings.get(entry.key)) and denied(entry, standing)
    ]


def _assigned(entry: BankEntry, accounts: Sequence[tuple[str, Mapping[str, Account]]]) -> BankEntry:
    if any(entry.division == division for division, _ in accounts):
        return entry
    owners = [division for division, known in accounts if entry.account in known]
    return attrs.evolve(entry, division=owners[0]) if owners else entry


def _within(entry: BankEntry) -> BankEntry:
    """An instruction of another division is none that this movement could have been ordered by."""
    if entry.key is None or entry.key.division == entry.division:
        return entry
    return attrs.evolve(entry, key=None)

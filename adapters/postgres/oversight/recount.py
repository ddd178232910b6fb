"""Everything that a recount reads, in one snapshot: records, payments' rows, lines, registers.

It takes no lock and writes nothing, so payments go on beside it; what is written meanwhile it does
not see. As long as it lasts, the server keeps the dead rows of its tables.
"""

import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

import attrs

from adapters.postgres.ledger.keys import key_of
from adapters.postgres.registers.reading import read_changed, read_whole, rows_digests
from adapters.postgres.session import Connection, Pool
from adapters.postgres.statements import statements
from gateway.domain.codes import Register
from gateway.domain.instruction import InstructionKey
from gateway.domain.ledger import Limit, LimitKind
from gateway.domain.limits import limits_of
from gateway.domain.people import Vault
from gateway.domain.recount import (
    Entry,
    Kept,
    KeptAlert,
    KeptAside,
    KeptEnd,
    KeptLine,
    KeptOpen,
    KeptRefund,
    KeptWord,
    Line,
    Record,
    Spoken,
    spoken,
)
from gateway.domain.register_tables import Tables, row_of
from gateway.domain.registers import Indicator, Registers, Row

LINES_PAGE = 5_000
STRAYS_MAX = 1_000
_GRANTING = (
    Register.INDICATORS, Register.PLANS, Register.CONTRACTS, Register.APPROVALS,
    Register.THREE_PUBLIC_BUDGETS,
)  # fmt: skip

_SQL = statements("recount")
_REGISTERS = statements("registers")


@attrs.frozen(kw_only=True)
class Note:
    """A checkpoint as it is kept."""

    size: int
    note: str


class PostgresRecount:
    """Every error of the database is LedgerUnavailable."""

    def __init__(self, dsn: str, vault: Vault) -> None:
        self._pool = Pool(dsn, size=1, cut_after_s=None)
        self._vault = vault

    async def close(self) -> None:
        await self._pool.close()

    @contextlib.asynccontextmanager
    async def snapshot(self) -> AsyncIterator["Snapshot"]:
        """All that is read through it stood at one moment. Raises LedgerUnavailable."""
        async with self._pool.session() as session:
            whole = session.connection.transaction(isolation="repeatable_read", readonly=True)
            async with whole:
                await session.connection.execute(_SQL["patience"])
                yield Snapshot(session.connection, self._vault)


class Snapshot:
    def __init__(self, connection: Connection, vault: Vault) -> None:
        self._connection = connection
        self._vault = vault
        self._tables: tuple[str, int, Tables] | None = None

    async def divisions(self) -> list[str]:
        return [row["division"] for row in await self._connection.fetch(_SQL["divisions"])]

    async def today(self) -> Any:
        """The legal day by the database's clock."""
        return await self._connection.fetchval(_SQL["today"])

    async def head(self, division: str) -> tuple[str, int] | None:
        """The log's name and size."""
        row = await self._connection.fetchrow(_SQL["head"], division)
        return (row["origin"], row["size"]) if row else None

    async def cosigned(self, division: str, size: int) -> Note | None:
        """The newest checkpoint of at most `size` records that the bureau has cosigned."""
        return _note(await self._connection.fetchrow(_SQL["cosigned"], division, size))

    async def checkpoint(self, division: str, size: int) -> Note | None:
        return _note(await self._connection.fetchrow(_SQL["checkpoint"], division, size))

    async def records(self, division: str, start: int, end: int) -> list[Record]:
        return [
            Record(kind=row["kind"], subject=row["subject"], body=row["body"], seq=row["seq"],
                   leaf=row["leaf_hash"], disclosures=self._opened(row["disclosures"]))
            for row in await self._connection.fetch(_SQL["records"], division, start, end)
        ]  # fmt: skip

    async def waiting(self, division: str) -> list[Record]:
        """What has no number yet, in the order of commitment."""
        rows = await self._connection.fetch(_SQL["waiting"], division)
        return [Record(**{**row, "disclosures": self._opened(row["disclosures"])}) for row in rows]

    async def about(self, division: str, subjects: Sequence[str]) -> list[Record]:
        """Sealed records about these, in the order of the log."""
        rows = await self._connection.fetch(_SQL["about"], division, list(subjects))
        return [Record(**row) for row in rows]

    async def payments(
        self, division: str, keys: Sequence[InstructionKey]
    ) -> dict[InstructionKey, Kept]:
        at = (
            division, [k.fiscal_year for k in keys], [k.voucher_type for k in keys],
            [k.voucher_no for k in keys],
        )  # fmt: skip
        fetch = self._connection.fetch
        found = {key_of(row, division): self._kept(row, division) for row in
                 await fetch(_SQL["payments"], *at)}  # fmt: skip
        for row in await fetch(_SQL["refunds"], *at):
            if kept := found.get(key_of(row, division)):
                back = _spoken(row["limit_kinds"], row["limit_ids"], row["back_fen"])
                kept.refunds[row["refund"]] = KeptRefund(amount_fen=row["amount_fen"], back=back)
        for row in await fetch(_SQL["asides"], *at):
            if kept := found.get(key_of(row, division)):
                demands = _spoken(row["limit_kinds"], row["limit_ids"], row["fen"])
                kept.asides.append(KeptAside(state=row["state"], demands=demands))
        for row in await fetch(_SQL["entries"], *at):
            if kept := found.get(key_of(row, division)):
                kept.entries.append(
                    Entry(window=row["window_id"], key=row["window_key"], day=row["day"],
                          value=row["value"], item=row["item"])
                )  # fmt: skip
        return found

    async def notices(self, division: str) -> AsyncIterator[list[bytes]]:
        """Digests of all that the bureau was to be told at once."""
        after = 0
        while rows := await self._connection.fetch(_SQL["notices"], division, after, LINES_PAGE):
            yield [row["digest"] for row in rows]
            after = rows[-1]["id"]

    async def alerts(self, division: str) -> list[KeptAlert]:
        rows = await self._connection.fetch(_SQL["alerts"], division)
        return [KeptAlert(**row) for row in rows]

    async def register_changes(self, division: str, versions: Sequence[int]) -> dict[int, bytes]:
        """What each of these versions put and ended: a digest over those rows."""
        return await rows_digests(self._connection, division, list(versions))

    async def register_strays(self, division: str, known: Sequence[int], first: int) -> list[int]:
        """Versions from `first` on of which there are rows, and no record."""
        rows = await self._connection.fetch(
            _SQL["register_strays"], division, list(known), first, STRAYS_MAX
        )
        return [row["version"] for row in rows]

    async def ages(self, division: str) -> dict[str, dt.datetime]:
        """By register: when the bureau is said to have spoken of it last."""
        rows = await self._connection.fetch(_SQL["ages"], division)
        return {row["register"]: row["as_of"] for row in rows}

    async def swept_away(self, division: str) -> list[InstructionKey]:
        """Held still, though everything of before a moment is said to have ended."""
        rows = await self._connection.fetch(_SQL["swept_away"], division, STRAYS_MAX)
        return [key_of(row, division) for row in rows]

    async def lines(self, division: str) -> AsyncIterator[list[KeptLine]]:
        after: Line = ("", "")
        while True:
            rows = await self._connection.fetch(_SQL["lines"], division, *after, LINES_PAGE)
            if not rows:
                return
            yield [_line(row) for row in rows]
            after = rows[-1]["kind"], rows[-1]["id"]

    async def granted(self, division: str) -> dict[Line, Limit]:
        """What the registers in force grant."""
        rows = await self._connection.fetch(
            _SQL["granting_rows"], division, [each.value for each in _GRANTING]
        )
        return _limits(rows)

    async def openings(self, division: str) -> dict[Line, int]:
        """The bureau's count of each limit when it was first seen."""
        whole = [each.value for each in _GRANTING if each is not Register.PLANS]
        first = _limits(await self._connection.fetch(_SQL["first_rows"], division, whole))
        found = {line: limit.opening_fen for line, limit in first.items()}
        for row in await self._connection.fetch(_SQL["planned_first"], division):
            indicator = row_of(Register.INDICATORS, row["body"])
            assert isinstance(indicator, Indicator)
            found[LimitKind.PLAN.value, row["key"]] = indicator.posted_fen
        return found

    async def counts(self, division: str) -> dict[str, int]:
        """How many rows of each kind there are, by `What`."""
        rows = await self._connection.fetch(_SQL["counts"], division)
        return {row["what"]: row["rows"] for row in rows}

    async def strays(
        self, division: str, waiting: Sequence[str]
    ) -> list[tuple[str, InstructionKey]]:
        """Rows about what was never decided: of what kind, of which payment. `waiting`: subjects of
        verdicts without a number yet."""
        rows = await self._connection.fetch(_SQL["strays"], division, STRAYS_MAX, list(waiting))
        return [(row["what"], key_of(row, division)) for row in rows]

    async def registers(self, division: str, version: int) -> Registers | None:
        """As they stood at that version; None if it is not kept. A later version than the last one
        asked for costs what has changed since."""
        as_of = await self._connection.fetchval(_REGISTERS["age_then"], division, version)
        if as_of is None:
            return None
        tables = await self._tables_at(division, version)
        self._tables = division, version, tables
        return tables.registers(division, version, as_of, {}, self._vault.index)

    async def _tables_at(self, division: str, version: int) -> Tables:
        if self._tables and self._tables[0] == division and self._tables[1] <= version:
            _, before, tables = self._tables
            return await read_changed(self._connection, tables, division, (before, version))
        self._tables = None
        return await read_whole(self._connection, division, version)

    def _kept(self, row: Any, division: str) -> Kept:
        ended = opened = word = None
        if row["bank"] is not None:
            word = KeptWord(
                at=row["settled_at"], reference=row["bank_reference"], reason=row["bank_reason"],
                how=row["evidence"],
            )  # fmt: skip
        if row["how"] is not None:
            ended = KeptEnd(
                how=row["how"], at=row["ended_at"], decision=row["ended_decision"],
                order=row["order_digest"],
                demands=_spoken(row["ended_kinds"], row["ended_ids"], row["ended_fen"]),
            )  # fmt: skip
        if row["open_amount"] is not None:
            demands = _spoken(row["open_kinds"], row["open_ids"], row["open_fen"])
            opened = KeptOpen(amount_fen=row["open_amount"], at=row["opened_at"], demands=demands)
        return Kept(
            key=key_of(row, division), amount_fen=row["amount_fen"], decided_at=row["decided_at"],
            outcome=row["outcome"], agency_code=row["agency_code"], format=row["format"],
            digest=row["digest"], raw=self._open(row["raw"]), decision=row["decision"],
            demands=_spoken(row["limit_kinds"], row["limit_ids"], row["demand_fen"]),
            ended=ended, bank=row["bank"], word=word, open=opened, party=row["party"],
        )  # fmt: skip

    def _opened(self, sealed: bytes | None) -> bytes | None:
        """Empty where it was sealed with another key, or altered."""
        return None if sealed is None else self._open(sealed) or b""

    def _open(self, sealed: bytes) -> bytes | None:
        try:
            return self._vault.open_bytes(sealed)
        except ValueError:
            return None


def _note(row: Any) -> Note | None:
    return Note(size=row["size"], note=row["note"]) if row else None


def _spoken(kinds: Any, ids: Any, fens: Any) -> Spoken:
    lines = zip(kinds or (), ids or (), fens or (), strict=False)
    return spoken(((kind, id), fen) for kind, id, fen in lines)


def _line(row: Any) -> KeptLine:
    values = dict(row)
    return KeptLine(line=(values.pop("kind"), values.pop("id")), **values)


def _limits(rows: Iterable[Any]) -> dict[Line, Limit]:
    by_register: dict[Register, list[Row]] = {register: [] for register in _GRANTING}
    for row in rows:
        register = Register(row["register"])
        by_register[register].append(row_of(register, row["body"]))
    return {(limit.key.kind.value, limit.key.id): limit for limit in limits_of(by_register)}

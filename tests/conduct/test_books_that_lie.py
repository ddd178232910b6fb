"""A bank whose books are made to be misread: times that are none, lists without an end, movements
booked where nobody looks. Each raises its alert or is silence that operators see; nothing falls."""

import asyncio
import datetime as dt
import json
import threading
from collections.abc import Sequence
from typing import Any

import attrs
import pytest
from msgspec.structs import replace

from adapters.bank.books import HttpBooks
from adapters.formats.json_statement import read_page, read_statement
from gateway.domain.bank import BankOutcome
from gateway.domain.conduct import BankEntry, Direction, Known, Statement
from gateway.domain.conduct_rules import Allowances
from gateway.domain.decision import Outcome
from gateway.domain.faults import BankSilent, Unreadable
from gateway.domain.ledger import Standing
from gateway.domain.money import Fen
from gateway.pipeline.conduct import CLOCKS_APART, alerts_on_entry
from gateway.pipeline.reconcile import Reconciling
from gateway.pipeline.tell import Origin
from gateway.workers.conduct import ENTRIES_MAX, PAGES_MAX, Conduct
from gateway.workers.office import Office
from tests.adapters.bank.scripted import Heard, bank_saying, http
from tests.pipeline.alarms import AlarmBook
from tests.pipeline.fakes import DIVISION, NOW, FixedClock, OneShelf, instruction, registers

OTHER = "220100000"
ORDER = instruction()
ORIGIN = Origin(bank="103241001000", uri="spiffe://treasury.test/gateway/103241001000")


def row(**changes: object) -> dict[str, object]:
    return {
        "division": DIVISION, "id": "L-1", "booked_at": "2026-03-02T02:00:00Z",
        "account": ORDER.payer.account, "direction": "debit", "amount": "300.00",
        "instruction": None, "reference": "R", "counter_account": "2", "counter_name": "x",
        **changes,
    }  # fmt: skip


def page(*rows: dict[str, object], after: str | None = "1") -> bytes:
    return json.dumps({"after": after, "entries": rows}).encode()


def entry(**changes: Any) -> BankEntry:
    true = BankEntry(
        division=DIVISION, id="L-1", booked_at=NOW, account=ORDER.payer.account,
        direction=Direction.DEBIT, amount_fen=ORDER.amount_fen, key=ORDER.key, reference="R",
        counter_account=ORDER.payee.account, counter_name=ORDER.payee.name,
    )  # fmt: skip
    return attrs.evolve(true, **changes)


# --- what a page says ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "at",
    [
        "0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z",
        "9999-12-31T23:59:59-23:00", "1969-12-31T23:59:59Z", "2200-01-01T00:00:00Z",
        "2026-02-30T00:00:00Z", "2026-03-02T24:00:00Z", "2026-03-02T02:00:00", "", "now",
    ],
)  # fmt: skip
def test_a_time_at_which_nothing_can_be_booked_is_refused_and_breaks_nothing(at: str) -> None:
    with pytest.raises(Unreadable) as told:
        read_page(page(row(), row(id="L-2", booked_at=at)))
    assert told.value.errors[0].field == "entries[1].booked_at"
    statement = {"division": DIVISION, "statement_id": "S", "entries": [row(booked_at=at)]}
    with pytest.raises(Unreadable):
        read_statement(json.dumps(statement).encode())


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": "-300.00"}, {"amount": "3e2"}, {"amount": "３００.00"}, {"amount": 300},
        {"amount": "1" + "0" * 20 + ".00"}, {"direction": "DEBIT"}, {"id": ""},
        {"instruction": "220000000/2026/8202/"}, {"counter_name": "示例\u200b公司"},
        {"counter_name": "x" * 100_000}, {"account": "0710 1010"}, {"more": 1},
    ],
)  # fmt: skip
def test_a_movement_of_another_shape_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(Unreadable):
        read_page(page(row(**changes)))


# --- the list -----------------------------------------------------------------------------


@pytest.mark.parametrize("reached", ["5", "4", "-6", "six", "٦", "6" * 65, "6.0", " 6"])
async def test_a_list_that_does_not_go_on_is_silence(reached: str) -> None:
    """Its end would never come, and movements before it would be read again for ever."""

    async def speak(_heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(http(page(row(), after=reached)))

    async with bank_saying(speak) as (_bank, port):
        books = HttpBooks("127.0.0.1", port, None, 5.0, read_page)
        with pytest.raises(BankSilent):
            await books.entries("5", ENTRIES_MAX)
        await books.aclose()


async def test_movements_without_a_place_to_go_on_from_are_told_and_not_dropped() -> None:
    """Null says that there is nothing more: with movements beside it they would never be taken."""

    async def speak(_heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(http(page(row(), after=None)))

    async with bank_saying(speak) as (_bank, port):
        books = HttpBooks("127.0.0.1", port, None, 5.0, read_page)
        with pytest.raises(BankSilent, match="no place to go on from"):
            await books.entries("5", ENTRIES_MAX)
        await books.aclose()


async def test_a_page_is_read_beside_the_loop_on_which_payments_wait() -> None:
    """Eight megabytes of empty movements took 1.5 s, and the books are asked every two."""
    readers: list[threading.Thread] = []

    def read(body: bytes) -> tuple[list[BankEntry], str | None]:
        readers.append(threading.current_thread())
        return read_page(body)

    async def speak(_heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(http(page(row(), after="6")))

    async with bank_saying(speak) as (_bank, port):
        books = HttpBooks("127.0.0.1", port, None, 5.0, read)
        assert (await books.entries("5", ENTRIES_MAX))[1] == "6"
        await books.aclose()
    assert readers and threading.main_thread() not in readers


class _Kept(AlarmBook):
    """With the cursor, and what was booked before."""

    def __init__(self) -> None:
        super().__init__()
        self.after: str | None = None
        self.taken: list[BankEntry] = []

    async def cursor(self, source: str) -> str | None:
        return self.after

    async def take(self, statement: Statement, *rest: Any, **more: Any) -> int:
        if more.get("cursor"):
            self.after = more["cursor"][1]
        self.taken += statement.entries
        return await super().take(statement, *rest, **more)


class _Endless:
    """Each page is followed by another."""

    def __init__(self) -> None:
        self.asked = 0

    async def entries(self, after: str | None, limit: int) -> tuple[list[BankEntry], str | None]:
        self.asked += 1
        number = int(after or 0) + 1
        return [entry(id=f"L-{number}", key=None)], str(number)


class _Pages:
    def __init__(self, *rows: BankEntry) -> None:
        self._rows: list[BankEntry] = list(rows)

    async def entries(self, after: str | None, limit: int) -> tuple[list[BankEntry], str | None]:
        return (self._rows, "1") if after is None else ([], None)


def watching(books: object) -> tuple[Conduct, _Kept]:
    kept = _Kept()
    reconciling = Reconciling(
        store=kept,  # type: ignore[arg-type]
        shelf=OneShelf(registers()), formats={}, origin=ORIGIN, allowances=Allowances(),
    )  # fmt: skip
    worker = Conduct(
        Office(None),  # type: ignore[arg-type]
        reconciling,
        books,  # type: ignore[arg-type]
        FixedClock(),
        (DIVISION,),
    )
    return worker, kept


async def test_a_list_without_an_end_leaves_time_to_look_for_what_is_undone() -> None:
    books = _Endless()
    worker, kept = watching(books)
    await worker.read_all()
    assert books.asked == PAGES_MAX
    await worker.read_all()
    assert kept.after == str(2 * PAGES_MAX), "it goes on where it was"


async def test_a_debit_of_our_account_that_is_booked_elsewhere_is_ours() -> None:
    worker, kept = watching(
        _Pages(
            entry(id="A", division=OTHER, key=replace(ORDER.key, division=OTHER)),
            entry(id="B", division=OTHER, account="9999", key=None),
        )
    )
    assert await worker.read_all() == 1
    assert [(division, policy, subject) for division, policy, subject in kept.raised] == [
        (DIVISION, "JL-100", "entry/A")
    ]
    assert [each.id for each in kept.taken] == ["A"], "another division's is its own business"


async def test_an_instruction_of_another_division_orders_nothing_here() -> None:
    worker, kept = watching(_Pages(entry(key=replace(ORDER.key, division=OTHER))))
    await worker.read_all()
    assert kept.policies() == ["JL-100"] and kept.taken[0].key is None


async def test_one_number_for_two_movements_of_one_page_is_told() -> None:
    """The second would be kept nowhere."""
    first = entry(key=None)
    worker, kept = watching(_Pages(first, attrs.evolve(first, amount_fen=Fen(1))))
    await worker.read_all()
    assert kept.policies() == ["JL-100", "JL-102"]


# --- days ---------------------------------------------------------------------------------


def standing() -> Standing:
    return Standing(
        key=ORDER.key, digest=b"d" * 32, party="", format="json", raw=b"", signature="",
        agency_code=ORDER.agency_code, outcome=Outcome.PASS, decided_at=NOW, decision=b"{}",
        bank=BankOutcome.ACCEPTED, bank_reference=None, bank_reason=None, settled_at=None,
    )  # fmt: skip


def on(moment: dt.datetime, passed_at: dt.datetime = NOW) -> Sequence[str]:
    known = Known(standings={ORDER.key: attrs.evolve(standing(), decided_at=passed_at)}, booked={})
    accounts = registers().accounts
    return [
        each.policy
        for each in alerts_on_entry(
            entry(booked_at=moment), known, accounts, {}, Allowances(), lambda _: ORDER
        )
    ]


def test_money_that_moved_before_its_instruction_had_passed_is_jl_100() -> None:
    """Dated back it would be out of sight of what looks for a second debit and for clearing."""
    assert on(NOW - dt.timedelta(days=1)) == ["JL-100"]
    assert on(dt.datetime(1990, 1, 1, tzinfo=dt.UTC)) == ["JL-100"]
    assert on(NOW) == [] and on(NOW - dt.timedelta(hours=1)) == [], "of one day, as books have it"
    assert on(NOW + dt.timedelta(days=365)) == ["JL-104"]


def test_two_clocks_at_midnight_are_no_lie() -> None:
    midnight = dt.datetime(2026, 3, 2, 16, 0, tzinfo=dt.UTC)
    passed_at = midnight + dt.timedelta(seconds=5)
    assert on(midnight - dt.timedelta(seconds=5), passed_at) == []
    assert on(passed_at - CLOCKS_APART - dt.timedelta(seconds=1), passed_at) == ["JL-100"]

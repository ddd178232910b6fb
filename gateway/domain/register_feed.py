"""What the bureau's feed of registers says: rows to put and rows to take away, each packed.

A snapshot says everything; a delta says what changed since the version before. Either is applied
as a whole or not at all. Rows of people are packed sealed, under the keyed hash of their number.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any

import attrs
import msgspec

from gateway.domain.codes import PayeeClass, Register
from gateway.domain.faults import Conflicting, FaultCode
from gateway.domain.registers import (
    Account,
    Agency,
    Allowance,
    Approval,
    Code,
    Contract,
    FiledPerson,
    Filing,
    Indicator,
    Plan,
    Project,
    Registers,
    Row,
    ThreePublicBudget,
    budget_key,
    code_key,
)

VENDORS = "designated_vendors"
BLACKLIST = "blacklist_accounts"
LISTS = (BLACKLIST, VENDORS)
FEED_BYTES_MAX = 64 << 20
"""As a gateway's door takes it: some 150,000 rows. A larger snapshot is loaded from a file."""


class FeedKind(StrEnum):
    SNAPSHOT = "snapshot"
    DELTA = "delta"


class Classed(Row, frozen=True):
    """An account of a payee of a class (社保、税务 …)."""

    account: str
    name: str
    class_: PayeeClass


class Listed(Row, frozen=True):
    """One entry of a list: a blacklisted account, a designated vendor."""

    list: str
    value: str


class Day(Row, frozen=True):
    date: dt.date
    is_workday: bool


ROWS: Mapping[Register, type[Row]] = {
    Register.AGENCIES: Agency,
    Register.ACCOUNTS: Account,
    Register.INDICATORS: Indicator,
    Register.PLANS: Plan,
    Register.PERSONS: FiledPerson,
    Register.PAYEE_CLASSES: Classed,
    Register.CONTRACTS: Contract,
    Register.APPROVALS: Approval,
    Register.FILINGS: Filing,
    Register.THREE_PUBLIC_BUDGETS: ThreePublicBudget,
    Register.PROJECTS: Project,
    Register.ALLOWANCE_STANDARDS: Allowance,
    Register.LISTS: Listed,
    Register.CALENDAR: Day,
    Register.CODES: Code,
}

Conceal = Callable[[FiledPerson], tuple[str, FiledPerson]]
"""A person's row as it may be kept: its key, and itself with the number sealed."""

pack = msgspec.json.Encoder().encode


def plan_key(scope: str, month: int) -> str:
    """`scope`: `registers.plan_scope`."""
    return f"{scope}/{month:02}"


_KEYS: Mapping[Register, Callable[[Any], str]] = {
    Register.AGENCIES: lambda row: row.code,
    Register.ACCOUNTS: lambda row: row.account,
    Register.INDICATORS: lambda row: row.id,
    Register.PLANS: lambda row: plan_key(row.scope, row.month),
    Register.PAYEE_CLASSES: lambda row: row.account,
    Register.CONTRACTS: lambda row: row.contract_no,
    Register.APPROVALS: lambda row: row.approval_no,
    Register.FILINGS: lambda row: row.filing_no,
    Register.THREE_PUBLIC_BUDGETS: lambda row: budget_key(
        row.agency, row.fiscal_year, row.category
    ),
    Register.PROJECTS: lambda row: row.code,
    Register.ALLOWANCE_STANDARDS: lambda row: f"{row.agency}/{row.dept_economic_code}",
    Register.LISTS: lambda row: f"{row.list}/{row.value}",
    Register.CALENDAR: lambda row: row.date.isoformat(),
    Register.CODES: lambda row: code_key(row.element, row.code),
}


def packed(register: Register, row: Row, conceal: Conceal) -> tuple[str, bytes]:
    """Its key and its packed bytes."""
    if register is Register.PERSONS:
        assert isinstance(row, FiledPerson)
        key, hidden = conceal(row)
        return key, pack(hidden)
    return _KEYS[register](row), pack(row)


@attrs.frozen(kw_only=True)
class RegisterFeed:
    division: str
    version: int
    as_of: dt.datetime
    kind: FeedKind
    digest: bytes
    """SHA-256 of the bytes as received."""
    spoken: frozenset[Register]
    """The registers that it speaks of, be it to say that nothing changed."""
    puts: Mapping[Register, Mapping[str, bytes]]
    """By key: packed rows that are new, or replace what stands there."""
    gone: Mapping[Register, Mapping[str, str]]
    """Keys of rows that are no more, each with its place in the feed; a snapshot names none."""

    @property
    def rows(self) -> int:
        return sum(len(keys) for each in (self.puts, self.gone) for keys in each.values())


class OutOfTurn(Conflicting):
    """The version does not follow the one in force, or was used for other bytes."""

    recorded = False


def out_of_turn(feed: RegisterFeed, in_force: int | None) -> OutOfTurn:
    """Why this feed was not applied over the version in force, and which must come instead."""
    if in_force is None:
        code, words = FaultCode.FEED_GAP, "no snapshot is in force yet; send one first"
    elif feed.version == in_force:
        code = FaultCode.FEED_CONFLICT
        words = f"version {in_force} is in force with other content; a change needs a new version"
    elif feed.version < in_force:
        code = FaultCode.FEED_CONFLICT
        words = f"version {feed.version} is not above {in_force}, which is in force"
    else:
        code = FaultCode.FEED_GAP
        words = f"a delta must be version {in_force + 1}, not {feed.version}"
    return OutOfTurn(code, f"{words}; nothing was applied")


@attrs.frozen(kw_only=True)
class Unrecorded:
    """A version that is in force and not yet in the log."""

    version: int
    as_of: dt.datetime
    kind: str
    digest: bytes
    signer: str | None
    rows: int
    applied_at: dt.datetime
    feed_version: int | None
    """The bureau's own number; None: it came by vouchers."""
    vouchers: Sequence[str]
    """Their identities, as `division/year/type/number`."""
    rows_digest: bytes
    """SHA-256 over the rows that it put and ended, as they are kept."""
    by_hand: bool = False
    """It claims a signer, and no program of ours vouches for it: `signer` is None."""


def feed_of(registers: Registers, digest: bytes, conceal: Conceal) -> RegisterFeed:
    """The snapshot that says these registers."""
    puts: dict[Register, dict[str, bytes]] = {register: {} for register in Register}
    for register, row in _rows(registers):
        key, body = packed(register, row, conceal)
        puts[register][key] = body
    return RegisterFeed(
        division=registers.division, version=registers.version, as_of=registers.as_of,
        kind=FeedKind.SNAPSHOT, digest=digest, spoken=frozenset(Register), puts=puts, gone={},
    )  # fmt: skip


def _rows(registers: Registers) -> Iterator[tuple[Register, Row]]:
    for register in (
        Register.AGENCIES, Register.ACCOUNTS, Register.INDICATORS, Register.PERSONS,
        Register.CONTRACTS, Register.APPROVALS, Register.FILINGS, Register.CODES,
    ):  # fmt: skip
        rows: Mapping[str, Row] = getattr(registers, register)
        yield from ((register, row) for row in rows.values())
    yield from ((Register.PLANS, row) for row in registers.plans)
    for budget in registers.three_public_budgets:
        yield Register.THREE_PUBLIC_BUDGETS, budget
    for account, class_ in registers.payee_classes.items():
        yield Register.PAYEE_CLASSES, Classed(account=account, name="", class_=class_)
    for code, items in registers.project_items.items():
        yield Register.PROJECTS, Project(code=code, dept_economic_codes=tuple(sorted(items)))
    for (agency, item), most in registers.allowance_standards.items():
        row = Allowance(agency=agency, dept_economic_code=item, per_person_fen=most)
        yield Register.ALLOWANCE_STANDARDS, row
    for name in LISTS:
        for value in getattr(registers, name):
            yield Register.LISTS, Listed(list=name, value=value)
    for day, works in registers.calendar.items():
        yield Register.CALENDAR, Day(date=day, is_workday=works)

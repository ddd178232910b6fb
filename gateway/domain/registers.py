"""The bureau's registers (备案信息) of one division, held whole in memory as one snapshot."""

import datetime as dt
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import TypeVar

import attrs
import msgspec

from gateway.domain.codes import (
    AccountClass,
    AccountStatus,
    AgencyKind,
    AgencyStatus,
    ApprovalKind,
    CarryOver,
    Expenditure,
    FilingKind,
    PayeeClass,
    PaymentMethod,
    Register,
    ThreePublicCategory,
)
from gateway.domain.folding import bare
from gateway.domain.masking import plain_account
from gateway.domain.money import Fen

_T = TypeVar("_T")
_PERSONAL = frozenset({AccountClass.PERSONAL, AccountClass.OFFICIAL_CARD})


class Row(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """One row of a register. Kept as the JSON array of its fields in this order, so a field is only
    ever added at the end, with a default."""


class Agency(Row, frozen=True):
    code: str
    name: str
    parent: str | None
    kind: AgencyKind
    status: AgencyStatus
    status_basis: str | None = None
    """What the status rests on, such as the case of a suspension under Art. 21(4)."""


class Account(Row, frozen=True):
    """An account filed with the bureau (Art. 13(1))."""

    account: str
    bank_code: str
    name: str
    agency: str
    class_: AccountClass
    is_basic: bool
    status: AccountStatus
    finance_approval: str
    central_bank_approval: str
    valid_from: dt.date
    valid_to: dt.date | None
    change_notice_date: dt.date | None


class Indicator(Row, frozen=True):
    """A budget indicator (预算指标); what is left of it is kept by the ledger, not here."""

    id: str
    agency: str
    fiscal_year: int
    fund_code: str
    functional_code: str
    dept_economic_code: str
    gov_economic_code: str
    project_code: str
    granted_fen: Fen
    posted_fen: Fen
    """Paid before the register was made, by the bureau's own count."""
    frozen_fen: Fen
    executable: bool
    carry_over: CarryOver
    plan_controlled: bool
    expenditure: Expenditure


class Plan(Row, frozen=True):
    """用款计划: the amount of one indicator for one month (1-12)."""

    indicator_id: str
    month: int
    amount_fen: Fen
    payment_method: PaymentMethod | None = None
    """额度: of authorized or of direct payments alone (5106, 5108); None: of all together."""

    @property
    def scope(self) -> str:
        return plan_scope(self.indicator_id, self.payment_method)


class FiledPerson(Row, frozen=True):
    """A person filed under Art. 16."""

    id_number: str
    name: str
    employer: str
    position: str
    title: str
    accounts: tuple[str, ...]
    official_cards: tuple[str, ...]


class Contract(Row, frozen=True):
    contract_no: str
    agency: str
    supplier: str
    account: str
    amount_fen: Fen
    paid_fen: Fen
    filing_no: str | None


class Approval(Row, frozen=True):
    approval_no: str
    kind: ApprovalKind
    agency: str
    payee_account: str | None
    dept_economic_code: str | None
    amount_fen: Fen
    used_fen: Fen
    valid_from: dt.date
    valid_to: dt.date
    document: str


class Filing(Row, frozen=True):
    filing_no: str
    kind: FilingKind
    agency: str
    project_code: str | None
    contract_no: str | None
    date: dt.date


class ThreePublicBudget(Row, frozen=True):
    agency: str
    fiscal_year: int
    category: ThreePublicCategory
    amount_fen: Fen
    posted_fen: Fen


class Project(Row, frozen=True):
    """What a project may be spent on: dept economic codes, or classes above them."""

    code: str
    dept_economic_codes: tuple[str, ...]


class Allowance(Row, frozen=True):
    """The most that one person may get at a time, by agency ("" for all) and item."""

    agency: str
    dept_economic_code: str
    per_person_fen: Fen


class Code(Row, frozen=True):
    """基础元数据 (5901): one code of one element, such as a functional class."""

    element: str
    code: str
    name: str
    parent: str | None
    enabled: bool


def plan_scope(indicator: str, method: PaymentMethod | None) -> str:
    """What a plan is kept under, and its limit: the indicator, or one payment method of it."""
    return f"{indicator}/{method}" if method else indicator


def code_key(element: str, code: str) -> str:
    return f"{element}/{code}"


def budget_key(agency: str, year: int, category: ThreePublicCategory) -> str:
    return f"{agency}/{year}/{category}"


def rules_of(filing: Filing) -> Iterator[tuple[str, str]]:
    if filing.kind is FilingKind.SPECIAL_FUND_RULES:
        yield filing.agency, filing.project_code or ""


def services_of(filing: Filing) -> Iterator[tuple[str, str, str]]:
    """What a filed purchase of services covers: a contract, a project, or both."""
    if filing.kind is not FilingKind.SERVICE_PURCHASE:
        return
    if filing.contract_no:
        yield filing.agency, filing.contract_no, ""
    if filing.project_code:
        yield filing.agency, "", filing.project_code


@attrs.frozen(kw_only=True)
class Index:
    """What is asked of the rows other than by their keys."""

    rules_filed: Container[tuple[str, str]]
    """(agency, project) whose internal rules are filed (Art. 17); no project means all of them."""
    services_filed: Container[tuple[str, str, str]]
    """(agency, contract, "") and (agency, "", project) of filed purchases of services."""
    persons_accounts: Container[str]
    """Accounts and cards of filed persons, without hyphens."""
    person_names: Container[str]
    """Names of filed persons, as `bare`: whoever bears one is not spelt out."""
    agencies_named: Mapping[str, Sequence[str]]
    """By name, as `bare`: the codes of the agencies that bear it."""
    planned_fen: Mapping[str, tuple[int, ...]]
    """By `plan_scope`: what it comes to up to each month of its year, January first, in fen."""
    three_public: Mapping[str, ThreePublicBudget]
    """By `budget_key`."""
    barred: Container[str]
    """The accounts of the blacklist, without hyphens."""
    vendors: Container[str]
    """The designated vendors' accounts likewise, and their names as `bare`."""
    spelt: Mapping[str, Sequence[str]]
    """By an account without hyphens: how the accounts filed and classed are written with some."""


def index_of(registers: "Registers") -> Index:
    """Goes through all of them once."""
    filings, persons = registers.filings.values(), registers.persons.values()
    named: dict[str, list[str]] = {}
    for agency in registers.agencies.values():
        named.setdefault(bare(agency.name), []).append(agency.code)
    months: dict[str, list[int]] = {}
    for plan in registers.plans:
        months.setdefault(plan.scope, [0] * 12)[plan.month - 1] += plan.amount_fen
    spelt: dict[str, list[str]] = {}
    for account in {*registers.accounts, *registers.payee_classes}:
        if "-" in account:
            spelt.setdefault(plain_account(account), []).append(account)
    return Index(
        rules_filed=frozenset(rule for row in filings for rule in rules_of(row)),
        services_filed=frozenset(each for row in filings for each in services_of(row)),
        persons_accounts=frozenset(account for row in persons for account in accounts_of(row)),
        person_names=frozenset(bare(row.name) for row in persons),
        agencies_named=named,
        planned_fen={id: tuple(accumulate(amounts)) for id, amounts in months.items()},
        three_public={
            budget_key(row.agency, row.fiscal_year, row.category): row
            for row in registers.three_public_budgets
        },
        barred=plainly(registers.blacklist_accounts),
        vendors=vendors_of(registers.designated_vendors),
        spelt=spelt,
    )


def accounts_of(row: FiledPerson) -> Iterator[str]:
    """A filed person's accounts and cards, without hyphens."""
    yield from map(plain_account, row.accounts + row.official_cards)


def vendors_of(listed: Collection[str]) -> frozenset[str]:
    """Each is an account or a name."""
    return plainly(listed) | frozenset(map(bare, listed))


def plainly(listed: Iterable[str]) -> frozenset[str]:
    return frozenset(map(plain_account, listed))


@attrs.frozen(kw_only=True)
class Registers:
    """One division's registers at one version; replaced as a whole, never changed in place."""

    division: str
    version: int
    as_of: dt.datetime
    agencies: Mapping[str, Agency]
    accounts: Mapping[str, Account]
    indicators: Mapping[str, Indicator]
    plans: Collection[Plan]
    persons: Mapping[str, FiledPerson]
    """By id number; a row itself may hold it sealed."""
    payee_classes: Mapping[str, PayeeClass]
    """By account."""
    contracts: Mapping[str, Contract]
    approvals: Mapping[str, Approval]
    filings: Mapping[str, Filing]
    three_public_budgets: Collection[ThreePublicBudget]
    blacklist_accounts: frozenset[str]
    designated_vendors: frozenset[str]
    calendar: Mapping[dt.date, bool]
    """Working day or not, over the built-in calendar."""
    project_items: Mapping[str, frozenset[str]] = attrs.field(factory=dict)
    """By project: the dept economic codes, or classes above them, that it may be spent on; a
    project that does not stand here has no list of its own (Art. 10(3)17)."""
    allowance_standards: Mapping[tuple[str, str], Fen] = attrs.field(factory=dict)
    """By agency ("" for all) and item: the most that one person may get at a time (Art. 10(3)8)."""
    codes: Mapping[str, Code] = attrs.field(factory=dict)
    """By `code_key`; what the indicators say decides, so no decision rests on these."""
    unavailable: frozenset[Register] = frozenset()
    """Registers past their age limit or not loaded: what rests on them is held, never passed."""
    ages: Mapping[Register, dt.datetime] = attrs.field(factory=dict, eq=False, repr=False)
    """When the bureau last spoke of each register; of one not named here, `as_of`."""
    indexed: Index | None = attrs.field(default=None, eq=False, repr=False)
    """Given where rows are too many to be gone through each time; otherwise made here."""
    index: Index = attrs.field(init=False, eq=False, repr=False)

    @index.default
    def _index(self) -> Index:
        return self.indexed or index_of(self)

    def as_of_register(self, register: Register) -> dt.datetime:
        return self.ages.get(register, self.as_of)

    def spelling_of(self, account: str) -> str:
        """One account under one name: as it was filed, else without hyphens. Bank cores read over
        them, so that one written with some, here or there, would slip past every list."""
        plain, spelt = plain_account(account), self.index.spelt
        if not spelt or plain in self.accounts:
            return plain
        return min(spelt.get(plain, ()), default=plain)

    def account_of(self, account: str) -> Account | None:
        """What is filed of it, however it is written."""
        return self._found(self.accounts, account)

    def class_of(self, account: str) -> PayeeClass | None:
        return self._found(self.payee_classes, account)

    def _found(self, rows: Mapping[str, _T], account: str) -> _T | None:
        """Of rows of one account in several spellings always the same: were it the one that is
        written so, the sender would choose by which of them it is judged."""
        spelt = self.index.spelt
        if not spelt and "-" not in account:
            return rows.get(account)
        plain = plain_account(account)
        ways = (rows.get(each) for each in (plain, *sorted(spelt.get(plain, ()))))
        return next((row for row in ways if row is not None), None)

    def personal(self, accounts: Collection[str]) -> frozenset[str]:
        """Those of `accounts` that are a person's: filed with one, or registered as such."""
        return frozenset(
            [each for each in accounts if self.is_personal(each, self.account_of(each))]
        )

    def is_personal(self, account: str, row: Account | None) -> bool:
        """`row`: what the register of accounts has of it."""
        return (row is not None and row.class_ in _PERSONAL) or self.is_persons(account)

    def is_persons(self, account: str) -> bool:
        """Whether a filed person has it."""
        return plain_account(account) in self.index.persons_accounts

    def is_barred(self, account: str) -> bool:
        return plain_account(account) in self.index.barred

    def is_designated(self, account: str, name: str) -> bool:
        """Vendors are listed by account or by name."""
        return plain_account(account) in self.index.vendors or bare(name) in self.index.vendors

    def superiors(self, agency: str) -> tuple[str, ...]:
        """The agencies above `agency`, nearest first; a circle in the tree ends the walk."""
        above: list[str] = []
        row = self.agencies.get(agency)
        while row and row.parent and row.parent not in above:
            above.append(row.parent)
            row = self.agencies.get(row.parent)
        return tuple(above)

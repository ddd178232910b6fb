"""The bureau's registers (备案信息) of one division, held whole in memory as one snapshot."""

import datetime as dt
from collections.abc import Mapping
from itertools import accumulate

import attrs

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
    Register,
    ThreePublicCategory,
)
from gateway.domain.masking import plain_name
from gateway.domain.money import Fen

_PERSONAL = frozenset({AccountClass.PERSONAL, AccountClass.OFFICIAL_CARD})


@attrs.frozen(kw_only=True)
class Agency:
    code: str
    name: str
    parent: str | None
    kind: AgencyKind
    status: AgencyStatus


@attrs.frozen(kw_only=True)
class Account:
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


@attrs.frozen(kw_only=True)
class Indicator:
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


@attrs.frozen(kw_only=True)
class Plan:
    """用款计划: the amount of one indicator for one month (1-12)."""

    indicator_id: str
    month: int
    amount_fen: Fen


@attrs.frozen(kw_only=True)
class FiledPerson:
    """A person filed under Art. 16."""

    id_number: str
    name: str
    employer: str
    position: str
    title: str
    accounts: tuple[str, ...]
    official_cards: tuple[str, ...]


@attrs.frozen(kw_only=True)
class Contract:
    contract_no: str
    agency: str
    supplier: str
    account: str
    amount_fen: Fen
    paid_fen: Fen
    filing_no: str | None


@attrs.frozen(kw_only=True)
class Approval:
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


@attrs.frozen(kw_only=True)
class Filing:
    filing_no: str
    kind: FilingKind
    agency: str
    project_code: str | None
    contract_no: str | None
    date: dt.date


@attrs.frozen(kw_only=True)
class ThreePublicBudget:
    agency: str
    fiscal_year: int
    category: ThreePublicCategory
    amount_fen: Fen
    posted_fen: Fen


@attrs.frozen(kw_only=True)
class Registers:
    """One division's registers at one version; replaced as a whole, never changed in place."""

    division: str
    version: int
    as_of: dt.datetime
    agencies: Mapping[str, Agency]
    accounts: Mapping[str, Account]
    indicators: Mapping[str, Indicator]
    plans: tuple[Plan, ...]
    persons: Mapping[str, FiledPerson]
    """By id number."""
    payee_classes: Mapping[str, PayeeClass]
    """By account."""
    contracts: Mapping[str, Contract]
    approvals: Mapping[str, Approval]
    filings: Mapping[str, Filing]
    three_public_budgets: tuple[ThreePublicBudget, ...]
    blacklist_accounts: frozenset[str]
    designated_vendors: frozenset[str]
    calendar: Mapping[dt.date, bool]
    """Working day or not, over the built-in calendar."""
    project_items: Mapping[str, frozenset[str]] = attrs.field(factory=dict)
    """By project: the dept economic codes, or classes above them, that it may be spent on; a
    project that does not stand here has no list of its own (Art. 10(3)17)."""
    allowance_standards: Mapping[tuple[str, str], Fen] = attrs.field(factory=dict)
    """By agency ("" for all) and item: the most that one person may get at a time (Art. 10(3)8)."""
    unavailable: frozenset[Register] = frozenset()
    """Registers past their age limit or not loaded: what rests on them is held, never passed."""
    rules_filed: frozenset[tuple[str, str]] = attrs.field(init=False, eq=False, repr=False)
    """(agency, project) whose internal rules are filed (Art. 17); no project means all of them."""

    @rules_filed.default
    def _filed_rules(self) -> frozenset[tuple[str, str]]:
        return frozenset(
            (filing.agency, filing.project_code or "")
            for filing in self.filings.values()
            if filing.kind is FilingKind.SPECIAL_FUND_RULES
        )

    three_public: Mapping[tuple[str, int, ThreePublicCategory], ThreePublicBudget] = attrs.field(
        init=False, eq=False, repr=False
    )
    """By agency, year and category."""

    @three_public.default
    def _budgets(self) -> Mapping[tuple[str, int, ThreePublicCategory], ThreePublicBudget]:
        rows = self.three_public_budgets
        return {(row.agency, row.fiscal_year, row.category): row for row in rows}

    personal_accounts: frozenset[str] = attrs.field(init=False, eq=False, repr=False)
    """Accounts and cards of filed persons, and registered accounts that are a person's."""

    @personal_accounts.default
    def _of_persons(self) -> frozenset[str]:
        found = {row.account for row in self.accounts.values() if row.class_ in _PERSONAL}
        for person in self.persons.values():
            found.update(person.accounts, person.official_cards)
        return frozenset(found)

    person_names: frozenset[str] = attrs.field(init=False, eq=False, repr=False)
    """Names of filed persons: whoever bears one is not spelt out."""

    @person_names.default
    def _names_of_persons(self) -> frozenset[str]:
        return frozenset(plain_name(person.name) for person in self.persons.values())

    planned_fen: Mapping[str, tuple[int, ...]] = attrs.field(init=False, eq=False, repr=False)
    """By indicator: what its plan comes to up to each month of its year, January first, in fen."""

    @planned_fen.default
    def _planned(self) -> Mapping[str, tuple[int, ...]]:
        months: dict[str, list[int]] = {}
        for plan in self.plans:
            months.setdefault(plan.indicator_id, [0] * 12)[plan.month - 1] += plan.amount_fen
        return {id: tuple(accumulate(amounts)) for id, amounts in months.items()}

    def superiors(self, agency: str) -> tuple[str, ...]:
        """The agencies above `agency`, nearest first; a circle in the tree ends the walk."""
        above: list[str] = []
        row = self.agencies.get(agency)
        while row and row.parent and row.parent not in above:
            above.append(row.parent)
            row = self.agencies.get(row.parent)
        return tuple(above)

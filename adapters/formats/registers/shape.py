"""One division's registers as a file: msgspec structs, the one description of the shape.

The bureau's feed carries the same lists. Everything is said: lists are never absent, unknown
fields are refused, amounts are texts of yuan; null stands only where the domain knows None.
"""

import datetime as dt
from typing import Annotated, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType, field

from adapters.formats.json.shape import Amount
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
    ThreePublicCategory,
)

Key = Annotated[str, Meta(min_length=1, max_length=64)]
Text = Annotated[str, Meta(max_length=200)]
MaybeText: TypeAlias = Text | UnsetType | None
MaybeDate: TypeAlias = dt.date | UnsetType | None
AccountNo = Annotated[
    str,
    Meta(
        pattern="^[0-9A-Z-]{1,32}$",
        extra={
            "zh": "账号应为不超过 32 位的数字、大写字母或连字符",
            "en": "an account number is at most 32 digits, capital letters or hyphens",
        },
    ),
]
_Division = Annotated[
    str,
    Meta(
        pattern="^[0-9]{9}$",
        extra={"zh": "应为九位数字的行政区划代码", "en": "must be a division code of nine digits"},
    ),
]
_Year = Annotated[int, Meta(ge=2000, le=2099)]


class Row(Struct, forbid_unknown_fields=True):
    """Strict: no unknown fields, no coercion."""


class AgencyRow(Row, kw_only=True):
    code: Key
    name: Text
    parent: MaybeText = UNSET
    kind: AgencyKind
    status: AgencyStatus
    status_basis: MaybeText = UNSET


class AccountRow(Row, kw_only=True):
    account: AccountNo
    bank_code: Text
    name: Text
    agency: Key
    class_: AccountClass = field(name="class")
    is_basic: bool
    status: AccountStatus
    finance_approval: MaybeText = UNSET
    central_bank_approval: MaybeText = UNSET
    valid_from: dt.date
    valid_to: MaybeDate = UNSET
    change_notice_date: MaybeDate = UNSET


class IndicatorRow(Row, kw_only=True):
    id: Key
    agency: Key
    fiscal_year: _Year
    fund_code: Text
    functional_code: Text
    dept_economic_code: Text
    gov_economic_code: Text
    project_code: Text
    granted: Amount
    posted: Amount
    frozen: Amount
    executable: bool
    carry_over: CarryOver
    plan_controlled: bool
    expenditure: Expenditure


class PlanRow(Row, kw_only=True):
    indicator_id: Key
    month: Annotated[int, Meta(ge=1, le=12)]
    amount: Amount
    payment_method: PaymentMethod | UnsetType | None = UNSET
    """Absent: the plan of all payment methods together."""


class PersonRow(Row, kw_only=True):
    id_number: Key
    name: Text
    employer: MaybeText = UNSET
    position: MaybeText = UNSET
    title: MaybeText = UNSET
    accounts: list[AccountNo]
    official_cards: list[AccountNo]


class PayeeClassRow(Row, kw_only=True):
    account: AccountNo
    name: Text
    class_: PayeeClass = field(name="class")


class ContractRow(Row, kw_only=True):
    contract_no: Key
    agency: Key
    supplier: Text
    account: AccountNo
    amount: Amount
    paid: Amount
    filing_no: MaybeText = UNSET


class ApprovalRow(Row, kw_only=True):
    approval_no: Key
    kind: ApprovalKind
    agency: Key
    payee_account: AccountNo | UnsetType | None = UNSET
    dept_economic_code: MaybeText = UNSET
    amount: Amount
    used: Amount
    valid_from: dt.date
    valid_to: dt.date
    document: Text


class FilingRow(Row, kw_only=True):
    filing_no: Key
    kind: FilingKind
    agency: Key
    project_code: MaybeText = UNSET
    contract_no: MaybeText = UNSET
    date: dt.date


class ThreePublicRow(Row, kw_only=True):
    agency: Key
    fiscal_year: _Year
    category: ThreePublicCategory
    amount: Amount
    posted: Amount


class ProjectRow(Row, kw_only=True):
    code: Key
    dept_economic_codes: list[Key]


class AllowanceRow(Row, kw_only=True):
    agency: MaybeText = UNSET
    """Absent: every agency that has no row of its own."""
    dept_economic_code: Key
    per_person: Amount


class ListsRow(Row, kw_only=True):
    blacklist_accounts: list[AccountNo]
    designated_vendors: list[Key]


class CalendarRow(Row, kw_only=True):
    date: dt.date
    is_workday: bool


class CodeRow(Row, kw_only=True):
    element: Key
    code: Key
    name: Text
    parent: MaybeText = UNSET
    enabled: bool


class RegistersFile(Row, kw_only=True):
    division: _Division
    as_of: Annotated[dt.datetime, Meta(tz=True)]
    version: Annotated[int, Meta(ge=1, le=2**53)]
    agencies: list[AgencyRow]
    accounts: list[AccountRow]
    indicators: list[IndicatorRow]
    plans: list[PlanRow]
    persons: list[PersonRow]
    payee_classes: list[PayeeClassRow]
    contracts: list[ContractRow]
    approvals: list[ApprovalRow]
    filings: list[FilingRow]
    three_public_budgets: list[ThreePublicRow]
    projects: list[ProjectRow] | UnsetType = UNSET
    allowance_standards: list[AllowanceRow] | UnsetType = UNSET
    lists: ListsRow
    calendar: list[CalendarRow]
    codes: list[CodeRow] | UnsetType = UNSET

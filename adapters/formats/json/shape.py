"""The canonical JSON instruction as msgspec structs: the one description of its shape.

Decoding, the list of all errors and the published JSON Schema all derive from these classes.
Unknown fields are refused. Optional elements may be absent, null or "" (Art. 9 completeness is
policy JL-004's to judge); what identifies the instruction may not.
"""

import datetime as dt
from typing import Annotated, Literal, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType, field

from gateway.domain.codes import PayeeKind

DETAILS_MAX = 499
"""A voucher has fewer than 500 details."""

Amount = Annotated[
    str,
    Meta(
        pattern=r"^(0|[1-9][0-9]{0,14})\.[0-9]{2}$",
        extra={
            "zh": '应为以元为单位、两位小数、不带正负号和千分位的文本，如 "12800.00"',
            "en": 'must be a text of yuan with two decimals, no sign or separator: "12800.00"',
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
_VoucherType = Annotated[
    str,
    Meta(
        pattern="^[0-9]{4}$",
        extra={"zh": "应为四位数字的凭证类型编号", "en": "must be a voucher type of four digits"},
    ),
]
_VoucherNo = Annotated[
    str,
    Meta(
        pattern="^[0-9A-Za-z-]{1,20}$",
        extra={
            "zh": "应为 1 至 20 位数字、字母或连字符",
            "en": "must be 1 to 20 digits, letters or hyphens",
        },
    ),
]
_AccountNo = Annotated[
    str,
    Meta(
        pattern="^[0-9A-Z-]{0,32}$",
        extra={
            "zh": "账号应为不超过 32 位的数字、大写字母或连字符",
            "en": "an account number is at most 32 digits, capital letters or hyphens",
        },
    ),
]
_Sha256 = Annotated[
    str,
    Meta(
        pattern="^([0-9a-f]{64})?$",
        extra={
            "zh": "应为 64 位小写十六进制摘要",
            "en": "must be a digest of 64 lower-case hexadecimal digits",
        },
    ),
]

OptionalAccount: TypeAlias = _AccountNo | UnsetType | None
Code: TypeAlias = Annotated[str, Meta(max_length=42)] | UnsetType | None
Text: TypeAlias = Annotated[str, Meta(max_length=120)] | UnsetType | None
LongText: TypeAlias = Annotated[str, Meta(max_length=200)] | UnsetType | None
Count: TypeAlias = Annotated[int, Meta(ge=0, le=1_000_000)] | UnsetType | None


class Wire(Struct, forbid_unknown_fields=True):
    """Strict: no unknown fields, no positions, no coercion."""


class AgencyWire(Wire, kw_only=True):
    code: Code = UNSET
    name: Text = UNSET


class PayerWire(Wire, kw_only=True):
    account: OptionalAccount = UNSET
    name: Text = UNSET
    bank_code: Code = UNSET


class PersonWire(Wire, kw_only=True):
    id_number: Code = UNSET
    employer: Text = UNSET
    position: Text = UNSET
    title: Text = UNSET


class PayeeWire(Wire, kw_only=True):
    kind: PayeeKind
    account: OptionalAccount = UNSET
    name: Text = UNSET
    bank_code: Code = UNSET
    bank_name: Text = UNSET
    person: PersonWire | UnsetType | None = UNSET


class DocumentWire(Wire, kw_only=True):
    kind: Annotated[str, Meta(min_length=1, max_length=42)]
    number: Text = UNSET
    sha256: _Sha256 | UnsetType | None = UNSET


class ItemWire(Wire, kw_only=True):
    kind: Literal["meeting", "training", "reception", "lecture", "consulting", "travel"]
    class_: Code = field(name="class", default=UNSET)
    persons: Count = UNSET
    days: Count = UNSET
    hours: Count = UNSET
    guests: Count = UNSET
    companions: Count = UNSET
    unit_price: Amount | UnsetType | None = UNSET
    reference: Text = UNSET


class DetailWire(Wire, kw_only=True):
    id: Annotated[str, Meta(min_length=1, max_length=38)]
    payee: PayeeWire
    amount: Amount
    purpose: LongText = UNSET


class InstructionWire(Wire, kw_only=True):
    division: _Division
    fiscal_year: Annotated[int, Meta(ge=2000, le=2099)]
    voucher_type: _VoucherType
    voucher_no: _VoucherNo
    voucher_date: dt.date
    agency: AgencyWire | UnsetType | None = UNSET
    payment_method: Literal["direct", "authorized", ""] | UnsetType | None = UNSET
    settlement: (
        Literal[
            "transfer", "cash", "cash_cheque", "transfer_cheque", "official_card", "collection", ""
        ]
        | UnsetType
        | None
    ) = UNSET
    business_type: (
        Literal["single", "payroll", "batch", "official_card_repayment", "advance_repayment", ""]
        | UnsetType
        | None
    ) = UNSET
    amount: Amount
    payer: PayerWire | UnsetType | None = UNSET
    payee: PayeeWire | UnsetType | None = UNSET
    indicator_id: Code = UNSET
    fund_code: Code = UNSET
    functional_code: Code = UNSET
    dept_economic_code: Code = UNSET
    gov_economic_code: Code = UNSET
    project_code: Code = UNSET
    purpose: LongText = UNSET
    exemption: (
        Literal[
            "service_purchase", "tax_union_payroll", "student_aid", "social_insurance",
            "advance_repayment", "other_approved", "",
        ]
        | UnsetType
        | None
    ) = UNSET  # fmt: skip
    cash_reason: (
        Literal[
            "wages", "personal_labour", "personal_prize", "welfare", "farm_purchase", "petty",
            "approved_special", "",
        ]
        | UnsetType
        | None
    ) = UNSET  # fmt: skip
    approvals: (
        Annotated[list[Annotated[str, Meta(min_length=1, max_length=42)]], Meta(max_length=20)]
        | UnsetType
        | None
    ) = UNSET
    contract_no: Text = UNSET
    documents: Annotated[list[DocumentWire], Meta(max_length=100)] | UnsetType | None = UNSET
    items: Annotated[list[ItemWire], Meta(max_length=100)] | UnsetType | None = UNSET
    details: Annotated[list[DetailWire], Meta(max_length=DETAILS_MAX)] | UnsetType | None = UNSET

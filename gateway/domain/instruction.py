"""A payment instruction (支付指令) as the house understands it, whatever format it came in."""

import datetime as dt
import re
from collections.abc import Collection

import msgspec
from msgspec.structs import replace

from gateway.domain.codes import (
    BusinessType,
    CashReason,
    Exemption,
    PayeeKind,
    PaymentMethod,
    Settlement,
)
from gateway.domain.money import Fen

_NAMED = re.compile(r"[0-9]{9}/[0-9]{4}/[^/\0]+/[^/\0]+")


class InstructionKey(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """The identity of an instruction: one decision per key, for ever."""

    division: str
    """行政区划, nine digits, mof_div_code; the tenant."""
    fiscal_year: int
    voucher_type: str
    """VtCode: 8202 authorised, 5201 direct."""
    voucher_no: str

    def __str__(self) -> str:
        return f"{self.division}/{self.fiscal_year}/{self.voucher_type}/{self.voucher_no}"


def key_named(subject: str) -> InstructionKey | None:
    """The identity that reads so (`str` of it); None for what names none: subjects of records and
    of questions come from outside, and a database cannot even be asked for the year 99999999999."""
    if not _NAMED.fullmatch(subject):
        return None
    division, year, kind, number = subject.split("/", 3)
    return InstructionKey(
        division=division, fiscal_year=int(year), voucher_type=kind, voucher_no=number
    )


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """收款人身份信息 (Art. 9, 16). Never logged; enters a record only as a commitment."""

    id_number: str
    employer: str = ""
    position: str = ""
    title: str = ""


class Payee(msgspec.Struct, frozen=True, kw_only=True):
    kind: PayeeKind
    account: str
    name: str
    bank_code: str = ""
    bank_name: str = ""
    person: Person | None = None


class Payer(msgspec.Struct, frozen=True, kw_only=True):
    account: str
    name: str
    bank_code: str = ""


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """原始凭证 and other papers (Art. 9), by reference: kind, number and digest."""

    kind: str
    number: str
    sha256: str = ""


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """What a standard of Art. 19 is measured on: persons, days, unit price of a meeting."""

    kind: str
    class_: str = ""
    persons: int | None = None
    days: int | None = None
    hours: int | None = None
    guests: int | None = None
    companions: int | None = None
    unit_price_fen: Fen | None = None
    reference: str = ""


class Detail(msgspec.Struct, frozen=True, kw_only=True):
    """One payee of a batch or payroll voucher; the details' sum is the instruction's amount."""

    id: str
    payee: Payee
    amount_fen: Fen
    purpose: str = ""


class Instruction(msgspec.Struct, frozen=True, kw_only=True):
    """One payment instruction, typed once at the door and trusted from there on.

    An element of Art. 9 that was left blank is `""` (text) or None (coded); saying so to the agency
    is policy JL-004, not the parser.
    """

    key: InstructionKey
    voucher_date: dt.date
    agency_code: str
    agency_name: str
    payment_method: PaymentMethod | None
    settlement: Settlement | None
    business_type: BusinessType
    amount_fen: Fen
    payer: Payer
    payee: Payee
    indicator_id: str
    fund_code: str
    functional_code: str
    dept_economic_code: str
    gov_economic_code: str
    project_code: str
    purpose: str
    exemption: Exemption | None = None
    cash_reason: CashReason | None = None
    approvals: tuple[str, ...] = ()
    contract_no: str = ""
    documents: tuple[Document, ...] = ()
    items: tuple[Item, ...] = ()
    details: tuple[Detail, ...] = ()
    remarks: tuple[str, ...] = ()
    """附言 of a single payment's details, each once: judged with the purpose."""
    main_voucher: str = ""
    """`type/number` of the voucher that an 8207 carries the details of; empty elsewhere."""


def paid_part(instruction: Instruction, withheld: Collection[str]) -> Instruction:
    """What of a batch is paid: all but the withheld details, and its amount is their sum."""
    if not withheld:
        return instruction
    details = tuple(each for each in instruction.details if each.id not in withheld)
    amount = Fen(sum(each.amount_fen for each in details))
    return replace(instruction, details=details, amount_fen=amount)


def parts_of(instruction: Instruction) -> tuple[Instruction, ...]:
    """Each detail as the payment that it is: its payee, amount and purpose, all else the voucher's.

    Empty for an instruction without details.
    """
    return tuple(
        replace(
            instruction, payee=detail.payee, amount_fen=detail.amount_fen,
            purpose=detail.purpose or instruction.purpose, details=(),
        )
        for detail in instruction.details
    )  # fmt: skip


def batch_main_of(instruction: Instruction) -> str | None:
    """The batch it belongs to, itself where it is one; None for a single payment."""
    key = instruction.key
    if instruction.main_voucher:
        return f"{key.fiscal_year}/{instruction.main_voucher}"
    if instruction.business_type is BusinessType.SINGLE:
        return None
    return f"{key.fiscal_year}/{key.voucher_type}/{key.voucher_no}"


def level_of(division: str) -> int:
    """1 province (220000000), 2 city (220100000), 3 county (220102000)."""
    if division[2:6] == "0000":
        return 1
    return 2 if division[4:6] == "00" else 3


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """What came through the door, byte for byte, before anybody has understood it."""

    raw: bytes
    """The bytes that were signed: these are stored, and these go to the bank."""
    format: str
    """`json` or `voucher`."""
    signature: str
    """Detached JWS (RFC 7515, 7797) over `raw`."""
    party: str
    """URI SAN of the certificate on the connection."""

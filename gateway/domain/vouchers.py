"""Vouchers beside payment instructions: what banks and bureaus tell one another, as typed values.

They order no payment here. What acts on them (refunds, clearing, reconciliation, registers) takes
these values; each was read with all its errors at once or not at all.
"""

import datetime as dt

import attrs

from gateway.domain.instruction import InstructionKey
from gateway.domain.money import Fen


@attrs.frozen(kw_only=True)
class Voucher:
    """What every voucher says of itself."""

    key: InstructionKey
    day: dt.date
    """VouDate."""


@attrs.frozen(kw_only=True)
class Payout:
    """What the bank says it paid: of a voucher or of one of its details (the X elements)."""

    id: str
    """The detail's Id; empty for the voucher as a whole."""
    ordered_fen: Fen
    paid_on: dt.date | None
    paid_fen: Fen | None
    """None: not paid, `reason` says why."""
    reference: str
    payee_account: str
    payee_name: str
    payee_bank_name: str
    reason: str


@attrs.frozen(kw_only=True)
class Receipt(Voucher):
    """回单 (VoucherFlag 1) of 8202, 5201 or 8207: what became of the order (Art. 10(4)2-3)."""

    account: str
    """The payer's: whose money moved."""
    whole: Payout
    details: tuple[Payout, ...]


@attrs.frozen(kw_only=True)
class RefundLine:
    id: str
    payment_no: str
    amount_fen: int


@attrs.frozen(kw_only=True)
class RefundVoucher(Voucher):
    """2203, 2204, 8252, 2252 (whose amounts are negative in the voucher): money that came back."""

    payment_type: str
    payment_no: str
    payment_year: str
    """Empty: the year of the refund itself."""
    account: str
    amount_fen: int
    reference: str
    reason: str
    lines: tuple[RefundLine, ...]

    @property
    def payment(self) -> InstructionKey:
        year = int(self.payment_year) if self.payment_year else self.key.fiscal_year
        return InstructionKey(
            division=self.key.division, fiscal_year=year, voucher_type=self.payment_type,
            voucher_no=self.payment_no,
        )  # fmt: skip


@attrs.frozen(kw_only=True)
class AdjustmentLine:
    """One side of a correction; what leaves a line is negative."""

    id: str
    payment_type: str
    payment_no: str
    agency: str
    functional_code: str
    economic_code: str
    project_code: str
    amount_fen: int


@attrs.frozen(kw_only=True)
class Adjustment(Voucher):
    """5253, 5351: codes corrected without money; the lines come to nothing together."""

    pay_type: str
    purpose: str
    amount_fen: int
    lines: tuple[AdjustmentLine, ...]


@attrs.frozen(kw_only=True)
class ClearingLine:
    id: str
    payment_no: str
    supervising_department: str
    functional_code: str
    amount_fen: int


@attrs.frozen(kw_only=True)
class Clearing(Voucher):
    """2301 申请划款 (positive) and 2302 申请退款 (negative): agent bank and treasury."""

    treasury: str
    pay_type: str
    account: str
    """The agent bank's, that is reimbursed."""
    clear_account: str
    amount_fen: int
    lines: tuple[ClearingLine, ...]


@attrs.frozen(kw_only=True)
class QuotaLine:
    id: str
    indicator: str
    """指标标识; empty: told by the codes beside it."""
    agency: str
    fund_code: str
    functional_code: str
    economic_code: str
    project_code: str
    amount_fen: int


@attrs.frozen(kw_only=True)
class QuotaNotice(Voucher):
    """5106 (authorised) and 5108 (direct): the limits of a month; a line may take back."""

    treasury: str
    month: str
    """01 to 12."""
    pay_type: str
    amount_fen: int
    lines: tuple[QuotaLine, ...]


@attrs.frozen(kw_only=True)
class CheckedLine:
    id: str
    voucher_type: str
    voucher_no: str
    amount_fen: int
    result: str
    """Empty in the question (3502); 0 agrees, 1 does not."""
    reason: str


@attrs.frozen(kw_only=True)
class Reconciliation(Voucher):
    """3502, and 2502 that answers it: the vouchers of a period, one by one."""

    begin: dt.date
    end: dt.date
    count: int
    amount_fen: int
    result: str
    lines: tuple[CheckedLine, ...]


@attrs.frozen(kw_only=True)
class CodeRow:
    id: str
    code: str
    name: str
    parent: str
    enabled: bool


@attrs.frozen(kw_only=True)
class BaseData(Voucher):
    """5901: the codes of one element (基础元数据)."""

    element: str
    lines: tuple[CodeRow, ...]


@attrs.frozen(kw_only=True)
class AgencyRow:
    id: str
    code: str
    name: str
    parent: str
    kind: str
    enabled: bool


@attrs.frozen(kw_only=True)
class AgencyList(Voucher):
    """5951: the bureau's list of agencies and whom they belong to (单位清册)."""

    lines: tuple[AgencyRow, ...]


@attrs.frozen(kw_only=True)
class AppropriationLine:
    id: str
    agency: str
    agency_name: str
    functional_code: str
    economic_code: str
    project_code: str
    amount_fen: int


@attrs.frozen(kw_only=True)
class Appropriation(Voucher):
    """5207 实拨拨款凭证: money paid out to an own account, outside the zero-balance ones."""

    fund_code: str
    pay_type: str
    payer_account: str
    payer_name: str
    payee_account: str
    payee_name: str
    payee_bank_name: str
    payee_bank_code: str
    purpose: str
    indicator_id: str
    references: str
    """As Hold2 of the other payment vouchers: `EX=…;CT=…;AP=…`."""
    amount_fen: int
    lines: tuple[AppropriationLine, ...]

"""Which element of which voucher is which value: one table that reader and writer share.

Elements, widths and what is required stand in `codes/voucher_papers.csv`; here stand their meaning
and the sign that an amount must have (DOMAIN 1.5: PBC's VoucherVerify).
"""

from collections.abc import Mapping
from enum import Enum
from typing import Any

import attrs

from gateway.domain.vouchers import (
    Adjustment,
    AdjustmentLine,
    AgencyList,
    AgencyRow,
    Appropriation,
    AppropriationLine,
    BaseData,
    CheckedLine,
    Clearing,
    ClearingLine,
    CodeRow,
    QuotaLine,
    QuotaNotice,
    Reconciliation,
    RefundLine,
    RefundVoucher,
)


class Kind(Enum):
    TEXT = "text"
    DAY = "day"
    """yyyyMMdd."""
    COUNT = "count"
    FLAG = "flag"
    """1 yes, 2 no."""
    POSITIVE = "positive"
    NEGATIVE = "negative"
    """Below zero in the voucher and in the value."""
    BACK = "back"
    """Below zero in the voucher, above in the value."""
    NOTHING = "nothing"
    """0.00."""
    SIGNED = "signed"


Column = tuple[str, Kind]
"""Element and kind, by the value's attribute."""


@attrs.frozen(kw_only=True)
class Table:
    head: type[Any]
    header: Mapping[str, Column]
    line: type[Any]
    detail: Mapping[str, Column]
    pay_types: frozenset[str] = frozenset()
    """Those allowed; empty: the voucher has none, or any."""
    original_types: frozenset[str] = frozenset()


_T = Kind.TEXT
_ID = {"id": ("Id", _T)}
_CODES = {
    "functional_code": ("ExpFuncCode", _T),
    "economic_code": ("ExpEcoCode", _T),
    "project_code": ("DepProCode", _T),
}
_ORIGINAL = {"payment_type": ("OriVtCode", _T), "payment_no": ("OriVoucherNo", _T)}
DIRECT, AUTHORIZED = frozenset({"11", "001001"}), frozenset({"12", "001002"})


def _refund(sign: Kind, *original: str) -> Table:
    return Table(
        head=RefundVoucher,
        header={
            **_ORIGINAL, "payment_year": ("OriStYear", _T), "account": ("PayAcctNo", _T),
            "amount_fen": ("PayAmt", sign), "reference": ("AgentBusinessNo", _T),
            "reason": ("ReturnReason", _T),
        },
        line=RefundLine,
        detail={**_ID, "payment_no": ("VoucherNo", _T), "amount_fen": ("PayAmt", sign)},
        original_types=frozenset(original),
    )  # fmt: skip


def _adjustment(pay_types: frozenset[str]) -> Table:
    return Table(
        head=Adjustment,
        header={
            "pay_type": ("PayTypeCode", _T), "purpose": ("PaySummaryName", _T),
            "amount_fen": ("PayAmt", Kind.NOTHING),
        },
        line=AdjustmentLine,
        detail={
            **_ID, **_ORIGINAL, "agency": ("AgencyCode", _T), **_CODES,
            "amount_fen": ("PayAmt", Kind.SIGNED),
        },
        pay_types=pay_types,
    )  # fmt: skip


def _clearing(sign: Kind) -> Table:
    return Table(
        head=Clearing,
        header={
            "treasury": ("TreCode", _T), "pay_type": ("PayTypeCode", _T),
            "account": ("AgentAcctNo", _T), "clear_account": ("ClearAcctNo", _T),
            "amount_fen": ("PayAmt", sign),
        },
        line=ClearingLine,
        detail={
            **_ID, "payment_no": ("VoucherNo", _T), "supervising_department": ("SupDepCode", _T),
            "functional_code": ("ExpFuncCode", _T), "amount_fen": ("PayAmt", sign),
        },
        pay_types=DIRECT | AUTHORIZED,
    )  # fmt: skip


def _quota(pay_types: frozenset[str]) -> Table:
    return Table(
        head=QuotaNotice,
        header={
            "treasury": ("TreCode", _T), "month": ("SetMonth", _T),
            "pay_type": ("PayTypeCode", _T), "amount_fen": ("PayAmt", Kind.SIGNED),
        },
        line=QuotaLine,
        detail={
            **_ID, "indicator": ("Hold1", _T), "agency": ("AgencyCode", _T),
            "fund_code": ("FundTypeCode", _T), **_CODES, "amount_fen": ("PayAmt", Kind.SIGNED),
        },
        pay_types=pay_types,
    )  # fmt: skip


_RECONCILIATION = Table(
    head=Reconciliation,
    header={
        "begin": ("BeginDate", Kind.DAY), "end": ("EndDate", Kind.DAY),
        "count": ("AllNum", Kind.COUNT), "amount_fen": ("AllAmt", Kind.SIGNED),
        "result": ("CheckResult", _T),
    },
    line=CheckedLine,
    detail={
        **_ID, "voucher_type": ("CheckVtCode", _T), "voucher_no": ("CheckVoucherNo", _T),
        "amount_fen": ("PayAmt", Kind.SIGNED), "result": ("CheckResult", _T),
        "reason": ("CheckReason", _T),
    },
)  # fmt: skip
_ROW = {
    **_ID, "code": ("ChrCode", _T), "name": ("ChrName", _T), "parent": ("ParentCode", _T),
    "enabled": ("Enabled", Kind.FLAG),
}  # fmt: skip

TABLES: Mapping[str, Table] = {
    "2203": _refund(Kind.POSITIVE, "5201", "8207"),
    "2204": _refund(Kind.POSITIVE, "8202", "8207"),
    "8252": _refund(Kind.POSITIVE, "8202", "8207"),
    "2252": _refund(Kind.BACK, "5201", "8202", "8207", "5207"),
    "5253": _adjustment(DIRECT),
    "5351": _adjustment(AUTHORIZED),
    "2301": _clearing(Kind.POSITIVE),
    "2302": _clearing(Kind.NEGATIVE),
    "5106": _quota(AUTHORIZED),
    "5108": _quota(DIRECT),
    "3502": _RECONCILIATION,
    "2502": _RECONCILIATION,
    "3507": _RECONCILIATION,
    "2507": _RECONCILIATION,
    "5901": Table(
        head=BaseData, header={"element": ("DataEle", _T)}, line=CodeRow, detail=_ROW,
    ),
    "5951": Table(
        head=AgencyList, header={}, line=AgencyRow, detail={**_ROW, "kind": ("AgencyKind", _T)},
    ),
    "5207": Table(
        head=Appropriation,
        header={
            "fund_code": ("FundTypeCode", _T), "pay_type": ("PayTypeCode", _T),
            "payer_account": ("PayAcctNo", _T), "payer_name": ("PayAcctName", _T),
            "payee_account": ("PayeeAcctNo", _T), "payee_name": ("PayeeAcctName", _T),
            "payee_bank_name": ("PayeeAcctBankName", _T),
            "payee_bank_code": ("PayeeAcctBankNo", _T), "purpose": ("PaySummaryName", _T),
            "indicator_id": ("Hold1", _T), "references": ("Hold2", _T),
            "amount_fen": ("PayAmt", Kind.POSITIVE),
        },
        line=AppropriationLine,
        detail={
            **_ID, "agency": ("AgencyCode", _T), "agency_name": ("AgencyName", _T), **_CODES,
            "amount_fen": ("PayAmt", Kind.POSITIVE),
        },
        pay_types=frozenset({"91", "002"}),
    ),
}  # fmt: skip

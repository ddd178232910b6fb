"""What a bank's vouchers say of its conduct (Art. 10(4)): clearing and receipts as a Statement."""

import datetime as dt
import hashlib
from collections.abc import Iterator, Sequence

from adapters.formats.json.walk import Findings
from adapters.formats.voucher.papers import read_vouchers
from gateway.domain.conduct import BankEntry, ClearingTotal, Direction, Statement
from gateway.domain.faults import FaultCode, Unreadable
from gateway.domain.legal_day import SHANGHAI
from gateway.domain.money import Fen
from gateway.domain.vouchers import Clearing, Payout, Receipt, Voucher

_NOON = dt.time(12)
"""A receipt tells the day only; noon is that legal day wherever it is counted."""


def read_voucher_statement(raw: bytes) -> tuple[str, Statement]:
    """The division and what 2301, 2302 and receipts of one envelope say; its id is its digest.

    Raises Unreadable: as `read_vouchers`; for a voucher of another kind; for several divisions.
    """
    vouchers = read_vouchers(raw)
    found = Findings()
    for number, voucher in enumerate(vouchers, 1):
        if not isinstance(voucher, Clearing | Receipt):
            found.note(
                f"VoucherBody[{number}]@VtCode", "voucher_type_unsupported",
                "对账只受理 2301、2302 和回单", "only 2301, 2302 and receipts say what a bank did",
            )  # fmt: skip
    divisions = {voucher.key.division for voucher in vouchers}
    if len(divisions) != 1:
        found.note(
            "VoucherBody@AdmDivCode", "contradiction", "一个信封只报一个区划",
            "an envelope reports on one division",
        )  # fmt: skip
    if found:
        raise Unreadable(
            FaultCode.INSTRUCTION_INVALID, f"the envelope has {len(found)} error(s)", tuple(found)
        )
    return divisions.pop(), statement_of(vouchers, raw)


def statement_of(vouchers: Sequence[Voucher], raw: bytes) -> Statement:
    """Of clearing vouchers and receipts of one division; `raw` gives its number."""
    return Statement(
        id=f"MOF-{hashlib.sha256(raw).hexdigest()[:32]}",
        entries=tuple(entry for voucher in vouchers for entry in _entries(voucher)),
        clearing=tuple(_cleared(each) for each in vouchers if isinstance(each, Clearing)),
    )


def _cleared(voucher: Clearing) -> ClearingTotal:
    return ClearingTotal(
        division=voucher.key.division, day=voucher.day, account=voucher.account,
        voucher_no=voucher.key.voucher_no, amount_fen=Fen(voucher.amount_fen),
    )  # fmt: skip


def _entries(voucher: Voucher) -> Iterator[BankEntry]:
    """One for each payout: of the details where there are several, else of the whole."""
    if not isinstance(voucher, Receipt):
        return
    parts = voucher.details if len(voucher.details) > 1 else (voucher.whole,)
    for number, part in enumerate(parts, 1):
        if part.paid_fen is not None and part.paid_on is not None:
            yield _entry(voucher, part, part.paid_on, part.paid_fen, number)


def _entry(
    receipt: Receipt, part: Payout, paid_on: dt.date, paid_fen: Fen, number: int
) -> BankEntry:
    """Without the bank's number it is told by the whole key: numbers begin anew with each type and
    each year."""
    key, reference = receipt.key, part.reference or receipt.whole.reference
    own = f"{key.voucher_type}/{key.fiscal_year}/{key.voucher_no}"
    return BankEntry(
        division=key.division,
        id=f"{reference or own}/{number}",
        booked_at=dt.datetime.combine(paid_on, _NOON, SHANGHAI).astimezone(dt.UTC),
        account=receipt.account,
        direction=Direction.DEBIT,
        amount_fen=paid_fen,
        key=key,
        reference=reference,
        counter_account=part.payee_account,
        counter_name=part.payee_name,
    )

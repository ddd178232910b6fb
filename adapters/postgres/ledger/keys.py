"""An instruction's identity as columns, and out of a row."""

from collections.abc import Sequence
from typing import Any

from gateway.domain.instruction import InstructionKey


def key_columns(key: InstructionKey) -> tuple[str, int, str, str]:
    """division, fiscal_year, voucher_type, voucher_no: the order of every statement."""
    return key.division, key.fiscal_year, key.voucher_type, key.voucher_no


def key_arrays(keys: Sequence[InstructionKey]) -> tuple[list[Any], ...]:
    """The same as four parallel columns."""
    return (
        [k.division for k in keys],
        [k.fiscal_year for k in keys],
        [k.voucher_type for k in keys],
        [k.voucher_no for k in keys],
    )


def key_of(row: Any, division: str = "") -> InstructionKey:
    """`division`: of a statement that asks for one only and does not repeat it."""
    return InstructionKey(
        division=division or row["division"], fiscal_year=row["fiscal_year"],
        voucher_type=row["voucher_type"], voucher_no=row["voucher_no"],
    )  # fmt: skip

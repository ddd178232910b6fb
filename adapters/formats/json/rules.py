"""What must hold between the fields of a JSON instruction, said in full on the slow path.

Works on the plain tree and passes over whatever has the wrong shape: that is said elsewhere.
`build` holds the same rules on the fast path; a property test keeps the two in step.
"""

from typing import Any

from adapters.formats.json.walk import Findings
from gateway.domain.money import fen

METHOD_OF = {"8202": "authorized", "5201": "direct"}
"""支付方式 that each supported voucher type stands for (PBC's VoucherVerify)."""


def contradictions(tree: Any, found: Findings) -> None:
    """Note every rule between fields that the document breaks."""
    if not isinstance(tree, dict):
        return
    details = tree.get("details")
    rows = details if isinstance(details, list) else []
    _method(tree, found)
    _amounts(tree, rows, found)
    _ids(rows, found)
    if rows and tree.get("business_type") in (None, "", "single"):
        found.note(
            "details", "contradiction", "单笔业务不得带明细",
            "a single payment has no details; name the business type (batch, payroll, …)",
        )  # fmt: skip
    _payee(tree.get("payee"), "payee", found)
    for index, row in enumerate(rows):
        if isinstance(row, dict):
            _payee(row.get("payee"), f"details[{index}].payee", found)


def _method(tree: dict[str, Any], found: Findings) -> None:
    voucher_type, method = tree.get("voucher_type"), tree.get("payment_method")
    if not isinstance(voucher_type, str) or not voucher_type.isdecimal():
        return
    if voucher_type not in METHOD_OF:
        found.note(
            "voucher_type", "voucher_type_unsupported", "只受理 8202、5201 凭证",
            "only voucher types 8202 and 5201 are taken",
        )  # fmt: skip
    elif method in METHOD_OF.values() and method != METHOD_OF[voucher_type]:
        found.note(
            "payment_method", "contradiction",
            f"凭证 {voucher_type} 的支付方式应为 {METHOD_OF[voucher_type]}",
            f"voucher type {voucher_type} is {METHOD_OF[voucher_type]}",
        )  # fmt: skip


def _amounts(tree: dict[str, Any], rows: list[Any], found: Findings) -> None:
    total = _positive(tree.get("amount"), "amount", found)
    parts = [
        _positive(row.get("amount"), f"details[{index}].amount", found)
        for index, row in enumerate(rows)
        if isinstance(row, dict)
    ]
    sums = [part for part in parts if part is not None]
    if rows and total is not None and len(sums) == len(rows) and sum(sums) != total:
        found.note("amount", "sum", "支付金额与明细金额合计不符", "is not the sum of the details")


def _positive(value: Any, place: str, found: Findings) -> int | None:
    if not isinstance(value, str):
        return None
    try:
        amount = fen(value)
    except ValueError:
        return None
    if amount == 0:
        found.note(place, "range", "金额应大于零", "must be more than zero")
    return amount


def _ids(rows: list[Any], found: Findings) -> None:
    seen: set[str] = set()
    for index, row in enumerate(rows):
        if isinstance(row, dict) and isinstance(row.get("id"), str):
            if row["id"] in seen:
                found.note(f"details[{index}].id", "duplicate_id", "明细编号重复", "is not unique")
            seen.add(row["id"])


def _payee(payee: Any, place: str, found: Findings) -> None:
    if not isinstance(payee, dict) or payee.get("kind") != "organisation":
        return
    if payee.get("person") is not None:
        found.note(
            f"{place}.person", "contradiction", "收款人为单位时不得填个人身份信息",
            "an organisation has no person's identity",
        )  # fmt: skip

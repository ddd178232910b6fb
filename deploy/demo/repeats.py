"""Misdeeds that take two: the second payment is wrong because of the first, within days."""

import datetime as dt
from collections.abc import Callable, Mapping

from msgspec.structs import replace

from deploy.demo.clerk import Clerk
from gateway.domain.codes import ApprovalKind, CashReason, Exemption, Settlement
from gateway.domain.instruction import Instruction
from gateway.domain.money import Fen
from gateway.domain.registers import Approval

Pair = tuple[Instruction, Instruction]


def one_approval_for_two(clerk: Clerk) -> Pair:
    """An advance is repaid twice on an approval that suffices once."""
    body, amount = clerk.body(), clerk.amount(2_000, 40_000)
    approval = Approval(
        approval_no=clerk.paper("SP"), kind=ApprovalKind.ADVANCE_REPAYMENT, agency=body.code,
        payee_account=body.basic.account, dept_economic_code="30213", amount_fen=Fen(amount),
        used_fen=Fen(0), valid_from=clerk.world.on - dt.timedelta(days=30),
        valid_to=clerk.world.on + dt.timedelta(days=60), document="吉财库批〔2026〕归垫",
    )  # fmt: skip
    clerk.world.approvals[approval.approval_no] = approval

    def repaid(part: int, purpose: str) -> Instruction:
        return clerk.draft(
            body, "30213", clerk.world.filed_payee(body.basic), part, purpose,
            exemption=Exemption.ADVANCE_REPAYMENT, approvals=(approval.approval_no,),
        )  # fmt: skip

    return repaid(amount, "归垫维修款"), repaid(amount // 2, "归垫维修尾款")


def cash_in_two_parts(clerk: Clerk) -> Pair:
    """800 and 700 yuan in cash to one expert on one day."""
    body, expert = clerk.body(), clerk.world.person("示例专家库", "专家")

    def drawn(amount: int) -> Instruction:
        return clerk.draft(
            body, "30226", expert, amount, "专家评审劳务费",
            settlement=Settlement.CASH, cash_reason=CashReason.PERSONAL_LABOUR,
        )  # fmt: skip

    return drawn(80_000), drawn(70_000)


def procurement_in_two_parts(clerk: Clerk) -> Pair:
    """Two purchases from one supplier, each below the limit of decentralised procurement."""
    body, payee = clerk.body(), clerk.world.company("办公设备")
    return (
        clerk.draft(body, "31002", payee, 29_800_000, "购台式计算机", documents=(clerk.invoice(),)),
        clerk.draft(body, "31002", payee, 28_600_000, "购便携计算机", documents=(clerk.invoice(),)),
    )


def paid_twice(clerk: Clerk) -> Pair:
    """The same bill under two voucher numbers."""
    first = clerk.draft(
        clerk.body(), "30227", clerk.world.company("信息技术"), clerk.amount(110_000, 180_000),
        "信息系统安全测评服务费", documents=(clerk.invoice(),),
    )  # fmt: skip
    return first, replace(first, key=clerk.another_number(first.key))


REPEATS: Mapping[str, Callable[[Clerk], Pair]] = {
    "JL-033": one_approval_for_two,
    "JL-044": cash_in_two_parts,
    "JL-072": procurement_in_two_parts,
    "JL-092": paid_twice,
}

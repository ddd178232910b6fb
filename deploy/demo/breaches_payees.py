"""Misdeeds about payees and papers: who may be paid, under which exception, with which proof."""

import datetime as dt
from collections.abc import Callable, Mapping

import msgspec
from msgspec.structs import replace

from deploy.demo.breaches import ordinary_purchase
from deploy.demo.clerk import Clerk
from gateway.domain.codes import AccountClass, ApprovalKind, BusinessType, Exemption
from gateway.domain.instruction import Instruction
from gateway.domain.money import Fen
from gateway.domain.registers import Approval


def vague_purpose(clerk: Clerk) -> Instruction:
    return replace(ordinary_purchase(clerk), purpose="其他费用")


def class_instead_of_leaf(clerk: Clerk) -> Instruction:
    """A functional code cut to its class: no voucher may carry one."""
    drafted = ordinary_purchase(clerk)
    return replace(drafted, functional_code=drafted.functional_code[:5])


def late_account_change(clerk: Clerk) -> Instruction:
    """The account changed a month ago and nobody has filed it."""
    body, world = clerk.body(), clerk.world
    payer = world.filed_account(body.agency, AccountClass.ZERO_BALANCE)
    changed = world.on - dt.timedelta(days=30)
    row = world.accounts[payer.account]
    world.accounts[payer.account] = msgspec.structs.replace(row, change_notice_date=changed)
    return replace(ordinary_purchase(clerk, body), payer=payer)


def barred_account(clerk: Clerk) -> Instruction:
    payee = clerk.world.company("贸易")
    clerk.world.blacklist.add(payee.account)
    return replace(ordinary_purchase(clerk), payee=payee)


def repairs_paid_to_a_person(clerk: Clerk) -> Instruction:
    return clerk.draft(
        clerk.body(), "30213", clerk.rng.choice(clerk.world.experts), clerk.amount(800, 9000),
        "办公楼门窗维修",
    )  # fmt: skip


def unproven_service(clerk: Clerk) -> Instruction:
    """A purchase of services that is claimed without contract and filing."""
    return clerk.draft(
        clerk.body(), "30227", clerk.company("信息技术"), clerk.amount(8_000, 90_000),
        "购买系统运维服务", exemption=Exemption.SERVICE_PURCHASE, documents=(clerk.invoice(),),
    )  # fmt: skip


def misused_exception(clerk: Clerk) -> Instruction:
    return clerk.draft(
        clerk.body(), "30308", clerk.company("教育用品"), clerk.amount(5_000, 60_000),
        "发放国家助学金", exemption=Exemption.STUDENT_AID,
    )  # fmt: skip


def unapproved_transfer(clerk: Clerk) -> Instruction:
    return replace(ordinary_purchase(clerk), exemption=Exemption.OTHER_APPROVED)


def to_a_lower_bureau(clerk: Clerk) -> Instruction:
    payee = replace(clerk.world.company("商贸"), name="示例县财政局")
    return clerk.draft(
        clerk.body(), "30299", payee, clerk.amount(20_000, 90_000), "拨付县级配套经费"
    )


def unapproved_advance(clerk: Clerk) -> Instruction:
    body = clerk.body()
    return clerk.draft(
        body, "30213", clerk.world.filed_payee(body.basic), clerk.amount(2_000, 40_000),
        "归垫维修款", exemption=Exemption.ADVANCE_REPAYMENT,
    )  # fmt: skip


def advance_to_another_account(clerk: Clerk) -> Instruction:
    """Approved, but into an account that is not the basic one."""
    body, world = clerk.body(), clerk.world
    payee = world.filed_payee(world.filed_account(body.agency, AccountClass.REAL_FUND))
    amount = clerk.amount(2_000, 40_000)
    approval = Approval(
        approval_no=clerk.paper("SP"), kind=ApprovalKind.ADVANCE_REPAYMENT, agency=body.code,
        payee_account=payee.account, dept_economic_code="30213", amount_fen=Fen(amount),
        used_fen=Fen(0), valid_from=world.on - dt.timedelta(days=30),
        valid_to=world.on + dt.timedelta(days=60), document="吉财库批〔2026〕归垫",
    )  # fmt: skip
    world.approvals[approval.approval_no] = approval
    return clerk.draft(
        body, "30213", payee, amount, "归垫维修款",
        exemption=Exemption.ADVANCE_REPAYMENT, approvals=(approval.approval_no,),
    )  # fmt: skip


def disguised_advance(clerk: Clerk) -> Instruction:
    return replace(ordinary_purchase(clerk), purpose="归还垫付材料款")


def card_item_to_a_person(clerk: Clerk) -> Instruction:
    return clerk.draft(
        clerk.body(), "30201", clerk.rng.choice(clerk.world.experts), clerk.amount(200, 3_000),
        "购办公文具一批",
    )  # fmt: skip


def foreign_card(clerk: Clerk) -> Instruction:
    """An official-card repayment into an expert's private account."""
    return clerk.draft(
        clerk.body(), "30211", clerk.rng.choice(clerk.world.experts), clerk.amount(300, 5_000),
        "赴京参会差旅费还款", business_type=BusinessType.OFFICIAL_CARD_REPAYMENT,
    )  # fmt: skip


def misspelt_bank_code(clerk: Clerk) -> Instruction:
    drafted = ordinary_purchase(clerk)
    code = drafted.payee.bank_code
    wrong = code[:-1] + str((int(code[-1]) + 1) % 10)
    return replace(drafted, payee=replace(drafted.payee, bank_code=wrong))


def diverted_housing_fund(clerk: Clerk) -> Instruction:
    return clerk.draft(
        clerk.body(), "30113", clerk.company("商务服务"), clerk.amount(20_000, 90_000),
        "缴纳住房公积金单位部分",
    )  # fmt: skip


BREACHES: Mapping[str, Callable[[Clerk], Instruction]] = {
    "JL-005": vague_purpose,
    "JL-006": class_instead_of_leaf,
    "JL-008": late_account_change,
    "JL-009": barred_account,
    "JL-023": repairs_paid_to_a_person,
    "JL-024": unproven_service,
    "JL-025": misused_exception,
    "JL-026": unapproved_transfer,
    "JL-027": to_a_lower_bureau,
    "JL-030": unapproved_advance,
    "JL-031": advance_to_another_account,
    "JL-032": disguised_advance,
    "JL-045": card_item_to_a_person,
    "JL-046": foreign_card,
    "JL-051": misspelt_bank_code,
    "JL-060": diverted_housing_fund,
}

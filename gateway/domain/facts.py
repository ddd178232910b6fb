"""What policies may speak of: one flat, typed row of facts about one instruction.

Every fact says its name in the policy language, where it comes from and what it means. The policy
language derives its types from this class, so a fact exists for policies exactly if it stands here.
A row is made for every instruction: a struct is filled three times as fast as an attrs class.
`None` means *absent* (legitimately empty; a policy must guard it with `has()`); a fact whose
register is in `unavailable` is *unavailable*, and the policies that need it do not pass.
"""

import datetime as dt
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import attrs
import msgspec

from gateway.domain.codes import (
    AccountClass,
    AccountStatus,
    AgencyKind,
    AgencyStatus,
    ApprovalKind,
    BusinessType,
    CarryOver,
    CashReason,
    Element,
    Evidence,
    Exemption,
    Expenditure,
    ItemKind,
    Number,
    PayeeClass,
    PayeeKind,
    PaymentMethod,
    Register,
    Relation,
    Settlement,
    ThreePublicCategory,
)
from gateway.domain.money import Fen


class Source(StrEnum):
    INSTRUCTION = "instruction"
    REGISTER = "register"
    LIMIT = "limit"
    CLOCK = "clock"


@attrs.frozen(kw_only=True)
class About:
    """What a fact says of itself."""

    name: str
    """In the policy language."""
    zh: str
    source: Source
    register: Register | None
    codes: str
    """The code list that its text is drawn from."""
    personal: bool
    """Shown masked only."""


_TOLD: list[About | None] = []
"""One entry a field of `Facts`, in their order; None for what is no fact."""


def _fact(
    name: str, zh: str, *, register: Register | None = None, source: Source | None = None,
    codes: str = "", personal: bool = False, default: Any = msgspec.NODEFAULT,
) -> Any:  # fmt: skip
    """Describe a fact: `codes` names the code list its text is drawn from, `personal` masks it.

    A fact with a `default` is told only where it matters; the default is the harmless value.
    """
    origin = source or (Source.REGISTER if register else Source.INSTRUCTION)
    _TOLD.append(
        About(name=name, zh=zh, source=origin, register=register, codes=codes, personal=personal)
    )
    return msgspec.field(default=default)


def _beside(factory: Any = msgspec.NODEFAULT) -> Any:
    """A field that is no fact itself."""
    _TOLD.append(None)
    return msgspec.field(default_factory=factory)


class Said(msgspec.Struct, frozen=True, gc=False):
    """What every instruction says. Filled by place: of a struct with so many fields each name is
    looked for through all those before it."""

    division: str = _fact("division", "行政区划")
    fiscal_year: int = _fact("fiscal_year", "业务年度")
    voucher_type: str = _fact("voucher.type", "凭证类型")
    voucher_age_days: int = _fact(
        "voucher.age_days", "凭证日期距今天数（未来日期为负）", source=Source.CLOCK
    )
    payment_method: PaymentMethod | None = _fact("payment_method", "支付方式")
    settlement: Settlement | None = _fact("settlement", "结算方式")
    business_type: BusinessType = _fact("business_type", "业务类型")
    amount: Fen = _fact("amount", "支付金额")
    agency_code: str = _fact("agency.code", "预算单位编码")
    agency_name: str = _fact("agency.name", "预算单位名称")
    payer_account: str = _fact("payer.account", "付款账号", personal=True)
    payer_name: str = _fact("payer.name", "付款人名称")
    payee_kind: PayeeKind = _fact("payee.kind", "收款人性质")
    payee_account: str = _fact("payee.account", "收款账号", personal=True)
    payee_name: str = _fact("payee.name", "收款人名称")
    fund_code: str | None = _fact("fund_code", "资金性质", codes="fund")
    functional_code: str | None = _fact("functional_code", "功能分类科目", codes="functional")
    dept_economic_code: str | None = _fact(
        "dept_economic_code", "部门经济分类科目", codes="dept_economic"
    )
    gov_economic_code: str | None = _fact(
        "gov_economic_code", "政府经济分类科目", codes="gov_economic"
    )
    project_code: str | None = _fact("project_code", "预算项目")
    purpose: str | None = _fact("purpose", "用途摘要")
    exemption: Exemption | None = _fact("exemption", "声明的例外情形")
    cash_reason: CashReason | None = _fact("cash_reason", "现金使用情形")
    contract_no: str | None = _fact("contract_no", "合同编号")


class Facts(Said, frozen=True, kw_only=True, gc=False):
    """Facts of one instruction on one legal day (Asia/Shanghai)."""

    # what else the instruction says
    missing_elements: frozenset[Element] = _fact("missing_elements", "缺失的支付要素")
    cash_per_person_max: Fen | None = _fact("cash_per_person_max", "单个收款人现金金额（最大）")
    persons_unidentified: int = _fact("persons.unidentified", "未填身份信息的个人收款人数")
    purpose_bare: str | None = _fact("purpose.bare", "用途摘要（只看字词）", default=None)
    """As `bare`: a full stop or a bracket makes no other purpose of it."""
    purpose_length: int = _fact("purpose.length", "用途摘要字数", default=8)
    """Of `purpose.bare`."""
    amount_is_hundreds: bool = _fact("amount.is_hundreds", "金额为一百元的整数倍", default=False)
    functional_code_length: int = _fact("functional_code.length", "功能分类科目位数", default=7)
    is_detail: bool = _fact("is_detail", "批量凭证中的一条明细", default=False)
    batch_main: str | None = _fact("batch.main", "批量业务主凭证", default=None)
    """Year, type and number: one for a main voucher and for the 8207 that carries its details."""
    batch_paid: str | None = _fact(
        "batch.paid", "批量凭证付给谁、各多少", default=None, personal=True
    )
    """Of a voucher with details as a whole: one digest of the payees' accounts and amounts."""
    indicator_id: str = _fact("indicator.id", "预算指标编号", default="")
    division_level: int = _fact("division.level", "财政级次（1省2市3县）", default=1)
    numbers_invalid: frozenset[Number] = _fact(
        "numbers.invalid", "校验不符的号码", default=frozenset()
    )
    three_public_category: ThreePublicCategory | None = _fact(
        "three_public.category", "三公经费类别", default=None
    )

    # what day and time it is
    year: int = _fact("today.year", "年", source=Source.CLOCK, default=2026)
    month: int = _fact("today.month", "月", source=Source.CLOCK, default=3)
    minute: int | None = _fact("today.minute", "当日第几分钟", source=Source.CLOCK, default=None)
    is_workday: bool = _fact("today.is_workday", "工作日", register=Register.CALENDAR, default=True)

    # what the registers say
    agency_registered: bool = _fact(
        "agency.registered", "预算单位已备案", register=Register.AGENCIES
    )
    agency_status: AgencyStatus | None = _fact(
        "agency.status", "预算单位状态", register=Register.AGENCIES
    )
    agency_status_basis: str | None = _fact(
        "agency.status_basis", "预算单位状态的依据", register=Register.AGENCIES, default=None
    )
    agency_kind: AgencyKind | None = _fact(
        "agency.kind", "预算单位性质", register=Register.AGENCIES, default=None
    )
    payer_registered: bool = _fact("payer.registered", "付款账户已备案", register=Register.ACCOUNTS)
    payer_class: AccountClass | None = _fact(
        "payer.class", "付款账户类别", register=Register.ACCOUNTS
    )
    payer_status: AccountStatus | None = _fact(
        "payer.status", "付款账户状态", register=Register.ACCOUNTS
    )
    payer_in_force: bool = _fact("payer.in_force", "付款账户在有效期内", register=Register.ACCOUNTS)
    payer_owned_by_agency: bool = _fact(
        "payer.owned_by_agency", "付款账户属于本单位", register=Register.ACCOUNTS
    )
    payer_change_notice_workdays: int | None = _fact(
        "payer.change_notice_workdays", "付款账户变更后经过的工作日",
        register=Register.ACCOUNTS, default=None,
    )  # fmt: skip
    payee_account_class: AccountClass | None = _fact(
        "payee.account_class", "收款账户备案类别", register=Register.ACCOUNTS
    )
    payee_is_basic: bool = _fact(
        "payee.is_basic", "收款账户为基本存款账户", register=Register.ACCOUNTS
    )
    payee_status: AccountStatus | None = _fact(
        "payee.status", "收款账户状态", register=Register.ACCOUNTS, default=None
    )
    payee_blacklisted: bool = _fact(
        "payee.blacklisted", "收款账户在禁止支付名单", register=Register.LISTS, default=False
    )
    payee_designated: bool = _fact(
        "payee.designated", "收款人在定点名单", register=Register.LISTS, default=False
    )
    payee_relation: Relation = _fact(
        "payee.relation", "收款账户所属单位与付款单位的关系", register=Register.ACCOUNTS
    )
    payee_named_as_payer: bool = _fact("payee.named_as_payer", "收款人与付款人同名")
    payee_class: PayeeClass | None = _fact(
        "payee.class", "收款人分类", register=Register.PAYEE_CLASSES
    )
    payee_filed_person: bool = _fact(
        "payee.filed_person", "收款人为备案的个人", register=Register.PERSONS, default=False
    )
    """By its account or its name, whatever the sender calls it."""
    persons_unfiled: int = _fact(
        "persons.unfiled", "未备案的个人收款人数", register=Register.PERSONS
    )
    indicator_exists: bool = _fact("indicator.exists", "指标存在", register=Register.INDICATORS)
    indicator_executable: bool = _fact(
        "indicator.executable", "指标可执行", register=Register.INDICATORS
    )
    indicator_of_agency: bool = _fact(
        "indicator.of_agency", "指标属于本单位", register=Register.INDICATORS
    )
    indicator_of_year: bool = _fact(
        "indicator.of_year", "指标属于本年度", register=Register.INDICATORS
    )
    indicator_mismatches: frozenset[Element] = _fact(
        "indicator.mismatches", "与指标不一致的要素", register=Register.INDICATORS
    )
    indicator_differences: str = _fact(
        "indicator.differences", "与指标不一致的代码（凭证≠指标）", register=Register.INDICATORS,
        default="",
    )  # fmt: skip
    indicator_carry_over: CarryOver | None = _fact(
        "indicator.carry_over", "结转结余性质", register=Register.INDICATORS
    )
    indicator_expenditure: Expenditure | None = _fact(
        "indicator.expenditure", "基本支出或项目支出", register=Register.INDICATORS
    )
    indicator_granted: Fen | None = _fact(
        "indicator.granted", "指标金额", register=Register.INDICATORS, default=None
    )
    indicator_posted: Fen | None = _fact(
        "indicator.posted", "指标期初已支付", register=Register.INDICATORS, default=None
    )
    indicator_frozen: Fen | None = _fact(
        "indicator.frozen", "指标已冻结金额", register=Register.INDICATORS, default=None
    )
    """All of it, where the carry-over is recoverable."""
    contract_registered: bool = _fact(
        "contract.registered", "合同已登记", register=Register.CONTRACTS, default=False
    )
    contract_payee_matches: bool = _fact(
        "contract.payee_matches", "收款人与合同一致", register=Register.CONTRACTS, default=False
    )
    contract_remaining: Fen | None = _fact(
        "contract.remaining", "合同未支付金额", register=Register.CONTRACTS, default=None
    )
    project_rules_filed: bool = _fact(
        "project.rules_filed", "专项资金内部办法已备案", register=Register.FILINGS, default=False
    )
    project_item_allowed: bool | None = _fact(
        "project.item_allowed",
        "科目在项目备案的支出范围内",
        register=Register.PROJECTS,
        default=None,
    )
    """Absent where the project has no list of its own."""
    allowance_standard: Fen | None = _fact(
        "allowance.standard", "批准的发放标准（每人）",
        register=Register.ALLOWANCE_STANDARDS, default=None,
    )  # fmt: skip
    three_public_remaining: Fen | None = _fact(
        "three_public.remaining", "三公经费预算期初余额",
        register=Register.THREE_PUBLIC_BUDGETS, default=None,
    )  # fmt: skip
    evidence: frozenset[Evidence] = _fact(
        "evidence", "随附、备案或登记的材料", register=Register.CONTRACTS
    )
    approvals: frozenset[ApprovalKind] = _fact(
        "approvals", "有效且适用于本笔支付的批准", register=Register.APPROVALS
    )

    # what the ledger says
    indicator_available: Fen | None = _fact(
        "indicator.available", "指标可用余额（不足时）", source=Source.LIMIT
    )
    """Set only when the reservation was refused: what was left at that moment."""
    plan_available: Fen | None = _fact(
        "plan.available", "用款计划可用额度（不足时）", source=Source.LIMIT, default=None
    )
    """Set only when the reservation on the plan up to this month was refused."""
    contract_available: Fen | None = _fact(
        "contract.available", "合同可用余额（不足时）", source=Source.LIMIT, default=None
    )
    """Set only when the reservation on the contract was refused."""
    approval_available: Fen | None = _fact(
        "approval.available", "批准可用额度（不足时）", source=Source.LIMIT, default=None
    )
    """Set only when the reservation on an approval was refused."""
    approval_short: str | None = _fact(
        "approval.short", "额度不足的批准编号", source=Source.LIMIT, default=None
    )
    """Number of that approval."""
    approval_kind: ApprovalKind | None = _fact(
        "approval.kind", "额度不足的批准种类", source=Source.LIMIT, default=None
    )
    """What that approval approves; absent where the registers have it no more."""
    three_public_available: Fen | None = _fact(
        "three_public.available", "三公经费可用预算（不足时）", source=Source.LIMIT, default=None
    )
    """Set only when the reservation on the year's budget of this category was refused."""

    windows: Mapping[str, int] = _beside(dict)
    """Values of windows by id (`JL-044.cash`); one that is not here is believed to be 0, which
    commit 1 proves or corrects. Not itself a fact."""
    unavailable: frozenset[Register] = _beside(frozenset)
    """Registers that could not be consulted; not itself a fact."""
    on: dt.date = _beside()
    """The legal day on which the instruction is judged; selects the law in force."""

    # of payments to persons, and of those with items: told only there, and so the last of all
    persons_count: int = _fact("persons.count", "个人收款人数", default=0)
    person_amount_max: Fen | None = _fact(
        "person_amount_max", "单个收款人金额（最大）", default=None
    )
    payee_person: str | None = _fact("payee.person", "收款的个人", personal=True, default=None)
    """The identity number, else the account, else the name; absent where several are paid."""
    persons_off_card: int = _fact(
        "persons.off_card", "未用本单位公务卡收款的个人数", register=Register.PERSONS, default=0
    )
    persons_ids_malformed: int = _fact(
        "persons.ids_malformed", "未备案且身份证号不成立的人数",
        register=Register.PERSONS, default=0,
    )  # fmt: skip
    persons_ids_mischecked: int = _fact(
        "persons.ids_mischecked", "未备案且身份证校验位不符的人数",
        register=Register.PERSONS, default=0,
    )  # fmt: skip
    cards_unregistered: int = _fact(
        "cards.unregistered", "未登记的公务卡数", register=Register.PERSONS, default=0
    )
    cards_of_others: int = _fact(
        "cards.of_others", "持卡人不属于本单位的公务卡数", register=Register.PERSONS, default=0
    )
    items_count: int = _fact("items.count", "标准事项数", default=0)
    items_alike: bool = _fact("items.alike", "标准事项同类同级", default=True)
    item_kind: ItemKind | None = _fact("item.kind", "标准事项", default=None)
    item_class: str | None = _fact("item.class", "标准类别", default=None)
    item_persons: int | None = _fact("item.persons", "人数", default=None)
    item_days: int | None = _fact("item.days", "天数", default=None)
    item_units: int | None = _fact("item.units", "计费数量（人天或学时）", default=None)
    item_guests: int | None = _fact("item.guests", "接待对象人数", default=None)
    item_companions: int | None = _fact("item.companions", "陪餐人数", default=None)
    item_unit_price: Fen | None = _fact("item.unit_price", "单价（最高）", default=None)
    item_priced_total: Fen | None = _fact("item.priced_total", "数量乘单价合计", default=None)
    item_reference: str | None = _fact("item.reference", "清单或通知编号", default=None)


FACTS: Mapping[str, About] = {
    field: about
    for field, about in zip(Facts.__struct_fields__, _TOLD, strict=True)
    if about is not None
}
"""What each fact says of itself, by its attribute."""


def changed(facts: Facts, **values: Any) -> Facts:
    """The same facts but for these attributes; cheap, unlike a copy field by field."""
    return msgspec.structs.replace(facts, **values)


def as_detail(facts: Facts) -> Facts:
    """A voucher's as though they were one detail's: no window counts it as a whole then."""
    return changed(facts, is_detail=True, batch_paid=None)

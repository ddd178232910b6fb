"""The registers' columns as the desk's people see and fill them, in the shape of the feed.

One description makes the table, the form and the check; the gateway checks every row again.
"""

import datetime as dt
import re
import unicodedata
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import attrs

from bureau.desk.refusals import Words
from gateway.domain.codes import (
    AccountClass,
    AccountStatus,
    AgencyKind,
    AgencyStatus,
    ApprovalKind,
    CarryOver,
    Expenditure,
    FilingKind,
    PayeeClass,
    PaymentMethod,
    Register,
    ThreePublicCategory,
)

TEXT_CHARS_MAX = 200
_MONEY = re.compile(r"[0-9]{1,15}(\.[0-9]{1,2})?")
_CLASS_ZH = {
    AccountClass.ZERO_BALANCE: "零余额账户", AccountClass.FISCAL_ZERO_BALANCE: "财政零余额账户",
    AccountClass.REVENUE_COLLECTION: "财政汇缴专户", AccountClass.SPECIAL_PURPOSE: "特设专户",
    AccountClass.REAL_FUND: "实有资金账户", AccountClass.OFFICIAL_CARD: "公务卡",
    AccountClass.PERSONAL: "个人账户",
}  # fmt: skip
_PAYEE_ZH = {
    PayeeClass.SOCIAL_INSURANCE: "社会保险", PayeeClass.MEDICAL_INSURANCE: "医疗保险",
    PayeeClass.OCCUPATIONAL_ANNUITY: "职业年金", PayeeClass.HOUSING_FUND: "住房公积金",
    PayeeClass.TAX: "税务", PayeeClass.TREASURY: "国库", PayeeClass.UNION: "工会",
    PayeeClass.PAYROLL: "代发工资", PayeeClass.STUDENT_AID: "学生资助",
}  # fmt: skip
_APPROVAL_ZH = {
    ApprovalKind.ADVANCE_REPAYMENT: "归垫", ApprovalKind.OTHER_TRANSFER: "其他划转",
    ApprovalKind.CASH_FINANCE: "现金（财政批准）", ApprovalKind.CASH_BANK: "现金（银行批准）",
    ApprovalKind.CASH_SPECIAL: "特殊情况现金",
    ApprovalKind.ADVANCE_FROM_OTHER_ACCOUNT: "其他账户垫付",
}  # fmt: skip

_THREE_PUBLIC_ZH = {
    ThreePublicCategory.ABROAD: "因公出国（境）", ThreePublicCategory.VEHICLES: "公务用车",
    ThreePublicCategory.RECEPTION: "公务接待",
}  # fmt: skip


@attrs.frozen(kw_only=True)
class Column:
    name: str
    zh: str
    en: str
    kind: str = "text"
    """text, money, date, count, yes, choice, list."""
    choices: Mapping[str, str] = attrs.field(factory=dict)
    required: bool = True
    secret: bool = False
    """Shown masked, kept sealed."""

    @property
    def title(self) -> str:
        """As a head or a label says it: money with its unit."""
        return f"{self.zh}（元）" if self.kind == "money" else self.zh


@attrs.frozen(kw_only=True)
class Sheet:
    """One register."""

    register: Register
    zh: str
    en: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    agency: str = "agency"
    """The column by which it is narrowed to an agency."""
    aside: tuple[str, ...] = ()
    """Columns that stand with their names below a list's row: a screen of 1280 holds the rest."""

    @property
    def abreast(self) -> list[Column]:
        return [column for column in self.columns if column.name not in self.aside]

    @property
    def beside(self) -> list[Column]:
        return [column for column in self.columns if column.name in self.aside]

    def key_of(self, row: Mapping[str, Any]) -> str:
        optional = {column.name for column in self.columns if not column.required}
        parts = [row[name] for name in self.key if name not in optional or row.get(name)]
        return "/".join(f"{p:02}" if isinstance(p, int) else str(p) for p in parts)

    @property
    def sealed(self) -> bool:
        return any(column.secret for column in self.columns)


def _text(name: str, zh: str, en: str, **more: Any) -> Column:
    return Column(name=name, zh=zh, en=en, **more)


def _kind(name: str, zh: str, en: str, kind: str, **more: Any) -> Column:
    return Column(name=name, zh=zh, en=en, kind=kind, **more)


def _choice(name: str, zh: str, en: str, choices: Mapping[Any, str]) -> Column:
    words = {str(key.value): value for key, value in choices.items()}
    return Column(name=name, zh=zh, en=en, kind="choice", choices=words)


_AGENCY = _text("agency", "预算单位", "Agency")
SHEETS: Mapping[str, Sheet] = {
    sheet.register.value: sheet
    for sheet in (
        Sheet(
            register=Register.AGENCIES, zh="预算单位", en="Agencies", key=("code",), agency="code",
            columns=(
                _text("code", "单位代码", "Code"), _text("name", "名称", "Name"),
                _text("parent", "上级单位", "Parent", required=False),
                _choice("kind", "性质", "Kind", {
                    AgencyKind.ADMINISTRATIVE: "行政", AgencyKind.INSTITUTION: "事业"}),
                _choice("status", "状态", "Status", {
                    AgencyStatus.ACTIVE: "正常", AgencyStatus.SUSPENDED: "暂停拨付"}),
                _text("status_basis", "状态依据", "Basis of status", required=False),
            ),
        ),
        Sheet(
            register=Register.ACCOUNTS, zh="银行账户", en="Accounts", key=("account",),
            aside=(
                "is_basic", "finance_approval", "central_bank_approval", "valid_from", "valid_to",
                "change_notice_date",
            ),
            columns=(
                _text("account", "账号", "Account"), _text("bank_code", "开户行号", "Bank"),
                _text("name", "户名", "Name"), _AGENCY,
                _choice("class", "类别", "Class", _CLASS_ZH),
                _kind("is_basic", "基本户", "Basic", "yes"),
                _choice("status", "状态", "Status", {
                    AccountStatus.ACTIVE: "正常", AccountStatus.SUSPENDED: "暂停",
                    AccountStatus.CLOSED: "撤销"}),
                _text("finance_approval", "财政批准文号", "Approval", required=False),
                _text("central_bank_approval", "人民银行核准号", "Central bank", required=False),
                _kind("valid_from", "启用", "From", "date"),
                _kind("valid_to", "停用", "To", "date", required=False),
                _kind("change_notice_date", "变更报备日", "Notice", "date", required=False),
            ),
        ),
        Sheet(
            register=Register.PERSONS, zh="人员信息", en="People (Art. 16)", key=("id_number",),
            agency="employer",
            columns=(
                _text("id_number", "身份证号", "Id number", secret=True),
                _text("name", "姓名", "Name"), _text("employer", "工作单位", "Employer"),
                _text("position", "职务", "Position", required=False),
                _text("title", "职称", "Title", required=False),
                _kind("accounts", "个人账户", "Accounts", "list", secret=True),
                _kind("official_cards", "公务卡", "Cards", "list", secret=True),
            ),
        ),
        Sheet(
            register=Register.INDICATORS, zh="预算指标", en="Indicators", key=("id",),
            aside=(
                "fiscal_year", "fund_code", "functional_code", "gov_economic_code",
                "project_code", "executable", "carry_over", "plan_controlled",
                "expenditure",
            ),
            columns=(
                _text("id", "指标", "Id"), _AGENCY, _kind("fiscal_year", "年度", "Year", "count"),
                _text("fund_code", "资金性质", "Fund"),
                _text("functional_code", "功能分类", "Functional"),
                _text("dept_economic_code", "部门经济分类", "Dept. economic"),
                _text("gov_economic_code", "政府经济分类", "Gov. economic"),
                _text("project_code", "项目", "Project"),
                _kind("granted", "下达", "Granted", "money"),
                _kind("posted", "已支付", "Posted", "money"),
                _kind("frozen", "冻结", "Frozen", "money"),
                _kind("executable", "可执行", "Executable", "yes"),
                _choice("carry_over", "结转结余", "Carry-over", {
                    CarryOver.NONE: "无", CarryOver.RETAINED: "留用",
                    CarryOver.RECOVERABLE: "应收回"}),
                _kind("plan_controlled", "按计划控制", "By plan", "yes"),
                _choice("expenditure", "支出类型", "Expenditure", {
                    Expenditure.BASIC: "基本支出", Expenditure.PROJECT: "项目支出"}),
            ),
        ),
        Sheet(
            register=Register.PLANS, zh="用款计划", en="Plans",
            key=("indicator_id", "month", "payment_method"), agency="indicator_id",
            columns=(
                _text("indicator_id", "指标", "Indicator"),
                _kind("month", "月份", "Month", "count"),
                _kind("amount", "额度", "Amount", "money"),
                attrs.evolve(
                    _choice("payment_method", "支付方式", "Method", {
                        PaymentMethod.DIRECT: "直接支付", PaymentMethod.AUTHORIZED: "授权支付"}),
                    required=False,
                ),
            ),
        ),
        Sheet(
            register=Register.CONTRACTS, zh="合同", en="Contracts", key=("contract_no",),
            columns=(
                _text("contract_no", "合同编号", "Contract"), _AGENCY,
                _text("supplier", "供应商", "Supplier"), _text("account", "收款账号", "Account"),
                _kind("amount", "金额", "Amount", "money"), _kind("paid", "已付", "Paid", "money"),
                _text("filing_no", "备案编号", "Filing", required=False),
            ),
        ),
        Sheet(
            register=Register.FILINGS, zh="备案", en="Filings", key=("filing_no",),
            columns=(
                _text("filing_no", "备案编号", "Filing"),
                _choice("kind", "类别", "Kind", {
                    FilingKind.SERVICE_PURCHASE: "政府购买服务",
                    FilingKind.SPECIAL_FUND_RULES: "专项资金管理办法"}),
                _AGENCY, _text("project_code", "项目", "Project", required=False),
                _text("contract_no", "合同", "Contract", required=False),
                _kind("date", "日期", "Date", "date"),
            ),
        ),
        Sheet(
            register=Register.APPROVALS, zh="归垫和现金审批", en="Advances and cash",
            key=("approval_no",), aside=("payee_account", "dept_economic_code", "document"),
            columns=(
                _text("approval_no", "审批编号", "Approval"),
                _choice("kind", "类别", "Kind", _APPROVAL_ZH), _AGENCY,
                _text("payee_account", "收款账号", "Payee", required=False),
                _text("dept_economic_code", "部门经济分类", "Dept. economic", required=False),
                _kind("amount", "金额", "Amount", "money"), _kind("used", "已用", "Used", "money"),
                _kind("valid_from", "自", "From", "date"), _kind("valid_to", "至", "To", "date"),
                _text("document", "批准文件", "Document"),
            ),
        ),
        Sheet(
            register=Register.PAYEE_CLASSES, zh="专门收款账户", en="Classed payees",
            key=("account",), agency="account",
            columns=(
                _text("account", "账号", "Account"), _text("name", "户名", "Name"),
                _choice("class", "类别", "Class", _PAYEE_ZH),
            ),
        ),
        Sheet(
            register=Register.THREE_PUBLIC_BUDGETS, zh="三公经费预算", en="Three-public budgets",
            key=("agency", "fiscal_year", "category"),
            columns=(
                _AGENCY, _kind("fiscal_year", "年度", "Year", "count"),
                _choice("category", "类别", "Category", _THREE_PUBLIC_ZH),
                _kind("amount", "预算金额", "Amount", "money"),
                _kind("posted", "期初已支付", "Paid before", "money"),
            ),
        ),
        Sheet(
            register=Register.CALENDAR, zh="工作日历", en="Calendar", key=("date",),
            columns=(
                _kind("date", "日期", "Day", "date"),
                _kind("is_workday", "工作日", "Working day", "yes"),
            ),
        ),
    )
}  # fmt: skip


def row_of(sheet: Sheet, typed: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, Words]]:
    """A form's texts as the feed's row, and what is wrong with them by column, all at once."""
    row: dict[str, Any] = {}
    errors: dict[str, Words] = {}
    for column in sheet.columns:
        text = typed.get(column.name, "").strip()
        try:
            row[column.name] = _value(column, text)
        except ValueError as error:
            zh, en = error.args
            errors[column.name] = f"{column.zh}：{zh}", f"{column.en}: {en}"
    return row, errors


def masked(text: str) -> str:
    """The first three and last two characters at most; nothing of a short one."""
    return f"{text[:3]}{'*' * 6}{text[-2:]}" if len(text) >= 8 else "*" * 6


def shown(column: Column, value: Any) -> str:
    """A cell; secrets masked."""
    if value is None or value == []:
        return "—"
    if column.kind == "yes":
        return "是" if value else "否"
    if column.secret:
        return "、".join(masked(each) for each in (value if isinstance(value, list) else [value]))
    if column.kind == "list":
        return "、".join(value)
    if column.kind == "money" and _MONEY.fullmatch(str(value)):
        return f"{Decimal(str(value)):,.2f}"
    return column.choices.get(str(value), str(value))


def _value(column: Column, text: str) -> Any:
    if len(text) > TEXT_CHARS_MAX:
        raise ValueError(f"最多{TEXT_CHARS_MAX}字", f"at most {TEXT_CHARS_MAX} characters")
    if column.kind == "yes":
        return text == "yes"
    if column.kind == "list":
        return [part for part in re.split(r"[\s,，、]+", text) if part]
    if not text:
        if column.required:
            raise ValueError("必填", "required")
        return None
    return _READ.get(column.kind, _plain)(column, text)


def _plain(column: Column, text: str) -> str:
    if not text.isprintable():
        raise ValueError("含有不可显示的字符", "holds what cannot be shown")
    return text


def _amount(column: Column, text: str) -> str:
    text = re.sub(r"^¥|,|元$", "", unicodedata.normalize("NFKC", text))
    if not _MONEY.fullmatch(text):
        raise ValueError("请填元，最多两位小数", "yuan with at most two decimals")
    whole, _, cents = text.partition(".")
    return f"{int(whole)}.{cents.ljust(2, '0')}"


def _date(column: Column, text: str) -> str:
    try:
        return dt.date.fromisoformat(text).isoformat()
    except ValueError:
        raise ValueError("请按 2026-03-02 填写", "a day as 2026-03-02") from None


def _count(column: Column, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 6):
        raise ValueError("请填整数", "a whole number")
    number = int(text)
    if column.name == "month" and not 1 <= number <= 12:
        raise ValueError("月份为1至12", "a month is 1 to 12")
    return number


def _option(column: Column, text: str) -> str:
    if text not in column.choices:
        raise ValueError("不在名单中", "not in the list")
    return text


_READ: Mapping[str, Any] = {"money": _amount, "date": _date, "count": _count, "choice": _option}

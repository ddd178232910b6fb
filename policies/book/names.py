"""What options, papers and registers are called in Chinese and English, for people to read."""

import re
from collections.abc import Mapping
from enum import StrEnum

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
from policies.language.types import Fact

_CHINESE: Mapping[type[StrEnum], str] = {
    PaymentMethod: "财政直接支付 财政授权支付",
    Settlement: "转账 现金 现金支票 转账支票 公务卡 委托收款",
    BusinessType: "单笔 工资 批量 公务卡还款 归垫",
    PayeeKind: "单位 个人",
    Exemption: "政府购买服务 税金、工会经费、工资 奖助学金 社会保险缴费 归垫资金 其他批准划转",
    CashReason: "工资津贴 个人劳务报酬 个人奖金 劳保福利 收购农副产品 零星支出 经批准的特殊情况",
    AccountClass: (
        "单位零余额账户 财政零余额账户 财政汇缴专户 特设专户 实有资金账户 公务卡 个人账户"
    ),
    AccountStatus: "正常 暂停 已销户",
    AgencyStatus: "正常 暂停拨付资金",
    CarryOver: "非结转结余 留用结转 应收回结转结余",
    Expenditure: "基本支出 项目支出",
    PayeeClass: (
        "社会保险经办 医疗保险经办 职业年金 住房公积金 税务 国库 工会 工资代发 学生资助发放"
    ),
    ApprovalKind: (
        "归垫审核批准 其他资金划转批准 财政部门现金批准 开户银行现金批准 特殊现金批准"
        " 非基本户垫付批准"
    ),
    Element: (
        "预算单位 支付方式 结算方式 付款账号 付款单位名称 付款银行 收款账号 收款人名称 收款银行"
        " 资金性质 功能分类科目 部门经济分类科目 政府经济分类科目 预算项目 业务年度 支付用途"
    ),
    Evidence: (
        "税务发票或非税收入通用票据 合同（协议）书 政府购买服务备案 招标文件 立项书 项目预算书"
        " 结项报告 项目申请书 工资发放清单 制度文件依据"
    ),
    AgencyKind: "行政单位 事业单位",
    ThreePublicCategory: "因公出国（境）费 公务用车购置及运行维护费 公务接待费",
    ItemKind: "会议 培训 公务接待 讲课 咨询 差旅",
    Number: "付款银行行号 收款银行行号 银行卡号",
    Relation: "未备案 本单位 上级单位 下级单位 其他预算单位",
    Register: (
        "预算单位登记 账户备案 预算指标 用款计划 个人信息备案 收款人分类名单 合同登记"
        " 批准事项登记 备案事项登记 三公经费预算 项目支出范围备案 津补贴标准备案 名单 工作日历"
        " 基础元数据"
    ),
}

_ENGLISH = {"tax_union_payroll": "taxes, union dues and payroll"}
"""Where an option's code does not read as English by itself."""

_PAPERS_EN: Mapping[str, str] = {
    Evidence.INVOICE: "tax invoice or non-tax receipt",
    Evidence.CONTRACT: "written contract",
    Evidence.SERVICE_FILING: "filing of the service purchase with the bureau",
    Evidence.TENDER: "tender documents",
    Evidence.PROJECT_PROPOSAL: "project approval",
    Evidence.PROJECT_BUDGET: "project budget",
    Evidence.COMPLETION_REPORT: "completion report",
    Evidence.APPLICATION: "project application",
    Evidence.PAYROLL_LIST: "payroll list",
    Evidence.LEGAL_BASIS: "rule or document it rests on",
    ApprovalKind.ADVANCE_REPAYMENT: "approval of the bureau for the advance repayment",
    ApprovalKind.OTHER_TRANSFER: "approval of the bureau for the transfer",
    ApprovalKind.CASH_FINANCE: "approval of the bureau for cash",
    ApprovalKind.CASH_BANK: "approval of the account bank for cash",
    ApprovalKind.CASH_SPECIAL: "approval of the bureau for special cash",
    ApprovalKind.ADVANCE_FROM_OTHER_ACCOUNT: (
        "approval of the bureau to advance from another account than the basic one"
    ),
}
_ABSENT: Mapping[str, tuple[str, str]] = {
    "exemption": ("未声明", "none claimed"),
    "payee.class": ("未列入名单", "on no list"),
}

_NUMERALS = "零一二三四五六七八九"
_ARTICLE = re.compile(r"([0-9]{1,2})((?:\([0-9]{1,2}\))?)(.*)", re.DOTALL)


def _named() -> dict[tuple[type[StrEnum], str], str]:
    found: dict[tuple[type[StrEnum], str], str] = {}
    for options, line in _CHINESE.items():
        for option, name in zip(options, line.split(), strict=True):
            found[options, option.value] = name
    return found


NAMES: Mapping[tuple[type[StrEnum], str], str] = _named()
"""The Chinese name of every option, by its list and value; a list without names fails here."""


def option_zh(option: StrEnum) -> str:
    return NAMES[type(option), option.value]


def option_en(option: str) -> str:
    return _ENGLISH.get(str(option)) or str(option).replace("_", " ")


def absent_words(fact: Fact) -> tuple[str, str]:
    """What stands in a sentence where a fact is legitimately empty: Chinese, English."""
    if fact.name in _ABSENT:
        return _ABSENT[fact.name]
    return ("未登记", "not registered") if fact.register else ("未填写", "not given")


def paper_zh(kind: str) -> str:
    """The Chinese name of a value of Evidence or ApprovalKind."""
    return NAMES.get((Evidence, kind)) or NAMES[ApprovalKind, kind]


def paper_en(kind: str) -> str:
    """Its English name, as an agency reads it under "missing"."""
    return _PAPERS_EN[kind]


def article_zh(article: str) -> str:
    """`13(3)1; 21(4)` -> 第十三条（三）1；第二十一条（四）."""
    return "；".join(_one_article(part.strip()) for part in article.split(";"))


def _one_article(article: str) -> str:
    match = _ARTICLE.fullmatch(article)
    if not match:
        return article
    section = f"（{_numeral(int(match[2][1:-1]))}）" if match[2] else ""
    return f"第{_numeral(int(match[1]))}条{section}{match[3]}"


def _numeral(number: int) -> str:
    tens, ones = divmod(number, 10)
    head = {0: "", 1: "十"}.get(tens, _NUMERALS[tens] + "十")
    return head + (_NUMERALS[ones] if ones or not tens else "")

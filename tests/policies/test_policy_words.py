"""What a finance officer reads: no empty brackets, no approval that is none, no raw codes."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.domain.codes import (
    AccountClass,
    ApprovalKind,
    BusinessType,
    Evidence,
    Exemption,
    Relation,
    Settlement,
)
from gateway.domain.decision import Finding
from gateway.domain.facts import Facts
from gateway.domain.money import Fen
from policies.book.cases import CASES, case
from policies.book.finding import finding_of
from policies.book.judge import judge
from policies.book.names import paper_en
from policies.book.outlook import window_term
from policies.book.resolve import level
from policies.book.template import Places, Speaker, template
from policies.book.unit import Unit
from policies.language.errors import ClauseError
from policies.language.interpret import truth
from policies.language.literals import money
from policies.language.typed import Constant
from policies.language.types import COUNT
from tests.policies.shipped import BOOK

SPEAKER = Speaker(BOOK.codes)
UNSEEMLY = ("（空）", "(blank)", "（（", "））", "（）", "()", "“”", "''", "((", "))", "None")
UNCOUNTED = re.compile(r"未(填写|登记|声明)(元|人|天|个|笔)|not given (yuan|guests|persons|days)")
ONE_OF_MANY = re.compile(r"(?<![\d,.])1 (?:[a-z]+ )?(persons|accounts|days|times|payees|holders)\b")
OWN_BASIC: dict[str, Any] = {
    "payee_account_class": AccountClass.REAL_FUND,
    "payee_relation": Relation.OWN,
    "payee_is_basic": True,
}
UNFIT = [
    (Exemption.TAX_UNION_PAYROLL, "税务、国库、工会、工资代发名单"),
    (Exemption.STUDENT_AID, "学生资助发放名单"),
    (Exemption.SOCIAL_INSURANCE, "社会保险、医疗保险、职业年金名单"),
]


def facts(base: str = "authorized_transfer", **changes: Any) -> Facts:
    return Facts(**(CASES[base] | changes))


def found(policy: str, row: Facts) -> Finding:
    (finding,) = (f for f in BOOK.decide(row) if f.policy == policy)
    return finding


def rows(unit: Unit) -> Iterator[Facts]:
    """The facts of every embedded test of a policy."""
    windows = {rule.name: window_term(unit.policy, rule) for rule in unit.policy.windows}
    for test in unit.policy.tests:
        row = case(test, level(unit.policy.scope.division), [], windows)
        if row is not None and unit.in_force(row.on):
            yield row


def all_findings() -> Iterator[Finding]:
    for unit in BOOK.units:
        for row in rows(unit):
            finding = finding_of(unit, judge(unit, row), row, SPEAKER)
            if finding is not None:
                yield finding


def test_no_sentence_of_any_firing_test_has_empty_or_double_brackets() -> None:
    said = list(all_findings())
    assert len({finding.policy for finding in said}) == len({u.policy.id for u in BOOK.units})
    for finding in said:
        words = (finding.reason_zh, finding.reason_en, finding.remedy_zh, finding.remedy_en)
        for text in words:
            assert not [bad for bad in UNSEEMLY if bad in text], (finding.policy, text)
            assert not UNCOUNTED.search(text), (finding.policy, text)
            assert not ONE_OF_MANY.search(text), (finding.policy, text)


def test_every_remark_of_the_library_is_said_by_some_test() -> None:
    for unit in BOOK.units:
        said = set()
        for row in rows(unit):
            if judge(unit, row).fired is True:
                holding = (n for n, r in enumerate(unit.remarks) if truth(r.expr, row) is True)
                said.add(next(holding, -1))
        assert said >= set(range(len(unit.remarks))), unit.policy.id


def test_a_claimed_exception_that_lacks_a_paper_never_reads_like_an_approval() -> None:
    claimed = facts(
        **OWN_BASIC,
        exemption=Exemption.SERVICE_PURCHASE,
        evidence=frozenset({Evidence.CONTRACT, Evidence.INVOICE}),
    )
    finding = found("JL-020", claimed)
    assert finding.reason_zh.endswith(
        "声明的情形属于第十三条（三）1“政府购买服务支出”，尚缺：政府购买服务备案。"
    )
    assert "still lacks: filing of the service purchase with the bureau." in finding.reason_en
    assert "声明该例外" not in finding.remedy_zh and "补齐" in finding.remedy_zh
    assert "声明的情形属于" in found("JL-024", claimed).reason_zh


def test_an_exception_that_nobody_claimed_is_only_offered() -> None:
    finding = found("JL-042", facts("cash_to_person", cash_per_person_max=Fen(500_000)))
    assert "如属第十三条（二）1⑦" in finding.reason_zh
    assert finding.reason_zh.endswith("还须具备：财政部门现金批准、开户银行现金批准。")
    assert [m.en for m in finding.missing] == [
        "approval of the bureau for cash",
        "approval of the account bank for cash",
    ]
    elsewhere = facts(
        payee_account_class=AccountClass.REAL_FUND,
        payee_relation=Relation.OWN,
        business_type=BusinessType.ADVANCE_REPAYMENT,
    )
    assert "如属第十三条（四）" in found("JL-031", elsewhere).reason_zh
    assert "声明的情形属于第十三条（三）5" in found("JL-030", elsewhere).reason_zh


@pytest.mark.parametrize(("claim", "listed"), UNFIT)
def test_a_claim_of_a_payee_that_is_on_no_list_is_told_why_it_fails(
    claim: Exemption, listed: str
) -> None:
    finding = found("JL-020", facts(**OWN_BASIC, exemption=claim))
    assert f"不适用：收款人不在{listed}中。" in finding.reason_zh
    assert "does not apply: the payee is on no list" in finding.reason_en
    assert "声明该例外" not in finding.remedy_zh and "claim it" not in finding.remedy_en


def test_without_a_claim_the_remedy_says_that_one_may_be_made() -> None:
    finding = found("JL-020", facts(**OWN_BASIC))
    assert "未声明例外情形。" in finding.reason_zh and "声明该例外" in finding.remedy_zh


def test_a_repayment_to_an_account_that_is_not_the_basic_one_is_told_so() -> None:
    row = OWN_BASIC | {"payee_is_basic": False, "business_type": BusinessType.ADVANCE_REPAYMENT}
    said = found("JL-020", facts(**row)).reason_zh
    assert "“归垫资金”不适用：收款账户不是本单位的基本存款账户" in said


def test_minutes_of_the_day_are_said_as_a_clock_says_them() -> None:
    finding = found("JL-090", facts(minute=1050))
    assert "17:30支付，已到16:30" in finding.reason_zh and "17:30" in finding.reason_en
    assert "08:29支付，早于08:30" in found("JL-090", facts(minute=509)).reason_zh


def test_a_used_up_approval_is_named_by_its_number() -> None:
    row = facts(approval_available=Fen(0), approval_short="吉财库批〔2026〕18号")
    finding = found("JL-033", row)
    assert "批准编号：吉财库批〔2026〕18号" in finding.reason_zh
    assert "number 吉财库批〔2026〕18号" in finding.reason_en


@pytest.mark.parametrize(
    ("purpose", "vague"),
    [
        ("讲课费", False),
        ("水电费", False),
        ("水费", False),
        ("工资", False),
        ("往来款", True),
        ("其他费用", True),
        ("货", True),
    ],
)
def test_an_ordinary_short_purpose_is_not_called_vague(purpose: str, vague: bool) -> None:
    row = facts(purpose=purpose, purpose_bare=purpose, purpose_length=len(purpose))
    assert ("JL-005" in {f.policy for f in BOOK.decide(row)}) is vague


def test_every_paper_has_an_english_name_that_is_no_code() -> None:
    names = [paper_en(paper) for kind in (Evidence, ApprovalKind) for paper in kind]
    assert len(set(names)) == len(names) and not any("_" in name for name in names)


def test_what_was_not_filled_in_is_called_that() -> None:
    row = facts(
        "cash_to_person", settlement=Settlement.CASH, dept_economic_code="30227", cash_reason=None
    )
    finding = found("JL-041", row)
    assert "现金使用情形：未填写" in finding.reason_zh and "not given" in finding.reason_en


def test_a_count_takes_a_noun_or_the_clock_and_nothing_else_does() -> None:
    params = {"opens": Constant(510, COUNT), "cap": money("5.00", 0)}
    places = Places(params=params, row={}, windows={}, causes=False, english=True)
    sentence = template("{params.opens|clock} {persons.off_card|card holder}", places)
    said = [SPEAKER.say(sentence, facts(persons_off_card=n), english=True) for n in (1, 2)]
    assert said == ["08:30 1 card holder", "08:30 2 card holders"]
    for wrong in ("{amount|clock}", "{params.cap|clock}", "{persons.count|}", "{purpose|word}"):
        with pytest.raises(ClauseError, match="whole numbers"):
            template(wrong, places)

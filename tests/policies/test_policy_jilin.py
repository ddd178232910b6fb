"""Jilin's policies, as the people who read the findings would see them."""

import hashlib
from typing import Any

import pytest

from gateway.domain.codes import (
    AccountClass,
    AgencyStatus,
    ApprovalKind,
    CashReason,
    Element,
    Evidence,
    Exemption,
    PayeeClass,
    PayeeKind,
    Register,
    Relation,
)
from gateway.domain.decision import Action, Light, Outcome, outcome_of
from gateway.domain.facts import Facts, changed
from gateway.domain.money import Fen
from policies.book.cases import CASES
from policies.book.names import NAMES, article_zh
from policies.language.types import SCHEMA
from tests.policies.shipped import BOOK

OWN_BASIC = {
    "payee_account_class": AccountClass.REAL_FUND,
    "payee_relation": Relation.OWN,
    "payee_is_basic": True,
    "payee_named_as_payer": True,
    "payee_name": "吉林省示例厅",
    "payee_account": "0710101011015200005678",
}


def facts(base: str = "authorized_transfer", **changes: Any) -> Facts:
    return Facts(**(CASES[base] | changes))


@pytest.mark.parametrize("base", CASES)
def test_every_base_case_passes(base: str) -> None:
    assert BOOK.decide(facts(base)) == ()


def test_service_purchase_to_the_own_basic_account_without_a_filing_names_what_is_missing() -> None:
    row = facts(
        **OWN_BASIC,
        exemption=Exemption.SERVICE_PURCHASE,
        evidence=frozenset({Evidence.CONTRACT, Evidence.INVOICE}),
    )
    explained = {e.policy.id: e for e in BOOK.explain(row)}
    finding = explained["JL-020"].finding
    assert finding is not None and finding.exception is not None
    assert finding.action is Action.BLOCK and finding.light is Light.RED
    assert finding.exception.id == "service_purchase"
    assert finding.exception.article == "13(3)1"
    assert [m.kind for m in finding.missing] == ["service_filing"]
    assert "备案" in finding.missing[0].zh
    assert "声明的情形属于第十三条（三）1“政府购买服务支出”，尚缺：政府" in finding.reason_zh
    assert BOOK.decide(row) == (finding, explained["JL-024"].finding)
    steps = [(s.rule.id, s.fits) for s in explained["JL-020"].judgement.exceptions]
    assert steps[0] == ("service_purchase", True) and steps[1] == ("tax_union_payroll", False)
    assert [p for p, e in explained.items() if e.finding] == ["JL-020", "JL-024"]


def test_the_reason_names_the_values_and_masks_the_accounts() -> None:
    (finding,) = BOOK.decide(facts(**OWN_BASIC))
    assert finding.reason_zh == (
        "吉林省示例厅本级拟从零余额账户****1234向吉林省示例厅账户****5678划转12,800.00元："
        "收款人与付款人同名；收款账户是本单位的实有资金账户。未声明例外情形。"
    )
    assert "12,800.00 yuan" in finding.reason_en and "****5678" in finding.reason_en
    assert "0710101011015200005678" not in finding.reason_zh + finding.reason_en


def test_a_persons_name_is_never_spelled_out() -> None:
    row = facts("transfer_to_person", payee_named_as_payer=True)
    (finding,) = BOOK.decide(row)
    assert "李**" in finding.reason_zh and "李某某" not in finding.reason_zh + finding.reason_en


@pytest.mark.parametrize("class_", [AccountClass.PERSONAL, AccountClass.OFFICIAL_CARD])
def test_nor_is_one_whom_only_the_register_knows_as_a_person(class_: AccountClass) -> None:
    declared = {"payee_kind": PayeeKind.ORGANISATION, "payee_account_class": class_}
    row = facts("transfer_to_person", payee_named_as_payer=True, **declared)
    findings = BOOK.decide(row)
    said = "".join(finding.reason_zh + finding.reason_en for finding in findings)
    assert "李**" in said and "李某某" not in said


def test_findings_come_most_severe_first_then_by_id() -> None:
    row = facts(
        "transfer_to_person",
        persons_unfiled=1,
        voucher_age_days=11,
        missing_elements=frozenset({Element.PURPOSE}),
    )
    found = BOOK.decide(row)
    assert [f.policy for f in found] == ["JL-004", "JL-093", "JL-050"]
    assert outcome_of(found) is Outcome.BLOCK


def test_what_differs_from_the_indicator_and_a_date_in_the_future_are_said_with_their_values() -> (
    None
):
    row = facts(
        indicator_mismatches=frozenset({Element.DEPT_ECONOMIC_CODE}),
        indicator_differences="30213≠30201",
        voucher_age_days=-3,
    )
    said = {finding.policy: finding for finding in BOOK.decide(row)}
    assert "30213≠30201" in said["JL-012"].reason_zh and "30213≠30201" in said["JL-012"].reason_en
    assert "-3天" in said["JL-093"].reason_zh and "days: -3" in said["JL-093"].reason_en


def test_a_suspended_agency_is_refused_under_article_21() -> None:
    (finding,) = BOOK.decide(facts(agency_status=AgencyStatus.SUSPENDED))
    assert finding.policy == "JL-007" and finding.article == "21(4)"
    assert "暂停拨付资金" in finding.reason_zh


def test_cash_for_a_listed_item_names_the_item_and_its_article() -> None:
    row = facts(
        "cash_to_person", dept_economic_code="30211", gov_economic_code="50201",
        cash_reason=CashReason.PETTY,
    )  # fmt: skip
    (finding,) = BOOK.decide(row)
    assert finding.policy == "JL-040" and finding.article == "13(2)2⑦"
    assert "30211 差旅费" in finding.reason_zh and "⑦差旅费" in finding.reason_zh
    assert finding.exception is None
    asked = changed(row, cash_reason=CashReason.APPROVED_SPECIAL)
    special = {f.policy: [m.kind for m in f.missing] for f in BOOK.decide(asked)}
    assert special == {"JL-040": ["cash_special"], "JL-043": ["cash_special"]}


@pytest.mark.parametrize(("amount", "fires"), [(99_999, 0), (100_000, 0), (100_001, 1)])
def test_cash_to_one_person_is_bounded_at_a_thousand_yuan(amount: int, fires: int) -> None:
    found = BOOK.decide(facts("cash_to_person", cash_per_person_max=Fen(amount)))
    assert len(found) == fires


def test_both_approvals_are_needed_for_more_cash() -> None:
    row = facts(
        "cash_to_person",
        cash_per_person_max=Fen(500_000),
        approvals=frozenset({ApprovalKind.CASH_FINANCE}),
    )
    (finding,) = BOOK.decide(row)
    assert [m.zh for m in finding.missing] == ["开户银行现金批准"]


def test_a_listed_payee_needs_no_claim_and_a_claim_alone_lists_nobody() -> None:
    wages = {"dept_economic_code": "30101", "gov_economic_code": "50101"}
    assert BOOK.decide(facts(**OWN_BASIC, **wages, payee_class=PayeeClass.PAYROLL)) == ()
    found = BOOK.decide(facts(**OWN_BASIC, exemption=Exemption.TAX_UNION_PAYROLL))
    assert [f.policy for f in found] == ["JL-020", "JL-025"]
    assert all(f.exception is None for f in found)


@pytest.mark.parametrize("register", list(Register))
def test_a_lost_register_never_lets_a_forbidden_transfer_pass(register: Register) -> None:
    row = facts(**OWN_BASIC, unavailable=frozenset({register}))
    assert outcome_of(BOOK.decide(row)) in (Outcome.HOLD, Outcome.BLOCK)


def test_every_law_text_has_its_digest_and_every_option_its_chinese_name() -> None:
    for unit in BOOK.units:
        law = unit.policy.law
        words = "".join(law.text.split()).encode()
        assert law.digest == "sha256:" + hashlib.sha256(words).hexdigest()
    for fact in SCHEMA.values():
        for option in fact.type.options:
            assert (fact.type.enum, option) in NAMES


def test_articles_read_as_the_regulation_writes_them() -> None:
    assert article_zh("13(3)1; 21(4)") == "第十三条（三）1；第二十一条（四）"
    assert article_zh("9; 10(3)11; 20") == "第九条；第十条（三）11；第二十条"

"""What passes the shipped book keeps the law: drawn instructions held against the articles' words.

The rules here are written from the regulation's text and not from the policies: whatever nobody
stops (no hold, no block) must be allowed by the article itself.
"""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.codes import (
    AccountClass,
    ApprovalKind,
    BusinessType,
    CashReason,
    Evidence,
    Exemption,
    PayeeClass,
    PayeeKind,
    Relation,
    Settlement,
)
from gateway.domain.decision import Outcome, outcome_of
from gateway.domain.facts import Facts
from gateway.domain.money import Fen
from policies.book.cases import CASES
from tests.examples import examples
from tests.policies.shipped import BOOK

CARD_LIST = frozenset(
    [
        "30201", "30202", "30203", "30204", "30205", "30206", "30207", "30211", "30213", "30215",
        "30216", "30217", "30218", "30231",
    ]
)  # fmt: skip
"""Art. 13(2)2 ① to ⑬; ⑤ 水电费 is two codes."""
THRESHOLD = 100_000
ITEMS = st.sampled_from(
    ["30101", "30226", "30229", "30239", "30299", "30227", "30309", *sorted(CARD_LIST)]
)
AMOUNTS = st.sampled_from([1, 99_999, THRESHOLD, THRESHOLD + 1, 5_000_000]).map(Fen)


def sets(options: Any) -> st.SearchStrategy[frozenset[Any]]:
    return st.frozensets(st.sampled_from(list(options)))


@st.composite
def cash(draw: st.DrawFn) -> Facts:
    amount = draw(AMOUNTS)
    person = draw(st.booleans())
    own_name = not person and draw(st.booleans())
    return Facts(
        **CASES["cash_to_person"]
        | {
            "settlement": draw(st.sampled_from([Settlement.CASH, Settlement.CASH_CHEQUE])),
            "amount": amount,
            "payee_kind": PayeeKind.PERSON if person else PayeeKind.ORGANISATION,
            "payee_name": "李某某" if person else "长春示例商贸有限公司",
            "payee_named_as_payer": own_name,
            "persons_count": int(person),
            "cash_per_person_max": amount if person else None,
            "dept_economic_code": draw(ITEMS),
            "cash_reason": draw(st.none() | st.sampled_from(CashReason)),
            "approvals": draw(sets(ApprovalKind)),
        }
    )


@pytest.mark.slow
@examples(1500)
@given(row=cash())
def test_cash_that_passes_is_within_article_13_2(row: Facts) -> None:
    if outcome_of(BOOK.decide(row)) is not Outcome.PASS:
        return
    in_full = {ApprovalKind.CASH_FINANCE, ApprovalKind.CASH_BANK} <= row.approvals
    special = ApprovalKind.CASH_SPECIAL in row.approvals
    if row.dept_economic_code in CARD_LIST:
        assert special, "13(2)2: no cash for the list, but for ⑧"
    if row.cash_per_person_max is not None:
        assert row.cash_per_person_max <= THRESHOLD or in_full or special, "13(2)1⑦"
    elif row.payee_named_as_payer:
        assert row.amount <= THRESHOLD or in_full or special, "13(2)1⑦: nobody knows for whom"
    elif row.cash_reason is CashReason.PETTY:
        assert row.amount < THRESHOLD, "13(2)1⑥: below the settlement threshold"
    else:
        assert row.cash_reason is CashReason.APPROVED_SPECIAL, "13(2)1 ① to ⑤ are paid to persons"
    if row.cash_reason is CashReason.APPROVED_SPECIAL:
        assert special or in_full, "13(2)1⑧: approved by bureau and bank"


@st.composite
def transfer(draw: st.DrawFn) -> Facts:
    relation = draw(st.sampled_from(Relation))
    exemption = draw(st.none() | st.sampled_from(Exemption))
    kinds = st.sampled_from([BusinessType.SINGLE, BusinessType.ADVANCE_REPAYMENT])
    return Facts(
        **CASES["authorized_transfer"]
        | {
            "business_type": draw(kinds),
            "dept_economic_code": draw(st.sampled_from(["30213", "30228", "30101", "30110"])),
            "payee_account_class": draw(
                st.just(AccountClass.REAL_FUND) | st.none() | st.sampled_from(AccountClass)
            ),
            "payee_relation": relation,
            "payee_is_basic": draw(st.booleans()),
            "payee_named_as_payer": relation is Relation.OWN and draw(st.booleans()),
            "payee_class": draw(st.none() | st.sampled_from(PayeeClass)),
            "exemption": exemption,
            "evidence": draw(sets(Evidence)),
            "approvals": draw(sets(ApprovalKind)),
        }
    )


@pytest.mark.slow
@examples(1500)
@given(row=transfer())
def test_a_transfer_into_a_real_fund_account_that_passes_is_one_of_the_six(row: Facts) -> None:
    if outcome_of(BOOK.decide(row)) is not Outcome.PASS:
        return
    repays = (
        row.business_type is BusinessType.ADVANCE_REPAYMENT
        or row.exemption is Exemption.ADVANCE_REPAYMENT
    )
    if repays:
        approved = ApprovalKind.ADVANCE_REPAYMENT in row.approvals
        other = ApprovalKind.ADVANCE_FROM_OTHER_ACCOUNT in row.approvals
        assert approved and (row.payee_is_basic or other), "13(3)5, 13(4)"
        assert row.payee_relation is Relation.OWN, "13(4): to the account that advanced it"
    concerned = row.payee_account_class is AccountClass.REAL_FUND and (
        row.payee_relation is not Relation.UNREGISTERED
    )
    if not concerned and not row.payee_named_as_payer:
        return
    services = {Evidence.CONTRACT, Evidence.INVOICE, Evidence.SERVICE_FILING} <= row.evidence
    approved = ApprovalKind.OTHER_TRANSFER in row.approvals
    assert (
        (row.exemption is Exemption.SERVICE_PURCHASE and services)
        or row.payee_class in (PayeeClass.TAX, PayeeClass.TREASURY)
        or (row.payee_class is PayeeClass.UNION and row.dept_economic_code == "30228")
        or (row.payee_class is PayeeClass.PAYROLL and row.dept_economic_code[:3] == "301")
        or row.payee_class is PayeeClass.STUDENT_AID
        or row.payee_class
        in (
            PayeeClass.SOCIAL_INSURANCE, PayeeClass.MEDICAL_INSURANCE,
            PayeeClass.OCCUPATIONAL_ANNUITY,
        )
        or (repays and row.payee_relation is Relation.OWN)
        or (row.exemption is Exemption.OTHER_APPROVED and approved
            and Evidence.LEGAL_BASIS in row.evidence)
    ), "13(3)"  # fmt: skip

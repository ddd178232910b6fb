"""Which papers and approvals count for a payment, each at its boundary (Art. 13)."""

import datetime as dt
from typing import Any

import attrs
import pytest
from msgspec.structs import replace

from gateway.domain.codes import AccountClass, ApprovalKind, Exemption, FilingKind, PayeeKind
from gateway.domain.instruction import Document, Instruction
from gateway.domain.money import Fen
from gateway.domain.registers import Approval, Filing, Registers
from tests.pipeline.fakes import BASIC, SUPPLIER, account, instruction, registers
from tests.pipeline.test_facts_rare import CARD, TODAY, contract, facts, filed, with_people

DAY = dt.timedelta(days=1)


def evidence(order: Instruction, shelf: Registers | None = None) -> set[str]:
    return {each.value for each in facts(order, shelf).evidence}


def test_what_is_attached_counts_also_where_nothing_is_claimed() -> None:
    papers = (Document(kind="legal_basis", number="1"), Document(kind="payroll_list", number="2"))
    assert evidence(instruction(documents=papers)) == {"legal_basis", "payroll_list"}
    claimed = (Document(kind="contract", number="1"), Document(kind="service_filing", number="2"))
    assert evidence(instruction(documents=claimed)) == set(), "these a register must prove"
    assert evidence(instruction(documents=(Document(kind="photo", number="1"),))) == set()


@pytest.mark.parametrize(
    ("changes", "amount", "counts"),
    [
        ({}, 70_000, True),
        ({}, 70_001, False),
        ({"agency": "101002"}, 70_000, False),
        ({"account": BASIC}, 70_000, False),
        ({"account": f"{SUPPLIER[:4]}-{SUPPLIER[4:]}"}, 70_000, True),
    ],
)
def test_a_contract_proves_itself_up_to_what_is_left_of_it(
    changes: dict[str, Any], amount: int, counts: bool
) -> None:
    shelf = attrs.evolve(registers(), contracts={"HT-1": contract(**changes)})
    order = instruction(amount=amount, contract_no="HT-1")
    assert evidence(order, shelf) == ({"contract"} if counts else set())


@pytest.mark.parametrize(
    ("row", "counts"),
    [
        ({"contract_no": "HT-1"}, True),
        ({"project_code": "220000260000000000001"}, True),
        ({"contract_no": "HT-1", "project_code": "别的项目"}, True),
        ({"contract_no": "HT-2", "project_code": "220000260000000000001"}, True),
        ({"contract_no": "HT-2"}, False),
        ({"project_code": "别的项目"}, False),
        ({"contract_no": "HT-1", "agency": "101002"}, False),
        ({"contract_no": "HT-1", "kind": FilingKind.SPECIAL_FUND_RULES}, False),
        ({}, False),
    ],
)
def test_a_service_purchase_is_filed_for_its_contract_or_its_project(
    row: dict[str, Any], counts: bool
) -> None:
    filing = Filing(
        filing_no="F", kind=FilingKind.SERVICE_PURCHASE, agency="101001", project_code=None,
        contract_no=None, date=TODAY,
    )  # fmt: skip
    shelf = attrs.evolve(registers(), filings={"F": replace(filing, **row)})
    order = instruction(exemption=Exemption.SERVICE_PURCHASE, contract_no="HT-1")
    assert ("service_filing" in evidence(order, shelf)) is counts
    paper = (Document(kind="invoice", number="1"),)
    unclaimed = replace(order, exemption=None, documents=paper)
    assert evidence(unclaimed, shelf) == {"invoice"}, "nothing is claimed"


@pytest.mark.parametrize(
    ("changes", "counts"),
    [
        ({}, True),
        ({"valid_from": TODAY}, True),
        ({"valid_from": TODAY + DAY}, False),
        ({"valid_to": TODAY}, True),
        ({"valid_to": TODAY - DAY}, False),
        ({"amount_fen": Fen(40_000)}, True),
        ({"amount_fen": Fen(39_999)}, False),
        ({"agency": "101002"}, False),
        ({"payee_account": SUPPLIER}, True),
        ({"payee_account": BASIC}, False),
        ({"dept_economic_code": "302"}, True),
        ({"dept_economic_code": "30201"}, False),
        ({"approval_no": "SP-2"}, False),
    ],
)
def test_an_approval_counts_for_its_agency_payee_item_days_and_remainder(
    changes: dict[str, Any], counts: bool
) -> None:
    row = Approval(
        approval_no="SP-1", kind=ApprovalKind.OTHER_TRANSFER, agency="101001", payee_account=None,
        dept_economic_code=None, amount_fen=Fen(50_000), used_fen=Fen(10_000),
        valid_from=TODAY - DAY, valid_to=TODAY + DAY, document="d",
    )  # fmt: skip
    row = replace(row, **changes)
    shelf = attrs.evolve(registers(), approvals={row.approval_no: row})
    seen = facts(instruction(amount=30_000, approvals=("SP-1",)), shelf).approvals
    assert seen == ({ApprovalKind.OTHER_TRANSFER} if counts else set())
    assert facts(instruction(amount=30_000), shelf).approvals == set(), "it must be named"


@pytest.mark.parametrize("name", ["李某", "张建国"])
def test_an_account_that_is_filed_is_no_persons_for_its_name(name: str) -> None:
    """The first is a filed person's name, the second a person's name on a bank card."""
    row = account(CARD, "101002", AccountClass.REAL_FUND)
    people = with_people(filed(accounts=(), official_cards=())).persons
    shelf = attrs.evolve(registers(), persons=people)
    order = instruction()
    order = replace(order, payee=replace(order.payee, account=CARD, name=name))
    assert facts(order, shelf).payee_kind is PayeeKind.PERSON
    shelf = attrs.evolve(shelf, accounts={**shelf.accounts, CARD: row})
    assert facts(order, shelf).payee_kind is PayeeKind.ORGANISATION

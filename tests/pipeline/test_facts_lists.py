"""Facts from the lists that the bureau may file: projects' items, allowance standards, names."""

import attrs
import msgspec
from msgspec.structs import replace

from gateway.domain.codes import (
    AccountClass,
    BusinessType,
    CashReason,
    PayeeClass,
    PayeeKind,
    Settlement,
)
from gateway.domain.instruction import Detail, Payee
from gateway.domain.money import Fen
from gateway.domain.registers import FiledPerson
from tests.pipeline.fakes import BASIC, account, instruction, registers
from tests.pipeline.test_facts_rare import facts, filed
from tests.policies.shipped import BOOK


def test_an_item_is_allowed_where_the_project_s_own_list_has_it_or_its_class() -> None:
    order = instruction(project_code="P1", dept_economic_code="30213")
    for listed, found in (({"302"}, True), ({"30213"}, True), ({"310", "30201"}, False)):
        shelf = attrs.evolve(registers(), project_items={"P1": frozenset(listed)})
        assert facts(order, shelf).project_item_allowed is found
    assert facts(order, registers()).project_item_allowed is None
    other = attrs.evolve(registers(), project_items={"P2": frozenset({"310"})})
    assert facts(order, other).project_item_allowed is None
    listed = {"P1": frozenset({"302"}), "220000260000000000001": frozenset({"310"})}
    both = attrs.evolve(registers(), project_items=listed)
    assert facts(order, both).project_item_allowed is False, "the indicator's project has one too"
    assert facts(replace(order, dept_economic_code=""), both).project_item_allowed is None


def test_the_standard_is_the_agency_s_own_or_else_the_one_for_all() -> None:
    order = instruction(dept_economic_code="30103")
    rows = {("", "30103"): Fen(300_000), ("101001", "30103"): Fen(200_000)}
    shelf = attrs.evolve(registers(), allowance_standards=rows)
    assert facts(order, shelf).allowance_standard == 200_000
    shelf = attrs.evolve(registers(), allowance_standards={("", "30103"): Fen(300_000)})
    assert facts(order, shelf).allowance_standard == 300_000
    assert facts(order, registers()).allowance_standard is None
    rows = {("", "30103"): Fen(300_000), ("101001", "30103"): Fen(0)}
    shelf = attrs.evolve(registers(), allowance_standards=rows)
    assert facts(order, shelf).allowance_standard == 0


def test_a_filed_person_is_known_by_name_or_account_whatever_the_sender_says() -> None:
    row = msgspec.structs.replace(filed(), name="李某某", accounts=("6228-1",))
    shelf = attrs.evolve(registers(), persons={row.id_number: row})
    order = instruction()
    for changes, found in (
        ({"account": "unknown", "name": "李某某"}, True),
        ({"account": "6228-1", "name": "李氏公司"}, True),
        ({"account": "unknown", "name": "李氏公司"}, False),
        ({"account": "unknown", "name": "李 某某", "kind": PayeeKind.PERSON}, True),
        ({"account": BASIC, "name": "李某某"}, True),
    ):
        paid = replace(order, payee=replace(order.payee, **changes))
        assert facts(paid, shelf).payee_filed_person is found


def test_a_voucher_with_details_is_of_the_class_that_all_of_them_are_of_or_else_its_heads() -> None:
    classes = {"T1": PayeeClass.TAX, "T2": PayeeClass.TAX, "U": PayeeClass.UNION}
    shelf = attrs.evolve(registers(), payee_classes={**classes, "H": PayeeClass.PAYROLL})
    one = instruction().payee
    for paid, found in (
        ("T1 T2", "tax"),
        ("T1 U", "payroll"),
        ("T1 X", "payroll"),
        ("", "payroll"),
    ):
        details = tuple(
            Detail(id=account, payee=replace(one, account=account), amount_fen=Fen(100))
            for account in paid.split()
        )
        order = instruction(details=details, payee=replace(one, account="H"))
        assert facts(order, shelf).payee_class == found, paid


def test_what_a_remark_says_again_of_the_purpose_is_not_said_twice() -> None:
    order = instruction(purpose="办公楼 电梯维修", remarks=("电梯维修。", "材料费", "材料 费"))
    assert facts(order).purpose == "办公楼电梯维修；附言：材料费"


# --- whose account it is, whatever the sender says ---------------------------------

CARD = "6228230123456789018"
LI = FiledPerson(
    id_number="220104198506152036", name="李明", employer="单位101001", position="处长", title="",
    accounts=(CARD,), official_cards=(),
)  # fmt: skip
SAID_TO_BE_AN_ORGANISATION = Payee(
    kind=PayeeKind.ORGANISATION, account=CARD, name="李明", bank_code="105241000022"
)


def test_a_filed_persons_account_is_a_persons_even_if_it_is_called_an_organisations() -> None:
    """Art. 10(3)12, 13(2)1⑦, 16: one word in the instruction must not take a person out of them."""
    shelf = attrs.evolve(registers(), persons={LI.id_number: LI})
    order = instruction(payee=SAID_TO_BE_AN_ORGANISATION)
    row = facts(order, shelf)
    assert row.payee_kind is PayeeKind.PERSON
    assert (row.persons_count, row.persons_off_card, row.persons_unidentified) == (1, 1, 1)
    found = {each.policy for each in BOOK.decide(row)}
    assert {"JL-023", "JL-045", "JL-050"} <= found
    cash = instruction(
        payee=SAID_TO_BE_AN_ORGANISATION, amount=100_001, settlement=Settlement.CASH,
        cash_reason=CashReason.PERSONAL_LABOUR, dept_economic_code="30226",
    )  # fmt: skip
    assert "JL-042" in {each.policy for each in BOOK.decide(facts(cash, shelf))}


def test_so_it_is_in_the_detail_of_a_batch() -> None:
    shelf = attrs.evolve(registers(), persons={LI.id_number: LI})
    detail = Detail(id="1", payee=SAID_TO_BE_AN_ORGANISATION, amount_fen=Fen(30_000))
    row = facts(instruction(business_type=BusinessType.BATCH, details=(detail,)), shelf)
    assert (row.persons_count, row.person_amount_max) == (1, 30_000)


def test_an_account_registered_as_personal_is_a_persons_and_the_agencys_own_card_is_not() -> None:
    shelf = registers()
    rows = {
        **shelf.accounts,
        "P": account("P", "101001", AccountClass.PERSONAL),
        "C": account("C", "101001", AccountClass.OFFICIAL_CARD),
    }
    shelf = attrs.evolve(shelf, accounts=rows)

    def kind(number: str) -> PayeeKind:
        payee = replace(SAID_TO_BE_AN_ORGANISATION, account=number)
        return facts(instruction(payee=payee), shelf).payee_kind

    assert kind("P") is PayeeKind.PERSON
    assert kind("C") is PayeeKind.ORGANISATION

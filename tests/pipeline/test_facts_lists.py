"""Facts from the lists that the bureau may file: projects' items, allowance standards, names."""

import attrs
import msgspec
from msgspec.structs import replace

from gateway.domain.money import Fen
from tests.pipeline.fakes import instruction, registers
from tests.pipeline.test_facts_rare import facts, filed


def test_an_item_is_allowed_where_the_project_s_own_list_has_it_or_its_class() -> None:
    order = instruction(project_code="P1", dept_economic_code="30213")
    for listed, found in (({"302"}, True), ({"30213"}, True), ({"310", "30201"}, False)):
        shelf = attrs.evolve(registers(), project_items={"P1": frozenset(listed)})
        assert facts(order, shelf).project_item_allowed is found
    assert facts(order, registers()).project_item_allowed is None
    other = attrs.evolve(registers(), project_items={"P2": frozenset({"310"})})
    assert facts(order, other).project_item_allowed is None


def test_the_standard_is_the_agency_s_own_or_else_the_one_for_all() -> None:
    order = instruction(dept_economic_code="30103")
    rows = {("", "30103"): Fen(300_000), ("101001", "30103"): Fen(200_000)}
    shelf = attrs.evolve(registers(), allowance_standards=rows)
    assert facts(order, shelf).allowance_standard == 200_000
    shelf = attrs.evolve(registers(), allowance_standards={("", "30103"): Fen(300_000)})
    assert facts(order, shelf).allowance_standard == 300_000
    assert facts(order, registers()).allowance_standard is None


def test_a_filed_person_is_known_by_name_or_account_whatever_the_sender_says() -> None:
    row = msgspec.structs.replace(filed(), name="李某某", accounts=("6228-1",))
    shelf = attrs.evolve(registers(), persons={row.id_number: row})
    order = instruction()
    for changes, found in (
        ({"account": "unknown", "name": "李某某"}, True),
        ({"account": "6228-1", "name": "李氏公司"}, True),
        ({"account": "unknown", "name": "李氏公司"}, False),
    ):
        paid = replace(order, payee=replace(order.payee, **changes))
        assert facts(paid, shelf).payee_filed_person is found

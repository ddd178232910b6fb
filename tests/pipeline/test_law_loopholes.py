"""What was left out or put elsewhere is judged all the same: standards, projects, papers, remarks.

Each is a whole instruction that went past its rule, or was stopped for nothing.
"""

import attrs
import pytest
from msgspec.structs import replace

from gateway.domain.codes import (
    AccountClass,
    BusinessType,
    Exemption,
    Expenditure,
    FilingKind,
    PayeeClass,
    PayeeKind,
    PaymentMethod,
    Settlement,
)
from gateway.domain.decision import Outcome
from gateway.domain.instruction import Detail, Document, Instruction, Item, Payee, Person
from gateway.domain.masking import without_numbers
from gateway.domain.money import Fen
from gateway.domain.registers import FiledPerson, Filing, Registers
from tests.pipeline.fakes import INDICATOR, ZERO_BALANCE, account, instruction, registers
from tests.pipeline.test_law_by_article import told, with_indicator
from tests.pipeline.test_law_evaded import found, person, to

ID_NUMBER = "220104198506152036"
PROJECT = "220000ZX202600000001"
"""One of the special funds that JL-062 names."""
GOODS = with_indicator(
    dept_economic_code="302", gov_economic_code="", granted_fen=Fen(10**12), posted_fen=Fen(0)
)


def of_item(code: str, *items: Item, amount: int = 98_000) -> Instruction:
    return instruction(
        amount=amount,
        dept_economic_code=code,
        gov_economic_code="",
        items=items,
        purpose="工作经费",
    )


# --- Art. 19: standards --------------------------------------------------------------


@pytest.mark.parametrize(
    "item",
    [
        Item(kind="reception"),
        Item(kind="consulting", class_="高级职称", persons=1, days=1, unit_price_fen=Fen(98_000)),
        Item(kind="travel", class_="省部级", persons=1, days=1),
    ],
)
@pytest.mark.parametrize("code", ["30215", "30216"])
def test_a_meeting_is_not_measured_as_something_else(code: str, item: Item) -> None:
    assert found(of_item(code, item), GOODS).get("JL-083") == "warn"
    assert found(of_item("30211", item), GOODS).get("JL-083") is None


def test_a_price_without_a_number_of_hours_bounds_nothing() -> None:
    lecture = Item(kind="lecture", class_="教授", unit_price_fen=Fen(100_000))
    order = of_item("30216", lecture, amount=9_800_000)
    assert found(order, GOODS).get("JL-053") == "hold"
    in_order = of_item("30216", replace(lecture, hours=4), amount=400_000)
    assert "JL-053" not in found(in_order, GOODS)


def test_one_item_without_a_price_is_told_beside_one_with_it() -> None:
    priced = Item(kind="lecture", class_="教授", hours=4, unit_price_fen=Fen(100_000))
    order = of_item("30216", priced, replace(priced, unit_price_fen=None), amount=9_800_000)
    assert found(order, GOODS).get("JL-053") == "hold"


def reception(guests: int | None, companions: int | None, reference: str = "清单1") -> Item:
    return Item(kind="reception", guests=guests, companions=companions, reference=reference)


@pytest.mark.parametrize(
    ("items", "held"),
    [
        ([reception(3, 10), reception(100, 0)], True),
        ([reception(100, 0), reception(3, 10)], True),
        ([reception(2, 3), reception(12, 6)], True),
        ([reception(5, 3), reception(5, 3)], False),
        ([reception(40, 13), reception(2, 3), reception(5, 1)], False),
        ([reception(5, 3), reception(5, None)], True),
        ([reception(5, 3), reception(5, 3, "")], True),
    ],
)
def test_companions_are_held_against_the_guests_of_their_own_table(
    items: list[Item], held: bool
) -> None:
    assert ("JL-081" in found(of_item("30217", *items), GOODS)) is held


# --- Art. 10(3)17, 17: the project is the indicator's ---------------------------------


@pytest.mark.parametrize("said", [PROJECT, "", f"{PROJECT}9"])
def test_a_special_fund_is_one_however_little_or_much_of_its_project_is_written(said: str) -> None:
    shelf = with_indicator(project_code=PROJECT, expenditure=Expenditure.PROJECT)
    order = instruction(project_code=said)
    assert found(order, shelf).get("JL-062") == "hold"
    rules = Filing(
        filing_no="1", kind=FilingKind.SPECIAL_FUND_RULES, agency="101001", project_code=PROJECT,
        contract_no=None, date=order.voucher_date,
    )  # fmt: skip
    assert "JL-062" not in found(order, attrs.evolve(shelf, filings={"1": rules}))


@pytest.mark.parametrize("said", [PROJECT, "", f"{PROJECT}9"])
def test_a_projects_list_of_items_holds_likewise(said: str) -> None:
    shelf = with_indicator(project_code=PROJECT, expenditure=Expenditure.PROJECT)
    for items, allowed in ((frozenset({"30201"}), False), (frozenset({"302"}), True)):
        listed = attrs.evolve(shelf, project_items={PROJECT: items})
        assert ("JL-061" not in found(instruction(project_code=said), listed)) is allowed


def test_another_project_than_the_indicators_is_said_as_it_was_written() -> None:
    shelf = with_indicator(project_code=PROJECT)
    outcome, findings = told(instruction(project_code="220000ZX209900000001"), shelf)
    assert outcome is Outcome.BLOCK and set(findings) == {"JL-012"}


# --- Art. 10(3)6, 13: cards, papers ---------------------------------------------------


def test_who_calls_a_transfer_to_a_person_a_settlement_by_card_is_held() -> None:
    number = "220104198506152036"
    filed = FiledPerson(
        id_number=number, name="李经办", employer="吉林省示例厅", position="员", title="",
        accounts=("123456789",), official_cards=("6282880123456783",),
    )  # fmt: skip
    fiscal = replace(
        account(ZERO_BALANCE, "101001", AccountClass.FISCAL_ZERO_BALANCE), is_basic=False
    )
    shelf = attrs.evolve(GOODS, persons={number: filed}, accounts={ZERO_BALANCE: fiscal})
    for paid, expected in (("123456789", "hold"), ("6282880123456783", None)):
        payee = Payee(
            kind=PayeeKind.PERSON, account=paid, name="李经办", bank_code="105241000022",
            person=Person(id_number=number),
        )  # fmt: skip
        order = replace(of_item("30201"), payee=payee, settlement=Settlement.OFFICIAL_CARD)
        direct = replace(
            order, key=replace(order.key, voucher_type="5201"), payment_method=PaymentMethod.DIRECT
        )
        assert found(direct, shelf).get("JL-045") == expected


def test_a_kind_without_number_or_digest_refers_to_no_paper() -> None:
    order = instruction(exemption=Exemption.SERVICE_PURCHASE, contract_no="C-1")
    for document, missing in (
        (Document(kind="invoice", number=""), True),
        (Document(kind="invoice", number="24222"), False),
        (Document(kind="invoice", number="", sha256="0" * 64), False),
    ):
        _, findings = told(replace(order, documents=(document,)), registers())
        lacking = {each.kind for each in findings["JL-024"].missing}
        assert ("invoice" in lacking) is missing


# --- Art. 9: what the details of a single payment say ----------------------------------


def test_a_forbidden_word_is_found_in_a_remark_as_in_the_purpose() -> None:
    order = instruction(purpose="购办公用品", remarks=("茅台酒两箱",))
    outcome, findings = told(order, registers())
    assert outcome is Outcome.HOLD and set(findings) == {"JL-082"}
    assert "购办公用品；附言：茅台酒两箱" in findings["JL-082"].reason_zh
    assert set(found(replace(order, remarks=("归还垫付款",)))) == {"JL-032"}


def test_remarks_that_say_nothing_more_change_nothing() -> None:
    assert found(instruction(remarks=("电梯维修", "办公楼电梯维修"))) == {}
    assert found(instruction(purpose="慰问困难老人", remarks=("参加会议",))) == {}, "no word of two"


def test_the_word_that_was_found_is_named() -> None:
    finding = told(instruction(purpose="会议用茅臺酒和KTV"), registers())[1]["JL-082"]
    assert "字样：茅台" in finding.reason_zh and "字样：ktv" in finding.reason_zh
    assert "gifts: 茅台" in finding.reason_en
    hotel = told(instruction(payee=to("长春示例洗浴中心")), registers())[1]["JL-082"]
    assert "收款人名称含高消费场所字样：洗浴" in hotel.reason_zh
    part = told(instruction(purpose="采购人参加工原料、购人参"), registers())[1]["JL-082"]
    assert part.reason_zh.count("人参") == 4, "purpose twice, and of the words found the longest"


def test_of_a_person_shown_masked_no_word_is_told() -> None:
    payee = Payee(
        kind=PayeeKind.PERSON, account="1", name="高尔夫", bank_code="105241000022",
        person=Person(id_number="220104198506152036"),
    )  # fmt: skip
    finding = told(instruction(payee=payee), registers())[1]["JL-082"]
    assert "高尔夫" not in finding.reason_zh + finding.reason_en


# --- vouchers with details -------------------------------------------------------------


def batch(*payees: Payee, shelf: Registers, **changes: object) -> tuple[Outcome, dict[str, str]]:
    details = tuple(
        Detail(id=str(n), payee=payee, amount_fen=Fen(100)) for n, payee in enumerate(payees, 1)
    )
    order = instruction(
        amount=100 * len(payees), business_type=BusinessType.BATCH, details=details, **changes
    )
    outcome, findings = told(order, shelf)
    return outcome, {policy: each.action.value for policy, each in findings.items()}


def test_the_head_of_a_batch_is_no_payee_of_the_housing_fund() -> None:
    """It is not paid: what all details are paid as, the whole is."""
    first, other = to("住房公积金管理中心", "2200145011"), to("住房公积金分中心", "2200145012")
    shelf = attrs.evolve(
        with_indicator(dept_economic_code="30113", gov_economic_code=""),
        payee_classes=dict.fromkeys((first.account, other.account), PayeeClass.HOUSING_FUND),
    )
    of_fund = {"dept_economic_code": "30113", "gov_economic_code": ""}
    nobody = Payee(kind=PayeeKind.ORGANISATION, account="", name="")
    for head in (nobody, first, to("长春示例公司")):
        assert batch(first, other, shelf=shelf, payee=head, **of_fund) == (Outcome.PASS, {})
        outcome, findings = batch(first, to("示例公司"), shelf=shelf, payee=head, **of_fund)
        assert outcome is Outcome.BLOCK and set(findings) == {"JL-060"}


def test_what_only_holds_the_whole_does_not_hide_what_blocks_a_detail() -> None:
    """JL-021 fired on the whole (held) and on every detail, one of which it blocks."""
    real = to("单位101002", "2200145021")
    rows = {real.account: replace(account(real.account, "101002", AccountClass.REAL_FUND))}
    shelf = attrs.evolve(registers(), accounts={**registers().accounts, **rows})
    unfiled = to("单位101002", "2200145022")
    outcome, findings = batch(real, unfiled, shelf=shelf, payee=unfiled)
    assert outcome is Outcome.BLOCK and findings == {"JL-021": "block"}
    outcome, findings = batch(unfiled, unfiled, shelf=shelf, payee=unfiled)
    assert outcome is Outcome.HOLD and findings == {"JL-021": "hold"}
    assert INDICATOR in shelf.indicators


# --- numbers in words ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("付0710-1010-1101-5200款", "付***款"),
        ("付0710 1010-1101—5200款", "付***款"),
        ("付622202－1001112345款", "付***款"),
        ("220104-19850615-203X", "***"),
        ("2-2-2-2-2-2-2-2-2", "***"),
        ("12345678-1", "***"),
        ("2026-03-02-1234", "***"),
        ("6228230123456789018", "***"),
        ("2026-03-02 12:30 核对", "2026-03-02 12:30 核对"),
        ("2026-3-2至2026-03-05", "2026-3-2至2026-03-05"),
        ("HT-2026-0031", "HT-2026-0031"),
        ("1234567", "1234567"),
    ],
)
def test_a_number_that_dashes_group_is_a_number_and_a_day_is_none(text: str, shown: str) -> None:
    assert without_numbers(text) == shown


def test_a_card_of_anothers_staff_is_anothers_whatever_the_sender_calls_itself() -> None:
    number, card = "220104198506152036", "6282880123456783"

    def shelf(employer: str) -> Registers:
        filed = FiledPerson(
            id_number=number, name="李经办", employer=employer, position="员", title="",
            accounts=(), official_cards=(card,),
        )  # fmt: skip
        return attrs.evolve(GOODS, persons={number: filed})

    payee = Payee(
        kind=PayeeKind.PERSON, account=card, name="李经办", bank_code="105241000022",
        person=Person(id_number=number),
    )  # fmt: skip
    order = replace(
        of_item("30211"), payee=payee, business_type=BusinessType.OFFICIAL_CARD_REPAYMENT
    )
    called = replace(order, agency_name="单位101002", payer=replace(order.payer, name="单位101002"))
    assert found(called, shelf("单位101002")).get("JL-046") == "block"
    for employer in ("单位101001", "吉林省示例厅", "吉林省示例厅本级", "单位 101001"):
        assert "JL-046" not in found(order, shelf(employer)), employer
    assert found(order, shelf("别处公司")).get("JL-046") == "block"
    repair = replace(order, dept_economic_code="30213", business_type=BusinessType.SINGLE)
    assert not {"JL-023", "JL-045"} & found(repair, shelf("单位101001")).keys()
    for employer in ("单位101002", "别处公司"):  # nor by not calling it a repayment
        judged = found(repair, shelf(employer))
        assert (judged.get("JL-023"), judged.get("JL-045")) == ("hold", "hold"), employer


# --- Art. 9: what says nothing is missing -----------------------------------------------


@pytest.mark.parametrize("nothing", ["。。。", "-", "…", "（）", "、、、、", "***"])
def test_a_purpose_or_a_name_of_signs_alone_is_missing(nothing: str) -> None:
    order = instruction()
    for changed in (
        replace(order, purpose=nothing),
        replace(order, payee=replace(order.payee, name=nothing)),
        replace(order, payer=replace(order.payer, name=nothing)),
    ):
        assert found(changed).get("JL-004") == "block"
    assert "JL-004" not in found(instruction(purpose="。电梯维修。"))


def test_an_account_of_hyphens_is_one_only_where_cash_is_drawn() -> None:
    own = Payee(
        kind=PayeeKind.ORGANISATION, account="--", name="长春示例公司", bank_code="105241000022"
    )
    assert found(instruction(payee=own)).get("JL-004") == "block"
    assert "JL-004" not in found(instruction(payee=own, settlement=Settlement.CASH))


def test_a_payroll_is_of_the_class_of_the_account_that_it_goes_through() -> None:
    number = "220104198506152036"
    person = Payee(
        kind=PayeeKind.PERSON, account="6228230123456789018", name="李经办",
        bank_code="105241000022", person=Person(id_number=number),
    )  # fmt: skip
    filed = FiledPerson(
        id_number=number, name="李经办", employer="吉林省示例厅", position="员", title="",
        accounts=(person.account,), official_cards=(),
    )  # fmt: skip
    through = to("示例厅工资代发专户", "2200145031")
    shelf = attrs.evolve(
        with_indicator(dept_economic_code="30101", gov_economic_code=""),
        persons={number: filed}, payee_classes={through.account: PayeeClass.PAYROLL},
    )  # fmt: skip
    pay = {
        "dept_economic_code": "30101", "gov_economic_code": "", "purpose": "三月工资",
        "exemption": Exemption.TAX_UNION_PAYROLL,
    }  # fmt: skip
    assert batch(person, person, shelf=shelf, payee=through, **pay) == (Outcome.PASS, {})
    outcome, findings = batch(person, person, shelf=shelf, payee=to("示例公司"), **pay)
    assert outcome is Outcome.HOLD and set(findings) == {"JL-025"}


@pytest.mark.parametrize("before", ["reception", "unheard of"])
def test_an_item_is_measured_wherever_it_stands(before: str) -> None:
    """It was measured as the first of them: a reception before it, and no rule asked for more."""
    lecture = Item(kind="lecture", class_="教授", hours=2, unit_price_fen=Fen(450_000))
    travel = Item(kind="travel", class_="其他", persons=1, days=1)
    for item, policy in ((lecture, "JL-053"), (travel, "JL-083")):
        for items in ((Item(kind=before), item), (item, Item(kind=before))):
            assert found(of_item("30226", *items, amount=900_000), GOODS).get(policy) == "hold"


# --- Art. 19: who leaves out what a standard is measured on -------------------------------


@pytest.mark.parametrize(
    ("code", "purpose"),
    [("30226", "专家讲课费"), ("30226", "授 课 費"), ("30203", "专家咨询费"), ("30216", "讲座费")],
)
def test_a_fee_without_any_item_is_told_where_one_with_half_an_item_is_held(
    code: str, purpose: str
) -> None:
    """To say nothing of rank, hours and price was the way past the rule that asks for them."""
    order = replace(of_item(code, amount=900_000), purpose=purpose, payee=person(ID_NUMBER))
    assert found(order, GOODS).get("JL-053") == "warn"
    half = replace(order, items=(Item(kind="lecture", class_="教授", hours=2),))
    assert found(half, GOODS).get("JL-053") == "hold"
    beside = (Item(kind="reception"), Item(kind="lecture", class_="教授", hours=2))
    assert found(replace(order, items=beside), GOODS).get("JL-053") == "hold", "not first"
    assert "JL-053" not in found(replace(order, payee=to("某咨询公司")), GOODS)
    assert "JL-053" not in found(replace(order, purpose="抚恤金"), GOODS)

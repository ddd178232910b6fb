"""Ways of a dishonest finance officer to write round a rule, each tried on a whole instruction.

A word or a name means what a reader takes it for; whose account is paid does not rest on what the
sender calls it; and an ordinary instruction is not taken for any of this.
"""

import datetime as dt
import itertools

import attrs
import pytest
from msgspec.structs import replace

from gateway.domain.characters import READ_AS
from gateway.domain.codes import (
    AccountClass,
    BusinessType,
    CashReason,
    PayeeClass,
    PayeeKind,
    Relation,
    Settlement,
)
from gateway.domain.decision import Outcome
from gateway.domain.folding import bare
from gateway.domain.instruction import Detail, Instruction, Payee, Person
from gateway.domain.masking import masked
from gateway.domain.money import Fen
from gateway.domain.registers import FiledPerson, Registers
from gateway.pipeline.explain import explain
from gateway.pipeline.facts import facts_of
from gateway.pipeline.identify import identify
from policies.book.load import load_codes
from tests.pipeline.fakes import ZERO_BALANCE, account, instruction, registers
from tests.policies.shipped import BOOK

MONDAY = dt.date(2026, 3, 2)
CARD = "6228230123456789018"


def found(order: Instruction, shelf: Registers | None = None) -> dict[str, str]:
    """The findings' actions by policy."""
    decision = explain(order, shelf or registers(), BOOK, MONDAY).decision
    return {each.policy: each.action.value for each in decision.findings}


def to(name: str, account: str = "22001450100050001234") -> Payee:
    return Payee(kind=PayeeKind.ORGANISATION, account=account, name=name, bank_code="105241000022")


# --- words ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("purpose", "remarks", "vague"),
    [
        ("往来款。", (), True), ("（往来款）", (), True), ("其他费用……", (), True),
        ("款。。。。", (), True), ("材料（）", (), True), ("款", ("水",), True),
        ("水费。", (), False), ("材料费", (), False), ("款", ("购买试剂",), False),
        ("其他费用（实验室危废处置）", (), False),
    ],
)  # fmt: skip
def test_signs_make_no_purpose_of_a_general_word(
    purpose: str, remarks: tuple[str, ...], vague: bool
) -> None:
    assert ("JL-005" in found(instruction(purpose=purpose, remarks=remarks))) is vague


@pytest.mark.parametrize(
    "purpose",
    [
        "購買禮品", "购买礼·品", "购买礼.品", "购买礼。品", "购买礼-品", "购买礼_品", "购买礼、品",
        "购买礼（品）", "购买【礼】品", "购买礼 ． 品", "购买礼*品", "购买“礼”品", "购买礼/品",
        "购买礼\u0336品", "购买礼\u20dd品", "购买礼\u3099品", "购买礼\ue000品", "购买礼🎁品",
        "请客ＫＴＶ", "请客ktv", "请客К.Т.V", "请客K T V",
        "请客ΚΤѴ", "请客ᴋᴛᴠ", "请客K\u0301TV", "⻥翅宴", "⿂翅宴", "魚翅宴", "购买人蔘",
        "购买菸酒香菸", "茅臺酒", "五糧液", "字畫", "⼈参礼盒", "龍井",
        "紅⽊家具", "エ作服", "⼯作服",
    ],
)  # fmt: skip
def test_a_word_is_found_in_whatever_characters_it_is_written(purpose: str) -> None:
    assert found(instruction(purpose=purpose)).get("JL-082") == "hold"


@pytest.mark.parametrize(
    ("changes", "policy"),
    [
        ({"payee": to("长春示例會所")}, "JL-082"),
        ({"payee": to("长春示例会·所")}, "JL-082"),
        ({"payee": to("示例县財政局")}, "JL-027"),
        ({"payee": to("示例县财-政-局")}, "JL-027"),
        ({"purpose": "歸墊維修款"}, "JL-032"),
        ({"purpose": "归、垫维修款"}, "JL-032"),
        ({"payee": to("长春示例超·市有限公司"), "amount_fen": Fen(300_000)}, "JL-085"),
    ],
)
def test_every_rule_that_reads_words_reads_them_so(changes: dict[str, object], policy: str) -> None:
    assert policy in found(replace(instruction(), **changes))


def test_what_is_recorded_and_said_is_what_was_written() -> None:
    order = instruction(purpose="購買禮·品")
    decision = explain(order, registers(), BOOK, MONDAY).decision
    assert "購買禮·品" in decision.findings[0].reason_zh and order.purpose == "購買禮·品"


def test_ordinary_items_side_by_side_make_no_word_that_none_of_them_has() -> None:
    """A sign between two words is passed over; two items of the code list never meet in a word."""
    names = sorted({each.name for rows in load_codes()["dept_economic"].codes.values()
                    for each in rows})  # fmt: skip
    alone = {name for name in names if "JL-082" in found(instruction(purpose=name))}
    lawful = [name for name in names if name not in alone][:60]
    for one, other in itertools.islice(itertools.permutations(lawful, 2), 0, None, 7):
        assert "JL-082" not in found(instruction(purpose=f"{one}、{other}")), (one, other)


def test_an_ordinary_character_is_read_as_itself() -> None:
    """GB 2312 is what vouchers are written in: of its 6,763 characters these few are variants."""
    gb2312 = [bytes((high, low)) for high in range(0xB0, 0xF8) for low in range(0xA1, 0xFF)]
    ordinary = {each.decode("gb2312", "ignore") for each in gb2312} - {""}
    assert len(ordinary) == 6763
    changed = {each for each in ordinary if bare(each) != each}
    assert changed == set("乾吒夥後徵拚捱摺於榘菸薹袷醣麴麽")
    assert not READ_AS.keys() & set(READ_AS.values()), "what is read as another is read once"


def test_signs_alone_stay_and_are_no_empty_word() -> None:
    assert bare("——") == "——" and bare("") == "" and bare("（A）-1 号") == "a1号"


# --- the payer's own name ---------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "吉林省示例厅", "吉林省示例廳", "吉林省示例厅（本级）", "吉林省示例厅 本级",
        "吉林省示例厅-本级", "吉·林·省示例厅", "单位101001", "單位１０１００１",
    ],
)  # fmt: skip
def test_a_transfer_to_oneself_under_any_of_ones_names_is_blocked(name: str) -> None:
    """By the name of the account, stated and filed, and by the agency's."""
    shown = found(replace(instruction(), payee=to(name)))
    assert shown.get("JL-020") == "block"


def test_who_misstates_the_payers_name_is_still_known_by_the_filed_one() -> None:
    order = instruction()
    order = replace(
        order, payee=to("吉林省示例厅"), payer=replace(order.payer, name="吉林省示例厅甲"),
        agency_name="甲",
    )  # fmt: skip
    assert found(order)["JL-020"] == "block"


# --- another agency's name on an account that nobody filed --------------------------------


@pytest.mark.parametrize(
    ("name", "relation", "policy"),
    [
        ("单位101", Relation.SUPERIOR, "JL-022"),
        ("單位 １０１", Relation.SUPERIOR, "JL-022"),
        ("单位101002", Relation.OTHER_AGENCY, "JL-021"),
        ("单位（101003）", Relation.SUBORDINATE, "JL-021"),
    ],
)
def test_an_agencys_name_on_an_account_that_nobody_filed_is_held(
    name: str, relation: Relation, policy: str
) -> None:
    order = replace(instruction(), payee=to(name))
    shelf = registers()
    assert identify(order, shelf).relation is relation
    assert found(order) == {policy: "hold"}
    listed = attrs.evolve(shelf, payee_classes={order.payee.account: PayeeClass.UNION})
    assert policy not in found(order, listed)


def test_a_filed_account_is_whose_it_is_filed_as() -> None:
    shelf = registers()
    other = "0710101011015200007777"
    row = replace(account(other, "101002", AccountClass.ZERO_BALANCE), name="单位101002")
    shelf = attrs.evolve(shelf, accounts={**shelf.accounts, other: row})
    assert found(replace(instruction(), payee=to("单位101002", other)), shelf) == {}


# --- a person called an organisation ------------------------------------------------------


@pytest.mark.parametrize("name", ["王小明", "王 小明", "欧阳小明", "王曉明", "李某"])
@pytest.mark.parametrize("card", [CARD, f"{CARD[:4]}-{CARD[4:]}"])
def test_a_persons_name_on_a_bank_card_is_a_person_whatever_it_is_called(
    name: str, card: str
) -> None:
    order = replace(instruction(), payee=to(name, card))
    assert set(found(order)) == {"JL-023", "JL-045", "JL-050"}
    parties = identify(order, registers())
    assert card in parties.personal and masked(card) != card


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("王小明", "22001450100050001234"),  # no card
        ("王小明", "6228230123456789019"),  # its check digit is wrong: no card
        ("示例公司", CARD),
        ("某某药房", CARD),
        ("长春示例科技有限公司", CARD),
        ("Example Ltd", CARD),
    ],
)
def test_an_organisation_is_not_taken_for_a_person(name: str, number: str) -> None:
    assert found(replace(instruction(), payee=to(name, number))) == {}


def test_a_filed_persons_name_is_that_persons_on_any_account_nobody_filed() -> None:
    row = FiledPerson(
        id_number="220104198506152036", name="李某某", employer="吉林省示例厅",
        position="", title="", accounts=(CARD,), official_cards=(),
    )  # fmt: skip
    shelf = attrs.evolve(registers(), persons={row.id_number: row})
    order = replace(instruction(), payee=to("李某某", "22001450100050009876"))
    assert set(found(order, shelf)) == {"JL-023", "JL-045", "JL-050"}


def test_a_person_among_the_details_is_one_too() -> None:
    rows = tuple(
        Detail(id=str(n), payee=payee, amount_fen=Fen(15_000), purpose="办公楼电梯维修")
        for n, payee in enumerate((to("长春示例科技有限公司"), to("王小明", CARD)), 1)
    )
    order = instruction(details=rows, business_type=BusinessType.BATCH)
    assert "JL-050" in found(order)


def test_whom_a_list_of_the_bureau_names_is_what_it_says() -> None:
    shelf = attrs.evolve(registers(), payee_classes={CARD: PayeeClass.UNION})
    assert "JL-050" not in found(replace(instruction(), payee=to("王小明", CARD)), shelf)


# --- cash ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [BusinessType.SINGLE, BusinessType.PAYROLL, BusinessType.BATCH])
def test_small_draws_are_counted_under_whatever_business_they_are_sent(kind: BusinessType) -> None:
    own = Payee(
        kind=PayeeKind.ORGANISATION, account="-", name="吉林省示例厅", bank_code="105241000022"
    )
    order = instruction(
        amount=90_000, settlement=Settlement.CASH, cash_reason=CashReason.WAGES, payee=own,
        business_type=kind, dept_economic_code="30101", purpose="发放工资",
    )  # fmt: skip
    shelf = registers()
    facts = facts_of(order, identify(order, shelf), shelf, MONDAY)
    asked = {each.key.window for each in BOOK.asks(facts)}
    counted = {each.key.window for each in BOOK.shares(facts, Outcome.PASS)}
    assert {"JL-044.small_draws", "JL-044.small_drawn"} <= asked & counted
    assert facts.payer_account == ZERO_BALANCE


# --- one person under several numbers -----------------------------------------------------

NUMBER = "220104198506152036"


@pytest.mark.parametrize(
    ("number", "policy"),
    [
        (NUMBER[:6] + NUMBER[8:17], "JL-051"),  # the fifteen digits of before 1999
        ("２２０１０４１９８５０６１５２０３６", "JL-051"),
        (f"{NUMBER[:6]} {NUMBER[6:]}", "JL-051"),
        (f"{NUMBER[:6]}-{NUMBER[6:]}", "JL-051"),
        ("٢٢٠١٠٤١٩٨٥٠٦١٥٢٠٣٦", "JL-051"),
        (f"0{NUMBER}", "JL-051"),
        ("220104198513152036", "JL-051"),  # no thirteenth month
        ("22010420270101203X", "JL-051"),  # born next year
        (NUMBER[:-1] + "7", "JL-051"),  # the check digit
        ("", "JL-050"),
    ],
)
def test_a_second_number_for_one_person_is_no_number(number: str, policy: str) -> None:
    """Else cash of one person is that of two, each below the limit."""
    order = instruction(
        amount=90_000, settlement=Settlement.CASH, cash_reason=CashReason.WAGES,
        dept_economic_code="30101", purpose="发放工资", payee=person(number),
    )  # fmt: skip
    assert policy in found(order)


def person(number: str) -> Payee:
    return Payee(
        kind=PayeeKind.PERSON, account=CARD, name="李某某", bank_code="105241000022",
        person=Person(id_number=number, employer="吉林省示例厅", position="", title=""),
    )  # fmt: skip


@pytest.mark.parametrize("purpose", ["报销办公用品", "报销辦公用品", "职工水電費", "报销差·旅费"])
def test_what_the_card_is_for_is_not_drawn_in_cash_under_another_item(purpose: str) -> None:
    order = instruction(
        amount=90_000, settlement=Settlement.CASH, cash_reason=CashReason.PERSONAL_LABOUR,
        dept_economic_code="30226", purpose=purpose, payee=person(NUMBER),
    )  # fmt: skip
    assert found(order)["JL-040"] == "hold"
    assert "JL-040" not in found(replace(order, purpose="专家讲课费"))

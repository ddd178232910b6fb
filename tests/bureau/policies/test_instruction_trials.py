"""A policy tried on an instruction as it is sent, or on a past payment; which of them is said."""

import orjson
import pytest
from hypothesis import given

from adapters.formats.pasted import read_pasted
from bureau.desk.people import Office
from bureau.desk.policies.instruction_facts import not_said, said_by
from gateway.domain.faults import Unreadable
from gateway.domain.instruction import Instruction
from gateway.pipeline.facts import facts_of
from gateway.pipeline.identify import identify
from policies.book.load import LIBRARY, load_texts
from tests.adapters.formats.formats_strategies import encoded, instructions, sample
from tests.adapters.formats.voucher_samples import DECLARATION, INNER, envelope
from tests.bureau.cases.test_case_walk import intercepted
from tests.bureau.desks import Desk
from tests.bureau.policies.test_policy_form_pages import filled, opened, posted
from tests.bureau.words import BANK, DIVISION, Bureau, Chain, House
from tests.examples import examples
from tests.pipeline.fakes import registers

HOME = f"/desk/{DIVISION}/policies"
TEXTS = load_texts(LIBRARY / "jilin")


@examples(100)
@given(instructions())
def test_the_desk_reads_an_instruction_as_the_gateway_does(order: Instruction) -> None:
    shelf = registers()
    there = facts_of(order, identify(order, shelf), shelf, order.voucher_date)
    said = said_by(order)
    assert said == {name: getattr(there, name) for name in said}


@pytest.mark.parametrize(
    "text",
    [
        encoded(sample()).decode(), envelope().decode("gbk"), INNER, INNER.partition("\n")[2],
        f"\ufeff \n{INNER}",
    ],
)  # fmt: skip
def test_what_a_person_pastes_is_read_by_the_readers_of_the_door(text: str) -> None:
    assert read_pasted(text).agency_code == "101001"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "JSON"), ("hello", "JSON"), ("{}", "error"), ("<a/>", "error"), ("<Voucher>", "XML"),
        ("<!DOCTYPE a>" + INNER, "DTD"), (f"{DECLARATION}<a>\U00020bb7</a>", "GBK"),
        ("x" * (5 << 20), "太长"),
    ],
)  # fmt: skip
def test_what_is_no_instruction_is_refused_with_words(text: str, says: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read_pasted(text)
    assert says in caught.value.detail


def test_what_a_policy_reads_beside_the_instruction_is_named() -> None:
    known = said_by(read_pasted(encoded(sample()).decode()))
    assert not_said(TEXTS["JL-091.toml"], known) == []
    assert "账户类别" in "".join(not_said(TEXTS["JL-020.toml"], known))
    assert len(not_said(TEXTS["JL-042.toml"], known)) == 1, "the approvals"
    assert any(one.startswith("窗口") for one in not_said(TEXTS["JL-072.toml"], known))


@pytest.mark.slow
@pytest.mark.postgres
async def test_an_instruction_is_tried_here_and_what_it_does_not_say_is_told(desk: Desk) -> None:
    reviewer = await desk.seat(Office.REVIEWER)
    fields = await opened(reviewer, "JL-091")
    large = encoded(sample() | {"amount": "2000000.00"}).decode()
    status, page = await posted(reviewer, "JL-091", fields | {"instruction": [large]}, "try")
    assert status == 200 and "未问网关" in page and "这条规则只看指令本身" in page
    assert "2,000,000.00" in page and filled(page)["instruction"] == [large], "nothing is lost"
    fields = await opened(reviewer, "JL-020")
    own = {"instruction": [INNER], "facts": ['payee.account_class = "real_fund"']}
    status, page = await posted(reviewer, "JL-020", fields | own, "try")
    assert status == 200
    assert "以下要素指令本身没有" in page and "授权支付转账" in page
    wrong = {"instruction": [encoded(sample() | {"amount": "5"}).decode()]}
    status, page = await posted(reviewer, "JL-020", fields | wrong, "try")
    assert status == 409 and "指令无法读取：amount" in page
    text = TEXTS["JL-091.toml"]
    status, page = await reviewer.post(
        f"{HOME}/JL-091/edit", {"document": text, "instruction": large, "step": "try"}
    )
    assert status == 200 and "2,000,000.00" in page


@pytest.mark.postgres
async def test_a_past_payment_goes_to_the_gateways_and_the_form_stays(
    desk: Desk, bureau: Bureau, chain: Chain, house: House
) -> None:
    await intercepted(bureau, chain, house)
    reviewer = await desk.seat(Office.REVIEWER)
    subject = f"{DIVISION}/2026/8202/{1:013d}"
    _, card = await reviewer.get(f"/desk/{subject}")
    assert "用这笔试算" in card
    status, _ = await reviewer.get(f"{HOME}/trial?policy=JL-042&subject={subject}")
    assert status == 303
    assert (await reviewer.get(f"{HOME}/trial?policy=JL-999&subject={subject}"))[0] == 404
    _, page = await reviewer.get(f"{HOME}/JL-042/form?subject={subject}@{BANK}")
    fields = filled(page)
    assert fields["picked"] == [f"{subject}@{BANK}"]
    fields |= {"p.params.0.value": ["1200.00"], "p.revision": ["3"]}
    status, page = await posted(reviewer, "JL-042", fields, "try")
    assert status == 200 and "已交代理银行网关试算：第 1 号" in page
    assert filled(page)["p.params.0.value"] == ["1200.00"]
    [row] = await desk.rooms.questions.store.open()
    [told] = await desk.rooms.questions.store.question(DIVISION, 1)
    assert (told["what"], told["draft"], told["subject"]) == ("try", None, subject)
    assert '"1200.00"' in orjson.loads(row["body"])["documents"]["JL-042.toml"]
    assert (await reviewer.get(f"{HOME}/trials/1"))[0] == 200
    status, page = await posted(reviewer, "JL-042", fields | {"subject": ["x"], "picked": [""]},
                                "try")  # fmt: skip
    assert status == 409 and "区划/年度/凭证类型/凭证号" in page

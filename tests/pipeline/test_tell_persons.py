"""A person's values never stand open in a record or a notice, whatever the sender calls them."""

import attrs
import orjson
import pytest
from msgspec.structs import replace

from gateway.domain.bank import BankAnswer, BankOutcome
from gateway.domain.codes import AccountClass, PayeeKind
from gateway.domain.decision import Action
from gateway.domain.instruction import Detail, Payee
from gateway.domain.money import Fen
from gateway.domain.registers import FiledPerson, Registers
from gateway.pipeline.line import Line
from gateway.pipeline.settle import settle_by_word
from tests.pipeline.fakes import (
    NOW,
    OneShelf,
    account,
    finding,
    instruction,
    received,
    registers,
)
from tests.pipeline.test_line import Street

CARD = "6228230123456789018"
PAYEE = Payee(kind=PayeeKind.ORGANISATION, account=CARD, name="张建国", bank_code="105241000022")


def filed(*, accounts: tuple[str, ...] = (), cards: tuple[str, ...] = ()) -> Registers:
    person = FiledPerson(
        id_number="220102198001011234", name="张建国", employer="", position="", title="",
        accounts=accounts, official_cards=cards,
    )  # fmt: skip
    return attrs.evolve(registers(), persons={person.id_number: person})


def registered(class_: AccountClass) -> Registers:
    rows = registers()
    return attrs.evolve(rows, accounts={**rows.accounts, CARD: account(CARD, "101001", class_)})


KNOWN = {
    "an account of a filed person": filed(accounts=(CARD,)),
    "an official card of a filed person": filed(cards=(CARD,)),
    "a registered personal account": registered(AccountClass.PERSONAL),
    "a registered official card": registered(AccountClass.OFFICIAL_CARD),
}


async def carried(order: Payee, rows: Registers, **changes: object) -> Street:
    street = await Street(instruction(payee=order, **changes)).open()
    street.book.findings = (finding("JL-020", Action.HOLD),)
    street.line = Line(attrs.evolve(street.line._rooms, shelf=OneShelf(rows)))
    await street.line.carry(received())
    return street


@pytest.mark.parametrize("rows", KNOWN.values(), ids=KNOWN.keys())
async def test_a_person_declared_an_organisation_is_told_as_a_person(rows: Registers) -> None:
    street = await carried(PAYEE, rows)
    (notice,) = street.state.notices.values()
    (record,) = street.state.pending[instruction().key.division]
    for told in (notice.body.decode(), record.body.decode()):
        assert PAYEE.name not in told and CARD not in told
    assert orjson.loads(notice.body)["payee"]["name"] == "张某"
    assert set(orjson.loads(record.disclosures or b"{}")) == {"payee.account", "payee.name"}


async def test_so_is_one_of_many_payees() -> None:
    head = replace(PAYEE, account="2200145010", name="长春示例科技有限公司")
    detail = Detail(id="1", payee=PAYEE, amount_fen=Fen(30_000))
    street = await carried(head, KNOWN["an account of a filed person"], details=(detail,))
    (record,) = street.state.pending[instruction().key.division]
    assert CARD not in record.body.decode() and PAYEE.name not in record.body.decode()
    assert head.account in record.body.decode()


async def test_an_organisation_that_no_register_knows_as_a_person_stands_open() -> None:
    street = await carried(replace(PAYEE, account="2200145010"), registers())
    (record,) = street.state.pending[instruction().key.division]
    assert "2200145010" in record.body.decode()


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("账号6228230123456789018户名不符", "账号***户名不符"),
        ("身份证 22010219800101123X 有误", "身份证 *** 有误"),
        ("卡号 6228 2301 2345 6789 018", "卡号 ***"),
        ("错误码 1234567，2026-11-23 第3页", "错误码 1234567，2026-11-23 第3页"),
        (None, None),
    ],
)
async def test_numbers_of_accounts_and_persons_are_struck_from_a_banks_reason(
    said: str | None, kept: str | None
) -> None:
    street = await Street(instruction()).open()
    street.bank.outcome = BankOutcome.UNKNOWN
    await street.line.carry(received())
    origin, key = street.line._rooms.origin, instruction().key
    for outcome in (BankOutcome.REJECTED, BankOutcome.ACCEPTED):
        word = BankAnswer(outcome=outcome, reference="R1", reason=said)
        await settle_by_word(key, word, "enquiry", street.ledger, origin, NOW)
    assert [(r["kind"], r["reason"]) for r in street.records()[1:]] == [
        ("bank_outcome", kept), ("correction", kept),
    ]  # fmt: skip

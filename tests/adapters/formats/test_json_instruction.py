"""The canonical JSON instruction: what is read, what is refused, and that all errors are told."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adapters.formats.json.instruction import BODY_BYTES_MAX, JsonFormat, schema
from adapters.formats.json.rules import contradictions
from adapters.formats.json.shape import InstructionWire
from adapters.formats.json.tree import tree_of
from adapters.formats.json.walk import errors_of
from deploy.demo.writers import json_of
from gateway.domain.codes import (
    BusinessType,
    CashReason,
    Exemption,
    PayeeKind,
    PaymentMethod,
    Settlement,
)
from gateway.domain.faults import FaultCode, Unreadable
from gateway.domain.instruction import Instruction
from tests.adapters.formats.formats_strategies import (
    batch,
    encoded,
    instructions,
    mangled,
    sample,
)
from tests.examples import examples

SHARED = Path(__file__).resolve().parents[3].parent / "shared"
FORMAT = JsonFormat()


def refused(raw: bytes) -> Unreadable:
    with pytest.raises(Unreadable) as caught:
        FORMAT.parse(raw)
    return caught.value


def errors(document: Any) -> dict[str, str]:
    return {error.field: error.code for error in refused(encoded(document)).errors}


def test_the_contract_s_own_sample_is_read_whole() -> None:
    path = SHARED / "contract" / "instruction.json"
    if not path.exists():
        pytest.skip("the shared contract folder is not beside this checkout")
    instruction = FORMAT.parse(path.read_bytes())
    assert str(instruction.key) == "220000000/2026/8202/2026030200001"
    assert instruction.amount_fen == 1_280_000
    assert instruction.documents[0].kind == "invoice"


def test_blank_absent_and_null_elements_are_left_to_policy_jl_004() -> None:
    kept = ("division", "fiscal_year", "voucher_type", "voucher_no", "voucher_date", "amount")
    bare = {name: value for name, value in sample().items() if name in kept}
    blank = dict.fromkeys(sample().keys() - {*bare, "payee", "documents", "items", "details"}, None)
    texts = {"fund_code": "", "purpose": "", "settlement": "", "payer": {"account": ""}}
    for document in (bare, bare | blank, bare | texts):
        instruction = FORMAT.parse(encoded(document))
        assert instruction.settlement is None
        assert (instruction.fund_code, instruction.purpose, instruction.payer.account) == ("",) * 3
        assert (instruction.payee.account, instruction.business_type) == ("", BusinessType.SINGLE)


@pytest.mark.parametrize(
    "amount",
    ['"1e3"', '"-5"', '"-5.00"', "1.10", "-5", "1", '"1.1"', '"1.100"', '"007.00"', '"0.00"',
     '"１.00"', '" 1.00"', '"1,000.00"', '"+1.00"', '"NaN"', "null", "true", '""', '"1.00\\n"',
     '"1234567890123456.00"'],
)  # fmt: skip
def test_an_amount_is_nothing_but_a_text_of_positive_yuan_with_two_decimals(amount: str) -> None:
    raw = encoded(sample()).replace(b'"12800.00"', amount.encode())
    assert [error.field for error in refused(raw).errors] == ["amount"]


def test_of_a_negative_amount_is_said_that_it_has_a_sign() -> None:
    raw = encoded(sample()).replace(b'"12800.00"', b'"-12800.00"')
    assert ["不带正负号" in error.zh for error in refused(raw).errors] == [True]


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", FaultCode.NOT_JSON),
        (b"\x00", FaultCode.NOT_JSON),
        (b"{", FaultCode.NOT_JSON),
        (b"\xef\xbb\xbf{}", FaultCode.NOT_JSON),
        ("{}".encode("utf-16"), FaultCode.NOT_JSON),
        ('{"purpose":"维修"}'.encode("gbk"), FaultCode.NOT_JSON),
        (b'{"purpose":"\xed\xa0\x80"}', FaultCode.NOT_JSON),
        (b'{"a":NaN}', FaultCode.NOT_JSON),
        (b'{"a":1' + b"0" * 5000 + b"}", FaultCode.NOT_JSON),
        (b"[" * 100_000, FaultCode.NOT_JSON),
        (b'{"payee":' * 100_000, FaultCode.NOT_JSON),
        (b'{"x":' + b"[" * 900 + b"]" * 900 + b"}", FaultCode.INSTRUCTION_INVALID),
        (b"[]", FaultCode.INSTRUCTION_INVALID),
        (b'"text"', FaultCode.INSTRUCTION_INVALID),
        (b" " * (BODY_BYTES_MAX + 1), FaultCode.BODY_TOO_LARGE),
    ],
)
def test_what_is_no_instruction_at_all_is_refused_with_its_code(
    raw: bytes, code: FaultCode
) -> None:
    assert refused(raw).code is code


def test_all_errors_come_at_once_with_their_places_and_both_languages() -> None:
    document = batch()
    document["voucher_no"] = "no spaces please"
    document["colour"] = "red"
    document["payee"]["kind"] = "cat"
    document["details"][1]["amount"] = 2000.00
    document["details"][0]["payee"]["name"] = "张\u200b三"
    document["purpose"] = "\u3000"
    del document["voucher_date"]
    fault = refused(encoded(document))
    assert {error.field: error.code for error in fault.errors} == {
        "voucher_no": "pattern",
        "voucher_date": "required",
        "colour": "unknown",
        "payee.kind": "code",
        "details[1].amount": "type",
        "details[0].payee.name": "control_character",
        "purpose": "blank",
    }
    assert all(error.zh and error.en for error in fault.errors)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"amount": "3000.01"}, {"amount": "sum"}),
        ({"business_type": "single"}, {"details": "contradiction"}),
        ({"business_type": None}, {"details": "contradiction"}),
        ({"payment_method": "direct"}, {"payment_method": "contradiction"}),
        ({"voucher_type": "5207"}, {"voucher_type": "voucher_type_unsupported"}),
        ({"fiscal_year": 1999}, {"fiscal_year": "range"}),
        ({"voucher_date": "2026-02-30"}, {"voucher_date": "date"}),
        ({"payee": {"account": "A"}}, {"payee.kind": "required"}),
        (
            {"payee": {"kind": "organisation", "person": {"id_number": "1"}}},
            {"payee.person": "contradiction"},
        ),
        ({"approvals": ["x"] * 21}, {"approvals": "too_many"}),
    ],
)
def test_fields_that_contradict_one_another_are_refused(
    change: dict[str, Any], expected: dict[str, str]
) -> None:
    assert errors(batch() | change) == expected


def test_five_hundred_details_and_repeated_ids_are_refused() -> None:
    row = batch()["details"][0]
    many = batch() | {"amount": "500000.00", "details": [row | {"id": str(n)} for n in range(500)]}
    assert errors(many) == {"details": "too_many"}
    twice = batch() | {"amount": "2000.00", "details": [row, row]}
    assert errors(twice) == {"details[1].id": "duplicate_id"}


@pytest.mark.parametrize("part", [b"{}", b"1", b'""', b"[]", b'{"a":[{}]}'])
def test_a_megabyte_of_nothing_is_refused_before_a_tree_is_made_of_it(
    part: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It took the loop, on which all payments wait, up to 0.4 s."""

    def tree_of(raw: bytes) -> Any:
        raise AssertionError("a tree of a million things")

    monkeypatch.setattr("adapters.formats.json.instruction.tree_of", tree_of)
    parts = b",".join([part] * ((1 << 20) // (len(part) + 1) - 20))
    for raw in (b'{"details":[' + parts + b"]}", b"[" + parts + b"]"):
        with pytest.raises(Unreadable) as refused:
            FORMAT.parse(raw)
        assert refused.value.code is FaultCode.INSTRUCTION_INVALID
        assert "内容项过多" in refused.value.detail


def test_an_unsupported_voucher_type_has_its_own_code() -> None:
    fault = refused(encoded(sample() | {"voucher_type": "5207"}))
    assert fault.code is FaultCode.VOUCHER_TYPE_UNSUPPORTED


@pytest.mark.parametrize(
    "twice",
    [
        b'{"amount":"1.00",',
        b'{"amount" :"1.00",',
        b'{"\\u0061mount":"1.00",',
        b'{"payee":{"kind":"person"},',
        b'{"payee":{"kind":"person","kind":"organisation"},',
    ],
)
def test_a_name_that_stands_twice_is_refused_whatever_its_spelling(twice: bytes) -> None:
    raw = encoded(sample()).replace(b"{", twice, 1)
    assert refused(raw).code is FaultCode.FIELD_DUPLICATE


def duplicated(raw: bytes) -> bool:
    """The oracle: the standard library's own pairs."""
    seen: list[bool] = []
    json.loads(raw, object_pairs_hook=lambda pairs: seen.append(len(dict(pairs)) < len(pairs)) or 0)
    return any(seen)


@examples(400)
@given(mangled())
@example(encoded(sample()).replace(b'{"division": ', b'{"purpose":":","purpose" :":","division":'))
def test_fast_and_slow_reading_agree_on_every_document(raw: bytes) -> None:
    try:
        tree = tree_of(raw)
    except Unreadable:
        assert refused(raw).code is FaultCode.NOT_JSON
        return
    slow = errors_of(tree, InstructionWire)
    contradictions(tree, slow)
    if slow or duplicated(raw):
        fault = refused(raw)
        assert fault.errors
        assert (fault.code is FaultCode.FIELD_DUPLICATE) == duplicated(raw)
    else:
        assert isinstance(FORMAT.parse(raw), Instruction)


@examples(200)
@given(instructions())
def test_an_instruction_survives_the_journey_as_json(instruction: Instruction) -> None:
    assert FORMAT.parse(json_of(instruction)) == instruction


@examples(300)
@given(st.binary(max_size=400) | mangled() | mangled().map(lambda raw: raw[: len(raw) // 2]))
def test_the_parser_raises_nothing_but_unreadable(raw: bytes) -> None:
    try:
        FORMAT.parse(raw)
    except Unreadable as fault:
        json.loads(FORMAT.problem(fault, "/v1/instructions"))


def test_the_published_schema_has_the_fields_of_the_contract_and_nothing_open() -> None:
    published = schema()
    definitions = published["$defs"]
    assert published["$ref"] == "#/$defs/Instruction"
    assert set(definitions["Instruction"]["properties"]) == {*sample(), "cash_reason"}
    assert all(
        body["additionalProperties"] is False
        for body in definitions.values()
        if body.get("type") == "object"
    )


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("payment_method", PaymentMethod),
        ("settlement", Settlement),
        ("business_type", BusinessType),
        ("exemption", Exemption),
        ("cash_reason", CashReason),
    ],
)
def test_the_shape_knows_every_word_of_the_domain(field: str, words: Any) -> None:
    properties = schema()["$defs"]["Instruction"]["properties"]
    assert set(properties[field]["anyOf"][0]["enum"]) == {"", *(member.value for member in words)}


def test_a_person_is_read_with_the_identity_of_article_16() -> None:
    payee = FORMAT.parse(encoded(batch())).details[0].payee
    assert payee.kind is PayeeKind.PERSON
    assert payee.person is not None
    assert payee.person.id_number == "220104198506152036"

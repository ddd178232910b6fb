"""The MOF voucher envelope: what is read, what is refused, and that all errors are told."""

import base64
import datetime as dt
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from adapters.formats.voucher.division_codes import load_codes
from adapters.formats.voucher.envelope import ENVELOPE_BYTES_MAX
from adapters.formats.voucher.fields import layouts
from adapters.formats.voucher.payments import VoucherFormat
from gateway.domain.codes import (
    BusinessType,
    PayeeKind,
    PaymentMethod,
    Settlement,
)
from gateway.domain.faults import FaultCode, Unreadable
from gateway.domain.instruction import Detail, Instruction, Payer
from gateway.domain.money import Fen
from tests.adapters.formats.formats_strategies import amounts, instructions, payees, words
from tests.adapters.formats.voucher_samples import (
    ATTRIBUTES,
    DECLARATION,
    DETAIL,
    INNER,
    around,
    envelope,
)
from tests.adapters.formats.voucher_write import voucher_envelope
from tests.examples import examples

SHARED = Path(__file__).resolve().parents[3].parent / "shared"
FORMAT = VoucherFormat()


EVEN = re.sub("[\u4e00-\u9fff]+", "你好", INNER)
"""Of these the bytes of UTF-8 are bytes of GBK too, 浣犲ソ."""


def refused(raw: bytes) -> Unreadable:
    with pytest.raises(Unreadable) as caught:
        FORMAT.parse(raw)
    return caught.value


def errors(inner: str) -> dict[str, str]:
    return {error.field: error.code for error in refused(envelope(inner)).errors}


def test_the_shared_sample_envelope_is_read_whole() -> None:
    path = SHARED / "domain" / "sample_8202_envelope_gbk.xml"
    if not path.exists():
        pytest.skip("the shared domain folder is not beside this checkout")
    instruction = FORMAT.parse(path.read_bytes())
    assert str(instruction.key) == "220000000/2026/8202/1010010000001"
    assert instruction.amount_fen == 356_000
    assert instruction.purpose == "购打印纸和硒鼓"


def test_a_single_voucher_becomes_an_instruction() -> None:
    instruction = FORMAT.parse(envelope())
    assert instruction.voucher_date == dt.date(2026, 11, 23)
    assert instruction.payment_method is PaymentMethod.AUTHORIZED
    assert instruction.settlement is Settlement.TRANSFER
    assert instruction.indicator_id == "ZB-1"
    assert instruction.gov_economic_code == ""
    assert instruction.payee.bank_code == "103241001000"
    assert instruction.details == ()


def test_the_interface_has_the_elements_that_its_description_counts() -> None:
    counted = {code: (len(lay.header), len(lay.detail)) for code, lay in layouts().items()}
    assert counted == {"5201": (66, 44), "8202": (72, 40), "8207": (33, 20)}


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", FaultCode.NOT_XML),
        (b"{}", FaultCode.NOT_XML),
        ("<MOF>修</MOF>".encode(), FaultCode.NOT_GBK),
        (envelope() + b"\x80", FaultCode.NOT_GBK),
        (envelope() + b"\xff\xff", FaultCode.NOT_GBK),
        (envelope() + b"\x00", FaultCode.NOT_XML),
        (envelope()[:-10], FaultCode.NOT_XML),
        (envelope(INNER[:-9]), FaultCode.NOT_XML),
        (envelope("\ufeff".encode() + INNER.encode("gbk")), FaultCode.NOT_GBK),
        (envelope(INNER.encode()), FaultCode.NOT_GBK),
        (envelope(EVEN.encode()), FaultCode.NOT_GBK),
        (envelope().decode("gbk").encode("utf-16"), FaultCode.NOT_GBK),
        (envelope(INNER.replace("GBK", "UTF-8")), FaultCode.NOT_XML),
        (envelope(INNER.replace("办公费", "办公费<!-- x -->")), FaultCode.NOT_XML),
        (envelope(INNER.replace("办公费", "<![CDATA[办公费]]>")), FaultCode.NOT_XML),
        (envelope(INNER.replace("<Voucher>", '<Voucher xmlns="urn:x">')), FaultCode.NOT_XML),
        (envelope(INNER.replace("<Id>D-1", '<Id a="1">D-1')), FaultCode.NOT_XML),
        (envelope(INNER.replace("办公费", "&undefined;")), FaultCode.NOT_XML),
        (envelope(INNER.replace("办公费", "&#0;")), FaultCode.NOT_XML),
        (
            envelope(INNER.replace("办公费", "<a>" * 5000 + "</a>" * 5000)),
            FaultCode.NOT_XML,
        ),
        (b" " * (ENVELOPE_BYTES_MAX + 1), FaultCode.BODY_TOO_LARGE),
    ],
)
def test_what_is_no_voucher_at_all_is_refused_with_its_code(raw: bytes, code: FaultCode) -> None:
    assert refused(raw).code is code


LAUGHS = (
    '<!DOCTYPE MOF [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>'
)


@pytest.mark.parametrize(
    "dtd",
    [
        "<!DOCTYPE MOF>",
        "<!doctype MOF>",
        '<!DOCTYPE MOF SYSTEM "file:///etc/passwd">',
        '<!DOCTYPE MOF [<!ENTITY x SYSTEM "http://127.0.0.1/">]>',
        LAUGHS,
    ],
)
def test_a_dtd_is_refused_in_the_envelope_and_in_the_voucher(dtd: str) -> None:
    outer = envelope().decode("gbk").replace(DECLARATION, DECLARATION + dtd, 1)
    assert refused(outer.encode("gbk")).code is FaultCode.DTD_REFUSED
    inner = INNER.replace(DECLARATION, DECLARATION + dtd)
    assert refused(envelope(inner)).code is FaultCode.DTD_REFUSED


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text[:-1],
        lambda text: text + "=",
        lambda text: text + "\n",
        lambda text: text[:76] + "\n" + text[76:],
        lambda text: " " + text,
        lambda text: text.replace("+", "-") + "-",
        lambda text: "",
        lambda text: "QR==",
        lambda text: text + "ａ",
    ],
)
def test_base64_is_canonical_or_refused(spoil: object) -> None:
    encoded = base64.b64encode(INNER.encode("gbk")).decode()
    assert callable(spoil)
    fault = refused(around(spoil(encoded)))
    assert "base64" in {error.code for error in fault.errors}


def test_the_envelope_s_errors_come_at_once() -> None:
    text = (
        f"{DECLARATION}<MOF><VoucherCount>2</VoucherCount>x<Other/>"
        "<VoucherBody AdmDivCode='1' Z='1'><VoucherFlag>1</VoucherFlag>"
        "<VoucherFlag>0</VoucherFlag><Seal/></VoucherBody></MOF>"
    )
    found = {error.field: error.code for error in refused(text.encode("gbk")).errors}
    assert found == {
        "MOF": "text",
        "MOF.Other": "unknown",
        "VoucherCount": "count",
        "VoucherBody@Z": "unknown",
        "VoucherBody@StYear": "required",
        "VoucherBody@VtCode": "required",
        "VoucherBody@VoucherNo": "required",
        "VoucherBody.Seal": "unknown",
        "VoucherBody.VoucherFlag": "duplicate",
        "VoucherBody.Voucher": "required",
    }


def test_a_return_copy_is_not_taken_for_an_order() -> None:
    assert {e.code for e in refused(envelope(flag="1")).errors} == {"flag"}


def test_an_envelope_of_two_vouchers_is_refused_in_so_many_words() -> None:
    assert [e.code for e in refused(envelope(count=2)).errors] == ["too_many_vouchers"]


def test_another_voucher_type_has_its_own_code() -> None:
    raw = envelope(INNER.replace("8202", "2301"), ATTRIBUTES.replace("8202", "2301"))
    assert refused(raw).code is FaultCode.VOUCHER_TYPE_UNSUPPORTED


@pytest.mark.parametrize("attribute", ["220000000", "2026", "101001-1"])
def test_the_envelope_s_attributes_are_the_voucher_s_own(attribute: str) -> None:
    raw = envelope(attributes=ATTRIBUTES.replace(attribute, attribute[:-1] + "9"))
    assert {error.code for error in refused(raw).errors} == {"contradiction"}


def test_all_errors_of_a_voucher_come_at_once_with_their_places() -> None:
    second = DETAIL.replace("3560.00", "-5").replace("<FundTypeName>", "<FundTypeNames>")
    second = second.replace("</FundTypeName>", "</FundTypeNames>")
    inner = (
        INNER.replace("<VouDate>20261123", "<VouDate>20261131")
        .replace("<XPayDate></XPayDate>", "<XPayDate>20260101</XPayDate>")
        .replace("<PayAcctName>示例预算单位</PayAcctName>", "<PayAcctName></PayAcctName>")
        .replace("<CheckNo></CheckNo>", "<CheckNo></CheckNo><CheckNo/>")
        .replace("<Hold2></Hold2>", "<Hold2>XX=1</Hold2>")
        .replace("<PayTypeCode>12", "<PayTypeCode>91")
        .replace("购打印纸和硒鼓", "购" * 101)
        .replace("</DetailList>", f"{second}</DetailList>")
    )
    assert errors(inner) == {
        "VouDate": "date",
        "XPayDate": "not_empty",
        "PayAcctName": "required",
        "CheckNo": "duplicate",
        "Hold2": "reserved_field",
        "PayTypeCode": "code",
        "PaySummaryName": "too_long",
        "Detail[2].PayAmt": "pattern",
        "Detail[2].FundTypeNames": "unknown",
        "Detail[2].FundTypeName": "required",
        "Detail[2].Id": "duplicate_id",
    }


@pytest.mark.parametrize(
    "amount", ["1e3", "-5", "-5.00", "+5.00", "1.1", "1.100", "1", "0.00", "1,000.00", "１.00",
               " 1.00", "1.00 ", "1234567890123456.00"],
)  # fmt: skip
def test_an_amount_is_positive_yuan_with_two_decimals(amount: str) -> None:
    found = errors(INNER.replace("3560.00", amount))
    assert {"PayAmt", "Detail[1].PayAmt"} <= found.keys()


@pytest.mark.parametrize(
    ("old", "new", "field", "code"),
    [
        ("<PayAmt>3560.00</PayAmt><Bus", "<PayAmt>3560.01</PayAmt><Bus", "PayAmt", "sum"),
        ("办公费", "&#x1F600;", "Detail[1].ExpEcoName", "not_gbk"),
        ("办公费", "&#9;", "Detail[1].ExpEcoName", "control_character"),
        ("办公费", "办\n公费", "Detail[1].ExpEcoName", "control_character"),
        ("<ExpEcoName>办公费", "<ExpEcoName>　", "Detail[1].ExpEcoName", "blank"),
        ("<Hold1>ZB-1</Hold1>", "<Hold1><a/></Hold1>", "Hold1", "markup"),
        ("<Hold1>", "stray<Hold1>", "Voucher", "text"),
        ("<PayTypeCode>12", "<PayTypeCode>11", "PayTypeCode", "contradiction"),
        ("电子转账支付", "现金支票", "SetModeName", "contradiction"),
        ("<SetModeCode>1", "<SetModeCode>77", "SetModeCode", "code"),
        ("<PayAcctNo>42002201", "<PayAcctNo>4200 2201", "PayAcctNo", "pattern"),
        ("<VoucherBillNo>101001-1", "<VoucherBillNo>101001-2",
         "Detail[1].VoucherBillNo", "contradiction"),
        ("<ExpFuncCode>2010301</ExpFuncCode><ExpFuncName>", "<ExpFuncCode>2050205</ExpFuncCode>"
         "<ExpFuncName>", "Detail[1].ExpFuncCode", "contradiction"),
        ("<PayeeAcctNo>4200223009200012345</PayeeAcctNo><PayeeAcctName>长春示例公司</PayeeAcctName>"
         "<PayeeAcctBankName>示例银行</PayeeAcctBankName><PayAmt>",
         "<PayeeAcctNo>666</PayeeAcctNo><PayeeAcctName>长春示例公司</PayeeAcctName>"
         "<PayeeAcctBankName>示例银行</PayeeAcctBankName><PayAmt>",
         "Detail[1].PayeeAcctNo", "contradiction"),
    ],
)  # fmt: skip
def test_one_thing_wrong_is_named_at_its_place(old: str, new: str, field: str, code: str) -> None:
    inner = INNER.replace(old, new)
    assert errors(inner).get(field) == code


def test_no_detail_and_five_hundred_details_are_refused() -> None:
    assert errors(INNER.replace(DETAIL, ""))["DetailList"] == "required"
    assert errors(INNER.replace(DETAIL, DETAIL * 500))["DetailList"] == "too_many"


def test_a_division_s_own_code_file_decides_what_its_numbers_mean(tmp_path: Path) -> None:
    packaged = Path(load_codes.__code__.co_filename).parent / "codes" / "default.toml"
    text = packaged.read_text("utf-8")
    (tmp_path / "default.toml").write_text(text, "utf-8")
    own = text.replace('1 = "transfer"', '9 = "cash"').replace('"电子转账支付"', '"转账"')
    (tmp_path / "220000000.toml").write_text(own, "utf-8")
    inner = INNER.replace("<SetModeCode>1", "<SetModeCode>9")
    parsed = VoucherFormat(load_codes(tmp_path)).parse(envelope(inner))
    assert parsed.settlement is Settlement.CASH


def test_every_gbk_character_is_written_back_as_the_same_bytes() -> None:
    kept = 0
    for lead in range(0x81, 0xFF):
        for trail in range(0x40, 0xFF):
            pair = bytes([lead, trail])
            try:
                text = pair.decode("gbk")
            except UnicodeDecodeError:
                continue
            assert text.encode("gbk") == pair
            kept += 1
    assert kept > 21_000


CODES = load_codes().default
references = st.text("ABCXYZ0123456789-", min_size=1, max_size=12)
line_codes = st.text("0123456789", min_size=1, max_size=20)


@st.composite
def sayable(draw: st.DrawFn) -> Instruction:
    """An instruction as a voucher can say it: three business types, no papers, no items."""
    drawn = draw(instructions())
    kind = draw(st.sampled_from([BusinessType.SINGLE, BusinessType.PAYROLL, BusinessType.BATCH]))
    owners = payees(st.text("0123456789AZ-", min_size=1, max_size=32))
    named = owners.map(
        lambda p: replace(
            p,
            name=p.name or "某某",
            bank_name=p.bank_name or "某行",
            person=p.person and replace(p.person, id_number=p.person.id_number or "1"),
        )
    )
    rows = draw(st.lists(st.tuples(named, amounts, words), min_size=1, max_size=3))
    details = tuple(
        Detail(id=f"D{n}", payee=payee, amount_fen=amount, purpose=purpose)
        for n, (payee, amount, purpose) in enumerate(rows)
    )
    single = kind is BusinessType.SINGLE
    whole = replace(rows[0][0], kind=PayeeKind.ORGANISATION, person=None)
    return replace(
        drawn,
        business_type=kind,
        payment_method=METHODS[drawn.key.voucher_type],
        amount_fen=rows[0][1] if single else Fen(sum(detail.amount_fen for detail in details)),
        payee=rows[0][0] if single else whole,
        payer=Payer(account="ZERO-1", name="某厅", bank_code=draw(st.just("") | line_codes)),
        agency_name=drawn.agency_name or "某厅",
        fund_code=draw(line_codes),
        settlement=draw(st.none() | st.sampled_from(sorted(CODES.settlement_names.values()))),
        approvals=tuple(draw(st.lists(references, max_size=1))),
        contract_no=draw(st.just("") | references),
        gov_economic_code="",
        documents=(),
        items=(),
        details=() if single else details,
    )


METHODS = {"5201": PaymentMethod.DIRECT, "8202": PaymentMethod.AUTHORIZED}


@examples(200)
@given(sayable())
def test_an_instruction_survives_the_journey_as_a_voucher(instruction: Instruction) -> None:
    assert FORMAT.parse(voucher_envelope(instruction, CODES)) == instruction


@st.composite
def spoiled(draw: st.DrawFn) -> bytes:
    raw = bytearray(INNER.encode("gbk") if draw(st.booleans()) else envelope())
    inner = not raw.startswith(envelope()[:60])
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(raw) - 1))
        raw[place : place + draw(st.integers(0, 3))] = draw(st.binary(max_size=4))
    return envelope(bytes(raw)) if inner else bytes(raw)


@examples(400)
@given(st.binary(max_size=300) | spoiled())
def test_the_parser_raises_nothing_but_unreadable(raw: bytes) -> None:
    try:
        FORMAT.parse(raw)
    except Unreadable as fault:
        FORMAT.problem(fault, "/v1/vouchers").decode("gbk")

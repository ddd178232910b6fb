"""Voucher 8207: a batch's details read in its own words, and answered detail by detail."""

import base64
import datetime as dt
import re

import attrs
import pytest
from msgspec.structs import replace

from adapters.formats.voucher.division_codes import load_codes
from adapters.formats.voucher.payments import VoucherFormat
from gateway.domain.bank import BankOutcome
from gateway.domain.codes import BusinessType, Exemption, PayeeKind, PaymentMethod, Settlement
from gateway.domain.decision import Action, Outcome
from gateway.domain.faults import Unreadable
from gateway.domain.instruction import Detail, Instruction, InstructionKey, Payee, Payer, Person
from gateway.domain.money import Fen
from tests.adapters.formats.voucher_samples import answered, finding
from tests.adapters.formats.voucher_write import voucher_envelope

FORMAT, CODES = VoucherFormat(), load_codes().of("220000000")


def person(number: int) -> Payee:
    return Payee(
        kind=PayeeKind.PERSON, account=f"62282301234567890{number}", name=f"职工{number}",
        bank_name="示例银行长春支行",
        person=Person(id_number="220104198506152036", employer="示例预算单位", title="科员"),
    )  # fmt: skip


PAYROLL = Instruction(
    key=InstructionKey(
        division="220000000", fiscal_year=2026, voucher_type="8207", voucher_no="PL-1"
    ),
    voucher_date=dt.date(2026, 3, 2),
    agency_code="101001",
    agency_name="示例预算单位",
    payment_method=PaymentMethod.AUTHORIZED,
    settlement=Settlement.TRANSFER,
    business_type=BusinessType.PAYROLL,
    amount_fen=Fen(1_200_050),
    payer=Payer(account="42002201", name="示例预算单位", bank_code="102241000017"),
    payee=Payee(kind=PayeeKind.ORGANISATION, account="", name=""),
    indicator_id="ZB-1",
    fund_code="111",
    functional_code="2010301",
    dept_economic_code="30101",
    gov_economic_code="",
    project_code="P1",
    purpose="三月工资",
    exemption=Exemption.TAX_UNION_PAYROLL,
    details=(
        Detail(id="D-1", payee=person(1), amount_fen=Fen(600_000)),
        Detail(id="D-2", payee=person(2), amount_fen=Fen(600_050), purpose="补发工资"),
    ),
    main_voucher="8202/101001-9",
)


def spoiled(old: str, new: str) -> bytes:
    """The envelope with one thing changed inside."""
    text = voucher_envelope(PAYROLL, CODES).decode("gbk")
    found = re.search(r"<Voucher>([^<]+)</Voucher>", text)
    assert found
    inner = base64.b64decode(found[1]).decode("gbk")
    assert old in inner, inner
    changed = base64.b64encode(inner.replace(old, new).encode("gbk")).decode()
    return text.replace(found[1], changed).encode("gbk")


def test_a_payroll_of_8207_is_read_as_it_was_written() -> None:
    assert FORMAT.parse(voucher_envelope(PAYROLL, CODES)) == PAYROLL


def test_a_direct_batch_to_organisations_is_read_too() -> None:
    organisation = Payee(
        kind=PayeeKind.ORGANISATION, account="A-1", name="示例公司", bank_name="银行"
    )
    direct = replace(
        PAYROLL, payment_method=PaymentMethod.DIRECT, business_type=BusinessType.BATCH,
        main_voucher="5201/101001-9", exemption=None, project_code="",
        details=(Detail(id="1", payee=organisation, amount_fen=PAYROLL.amount_fen),),
    )  # fmt: skip
    assert FORMAT.parse(voucher_envelope(direct, CODES)) == direct


@pytest.mark.parametrize(
    ("old", "new", "field", "code"),
    [
        ("<SumAmt>12000.50<", "<SumAmt>12000.51<", "SumAmt", "sum"),
        ("<SumAmt>12000.50<", "<SumAmt>1e4<", "SumAmt", "pattern"),
        ("<SumAmt>12000.50</SumAmt>", "", "SumAmt", "required"),
        ("<OriginalVtCode>8202<", "<OriginalVtCode>2301<", "OriginalVtCode", "code"),
        ("<OriginalVtCode>8202<", "<OriginalVtCode>5201<", "PayTypeCode", "contradiction"),
        ("<OriginalVoucherNo>101001-9</", "<OriginalVoucherNo></", "OriginalVoucherNo", "required"),
        ("<OriVoucherNo>101001-9", "<OriVoucherNo>1", "Detail[1].OriVoucherNo", "contradiction"),
        ("<BusinessTypeCode>3<", "<BusinessTypeCode>1<", "BusinessTypeCode", "contradiction"),
        ("EC=30101", "EC=", "Hold2", "reserved_field"),
        ("EC=30101", "EC=30101;EC=30102", "Hold2", "reserved_field"),
        ("<Id>D-2<", "<Id>D-1<", "Detail[2].Id", "duplicate_id"),
        ("<Remark>三月工资<", "<PayAmt>1.00</PayAmt><Remark>三月工资<", "PayAmt", "unknown"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_in_the_names_of_its_own_interface(
    old: str, new: str, field: str, code: str
) -> None:
    with pytest.raises(Unreadable) as refused:
        FORMAT.parse(spoiled(old, new))
    assert (field, code) in [(each.field, each.code) for each in refused.value.errors]


def answered_details(
    withheld: tuple[str, ...], *found: object, raw: bytes | None = None
) -> tuple[str, list[str]]:
    answer = answered(Outcome.PASS, BankOutcome.ACCEPTED, *found, voucher_type="8207")  # type: ignore[arg-type]
    decision = replace(answer.decision, withheld=withheld)
    raw = raw or voucher_envelope(PAYROLL, CODES)
    out = FORMAT.answer(raw, replace(answer, decision=decision)).decode("gbk")
    inner = re.search(r"<Voucher>([^<]+)</Voucher>", out)
    assert inner
    text = base64.b64decode(inner[1]).decode("gbk")
    assert re.sub(r"<X\w+>[^<]*</X\w+>", "", text) == re.sub(
        r"<X\w+>[^<]*</X\w+>", "", base64.b64decode(
            re.search(r"<Voucher>([^<]+)</Voucher>", raw.decode("gbk"))[1]).decode("gbk")  # type: ignore[index]
    ), "something of the sender's was changed"  # fmt: skip
    return out + text, text.split("<Detail>")


def test_a_batch_paid_whole_comes_back_with_its_sum() -> None:
    whole, (head, one, two) = answered_details(())
    assert "<Attach>SUCCESS</Attach>" in whole
    assert "<XSumAmt>12000.50</XSumAmt>" in head
    assert "<XPayAmt>6000.00</XPayAmt>" in one and "<XPayAmt>6000.50</XPayAmt>" in two
    assert "<XAddWord></XAddWord>" in one


def test_of_a_batch_paid_in_part_the_withheld_detail_says_why_and_the_sum_is_the_rest() -> None:
    warning = attrs.evolve(finding("时间较晚"), action=Action.WARN, policy="JL-090")
    why = attrs.evolve(finding("收款人未备案"), detail="D-2", policy="JL-050")
    whole, (head, one, two) = answered_details(("D-2",), warning, why)
    assert "<Attach>部分支付 未付1笔</Attach>" in whole
    assert "<XSumAmt>6000.00</XSumAmt>" in head
    assert "<XPayAmt>6000.00</XPayAmt>" in one
    assert "提示：JL-090 时间较晚" in one and "未备案" not in one
    assert "<XPayAmt></XPayAmt>" in two
    assert "本明细未支付，更正后另开凭证重报；JL-050 收款人未备案" in two


@pytest.mark.parametrize(
    ("old", "new", "paid"),
    [
        ("<Id>D-2<", "<Id>D-&#50;<", "6000.00"),
        ("<Id>D-2<", "<Id>&#x44;-2<", "6000.00"),
        ("<PayAmt>6000.00<", "<PayAmt>006000.00<", "006000.00"),
        ("<PayAmt>6000.00<", "<PayAmt>&#54;000.00<", "&#54;000.00"),
    ],
)
def test_a_batch_paid_in_part_is_answered_as_it_was_read_however_it_is_spelt(
    old: str, new: str, paid: str
) -> None:
    raw = spoiled(old, new)
    assert [(each.id, each.amount_fen) for each in FORMAT.parse(raw).details] == [
        ("D-1", 600_000), ("D-2", 600_050),
    ]  # fmt: skip
    _, (head, one, two) = answered_details(("D-2",), raw=raw)
    assert "<XSumAmt>6000.00</XSumAmt>" in head
    assert f"<XPayAmt>{paid}</XPayAmt>" in one
    assert "<XPayAmt></XPayAmt>" in two and "未支付" in two

"""pain.001 and pacs.008: what is read is what was meant, and what is sent is what ISO published."""

import hashlib

import pytest
from hypothesis import given
from lxml import etree
from msgspec.structs import replace

from adapters.formats.iso20022.cut import digest_in
from adapters.formats.iso20022.payments import IsoBulk, IsoFormat, IsoPartFormat
from adapters.formats.iso20022.reject import rejection
from adapters.formats.iso20022.schemas import PLACES, schema_of, schema_path
from adapters.formats.iso20022.write import written_message
from adapters.formats.iso20022.xml import parsed
from adapters.formats.json.instruction import JsonFormat
from adapters.formats.voucher.division_codes import load_codes
from adapters.formats.voucher.payments import VoucherFormat
from deploy.demo.writers import json_of
from gateway.domain.answer import Answer
from gateway.domain.bank import BankOutcome
from gateway.domain.decision import Action, Decision, Finding, Light, Missing, Outcome
from gateway.domain.faults import Conflicting, FaultCode, Unreadable, Unready
from gateway.domain.instruction import Instruction
from tests.adapters.formats.formats_strategies import instructions
from tests.adapters.formats.iso_samples import (
    AT,
    KINDS,
    an_instruction,
    carriable,
    many,
    outside_schema,
)
from tests.adapters.formats.voucher_write import voucher_envelope
from tests.examples import examples

FORMAT, PART, BULK = IsoFormat(lambda: AT), IsoPartFormat(lambda: AT), IsoBulk(lambda: AT)
FINDING = Finding(
    policy="JL-011", revision=3, article="10(3)3", light=Light.RED, action=Action.BLOCK,
    title_zh="超预算支付", title_en="Over budget", reason_zh="指标余额不足 <100 元> & 更多" * 20,
    reason_en="The indicator has less", remedy_zh="调整预算",
    missing=(Missing(kind="contract", zh="合同", en="contract"),),
)  # fmt: skip


def one(instruction: Instruction, kind: str = "pain.001.001.09") -> bytes:
    return written_message([instruction], kind, "M-1", AT)


def errors(raw: bytes) -> dict[str, str]:
    with pytest.raises(Unreadable) as caught:
        FORMAT.parse(raw)
    return {error.field.split("/", 1)[-1]: error.code for error in caught.value.errors}


def answer(outcome: Outcome, bank: BankOutcome | None, *findings: Finding) -> Answer:
    decision = Decision(outcome=outcome, findings=findings, book_revision="r", registers_version=1)
    return Answer(
        key=an_instruction().key, decision=decision, bank=bank, bank_reference="JH1",
        bank_reason="余额不足" if bank is BankOutcome.REJECTED else None, receipt="a.b.c",
    )  # fmt: skip


@pytest.mark.parametrize("message", sorted(PLACES))
def test_every_schema_that_is_named_is_there_and_compiles(message: str) -> None:
    assert schema_path(message).is_file()
    assert schema_of(message) is not None


@pytest.mark.parametrize("kind", KINDS)
@given(instruction=instructions().filter(carriable))
@examples(60)
def test_whatever_a_message_can_carry_comes_back_whole(kind: str, instruction: Instruction) -> None:
    assert FORMAT.parse(one(instruction, kind)) == instruction


@given(instruction=instructions().filter(carriable))
@examples(60)
def test_every_format_gives_the_same_instruction_as_every_other(instruction: Instruction) -> None:
    """JSON -> ISO -> ISO -> JSON; and through a voucher whatever a voucher can carry."""
    first = JsonFormat().parse(json_of(instruction))
    for kind in KINDS:
        first = FORMAT.parse(one(first, kind))
    assert JsonFormat().parse(json_of(first)) == instruction
    try:
        envelope = voucher_envelope(instruction, load_codes().of(instruction.key.division))
        carried = VoucherFormat().parse(envelope)
    except (ValueError, Unreadable):
        return  # the interface has no place or no code for it, and says so
    for kind in KINDS if carriable(carried) else ():
        assert FORMAT.parse(one(carried, kind)) == carried


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_is_valid_by_the_published_schema(kind: str) -> None:
    schema = outside_schema(kind)
    schema.assertValid(etree.fromstring(written_message(many(3), kind, "M-3", AT)))


@pytest.mark.parametrize("kind", KINDS)
def test_a_message_of_many_is_cut_into_its_own_bytes(kind: str) -> None:
    """Each part is three stretches of the message, and reads as the payment that it is."""
    several = many(20)
    raw = written_message(several, kind, "M-20", AT)
    assert BULK.takes(raw) and not BULK.takes(one(several[0], kind))
    parts = list(BULK.parts(raw, BULK.open(raw)))
    assert [part.instruction for part in parts] == several
    assert [PART.parse(part.raw) for part in parts] == several
    for number, part in enumerate(parts, 1):
        first, _, rest = part.raw.partition(b"\n")
        assert digest_in(part.raw) == hashlib.sha256(raw).digest()
        assert first.endswith(b" transaction=%d/20" % number)
        payment = rest[rest.index(b"<CdtTrfTxInf>") : rest.index(b"</CdtTrfTxInf>")]
        head, tail = rest.split(payment)
        assert payment in raw and raw.endswith(tail[-60:]) and raw.startswith(head[:100])
    assert len({part.raw for part in parts}) == 20


def test_payments_of_several_debtors_keep_their_own_header() -> None:
    first, second, third = many(3)
    other = replace(second, payer=replace(second.payer, account="OTHER-1", name="乙"))
    raw = written_message([first, other, third], "pain.001.001.03", "M", AT)
    parts = list(BULK.parts(raw, BULK.open(raw)))
    assert [part.instruction for part in parts] == [first, other, third]
    assert [part.names[0] for part in parts] == ["1", "2", "3"]


def test_one_bad_payment_is_told_and_the_others_are_read() -> None:
    raw = written_message(many(3), "pain.001.001.09", "M", AT)
    raw = raw.replace(b'Ccy="CNY"', b'Ccy="EUR"', 1)
    good, bad = [], []
    for part in BULK.parts(raw, BULK.open(raw)):
        (good if part.instruction else bad).append(part)
    assert len(good) == 2 and len(bad) == 1
    assert bad[0].fault and bad[0].fault.errors[0].field == "CdtTrfTxInf[1]/Amt/InstdAmt@Ccy"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b"<NbOfTxs>3<", b"<NbOfTxs>4<", "NbOfTxs"),
        (b"<CtrlSum>", b"<CtrlSum>1", "CtrlSum"),
        (b"<GrpHdr>", b"<GrpHdrr>", "GrpHdr"),
    ],
)
def test_a_message_that_contradicts_itself_is_refused_whole(
    old: bytes, new: bytes, said: str
) -> None:
    raw = written_message(many(3), "pain.001.001.09", "M", AT).replace(old, new, 1)
    raw = raw.replace(b"</GrpHdr>", b"</GrpHdrr>") if b"GrpHdrr" in new else raw
    with pytest.raises(Unreadable) as caught:
        BULK.open(raw)
    assert said in str([error.en + error.field for error in caught.value.errors])


def test_of_a_refused_message_only_its_own_errors_are_told() -> None:
    """Those of all that the thread had refused before, of whomever, were told with them."""
    sound = written_message(many(3), "pain.001.001.09", "M", AT)
    other = sound.replace(b"<MsgId>", b"<MsgId>" + b"OF-ANOTHER-PARTY" * 3)
    for own, code in (
        (sound.replace(b"GrpHdr>", b"GrpHdrr>"), FaultCode.INSTRUCTION_INVALID),
        (sound[:-20], FaultCode.NOT_XML),
    ):
        for refuse in (BULK.open, parsed):
            with pytest.raises(Unreadable):
                refuse(other)
        with pytest.raises(Unreadable) as caught:
            BULK.open(own)
        assert caught.value.code is code and "MsgId" not in str(caught.value.errors)


@pytest.mark.parametrize(
    ("old", "new", "field", "code"),
    [
        ("</Cdtr>", "</Cdtr>", "", ""),
        ("<Cdtr><Nm>", "<IntrmyAgt1><FinInstnId><Nm>x</Nm></FinInstnId></IntrmyAgt1><Cdtr><Nm>",
         "", "schema"),
        ("<CdtrAgt>", "<IntrmyAgt1><FinInstnId><Nm>x</Nm></FinInstnId></IntrmyAgt1><CdtrAgt>",
         "IntrmyAgt1/FinInstnId/Nm", "unsupported"),
        ("</CdtrAcct>", "</CdtrAcct><UltmtCdtr><Nm>x</Nm></UltmtCdtr>", "UltmtCdtr/Nm",
         "unsupported"),
        ("<PmtMtd>TRF", "<PmtMtd>CHK", "PmtMtd", "code"),
        ("</CdtrAcct>", "</CdtrAcct><Purp><Prtry>FEE-01</Prtry></Purp>", "", ""),
        ("</CdtrAcct>", "</CdtrAcct><Purp><Prtry>茅台酒两箱</Prtry></Purp>", "Purp/Prtry",
         "unsupported"),
        (">12800.00<", ">12800.005<", "Amt/InstdAmt", "pattern"),
        (">12800.00<", ">+12800<", "Amt/InstdAmt", "pattern"),
        ("<Division>220000000", "<Division>22000000", "Fiscal/Division", "pattern"),
        ("<Division>", "<Divided>x</Divided><Division>", "Fiscal/Divided", "unknown"),
        ("<Division>", "<FundCode>1</FundCode><Division>", "Fiscal/FundCode", "duplicate"),
        ("<VoucherType>8202", "<VoucherType>9999", "Fiscal/VoucherType",
         "voucher_type_unsupported"),
        ("<PaymentMethod>authorized", "<PaymentMethod>direct", "Fiscal/PaymentMethod",
         "contradiction"),
        ("<Cd>CNAPS", "<Cd>CHIPS", "DbtrAgt/FinInstnId/ClrSysMmbId/ClrSysId/Cd", "code"),
        ("长春示例科技", "长春\u200b示例", "Cdtr/Nm", "control_character"),
        ("长春示例科技", "长春\u3164示例", "Cdtr/Nm", "control_character"),
        ("长春示例科技", "长春\ufe00示例", "Cdtr/Nm", "control_character"),
        ("长春示例科技有限公司", "\u3000", "Cdtr/Nm", "blank"),
    ],
)  # fmt: skip
def test_what_could_alter_a_payment_unseen_is_refused(
    old: str, new: str, field: str, code: str
) -> None:
    text = one(an_instruction()).decode()
    assert old in text
    changed = text.replace("<CtrlSum>12800.00</CtrlSum>", "").replace(old, new, 1).encode()
    if not code:
        assert FORMAT.parse(changed) == an_instruction()
    elif code == "schema":
        assert "schema" in errors(changed).values()
    else:
        assert errors(changed)[field] == code


@pytest.mark.parametrize(
    ("outcome", "bank", "status"),
    [
        (Outcome.PASS, BankOutcome.ACCEPTED, "ACSC"),
        (Outcome.PASS, BankOutcome.UNKNOWN, "PDNG"),
        (Outcome.PASS, BankOutcome.REJECTED, "RJCT"),
        (Outcome.PASS, BankOutcome.NOT_TAKEN, "RJCT"),
        (Outcome.HOLD, None, "PDNG"),
        (Outcome.BLOCK, None, "RJCT"),
    ],
)
@pytest.mark.parametrize("kind", ["pain.001.001.09", "pacs.008.001.08"])
def test_the_report_says_what_became_of_it_and_why(
    kind: str, outcome: Outcome, bank: BankOutcome | None, status: str
) -> None:
    findings = (FINDING,) if outcome is not Outcome.PASS else ()
    told = FORMAT.answer(one(an_instruction(), kind), answer(outcome, bank, *findings))
    root = etree.fromstring(told)
    name = "pain.002.001.10" if kind.startswith("pain") else "pacs.002.001.10"
    outside_schema(name).assertValid(root)
    assert root.findtext(".//{*}TxSts") == status
    assert root.findtext(".//{*}OrgnlEndToEndId") == an_instruction().key.voucher_no
    assert root.findtext(".//{*}Receipt") == "a.b.c"
    if findings:
        reasons = [reason.findtext("{*}Prtry") for reason in root.iter("{*}Rsn")]
        assert "JL-011" in reasons
        words = "".join(str(element.text) for element in root.iter("{*}AddtlInf"))
        assert FINDING.reason_zh in words and "10(3)3" in words and "合同" in words
    if outcome is Outcome.BLOCK:
        assert next(root.iter("{*}Rsn")).findtext("{*}Cd") == "AM14"


def test_the_report_on_many_tells_each_and_the_shares() -> None:
    raw = written_message(many(4), "pain.001.001.09", "M-4", AT)
    opened = BULK.open(raw)
    parts = list(BULK.parts(raw, opened))
    said = [
        answer(Outcome.PASS, BankOutcome.ACCEPTED), answer(Outcome.BLOCK, None, FINDING),
        Conflicting(FaultCode.INSTRUCTION_CONFLICT, "used"),
        Unready(FaultCode.LEDGER_UNAVAILABLE, "down"),
    ]  # fmt: skip
    rows = [BULK.told(part, each) for part, each in zip(parts, said, strict=True)]
    root = etree.fromstring(BULK.report(opened, rows))
    outside_schema("pain.002.001.10").assertValid(root)
    statuses = [element.text for element in root.iter("{*}TxSts")]
    assert statuses == ["ACSC", "RJCT", "RJCT", "PDNG"]
    assert root.findtext(".//{*}GrpSts") == "PART"
    assert [e.text for e in root.iter("{*}DtldNbOfTxs")] == ["1", "1", "2"]


def test_what_cannot_be_read_is_answered_by_an_admi_002_of_the_published_form() -> None:
    schema = outside_schema("admi.002.001.01")
    for raw in (b"", b"<a", one(an_instruction()).replace(b"<NbOfTxs>1", b"<NbOfTxs>9")):
        with pytest.raises(Unreadable) as caught:
            FORMAT.parse(raw)
        told = FORMAT.problem(caught.value, "/v1/iso20022")
        schema.assertValid(etree.fromstring(told))
    schema.assertValid(etree.fromstring(rejection(caught.value, "M-1", AT)))

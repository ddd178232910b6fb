"""5207 实拨拨款凭证 as the instruction that it is: the bureau orders a payment to an own account.

One payee, one budget line, always a transfer. What its element list lacks beside Art. 9 (indicator
and references) stands in Hold1 and Hold2 as in the other payment vouchers.
"""

from adapters.formats.envelope import Body
from adapters.formats.json_walk import Findings
from adapters.formats.voucher_holds import References, references_of, references_text
from adapters.formats.voucher_paper_write import vouchers_envelope
from adapters.formats.voucher_papers import read_one
from gateway.domain.codes import BusinessType, PayeeKind, PaymentMethod, Settlement
from gateway.domain.instruction import Instruction, Payee, Payer
from gateway.domain.money import Fen
from gateway.domain.vouchers import Appropriation, AppropriationLine

TYPE = "5207"
PAY_TYPE = "91"
"""实拨."""
_ONE_LINE = {
    "agency": "AgencyCode", "agency_name": "AgencyName", "functional_code": "ExpFuncCode",
    "economic_code": "ExpEcoCode", "project_code": "DepProCode",
}  # fmt: skip


def appropriation_of(body: Body, found: Findings) -> Instruction | None:
    """None if anything is noted in `found`. 支付方式 is direct: the bureau itself orders it."""
    voucher = read_one(body, found)
    if not isinstance(voucher, Appropriation):
        return None
    references = references_of(voucher.references, "Hold2", found)
    _one_line(voucher.lines, found)
    if found:
        return None
    line = voucher.lines[0]
    return Instruction(
        key=voucher.key,
        voucher_date=voucher.day,
        agency_code=line.agency,
        agency_name=line.agency_name,
        payment_method=PaymentMethod.DIRECT,
        settlement=Settlement.TRANSFER,
        business_type=BusinessType.SINGLE,
        amount_fen=Fen(voucher.amount_fen),
        payer=Payer(account=voucher.payer_account, name=voucher.payer_name),
        payee=Payee(
            kind=PayeeKind.ORGANISATION,
            account=voucher.payee_account,
            name=voucher.payee_name,
            bank_code=voucher.payee_bank_code,
            bank_name=voucher.payee_bank_name,
        ),
        indicator_id=voucher.indicator_id,
        fund_code=voucher.fund_code,
        functional_code=line.functional_code,
        dept_economic_code=line.economic_code,
        gov_economic_code="",  # the interface has no element for it, and nothing is derived
        project_code=line.project_code,
        purpose=voucher.purpose,
        exemption=references.exemption,
        cash_reason=references.cash_reason,
        approvals=references.approvals,
        contract_no=references.contract_no,
    )


def appropriation_envelope(instruction: Instruction) -> bytes:
    """The inverse, for one whose line is one detail.

    Raises ValueError for what a 5207 cannot say: details, a person, cash, a text too wide.
    """
    payee = instruction.payee
    if instruction.details or payee.kind is not PayeeKind.ORGANISATION:
        raise ValueError("a 5207 pays one organisation")
    if instruction.settlement is not Settlement.TRANSFER or instruction.cash_reason is not None:
        raise ValueError("a 5207 is a transfer")
    line = AppropriationLine(
        id="1", agency=instruction.agency_code, agency_name=instruction.agency_name,
        functional_code=instruction.functional_code, economic_code=instruction.dept_economic_code,
        project_code=instruction.project_code, amount_fen=instruction.amount_fen,
    )  # fmt: skip
    references = References(
        exemption=instruction.exemption, cash_reason=None, approvals=instruction.approvals,
        contract_no=instruction.contract_no,
    )  # fmt: skip
    voucher = Appropriation(
        key=instruction.key, day=instruction.voucher_date, fund_code=instruction.fund_code,
        pay_type=PAY_TYPE, payer_account=instruction.payer.account,
        payer_name=instruction.payer.name, payee_account=payee.account, payee_name=payee.name,
        payee_bank_name=payee.bank_name, payee_bank_code=payee.bank_code,
        purpose=instruction.purpose, indicator_id=instruction.indicator_id,
        references=references_text(references), amount_fen=instruction.amount_fen, lines=(line,),
    )  # fmt: skip
    return vouchers_envelope([voucher])


def _one_line(lines: tuple[AppropriationLine, ...], found: Findings) -> None:
    """A detail of another budget line would be paid that no policy looked at."""
    for number, line in enumerate(lines, 1):
        for attribute, element in _ONE_LINE.items():
            if getattr(line, attribute) != getattr(lines[0], attribute):
                found.note(
                    f"Detail[{number}].{element}", "contradiction", "与其他明细不一致",
                    "is not what another detail says",
                )  # fmt: skip

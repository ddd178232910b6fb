"""5207 实拨拨款凭证 as the instruction that it is: the bureau orders a payment to an own account.

One payee, one budget line, always a transfer. What its element list lacks beside Art. 9 (indicator
and references) stands in Hold1 and Hold2 as in the other payment vouchers.
"""

from adapters.formats.json.walk import Findings
from adapters.formats.voucher.envelope import Body
from adapters.formats.voucher.holds import references_of
from adapters.formats.voucher.papers import read_one
from gateway.domain.codes import BusinessType, PayeeKind, PaymentMethod, Settlement
from gateway.domain.instruction import Instruction, Payee, Payer
from gateway.domain.money import Fen
from gateway.domain.vouchers import Appropriation, AppropriationLine

TYPE = "5207"
_ONE_LINE = {
    "agency": "AgencyCode", "agency_name": "AgencyName", "functional_code": "ExpFuncCode",
    "economic_code": "ExpEcoCode", "project_code": "DepProCode",
}  # fmt: skip


def appropriation_of(body: Body, found: Findings) -> Instruction | None:
    """None if anything is noted in `found`. 支付方式 is direct: the bureau itself orders it."""
    voucher = read_one(body, found)
    if not isinstance(voucher, Appropriation):
        return None
    references = references_of(voucher.references, found)
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
        documents=references.documents,
    )


def _one_line(lines: tuple[AppropriationLine, ...], found: Findings) -> None:
    """A detail of another budget line would be paid that no policy looked at."""
    for number, line in enumerate(lines, 1):
        for attribute, element in _ONE_LINE.items():
            if getattr(line, attribute) != getattr(lines[0], attribute):
                found.note(
                    f"Detail[{number}].{element}", "contradiction", "与其他明细不一致",
                    "is not what another detail says",
                )  # fmt: skip

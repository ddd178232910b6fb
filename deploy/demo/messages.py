"""What an agency's own system writes in ISO 20022: a pain.001 with one payment, of either version.

Written from docs/iso20022.md, not from our parser, so that the two check each other.
"""

from collections.abc import Iterator
from xml.sax.saxutils import escape

from gateway.domain.instruction import Instruction
from gateway.domain.money import yuan

_OLD, _NEW = "pain.001.001.03", "pain.001.001.09"


def message_of(instruction: Instruction) -> bytes:
    """The older version for odd voucher numbers; both say the same."""
    number = instruction.key.voucher_no
    old = int(number[-1], 36) % 2 == 1 if number[-1].isalnum() else False
    return _message(instruction, _OLD if old else _NEW).encode()


def _message(instruction: Instruction, kind: str) -> str:
    payer, payee, day = instruction.payer, instruction.payee, instruction.voucher_date
    number, amount = instruction.key.voucher_no, yuan(instruction.amount_fen)
    elements = list(_fiscal(instruction))
    date = f"<Dt>{day}</Dt>" if kind == _NEW else str(day)
    purpose = _tag("Ustrd", instruction.purpose)
    if kind == _NEW:
        inner = "".join(_tag(name, text) for name, text in elements)
        told = (
            f"<RmtInf>{purpose}</RmtInf><SplmtryData><Envlp>"
            f'<Fiscal xmlns="urn:treasury-gateway:fiscal:1">{inner}</Fiscal></Envlp></SplmtryData>'
        )
    else:
        told = f"<RmtInf>{purpose}{''.join(_strd(*element) for element in elements)}</RmtInf>"
    person = payee.person
    identity = ""
    if person and person.id_number:
        identity = (
            f"<Id><PrvtId><Othr>{_tag('Id', person.id_number)}<SchmeNm><Cd>NIDN</Cd></SchmeNm>"
            "</Othr></PrvtId></Id>"
        )
    account = f"<CdtrAcct>{_account(payee.account)}</CdtrAcct>" if payee.account else ""
    agent = _agent("CdtrAgt", payee.bank_code, payee.bank_name)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:{kind}"><CstmrCdtTrfInitn><GrpHdr>'
        f"<MsgId>{number}</MsgId><CreDtTm>{day}T09:00:00+08:00</CreDtTm><NbOfTxs>1</NbOfTxs>"
        f"<CtrlSum>{amount}</CtrlSum><InitgPty>{_tag('Nm', instruction.agency_name)}</InitgPty>"
        f"</GrpHdr><PmtInf><PmtInfId>{number}</PmtInfId><PmtMtd>TRF</PmtMtd>"
        f"<ReqdExctnDt>{date}</ReqdExctnDt><Dbtr>{_tag('Nm', payer.name)}</Dbtr>"
        f"<DbtrAcct>{_account(payer.account)}</DbtrAcct>{_agent('DbtrAgt', payer.bank_code)}"
        f"<CdtTrfTxInf><PmtId><EndToEndId>{number}</EndToEndId></PmtId>"
        f'<Amt><InstdAmt Ccy="CNY">{amount}</InstdAmt></Amt>{agent}'
        f"<Cdtr>{_tag('Nm', payee.name)}{identity}</Cdtr>{account}{told}</CdtTrfTxInf></PmtInf>"
        "</CstmrCdtTrfInitn></Document>\n"
    )


def _fiscal(instruction: Instruction) -> Iterator[tuple[str, str]]:
    key, payee = instruction.key, instruction.payee
    person = payee.person
    texts = {
        "Division": key.division,
        "FiscalYear": str(key.fiscal_year),
        "VoucherType": key.voucher_type,
        "AgencyCode": instruction.agency_code,
        "AgencyName": instruction.agency_name,
        "PaymentMethod": instruction.payment_method,
        "Settlement": instruction.settlement,
        "BusinessType": instruction.business_type,
        "IndicatorId": instruction.indicator_id,
        "FundCode": instruction.fund_code,
        "FunctionalCode": instruction.functional_code,
        "DeptEconomicCode": instruction.dept_economic_code,
        "GovEconomicCode": instruction.gov_economic_code,
        "ProjectCode": instruction.project_code,
        "Exemption": instruction.exemption,
        "CashReason": instruction.cash_reason,
        "ContractNo": instruction.contract_no,
        "PayeeKind": payee.kind,
        "PayeeEmployer": person and person.employer,
        "PayeePosition": person and person.position,
        "PayeeTitle": person and person.title,
    }
    yield from ((name, str(text)) for name, text in texts.items() if text)
    yield from (("Approval", number) for number in instruction.approvals)
    for paper in instruction.documents:
        yield "DocumentKind", paper.kind
        if paper.number:
            yield "DocumentNumber", paper.number
        if paper.sha256:
            yield "DocumentSha256", paper.sha256
    for item in instruction.items:
        yield "ItemKind", item.kind
        counts = {
            "Class": item.class_, "Persons": item.persons, "Days": item.days, "Hours": item.hours,
            "Guests": item.guests, "Companions": item.companions,
            "UnitPrice": None if item.unit_price_fen is None else yuan(item.unit_price_fen),
            "Reference": item.reference,
        }  # fmt: skip
        yield from (
            (f"Item{name}", str(value)) for name, value in counts.items() if value not in ("", None)
        )


def _strd(name: str, text: str) -> str:
    pieces = "".join(_tag("AddtlRmtInf", text[at : at + 140]) for at in range(0, len(text), 140))
    kind = f"<CdOrPrtry><Prtry>{name}</Prtry></CdOrPrtry><Issr>treasury-gateway</Issr>"
    return f"<Strd><RfrdDocInf><Tp>{kind}</Tp></RfrdDocInf>{pieces}</Strd>"


def _agent(name: str, code: str, bank: str = "") -> str:
    number = ""
    if code:
        number = (
            f"<ClrSysMmbId><ClrSysId><Cd>CNAPS</Cd></ClrSysId>{_tag('MmbId', code)}</ClrSysMmbId>"
        )
    return f"<{name}><FinInstnId>{number}{_tag('Nm', bank)}</FinInstnId></{name}>"


def _account(number: str) -> str:
    return f"<Id><Othr>{_tag('Id', number)}</Othr></Id>"


def _tag(name: str, text: str) -> str:
    return f"<{name}>{escape(text)}</{name}>" if text else ""

"""Writes instructions as a pain.001 or pacs.008: what a sender's system does (demo, tests, load).

A message has no place for details of a batch: there each detail is a payment of its own.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from itertools import groupby
from xml.sax.saxutils import escape

from adapters.formats.iso20022.fiscal import FISCAL_NAMESPACE, ISSUER, pairs_of
from adapters.formats.iso20022.read import BANK_NUMBERS, CURRENCY, IDENTITY_CARD, LAYOUTS
from adapters.formats.iso20022.schemas import NAMESPACE
from gateway.domain.instruction import Instruction
from gateway.domain.money import yuan

_PIECE = 140
_PIECES_MAX = 3
"""AddtlRmtInf of one Strd."""
_ID_MAX = 35
_NAME_MAX = 140


def written_message(
    instructions: Sequence[Instruction], kind: str, message_id: str, at: dt.datetime
) -> bytes:
    """One UTF-8 message of `kind` (`pain.001.001.09`, ...) with these payments, in their order.

    Raises ValueError for what the message cannot say: details, a text that is too wide, a person
    of whom nothing is told.
    """
    layout = LAYOUTS[kind]
    pain = kind.startswith("pain.")
    group = _group(instructions, message_id, at, pain=pain)
    payments = _pain(instructions, kind) if pain else _pacs(instructions, kind)
    body = "".join(payments)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<Document xmlns="{NAMESPACE}{kind}"><{layout.root}>{group}{body}</{layout.root}>'
        "</Document>"
    ).encode()


def _group(
    instructions: Sequence[Instruction], message_id: str, at: dt.datetime, *, pain: bool
) -> str:  # fmt: skip
    total = yuan(sum(instruction.amount_fen for instruction in instructions))
    head = (
        f"{_text('MsgId', message_id, _ID_MAX)}<CreDtTm>{at:%Y-%m-%dT%H:%M:%S}</CreDtTm>"
        f"<NbOfTxs>{len(instructions)}</NbOfTxs><CtrlSum>{total}</CtrlSum>"
    )
    if pain:
        name = instructions[0].agency_name or instructions[0].payer.name or message_id
        return f"<GrpHdr>{head}<InitgPty>{_text('Nm', name, _NAME_MAX)}</InitgPty></GrpHdr>"
    return f"<GrpHdr>{head}<SttlmInf><SttlmMtd>CLRG</SttlmMtd></SttlmInf></GrpHdr>"


def _pain(instructions: Sequence[Instruction], kind: str) -> Iterator[str]:
    runs = groupby(instructions, key=lambda each: (each.payer, each.voucher_date))
    for number, ((payer, day), run) in enumerate(runs, 1):
        date = f"<Dt>{day}</Dt>" if kind.endswith(".09") else str(day)
        yield (
            f"<PmtInf><PmtInfId>{number}</PmtInfId><PmtMtd>TRF</PmtMtd>"
            f"<ReqdExctnDt>{date}</ReqdExctnDt>"
            f"<Dbtr>{_text('Nm', payer.name, _NAME_MAX)}</Dbtr>"
            f"<DbtrAcct>{_account(payer.account)}</DbtrAcct>"
            f"<DbtrAgt>{_agent(payer.bank_code)}</DbtrAgt>"
        )
        for instruction in run:
            amount = f'<InstdAmt Ccy="{CURRENCY}">{yuan(instruction.amount_fen)}</InstdAmt>'
            yield (
                f"<CdtTrfTxInf><PmtId><EndToEndId>{instruction.key.voucher_no}</EndToEndId></PmtId>"
                f"<Amt>{amount}</Amt>{_creditor(instruction, agent_always=False)}"
                f"{_carried(instruction, kind)}</CdtTrfTxInf>"
            )
        yield "</PmtInf>"


def _pacs(instructions: Sequence[Instruction], kind: str) -> Iterator[str]:
    for instruction in instructions:
        payer, number = instruction.payer, instruction.key.voucher_no
        account = f"<DbtrAcct>{_account(payer.account)}</DbtrAcct>" if payer.account else ""
        yield (
            f"<CdtTrfTxInf><PmtId><EndToEndId>{number}</EndToEndId><TxId>{number}</TxId></PmtId>"
            f'<IntrBkSttlmAmt Ccy="{CURRENCY}">{yuan(instruction.amount_fen)}</IntrBkSttlmAmt>'
            f"<IntrBkSttlmDt>{instruction.voucher_date}</IntrBkSttlmDt><ChrgBr>SLEV</ChrgBr>"
            f"<Dbtr>{_text('Nm', payer.name, _NAME_MAX)}</Dbtr>{account}"
            f"<DbtrAgt>{_agent(payer.bank_code)}</DbtrAgt>"
            f"{_creditor(instruction, agent_always=True)}{_carried(instruction, kind)}"
            "</CdtTrfTxInf>"
        )


def _creditor(instruction: Instruction, *, agent_always: bool) -> str:
    payee, person = instruction.payee, instruction.payee.person
    if person and not any((person.id_number, person.employer, person.position, person.title)):
        raise ValueError("a person of whom nothing is told cannot be said in ISO 20022")
    identity = ""
    if person and person.id_number:
        identity = (
            f"<Id><PrvtId><Othr>{_text('Id', person.id_number, _ID_MAX)}"
            f"<SchmeNm><Cd>{IDENTITY_CARD}</Cd></SchmeNm></Othr></PrvtId></Id>"
        )
    agent = ""
    if agent_always or payee.bank_code or payee.bank_name:
        agent = f"<CdtrAgt>{_agent(payee.bank_code, payee.bank_name)}</CdtrAgt>"
    account = f"<CdtrAcct>{_account(payee.account)}</CdtrAcct>" if payee.account else ""
    return f"{agent}<Cdtr>{_text('Nm', payee.name, _NAME_MAX)}{identity}</Cdtr>{account}"


def _carried(instruction: Instruction, kind: str) -> str:
    """Purpose and fiscal elements."""
    if instruction.details or instruction.main_voucher:
        raise ValueError("details are payments of their own in ISO 20022")
    free = "".join(f"<Ustrd>{escape(piece)}</Ustrd>" for piece in _pieces(instruction.purpose))
    pairs = list(pairs_of(instruction))
    if LAYOUTS[kind].supplementary:
        inner = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in pairs)
        remittance = f"<RmtInf>{free}</RmtInf>" if free else ""
        return (
            f"{remittance}<SplmtryData><Envlp>"
            f'<Fiscal xmlns="{FISCAL_NAMESPACE}">{inner}</Fiscal></Envlp></SplmtryData>'
        )
    structured = "".join(_structured(name, text) for name, text in pairs)
    return f"<RmtInf>{free}{structured}</RmtInf>"


def _structured(name: str, text: str) -> str:
    pieces = _pieces(text)
    if len(pieces) > _PIECES_MAX:
        raise ValueError(f"{name} is wider than the message allows")
    told = "".join(f"<AddtlRmtInf>{escape(piece)}</AddtlRmtInf>" for piece in pieces)
    kind = f"<CdOrPrtry><Prtry>{name}</Prtry></CdOrPrtry><Issr>{ISSUER}</Issr>"
    return f"<Strd><RfrdDocInf><Tp>{kind}</Tp></RfrdDocInf>{told}</Strd>"


def _pieces(text: str) -> list[str]:
    return [text[start : start + _PIECE] for start in range(0, len(text), _PIECE)]


def _agent(code: str, name: str = "") -> str:
    number = ""
    if code:
        number = (
            f"<ClrSysMmbId><ClrSysId><Cd>{BANK_NUMBERS}</Cd></ClrSysId>"
            f"{_text('MmbId', code, _ID_MAX)}</ClrSysMmbId>"
        )
    return f"<FinInstnId>{number}{_text('Nm', name, _NAME_MAX)}</FinInstnId>"


def _account(number: str) -> str:
    if not number:
        raise ValueError("the message needs the payer's account")
    return f"<Id><Othr>{_text('Id', number, 34)}</Othr></Id>"


def _text(name: str, text: str, most: int) -> str:
    if len(text) > most:
        raise ValueError(f"{name} is wider than the message allows")
    return f"<{name}>{escape(text)}</{name}>" if text else ""

"""Step 3, identify: who and what an instruction concerns, from the registers in memory."""

import re
from collections.abc import Iterator
from functools import lru_cache

from msgspec.structs import replace

from gateway.domain.codes import PayeeKind, Relation
from gateway.domain.folding import bare
from gateway.domain.identifiers import card_sound
from gateway.domain.instruction import Instruction, Payee
from gateway.domain.parties import Parties
from gateway.domain.registers import Account, Registers

_NOBODY: frozenset[str] = frozenset()
_CARD = re.compile("62[0-9]{14}|62[0-9]{17}")
"""A card of China UnionPay: sixteen or nineteen digits."""
_PERSONS_NAME = re.compile("[\u3400-\u9fff]{2,4}")
_OF_ORGANISATIONS = (
    "公司", "集团", "中心", "学校", "大学", "中学", "小学", "学院", "医院", "银行", "商店", "商行",
    "商场", "超市", "酒店", "饭店", "宾馆", "书店", "药店", "药房", "工厂", "农场", "协会", "学会",
    "工会", "支队", "大队", "委会", "政府",
)  # fmt: skip
"""How organisations of so short a name end."""


def as_known(instruction: Instruction, registers: Registers) -> Instruction:
    """With payer's and each payee's account as the registers spell it: what is judged and reserved
    by. What is forwarded stays as it was written."""
    payer = instruction.payer
    if not (
        registers.index.spelt
        or "-" in payer.account
        or any("-" in each.account for each in _payees(instruction))
    ):
        return instruction

    def known(payee: Payee) -> Payee:
        return replace(payee, account=registers.spelling_of(payee.account))

    details = tuple(replace(each, payee=known(each.payee)) for each in instruction.details)
    return replace(
        instruction,
        payer=replace(payer, account=registers.spelling_of(payer.account)),
        payee=known(instruction.payee),
        details=details,
    )


def identify(instruction: Instruction, registers: Registers) -> Parties:
    agency = registers.agencies.get(instruction.agency_code)
    payer_account = registers.account_of(instruction.payer.account)
    payee_account = registers.account_of(instruction.payee.account)
    payee_name = bare(instruction.payee.name)
    own_name = payee_name in _own_names(
        instruction.payer.name,
        instruction.agency_name,
        payer_account.name if payer_account else "",
        agency.name if agency else "",
    )
    return Parties(
        agency=agency,
        payer_account=payer_account,
        payee_account=payee_account,
        relation=_relation(
            instruction.agency_code, payee_account, "" if own_name else payee_name, registers
        ),
        own_name=own_name,
        indicator=registers.indicators.get(instruction.indicator_id),
        contract=registers.contracts.get(instruction.contract_no),
        approvals=tuple(
            registers.approvals[number]
            for number in instruction.approvals
            if number in registers.approvals
        ),
        personal=_personal(instruction, payee_account, registers),
    )


@lru_cache(maxsize=4096)
def _own_names(*names: str) -> frozenset[str]:
    """As the instruction states them and as they are filed: what it says of the payer is held
    against nothing else."""
    return frozenset([bare(name) for name in names if name])


def _personal(
    instruction: Instruction, payee: Account | None, registers: Registers
) -> frozenset[str]:
    """As they are written and as they are known: the one is recorded, by the other it is judged."""
    said = instruction.payee
    if not instruction.details and said.account == registers.spelling_of(said.account):
        known = registers.is_personal(said.account, payee) or _shows_a_person(said, registers)
        return frozenset((said.account,)) if known else _NOBODY
    spelt = {each.account: registers.spelling_of(each.account) for each in _payees(instruction)}
    found = registers.personal({*spelt.values()}) | {
        spelt[each.account]
        for each in _payees(instruction)
        if _shows_a_person(replace(each, account=spelt[each.account]), registers)
    }
    return found | {each for each, known in spelt.items() if known in found}


def _shows_a_person(payee: Payee, registers: Registers) -> bool:
    """Whom no register knows and the sender calls an organisation: a filed person's name, or a
    person's name on a bank card, is a person's all the same (Art. 10(3)12, 16)."""
    account = payee.account
    if (
        payee.kind is PayeeKind.PERSON
        or registers.account_of(account) is not None
        or registers.class_of(account) is not None
    ):
        return False
    name = bare(payee.name)
    if name in registers.index.person_names:
        return True
    return (
        _CARD.fullmatch(account) is not None
        and _PERSONS_NAME.fullmatch(name) is not None
        and not name.endswith(_OF_ORGANISATIONS)
        and card_sound(account)
    )


def _payees(instruction: Instruction) -> Iterator[Payee]:
    yield instruction.payee
    for detail in instruction.details:
        yield detail.payee


def _relation(agency: str, payee: Account | None, name: str, registers: Registers) -> Relation:
    """How the payee account's owner stands to the paying agency (Art. 10(3)11-13). An account that
    nobody filed is taken for that agency's whose name it bears; `name`: empty if it is our own."""
    if payee is not None:
        return _between(agency, payee.agency, registers)
    owners = registers.index.agencies_named.get(name)
    return _between(agency, owners[0], registers) if owners else Relation.UNREGISTERED


def _between(agency: str, owner: str, registers: Registers) -> Relation:
    if owner == agency:
        return Relation.OWN
    if owner in registers.superiors(agency):
        return Relation.SUPERIOR
    if agency in registers.superiors(owner):
        return Relation.SUBORDINATE
    return Relation.OTHER_AGENCY

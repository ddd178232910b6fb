"""Step 3, identify: who and what an instruction concerns, from the registers in memory."""

from collections.abc import Iterator

from msgspec.structs import replace

from gateway.domain.codes import Relation
from gateway.domain.instruction import Instruction, Payee
from gateway.domain.parties import Parties
from gateway.domain.registers import Account, Registers

_NOBODY: frozenset[str] = frozenset()


def as_known(instruction: Instruction, registers: Registers) -> Instruction:
    """With each payee's account as the registers spell it: what is judged and reserved by. What is
    recorded and forwarded stays as it was written."""
    if not any("-" in each.account for each in _payees(instruction)):
        return instruction

    def known(payee: Payee) -> Payee:
        return replace(payee, account=registers.spelling_of(payee.account))

    details = tuple(replace(each, payee=known(each.payee)) for each in instruction.details)
    return replace(instruction, payee=known(instruction.payee), details=details)


def identify(instruction: Instruction, registers: Registers) -> Parties:
    payee_account = registers.accounts.get(registers.spelling_of(instruction.payee.account))
    return Parties(
        agency=registers.agencies.get(instruction.agency_code),
        payer_account=registers.accounts.get(instruction.payer.account),
        payee_account=payee_account,
        relation=_relation(instruction.agency_code, payee_account, registers),
        indicator=registers.indicators.get(instruction.indicator_id),
        contract=registers.contracts.get(instruction.contract_no),
        approvals=tuple(
            registers.approvals[number]
            for number in instruction.approvals
            if number in registers.approvals
        ),
        personal=_personal(instruction, payee_account, registers),
    )


def _personal(
    instruction: Instruction, payee: Account | None, registers: Registers
) -> frozenset[str]:
    """As they are written and as they are known: the one is recorded, by the other it is judged."""
    account = instruction.payee.account
    if not instruction.details and "-" not in account:
        return frozenset((account,)) if registers.is_personal(account, payee) else _NOBODY
    accounts = {each.account for each in _payees(instruction)}
    known = {each: registers.spelling_of(each) for each in accounts}
    found = registers.personal({*known.values()})
    return found | {each for each in accounts if known[each] in found}


def _payees(instruction: Instruction) -> Iterator[Payee]:
    yield instruction.payee
    for detail in instruction.details:
        yield detail.payee


def _relation(agency: str, payee: Account | None, registers: Registers) -> Relation:
    """How the payee account's owner stands to the paying agency (Art. 10(3)11-13)."""
    if payee is None:
        return Relation.UNREGISTERED
    if payee.agency == agency:
        return Relation.OWN
    if payee.agency in registers.superiors(agency):
        return Relation.SUPERIOR
    if agency in registers.superiors(payee.agency):
        return Relation.SUBORDINATE
    return Relation.OTHER_AGENCY

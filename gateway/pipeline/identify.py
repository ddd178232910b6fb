"""Step 3, identify: who and what an instruction concerns, from the registers in memory."""

from gateway.domain.codes import Relation
from gateway.domain.instruction import Instruction
from gateway.domain.parties import Parties
from gateway.domain.registers import Account, Registers

_NOBODY: frozenset[str] = frozenset()


def identify(instruction: Instruction, registers: Registers) -> Parties:
    payee_account = registers.accounts.get(instruction.payee.account)
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
    account = instruction.payee.account
    if not instruction.details:
        return frozenset((account,)) if registers.is_personal(account, payee) else _NOBODY
    return registers.personal({account, *(each.payee.account for each in instruction.details)})


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

"""Which papers, approvals, contracts and filings stand behind an instruction (Art. 13, 17)."""

import datetime as dt
from collections.abc import Collection

from gateway.domain.codes import ApprovalKind, Evidence
from gateway.domain.folding import bare
from gateway.domain.instruction import Instruction
from gateway.domain.masking import plain_account
from gateway.domain.money import Fen
from gateway.domain.registers import Approval, Contract, Registers

_DOCUMENTS = {kind.value: kind for kind in Evidence}
_CLAIMABLE = frozenset({Evidence.CONTRACT, Evidence.SERVICE_FILING})
"""Papers that count only as registered with the bureau, whatever an instruction attaches."""

_NO_EVIDENCE: frozenset[Evidence] = frozenset()
_NO_APPROVALS: frozenset[ApprovalKind] = frozenset()


def evidence_of(
    instruction: Instruction, contract: Contract | None, registers: Registers
) -> frozenset[Evidence]:
    """Papers attached by reference, and those that only the bureau's registers can prove. A kind
    without number and digest refers to no paper."""
    if not instruction.documents and contract is None and instruction.exemption is None:
        return _NO_EVIDENCE
    papers = {
        _DOCUMENTS[d.kind]
        for d in instruction.documents
        if d.kind in _DOCUMENTS and (d.number or d.sha256)
    }
    papers -= _CLAIMABLE
    if contract and _covers(contract, instruction):
        papers.add(Evidence.CONTRACT)
    if instruction.exemption and _service_filed(instruction, registers):
        papers.add(Evidence.SERVICE_FILING)
    return frozenset(papers)


def contract_matches(instruction: Instruction, contract: Contract | None) -> bool:
    """The agency's own contract, and its supplier's name and account are the payee's."""
    payee = instruction.payee
    return (
        contract is not None
        and _own(contract, instruction)
        and _same_account(contract.account, instruction)
        and bare(contract.supplier) == bare(payee.name)
    )


def contract_remaining(contract: Contract | None) -> Fen | None:
    """What the contract's amount leaves after the bureau's own count of payments, in fen."""
    return Fen(max(0, contract.amount_fen - contract.paid_fen)) if contract else None


def rules_filed(agency: str, projects: Collection[str], registers: Registers) -> bool:
    """Whether the agency's internal rules of the special-fund project are filed (Art. 17).
    `projects`: as the instruction calls it, and as its indicator does."""
    filed = registers.index.rules_filed
    for project in projects:
        if (agency, project) in filed:
            return True
    return (agency, "") in filed


def approvals_of(
    instruction: Instruction, named: tuple[Approval, ...], on: dt.date
) -> frozenset[ApprovalKind]:
    if not named:
        return _NO_APPROVALS
    return frozenset([a.kind for a in named if applies(a, instruction, on)])


def applies(approval: Approval, instruction: Instruction, on: dt.date) -> bool:
    """An approval stands for this payment only: its agency, payee, item, time and remainder."""
    return (
        approval.agency == instruction.agency_code
        and (not approval.payee_account or _same_account(approval.payee_account, instruction))
        and instruction.dept_economic_code.startswith(approval.dept_economic_code or "")
        and approval.valid_from <= on <= approval.valid_to
        and instruction.amount_fen <= approval.amount_fen - approval.used_fen
    )


def _covers(contract: Contract, instruction: Instruction) -> bool:
    left = contract.amount_fen - contract.paid_fen
    return (
        _own(contract, instruction)
        and _same_account(contract.account, instruction)
        and instruction.amount_fen <= left
    )


def _same_account(account: str, instruction: Instruction) -> bool:
    """Hyphens are for the eye; registers and instructions may each be written with some."""
    return plain_account(account) == plain_account(instruction.payee.account)


def _own(contract: Contract, instruction: Instruction) -> bool:
    return contract.agency == instruction.agency_code


def _service_filed(instruction: Instruction, registers: Registers) -> bool:
    """A filed purchase of services of this agency: this contract's, or this project's."""
    agency, filed = instruction.agency_code, registers.index.services_filed
    contract, project = instruction.contract_no, instruction.project_code
    return bool(
        (contract and (agency, contract, "") in filed)
        or (project and (agency, "", project) in filed)
    )

"""What an instruction says by itself, as facts: for a trial at the desk, where no gateway is asked.

A test holds it equal to the gateway's own reading.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from gateway.domain.codes import PayeeKind, PaymentMethod, Settlement
from gateway.domain.facts import Source
from gateway.domain.folding import bare
from gateway.domain.instruction import Instruction, Payee, batch_main_of, level_of
from gateway.domain.masking import as_read
from gateway.domain.money import Fen
from policies.language.toml import read_toml
from policies.language.types import SCHEMA

_HUNDRED_YUAN_FEN = 10_000
_CASH = frozenset({Settlement.CASH, Settlement.CASH_CHEQUE})
_CLAUSES = frozenset({"when", "where", "key", "of", "match", "fact", "evidence", "approvals"})
"""Parts of a document that read facts."""
_PAPERS = frozenset({"evidence", "approvals"})


def said_by(instruction: Instruction) -> dict[str, Any]:
    """Values by the attributes of `Facts`, of all that needs no register to be known."""
    key, payer, payee = instruction.key, instruction.payer, instruction.payee
    most, cash, count = _persons(instruction)
    purpose = as_read(instruction.purpose)
    return {
        "division": key.division, "fiscal_year": key.fiscal_year,
        "voucher_type": key.voucher_type, "payment_method": instruction.payment_method,
        "settlement": instruction.settlement, "business_type": instruction.business_type,
        "amount": instruction.amount_fen, "agency_code": instruction.agency_code,
        "agency_name": instruction.agency_name, "payer_account": payer.account,
        "payer_name": payer.name, "payee_kind": payee.kind, "payee_account": payee.account,
        "payee_name": as_read(payee.name), "fund_code": instruction.fund_code or None,
        "functional_code": instruction.functional_code or None,
        "dept_economic_code": instruction.dept_economic_code or None,
        "gov_economic_code": instruction.gov_economic_code or None,
        "project_code": instruction.project_code or None,
        "purpose": purpose or None, "exemption": instruction.exemption,
        "cash_reason": instruction.cash_reason, "contract_no": instruction.contract_no or None,
        "purpose_bare": bare(purpose) or None, "purpose_length": len(bare(purpose)),
        "amount_is_hundreds": instruction.amount_fen % _HUNDRED_YUAN_FEN == 0,
        "functional_code_length": len(instruction.functional_code),
        "indicator_id": instruction.indicator_id, "division_level": level_of(key.division),
        "payee_named_as_payer": bool(payee.name)
        and bare(payee.name) in (bare(payer.name), bare(instruction.agency_name)),
        "batch_main": batch_main_of(instruction), "persons_count": count,
        "person_amount_max": most, "cash_per_person_max": cash,
    }  # fmt: skip


def base_of(instruction: Instruction) -> str:
    """The base case that is nearest: what is not known is taken from it."""
    if instruction.settlement in _CASH:
        return "cash_to_person"
    if instruction.payee.kind is PayeeKind.PERSON:
        return "transfer_to_person"
    direct = instruction.payment_method is PaymentMethod.DIRECT
    return "direct_transfer" if direct else "authorized_transfer"


def not_said(document: str, known: Mapping[str, Any]) -> list[str]:
    """Chinese names of the facts that a document's clauses read and `known` lacks; windows too."""
    content = read_toml(document)
    read = set(_read({name: part for name, part in content.items() if name != "test"}, False))
    found = [
        fact.zh for name, fact in SCHEMA.items()
        if name in read and fact.attribute not in known and fact.source is not Source.CLOCK
    ]  # fmt: skip
    return found + [f"窗口 {name}（此前的累计）" for name in content.get("window", {})]


def _read(part: Any, inside: bool) -> Iterator[str]:
    if isinstance(part, Mapping):
        for name, each in part.items():
            if name in _PAPERS and each:
                yield name
            yield from _read(each, inside or name in _CLAUSES)
    elif isinstance(part, list):
        for each in part:
            yield from _read(each, inside)
    elif inside and isinstance(part, str):
        yield from (name for name in SCHEMA if _names(part, name))


def _names(clause: str, name: str) -> bool:
    """Whether a clause names this fact: `payee.name` is not `name`, nor a part of `payee.names`."""
    at = clause.find(name)
    while at >= 0:
        before, after = clause[at - 1 : at], clause[at + len(name) : at + len(name) + 1]
        if not (_inner(before) or before == "." or _inner(after) or after == "."):
            return True
        at = clause.find(name, at + 1)
    return False


def _inner(letter: str) -> bool:
    return letter == "_" or (letter.isascii() and letter.isalnum())


def _persons(instruction: Instruction) -> tuple[Fen | None, Fen | None, int]:
    """The most that one person gets, in cash too, and how many persons there are."""
    paid: list[tuple[Payee, int]] = []
    if instruction.payee.kind is PayeeKind.PERSON:
        paid.append((instruction.payee, 0 if instruction.details else instruction.amount_fen))
    paid += [
        (each.payee, each.amount_fen)
        for each in instruction.details
        if each.payee.kind is PayeeKind.PERSON
    ]
    sums: dict[str, int] = defaultdict(int)
    for payee, amount in paid:
        if amount:
            sums[payee.person.id_number if payee.person else payee.account or payee.name] += amount
    most = Fen(max(sums.values())) if sums else None
    return most, most if instruction.settlement in _CASH else None, len(paid)

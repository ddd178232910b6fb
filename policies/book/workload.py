"""Work for the bench: lawful and forbidden instructions in a fixed mix, and a run over them."""

from collections.abc import Iterable
from typing import Any

from gateway.domain.codes import AccountClass, Evidence, Exemption, Relation
from gateway.domain.facts import Facts
from policies.book.book import Book
from policies.book.cases import CASES

_FORBIDDEN: dict[str, Any] = {
    "payee_account_class": AccountClass.REAL_FUND,
    "payee_relation": Relation.OWN,
    "payee_is_basic": True,
    "exemption": Exemption.SERVICE_PURCHASE,
    "evidence": frozenset({Evidence.CONTRACT, Evidence.INVOICE}),
}


def passing() -> tuple[Facts, ...]:
    """One lawful instruction of each base case."""
    return tuple(Facts(**values) for values in CASES.values())


def blocked() -> Facts:
    """A transfer to the own basic account whose exception lacks its filing (JL-020)."""
    return Facts(**(CASES["authorized_transfer"] | _FORBIDDEN))


def decide_all(book: Book, rows: Iterable[Facts]) -> int:
    """Decide them one by one; the number of findings, so that nothing is optimised away."""
    return sum(len(book.decide(row)) for row in rows)

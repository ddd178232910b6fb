"""A policy's clauses read out in Chinese: on its page, and where a draft changes them."""

from collections.abc import Mapping
from functools import cache

from policies.book.document import Policy
from policies.book.load import load_codes
from policies.form.conditions import kinds_of
from policies.form.words import sentence


def read_out(policy: Policy) -> dict[str, str]:
    """By place (`when.cash`, `cause.listed`, `unless.tax`): the clause in words, else as text."""
    kinds = kinds_of(policy.content)
    clauses = {f"when.{name}": clause for name, clause in policy.when}
    clauses |= {f"cause.{one.id}": one.when for one in policy.causes}
    clauses |= {f"unless.{one.id}": one.when for one in policy.unless}
    clauses |= {f"window.{one.name}": one.where for one in policy.windows}
    return {place: sentence(clause, kinds, _name_of) or clause for place, clause in clauses.items()}


def _name_of(table: str, code: str) -> str:
    return _names(table).get(code, "")


@cache
def _names(table: str) -> Mapping[str, str]:
    return {code: entries[-1].name for code, entries in load_codes()[table].codes.items()}

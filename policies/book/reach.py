"""Checks a policy's scope against the code lists: what no instruction can carry reaches nobody."""

from collections.abc import Iterator, Mapping

from policies.book.document import Policy
from policies.language.codelist import YEAR_MAX, CodeList
from policies.language.errors import Problem

FUNDS = "fund"
"""The code list of 资金性质."""


def unknown_funds(policy: Policy, codes: Mapping[str, CodeList]) -> Iterator[Problem]:
    """Classes in `scope.funds` that do not exist in every year in which the policy is in force."""
    first, last = policy.effective.first, policy.effective.last
    for code in sorted(policy.scope.funds):
        if not codes[FUNDS].valid(code, first.year, last.year if last else YEAR_MAX):
            yield Problem(
                place=f"{policy.place}.scope.funds",
                column=0,
                zh=f"施行期内没有资金性质 {code!r}",
                en=f"no fund code {code!r} in every year in force",
            )

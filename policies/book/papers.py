"""The evidence and approvals behind an exception: which suffice, which are missing."""

from enum import StrEnum

import attrs

from gateway.domain.codes import ApprovalKind, Evidence, Register
from gateway.domain.facts import Facts
from policies.language.errors import ClauseError, nearest
from policies.language.interpret import UNAVAILABLE, Truth, conjunction, disjunction
from policies.language.typed import Any, Constant, Expr, Overlaps
from policies.language.types import BOOL, SCHEMA

_PROVEN_BY = {
    Evidence.CONTRACT: Register.CONTRACTS,
    Evidence.SERVICE_FILING: Register.FILINGS,
}
"""Papers that a register proves; the others come with the instruction itself."""


@attrs.frozen(kw_only=True)
class Papers:
    """Alternatives, one of which must be there whole; no alternatives means nothing is needed."""

    kind: type[StrEnum]
    alternatives: tuple[tuple[str, ...], ...]

    @property
    def all_kinds(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(paper for one in self.alternatives for paper in one))

    @property
    def registers(self) -> frozenset[Register]:
        found = (self._register(paper) for paper in self.all_kinds)
        return frozenset(r for r in found if r is not None)

    def state(self, facts: Facts) -> Truth:
        """Whether they suffice; a paper whose register is unavailable is neither there nor not."""
        if not self.alternatives:
            return True
        return disjunction(
            conjunction(self._has(paper, facts) for paper in one) for one in self.alternatives
        )

    def missing(self, facts: Facts) -> tuple[str, ...]:
        """The fewest papers that would complete an alternative; the first of equals."""
        lacking = [
            tuple(p for p in one if self._has(p, facts) is False) for one in self.alternatives
        ]
        return min(lacking, key=len, default=())

    def expr(self) -> Expr:
        """The same as a condition for the generated code."""
        if not self.alternatives:
            return Constant(True, BOOL)
        fact = SCHEMA[self._fact]
        options = tuple(Overlaps(fact, frozenset(one), every=True) for one in self.alternatives)
        return options[0] if len(options) == 1 else Any(options)

    @property
    def _fact(self) -> str:
        return "evidence" if self.kind is Evidence else "approvals"

    def _register(self, paper: str) -> Register | None:
        if self.kind is ApprovalKind:
            return Register.APPROVALS
        return _PROVEN_BY.get(Evidence(paper))

    def _has(self, paper: str, facts: Facts) -> Truth:
        if self._register(paper) in facts.unavailable:
            return UNAVAILABLE
        held: frozenset[str] = getattr(facts, self._fact)
        return paper in held


def read_papers(text: str, kind: type[StrEnum]) -> Papers:
    """`a & b | c`: both of the first, or the last. Raises ClauseError at an unknown paper."""
    if not text.strip():
        return Papers(kind=kind, alternatives=())
    alternatives = []
    at = 1
    for option in text.split("|"):
        papers = []
        for written in option.split("&"):
            papers.append(_paper(written, kind, at + len(written) - len(written.lstrip())))
            at += len(written) + 1
        alternatives.append(tuple(papers))
    return Papers(kind=kind, alternatives=tuple(alternatives))


def _paper(written: str, kind: type[StrEnum], column: int) -> str:
    paper = written.strip()
    known = tuple(option.value for option in kind)
    if paper not in known:
        zh, en = nearest(paper, known)
        listed = ", ".join(known)
        raise ClauseError(
            column,
            f"没有材料 {paper!r}{zh}（可用：{listed}，以 & 和 | 连接）",
            f"no paper {paper!r}{en} (known: {listed}, joined by & and |)",
        )
    return paper

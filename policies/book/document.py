"""A policy as its document says it: one TOML file, read strictly, not yet compiled."""

import datetime as dt
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import attrs

from gateway.domain.codes import PaymentMethod
from gateway.domain.decision import Action, Light, Outcome
from gateway.domain.windows import Measure
from policies.language.typed import Constant, Value


class LowerLevels(StrEnum):
    """What a lower jurisdiction may do with a policy of a higher one."""

    NONE = "none"
    TIGHTEN = "tighten"
    REPLACE = "replace"


class Mender(StrEnum):
    AGENCY = "agency"
    BUREAU = "bureau"
    BANK = "bank"


class Stricter(StrEnum):
    """In which direction a parameter becomes stricter."""

    LOWER = "lower"
    HIGHER = "higher"


class Expected(StrEnum):
    """What an embedded test expects."""

    NONE = "none"
    RECORD = "record"
    WARN = "warn"
    HOLD = "hold"
    BLOCK = "block"


@attrs.frozen
class Wording:
    """The same sentence for two readers."""

    zh: str
    en: str


@attrs.frozen(kw_only=True)
class Law:
    document: str
    article: str
    """`13(3)1` is 第十三条（三）1; several are parted by `; `."""
    text: str
    """The words that the policy rests on, as printed."""
    digest: str
    """`sha256:` over `text` without white space."""


@attrs.frozen(kw_only=True)
class Scope:
    """Where a policy applies; an empty set means everywhere."""

    division: str
    """22 (province), 2201 (city), 220102 (county) or nine digits; prefix semantics."""
    payment_methods: frozenset[PaymentMethod]
    voucher_types: frozenset[str]
    funds: frozenset[str]
    """Classes of 资金性质 (11: 一般公共预算); all codes below them."""


@attrs.frozen(kw_only=True)
class Effective:
    first: dt.date
    last: dt.date | None
    """Inclusive; None while in force."""


@attrs.frozen(kw_only=True)
class Param:
    """A number or list that the bureau may change without touching the clauses."""

    name: str
    stricter: Stricter | None
    values: tuple[tuple[dt.date, Constant | tuple[Value, ...]], ...]
    """Each value with the first day on which it holds, in order of days."""


@attrs.frozen(kw_only=True)
class Cause:
    """One of several ways in which a policy is broken, each with its words and its article."""

    id: str
    article: str
    when: str
    wording: Wording
    action: Action
    """What it alone asks for: the policy's own action, or a milder one."""
    place: str
    row: Mapping[str, Constant | tuple[Value, ...]] = attrs.field(factory=dict)
    """The columns of a table's row, which the clause and the words may use as `row.x`."""


@attrs.frozen(kw_only=True)
class WindowRule:
    """What is summed or counted over the days before an instruction, and for whom."""

    name: str
    key: tuple[str, ...]
    """Facts whose values together name one sum: the agency, the payee."""
    where: str
    """Which instructions count."""
    measure: Measure
    of: str
    """The fact that is summed, or told apart; empty for a count."""
    days: int
    """Calendar days, today included."""
    counts: tuple[Outcome, ...]
    """Outcomes that count: passed, or passed and held."""
    place: str


@attrs.frozen(kw_only=True)
class Unless:
    """An exception: it holds when its condition, its evidence and its approvals all hold."""

    id: str
    article: str
    title: Wording
    when: str
    evidence: str
    """`a & b | c`: either both of the first or the last."""
    approvals: str
    place: str


@attrs.frozen(kw_only=True)
class Remark:
    """What a finding adds in one situation, such as an exception claimed in vain."""

    id: str
    when: str
    reason: Wording
    """Said after the policy's reason."""
    remedy: Wording | None
    """Said instead of the policy's remedy."""
    place: str


@attrs.frozen(kw_only=True)
class Test:
    """A case with its outcome, run whenever the book is loaded."""

    __test__ = False

    name: str
    base: str
    facts: Mapping[str, Any]
    absent: tuple[str, ...]
    unavailable: tuple[str, ...]
    windows: Mapping[str, Any]
    """Values of windows by name: money as text, counts as whole numbers."""
    on: dt.date | None
    outcome: Expected
    exception: str
    missing: tuple[str, ...]
    place: str


@attrs.frozen(kw_only=True)
class Policy:
    id: str
    revision: int
    title: Wording
    law: Law
    scope: Scope
    effective: Effective
    light: Light
    action: Action
    missing_evidence: Action
    on_unavailable: Action
    lower_levels_may: LowerLevels
    mender: Mender
    params: Mapping[str, Param]
    lists: Mapping[str, tuple[str, ...]]
    windows: tuple[WindowRule, ...]
    when: tuple[tuple[str, str], ...]
    causes: tuple[Cause, ...]
    unless: tuple[Unless, ...]
    reason: Wording
    remedy: Wording
    remarks: tuple[Remark, ...]
    tests: tuple[Test, ...]
    place: str
    content: Mapping[str, Any]
    """The TOML values themselves, from which the book's digest is made."""

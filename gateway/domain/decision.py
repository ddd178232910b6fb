"""A decision on an instruction, and the findings it rests on."""

from enum import StrEnum
from typing import Any

import attrs
import msgspec
import orjson


class Outcome(StrEnum):
    """放行 / 挂起 / 拦截."""

    PASS = "passed"  # noqa: S105
    HOLD = "held"
    BLOCK = "blocked"


class Action(StrEnum):
    """What a fired policy asks for, mildest first."""

    RECORD = "record"
    WARN = "warn"
    HOLD = "hold"
    BLOCK = "block"


class Light(StrEnum):
    """预警灯: RED intercept, ORANGE warn and ask for papers, YELLOW warn, BLUE record only."""

    RED = "red"
    ORANGE = "orange"
    YELLOW = "yellow"
    BLUE = "blue"


SEVERITY = {Action.RECORD: 0, Action.WARN: 1, Action.HOLD: 2, Action.BLOCK: 3}

_OUTCOME_OF = {
    Action.RECORD: Outcome.PASS,
    Action.WARN: Outcome.PASS,
    Action.HOLD: Outcome.HOLD,
    Action.BLOCK: Outcome.BLOCK,
}


@attrs.frozen(kw_only=True)
class Missing:
    """A paper or approval that would have made an exception hold."""

    kind: str
    """A value of Evidence or ApprovalKind."""
    zh: str
    en: str


@attrs.frozen(kw_only=True)
class NearException:
    """The exception that fitted the instruction but lacked its papers."""

    id: str
    article: str
    title_zh: str
    title_en: str


@attrs.frozen(kw_only=True)
class Finding:
    """One policy that fired: the law's name for what is wrong, in words its reader can act on.

    `reason_*` is already filled with the values that hit, personal values masked (Art. 28(3)).
    """

    policy: str
    revision: int
    article: str
    light: Light
    action: Action
    title_zh: str
    title_en: str
    reason_zh: str
    reason_en: str
    remedy_zh: str = ""
    remedy_en: str = ""
    mender: str = "agency"
    """Who can mend it: agency | bureau | bank."""
    exception: NearException | None = None
    missing: tuple[Missing, ...] = ()
    unavailable: tuple[str, ...] = ()
    """Registers or limits that could not be consulted; the finding then says so, not what is so."""
    detail: str = ""
    """Which detail of the voucher it is about; empty: the voucher as a whole."""


@attrs.frozen(kw_only=True)
class Basis:
    """What a decision rested on beside the instruction, the registers' version and the book.

    Kept with the decision, so that it can be replayed bit for bit.
    """

    windows: tuple[tuple[str, str, int], ...] = ()
    """Id, key and value of each window that the ledger told; all others were believed to be 0."""
    shorts: tuple[tuple[str, str, int], ...] = ()
    """Kind, id and what was left, in fen, of each limit that did not suffice."""
    wanted: tuple[tuple[int, int | None], ...] = ()
    """Of each of those, in fen, what was wanted and the cap on what may be spoken for."""
    unavailable: tuple[str, ...] = ()
    """Registers that could not be consulted at that moment."""
    overrides: tuple[tuple[str, int, str, tuple[str, ...]], ...] = ()
    """Policy, revision, detail and registers of each finding that the bureau's order set aside."""


NO_BASIS = Basis()


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    outcome: Outcome
    findings: tuple[Finding, ...]
    book_revision: str
    """Digest of the policy book that decided, so that the decision can be replayed."""
    registers_version: int
    basis: Basis = NO_BASIS
    withheld: tuple[str, ...] = ()
    """Details of a passed voucher that are not paid: the division takes parts of a batch."""


def outcome_of(findings: tuple[Finding, ...]) -> Outcome:
    """The most severe action wins; no finding is a pass."""
    if not findings:
        return Outcome.PASS
    worst = max((f.action for f in findings), key=SEVERITY.__getitem__)
    return _OUTCOME_OF[worst]


def finding_fields(finding: Finding) -> dict[str, Any]:
    """All of a finding by its fields' names: what `attrs.asdict` gives, a tenth as dear."""
    near = finding.exception
    return {
        "policy": finding.policy,
        "revision": finding.revision,
        "article": finding.article,
        "light": finding.light,
        "action": finding.action,
        "title_zh": finding.title_zh,
        "title_en": finding.title_en,
        "reason_zh": finding.reason_zh,
        "reason_en": finding.reason_en,
        "remedy_zh": finding.remedy_zh,
        "remedy_en": finding.remedy_en,
        "mender": finding.mender,
        "exception": near
        and {
            "id": near.id,
            "article": near.article,
            "title_zh": near.title_zh,
            "title_en": near.title_en,
        },
        "missing": [{"kind": m.kind, "zh": m.zh, "en": m.en} for m in finding.missing],
        "unavailable": finding.unavailable,
        "detail": finding.detail,
    }


def stored(decision: Decision) -> bytes:
    """A decision as it is kept in the ledger, and from which the answer is given again."""
    fields: dict[str, Any] = {
        "book": decision.book_revision,
        "findings": [finding_fields(f) for f in decision.findings],
        "outcome": decision.outcome,
        "registers": decision.registers_version,
    }
    if decision.basis is not NO_BASIS:
        fields["basis"] = attrs.asdict(decision.basis)
    if decision.withheld:
        fields["withheld"] = decision.withheld
    return orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)


def restored(raw: bytes) -> Decision:
    """The inverse of `stored`."""
    fields = orjson.loads(raw)
    basis = fields.get("basis")
    return Decision(
        outcome=Outcome(fields["outcome"]),
        findings=tuple(_finding(f) for f in fields["findings"]),
        book_revision=fields["book"],
        registers_version=fields["registers"],
        basis=_basis(basis) if basis else NO_BASIS,
        withheld=tuple(fields.get("withheld", ())),
    )


def _basis(fields: dict[str, Any]) -> Basis:
    rows = {name: tuple(map(tuple, fields[name])) for name in ("windows", "shorts", "wanted")}
    overrides = tuple((*names, tuple(lost)) for *names, lost in fields["overrides"])
    return Basis(**rows, unavailable=tuple(fields["unavailable"]), overrides=overrides)


def _finding(fields: dict[str, Any]) -> Finding:
    near = fields["exception"]
    return Finding(
        **{
            **fields,
            "light": Light(fields["light"]),
            "action": Action(fields["action"]),
            "exception": NearException(**near) if near else None,
            "missing": tuple(Missing(**m) for m in fields["missing"]),
            "unavailable": tuple(fields["unavailable"]),
        }
    )

"""What a record or a notice says, as far as the desk counts and lists it.

A glance never refuses: a record that was proven is evidence even if we cannot read it, and is then
counted as `unreadable`.
"""

import datetime as dt
import hashlib
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import msgspec

from gateway.domain.legal_day import legal_day
from gateway.domain.money import FEN_MAX

UNREADABLE = "unreadable"
SHOWN_CHARS_MAX = 200
INTERCEPTED = frozenset({"held", "blocked"})
PASSED = "passed"
RECORD = "record"
MILD = frozenset({"warn", RECORD})
"""Actions of findings that stop nothing; any other word counts as one that does."""
YEAR_MAX = 9999
YEARS = range(1970, 2200)
"""Of times that are told; a page must be able to show each in Beijing's time."""
_CONTROLS = dict.fromkeys(range(0x20), "\ufffd")
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class _Finding(msgspec.Struct):
    policy: str = ""
    action: str = ""
    reason_zh: str = ""


class _Agency(msgspec.Struct, frozen=True):
    code: str = ""
    name: str = ""


class _Payee(msgspec.Struct, frozen=True):
    name: str = ""
    """Absent where the payee is a person: the record then holds a commitment only."""


class Glance(msgspec.Struct):
    """The fields of a record (or notice) that the desk lists; the rest stays in the bytes."""

    kind: str
    seq: int = -1
    division: str = ""
    fiscal_year: int = 0
    voucher_type: str = ""
    voucher_no: str = ""
    outcome: str = ""
    bank_outcome: str = ""
    policy: str = ""
    findings: list[_Finding] = []
    agency: _Agency = _Agency()
    payee: _Payee = _Payee()
    amount_fen: int = 0
    notice_sha256: str | None = None
    recorded_at: int = 0
    """Microseconds since 1970, UTC; in a notice `decided_at`."""
    decided_at: int = 0

    @property
    def kind_shown(self) -> str:
        return shown(self.kind)

    @property
    def subject(self) -> str:
        """The instruction's identity as text; empty for records about something else."""
        if not self.voucher_no:
            return ""
        key = f"{self.division}/{self.fiscal_year}/{self.voucher_type}/{self.voucher_no}"
        return shown(key)

    @property
    def intercepted(self) -> bool:
        return self.outcome in INTERCEPTED and self._listed

    @property
    def warned(self) -> bool:
        """It passed, and somebody should look at it."""
        return self.outcome == PASSED and bool(warning_of(self)) and self._listed

    @property
    def _listed(self) -> bool:
        return (
            bool(self.voucher_no)
            and 0 < self.fiscal_year <= YEAR_MAX
            and 0 <= self.amount_fen <= FEN_MAX
        )


_DECODER = msgspec.json.Decoder(Glance)


def glance(body: bytes) -> Glance:
    """Read one record or notice; `kind` is `unreadable` if it is not one."""
    try:
        return _DECODER.decode(body)
    except (ValueError, RecursionError):
        return Glance(kind=UNREADABLE)


def tallied(glances: Iterable[Glance]) -> Counter[tuple[str, str]]:
    """How many records by kind, outcome, bank outcome and policy fired, and how many payments
    passed in which month."""
    counts: Counter[tuple[str, str]] = Counter()
    for one in glances:
        counts["kind", one.kind_shown] += 1
        if one.kind == "verdict":
            counts["outcome", shown(one.outcome)] += 1
            if one.outcome == PASSED:
                counts[PASSED, month_of(one.recorded_at)] += 1
        if one.bank_outcome:
            counts["bank_outcome", shown(one.bank_outcome)] += 1
        if one.findings or one.policy:
            counts.update(("policy", policy) for policy in policies_of(one))
    return counts


def policies_of(one: Glance) -> list[str]:
    """Each policy once, in the order of the findings (the most severe first)."""
    fired = [finding.policy for finding in one.findings if finding.policy]
    return [shown(p) for p in dict.fromkeys([*fired, one.policy] if one.policy else fired)]


def refusing_of(one: Glance) -> list[str]:
    """Those of them that stopped the payment; a hint beside them is for the card alone."""
    stopping = [f.policy for f in one.findings if f.policy and f.action not in MILD]
    return [shown(policy) for policy in dict.fromkeys(stopping)] or policies_of(one)


def warning_of(one: Glance) -> list[str]:
    """The policies that warned of it, or for which details of it are withheld, each once; a finding
    that is recorded only is none."""
    return [shown(policy) for policy in dict.fromkeys(f.policy for f in _warnings(one))]


def _warnings(one: Glance) -> list[_Finding]:
    """Those of withheld details first: of a payment that passed only they are more than mild."""
    found = [f for f in one.findings if f.policy and f.action != RECORD]
    return sorted(found, key=lambda f: f.action in MILD)


def shown(text: str, chars_max: int = SHOWN_CHARS_MAX) -> str:
    """Text as a list may hold it: bounded, and with no control character in it."""
    if len(text) <= chars_max and text.isprintable():
        return text
    return text[:chars_max].translate(_CONTROLS)


def recorded_interceptions(division: str, glances: Iterable[Glance]) -> list[tuple[Any, ...]]:
    """Rows of `note_records`: the verdicts that did not pass, the last one of each instruction."""
    rows = {
        (one.fiscal_year, one.voucher_type, one.voucher_no): (
            *_line(one, one.recorded_at),
            _digest(one.notice_sha256),
            one.seq,
        )
        for one in glances
        if one.kind == "verdict" and one.intercepted and one.division == division
    }
    return _once(rows.values())


def recorded_warnings(division: str, glances: Iterable[Glance]) -> list[tuple[Any, ...]]:
    """Rows of `note_warnings`: the verdicts that passed with a warning, each instruction once."""
    return _once(
        (
            one.fiscal_year, shown(one.voucher_type), shown(one.voucher_no),
            shown(one.agency.code), shown(one.agency.name), shown(one.payee.name), one.amount_fen,
            " ".join(warning_of(one)),
            shown(_warnings(one)[0].reason_zh),
            moment(one.recorded_at), one.seq,
        )
        for one in glances
        if one.kind == "verdict" and one.warned and one.division == division
    )  # fmt: skip


def _once(rows: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Two texts may be shown alike, and a row cannot be merged twice in one statement. Sorted, so
    that this and the notices of the moment lock the rows in one order."""
    shown_once = {row[:3]: row for row in rows}
    return [shown_once[key] for key in sorted(shown_once)]


def noticed_interception(division: str, body: bytes) -> tuple[Any, ...] | None:
    """The row of `note_notices`; None if the notice is not one of an interception."""
    one = glance(body)
    if one.kind != "interception" or not one.intercepted or one.division != division:
        return None
    return (*_line(one, one.decided_at), hashlib.sha256(body).digest())


def _line(one: Glance, at: int) -> tuple[Any, ...]:
    """Year, type, number, outcome, agency, its name, payee, fen, policies, reason, moment."""
    return (
        one.fiscal_year, shown(one.voucher_type), shown(one.voucher_no), one.outcome,
        shown(one.agency.code), shown(one.agency.name), shown(one.payee.name), one.amount_fen,
        " ".join(refusing_of(one)), shown(one.findings[0].reason_zh if one.findings else ""),
        moment(at),
    )  # fmt: skip


def moment(microseconds: int) -> dt.datetime:
    """UTC; a number outside the calendar becomes 1970 rather than a failure."""
    try:
        found = _EPOCH + dt.timedelta(microseconds=microseconds)
    except OverflowError:
        return _EPOCH
    return found if found.year in YEARS else _EPOCH


def month_of(microseconds: int) -> str:
    """`2026-03`, in Beijing."""
    return _month_of_hour(microseconds // 3_600_000_000)


@lru_cache(maxsize=1024)
def _month_of_hour(hour: int) -> str:
    return f"{legal_day(moment(hour * 3_600_000_000)):%Y-%m}"


def _digest(text: str | None) -> bytes | None:
    try:
        digest = bytes.fromhex(text or "")
    except ValueError:
        return None
    return digest if len(digest) == 32 else None

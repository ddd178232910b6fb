"""What a bank's log may put into a division's lists: its own division's, and nothing impossible."""

from typing import Any

import orjson
import pytest

from bureau.inbox.glance import (
    UNREADABLE,
    Glance,
    glance,
    noticed_interception,
    recorded_interceptions,
    recorded_warnings,
)
from gateway.domain.money import FEN_MAX
from gateway.domain.records import numbered
from tests.bureau.words import DIVISION, finding, notice, verdict

OTHER = "220100000"
WARNED: dict[str, Any] = {"findings": [finding(action="warn", reason_zh="请核对")]}


def told_of(number: int, outcome: str = "passed", **more: Any) -> Glance:
    return glance(numbered(verdict(number, outcome, **more), number))


def listed(**more: Any) -> tuple[int, int, bool]:
    """How many interceptions, warnings, and whether a notice."""
    held, warned = told_of(1, "held", **more), told_of(2, **WARNED, **more)
    return (
        len(recorded_interceptions(DIVISION, [held, warned])),
        len(recorded_warnings(DIVISION, [held, warned])),
        noticed_interception(DIVISION, notice(1, **more)) is not None,
    )


def test_what_a_log_says_of_another_division_stands_in_no_list_of_this_one() -> None:
    assert listed() == (1, 1, True)
    assert listed(division=OTHER) == (0, 0, False)
    assert listed(kind="release") == (0, 0, False)


@pytest.mark.parametrize(
    "more",
    [
        {"amount_fen": FEN_MAX + 1}, {"amount_fen": -1}, {"fiscal_year": 0},
        {"fiscal_year": 10_000}, {"voucher_no": ""},
    ],
)  # fmt: skip
def test_what_no_list_can_hold_stands_in_none(more: dict[str, Any]) -> None:
    assert listed(**more) == (0, 0, False)
    assert listed(amount_fen=FEN_MAX, fiscal_year=9999) == (1, 1, True)


@pytest.mark.parametrize(("told", "kept"), [("ab" * 32, True), ("ab" * 31, False), ("x", False)])
def test_a_digest_that_is_none_is_not_held_against_a_notice(told: str, kept: bool) -> None:
    ((*_, digest, _),) = recorded_interceptions(DIVISION, [told_of(1, "held", notice_sha256=told)])
    assert (digest == bytes.fromhex("ab" * 32)) is kept and (digest is None) is not kept


def test_what_was_decided_twice_is_listed_once_as_it_ended_and_in_one_order() -> None:
    rows = [told_of(n, outcome) for n, outcome in ((2, "held"), (1, "held"), (2, "blocked"))]
    found = recorded_interceptions(DIVISION, rows)
    assert [(row[2], row[3]) for row in found] == [(f"{1:013d}", "held"), (f"{2:013d}", "blocked")]


def test_what_is_no_record_is_counted_as_one_that_cannot_be_read() -> None:
    for body in (b"", b"[]", b"[" * 9_999, orjson.dumps({"kind": 5})):
        assert glance(body).kind == UNREADABLE

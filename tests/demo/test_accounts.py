"""The accounts of a day close on what the bank holds, also where it was too busy to take all."""

from typing import Any

import pytest

from deploy.demo.accounts import Books, _equations
from deploy.demo.chancery import Decided


@pytest.mark.parametrize(
    ("submissions", "lost", "outcomes", "closed"),
    [
        (548, 0, {"accepted": 548}, True),
        # A core that was away for a moment: those are settled as never taken, and told so.
        (536, 0, {"accepted": 536, "not_taken": 12}, True),
        # What it dropped without a word was forwarded too, and is settled as never taken.
        (548, 4, {"accepted": 544, "not_taken": 4}, True),
        (540, 4, {"accepted": 536, "not_taken": 12}, True),
        (548, 4, {"accepted": 548}, False),
        (548, 0, {"accepted": 536, "not_taken": 12}, False),  # taken, and told otherwise
        (536, 0, {"accepted": 536}, False),
    ],
)
def test_what_the_bank_never_took_is_counted_beside_what_was_forwarded(
    submissions: int, lost: int, outcomes: dict[str, int], closed: bool
) -> None:
    counts = dict.fromkeys(
        ("received", "held", "blocked", "faults", "conflicts", "released", "refused", "notices",
         "records", "delivered"), 0,
    ) | {"passed": 548, "forwarded": submissions}  # fmt: skip
    bureau: dict[str, Any] = {
        "verdicts": {"passed": 548, "held": 0, "blocked": 0}, "kinds": {}, "gaps": 0,
        "bank_outcomes": outcomes,
    }  # fmt: skip
    books = Books(
        journal={"effects": [], "lost": lost}, backlog={}, bureau=bureau,
        decided=Decided(released=set(), refused=set(), untouched=set()),
    )  # fmt: skip
    [taken] = [e for e in _equations((), (), counts, books) if "forwarded" in e.name]
    assert taken.holds is closed

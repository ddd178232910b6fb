"""What a close may say of the bank's part, between what its records prove and what was sent."""

from typing import Any

import pytest

from gateway.verifying.close import _Found, _possible

FOUND = _Found(sent=[4, 400], accepted=[1, 100], refused=[1, 50])
"""Four were sent; the bank took one of 100 and refused one of 50; of two nothing is known yet."""
SAID = {"accepted": 2, "accepted_fen": 200, "passed": 4, "rejected": 1, "unknown": 1}


@pytest.mark.parametrize(
    ("other", "may"),
    [
        ({}, True),
        ({"accepted": 3, "accepted_fen": 350, "unknown": 0}, True),
        ({"accepted": 1, "accepted_fen": 100, "rejected": 3, "unknown": 0}, True),
        ({"accepted": 0, "accepted_fen": 100, "unknown": 3}, False),
        ({"accepted": 4, "accepted_fen": 350, "rejected": 0, "unknown": 0}, False),
        ({"accepted_fen": 99}, False),
        ({"accepted_fen": 351}, False),
        ({"rejected": 0, "unknown": 2}, False),
        ({"accepted": 1, "accepted_fen": 100, "rejected": 4, "unknown": 0}, False),
        ({"unknown": 0}, False),
        ({"unknown": 2}, False),
        ({"passed": 3}, True),
    ],
)
def test_what_records_prove_bounds_what_a_close_may_say(other: dict[str, Any], may: bool) -> None:
    assert _possible(SAID | other, FOUND) is may

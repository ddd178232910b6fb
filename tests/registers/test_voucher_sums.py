"""Limit notices in any order and number: the plan is what they come to, and never below nothing."""

from collections import defaultdict

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.codes import PaymentMethod, Register
from gateway.domain.faults import Unreadable
from gateway.domain.register_feed import plan_key
from gateway.domain.register_vouchers import METHODS, Standing, puts_of
from gateway.domain.registers import Indicator, Plan, plan_scope
from gateway.domain.vouchers import QuotaNotice
from tests.examples import examples
from tests.registers.feeds import INDICATOR, feed, snapshot
from tests.registers.test_vouchers import line, notice

IDS = ("IND-1", "IND-2")
_indicator = msgspec.json.Decoder(Indicator).decode
INDICATORS = tuple(
    _indicator(body)
    for body in feed(
        snapshot(indicators=[INDICATOR | {"id": id, "project_code": id} for id in IDS])
    ).puts[Register.INDICATORS].values()
)  # fmt: skip

Key = tuple[str, PaymentMethod, int]
amounts = st.integers(-500, 700).filter(bool)
lines = st.tuples(st.sampled_from(IDS), amounts, st.booleans())
notices = st.tuples(
    st.sampled_from(sorted(METHODS)), st.integers(1, 12), st.lists(lines, min_size=1, max_size=4)
)


@given(st.lists(notices, min_size=1, max_size=6))
@examples(200)
def test_a_plan_is_the_sum_of_the_notices_that_were_taken_and_never_below_nothing(
    sent: list[tuple[str, int, list[tuple[str, int, bool]]]],
) -> None:
    plans: dict[str, Plan] = {}
    expected: dict[Key, int] = defaultdict(int)
    for number, (kind, month, rows) in enumerate(sent):
        after, fits = dict(expected), True
        for id, amount, _ in rows:
            key = id, METHODS[kind], month
            after[key] = after.get(key, 0) + amount
            fits &= after[key] >= 0
        voucher = _notice(kind, str(number), month, rows)
        standing = Standing(indicators=INDICATORS, plans=plans, agencies={}, codes={})
        try:
            puts = puts_of([voucher], standing)[Register.PLANS]
        except Unreadable as refused:
            assert not fits and {error.code for error in refused.errors} == {"below_zero"}
            continue
        assert fits
        expected = defaultdict(int, after)
        plans |= {key: msgspec.json.decode(body, type=Plan) for key, body in puts.items()}
    held = {
        plan_key(plan_scope(id, method), month): amount
        for (id, method, month), amount in expected.items()
    }
    assert {key: plan.amount_fen for key, plan in plans.items()} == held


def _notice(kind: str, number: str, month: int, rows: list[tuple[str, int, bool]]) -> QuotaNotice:
    """Half of the lines name their indicator, the others are told by their project."""
    made = [
        line(str(place), amount, project_code=id, indicator=id if named else "")
        for place, (id, amount, named) in enumerate(rows)
    ]
    return notice(number, *made, kind=kind, month=f"{month:02}")

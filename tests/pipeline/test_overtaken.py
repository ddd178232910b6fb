"""What other gateways overtake again and again, and what no record could hold."""

from typing import Any

import attrs
import pytest

from gateway.domain.decision import Outcome
from gateway.domain.faults import FaultCode, Unreadable, Unready
from gateway.domain.ledger import Admission, Admitted
from gateway.pipeline.line import ROUNDS_SURE, Line
from tests.pipeline.fakes import FixedClock, instruction, received
from tests.pipeline.test_line_rounds import RestlessLedger, street_of


class BusyLedger(RestlessLedger):
    """Other gateways overtake this one so many times, each time within so many seconds."""

    def __init__(self, state: Any, diary: list[str], clock: FixedClock, took_s: float) -> None:
        super().__init__(state, diary)
        self._clock, self._took_s = clock, took_s

    async def admit(self, admission: Admission) -> Any:
        self._clock.ticks += self._took_s
        if self._diary.count("admit") < 30:
            return await super().admit(admission)
        return Admitted()


async def test_who_is_overtaken_by_other_gateways_again_and_again_is_not_turned_away() -> None:
    """Three on one window overtake one another more than eight times in one payment of 250."""
    street = await street_of(instruction(), cash_max=10**9)
    clock = FixedClock()
    busy = BusyLedger(street.state, street.diary, clock, took_s=0.004)
    line = Line(attrs.evolve(street.line._rooms, ledger=busy, clock=clock))
    answer = await line.carry(received())
    assert answer.decision.outcome is Outcome.PASS and len(street.bank.submitted) == 1


async def test_on_a_slow_database_it_ends_before_it_is_too_late_to_forward() -> None:
    street = await street_of(instruction(), cash_max=10**9)
    clock = FixedClock()
    busy = BusyLedger(street.state, street.diary, clock, took_s=0.2)
    line = Line(attrs.evolve(street.line._rooms, ledger=busy, clock=clock))
    with pytest.raises(Unready) as caught:
        await line.carry(received())
    assert caught.value.code is FaultCode.OVERLOADED
    assert street.diary == ["admit"] * ROUNDS_SURE


async def test_what_no_record_could_hold_is_not_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    """A record that the bureau does not take would keep all that come after it from it."""
    street = await street_of(instruction())
    monkeypatch.setattr("gateway.pipeline.line.TOLD_BYTES_MAX", 100)
    with pytest.raises(Unreadable) as caught:
        await street.line.carry(received())
    assert caught.value.code is FaultCode.BODY_TOO_LARGE
    assert street.diary == []

"""A database that came back from an older copy: nothing of that division is passed (0065)."""

import pytest

from gateway.domain.bank import BankOutcome
from gateway.domain.faults import FaultCode, Unready
from gateway.domain.holds import name_of
from gateway.domain.ledger import Settled
from gateway.domain.parties import sender_of
from gateway.domain.releases import Verdict
from tests.pipeline.test_line import DIVISION, Street, instruction, received
from tests.pipeline.test_release import HELD, Counter


def shut(street: Street) -> dict[str, str]:
    """What the deliverer writes down once the bureau has said how much it holds."""
    behind = street.line._rooms.behind
    assert isinstance(behind, dict)
    behind[DIVISION] = "it was restored from an older copy"
    return behind


async def test_a_database_that_forgot_what_it_passed_passes_nothing() -> None:
    street = await Street(instruction()).open()
    behind = shut(street)
    with pytest.raises(Unready, match="older copy") as refused:
        await street.line.carry(received())
    assert refused.value.code is FaultCode.LEDGER_UNAVAILABLE and refused.value.status == 503
    assert street.diary == [] and DIVISION not in street.state.pending
    behind.clear()
    assert (await street.line.carry(received())).bank is BankOutcome.ACCEPTED


@pytest.mark.parametrize("verdict", Verdict)
async def test_over_a_database_that_forgot_what_it_passed_every_order_waits(
    verdict: Verdict,
) -> None:
    """Also a refusal: what stands there as held may be released and paid."""
    counter = await Counter.holding()
    overrides = (name_of(HELD),) if verdict is Verdict.RELEASE else ()
    order = await counter.order(overrides, verdict=verdict)
    behind = shut(counter.street)
    with pytest.raises(Unready, match="older copy"):
        await counter.release.carry_out(order)
    assert counter.street.diary == [] and not counter.street.state.hold_ends
    behind.clear()
    came_to = await counter.release.carry_out(order)
    assert isinstance(came_to, Settled) is (verdict is Verdict.RELEASE)
    assert counter.street.state.hold_ends


async def test_of_a_whole_message_the_bank_is_handed_nothing_either() -> None:
    street = await Street(instruction()).open()
    sender = sender_of(f"spiffe://treasury.test/channel/{DIVISION}/counter")
    assert sender
    behind = shut(street)
    with pytest.raises(Unready, match="older copy"):
        street.line.refuse_outsiders(sender)
    behind.clear()
    street.line.refuse_outsiders(sender)

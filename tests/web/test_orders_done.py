"""An order that was done is done: whatever the tables say, the log tells of its end."""

from typing import Any

import pytest

from gateway.domain.ledger import RecordDraft
from gateway.domain.records import canonical
from gateway.domain.releases import read_order
from gateway.web.releases import Given
from tests.memory.holds import MemoryHolds
from tests.memory.ledger import MemoryLedger
from tests.pipeline.fakes import DIVISION
from tests.web.test_release_counter import BUREAU, Desk, Seals, decision, feed, order, sealed


@pytest.mark.parametrize(
    ("told", "stands"),
    [
        ({"what": "released", "order_sha256": "own"}, False),
        ({"what": "withdrawn"}, False),
        ({"what": "refused", "order_sha256": "0" * 64}, False),
        ({"what": "not_carried_out", "order_sha256": "own"}, False),
        ({"what": "not_carried_out", "order_sha256": "0" * 64}, True),
        ({"what": "voided", "order_sha256": "0" * 64}, True),
        ({"what": 1}, False),
    ],
)
async def test_an_order_whose_end_the_log_tells_of_is_not_to_be_done_again(
    told: dict[str, Any], stands: bool
) -> None:
    """The ledger has order and hold as open: somebody has taken away what became of them."""
    desk, raw = Desk(), feed([order(decision())])
    await desk.hand_in(raw, signature=sealed(BUREAU, raw))
    [(division, body)] = [(d, body) for (d, _), body in desk.state.open_releases.items()]
    read = read_order(body)
    fields = {name: read.digest.hex() if value == "own" else value for name, value in told.items()}
    ledger = MemoryLedger(desk.state, instance="gw")
    draft = RecordDraft(kind="release", subject=str(read.key), body=canonical(fields))
    ledger.pend(division, draft)
    given = Given(MemoryHolds(desk.state, ledger), Seals(), {DIVISION: BUREAU})
    assert (await given(read, body) == "") is stands
    desk.state.open_releases.clear()
    assert await given(read, body) == "", "done by another process: nothing speaks against it"

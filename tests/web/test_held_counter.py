"""The counter where the bureau reads what was taken from it: who may, and how much at once."""

from typing import Any

import orjson
import pytest

from gateway.domain.faults import FaultCode, Unproven, Unreadable
from gateway.domain.instruction import Received
from gateway.domain.parties import Sender, sender_of
from gateway.domain.records import canonical
from gateway.web.entitled import Entitled
from gateway.web.held import ANSWER_BYTES_MAX, HeldCounter
from tests.memory.holds import MemoryHolds
from tests.memory.ledger import MemoryLedger
from tests.memory.state import MemoryState
from tests.pipeline.fakes import DIVISION, NOW, FixedClock, OpenGate
from tests.web.test_release_counter import BUREAU

OTHER = "spiffe://treasury.test/bureau/220100000"
CHANNEL = f"spiffe://treasury.test/channel/{DIVISION}/x"


class Carried(OpenGate):
    """Signed by the bureau, whoever brings it."""

    def authenticate(self, received: Received, now: Any) -> Sender:
        sender = sender_of(BUREAU)
        assert sender
        return sender


async def asked(
    state: MemoryState, party: str = BUREAU, gate: OpenGate | None = None, **changes: Any
) -> Any:
    holds = MemoryHolds(state, MemoryLedger(state, instance="gw"))
    bureaus = {DIVISION: BUREAU, "220100000": OTHER}
    entitled = Entitled(gatekeeper=gate or OpenGate(), clock=FixedClock(), bureaus=bureaus)
    fields = {"division": DIVISION, "kind": "held", "of": "releases", "since": 1} | changes
    raw = canonical({name: value for name, value in fields.items() if value is not None})
    told = Received(raw=raw, format="json", signature="s", party=party)
    return orjson.loads(await HeldCounter(holds, entitled).take(told, {}))


async def taken(*bodies: bytes) -> MemoryState:
    state = MemoryState()
    holds = MemoryHolds(state, MemoryLedger(state, instance="gw"))
    for version, body in enumerate(bodies, 1):
        signed = body, f"jws {version}", BUREAU
        assert await holds.take_feed(DIVISION, version, signed, [], [], NOW)
    return state


async def test_feeds_are_handed_back_as_they_came() -> None:
    state = await taken('{"理由":"一"}'.encode(), b"{ }")
    told = await asked(state)
    assert told["version"] == 2 and told["feeds"] == [
        {"body": '{"理由":"一"}', "signature": "jws 1", "version": 1},
        {"body": "{ }", "signature": "jws 2", "version": 2},
    ]
    assert [feed["version"] for feed in (await asked(state, since=2))["feeds"]] == [2]
    assert await asked(state, since=3) == told | {"feeds": []}


async def test_an_answer_holds_as_many_as_fit_and_always_one() -> None:
    large = b" " * (ANSWER_BYTES_MAX // 2)
    state = await taken(large, large, large, large)
    assert [feed["version"] for feed in (await asked(state))["feeds"]] == [1, 2, 3]
    assert [feed["version"] for feed in (await asked(state, since=4))["feeds"]] == [4]


@pytest.mark.parametrize("party", [OTHER, CHANNEL, "spiffe://treasury.test/bank/103"])
async def test_nobody_reads_another_bureaus_feeds(party: str) -> None:
    with pytest.raises(Unproven):
        await asked(await taken(b"{}"), party)


@pytest.mark.parametrize("party", [CHANNEL, OTHER])
async def test_a_question_that_somebody_else_brings_is_not_answered(party: str) -> None:
    with pytest.raises(Unproven) as caught:
        await asked(await taken(b"{}"), party, Carried())
    assert caught.value.code is FaultCode.SENDER_NOT_ENTITLED


@pytest.mark.parametrize(
    "changes",
    [{"kind": "releases"}, {"of": "registers"}, {"since": 0}, {"since": 2**63}, {"since": "1"},
     {"since": None}, {"more": 1}, {"division": "x"}],
)  # fmt: skip
async def test_what_is_no_question_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(Unreadable) as caught:
        await asked(await taken(b"{}"), **changes)
    assert caught.value.code is FaultCode.FEED_INVALID


async def test_a_question_that_is_nested_without_end_is_none() -> None:
    raw = canonical({"division": DIVISION, "kind": "held", "more": "", "since": 1})
    raw = raw.replace(b'""', b"[" * 100_000 + b"]" * 100_000)
    entitled = Entitled(gatekeeper=OpenGate(), clock=FixedClock(), bureaus={DIVISION: BUREAU})
    state = MemoryState()
    counter = HeldCounter(MemoryHolds(state, MemoryLedger(state, instance="gw")), entitled)
    with pytest.raises(Unreadable):
        await counter.take(Received(raw=raw, format="json", signature="s", party=BUREAU), {})

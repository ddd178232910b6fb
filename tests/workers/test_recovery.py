"""After any outage each record comes once: a bureau down, restored, emptied; our copy too old."""

import asyncio
import copy
from typing import Any

import pytest
import structlog

from gateway.domain.faults import BureauUnavailable, BureauUnproven
from gateway.domain.ledger import RecordDraft
from gateway.domain.log import Cosigned
from gateway.domain.records import unnumbered
from gateway.pipeline.tell import Origin
from gateway.workers.deliver import RETRY_S_MAX
from gateway.workers.seal import Sealing
from tests.workers.test_deliver import GATEWAY, HERE, THERE, Post


async def test_a_bureau_restored_from_an_older_copy_is_told_again_without_a_duplicate() -> None:
    """To a size that it had cosigned, and to nothing at all; more than one delivery wide."""
    for nothing in (False, True):
        post = Post()
        bureau = post.bureaus[HERE]
        older = bureau.backup()
        await post.write(count=3)
        await post.worker.deliver(HERE)
        if not nothing:
            older = bureau.backup()
        for _ in range(3):
            await post.write(count=50)
            await post.worker.deliver(HERE)
        bureau.restore(older)
        await post.write(count=1)
        with structlog.testing.capture_logs() as told:
            assert await post.worker.deliver(HERE) == (154 if nothing else 151)
        assert [line["event"] for line in told] == ["bureau.rolled_back", "bureau.caught_up"]
        assert bureau.held == list(range(154)) and post.acknowledged() == 154
        await post.write(count=2)
        assert await post.worker.deliver(HERE) == 2, "and then goes on as ever"


async def test_a_bureau_that_falls_back_again_and_again_is_asked_with_pauses() -> None:
    post = Post()
    await post.write()
    await post.worker.deliver(HERE)
    await post.write()
    post.answers(Cosigned(size=0, checkpoint=""))
    with structlog.testing.capture_logs() as told:
        async with asyncio.timeout(60):
            pauses = [
                await post.worker.guarded("records", HERE, post.worker.deliver) for _ in range(6)
            ]
    assert pauses[-1] == RETRY_S_MAX and all(pause >= 1 for pause in pauses)
    assert [line["event"] for line in told].count("delivery.refused") <= 1
    post.clock.ticks += 61
    with structlog.testing.capture_logs() as told:
        await post.worker.guarded("records", HERE, post.worker.deliver)
    assert "delivery.refused" in [line["event"] for line in told]
    assert post.acknowledged() == 3


async def test_a_bureau_that_cannot_be_reached_says_why_until_it_is_told() -> None:
    post = Post()
    await post.write()
    post.bureaus[HERE].down = True
    await post.worker.guarded("records", HERE, post.worker.deliver)
    assert post.worker.postponed == {HERE: "silent"} and not post.worker.troubles
    post.bureaus[HERE].down = False
    await post.worker.guarded("records", HERE, post.worker.deliver)
    assert post.worker.postponed == {}


async def test_an_older_state_that_the_bureau_never_signed_is_not_followed() -> None:
    post = Post()
    await post.write()
    await post.worker.deliver(HERE)
    unsigned = post.state.logs[HERE].checkpoints[3].text
    await post.write()
    await post.worker.deliver(HERE)
    await post.write()
    for lie in (Cosigned(size=3, checkpoint=unsigned), Cosigned(size=3, checkpoint="")):
        post.answers(lie)
        with structlog.testing.capture_logs() as told, pytest.raises(BureauUnproven):
            await post.worker.deliver(HERE)
        assert told == [], "nothing is told again on its word"
    assert post.acknowledged() == 6


async def test_after_an_outage_of_days_everything_comes_once_and_in_order() -> None:
    post = Post()
    bureau = post.bureaus[HERE]
    bureau.down = True
    for _ in range(40):
        await post.write(count=100)
        with pytest.raises(BureauUnavailable):
            await post.worker.deliver(HERE)
    bureau.down = False
    assert await post.worker.deliver(HERE) == 4000
    assert bureau.held == list(range(4000)) and post.acknowledged() == 4000


async def test_a_bureau_that_holds_more_than_we_do_stops_our_sealing_and_nothing_else() -> None:
    """Our database came back from an older copy: to seal on would sign a second history."""
    post = Post()
    await post.write(count=4)
    await post.worker.deliver(HERE)
    older = copy.deepcopy((post.state.logs, post.state.pending))
    await post.write(count=4)
    await post.worker.deliver(HERE)
    post.state.logs, post.state.pending = older
    sealing = Sealing(
        post.office, post.records, post.sealer, post.ledger, post.clock,
        Origin(bank="103", uri=GATEWAY), (HERE, THERE),
    )  # fmt: skip
    sealing.halted, sealing.greet = post.worker.ahead, post.worker.greet
    with structlog.testing.capture_logs() as told:
        for division in (HERE, THERE):
            await sealing.hear(division)
    assert list(post.worker.ahead) == [HERE], "known before the door opens"
    assert [line["event"] for line in told] == ["bureau.unheard"]
    for division in (HERE, THERE):
        draft = RecordDraft(kind="verdict", subject="s", body=unnumbered({"kind": "verdict"}))
        await post.ledger.record(division, draft)
    with structlog.testing.capture_logs():
        assert await sealing.seal_all() == 1, "the other division's only"
    assert "older copy" in sealing.troubles[HERE] and post.state.pending[HERE]
    assert post.bureaus[HERE].held == list(range(8)), "and the bureau took nothing twice"
    with pytest.raises(BureauUnproven, match="restored from an older copy"):
        await post.worker.greet(HERE)


async def test_a_bureau_that_is_down_or_behind_delays_no_sealing_for_ever() -> None:
    for trouble in ("down", "slow", "wiped"):
        post = Post()
        await post.write(count=4)
        await post.worker.deliver(HERE)
        if trouble == "wiped":
            post.bureaus[HERE].restore((None, Cosigned(size=0, checkpoint=""), []))
        else:
            setattr(post.bureaus[HERE], trouble, True)
        sealing = Sealing(
            post.office, post.records, post.sealer, post.ledger, post.clock,
            Origin(bank="103", uri=GATEWAY), (HERE,),
        )  # fmt: skip
        sealing.halted, sealing.greet = post.worker.ahead, post.worker.greet
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("gateway.workers.seal.GREET_S", 0.01)
            draft = RecordDraft(kind="verdict", subject="s", body=unnumbered({"kind": "verdict"}))
            await post.ledger.record(HERE, draft)
            with structlog.testing.capture_logs():
                assert await sealing.seal_all() == 1, trouble
        assert not sealing.troubles


async def test_what_halts_a_division_halts_it_between_two_batches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A clock that was set while thousands waited dated all of them."""
    monkeypatch.setattr("gateway.workers.seal.SEAL_BATCH_MAX", 4)
    monkeypatch.setattr("gateway.workers.seal.SEAL_MORE", 2)
    post, halted = Post(), dict[str, str]()
    draft = RecordDraft(kind="verdict", subject="s", body=unnumbered({"kind": "verdict"}))
    for _ in range(12):
        await post.ledger.record(HERE, draft)

    class Sealer:
        def seal(self, *given: Any) -> Any:
            halted[HERE] = "this host's clock was set by 3600 s; the database is asked first"
            return post.sealer.seal(*given)

    sealing = Sealing(
        post.office, post.records, Sealer(), post.ledger, post.clock,
        Origin(bank="103", uri=GATEWAY), (HERE,),
    )  # fmt: skip
    sealing.halted = halted
    assert await sealing.seal_all() == 4
    with structlog.testing.capture_logs():
        assert await sealing.seal_all() == 0
    assert "clock was set" in sealing.troubles[HERE] and len(post.state.pending[HERE]) == 8

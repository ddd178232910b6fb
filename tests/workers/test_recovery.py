"""After any outage each record comes once: a bureau down, restored, emptied; our copy too old."""

import asyncio
import contextlib
import copy
from typing import Any

import pytest
import structlog

from gateway.domain.faults import BureauUnavailable, BureauUnproven, LedgerUnavailable
from gateway.domain.ledger import RecordDraft
from gateway.domain.log import Cosigned, Delivery
from gateway.domain.records import unnumbered
from gateway.pipeline.tell import Origin
from gateway.workers.deliver import RETRY_S_MAX
from gateway.workers.seal import Sealing
from tests.workers.test_deliver import GATEWAY, HERE, THERE, Post, _Saying


async def test_a_bureau_restored_from_an_older_copy_is_told_again_without_a_duplicate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """To a size that it had cosigned, and to nothing at all; more than one delivery wide."""
    monkeypatch.setattr("gateway.workers.deliver.DELIVERY_RECORDS_MAX", 60)
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


async def test_a_bureau_that_falls_back_while_it_is_told_again_is_told_all_in_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gateway.workers.deliver.DELIVERY_RECORDS_MAX", 3)
    post, older = Post(), []
    bureau = post.bureaus[HERE]
    for _ in range(4):
        await post.write()
        await post.worker.deliver(HERE)
        older.append(bureau.backup())
    bureau.restore(older[1])
    falls = [older[0]]

    async def falling(delivery: Delivery) -> Cosigned:
        if delivery.start == 9 and falls:
            bureau.restore(falls.pop())
        return await bureau.deliver(delivery)

    object.__setattr__(post.worker._inboxes[HERE], "bureau", _Saying(falling))
    await post.write()
    with structlog.testing.capture_logs() as told:
        with pytest.raises(BureauUnproven, match="it holds 3 records and had acknowledged 9"):
            await post.worker.deliver(HERE)
        assert await post.worker.deliver(HERE) == 12
    events = ["bureau.rolled_back", "bureau.rolled_back", "bureau.caught_up"]
    assert [line["event"] for line in told] == events
    assert bureau.held == list(range(15)) and told[-1]["holds"] == 12


async def test_a_bureau_that_takes_nothing_is_not_asked_without_end() -> None:
    post = Post()
    await post.write()
    await post.worker.deliver(HERE)
    await post.write()
    post.answers(post.bureaus[HERE].cosigned)
    async with asyncio.timeout(20):
        with pytest.raises(BureauUnproven, match="it holds 3 records and had acknowledged 3"):
            await post.worker.deliver(HERE)


async def test_what_a_bureau_proves_before_anything_is_passed() -> None:
    post = Post()
    assert await post.worker.greet(HERE), "it never had anything to acknowledge"
    await post.write(count=4)
    await post.worker.deliver(HERE)
    assert await post.worker.greet(HERE)
    full = post.bureaus[HERE].backup()
    post.bureaus[HERE].restore((None, Cosigned(size=0, checkpoint=""), []))
    assert not await post.worker.greet(HERE), "it has lost some itself, and cannot tell"
    post.bureaus[HERE].restore(full)
    post.state.logs[HERE].checkpoints.clear()
    assert not await post.worker.greet(HERE), "nothing can be told again"


async def test_only_a_copy_that_holds_all_that_was_cosigned_opens_the_log_again() -> None:
    """Not one as long with another history, nor one that reaches to where the bureau fell back."""
    post, copies, bureaus = Post(), [], []
    for _ in range(4):
        await post.write(count=2)
        await post.worker.deliver(HERE)
        copies.append(copy.deepcopy(post.state.logs))
        bureaus.append(post.bureaus[HERE].backup())

    async def greet() -> str:
        try:
            await post.worker.greet(HERE)
        except BureauUnproven:
            return "refused"
        return "ahead" if HERE in post.worker.ahead else "open"

    post.state.logs = copy.deepcopy(copies[0])
    assert await greet() == "refused" and post.worker.ahead
    post.bureaus[HERE].restore(bureaus[2])
    assert await greet() == "refused", "it holds six now, of which we have two"
    post.state.logs = copy.deepcopy(copies[2])
    assert await greet() == "ahead", "we have six, and it had cosigned eight"
    other = copy.deepcopy(copies[2])
    post.state.logs = other
    await post.write(count=1)
    await post.write(count=1)
    assert await greet() == "ahead", "eight, and others"
    post.state.logs = copy.deepcopy(copies[3])
    assert await greet() == "open"


async def test_a_silent_log_beats_once_a_minute_and_one_that_cannot_stops_no_other() -> None:
    post = Post()
    sealing = Sealing(
        post.office, post.records, post.sealer, post.ledger, post.clock,
        Origin(bank="103", uri=GATEWAY), (HERE, THERE),
    )  # fmt: skip
    record, full = post.ledger.record, [HERE]

    async def refusing(division: str, draft: RecordDraft) -> None:
        if division in full:
            raise LedgerUnavailable("the disk is full")
        await record(division, draft)

    post.ledger.record = refusing  # type: ignore[method-assign]

    async def beat(after_s: float) -> list[str]:
        """Which divisions' logs have beaten by then."""
        post.clock.ticks += after_s
        with contextlib.suppress(LedgerUnavailable):
            await post.office.in_turn((HERE, THERE), sealing.beat)
        beaten = [division for division, waiting in post.state.pending.items() if waiting]
        await sealing.seal_all()
        return beaten

    assert await beat(59) == []
    assert await beat(1) == [THERE]
    full.clear()
    assert await beat(0.25) == [HERE], "as soon as it can, not a minute later"
    assert await beat(59) == [] and await beat(0.75) == [THERE] and await beat(0.25) == [HERE]
    await post.ledger.record(HERE, RecordDraft(kind="verdict", subject="s", body=unnumbered({})))
    assert await beat(30) == [HERE] and await beat(31) == [THERE], "what was sealed is a word too"


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


async def test_the_bureau_is_asked_once_in_each_office_before_anything_is_sealed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gateway.workers.seal.SEAL_BATCH_MAX", 4)
    monkeypatch.setattr("gateway.workers.seal.SEAL_MORE", 2)
    monkeypatch.setattr("gateway.workers.seal.GATHER_S", 0)
    post, asked = Post(), list[int]()
    sealing = Sealing(
        post.office, post.records, post.sealer, post.ledger, post.clock,
        Origin(bank="103", uri=GATEWAY), (HERE,),
    )  # fmt: skip

    async def greet(division: str) -> bool:
        asked.append((await post.records.sizes()).get(division, 0))
        return True

    sealing.greet = greet
    draft = RecordDraft(kind="verdict", subject="s", body=unnumbered({"kind": "verdict"}))
    running = asyncio.create_task(sealing.run())
    for held in (True, False, True):
        post.office.held = held
        sealing.sealed.clear()
        for _ in range(2):
            for _ in range(10):
                await post.ledger.record(HERE, draft)
            for _ in range(60):
                await asyncio.sleep(0)
            assert bool(post.state.pending[HERE]) is not held, "all that wait, batch by batch"
        assert sealing.sealed.is_set() is held, "there is something to deliver"
    running.cancel()
    assert asked == [0, 20] and (await post.records.sizes())[HERE] == 60


async def test_what_could_not_be_sealed_is_no_trouble_once_it_is() -> None:
    post = Post()
    sealing = Sealing(
        post.office, post.records, post.sealer, post.ledger, post.clock,
        Origin(bank="103", uri=GATEWAY), (HERE,),
    )  # fmt: skip
    draft = RecordDraft(kind="verdict", subject="s", body=unnumbered({"kind": "verdict"}))
    await post.ledger.record(HERE, draft)
    halted = sealing.halted = {HERE: "the clock"}
    with structlog.testing.capture_logs():
        assert await sealing.seal_all() == 0 and sealing.troubles
    halted.clear()
    assert await sealing.seal_all() == 1 and not sealing.troubles

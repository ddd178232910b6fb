"""Single moments on the real stage: a visitor hangs up, a process sleeps, a database hangs."""

import asyncio
import os
import signal
from collections import Counter

import pytest

from certs.tls import client_context
from deploy.demo.agency import AgencyClient
from deploy.demo.day import DayItem
from deploy.demo.stage import HOST
from gateway.domain.decision import Outcome
from tests.crash.crowd import CLERKS, Crowd
from tests.crash.theatre import PATIENT_S, POSTGRES, PRESUMED_LOST_S, Theatre, theatre
from tests.crash.truth import heard, settled, truth_of, violations

REFUSED_WITHIN_S = 12.0
"""Of a busy machine; only who waits for the database itself (CUT_AFTER_S) waits for longer. That it
is two seconds otherwise is asked in tests/adapters/postgres/test_postgres_ledger.py."""
FAITHFUL: tuple[str, ...] = ("--delay-ms", "2")
"""A bank that always answers."""
LATE_S = 1.0
LATE: tuple[str, ...] = ("--delay-ms", "1000")
SLOW: tuple[str, ...] = ("--delay-ms", "300")

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.timeout(600)]


async def test_a_visitor_who_hangs_up_never_stops_a_payment() -> None:
    async with theatre(11, 60, habits=SLOW, bank_deadline_s=PATIENT_S) as stage:
        client = stage.client()
        passing = _passing(stage)[:20]
        for item in passing:
            await _send_and_hang_up(stage, client.prepare(item))
        await settled(stage)
        crowd = Crowd(client, passing, 11)
        enough = asyncio.Event()
        await crowd.run(enough)
        await client.aclose()
        truth = await truth_of(stage)
        assert violations(truth, crowd) == []
        assert len(truth.bank) == len(passing), "some were stopped by the hanging up"
        assert truth.evidence == {"answer": len(passing)}


async def test_two_gateways_on_one_database_give_the_guarantees_of_one() -> None:
    async with theatre(12, 1500, gateways=2) as stage:
        crowd = Crowd(stage.client(), stage.plan.items, 12)
        rivals = [Crowd(stage.client(connections=8), stage.plan.items, n) for n in (13, 14)]
        enough = asyncio.Event()
        load = asyncio.create_task(_all(crowd, *rivals, enough=enough))
        for name in ("gateway-0", POSTGRES, "gateway-1"):
            await asyncio.sleep(0.8)
            stage.kill(name)
            await asyncio.sleep(0.3)
            await stage.heal()
        enough.set()
        await load
        await _close(stage, crowd, *rivals)
        assert crowd.answers and all(rival.answers for rival in rivals)


async def test_a_gateway_that_slept_past_the_horizon_forwards_nothing_it_had_begun() -> None:
    """Its commits took effect while it slept; the other one has since settled them as never taken,
    on the bank's word. To send them now would pay what everybody was told is not paid."""
    async with theatre(15, 160, gateways=2, habits=FAITHFUL) as stage:
        passing = _passing(stage)
        client = stage.client(connections=CLERKS)
        # On connections that are there already both have begun within the moment that is left.
        before = Crowd(client, passing[:CLERKS], 15, pause_s=0.0)
        await before.run(asyncio.Event())
        crowd = Crowd(client, passing[CLERKS:], 15, pause_s=0.0)
        asleep = await _without_office(stage)
        stage.stop(POSTGRES)
        load = asyncio.create_task(crowd.run(asyncio.Event()))
        await asyncio.sleep(0.6)
        stage.stop(asleep)
        stage.resume(POSTGRES)
        await asyncio.sleep(PRESUMED_LOST_S)
        stage.resume(asleep)
        await load
        await _close(stage, crowd)
        truth = await truth_of(stage)
        assert violations(truth, before) == []
        assert Counter(row["bank"] for row in truth.ledger.values())["not_taken"], "none was begun"


async def test_a_database_that_dies_before_commit_2_leaves_nothing_to_the_enquiry() -> None:
    """Who heard the bank's word writes it once the database is back."""
    async with theatre(19, 60, habits=LATE, bank_deadline_s=PATIENT_S) as stage:
        passing = _passing(stage)[:20]
        crowd = Crowd(stage.client(connections=20), passing, 19)
        load = asyncio.create_task(crowd.run(asyncio.Event()))
        while len((await stage.journal())["effects"]) < 10:  # noqa: ASYNC110  its journal says
            await asyncio.sleep(0.02)
        stage.kill(POSTGRES)
        await asyncio.sleep(LATE_S + 2.0)
        await stage.heal()
        await load
        await _close(stage, crowd)
        truth = await truth_of(stage)
        assert truth.evidence == {"answer": len(passing)}
        (gateway,) = stage.stage.gateway_names
        assert "payment.written_late" in stage.log_of(gateway), "nothing was on its way"


async def test_a_sleeping_gateway_does_not_keep_the_office_from_the_other() -> None:
    async with theatre(18, 60, gateways=2, habits=FAITHFUL) as stage:
        awake = await _without_office(stage)
        (asleep,) = set(stage.stage.gateway_names) - {awake}
        stage.stop(asleep)
        async with asyncio.timeout(60):
            while "office.taken" not in stage.log_of(awake):  # noqa: ASYNC110  its log says when
                await asyncio.sleep(0.1)
        stage.resume(asleep)
        crowd = Crowd(stage.client(), stage.plan.items, 18)
        await crowd.run(asyncio.Event())
        await _close(stage, crowd)


async def test_told_to_stop_under_load_it_ends_what_it_began_and_loses_nothing() -> None:
    async with theatre(16, 1500, habits=FAITHFUL, bank_deadline_s=PATIENT_S) as stage:
        crowd = Crowd(stage.client(), stage.plan.items, 16, pause_s=0.03)
        enough = asyncio.Event()
        load = asyncio.create_task(crowd.run(enough))
        (gateway,) = stage.stage.gateway_names
        for _ in range(2):
            await asyncio.sleep(1.5)
            os.kill(stage.stage.crew.pid(gateway), signal.SIGTERM)
            while stage.stage.crew.running(gateway):  # noqa: ASYNC110  another process's end
                await asyncio.sleep(0.02)
            assert stage.stage.crew.exit_code(gateway) in (None, 0)
            await stage.restart(gateway)
        enough.set()
        await load
        await _close(stage, crowd)
        truth = await truth_of(stage)
        assert set(truth.evidence) == {"answer"}, "a payment was left to the enquiry"


async def test_while_the_database_hangs_everybody_is_refused_in_time_and_nothing_passes() -> None:
    async with theatre(17, 200, habits=FAITHFUL) as stage:
        passing = _passing(stage)
        crowd = Crowd(stage.client(), passing, 17)
        before, during = passing[:5], passing[5:25]
        for item in before:
            assert (await crowd.client.send(item)).status == 200
        stage.stop(POSTGRES)
        impatient = stage.client(patience_s=0.0)
        waits = [asyncio.create_task(_timed(impatient, item)) for item in during[:10]]
        await asyncio.sleep(1.8)
        waits += [asyncio.create_task(_timed(impatient, item)) for item in during[10:]]
        refused = await asyncio.gather(*waits)
        at_the_bank = {row["key"] for row in (await stage.journal())["effects"]}
        stage.resume(POSTGRES)
        assert {status for status, _ in refused} == {503}
        assert max(seconds for _, seconds in refused) < REFUSED_WITHIN_S
        assert not at_the_bank & {str(item.key) for item in during}
        await settled(stage)
        await crowd.run(asyncio.Event())
        await impatient.aclose()
        await _close(stage, crowd)


async def _without_office(stage: Theatre) -> str:
    """The gateway that does not seal, deliver and enquire, once the other one does."""
    async with asyncio.timeout(60):
        while True:
            names = stage.stage.gateway_names
            others = [name for name in names if "office.taken" not in stage.log_of(name)]
            if len(others) < len(names):
                (name,) = others
                return name
            await asyncio.sleep(0.02)


def _passing(stage: Theatre) -> list[DayItem]:
    """Those that pass by themselves, whatever came before them."""
    return [i for i in stage.plan.items if i.outcome is Outcome.PASS and i.after is None]


async def _all(*crowds: Crowd, enough: asyncio.Event) -> None:
    async with asyncio.TaskGroup() as group:
        for crowd in crowds:
            group.create_task(crowd.run(enough))


async def _close(stage: Theatre, *crowds: Crowd) -> None:
    truth = await heard(stage, *crowds, again=100)
    for crowd in crowds:
        assert violations(truth, crowd) == []


async def _timed(client: AgencyClient, item: DayItem) -> tuple[int, float]:
    answer = await client.send(item)
    return answer.status, answer.seconds


async def _send_and_hang_up(stage: Theatre, request: bytes) -> None:
    """The whole request, then a reset as soon as it is written."""
    _, writer = await asyncio.open_connection(
        HOST, stage.stage.ports.door, ssl=client_context(stage.stage.client), server_hostname=HOST
    )
    writer.write(request)
    await writer.drain()
    await asyncio.sleep(0.03)  # the bank takes ten times as long
    writer.transport.abort()

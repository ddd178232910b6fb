"""`serve`: open the house, listen, work until told to stop, and close in order."""

import asyncio
import signal
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import structlog
import uvloop
from aiohttp import web

from adapters.folder.tray import Tray
from adapters.formats.sniff import sniff
from adapters.formats.statements import read_any_statement
from adapters.postgres.migrate import migrate
from certs.live import Guard, LiveTls
from certs.tls import Refusal, party_of
from doors.memory import tend_memory
from doors.whatever_comes import answers_whatever_comes
from gateway.configured.journal import Lines, configure_log
from gateway.configured.keys import credentials
from gateway.configured.own_names import refuse_other_names
from gateway.configured.secret_marks import refuse_other_secrets
from gateway.domain.codes import Register
from gateway.domain.faults import Fault
from gateway.domain.seldom import Seldom
from gateway.pipeline.line import FORWARD_WITHIN_S
from gateway.policy_books.answering import shelves_of
from gateway.policy_books.shadowing import start_follower
from gateway.serving.descriptors import connections_granted
from gateway.serving.holding import (
    LARGE,
    counters_of,
    hold_workers,
    papers_of,
    pushing_of,
    readers_of,
)
from gateway.serving.house import House, open_house
from gateway.serving.keys import keys_of
from gateway.serving.lettering import correspondence_of
from gateway.serving.marking import marking_of
from gateway.serving.openapi import openapi
from gateway.serving.policy_feed import policy_counter
from gateway.serving.questions import BOOKS, question_counter
from gateway.settings import Secrets, Settings, read_secrets, read_settings
from gateway.web.brief import OPERATORS, brief_door
from gateway.web.door import Door
from gateway.web.intake import Doorway, Intake
from gateway.web.listen import Bounds, Listener
from gateway.web.metrics import Metrics
from gateway.web.ops import Ops
from gateway.web.statements import PATH as STATEMENTS
from gateway.web.statements import StatementCounter
from gateway.workers.ask import Asking
from gateway.workers.ask_again import AskingAgain
from gateway.workers.close import Closing
from gateway.workers.conduct import Conduct
from gateway.workers.deliver import Delivering
from gateway.workers.enquire import Enquiring
from gateway.workers.files import Files, Ways
from gateway.workers.office import Office
from gateway.workers.prune import Pruning
from gateway.workers.renew import Renewing
from gateway.workers.seal import Sealing
from gateway.workers.shadow import Shadowing
from gateway.workers.unwritten import Writing
from gateway.workers.watch import watch_bank

ALL_REGISTERS = frozenset(Register)
FINISH_S = 10.0
"""How long instructions on the line may take to end once the doors are closed."""
LINGER_S = 1.0
"""How long the rest of a refused body is read and thrown away, so that the refusal is heard."""

log = structlog.get_logger()


def serve(file: Path) -> None:
    """Run one gateway process until SIGTERM or SIGINT. Raises SettingsInvalid."""
    settings, secrets = read_settings(file), read_secrets()
    refuse_other_names(settings)
    lines = configure_log(settings.gateway.log_file)
    visitors = connections_granted(settings)
    uvloop.run(_serve(settings, secrets, lines, visitors))


async def _serve(settings: Settings, secrets: Secrets, lines: Lines, visitors: int) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    metrics = Metrics()
    guard = Guard()
    on_refusal = partial(_refused, metrics, guard, Seldom())
    for name in await migrate(secrets.database):
        log.info("migration.applied", name=name)
    await refuse_other_secrets(settings, secrets)
    async with AsyncExitStack() as rooms:
        tls = LiveTls(credentials(settings, secrets), on_refusal, guard)
        house = await open_house(settings, secrets, rooms, tls)
        await house.registers.serve(settings.gateway.divisions)
        await house.shelf.refresh()
        house.outdated.look()
        tend_memory()
        doorway = _doorway(house, metrics)
        intake = Intake(doorway)
        await house.clocks.look()
        office = Office(house.records)
        office.unfit = house.clocks.unfit
        sealing = _sealing(house, office)
        delivering = Delivering(
            office, house.records, house.inboxes, house.trust, house.clock, sealing.sealed
        )
        sealing.halted, delivering.ahead = house.behind, house.ahead
        sealing.greet = delivering.greet
        marking = marking_of(house, delivering.greet)
        rooms.callback(marking.leave)
        await marking.open()
        renewing = _renewing(house, office)
        conduct = Conduct(
            office, house.reconciling, house.books_of_bank, house.clock,
            settings.gateway.divisions,
        )  # fmt: skip
        keys = await keys_of(house, secrets, tls, office, rooms)
        files = _files(house, office)
        pushing = pushing_of(house, office)
        shadowing = _shadowing(house, office)
        writing = Writing(
            house.line, house.ledger, house.clock, house.origin, house.reconciling.store.debit
        )  # fmt: skip
        rooms.push_async_callback(writing.leave)
        metrics.unwritten.set_function(lambda: len(house.line.unwritten))
        metrics.words_lost.set_function(lambda: writing.lost)
        more = [
            marking.run,
            house.clocks.run,
            house.outdated.run,
            writing.run,
            shadowing.run,
            conduct.run,
            keys.keeping.run,
            keys.alarming.run,
            *(worker.run for worker in (files, pushing) if worker),
        ]
        workers = asyncio.create_task(_work(house, office, sealing, delivering, renewing, more))
        rooms.push_async_callback(_stop_workers, workers)

        def warnings() -> dict[str, str]:
            untellable = sealing.troubles | delivering.troubles
            unwatched = conduct.troubles | (files.troubles if files else {})
            unruled = renewing.troubles | house.books.tripped | shadowing.troubles
            found = _named_by("bureau", untellable) | _named_by("registers", _stale(house))
            found |= _named_by("policies", unruled) | _named_by("conduct", unwatched)
            return {**found, **keys.troubles(), **marking.troubles, **lines.troubles()}

        metrics.untold, metrics.postponed = house.backlog.untold, lambda: delivering.postponed
        metrics.inventory = lambda: keys.alarming.found
        metrics.register_ages = lambda: house.shelf.ages(house.clock.now())
        metrics.book_in_force = lambda: house.books.revision
        metrics.watch_bank(house.bank)
        ops = Ops(
            metrics, partial(_reasons, house, intake), warnings, house.backlog.backlog, openapi(),
            keys.page.routes(),
        )  # fmt: skip
        listener = await _listen(house, tls, doorway, intake, rooms, ops, visitors)
        keys.ring.expel = listener.expel
        log.info("gateway.ready", port=settings.gateway.listen_port, book=house.books.revision)
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({stopped, workers}, return_when=asyncio.FIRST_COMPLETED)
        intake.stopping = True
        log.info("gateway.stopping")
        if workers.done():
            # A worker that dies stops the program: better no gateway than half a gateway.
            workers.result()


def _doorway(house: House, metrics: Metrics) -> Doorway:
    return Doorway(
        line=house.line,
        many=correspondence_of(house),
        ledger=house.ledger,
        records=house.records,
        wordings=house.formats,
        party_of=party_of,
        origin=house.origin,
        metrics=metrics,
        places=house.places,
        counters={
            STATEMENTS: _statements(house).take,
            **counters_of(house),
            **policy_counter(house),
            **question_counter(house),
        },
        large=LARGE | BOOKS,
        readers=readers_of(house),
        papers=papers_of(house),
    )


def _statements(house: House) -> StatementCounter:
    divisions = frozenset(house.settings.gateway.divisions)
    return StatementCounter(
        house.reconciling, house.trust, house.clock, divisions, read_any_statement
    )


def _files(house: House, office: Office) -> Files | None:
    """The watched folder, if the settings name one."""
    chosen = house.settings.files
    if chosen is None:
        return None
    ways = Ways(
        line=house.line, wordings=house.formats, sniff=sniff, many=correspondence_of(house),
        papers=papers_of(house),
    )  # fmt: skip
    return Files(office, Tray(chosen.folder), ways, chosen.carrier)


def _sealing(house: House, office: Office) -> Sealing:
    return Sealing(
        office, house.records, house.sealer, house.ledger, house.clock, house.origin,
        house.settings.gateway.divisions,
    )  # fmt: skip


def _renewing(house: House, office: Office) -> Renewing:
    return Renewing(
        office, house.books, house.ledger, house.clock, house.origin,
        house.settings.gateway.divisions,
    )  # fmt: skip


def _shadowing(house: House, office: Office) -> Shadowing:
    start = partial(start_follower, shelves_of(house.settings))
    return Shadowing(
        office, house.past.any_shadow, start, house.clock.monotonic, house.past.shadow_troubles
    )


async def _work(
    house: House, office: Office, sealing: Sealing, delivering: Delivering, renewing: Renewing,
    more: Sequence[Callable[[], Coroutine[Any, Any, None]]],
) -> None:  # fmt: skip
    asking = partial(
        Asking, house.ledger, house.bank, house.clock, house.origin,
        debit=house.reconciling.store.debit,
        after_s=FORWARD_WITHIN_S + house.settings.bank.deadline_s,
    )  # fmt: skip
    enquiring = Enquiring(office, house.ledger, house.clock, asking())
    again = AskingAgain(office, house.ledger, house.clock, asking())
    closing = Closing(
        office, house.daybook, house.clock, house.origin, house.settings.gateway.divisions
    )
    async with asyncio.TaskGroup() as group:
        group.create_task(office.run())
        for worker in hold_workers(house, office):
            group.create_task(worker)
        group.create_task(closing.run())
        group.create_task(sealing.run())
        group.create_task(delivering.run_records())
        group.create_task(delivering.run_notices())
        group.create_task(delivering.run_strays())
        group.create_task(enquiring.run())
        group.create_task(again.run())
        group.create_task(house.shelf.run())
        group.create_task(renewing.run())
        for run in more:
            group.create_task(run())
        group.create_task(watch_bank(house.bank))
        group.create_task(Pruning(office, house.past.prune_windows, house.clock).run())


async def _stop_workers(workers: asyncio.Task[None]) -> None:
    workers.cancel()
    await asyncio.wait({workers})


async def _listen(
    house: House, tls: LiveTls, doorway: Doorway, intake: Intake, rooms: AsyncExitStack,
    ops: Ops, visitors: int,
) -> Listener:  # fmt: skip
    chosen = house.settings.gateway
    operators = brief_door(ops.application(), chosen.ops_host, chosen.ops_port, OPERATORS)
    with _named("gateway.ops_port"):
        await rooms.enter_async_context(operators)
    bounds = Bounds(
        connections_max=visitors,
        connections_per_party_max=chosen.connections_per_party_max,
        finish_s=FINISH_S,
    )
    door = Door(doorway, intake)
    runner = await _runner(rooms, door.application(), idle_s=bounds.idle_s)
    assert runner.server
    told = partial(_closed, doorway.metrics)
    listener = Listener(runner.server, intake, tls.server(), party_of, bounds, told)
    rooms.push_async_callback(listener.close)
    with _named("gateway.listen_port"):
        listener.open(chosen.listen_host, chosen.listen_port, shared=chosen.shared_port)
    return listener


@contextmanager
def _named(setting: str) -> Iterator[None]:
    """An address that cannot be had is told with the setting that asks for it."""
    try:
        yield
    except OSError as failed:
        raise OSError(failed.errno, f"{setting}: {failed.strerror}") from failed


async def _runner(
    rooms: AsyncExitStack, application: web.Application, *, idle_s: float
) -> web.AppRunner:
    runner = web.AppRunner(
        application, access_log=None, handler_cancellation=False, auto_decompress=False,
        shutdown_timeout=FINISH_S, lingering_time=LINGER_S, keepalive_timeout=idle_s,
    )  # fmt: skip
    await runner.setup()
    rooms.push_async_callback(runner.cleanup)
    assert runner.server
    answers_whatever_comes(runner.server)
    return runner


def _reasons(house: House, intake: Intake) -> dict[str, str]:
    """Why this process may not take instructions now."""
    reasons = {}
    if intake.stopping:
        reasons["door"] = "stopping"
    for division in house.settings.gateway.divisions:
        try:
            if house.shelf.of(division, house.clock.now()).unavailable == ALL_REGISTERS:
                reasons[f"registers.{division}"] = "stale: what rests on them is held"
        except Fault as fault:
            reasons[f"registers.{division}"] = fault.detail
    if house.bank.circuit.lost:
        reasons["bank"] = "cannot be reached; nothing is admitted that it would have to pay"
    elif strain := house.bank.strain:
        reasons["bank"] = strain
    reasons |= {f"log.{division}": words for division, words in house.behind.items()}
    reasons |= {f"rules.{division}": words for division, words in house.outdated.items()}
    if trouble := house.ledger.trouble:
        reasons = {"database": trouble}  # all else follows from it
    return reasons


def _named_by(whose: str, troubles: Mapping[str, str]) -> dict[str, str]:
    return {f"{whose}.{what}": words for what, words in troubles.items()}


def _stale(house: House) -> dict[str, str]:
    """By division, which registers are stale: what rests on these alone is held."""
    found = {}
    for division in house.settings.gateway.divisions:
        try:
            stale = house.shelf.of(division, house.clock.now()).unavailable
        except Fault:
            continue
        if stale:
            found[division] = f"stale: {', '.join(sorted(stale))}; what rests on them is held"
    return found


def _refused(metrics: Metrics, guard: Guard, seldom: Seldom, refusal: Refusal) -> None:
    """Counted each time, logged seldom: whoever reaches the port may bring it about."""
    metrics.handshakes_refused.labels(refusal.cause).inc()
    guard.refused[refusal.cause] += 1
    if (times := seldom.due(refusal.cause, time.monotonic())) is not None:
        log.warning("handshake.refused", reason=refusal.cause, detail=refusal.detail, times=times)


def _closed(metrics: Metrics, reason: str) -> None:
    """Counted, not logged: who floods the door must not flood the log."""
    metrics.connections_refused.labels(reason).inc()

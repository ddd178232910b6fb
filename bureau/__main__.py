"""`python -m bureau --settings bureau.toml`: wires the bureau program and runs it."""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import orjson
import structlog
import uvloop

from adapters.folder.standard_streams import hold_standard_streams
from adapters.gateways.https import HttpsGateway
from adapters.postgres.health import FULL, is_full
from adapters.postgres.session import UnsafeServer
from bureau.desk.audit import Auditor
from bureau.desk.certificates import PARTY, Warner, endings
from bureau.desk.docket.chase import chase_all
from bureau.desk.forks import ForkKeeper
from bureau.desk.numbers import Numbers
from bureau.desk.people import Office
from bureau.desk.policies.asking import Asking
from bureau.desk.publish import Publishing
from bureau.desk.releases import Releases
from bureau.desk.statistics import fold_all
from bureau.desk.summary import Summaries
from bureau.desk.voids import Voids
from bureau.desk.wellbeing import Watch
from bureau.handing_over import recount, take_out, write_forks
from bureau.inbox.bell import Bell
from bureau.inbox.keyring import KeyRing
from bureau.inbox.receive import OWN_CERTIFICATE, Inbox
from bureau.journal import configure_log
from bureau.own_keys import open_files, ring_of, tls_of, trust_of, try_token
from bureau.settings import Settings, SettingsWrong, load_settings
from bureau.web.desk import desk_application
from bureau.web.door import door_application
from bureau.web.ops import ops_application
from bureau.web.reception import door, site
from bureau.web.rooms import Rooms
from bureau.wiring import (
    Store,
    desk_of,
    desk_rooms,
    desk_tls,
    entry_of,
    invite,
    link_of,
    now,
    open_store,
    print_link,
    program_teller,
    shelf_of,
)
from certs.live import LiveTls
from certs.token import PinRefused
from certs.trust import Trust
from doors.address import url_of
from doors.memory import tend_memory
from gateway.domain.faults import LedgerUnavailable, StoreUnavailable

_OF_INVITED = ("office", "name", "division", "code")
_log = structlog.get_logger("bureau")


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit 0 after a clean stop, 1 if it cannot serve, 2 for wrong usage, settings or PIN: whoever
    starts us again with it locks the token."""
    hold_standard_streams()
    options = _options(arguments)
    configure_log()
    try:
        settings = load_settings(options.settings, os.environ)
    except SettingsWrong as wrong:
        sys.stderr.write(f"{wrong}\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"settings: {options.settings}: {error.strerror}\n")
        return 2
    act = _act(options)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(act(settings))
    except (
        UnsafeServer, LedgerUnavailable, StoreUnavailable, WorkerDied, ValueError, OSError
    ) as error:  # fmt: skip
        sys.stderr.write(f"bureau: {error}\n")
        return 2 if isinstance(error, PinRefused) else 1
    return 0


class WorkerDied(Exception):
    """One of the program's own tasks failed: our mistake. Whoever restarts programs that fail must
    see that this one did."""


def _act(options: argparse.Namespace) -> Callable[[Settings], Coroutine[Any, Any, None]]:
    if options.forks:
        return partial(write_forks, options.forks)
    if options.export:
        return partial(take_out, options.export)
    if options.recount:
        return recount
    if options.invite:
        return partial(invite, options)
    if options.check:
        return partial(_check, options.settings)
    return print_link if options.sign_in_link else _serve


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bureau", description=__doc__)
    parser.add_argument("--settings", type=Path, required=True, help="the TOML file")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help="prove everything, serve nothing")
    what.add_argument("--forks", type=Path, help="write each fork that was seen as a folder there")
    what.add_argument(
        "--export", type=Path, metavar="FOLDER", help="write there what came since the last export"
    )
    what.add_argument(
        "--recount", action="store_true", help="hold lists and figures against the records; exit 1"
    )
    what.add_argument("--sign-in-link", action="store_true", help="print a new link for `admin`")
    what.add_argument("--invite", metavar="LOGIN", help="open an account and print its link")
    offices = [office.value for office in Office]
    parser.add_argument("--office", choices=offices, help="of the invited account")
    parser.add_argument("--name", default="", help="of the invited person")
    parser.add_argument("--division", default="", help="of the account; the first one if not said")
    parser.add_argument("--code", default="", help="agency, department or bank of the account")
    options = parser.parse_args(arguments)
    given = [f"--{each}" for each in _OF_INVITED if getattr(options, each)]
    if given and not options.invite:  # it would start to serve, and whoever typed it would wait
        parser.error(f"{', '.join(given)}: of an invited account; say --invite LOGIN too")
    return options


async def _serve(settings: Settings) -> None:
    trust = trust_of(settings)
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    tls = tls_of(settings)
    ring = ring_of(settings, trust, tls)
    async with AsyncExitStack() as rooms:
        store = await open_store(settings, rooms)
        await _open_logs(settings, store)
        entry = entry_of(settings, store)
        bell = Bell()
        await _keep_forks(settings, store, bell, rooms)
        auditor = Auditor(store.log, trust)
        inbox = _inbox(settings, store, trust, bell, ring)
        counter = door_application(
            inbox,
            Summaries(store.log, store.desk, auditor, settings.logs),
            lambda connection: tls.guard.may_stay(connection, now()),
        )
        rooms_of_desk = desk_rooms(settings, store, trust, entry, bell)
        desk = desk_application(rooms_of_desk)
        for work in (
            chase_all(rooms_of_desk.office, settings.divisions), fold_all(store.statistics),
            rooms_of_desk.not_ours.run(settings.divisions),
        ):  # fmt: skip
            await rooms.enter_async_context(_working(work))
        door_port = await rooms.enter_async_context(
            door(counter, settings.door_host, settings.door_port, tls.server())
        )
        desk_port = await rooms.enter_async_context(
            site(desk, settings.desk_host, settings.desk_port, desk_tls(settings))
        )
        ways = ways_of(settings, tls)
        numbers = numbers_of(store, ways, trust)
        publishings = [
            Publishing(store.releases, ways, now, "releases", bell.ring, numbers.settle),
            Publishing(rooms_of_desk.registers, ways, now, "registers", bell.ring),
            Publishing(store.policies, ways, now, "policies", bell.ring),
        ]
        asking = Asking(store.questions, ways, trust.sign_document, now, bell.ring)
        for work in (
            ring.run(), try_token(trust), Warner(rooms_of_desk.shelf, now).run(), numbers.run(),
            *(each.run() for each in publishings), asking.run(),
        ):  # fmt: skip
            await rooms.enter_async_context(_working(work))
        watch = Watch(
            desk=store.desk, shelf=rooms_of_desk.shelf, divisions=settings.divisions,
            witness=lambda at: trust.word.against(at, OWN_CERTIFICATE) or trust.own.trouble,
            troubles=partial(_troubles, ring, publishings, numbers, inbox), clock=now,
            keeping=inbox.keeping.trouble, older_books=rooms_of_desk.policies.older_books,
            not_ours=rooms_of_desk.not_ours.open,
        )  # fmt: skip
        ops_port = await _operators(settings, watch, rooms)
        tend_memory()
        ports = Ports(door=door_port, desk=desk_port, ops=ops_port)
        _announce(settings, ports, await entry.first_links())
        await stopped.wait()
        _log.info("bureau.stopping")


async def _operators(settings: Settings, watch: Watch, rooms: AsyncExitStack) -> int | None:
    """The port that was taken for them; None where the settings ask for none."""
    if settings.ops_host is None or settings.ops_port is None:
        return None
    place = settings.ops_host, settings.ops_port
    return await rooms.enter_async_context(site(ops_application(watch), *place, setting="ops.port"))


def _troubles(
    ring: KeyRing, publishings: Sequence[Publishing], numbers: Numbers, inbox: Inbox
) -> Mapping[str, str]:
    """Of the workers: keys that could not be taken up, feeds that a gateway does not take, what one
    hands out as ours and is not, whose records are of a time to come."""
    found = {f"keys.{what}": words for what, words in ring.troubles.items()}
    found |= {f"held.{place}": words for place, words in numbers.troubles.items()}
    found |= {f"clock.{place}": words for place, words in inbox.clocks.troubles.items()}
    for each in publishings:
        found |= {f"{each.kind}.{place}": words for place, words in each.troubles.items()}
    return found


@asynccontextmanager
async def _working(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """A task of the program's own. One that dies is our mistake, and ends the program.

    Raises WorkerDied.
    """
    task = asyncio.create_task(work)
    task.add_done_callback(_worker_ended)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})
    if not task.cancelled():
        died = task.exception()
        raise WorkerDied(f"a worker died: {died!r}") from died


def _worker_ended(task: "asyncio.Task[None]") -> None:
    if not task.cancelled():
        _log.error("worker.died", reason=repr(task.exception()))
        os.kill(os.getpid(), signal.SIGTERM)


def ways_of(settings: Settings, tls: LiveTls) -> dict[tuple[str, str], HttpsGateway]:
    """By division and bank: the way to each gateway that the settings name."""
    return {
        (place.division, place.bank): HttpsGateway(
            settings.gateways[place.gateway],
            tls.client(place.gateway),
        )
        for place in settings.logs
        if place.gateway in settings.gateways
    }


def numbers_of(store: Store, ways: Mapping[tuple[str, str], HttpsGateway], trust: Trust) -> Numbers:
    own = trust.own.uri
    return Numbers(store.numbers, ways, trust.verify_document, own, trust.sign_document, now)


async def _check(file: Path, settings: Settings) -> None:
    trust = trust_of(settings)
    tls_of(settings).server()
    ended = list(open_files(file, settings))
    async with AsyncExitStack() as rooms:
        store = await open_store(settings, rooms)
        await _open_logs(settings, store)
    if await is_full(settings.database):
        ended.append(f"database: {FULL}")
    for one in endings(await asyncio.to_thread(shelf_of(settings).held), now()):
        words = f"{one.held.use}: {one.held.file}, {one.held.holder}"
        if one.held.by:
            words += f" (ends with the authority over it, {one.held.by})"
        if one.threshold == 0 and one.held.use != PARTY:
            ended.append(f"{words}: ended on {one.held.not_after:%Y-%m-%d %H:%M:%S} UTC")
        elif one.urgent:
            sys.stdout.write(f"warning: {words}: {one.held.days_left(now())} days left\n")
    if words := trust.word.against(now(), OWN_CERTIFICATE):
        ended.append(words)
    if ended:
        raise ValueError("; ".join(ended))
    for left in trust.table.left_out:
        sys.stdout.write(f"left out: {left.name}: {left.reason}\n")
    sys.stdout.write("settings, certificates and database are fit\n")


async def _keep_forks(settings: Settings, store: Store, bell: Bell, rooms: AsyncExitStack) -> None:
    if settings.witness_forks is not None:
        keeper = ForkKeeper(settings.witness_forks, store.log, store.desk, settings.logs)
        await rooms.enter_async_context(_working(keeper.run(bell)))


@asynccontextmanager
async def opened_releases(settings: Settings) -> AsyncIterator[tuple[Releases, Publishing]]:
    """For the command line: the core of releases, and the way of what is signed to the gateways.

    Raises UnsafeServer, StoreUnavailable, ValueError, OSError.
    """
    trust = trust_of(settings)
    async with AsyncExitStack() as rooms:
        store = await open_store(settings, rooms)
        ways = ways_of(settings, tls_of(settings))
        numbers = numbers_of(store, ways, trust)
        publishing = Publishing(store.releases, ways, now, settle=numbers.settle)
        told = program_teller(store.people)
        yield Releases(store.releases, store.desk, trust.sign_document, now, told), publishing


@asynccontextmanager
async def opened_voids(settings: Settings) -> AsyncIterator[tuple[Voids]]:
    """For the command line: what gateways refuse, and its voids. Raises as `opened_releases`."""
    trust = trust_of(settings)
    async with AsyncExitStack() as rooms:
        store = await open_store(settings, rooms)
        yield (Voids(store.numbers, trust.sign_document, now, program_teller(store.people)),)


@asynccontextmanager
async def opened_desk(settings: Settings) -> AsyncIterator[Rooms]:
    """The desk's rooms without its pages, for what officers do in a demonstration.

    Raises UnsafeServer, StoreUnavailable, ValueError, OSError.
    """
    async with AsyncExitStack() as rooms:
        store = await open_store(settings, rooms)
        entry = entry_of(settings, store)
        yield desk_rooms(settings, store, trust_of(settings), entry, Bell())


async def _open_logs(settings: Settings, store: Store) -> None:
    for place in settings.logs:
        await store.log.open_log(place.division, place.bank, place.origin)


def _inbox(settings: Settings, store: Store, trust: Trust, bell: Bell, ring: KeyRing) -> Inbox:
    return Inbox(
        store=store.log,
        desk=store.desk,
        places=settings.logs,
        trust=trust,
        clock=now,
        bell=bell,
        learn=ring.learn,
    )


@attrs.frozen(kw_only=True)
class Ports:
    door: int
    desk: int
    ops: int | None


def _announce(settings: Settings, ports: Ports, tokens: Mapping[str, str]) -> None:
    """One JSON line on standard output: ports, and links for the administrators still missing."""
    links = [link_of(settings, ports.desk, token) for token in tokens.values()]
    ready = {
        "event": "bureau.ready",
        "door": url_of(settings.door_host, ports.door, secure=True),
        "desk": f"{desk_of(settings, ports.desk)}/",
        "ops": ports.ops and f"{url_of(settings.ops_host or '', ports.ops, secure=False)}/",
        "sign_in": links[0] if links else None,
        "sign_in_second": links[1] if len(links) > 1 else None,
    }
    print(orjson.dumps(ready).decode(), flush=True)  # noqa: T201 (this line is the program's output)


if __name__ == "__main__":
    sys.exit(main())

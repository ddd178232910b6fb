"""`python -m bureau --settings bureau.toml`: wires the bureau program and runs it."""

import argparse
import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, TextIO, cast

import orjson
import structlog
import uvloop

from adapters.folder.standard_streams import hold_standard_streams
from adapters.gateways.https import HttpsGateway
from adapters.postgres.session import UnsafeServer
from bureau.desk.asking import Asking
from bureau.desk.audit import Auditor
from bureau.desk.certificates import PARTY, Warner, endings
from bureau.desk.docket.chase import chase_all
from bureau.desk.forks import ForkKeeper
from bureau.desk.people import Office
from bureau.desk.publish import Publishing
from bureau.desk.releases import Releases
from bureau.desk.statistics import fold_all
from bureau.desk.summary import Summaries
from bureau.inbox.bell import Bell
from bureau.inbox.keyring import KeyFiles, KeyRing
from bureau.inbox.keys import receiving_keys
from bureau.inbox.own_names import refuse_other_names
from bureau.inbox.receive import OWN_CERTIFICATE, Inbox
from bureau.serving import site, spare_the_collector
from bureau.settings import Settings, SettingsWrong, load_settings
from bureau.web.desk import desk_application
from bureau.web.door import door_application
from bureau.web.reception import door
from bureau.web.rooms import Rooms
from bureau.wiring import (
    Store,
    bracketed,
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
from certs.keys import load_signer, load_sm2_signer
from certs.live import LiveTls
from certs.log.note import suites_wanted
from certs.signing.signer import Signer, in_both_suites
from certs.tls import Credentials, Refusal
from certs.trust import Trust, load_trust
from gateway.domain.faults import StoreUnavailable
from gateway.domain.seldom import Seldom

_log = structlog.get_logger("bureau")


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit 0 after a clean stop, 1 if it cannot serve, 2 for wrong usage or settings."""
    hold_standard_streams()
    options = _options(arguments)
    _log_as_json()
    try:
        settings = load_settings(options.settings, os.environ)
    except (SettingsWrong, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    act = _act(options)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(act(settings))
    except (UnsafeServer, StoreUnavailable, WorkerDied, ValueError, OSError) as error:
        sys.stderr.write(f"bureau: {error}\n")
        return 1
    return 0


class WorkerDied(Exception):
    """One of the program's own tasks failed: our mistake. Whoever restarts programs that fail must
    see that this one did."""


def _act(options: argparse.Namespace) -> Callable[[Settings], Coroutine[Any, Any, None]]:
    if options.forks:
        return partial(_write_forks, options.forks)
    if options.invite:
        return partial(invite, options)
    return _check if options.check else print_link if options.sign_in_link else _serve


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bureau", description=__doc__)
    parser.add_argument("--settings", type=Path, required=True, help="the TOML file")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help="prove everything, serve nothing")
    what.add_argument("--forks", type=Path, help="write each fork that was seen as a folder there")
    what.add_argument("--sign-in-link", action="store_true", help="print a new link for `admin`")
    what.add_argument("--invite", metavar="LOGIN", help="open an account and print its link")
    parser.add_argument("--office", choices=list(Office), help="of the invited account")
    parser.add_argument("--name", default="", help="of the invited person")
    parser.add_argument("--division", default="", help="of the account; the first one if not said")
    parser.add_argument("--code", default="", help="agency, department or bank of the account")
    return parser.parse_args(arguments)


async def _serve(settings: Settings) -> None:
    trust = _trust(settings)
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    tls = _tls(settings)
    ring = _ring(settings, trust, tls)
    async with AsyncExitStack() as rooms:
        store = await open_store(settings, rooms)
        await _open_logs(settings, store)
        entry = entry_of(settings, store)
        bell = Bell()
        await _keep_forks(settings, store, bell, rooms)
        auditor = Auditor(store.log, trust)
        inbox = door_application(
            _inbox(settings, store, trust, bell, ring),
            Summaries(store.log, store.desk, auditor, settings.logs),
            lambda connection: tls.guard.may_stay(connection, now()),
        )
        rooms_of_desk = desk_rooms(settings, store, trust, entry, bell)
        desk = desk_application(rooms_of_desk)
        chasing = chase_all(rooms_of_desk.office, settings.divisions)
        await rooms.enter_async_context(_working(chasing))
        await rooms.enter_async_context(_working(fold_all(store.statistics)))
        door_port = await rooms.enter_async_context(
            door(inbox, settings.door_host, settings.door_port, tls.server())
        )
        desk_port = await rooms.enter_async_context(
            site(desk, settings.desk_host, settings.desk_port, desk_tls(settings))
        )
        await rooms.enter_async_context(_working(ring.run()))
        await rooms.enter_async_context(_working(Warner(rooms_of_desk.shelf, now).run()))
        ways = ways_of(settings, tls)
        for kind, feeds in (
            ("releases", store.releases),
            ("registers", rooms_of_desk.registers),
            ("policies", store.policies),
        ):
            publishing = Publishing(feeds, ways, now, kind, bell.ring)
            await rooms.enter_async_context(_working(publishing.run()))
        asking = Asking(store.questions, ways, trust.sign_document, now, bell.ring)
        await rooms.enter_async_context(_working(asking.run()))
        spare_the_collector()
        _announce(settings, door_port, desk_port, await entry.first_links())
        await stopped.wait()
        _log.info("bureau.stopping")


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


async def _check(settings: Settings) -> None:
    trust = _trust(settings)
    _tls(settings).server()
    async with AsyncExitStack() as rooms:
        store = await open_store(settings, rooms)
        await _open_logs(settings, store)
    ended = []
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


async def _write_forks(folder: Path, settings: Settings) -> None:
    """A folder for each, that `verify fork` proves."""
    async with AsyncExitStack() as rooms:
        store = await open_store(settings, rooms)
        for target in await ForkKeeper(folder, store.log, store.desk, settings.logs).write():
            sys.stdout.write(f"{target}\n")


async def _keep_forks(settings: Settings, store: Store, bell: Bell, rooms: AsyncExitStack) -> None:
    if settings.witness_forks is not None:
        keeper = ForkKeeper(settings.witness_forks, store.log, store.desk, settings.logs)
        await rooms.enter_async_context(_working(keeper.run(bell)))


def _trust(settings: Settings) -> Trust:
    own = _witness_signer(settings)
    trust = load_trust(
        settings.trust_evidence_authorities, settings.trust_parties, own, settings.trust_revocations
    )
    for place in settings.logs:
        found = {key.suite for key in receiving_keys(trust, place)}
        for suite in set(suites_wanted(place.origin)) - found:
            raise ValueError(
                f"no signing certificate ({suite}) of {place.gateway} counts among the parties"
            )
    return trust


def _witness_signer(settings: Settings) -> Signer:
    passphrase = settings.witness_passphrase
    first = load_signer(settings.witness_certificate, settings.witness_key, passphrase)
    if settings.witness_sm2_certificate is None or settings.witness_sm2_key is None:
        return first
    sm2 = load_sm2_signer(settings.witness_sm2_certificate, settings.witness_sm2_key, passphrase)
    return in_both_suites(first, sm2)


def _ring(settings: Settings, trust: Trust, tls: LiveTls) -> KeyRing:
    files = KeyFiles(
        tls=(
            settings.door_certificate, settings.door_key, settings.door_authorities,
            settings.door_revocations,
        ),
        witness=(
            settings.witness_certificate, settings.witness_key,
            settings.witness_sm2_certificate, settings.witness_sm2_key,
        ),
        transport=settings.door_authorities,
        revocations=settings.door_revocations,
        authorities=settings.trust_evidence_authorities,
        parties=settings.trust_parties,
        signing_revocations=settings.trust_revocations,
    )  # fmt: skip
    return KeyRing(files, trust, tls, partial(_witness_signer, settings))


def _tls(settings: Settings) -> LiveTls:
    refuse_other_names(settings.door_certificate, settings.witness_certificate)
    return LiveTls(_door_credentials(settings), partial(_handshake_refused, Seldom()))


def _door_credentials(settings: Settings) -> Credentials:
    """Those of the door; the bureau goes to its gateways under the same name."""
    return Credentials(
        certificate=settings.door_certificate,
        key=settings.door_key,
        passphrase=settings.door_passphrase,
        authorities=settings.door_authorities,
        revocations=settings.door_revocations,
    )


def _handshake_refused(seldom: Seldom, refusal: Refusal) -> None:
    if (times := seldom.due(refusal.cause, time.monotonic())) is not None:
        _log.warning("handshake.refused", reason=refusal.reason, detail=refusal.detail, times=times)


@asynccontextmanager
async def opened_releases(settings: Settings) -> AsyncIterator[tuple[Releases, Publishing]]:
    """For the command line: the core of releases, and the way of what is signed to the gateways.

    Raises UnsafeServer, StoreUnavailable, ValueError, OSError.
    """
    trust = _trust(settings)
    async with AsyncExitStack() as rooms:
        store = await open_store(settings, rooms)
        publishing = Publishing(store.releases, ways_of(settings, _tls(settings)), now)
        told = program_teller(store.people)
        yield Releases(store.releases, store.desk, trust.sign_document, now, told), publishing


@asynccontextmanager
async def opened_desk(settings: Settings) -> AsyncIterator[Rooms]:
    """The desk's rooms without its pages, for what officers do in a demonstration.

    Raises UnsafeServer, StoreUnavailable, ValueError, OSError.
    """
    async with AsyncExitStack() as rooms:
        store = await open_store(settings, rooms)
        entry = entry_of(settings, store)
        yield desk_rooms(settings, store, _trust(settings), entry, Bell())


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


def _announce(
    settings: Settings, door_port: int, desk_port: int, tokens: Mapping[str, str]
) -> None:
    """One JSON line on standard output: ports, and links for the administrators still missing."""
    links = [link_of(settings, desk_port, token) for token in tokens.values()]
    ready = {
        "event": "bureau.ready",
        "door": f"https://{settings.door_host}:{door_port}",
        "desk": f"{'https' if settings.desk_certificate else 'http'}://{bracketed(settings.desk_host)}:{desk_port}/",
        "sign_in": links[0] if links else None,
        "sign_in_second": links[1] if len(links) > 1 else None,
    }
    print(_json(ready), flush=True)  # noqa: T201 (this line is the program's output)


def _json(fields: Mapping[str, object], **_: object) -> str:
    return orjson.dumps(fields, default=str).decode()


class _Patient:
    """Standard error, without failing whoever logs where its disk is full or nobody reads it:
    the log is no record."""

    def write(self, text: str) -> None:
        with suppress(OSError, ValueError):
            sys.stderr.write(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            sys.stderr.flush()


def _log_as_json() -> None:
    """Operators' log: one JSON line an event on standard error, nothing of a person in it."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(serializer=_json),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, _Patient())),
    )


if __name__ == "__main__":
    sys.exit(main())

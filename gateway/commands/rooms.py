"""The wiring: every room of the gateway, built from settings; the only file that names them all."""

import datetime as dt
import os
import socket
import time
from collections import ChainMap
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from typing import Protocol, TypeVar

import attrs

from adapters.bank.books import HttpBooks
from adapters.bank.http_core import HttpBank
from adapters.bank.iso_core import IsoWire
from adapters.bank.iso_recall import IsoRecalls
from adapters.bank.iso_status import enquirer, read_status
from adapters.bank.voucher_store import VoucherStoreWire
from adapters.bank.wire import JsonWire, Wire
from adapters.bureau.https import HttpsBureau
from adapters.formats.accepted import Accepted, accepted_formats
from adapters.formats.iso20022 import IsoBulk
from adapters.formats.iso_cut import digest_in
from adapters.formats.statement import read_page
from adapters.postgres.backlog import PostgresBacklog
from adapters.postgres.conduct import PostgresConduct
from adapters.postgres.correspondence import PostgresCorrespondence
from adapters.postgres.day_close import PostgresDayBook
from adapters.postgres.holds import PostgresHolds
from adapters.postgres.kept import Kept
from adapters.postgres.ledger import PostgresLedger
from adapters.postgres.messages import PostgresMessages
from adapters.postgres.past import PostgresPast
from adapters.postgres.recordlog import PostgresRecordLog
from adapters.postgres.refunds import PostgresRefunds
from adapters.postgres.registers import PostgresRegisters
from adapters.postgres.shelf import AgeLimits, PostgresRegisterShelf
from certs.acknowledged import BureauWitness
from certs.commitments import Commitments
from certs.keys import load_signer, load_sm2_signer
from certs.live import LiveTls
from certs.log.note import log_origin
from certs.log.sealer import Sealer
from certs.signing.signer import Signer, in_both_suites
from certs.tls import Credentials
from certs.trust import Trust, load_trust
from gateway.commands.books import Books, open_books
from gateway.commands.crew import LoopCrew
from gateway.commands.people import conceal_of, vault_of
from gateway.domain.bank import BankConduct
from gateway.domain.conduct_rules import Allowances
from gateway.domain.register_feed import Conceal
from gateway.pipeline.batch import Batch, BatchRooms
from gateway.pipeline.line import Line, Rooms
from gateway.pipeline.reconcile import Reconciling
from gateway.pipeline.release import Release
from gateway.pipeline.tell import Origin
from gateway.settings import Secrets, Settings
from gateway.web.shares import Company, Shares
from gateway.workers.conduct import contradicted, taken_back
from gateway.workers.deliver import Inbox

BANK_WAITING_MAX = 512


class Closed(Protocol):
    async def close(self) -> None: ...


_Room = TypeVar("_Room", bound=Closed)


class SystemClock:
    """The machine's clocks, behind the Clock port."""

    def now(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC)

    def monotonic(self) -> float:
        return time.monotonic()


@attrs.frozen(kw_only=True)
class House:
    """All rooms of one gateway process, open."""

    settings: Settings
    clock: SystemClock
    origin: Origin
    trust: Trust
    books: Books
    sealer: Sealer
    ledger: PostgresLedger
    records: PostgresRecordLog
    shelf: PostgresRegisterShelf
    registers: PostgresRegisters
    conceal: Conceal
    backlog: PostgresBacklog
    daybook: PostgresDayBook
    past: PostgresPast
    bank: HttpBank
    books_of_bank: HttpBooks | None
    reconciling: Reconciling
    inboxes: dict[str, Inbox]
    """By division, of those served."""
    formats: dict[str, Accepted]
    batch: Batch | None
    """None where the bank core reads no payments of a larger message."""
    line: Line
    places: Shares
    kept: Kept
    ahead: dict[str, str]
    """Divisions of which the bureau holds more of the log than our database (`Delivering`)."""
    unmarked: dict[str, str]
    """Divisions of which this host has seen more, or of which nobody can tell (`Marking`)."""
    unsigned: dict[str, str]
    """Divisions of which nothing can be signed: the record certificate has ended (`KeyRing`)."""
    behind: Mapping[str, str]
    """All of these: the line refuses them, and nothing is sealed."""
    holds: PostgresHolds
    refunds: PostgresRefunds
    letters: PostgresCorrespondence
    release: Release


async def open_house(
    settings: Settings, secrets: Secrets, rooms: AsyncExitStack,
    tls: LiveTls,
) -> House:  # fmt: skip
    """Open every room, dependencies first; `rooms` closes them in reverse."""
    signer = record_signer(settings, secrets)
    parties = settings.parties
    trust = load_trust(parties.authority, parties.folder, signer, parties.revocations)
    clock = SystemClock()
    books = await open_books(settings.policies, trust, clock)
    origin = Origin(bank=settings.gateway.bank_code, uri=settings.gateway.uri)
    instance = instance_name()
    vault, kept = vault_of(production=settings.policies.books is not None), Kept()
    ledger = await rooms.enter_async_context(
        PostgresLedger(secrets.database, instance=instance, sealing=vault, kept=kept)
    )
    records = _opened(rooms, PostgresRecordLog(secrets.database, sealing=vault, kept=kept))
    shelf = _opened(
        rooms,
        PostgresRegisterShelf(secrets.database, vault.index, clock.now, age_limits_of(settings)),
    )
    conceal = conceal_of(vault)
    registers = _opened(rooms, PostgresRegisters(secrets.database, conceal, kept=kept))
    backlog = _opened(rooms, PostgresBacklog(secrets.database))
    daybook = PostgresDayBook(secrets.database, kept=kept)
    rooms.push_async_callback(daybook.aclose)
    past = _opened(rooms, PostgresPast(secrets.database, vault))
    bank = bank_of(settings, tls)
    rooms.push_async_callback(bank.aclose)
    books_of_bank = bank_books_of(settings, tls)
    if books_of_bank:
        rooms.push_async_callback(books_of_bank.aclose)
    conduct = _opened(rooms, PostgresConduct(secrets.database, vault, kept=kept))
    inboxes = {
        division: Inbox(
            bureau=await rooms.enter_async_context(bureau_of(settings, tls, division)),
            witness=witness,
            own=witness,
        )
        for division in settings.gateway.divisions
        for witness in [witness_of(settings, trust, division)]
    }
    formats = accepted_formats()
    messages = _opened(rooms, PostgresMessages(secrets.database, vault, kept=kept))
    holds = _opened(rooms, PostgresHolds(secrets.database, instance=instance, kept=kept))
    refunds = _opened(rooms, PostgresRefunds(secrets.database, kept=kept))
    letters = _opened(rooms, PostgresCorrespondence(secrets.database, vault, kept=kept))
    ahead: dict[str, str] = {}
    unmarked: dict[str, str] = {}
    unsigned: dict[str, str] = {}
    behind = ChainMap(ahead, unmarked, unsigned)
    line_rooms = Rooms(
        gatekeeper=trust,
        formats={name: each for name, each in formats.items() if name in bank.wire.formats},
        shelf=shelf,
        book=books.shelf,
        committer=Commitments(secrets.commitment),
        ledger=ledger,
        bank=bank,
        clock=clock,
        origin=origin,
        divisions=frozenset(settings.gateway.divisions),
        partial=frozenset(settings.gateway.partial_batches),
        behind=behind,
    )
    line = Line(line_rooms)
    bounds = settings.gateway
    company = Company(clock.monotonic)
    places = Shares(bounds.in_flight_max, bounds.in_flight_per_party_max, company)
    batch_rooms = BatchRooms(
        gatekeeper=trust, bulk=IsoBulk(), store=messages, bank=bank, crew=LoopCrew(), clock=clock,
        places=places,
    )  # fmt: skip
    return House(
        settings=settings,
        clock=clock,
        origin=origin,
        trust=trust,
        books=books,
        sealer=Sealer(signer),
        ledger=ledger,
        records=records,
        shelf=shelf,
        registers=registers,
        conceal=conceal,
        backlog=backlog,
        daybook=daybook,
        past=past,
        bank=bank,
        books_of_bank=books_of_bank,
        reconciling=Reconciling(
            store=conduct,
            shelf=shelf,
            formats=formats,
            origin=origin,
            allowances=allowances_of(settings),
            behind=behind,
            noticed=contradicted,
            ended=taken_back,
        ),
        inboxes=inboxes,
        formats=formats,
        line=line,
        places=places,
        kept=kept,
        ahead=ahead,
        unmarked=unmarked,
        unsigned=unsigned,
        behind=behind,
        batch=Batch(line, batch_rooms) if IsoBulk.part_format in bank.wire.formats else None,
        holds=holds,
        refunds=refunds,
        letters=letters,
        release=Release(line_rooms, line, holds, trust, signed_bytes(messages)),
    )


def _opened(rooms: AsyncExitStack, room: _Room) -> _Room:
    """The room itself, which `rooms` closes at the end."""
    rooms.push_async_callback(room.close)
    return room


def witness_of(settings: Settings, trust: Trust, division: str) -> BureauWitness:
    origin = log_origin(settings.gateway.uri, division, trust.own.suite)
    return BureauWitness(trust=trust, bureau=settings.bureaus[division].peer, origin=origin)


def signed_bytes(messages: PostgresMessages) -> Callable[[str, bytes], Awaitable[bytes | None]]:
    """Of kept bytes those that were signed: of a part, the whole message that it was cut from."""

    async def signed(division: str, raw: bytes) -> bytes | None:
        digest = digest_in(raw)
        return raw if digest is None else await messages.raw(division, digest)

    return signed


def record_signer(settings: Settings, secrets: Secrets) -> Signer:
    """The record key, in GW1-SM2-SM3 both. Raises ValueError (SuiteUnavailable among them)."""
    chosen = settings.record_key
    first = load_signer(chosen.certificate, chosen.key, secrets.passphrase)
    if chosen.sm2_certificate is None or chosen.sm2_key is None:
        return first
    sm2 = load_sm2_signer(chosen.sm2_certificate, chosen.sm2_key, secrets.passphrase)
    return in_both_suites(first, sm2)


def bank_of(settings: Settings, tls: LiveTls) -> HttpBank:
    """The bank core as the settings describe it. Raises ValueError, OSError (its TLS files)."""
    chosen = settings.bank
    context = tls.client(chosen.peer) if chosen.tls else None
    return HttpBank(
        host=chosen.host,
        port=chosen.port,
        ssl_context=context,
        conduct=BankConduct(
            idempotent=chosen.idempotent,
            enquiry=chosen.enquiry,
            horizon_s=chosen.horizon_s,
            partial=chosen.partial,
            recall=chosen.recall,
        ),
        connections=chosen.connections,
        deadline_s=chosen.deadline_s,
        waiting_max=BANK_WAITING_MAX,
        wire=wire_of(settings),
    )


def wire_of(settings: Settings) -> Wire:
    """How this bank's core is spoken to."""
    if settings.bank.wire == "voucher_store":
        return VoucherStoreWire()
    if settings.bank.wire == "iso20022":
        now = SystemClock().now
        recalls = IsoRecalls(now, settings.gateway.bank_code)
        return IsoWire(read_status, enquirer(now), recalls)
    return JsonWire()


def bank_books_of(settings: Settings, tls: LiveTls) -> HttpBooks | None:
    """The core's list of movements, if the settings say that it has one."""
    chosen = settings.bank
    if not chosen.books:
        return None
    context = tls.client(chosen.peer) if chosen.tls else None
    return HttpBooks(chosen.host, chosen.port, context, chosen.deadline_s, read_page)


def age_limits_of(settings: Settings) -> AgeLimits:
    chosen = settings.registers
    return AgeLimits(
        register=dt.timedelta(seconds=chosen.age_max_s),
        registers={name: dt.timedelta(seconds=limit) for name, limit in chosen.ages.items()},
    )


def allowances_of(settings: Settings) -> Allowances:
    chosen = settings.conduct
    return Allowances(
        day_end_minute=chosen.day_end_minute,
        records=dt.timedelta(seconds=chosen.records_s),
        notices=dt.timedelta(seconds=chosen.notices_s),
        task_workdays=chosen.task_workdays,
        look_back=dt.timedelta(days=chosen.look_back_days),
    )


def bureau_of(settings: Settings, tls: LiveTls, division: str) -> HttpsBureau:
    """A division's bureau, and nobody else on its port. Raises ValueError, OSError."""
    chosen = settings.bureaus[division]
    return HttpsBureau(chosen.url, tls.client(chosen.peer))


def credentials(settings: Settings, secrets: Secrets) -> Credentials:
    return Credentials(
        certificate=settings.tls.certificate,
        key=settings.tls.key,
        passphrase=secrets.passphrase,
        authorities=settings.tls.authority,
        revocations=settings.tls.revocations,
    )


def instance_name() -> str:
    """Names this process among those that share the database."""
    return f"{socket.gethostname()}:{os.getpid()}:{time.time_ns()}"

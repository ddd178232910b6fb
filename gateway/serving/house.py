"""The house: every room of a running gateway, opened as the settings describe it."""

import datetime as dt
from collections import ChainMap
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import AsyncExitStack
from typing import Protocol, TypeVar, cast

import attrs

from adapters.bank.books import HttpBooks
from adapters.bank.http_core import HttpBank
from adapters.formats.accepted import Accepted, accepted_formats
from adapters.formats.iso20022.cut import digest_in
from adapters.formats.iso20022.payments import IsoBulk
from adapters.postgres.ledger.correspondence import PostgresCorrespondence
from adapters.postgres.ledger.holds import PostgresHolds
from adapters.postgres.ledger.kept import Kept
from adapters.postgres.ledger.ledger import PostgresLedger
from adapters.postgres.ledger.messages import PostgresMessages
from adapters.postgres.ledger.refunds import PostgresRefunds
from adapters.postgres.log.recordlog import PostgresRecordLog
from adapters.postgres.oversight.backlog import PostgresBacklog
from adapters.postgres.oversight.conduct import PostgresConduct
from adapters.postgres.oversight.day_close import PostgresDayBook
from adapters.postgres.oversight.past import PostgresPast
from adapters.postgres.registers.applying import PostgresRegisters
from adapters.postgres.registers.shelf import PostgresRegisterShelf
from certs.acknowledged import BureauWitness
from certs.commitments import Commitments
from certs.live import LiveTls
from certs.log.note import log_origin
from certs.log.sealer import Sealer
from certs.trust import Trust
from gateway.configured.keys import record_signer, revocations_of, trust_of
from gateway.configured.limits import age_limits_of, allowances_of
from gateway.configured.machine import SystemClock, instance_name
from gateway.configured.peers import bank_books_of, bank_of, bureau_of
from gateway.configured.people import conceal_of, vault_of
from gateway.domain.register_feed import Conceal
from gateway.pipeline.batch import Batch, BatchRooms
from gateway.pipeline.line import Line, Rooms
from gateway.pipeline.reconcile import Reconciling
from gateway.pipeline.release import Release
from gateway.pipeline.tell import Origin
from gateway.policy_books.in_force import Books, open_books
from gateway.policy_books.older import Outdated, told_of
from gateway.serving.crew import LoopCrew
from gateway.settings import Secrets, Settings
from gateway.web.shares import Company, Shares
from gateway.workers.clocks import Clocks
from gateway.workers.conduct import contradicted, taken_back
from gateway.workers.deliver import Inbox


class Closed(Protocol):
    async def close(self) -> None: ...


_Room = TypeVar("_Room", bound=Closed)


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
    clocks: Clocks
    """All divisions, while this host's clock is not the database's."""
    behind: Mapping[str, str]
    """All of these: the line refuses them, and nothing is sealed."""
    outdated: Outdated
    """Divisions whose book or registers are older than the log says: the line refuses them."""
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
    kept = Kept()
    # Before anything is proven: no list may have come of what the registry has ended (0115).
    trust = trust_of(settings, signer, await revocations_of(secrets.database, kept))
    clock = SystemClock()
    origin = Origin(bank=settings.gateway.bank_code, uri=settings.gateway.uri)
    instance = instance_name()
    vault = vault_of(production=settings.policies.books is not None)
    ledger = await rooms.enter_async_context(
        PostgresLedger(secrets.database, instance=instance, sealing=vault, kept=kept)
    )
    records = _opened(rooms, PostgresRecordLog(secrets.database, sealing=vault, kept=kept))
    books = await open_books(settings.policies, trust, clock, records)
    shelf = _opened(
        rooms,
        PostgresRegisterShelf(secrets.database, vault.index, clock.now, age_limits_of(settings)),
    )
    conceal = conceal_of(vault)
    registers = _opened(rooms, PostgresRegisters(secrets.database, conceal, vault.vouch, kept=kept))
    backlog = _opened(rooms, PostgresBacklog(secrets.database))
    daybook = _opened(rooms, PostgresDayBook(secrets.database, kept=kept))
    past = _opened(rooms, PostgresPast(secrets.database, vault, kept=kept))
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
    clocks = Clocks(records, clock, settings.gateway.divisions)
    behind = ChainMap(ahead, unmarked, unsigned, cast(MutableMapping[str, str], clocks))
    outdated = Outdated(await told_of(records, settings.gateway.divisions), books, shelf)
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
        behind=ChainMap(outdated, *behind.maps),
        hold_life=dt.timedelta(seconds=settings.holds.expire_s),
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
        clocks=clocks,
        behind=behind,
        outdated=outdated,
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

"""Puts the bureau's rooms together: the database's, the desk's, and the accounts' commands."""

import argparse
import asyncio
import datetime as dt
import hmac
import os
import pwd
import ssl
import sys
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import attrs
import structlog

from adapters.formats.pasted import read_pasted
from adapters.formats.registers.feed import read_feed
from adapters.papers.setter import editable, portable
from adapters.postgres.bureau.cases import BureauCases
from adapters.postgres.bureau.complaints import BureauComplaints
from adapters.postgres.bureau.desk import BureauDesk
from adapters.postgres.bureau.holds import BureauHolds
from adapters.postgres.bureau.log import BureauStore
from adapters.postgres.bureau.not_ours import BureauNotOurs
from adapters.postgres.bureau.people import BureauPeople
from adapters.postgres.bureau.policies import BureauPolicies
from adapters.postgres.bureau.pool import open_pool
from adapters.postgres.bureau.questions import BureauQuestions
from adapters.postgres.bureau.registers import BureauRegisters
from adapters.postgres.bureau.release_numbers import BureauReleaseNumbers
from adapters.postgres.bureau.releases import BureauReleases
from adapters.postgres.bureau.salt import salt_of
from adapters.postgres.bureau.statistics import BureauStatistics
from adapters.postgres.bureau.trail import Trail
from adapters.postgres.migrate import migrate
from bureau.desk.certificates import Shelf
from bureau.desk.complaints import Complaints
from bureau.desk.docket.office import CaseOffice
from bureau.desk.entry import Entry
from bureau.desk.law import cited_of, law_of, titles_of
from bureau.desk.names import Names
from bureau.desk.not_ours import NotOurs
from bureau.desk.people import PROGRAM, Office, Person, flaws
from bureau.desk.policies.drafts import Policies
from bureau.desk.policies.questions import Questions
from bureau.desk.proof import Prover
from bureau.desk.registers.changes import Registers
from bureau.desk.releases import Releases, Told
from bureau.desk.statistics import Statistics
from bureau.desk.trail import Act, act_bytes, digest_of
from bureau.desk.voids import Voids
from bureau.inbox.bell import Bell
from bureau.inbox.receive import REASONS_ZH
from bureau.settings import Settings
from bureau.web.identity import Identity, Provider
from bureau.web.live import Live
from bureau.web.pages import Pages
from bureau.web.rooms import Rooms
from certs.identity import load_provider_keys
from certs.keys import load_certificates
from certs.live import Guard
from certs.people import PeopleVault
from certs.revocation import revoked_in
from certs.seal import Seal, derived
from certs.tls import Credentials, people_context
from certs.trust import Trust
from doors.address import url_of

MIGRATIONS = Path(__file__).parents[1] / "adapters" / "postgres" / "migrations_bureau"
POOL_CLOSE_S = 5.0

_log = structlog.get_logger("bureau")


@attrs.frozen(kw_only=True)
class Store:
    """The bureau's database, a room for each thing that is kept there."""

    log: BureauStore
    desk: BureauDesk
    releases: BureauReleases
    numbers: BureauReleaseNumbers
    people: BureauPeople
    cases: BureauCases
    complaints: BureauComplaints
    holds: BureauHolds
    not_ours: BureauNotOurs
    statistics: BureauStatistics
    registers: BureauRegisters
    policies: BureauPolicies
    questions: BureauQuestions
    salt: bytes
    names_stretched: bool
    """Whether rows of registers are named under the stretched key; not where they were before."""


async def open_store(settings: Settings, rooms: AsyncExitStack) -> Store:
    for name in await migrate(settings.database, MIGRATIONS):
        _log.info("migration.applied", name=name)
    pool = await open_pool(settings.database)

    async def close() -> None:
        try:
            async with asyncio.timeout(POOL_CLOSE_S):
                await pool.close()
        except TimeoutError:
            pool.terminate()

    rooms.push_async_callback(close)
    trail = Trail(written)
    salt, names_stretched = await salt_of(pool)
    people_key = derived(settings.witness_passphrase, salt, "people in the bureau's log")
    return Store(
        log=BureauStore(pool, PeopleVault(people_key)),
        desk=BureauDesk(pool),
        people=BureauPeople(pool, trail),
        cases=BureauCases(pool, trail),
        complaints=BureauComplaints(pool, trail),
        holds=BureauHolds(pool),
        not_ours=BureauNotOurs(pool, trail),
        statistics=BureauStatistics(pool),
        registers=BureauRegisters(pool, trail),
        policies=BureauPolicies(pool, trail),
        questions=BureauQuestions(pool, trail),
        releases=BureauReleases(pool, trail),
        numbers=BureauReleaseNumbers(pool, trail),
        salt=salt,
        names_stretched=names_stretched,
    )


def written(act: Any, seq: int, at: dt.datetime, previous: bytes) -> tuple[bytes, bytes]:
    """How the store writes an act of the audit trail."""
    body = act_bytes(act, seq, at, previous)
    return body, digest_of(body)


def entry_of(settings: Settings, store: Store) -> Entry:
    seal = seal_of(settings, store, "desk totp")
    return Entry(store.people, seal, now, settings.divisions)


def seal_of(settings: Settings, store: Store, purpose: str) -> Seal:
    return Seal(settings.witness_passphrase, purpose, store.salt)


def identity_of(settings: Settings, store: Store) -> Identity | None:
    """The OpenID Connect provider of the settings. Raises OSError, ValueError (its keys)."""
    given = (
        settings.oidc_issuer, settings.oidc_client_id, settings.oidc_authorization,
        settings.oidc_token, settings.oidc_redirect,
    )  # fmt: skip
    issuer, client_id, authorization, token, redirect = (each or "" for each in given)
    if settings.oidc_keys is None:
        return None
    provider = Provider(
        issuer=issuer, client_id=client_id, secret=settings.oidc_secret, redirect=redirect,
        authorization=authorization, token=token, keys=load_provider_keys(settings.oidc_keys),
    )  # fmt: skip
    return Identity(provider, seal_of(settings, store, "desk oidc"), now)


def desk_tls(settings: Settings) -> ssl.SSLContext | None:
    """None: plain HTTP, on loopback. Raises OSError."""
    if not (settings.desk_certificate and settings.desk_key and settings.desk_authorities):
        return None
    return people_context(
        Credentials(
            certificate=settings.desk_certificate,
            key=settings.desk_key,
            passphrase=settings.desk_passphrase,
            authorities=settings.desk_authorities,
        )
    )


def certificate_counts_of(settings: Settings) -> Callable[[object], bool]:
    """Whether a person's certificate has neither ended nor been revoked by now. Lists that cannot
    be read, or have ended, let nobody in by a certificate."""
    guard = Guard()

    def counts(tls: object) -> bool:
        file, authorities = settings.desk_revocations, settings.desk_authorities
        try:
            if file is not None and authorities is not None:
                guard.revoked = revoked_in(file, load_certificates(authorities), now())
        except (ValueError, OSError) as error:
            _log.error("revocations.refused", reason=str(error))
            return False
        return guard.may_stay(tls, now())

    return counts


def shelf_of(settings: Settings) -> Shelf:
    own = {
        "报送接口 door": settings.door_certificate,
        "见证签名 witness": settings.witness_certificate,
        "见证签名 witness SM2": settings.witness_sm2_certificate,
        "工作台 desk": settings.desk_certificate,
        "传输机构 transport authority": settings.door_authorities,
        "证据机构 evidence authority": settings.trust_evidence_authorities,
    }
    lists = {
        "吊销列表 revocation list (door)": settings.door_revocations,
        "吊销列表 revocation list (trust)": settings.trust_revocations,
    }
    return Shelf(
        own={use: path for use, path in own.items() if path is not None},
        parties=settings.trust_parties,
        evidence=settings.trust_evidence_authorities,
        lists={use: path for use, path in lists.items() if path is not None},
        signing=frozenset({"见证签名 witness", "见证签名 witness SM2"}),
    )


@attrs.frozen(kw_only=True)
class FeedPen:
    """Signs feeds of registers, and reads them beforehand as a gateway will."""

    sign: Callable[[bytes], str]

    def check(self, body: bytes) -> None:
        """Raises Unreadable."""
        read_feed(body, lambda person: (person.id_number, person))


def registers_of(settings: Settings, store: Store, trust: Trust) -> Registers:
    passphrase = settings.witness_passphrase
    naming = derived(passphrase, store.salt, "register names")
    if not store.names_stretched:
        naming = passphrase

    def name(key: str) -> str:
        return hmac.new(naming, b"register key " + key.encode(), "sha256").hexdigest()

    return Registers(
        store.registers,
        seal_of(settings, store, "registers"),
        name,
        FeedPen(sign=trust.sign_document),
        settings.logs,
        now,
    )


def desk_rooms(settings: Settings, store: Store, trust: Trust, entry: Entry, bell: Bell) -> Rooms:
    registers = registers_of(settings, store, trust)
    names = Names(registers, {place.bank: place.name for place in settings.logs})
    policies = Policies(
        store.policies, trust.verify_document, trust.sign_document, settings.logs, now, read_pasted
    )
    return Rooms(
        desk=store.desk,
        store=store.log,
        prover=Prover(store.log, settings.logs, trust),
        people=store.people,
        entry=entry,
        cases=store.cases,
        office=CaseOffice(store.cases, portable, now, settings.issuer, cited_of(), names),
        releases=Releases(store.releases, store.desk, trust.sign_document, now),
        voids=Voids(store.numbers, trust.sign_document, now),
        holds=store.holds,
        not_ours=NotOurs(store=store.not_ours, own=trust.own.uri, clock=now),
        shelf=shelf_of(settings),
        policies=policies,
        questions=Questions(store.questions, policies, trust.sign_document, settings.logs, now),
        registers=registers,
        names=names,
        statistics=Statistics(store.statistics, titles_of(), names),
        complaints=Complaints(
            store.complaints, seal_of(settings, store, "complaint informant"), now
        ),
        editable=editable,
        pages=Pages(settings.desk_name, REASONS_ZH, settings.issuer),
        live=Live(bell),
        bell=bell.ring,
        law=law_of(),
        identity=identity_of(settings, store),
        certificates=settings.desk_certificate is not None,
        certificate_counts=certificate_counts_of(settings),
        hosts=tuple((settings.desk_hosts or "").split()),
        clock=now,
        divisions=settings.divisions,
    )


async def invite(options: argparse.Namespace, settings: Settings) -> None:
    """An account of the given office, if the login has none yet, and a link that opens it once."""
    division = options.division or settings.divisions[0]
    fields = (options.invite, options.name or options.invite, options.office or "")
    if wrong := flaws(*fields, division, options.code):
        raise ValueError("; ".join(f"{zh} / {en}" for zh, en in wrong))
    person = Person(
        login=fields[0], name=fields[1], office=Office(fields[2]), division=division,
        code=options.code,
    )  # fmt: skip
    async with AsyncExitStack() as rooms:
        entry = entry_of(settings, await open_store(settings, rooms))
        who = _os_user()
        if not await entry.open_account(person, PROGRAM, os_user=who):
            sys.stderr.write(f"{person.login}: the account is there; its password is forgotten\n")
        token = await entry.invite(person.login, PROGRAM, os_user=who)
    sys.stdout.write(link_of(settings, settings.desk_port, token) + "\n")


async def print_link(settings: Settings) -> None:
    async with AsyncExitStack() as rooms:
        store = await open_store(settings, rooms)
        token = await entry_of(settings, store).recovery_link(os_user=_os_user())
    sys.stdout.write(link_of(settings, settings.desk_port, token) + "\n")


def program_teller(people: BureauPeople) -> Told:
    """Writes what a command does about holds to the trail, with the operating system's user."""

    async def told(division: str, what: str, subject: str, detail: Mapping[str, str]) -> None:
        said = {**detail, "os_user": _os_user()}
        act = Act(division=division, login=PROGRAM, what=what, subject=subject, detail=said)
        await people.change(now(), [act])

    return told


def _os_user() -> str:
    """For the audit trail: under whom of the operating system a command ran."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def link_of(settings: Settings, port: int, token: str) -> str:
    return f"{desk_of(settings, port)}/sign-in/link/{token}"


def desk_of(settings: Settings, port: int) -> str:
    return url_of(settings.desk_host, port, secure=bool(settings.desk_certificate))


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)

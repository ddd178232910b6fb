"""What must be in order before and while the gateway serves: examined part by part, all told.

`serve --check` and `doctor` show the same findings; nothing here changes anything.
"""

import asyncio
import datetime as dt
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import msgspec

from adapters.bank.http_core import HttpBank
from adapters.postgres.health import FULL, health
from adapters.postgres.oversight.backlog import PostgresBacklog
from adapters.postgres.registers.shelf import PostgresRegisterShelf
from adapters.postgres.session import READ_ONLY, SAFE_COMMITS
from certs.live import LiveTls
from certs.tls import client_context
from doors.address import url_of
from gateway.configured.journal import configure_log, unwritable
from gateway.configured.keys import credentials
from gateway.configured.limits import age_limits_of
from gateway.configured.peers import bank_of
from gateway.configured.people import vault_of
from gateway.configured.right_time import clock_doubt
from gateway.configured.secret_marks import unlike_secrets
from gateway.domain.bank import EnquiryOutcome
from gateway.domain.faults import Fault, LedgerUnavailable
from gateway.domain.instruction import InstructionKey
from gateway.examining.files import files
from gateway.examining.finding import Finding, State, bad, good, warn
from gateway.examining.keys import certificates, keys, word
from gateway.examining.mark import marks, signed
from gateway.examining.policies import policies, told_in
from gateway.examining.trusted import trusted
from gateway.policy_books.older import older_registers
from gateway.settings import Secrets, Settings, SettingsInvalid, read_secrets, read_settings

UNTOLD_WARN = 1000
PEER_DEADLINE_S = 3.0
LOG_KEPT_MIB = 512
"""Of the server's write-ahead log: some 60,000 instructions. A new file holds up every commit."""


class _Told(msgspec.Struct):
    reasons: dict[str, str] = {}
    warnings: dict[str, str] = {}
    degraded: dict[str, str] = {}


async def examine(settings: Settings, secrets: Secrets) -> AsyncIterator[Finding]:
    """Every part in order, whatever the parts before it said."""
    now = dt.datetime.now(dt.UTC)
    if (file := settings.gateway.log_file) and (trouble := unwritable(file)):
        yield bad("log_file", trouble)
    for finding in (*keys(settings, secrets), *certificates(settings, now)):
        yield finding
    async for finding in policies(settings, secrets, now):
        yield finding
    reachable = True
    async for finding in database(secrets):
        reachable = reachable and (finding.part, finding.state) != ("database", State.BAD)
        yield finding
    for finding in await word(settings, secrets, now, reachable=reachable):
        yield finding
    if reachable:
        yield await clock(secrets)
        async for finding in own_secrets(settings, secrets):
            yield finding
        async for finding in registers(settings, secrets, now):
            yield finding
        async for finding in signed(settings, secrets):
            yield finding
    async for finding in marks(settings, secrets, reachable=reachable):
        yield finding
    for finding in files(settings):
        yield finding
    yield await bank(settings, secrets)
    if not settings.unknowns.officers:
        yield warn("unknowns", "unknowns.officers is empty: one typed name settles a payment")
    for division, bureau in settings.bureaus.items():
        yield await reach(f"bureau {division}", bureau.url, bureau.peer, settings, secrets)
    async for finding in troubles(settings.gateway.ops_host, settings.gateway.ops_port):
        yield finding
    if reachable:
        async for finding in backlog(secrets):
            yield finding


async def database(secrets: Secrets) -> AsyncIterator[Finding]:
    try:
        found = await health(secrets.database)
    except LedgerUnavailable as lost:
        yield bad("database", lost)
        return
    if found.read_only:
        yield bad("database", f"PostgreSQL {found.server}: {READ_ONLY}")
    else:
        yield good("database", f"PostgreSQL {found.server}")
    if found.full:
        yield bad("database disk", FULL)
    safe = found.synchronous_commit in SAFE_COMMITS and found.fsync == "on"
    durability = f"synchronous_commit = {found.synchronous_commit}, fsync = {found.fsync}"
    if safe:
        yield good("durability", durability)
    else:
        yield bad("durability", f"{durability}: acknowledged decisions may be lost; set both to on")
    if found.log_kept_mib < LOG_KEPT_MIB:
        words = f"min_wal_size = {found.log_kept_mib}MB: after a quiet night new log files hold up"
        yield warn("log files", f"{words} every commit; set {LOG_KEPT_MIB}MB or more (storage.md)")
    if found.unarchived:
        words = f"stopped at {found.unarchived}: no backup from then on, and pg_wal grows"
        yield bad("archive", f"{words} until its disk is full (runbooks/backup-and-restore)")
    if found.standbys and not found.synchronous:
        words = f"{found.standbys} standbys, none synchronous: a failover may lose what was paid"
        yield warn("replication", f"{words} (runbooks/database-failover)")
    elif found.synchronous and not found.standbys:
        words = f"no standby follows, and every commit waits for one: {found.synchronous}"
        yield bad("replication", f"{words} (runbooks/database-failover)")
    elif found.synchronous:
        yield good("replication", f"{found.standbys} standbys, {found.synchronous}")
    if found.edited:
        yield bad("schema", found.edited)
    elif found.missing:
        missing = ", ".join(found.missing)
        yield bad("schema", f"not applied: {missing}; run treasury-gateway migrate")
    else:
        yield good("schema", found.schema)


async def clock(secrets: Secrets) -> Finding:
    """This host's beside the database's: two minutes apart, and nothing is passed or sealed."""
    if doubt := await clock_doubt(secrets.database):
        return bad("clock", f"{doubt} (runbooks/clock-wrong)")
    return good("clock", "agrees with the database's")


async def own_secrets(settings: Settings, secrets: Secrets) -> AsyncIterator[Finding]:
    """Those of the environment, beside what this database was written with."""
    try:
        for wrong in await unlike_secrets(settings, secrets):
            yield bad("secrets", wrong)
    except LedgerUnavailable:
        return  # the schema is among the findings


async def registers(
    settings: Settings, secrets: Secrets, now: dt.datetime
) -> AsyncIterator[Finding]:
    """Version and age of each division's registers, as the gateway would judge them."""
    try:
        vault = vault_of(production=settings.policies.books is not None)
    except SettingsInvalid:
        return  # it is among the secrets' findings, and what follows must be told all the same
    shelf = PostgresRegisterShelf(
        secrets.database, vault.index, lambda: now, age_limits_of(settings)
    )
    try:
        await shelf.refresh()
    except LedgerUnavailable as lost:
        yield bad("registers", f"not readable: {lost}")
        return
    finally:
        await shelf.close()
    told = await told_in(secrets.database, settings.gateway.divisions)
    for division in settings.gateway.divisions:
        part = f"registers {division}"
        try:
            held = shelf.of(division, now)
        except Fault as fault:
            yield bad(part, f"{fault.detail}; run treasury-gateway registers load")
            continue
        if older := older_registers(told, division, held.version):
            yield bad(part, older)
            continue
        words = f"version {held.version}, {_age(now - held.as_of)} old"
        if held.unavailable:
            stale = ", ".join(sorted(held.unavailable))
            yield bad(part, f"{words}: stale ({stale}), what rests on them is held")
        else:
            yield good(part, words)


async def bank(settings: Settings, secrets: Secrets) -> Finding:
    """Ask about a payment that never was: any answer but silence shows that the bank is there."""
    where = f"{settings.bank.host}:{settings.bank.port}"
    if not settings.bank.enquiry:
        url = url_of(settings.bank.host, settings.bank.port, secure=settings.bank.tls)
        return await reach("bank", url, settings.bank.peer, settings, secrets)
    try:
        core: HttpBank = bank_of(settings, LiveTls(credentials(settings, secrets)))
    except (ValueError, OSError) as error:
        return bad("bank", f"{where}: {error}")
    never = InstructionKey(
        division=settings.gateway.divisions[0], fiscal_year=2000, voucher_type="0000",
        voucher_no="doctor",
    )  # fmt: skip
    try:
        answer = await core.enquire(never)
    finally:
        await core.aclose()
    if answer.outcome is EnquiryOutcome.SILENT:
        return bad("bank", f"{where} does not answer")
    return good("bank", f"{where} answers enquiries")


async def reach(part: str, url: str, peer: str, settings: Settings, secrets: Secrets) -> Finding:
    """A TLS connection to `peer` there and nothing else."""
    secure = url.startswith("https:")
    try:
        tls: ssl.SSLContext | None = client_context(credentials(settings, secrets), peer=peer)
        async with asyncio.timeout(PEER_DEADLINE_S):
            _, writer = await asyncio.open_connection(*place(url), ssl=tls if secure else None)
        writer.transport.abort()
    except TimeoutError:
        return bad(part, f"{url}: no answer within {PEER_DEADLINE_S:g} s")
    except (ValueError, OSError) as error:
        return bad(part, f"{url}: {error}")
    return good(part, url)


async def troubles(host: str, port: int) -> AsyncIterator[Finding]:
    """What a gateway that runs here says of itself: why it is not ready, whom it cannot tell or
    believe; none need run."""
    deadline = aiohttp.ClientTimeout(total=PEER_DEADLINE_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=deadline) as session,
            session.get(f"{url_of(host, port, secure=False)}/readyz") as answer,
        ):
            told = msgspec.json.decode(await answer.read(), type=_Told)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError, RecursionError):
        return
    for name, words in (told.reasons | told.warnings).items():
        yield bad(name.replace(".", " "), words)
    for name, words in told.degraded.items():
        yield warn(name.replace(".", " "), words)


async def backlog(secrets: Secrets) -> AsyncIterator[Finding]:
    """What is under way; an operator's task is red until somebody has done it."""
    store = PostgresBacklog(secrets.database)
    try:
        found = await store.backlog()
    except LedgerUnavailable as lost:
        yield bad("backlog", f"not readable: {lost}")
        return
    finally:
        await store.close()
    words = f"{found.open_payments} payments open, {found.operator_tasks} for an operator"
    if found.tasks_overdue:
        words += f" ({found.tasks_overdue} not asked about again for an hour too long)"
    if found.payments_unanswered:
        words += f", {found.payments_unanswered} unanswered by the bank for more than an hour"
    if found.contradictions:
        words += f", {found.contradictions} contradicted by the bank's books or its word"
    if found.paid_unbooked:
        words += f", {found.paid_unbooked} settled as paid without a debit in the bank's books"
    wanting = found.operator_tasks or found.payments_unanswered or found.contradictions
    wanting = wanting or found.paid_unbooked
    yield (bad if wanting else good)("payments", words)
    words = f"{found.holds_open} held, {found.releases_open} orders of the bureau to carry out"
    yield (warn if found.releases_open else good)("holds", words)
    if found.limits_overdrawn:
        words = f"more is spoken for than granted on {found.limits_overdrawn} lines"
        yield warn("limits", words)
    if found.recalls_waiting:
        words = f"{found.recalls_waiting} recalls that the bank has not answered (runbooks/recalls)"
        yield warn("recalls", words)
    if found.conduct_alerts_today:
        words = f"{found.conduct_alerts_today} alerts of today (runbooks/bank-conduct)"
        yield warn("conduct", words)
    words = f"{found.records_waiting} records and {found.notices_waiting} notices waiting"
    yield good("records", words)
    for log in found.logs:
        untold = log.size - log.acknowledged_size
        words = f"{log.size} records, {untold} not acknowledged by the bureau"
        yield (warn if untold > UNTOLD_WARN else good)(f"log {log.division}", words)


def place(url: str) -> tuple[str | None, int]:
    """Host and port; without one that of the scheme, where deliveries go. Raises ValueError."""
    target = urlsplit(url)
    return target.hostname, target.port or {"https": 443}.get(target.scheme, 80)


def _age(age: dt.timedelta) -> str:
    hours = age.total_seconds() / 3600
    return f"{hours:.1f} h"


def examine_file(file: Path, told: Callable[[Finding], None]) -> list[Finding]:
    """All findings; `told` hears each as it comes. Raises SettingsInvalid."""
    settings, secrets = read_settings(file), read_secrets()
    configure_log(None, usual=False)  # the findings say it, without lines between them
    return asyncio.run(_examine_all(file, settings, secrets, told))


async def _examine_all(
    file: Path, settings: Settings, secrets: Secrets, told: Callable[[Finding], None]
) -> list[Finding]:
    found = [good("settings", file.name), *trusted(file, settings)]
    for finding in found:
        told(finding)
    async for finding in examine(settings, secrets):
        told(finding)
        found.append(finding)
    return found

"""A bureau on a real database, a gateway's sealer, and the two ends of real mutual TLS."""

import datetime as dt
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import attrs
import pytest

from adapters.postgres.bureau.cases import BureauCases
from adapters.postgres.bureau.desk import BureauDesk
from adapters.postgres.bureau.log import BureauStore
from adapters.postgres.bureau.people import BureauPeople
from adapters.postgres.bureau.pool import Pool, open_pool
from adapters.postgres.bureau.trail import Trail
from bureau.desk.audit import Auditor
from bureau.desk.summary import Summaries
from bureau.inbox.bell import Bell
from bureau.inbox.receive import Inbox
from bureau.ports import LogPlace
from bureau.web.door import door_application
from bureau.web.reception import door as bureau_door
from bureau.wiring import MIGRATIONS, written
from certs import passwords
from certs.authority import Purpose, create_root, create_subordinate
from certs.log.note import log_origin
from certs.people import PeopleVault, key_for_trial
from certs.tls import server_context
from tests.bureau.desks import Desk, open_desk
from tests.bureau.words import BANK, DIVISION, DOMAIN, GATEWAY, Bureau, Chain, Door, House
from tests.conftest import Migrated


@pytest.fixture(scope="session")
def house() -> House:
    at = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
    root = create_root("Bureau test root", at)
    transport = create_subordinate(root, Purpose.TRANSPORT, "transport", at)
    evidence = create_subordinate(root, Purpose.EVIDENCE, "evidence", at)
    blank = House(transport=transport, evidence=evidence, gateway=None, bureau=None, at=at)  # type: ignore[arg-type]
    return attrs.evolve(
        blank,
        gateway=blank.signer(GATEWAY),
        bureau=blank.signer(f"{DOMAIN}/bureau/{DIVISION}"),
    )


@pytest.fixture(autouse=True, scope="module")
def cheap_passwords() -> Iterator[None]:
    """What a password costs in service is seen in tests/certs/test_passwords.py."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_MEMORY_KIB", 64)
        patch.setattr(passwords, "_ITERATIONS", 1)
        passwords._nobodys.cache_clear()
        yield
    passwords._nobodys.cache_clear()


@pytest.fixture
def chain(house: House) -> Chain:
    return Chain(house.gateway)


@pytest.fixture
async def kept(migrated_once: Migrated) -> AsyncIterator[str]:
    """The DSN of a bureau's database, this test's own, that has all tables and no row."""
    async with migrated_once(MIGRATIONS) as dsn:
        yield dsn


@pytest.fixture
async def pool(kept: str) -> AsyncIterator[Pool]:
    pool = await open_pool(kept)
    try:
        yield pool
    finally:
        await pool.close()


@pytest.fixture
def place() -> LogPlace:
    return LogPlace(
        division=DIVISION, bank=BANK, gateway=GATEWAY, origin=log_origin(GATEWAY, DIVISION)
    )


@pytest.fixture
async def bureau(pool: Pool, place: LogPlace, house: House) -> Bureau:
    log = BureauStore(pool, PeopleVault(key_for_trial(b"the bureau's secret")))
    desk, trust, bell = BureauDesk(pool), house.trust(), Bell()
    await log.open_log(place.division, place.bank, place.origin)
    auditor = Auditor(log, trust)
    return Bureau(
        pool=pool,
        log=log,
        desk=desk,
        people=BureauPeople(pool, Trail(written)),
        cases=BureauCases(pool, Trail(written)),
        inbox=Inbox(
            store=log,
            desk=desk,
            places=[place],
            trust=trust,
            clock=lambda: dt.datetime.now(dt.UTC),
            bell=bell,
        ),
        summaries=Summaries(log, desk, auditor, [place]),
        auditor=auditor,
        trust=trust,
        bell=bell,
        place=place,
    )


@pytest.fixture
async def door(bureau: Bureau, house: House, tmp_path: Path) -> AsyncIterator[Door]:
    tls = server_context(house.credentials(tmp_path, f"bureau/{DIVISION}"))
    application = door_application(bureau.inbox, bureau.summaries)
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(bureau_door(application, "127.0.0.1", 0, tls))
        yield Door(url=f"https://localhost:{port}", house=house, folder=tmp_path)


@pytest.fixture
async def desk(bureau: Bureau) -> AsyncIterator[Desk]:
    async with open_desk(bureau) as desk:
        yield desk

"""What a program of 28 November wrote, brought to today's schema: all of it is there and counts.

`old_installation.json.gz` holds the rows of both databases as that program left them after fourteen
payments (gateway migration 0036, bureau migration 0022), three of them without the bank's answer.
"""

import datetime as dt
import gzip
import io
import json
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from adapters.postgres.bureau.desk import BureauDesk
from adapters.postgres.bureau.pool import open_pool
from adapters.postgres.ledger.holds import PostgresHolds
from adapters.postgres.ledger.ledger import PostgresLedger
from adapters.postgres.log.export import PostgresExport
from adapters.postgres.migrate import MIGRATIONS, migrate
from bureau.desk.interceptions import searched
from bureau.desk.people import Scope
from bureau.desk.search import Search
from certs.keys import read_certificate
from certs.log.day import Day, verify_day, write_day
from certs.log.note import log_key, witness_key
from certs.log.verify import AuditKeys
from certs.people import PeopleVault
from gateway.configured.people import key_for_trial
from gateway.domain.bank import BankOutcome
from gateway.domain.decision import Outcome
from gateway.domain.instruction import InstructionKey
from tests.adapters.postgres.conftest import as_runtime
from tests.adapters.postgres.test_upgrade import BUREAU, copied

pytestmark = pytest.mark.postgres

DIVISION = "220000000"
LATER = dt.datetime(2036, 1, 1, tzinfo=dt.UTC)
Rows = dict[str, dict[str, list[str]]]


@pytest.fixture(scope="module")
def old() -> dict[str, Any]:
    file = Path(__file__).with_name("old_installation.json.gz")
    found: dict[str, Any] = json.loads(gzip.decompress(file.read_bytes()))
    return found


async def as_then(dsn: str, folder: Path, target: Path, newest: str, rows: Rows) -> None:
    """The schema of then with its rows, as COPY wrote them; foreign keys wait for the last."""
    await migrate(dsn, copied(folder, target, newest[:4]))
    owner = await asyncpg.connect(dsn)
    await owner.execute("SET session_replication_role = replica")
    for table, each in rows.items():
        text = "".join(f"{row}\n" for row in each["rows"]).encode()
        await owner.execute(f"TRUNCATE {table} CASCADE")
        await owner.copy_to_table(table, source=io.BytesIO(text), columns=each["columns"])
    await owner.close()


@pytest.fixture
async def gateway(database: str, old: dict[str, Any], tmp_path: Path) -> str:
    newest = old["gateway_migrations"]
    await as_then(database, MIGRATIONS, tmp_path / "then", newest, old["gateway"])
    assert await migrate(database)
    return as_runtime(database)


async def test_the_old_log_proves_itself_byte_for_byte(
    gateway: str, old: dict[str, Any], tmp_path: Path
) -> None:
    log = PostgresExport(gateway)
    last = await log.stop_before(DIVISION, LATER)
    assert last is not None
    records = [body async for page in log.bodies(DIVISION, 0, last.size) for body in page]
    await log.close()
    place = old["gateway"]["log_record"]["columns"].index("body")
    kept = sorted(row.split("\t")[place] for row in old["gateway"]["log_record"]["rows"])
    assert sorted(rf"\\x{body.hex()}" for body in records) == kept
    write_day(tmp_path / "day", Day(checkpoint=last.checkpoint, records=records))
    bank, bureau = (read_certificate(old[name].encode()) for name in ("record", "witness"))
    keys = AuditKeys(logs=(log_key(bank, old["origin"]),), witnesses=(witness_key(bureau),))
    report = verify_day(tmp_path / "day", keys)
    assert report.exit == 0, report


async def test_old_holds_can_be_released_and_old_unknowns_are_enquired_about(
    gateway: str, old: dict[str, Any]
) -> None:
    vault = PeopleVault(key_for_trial(old["secret"].encode()))
    holds = PostgresHolds(gateway, instance="gw-new")
    held = await holds.open_holds(DIVISION, LATER, 100)
    await holds.close()
    async with PostgresLedger(gateway, instance="gw-new", sealing=vault) as ledger:
        waiting = await ledger.open_payments(LATER, 100)
        assert len(held) == len(waiting) == 3
        for hold in held:
            standing = await ledger.standing(hold.key)
            assert standing is not None and standing.outcome is Outcome.HOLD
            assert json.loads(standing.raw)["voucher_no"] == hold.key.voucher_no
            assert standing.ended_at is None
        for payment in waiting:
            standing = await ledger.standing(payment.key)
            assert standing is not None and standing.bank is BankOutcome.UNKNOWN
        columns = old["gateway"]["instruction"]["columns"]
        for row in old["gateway"]["instruction"]["rows"]:
            fields = dict(zip(columns, row.split("\t"), strict=True))
            key = InstructionKey(
                division=fields["division"], fiscal_year=int(fields["fiscal_year"]),
                voucher_type=fields["voucher_type"], voucher_no=fields["voucher_no"],
            )  # fmt: skip
            standing = await ledger.standing(key)
            assert standing is not None and standing.outcome == fields["outcome"]
            assert rf"\\x{standing.digest.hex()}" == fields["digest"]


async def test_the_old_interceptions_are_on_the_desk(
    database: str, old: dict[str, Any], tmp_path: Path
) -> None:
    newest = old["bureau_migrations"]
    await as_then(database, BUREAU, tmp_path / "then", newest, old["bureau"])
    assert await migrate(database, BUREAU)
    pool = await open_pool(database)
    lines = await searched(BureauDesk(pool), DIVISION, Scope(), Search(), limit=100)
    await pool.close()
    assert sorted(line.outcome for line in lines) == ["blocked"] * 2 + ["held"] * 3
    assert all(line.record_seq is not None and not line.disagrees for line in lines)

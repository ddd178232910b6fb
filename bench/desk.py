"""The desk: how long each page takes with a million records and a hundred thousand cases."""

import asyncio
import datetime as dt
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

import aiohttp

from adapters.postgres.bureau_pool import connection_of
from adapters.postgres.embedded import EmbeddedPostgres
from adapters.postgres.embedded_binaries import throwaway_folder
from bench.results import percentile, show
from bureau.desk.people import OUTSIDE, Office, Person
from bureau.inbox.bell import Bell
from bureau.serving import site
from bureau.settings import DATABASE, DOOR_PASSPHRASE, WITNESS_PASSPHRASE, Settings, load_settings
from bureau.web.desk import desk_application, table_of
from bureau.wiring import Store, desk_rooms, entry_of, open_store
from certs.authority import Purpose, create_root, create_subordinate, issue, request
from certs.keys import generate_key
from certs.signatories import signatories
from certs.signing.signer import signer
from certs.trust import Trust
from deploy.demo.desk_links import equipped_link

DIVISION, BANK = "220000000", "103241001000"
DOMAIN = "spiffe://treasury.example"
MILLION = 1_000_000
P95_MS_WANTED = 150
AGENCIES, POLICIES = 800, 60
CODES = {Office.AGENCY: "101001", Office.DEPARTMENT: "101", Office.BANK: BANK}
SEARCHES = (
    "interceptions?q=agency:101001", "interceptions?q=policy:JL-020",
    "interceptions?q=policy:JL-020 agency:150003 amount:>100000", "interceptions?q=amount:>90亿",
    "interceptions?q=date:2026-03 outcome:blocked", "interceptions?q=没有这个名字",
    "interceptions?q=voucher:0000000000077", "cases?q=stage:整改中", "cases?q=agency:101001",
    "cases?q=stage:已归档 date:2026-03", "cases?q=amount:>90亿",
)  # fmt: skip
_SETTINGS = f"""
[door]
host = "127.0.0.1"
port = 0
certificate = "x"
key = "x"
authorities = "x"
[desk]
host = "127.0.0.1"
port = 0
name = "吉林省财政厅"
[witness]
certificate = "x"
key = "x"
[trust]
evidence_authorities = "x"
parties = "x"
[[logs]]
division = "{DIVISION}"
gateway = "{DOMAIN}/gateway/{BANK}"
origin = "{DOMAIN}/gateway/{BANK}/log/{DIVISION}"
"""

# Four of five payments pass; every interception is of some agency and policy; a case of each of
# the oldest, most of them archived, some waiting at each stage.
_RECORDS = """
INSERT INTO log_record (division, bank, seq, kind, subject, body, leaf_hash)
SELECT $1, $2, n, 'verdict', '',
    convert_to(json_build_object('kind', 'verdict', 'recorded_at', 1772438400000000 + n * 1000000,
        'purpose', '办公楼电梯维修', 'padding', repeat('x', 900))::text, 'UTF8'),
    sha256(n::text::bytea)
FROM generate_series($3::bigint, $4::bigint) AS n
"""
_INTERCEPTIONS = """
INSERT INTO interception (division, fiscal_year, voucher_type, voucher_no, bank, outcome,
    agency_code, agency_name, payee_name, amount_fen, policies, reason_zh, decided_at, record_seq,
    recorded_at)
SELECT $1, 2026, '8202', lpad(n::text, 13, '0'), $2,
    CASE WHEN n % 200 = 1 THEN 'held' ELSE 'blocked' END,
    (100 + n % 80)::text || lpad((n % 10)::text, 3, '0'), '吉林省示例单位' || n % 800,
    '长春示例公司' || n % 5000, (n * 7919) % 900000000,
    ARRAY['JL-' || lpad((n % 60)::text, 3, '0')],
    '向本单位实有资金账户转款', timestamptz '2026-01-01' + n * interval '1 minute', n,
    timestamptz '2026-01-01' + n * interval '1 minute'
FROM generate_series(1, $3::bigint) AS n
"""
_CASES = """
INSERT INTO case_file (division, year, number, origin, against, agency_code, agency_name, bank,
    title, reason, amount_fen, policies, stage, awaits, due, told, opened_by, opened_at, changed_at,
    moves)
SELECT $1, 2026, n, 'finding', 'agency', (100 + n % 80)::text || lpad((n % 10)::text, 3, '0'),
    '吉林省示例单位' || n % 800, $2, '禁止向实有资金账户划转', '向本单位实有资金账户转款',
    (n * 7919) % 900000000, ARRAY['JL-' || lpad((n % 60)::text, 3, '0')],
    CASE WHEN n % 100 < 96 THEN 'archived' ELSE 'verifying' END,
    CASE WHEN n % 100 < 96 THEN 'nobody'
        ELSE (ARRAY['reviewer', 'approver', 'agency'])[n % 3 + 1] END,
    CASE WHEN n % 100 < 96 THEN NULL ELSE date '2026-12-01' + (n % 60)::integer END, true, 'r',
    timestamptz '2026-01-01' + n * interval '2 minutes', now(), 1
FROM generate_series(1, $3::integer) AS n
"""
_SUBJECTS = """
INSERT INTO case_subject (division, fiscal_year, voucher_type, voucher_no, bank, year, number)
SELECT $1, 2026, '8202', lpad(n::text, 13, '0'), $2, 2026, n
FROM generate_series(1, $3::integer) AS n
"""
_MOVES = """
INSERT INTO case_move (division, year, number, seq, move, login, name, office, at, day, body)
SELECT $1, 2026, n, 1, 'verify', 'r', '甲', 'reviewer', now(), date '2026-01-05',
    '{"due":"2026-12-01","means":"phone_call","text":"x"}'::bytea
FROM generate_series(1, $2::integer) AS n
"""
_HEAD = """
UPDATE log SET size = $3, checkpoint = 'x', cosigned = 'x', cosigned_at = now()
WHERE division = $1 AND bank = $2
"""


def run(*, quick: bool = False) -> dict[str, Any]:
    """Every page of every office, at p95; `quick` with a thousandth of the rows."""
    with tempfile.TemporaryDirectory() as folder, _database() as dsn:
        figures = asyncio.run(_measured(_settings(Path(folder), dsn), quick=quick))
    rows = sorted(figures["p95_ms"].items(), key=lambda row: -row[1])
    show("desk 工作台: p95, ms", ("page", "ms"), rows[:25])
    return figures


@contextmanager
def _database() -> Iterator[str]:
    with EmbeddedPostgres(throwaway_folder(), throwaway=True) as server:
        yield server.dsn("postgres")


def _settings(folder: Path, dsn: str) -> Settings:
    (folder / "bureau.toml").write_text(_SETTINGS, encoding="utf-8")
    environment = {DATABASE: dsn, DOOR_PASSPHRASE: "x", WITNESS_PASSPHRASE: "x"}
    return load_settings(folder / "bureau.toml", environment)


def _trust() -> Trust:
    at = dt.datetime.now(dt.UTC)
    root = create_root("Bench root", at)
    evidence = create_subordinate(root, Purpose.EVIDENCE, "evidence", at)
    key = generate_key()
    own = signer(issue(evidence, request(key, f"{DOMAIN}/bureau/{DIVISION}"), at), key)
    return Trust(signatories([evidence.certificate], [("bureau", own.certificate)]), own)


async def _measured(settings: Settings, *, quick: bool) -> dict[str, Any]:
    records = MILLION // 1000 if quick else MILLION
    cases, runs = records // 10, 3 if quick else 20
    async with AsyncExitStack() as stack:
        store = await open_store(settings, stack)
        await _filled(store, settings, records, cases)
        entry = entry_of(settings, store)
        rooms = desk_rooms(settings, store, _trust(), entry, Bell())
        port = await stack.enter_async_context(site(desk_application(rooms), "127.0.0.1", 0))
        url, times, halves = f"http://127.0.0.1:{port}", {}, {}
        for office in Office:
            code = CODES[office] if office in OUTSIDE else ""
            person = Person(
                login=f"bench.{office}", division=DIVISION, office=office, name="甲", code=code
            )
            token = await equipped_link(entry, store.people, person, dt.datetime.now(dt.UTC))
            session = await stack.enter_async_context(
                aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))
            )
            await _fetch(session, f"{url}/sign-in/link", {"token": token})
            for path in _paths(rooms, office):
                times_each = 1 if path.endswith((".csv", ".xlsx")) else runs
                taken = [await _fetch(session, url + path) for _ in range(times_each)]
                times[f"{office} {path}"] = round(percentile(taken, 0.95) * 1000, 1)
                halves[f"{office} {path}"] = round(percentile(taken, 0.5) * 1000, 1)
    pages = {path: ms for path, ms in times.items() if not path.endswith((".csv", ".xlsx"))}
    return {
        "records": records, "interceptions": records // 5, "cases": cases, "runs": runs,
        "pages": len(pages), "worst_page_p95_ms": max(pages.values()),
        "pages_over_150_ms": sum(ms > P95_MS_WANTED for ms in pages.values()),
        "worst_page_median_ms": max(halves[path] for path in pages), "p95_ms": times,
        "median_ms": halves,
    }  # fmt: skip


async def _filled(store: Store, settings: Settings, records: int, cases: int) -> None:
    place = settings.logs[0]
    await store.log.open_log(place.division, place.bank, place.origin)
    async with connection_of(store.desk._pool) as connection:
        for start in range(0, records, 50_000):
            end = min(start + 50_000, records) - 1
            await connection.execute(_RECORDS, DIVISION, BANK, start, end)
        await connection.execute(_INTERCEPTIONS, DIVISION, BANK, records // 5)
        await connection.execute(_CASES, DIVISION, BANK, cases)
        await connection.execute(_SUBJECTS, DIVISION, BANK, cases)
        await connection.execute(_MOVES, DIVISION, cases)
        await connection.execute(_HEAD, DIVISION, BANK, records)
        await connection.execute("SET ROLE NONE")
        for table in ("interception", "case_file", "case_subject", "case_move", "log_record"):
            await connection.execute(f"ANALYZE {table}")
        await connection.execute("SET ROLE bureau_runtime")


def _paths(rooms: Any, office: Office) -> list[str]:
    """Every page of this office that can be opened without knowing more than these rows."""
    found = []
    for route in table_of(rooms):
        if route.method != "GET" or office not in route.offices or route.path.endswith("/events"):
            continue
        path = route.path.replace("{kind:xlsx|csv}", "csv").replace("{division}", DIVISION)
        path = path.replace("{year:[0-9]{4}}", "2026").replace("{number:[0-9]{1,9}}", "81")
        path = path.replace("{type}", "8202").replace("{no}", f"{81:013d}")
        if "{" not in path and "/papers/" not in path and "/complaints/" not in path:
            found.append(path)
        if re.search(r"/(interceptions|cases)$", path):
            home = path.rpartition("/")[0]
            found += [f"{home}/{s}" for s in SEARCHES if s.startswith(path.rpartition("/")[2])]
    return found


async def _fetch(
    session: aiohttp.ClientSession, url: str, form: dict[str, str] | None = None
) -> float:
    """Seconds to the last byte. A page that is not there for this office counts too (404)."""
    started = time.perf_counter()
    async with session.request("POST" if form else "GET", url, data=form) as answer:
        await answer.read()
        if answer.status >= 500:
            raise RuntimeError(f"{url}: {answer.status}")
    return time.perf_counter() - started

"""What the desk is filled with before it is measured: a province's years, in a million records."""

from typing import Any

from adapters.postgres.bureau.pool import connection_of
from bureau.wiring import Store

DIVISION, BANK = "220000000", "103241001000"
MILLION = 1_000_000

# Four of five payments pass; every interception is of some agency and policy; a case of each of
# the oldest, most of them archived, some waiting at each stage.
_RECORDS = """
INSERT INTO log_record (division, bank, seq, kind, subject, body, leaf_hash)
SELECT $1, $2, n, 'verdict', '',
    convert_to(json_build_object('kind', 'verdict', 'recorded_at', 1772438400000000 + n * 1000000,
        'purpose', '办公楼电梯维修', 'digest', repeat('ab', 32), 'findings', $5::json,
        'padding', repeat('x', 600))::text, 'UTF8'),
    sha256(n::text::bytea)
FROM generate_series($3::bigint, $4::bigint) AS n
"""
_FINDINGS = """
[{"policy": "JL-050", "revision": 1, "detail": "", "action": "hold", "article": "16", "light":
  "yellow", "unavailable": [], "missing": ["person_filing"], "exception": null, "title_zh":
  "个人收款人信息未备案", "reason_zh": "收款人未在财政部门备案", "remedy_zh": "请备案后重报"}]
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
    '向本单位实有资金账户转款',
    timestamptz '2024-01-01' + n * interval '7 minutes' * (200000.0 / $3::bigint), n,
    timestamptz '2024-01-01' + n * interval '7 minutes' * (200000.0 / $3::bigint)
FROM generate_series(1, $3::bigint) AS n
"""
_WARNED = """
INSERT INTO warned (division, fiscal_year, voucher_type, voucher_no, bank, agency_code, agency_name,
    payee_name, amount_fen, policies, reason_zh, decided_at, recorded_at, record_seq)
SELECT $1, 2026, '5201', lpad(n::text, 13, '0'), $2,
    (100 + n % 80)::text || lpad((n % 10)::text, 3, '0'), '吉林省示例单位' || n % 800,
    '长春示例公司' || n % 5000, (n * 7919) % 900000000,
    ARRAY['JL-' || lpad((n % 60)::text, 3, '0')], '收款人名称与登记不一致',
    timestamptz '2024-01-01' + n * interval '7 minutes' * (200000.0 / $3::bigint), now(), n
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
_ACTS = """
INSERT INTO desk_act (division, seq, at, login, what, subject, body, digest)
SELECT $1, n, timestamptz '2026-01-01' + n * interval '2 minutes', 'r',
    CASE WHEN n % 9 = 0 THEN 'case.opened' ELSE 'case.moved' END, '2026年第' || n || '号',
    '{"detail":{"move":"verify","stage":"verifying"}}'::bytea, sha256(n::text::bytea)
FROM generate_series(1, $2::integer) AS n
"""
_ACT_HEAD = """
INSERT INTO desk_act_head (division, seq, digest)
VALUES ($1, $2::bigint, sha256($2::bigint::text::bytea))
ON CONFLICT (division) DO UPDATE SET seq = EXCLUDED.seq, digest = EXCLUDED.digest
"""
_ENDS = """
INSERT INTO log_record (division, bank, seq, kind, subject, body, leaf_hash)
SELECT $1, $2, $3::bigint + n, CASE WHEN n % 3 = 0 THEN 'bank_outcome' ELSE 'release' END,
    concat_ws('/', $1::text, '2026', '8202', lpad((n * 200 + 1)::text, 13, '0')),
    convert_to(CASE n % 3 WHEN 0 THEN '{"bank_outcome":"accepted"}'
        WHEN 1 THEN '{"what":"refused"}' ELSE '{"what":"released"}' END, 'UTF8'),
    sha256(n::text::bytea)
FROM generate_series(1, $4::integer) AS n
"""
_NUMBERS = """
INSERT INTO desk_number (division, series, year, last) VALUES ($1, 'case', $2, $3)
"""
_HEAD = """
UPDATE log SET size = $3, checkpoint = 'x', cosigned = 'x', cosigned_at = now()
WHERE division = $1 AND bank = $2
"""


async def filled(store: Store, origin: str, records: int, cases: int, year: int) -> None:
    """Rows as the desk itself would have written them, triggers and folding included. `year`: whose
    case numbers the rows have used up."""
    await store.log.open_log(DIVISION, BANK, origin)
    async with connection_of(store.desk._pool) as connection:
        for start in range(0, records, 50_000):
            end = min(start + 50_000, records) - 1
            await connection.execute(_RECORDS, DIVISION, BANK, start, end, _FINDINGS)
        await connection.execute(_INTERCEPTIONS, DIVISION, BANK, records // 5)
        await connection.execute(_WARNED, DIVISION, BANK, records // 5)
        await connection.execute(_ENDS, DIVISION, BANK, records, records // 2000)
        await connection.execute(_CASES, DIVISION, BANK, cases)
        await connection.execute(_SUBJECTS, DIVISION, BANK, cases)
        await connection.execute(_MOVES, DIVISION, cases)
        await connection.execute(_ACTS, DIVISION, cases)
        await connection.execute(_ACT_HEAD, DIVISION, cases)
        await connection.execute(_NUMBERS, DIVISION, year, MILLION)
        await connection.execute(_HEAD, DIVISION, BANK, records)
    while await store.statistics.fold():
        pass
    async with connection_of(store.desk._pool) as connection:
        await connection.execute("SET ROLE NONE")
        await connection.execute("ANALYZE")
        await connection.execute("SET ROLE bureau_runtime")


def registers(agencies: int) -> dict[str, Any]:
    """A province's: agencies in eighty departments, two accounts each, and so on."""
    codes = [f"{100 + n % 80}{n // 80:03d}" for n in range(agencies)]
    return {
        "division": DIVISION, "as_of": "2026-01-01T00:00:00+08:00", "version": 1,
        "three_public_budgets": [], "calendar": [],
        "lists": {"blacklist_accounts": [], "designated_vendors": []},
        "agencies": [
            {"code": code, "name": f"吉林省示例单位{code}", "kind": "institution",
             "parent": code[:3] if code[3:] else None, "status": "active"}
            for code in [*(f"{100 + n}" for n in range(80)), *codes]
        ],
        "accounts": [
            {"account": f"0710{n:015d}", "bank_code": BANK, "name": f"吉林省示例单位{code}",
             "agency": code, "class": "zero_balance", "is_basic": False, "status": "active",
             "finance_approval": f"吉财账〔2023〕{n}号", "central_bank_approval": f"J{n:013d}",
             "valid_from": "2023-01-01", "valid_to": None, "change_notice_date": None}
            for n, code in enumerate(codes * 2)
        ],
        "persons": [
            {"id_number": f"2201041980{n:08d}", "name": "李某某", "employer": code,
             "position": None, "title": None, "accounts": [f"622848{n:013d}"],
             "official_cards": []} for n, code in enumerate(codes)
        ],
        "indicators": [
            {"id": f"I{n}", "agency": code, "fiscal_year": 2026, "fund_code": "111",
             "functional_code": "2010301", "dept_economic_code": "30201",
             "gov_economic_code": "50201", "project_code": f"P{n}", "granted": "100000.00",
             "posted": "0.00", "frozen": "0.00", "executable": True, "carry_over": "none",
             "plan_controlled": True, "expenditure": "basic"} for n, code in enumerate(codes * 2)
        ],
        "plans": [
            {"indicator_id": f"I{n}", "month": month, "amount": "8000.00"}
            for n in range(agencies) for month in (1, 2)
        ],
        "contracts": [
            {"contract_no": f"HT{n}", "agency": code, "supplier": "长春示例公司",
             "account": f"2200{n:013d}", "amount": "100.00", "paid": "0.00", "filing_no": None}
            for n, code in enumerate(codes)
        ],
        "filings": [
            {"filing_no": f"BA{n}", "kind": "service_purchase", "agency": code,
             "project_code": None, "contract_no": f"HT{n}", "date": "2026-01-02"}
            for n, code in enumerate(codes)
        ],
        "approvals": [
            {"approval_no": f"SP{n}", "kind": "advance_repayment", "agency": code,
             "payee_account": None, "dept_economic_code": None, "amount": "100.00",
             "used": "0.00", "valid_from": "2026-01-01", "valid_to": "2026-12-31",
             "document": "批"} for n, code in enumerate(codes)
        ],
        "payee_classes": [
            {"account": f"2210{n:014d}", "name": "工资代发专户", "class": "payroll"}
            for n in range(agencies)
        ],
    }  # fmt: skip

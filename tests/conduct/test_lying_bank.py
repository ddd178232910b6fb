"""A core that lies: each lie raises its alert, with what shows it; a truthful day raises none.

Real programs and the core's own books. The end of the day is not waited for: the same look that the
worker takes is taken here, later by the clock.
"""

import datetime as dt
import json
from collections import defaultdict
from typing import Any

import asyncpg
import pytest

from adapters.bank.fate import Habits, Lie
from adapters.formats.json.instruction import JsonFormat
from adapters.formats.registers.division import read_registers
from adapters.formats.voucher.payments import VoucherFormat
from adapters.postgres.oversight.backlog import PostgresBacklog
from adapters.postgres.oversight.conduct import PostgresConduct
from certs.tls import client_context
from deploy.demo.__main__ import ask
from deploy.demo.agency import AgencyClient, signed_request
from deploy.demo.day import DIVISION
from deploy.demo.identities import uri
from deploy.demo.stage import BANK_CODE, HOST
from gateway.domain.conduct_rules import Allowances
from gateway.pipeline.reconcile import Reconciling
from gateway.pipeline.tell import Origin
from tests.crash.theatre import Theatre, theatre
from tests.crash.truth import settled
from tests.patience import until
from tests.pipeline.fakes import OneShelf

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.timeout(240)]

SEED = 31
LATE_DAYS = 15
LATER = dt.timedelta(days=LATE_DAYS - 1)
SHARES = {"amount": 0.06, "payee": 0.06, "twice": 0.05, "stray": 0.05, "late": 0.05, "never": 0.05}
BANK = uri("bank", BANK_CODE)
EXPECTED = {
    Lie.AMOUNT: "JL-101",
    Lie.PAYEE: "JL-101",
    Lie.TWICE: "JL-100",
    Lie.STRAY: "JL-100",
    Lie.LATE: "JL-104",
    Lie.NEVER: "JL-104",
}


def lies() -> tuple[str, ...]:
    shares = [f"--lie-{name}-share={share}" for name, share in SHARES.items()]
    return ("--delay-ms", "1", "--reject-share", "0.02", f"--late-days={LATE_DAYS}", *shares)


async def test_each_lie_raises_its_alert_with_its_evidence_by_the_day_s_close() -> None:
    async with theatre(SEED, 400, habits=lies()) as stage:
        told = await _play(stage)
        await _hand_over(stage, await _clearing(stage, wrong_fen=1))
        assert await _alerts_told(stage) >= 1, "operators are told of it"
        await _look(stage, LATER)
        alerts = await _alerts(stage)
        unbooked = await _unbooked(stage)
    habits = Habits(
        seed=SEED, reject_share=0.02, late_days=LATE_DAYS,
        **{f"lie_{name}_share": share for name, share in SHARES.items()},
    )  # fmt: skip
    lied: dict[Lie, set[str]] = defaultdict(set)
    for key in told:
        lied[habits.lie(key)].add(key)
    assert all(lied[lie] for lie in EXPECTED), "a lie was never told; another seed"
    wanted = {(EXPECTED[lie], key) for lie in EXPECTED for key in lied[lie]}
    # a stray movement names no instruction: its number does, the bank's own reference
    references = {told[key]: key for key in lied[Lie.STRAY]}
    found = set()
    for alert in alerts:
        evidence = alert["evidence"]
        key = evidence.get("instruction") or references.get(evidence.get("reference", ""))
        found.add((alert["policy"], key))
        assert alert["article"].startswith("第") and alert["reason_zh"] and evidence
    assert found - {("JL-103", None)} == wanted
    assert ("JL-103", None) in found, "what was cleared a fen wrongly was not noticed"
    assert unbooked == {key for key in lied[Lie.NEVER] if key in told}, "and counted from then on"
    amounts = [a for a in alerts if any(d["field"] == "amount" for d in _differences(a))]
    assert len(amounts) == len(lied[Lie.AMOUNT])
    for alert in amounts:
        (difference,) = _differences(alert)
        assert difference["ordered"] != difference["paid"]


async def test_a_truthful_day_raises_none() -> None:
    habits = ("--delay-ms", "1", "--reject-share", "0.02", "--double-answer-share", "0.02")
    async with theatre(SEED + 1, 200, habits=habits) as stage:
        await _play(stage)
        answer = await _hand_over(stage, statement := await _clearing(stage))
        assert answer["replayed"] is False
        again = await _hand_over(stage, statement)
        assert again["replayed"] is True
        await _look(stage, LATER)
        assert await _alerts(stage) == []
        assert await _hand_over(stage, statement, by=stage.plan.items[0].sender) == {
            "refused": "sender_not_entitled"
        }
        other = {**statement, "clearing": []}
        assert await _hand_over(stage, other) == {"refused": "instruction_conflict"}


async def _unbooked(stage: Theatre) -> set[str]:
    backlog = PostgresBacklog(stage.stage.gateway_database)
    try:
        return {str(each.key) for each in await backlog.paid_unbooked(1000)}
    finally:
        await backlog.close()


async def _play(stage: Theatre) -> dict[str, str]:
    """Send the day; the bank's reference by key of what it says that it accepted."""
    client = stage.client()
    await client.send_all(stage.plan.items)
    await client.aclose()
    await settled(stage)
    journal = await stage.journal()
    taken = {row["key"]: row["references"][0] for row in journal["effects"] if row["count"]}
    end = str(len(journal["effects"]))

    async def read() -> bool:
        return bool(await _ask(stage, "SELECT after FROM bank_cursor") == end)

    await until(read)
    return taken


async def _clearing(stage: Theatre, wrong_fen: int = 0) -> dict[str, Any]:
    """What the bank would clear for its own books, or a little more for the first account."""
    connection = await asyncpg.connect(stage.stage.gateway_database)
    rows = await connection.fetch(
        "SELECT booked_day, account, sum(amount_fen)::bigint AS fen FROM bank_entry"
        " GROUP BY booked_day, account ORDER BY booked_day, account"
    )
    await connection.close()
    cleared = [row["fen"] + (wrong_fen if number == 0 else 0) for number, row in enumerate(rows)]
    return {
        "division": DIVISION,
        "statement_id": "QS-1",
        "clearing": [
            {
                "day": row["booked_day"].isoformat(), "account": row["account"],
                "voucher_no": f"2301-{number}", "amount": f"{fen // 100}.{fen % 100:02d}",
            }
            for number, (row, fen) in enumerate(zip(rows, cleared, strict=True))
        ],
    }  # fmt: skip


async def _hand_over(stage: Theatre, statement: dict[str, Any], by: str = BANK) -> dict[str, Any]:
    """Over the bank's own connection, signed by `by`."""
    raw = json.dumps(statement, ensure_ascii=False).encode()
    client = AgencyClient(
        HOST, stage.stage.ports.door, client_context(stage.stage.bank_tls), {}, connections=1
    )
    if by != BANK:
        client = stage.client(connections=1)
    route = "/v1/bank/statements", "application/json"
    answer = await client.post(signed_request(route, raw, stage.sign[by](raw)))
    await client.aclose()
    fields: dict[str, Any] = json.loads(answer.body)
    return fields if answer.status == 200 else {"refused": fields["code"]}


async def _look(stage: Theatre, later: dt.timedelta) -> None:
    """What the worker does each half minute, as of a later day."""
    await settled(stage)
    conduct = PostgresConduct(stage.stage.gateway_database)
    reconciling = Reconciling(
        store=conduct, shelf=OneShelf(read_registers(stage.plan.registers)),
        formats={"json": JsonFormat(), "voucher": VoucherFormat()},
        origin=Origin(bank=BANK_CODE, uri=uri("gateway", BANK_CODE)),
        allowances=Allowances(look_back=dt.timedelta(days=40)),
    )  # fmt: skip
    await reconciling.look(DIVISION, dt.datetime.now(dt.UTC) + later)
    await conduct.close()


async def _alerts(stage: Theatre) -> list[dict[str, Any]]:
    connection = await asyncpg.connect(stage.stage.gateway_database)
    rows = await connection.fetch("SELECT body FROM conduct_alert ORDER BY raised_at")
    records = await connection.fetchval(
        "SELECT (SELECT count(*) FROM pending_record WHERE kind = 'conduct_alert')"
        " + (SELECT count(*) FROM log_record WHERE kind = 'conduct_alert')"
    )
    await connection.close()
    assert records == len(rows), "an alert without its record"
    return [json.loads(row["body"]) for row in rows]


async def _alerts_told(stage: Theatre) -> int:
    """By the operators' port."""
    backlog = await ask(stage.stage, f"http://{HOST}:{stage.stage.ports.ops}/backlog")
    return int(backlog["conduct_alerts_today"])


async def _ask(stage: Theatre, question: str) -> Any:
    connection = await asyncpg.connect(stage.stage.gateway_database)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


def _differences(alert: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = alert["evidence"].get("differences", [])
    return found

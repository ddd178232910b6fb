"""Orders about holds that the database's owner writes, or writes anew: two names and no bureau's
word; its word of before, about a hold that has ended since."""

import asyncio
import datetime as dt
import time
from functools import partial

import asyncpg
import pytest

from deploy.demo.__main__ import _state_of
from deploy.demo.chancery import decide
from deploy.demo.stage import Stage
from gateway.domain.decision import Action, restored
from gateway.domain.holds import name_of
from gateway.domain.instruction import InstructionKey
from gateway.domain.releases import (
    Person,
    PersonRole,
    Verdict,
    decision_bytes,
    order_bytes,
    read_order,
)
from tests.commands.test_tending import ask
from tests.patience import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.postgres]
HELD = (
    "SELECT division, fiscal_year, voucher_type, voucher_no, digest, decision FROM instruction"
    " WHERE outcome = 'held' ORDER BY voucher_no LIMIT 1"
)


async def forge(stage: Stage) -> InstructionKey:
    """A release of the first hold, of everything that holds it, in the rows of an order."""
    now = dt.datetime.now(dt.UTC)
    owner = await asyncpg.connect(stage.gateway_database)
    try:
        row = await owner.fetchrow(HELD)
        key = InstructionKey(**{name: row[name] for name in InstructionKey.__struct_fields__})
        findings = restored(row["decision"]).findings
        overrides = [name_of(each) for each in findings if each.action is Action.HOLD]
        span = now, now + dt.timedelta(days=1)
        made = decision_bytes(key, row["digest"], Verdict.RELEASE, overrides, "材料已补齐", span)
        names = zip(PersonRole, ("李经办", "王复核"), strict=True)
        body = order_bytes(made, [Person(role=r, name=n, uri="", at=now, signature="")
                                  for r, n in names])  # fmt: skip
        place = key.division, read_order(body).digest
        await owner.execute(
            "INSERT INTO release_order (division, digest, version, body, received_at)"
            " VALUES ($1, $2, 1, $3, now())", *place, body,
        )  # fmt: skip
        await owner.execute("INSERT INTO open_release VALUES ($1, $2)", *place)
    finally:
        await owner.close()
    return key


def test_a_hold_is_not_released_by_an_order_that_its_bureau_never_signed(stage: Stage) -> None:
    key = asyncio.run(forge(stage))
    log = stage.log("gateway-0")
    wait_until(lambda: '"event":"release.not_given"' in log.read_text("utf-8"))
    for table in ("hold_end", "settlement", "open_payment"):
        found = ask(stage, f"SELECT count(*) FROM {table} WHERE voucher_no = $1", key.voucher_no)
        assert found == 0, table


ENDED = (
    "SELECT h.division, h.fiscal_year, h.voucher_type, h.voucher_no, h.order_digest"
    " FROM hold_end AS h WHERE h.how = $1 AND NOT EXISTS (SELECT FROM open_payment AS o WHERE"
    " o.voucher_no = h.voucher_no) AND EXISTS (SELECT FROM log_record AS l WHERE l.kind = 'release'"
    " AND l.subject LIKE '%/' || h.voucher_no) LIMIT 1"
)


async def held_keys(stage: Stage) -> list[InstructionKey]:
    owner = await asyncpg.connect(stage.gateway_database)
    try:
        rows = await owner.fetch(HELD.replace("LIMIT 1", "LIMIT 6"))
    finally:
        await owner.close()
    return [InstructionKey(**{n: row[n] for n in InstructionKey.__struct_fields__}) for row in rows]


async def forgotten(stage: Stage, how: str) -> tuple[InstructionKey, bytes]:
    """The owner takes away that a hold has ended, and puts the bureau's order back."""
    owner = await asyncpg.connect(stage.gateway_database)
    try:
        row = await owner.fetchrow(ENDED, how)
        key = InstructionKey(**{name: row[name] for name in InstructionKey.__struct_fields__})
        at = "division = $1 AND fiscal_year = $2 AND voucher_type = $3 AND voucher_no = $4"
        place = key.division, key.fiscal_year, key.voucher_type, key.voucher_no
        async with owner.transaction():
            for table in ("hold_end", "settlement"):
                await owner.execute(f"DELETE FROM {table} WHERE {at}", *place)
            await owner.execute("DELETE FROM release_result WHERE digest = $1", row["order_digest"])
            await owner.execute(
                "INSERT INTO open_release VALUES ($1, $2)", key.division, row["order_digest"]
            )
    finally:
        await owner.close()
    return key, row["order_digest"]


def test_an_order_is_not_carried_out_again_though_its_end_was_taken_away(stage: Stage) -> None:
    """The bureau's own word, of less than three days ago: it would have been paid twice."""
    decided = asyncio.run(decide(stage, asyncio.run(held_keys(stage)), partial(_state_of, stage)))
    assert decided.released and decided.refused
    log = stage.log("gateway-0")
    wait_until(lambda: ask(stage, f"SELECT count(*) FROM ({ENDED}) AS one", "released") == 1)
    for how in ("released", "refused"):
        key, order = asyncio.run(forgotten(stage, how))
        time.sleep(2)
        for table in ("hold_end", "settlement", "open_payment"):
            found = ask(
                stage, f"SELECT count(*) FROM {table} WHERE voucher_no = $1", key.voucher_no
            )
            assert found == 0, (how, table)
        assert ask(stage, "SELECT count(*) FROM open_release WHERE digest = $1", order) == 1
    assert "the log tells that it was done" in log.read_text("utf-8")

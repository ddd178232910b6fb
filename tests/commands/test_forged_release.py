"""An order about a hold that the database's owner wrote: two names, and no bureau's word."""

import asyncio
import datetime as dt

import asyncpg
import pytest

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
from tests.commands.test_older_rules import until
from tests.commands.test_tending import ask

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
    until(lambda: '"event":"release.not_given"' in log.read_text("utf-8"))
    for table in ("hold_end", "settlement", "open_payment"):
        found = ask(stage, f"SELECT count(*) FROM {table} WHERE voucher_no = $1", key.voucher_no)
        assert found == 0, table

"""The siege: one stage of real programs, real TLS and a real database for all attacks."""

import datetime as dt
import json
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.day import Day, DayItem, day
from deploy.demo.identities import TRUST_DOMAIN, Identities, uri
from deploy.demo.stage import BANK_CODE, Plot, Stage
from gateway.domain.legal_day import legal_day
from tests.raised import own_place, raised
from tests.web.besieged import DIVISION, HOT_INDICATOR, HOT_YUAN, OTHERS, Siege, uri_of
from tests.web.inn import inns

INSTRUCTIONS = 300


@pytest.fixture(scope="session")
def siege() -> Iterator[Siege]:
    now = dt.datetime.now(dt.UTC)
    with own_place() as (folder, crew):
        identities = Identities.create(folder / "keys", now)
        plan = day(7, INSTRUCTIONS, legal_day(now), trust_domain=TRUST_DOMAIN)
        parties = [*plan.senders, *map(uri_of, OTHERS), uri("bank", BANK_CODE)]
        signers = identities.signers(dict.fromkeys(parties))
        stage = Stage(folder, crew, identities, Plot(division=DIVISION))
        model = _model(plan)
        with raised(stage, _with_hot(plan, model)):
            yield Siege(stage=stage, day=plan, signers=signers, model=model)


@pytest.fixture
async def open_inn(tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    async with inns(tmp_path) as open_inn:
        yield open_inn


@pytest.fixture
async def nothing_happens(siege: Siege) -> AsyncIterator[None]:
    """No decision is stored and not a byte reaches the bank while the test attacks."""
    before = await siege.stored(), await siege.forwarded()
    yield
    assert (await siege.stored(), await siege.forwarded()) == before
    assert "Traceback" not in siege.log()


def _model(plan: Day) -> DayItem:
    """One that passes, of an organisation, without papers that could be used up."""
    for item in plan.items:
        if item.format == "json" and item.outcome == "passed" and not item.replay:
            fields = json.loads(item.raw)
            plain = not fields["details"] and not fields["exemption"] and not fields["approvals"]
            if plain and fields["payee"]["kind"] == "organisation" and fields["documents"]:
                return item
    raise AssertionError("the day holds no ordinary purchase")


def _with_hot(plan: Day, model: DayItem) -> bytes:
    """The registers, with one more indicator, of the model's agency and kind, on which little money
    is left."""
    registers = json.loads(plan.registers)
    wanted = json.loads(model.raw)["indicator_id"]
    row = next(row for row in registers["indicators"] if row["id"] == wanted)
    hot = {"id": HOT_INDICATOR, "granted": HOT_YUAN, "posted": "0.00", "plan_controlled": False}
    registers["indicators"].append(row | hot)
    return json.dumps(registers, ensure_ascii=False).encode()

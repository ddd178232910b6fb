"""Whose certificate opens the door and whose reads: our own trust domain, and no other bank's."""

import time
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from adapters.formats.json.instruction import JsonFormat
from gateway.domain.instruction import InstructionKey
from gateway.web.door import Door
from gateway.web.intake import Doorway, Intake
from gateway.web.metrics import Metrics
from gateway.web.shares import Company, Shares
from tests.memory.ledger import MemoryLedger
from tests.memory.recordlog import MemoryRecordLog
from tests.pipeline.fakes import DIVISION, instruction, received
from tests.pipeline.test_line import Street

DOMAIN = "spiffe://treasury.test"
OWN = f"{DOMAIN}/gateway/103"


class Visited(Door):
    """The real door, without TLS: the visitor says in a header what a certificate would."""

    def _party(self, request: web.Request) -> str:
        return request.headers.get("Party", "")


async def _asked(uri: str, number: str = "1") -> tuple[int, str]:
    street = await Street(instruction()).open()
    await street.line.carry(received(b"one"))
    wordings = dict.fromkeys(("json", "voucher"), JsonFormat())
    doorway = Doorway(
        line=street.line,
        ledger=street.ledger,
        records=MemoryRecordLog(street.state),
        wordings=wordings,
        party_of=lambda _: None,
        origin=street.line._rooms.origin,
        metrics=Metrics(),
        places=Shares(8, 8, Company(time.monotonic)),
    )
    door = Visited(doorway, Intake(doorway))
    async with TestClient(TestServer(door.application())) as client:
        path = f"/v1/instructions/{DIVISION}/2026/8202/{number}"
        answer = await client.get(path, headers={"Party": uri})
        body = await answer.json(content_type=None)
        return answer.status, body.get("code", "")


@pytest.mark.parametrize("path", ["gateway/103", "operator/demo", f"agency/{DIVISION}/101001"])
async def test_our_own_gateway_operators_and_the_agency_itself_read(path: str) -> None:
    assert await _asked(f"{DOMAIN}/{path}") == (200, "")


@pytest.mark.parametrize("path", ["gateway/104", "bank/103", f"agency/{DIVISION}/101002"])
async def test_another_banks_gateway_learns_not_even_that_it_exists(path: str) -> None:
    assert await _asked(f"{DOMAIN}/{path}") == (404, "instruction_unknown")
    assert await _asked(f"{DOMAIN}/{path}", "9") == (404, "instruction_unknown")


async def test_who_may_see_nothing_here_is_refused_before_anything_is_looked_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same words came later where there was something: a whole instruction had been read."""
    looked: list[str | None] = []
    look = MemoryLedger.standing_for

    async def looking(ledger: MemoryLedger, agency: str | None, key: InstructionKey) -> Any:
        looked.append(agency)
        return await look(ledger, agency, key)

    monkeypatch.setattr(MemoryLedger, "standing_for", looking)
    for path in ("gateway/104", "bank/103", "agency/220100000/101001", "channel/220100000/a"):
        assert await _asked(f"{DOMAIN}/{path}") == (404, "instruction_unknown")
    assert looked == []
    assert await _asked(f"{DOMAIN}/agency/{DIVISION}/101002") == (404, "instruction_unknown")
    assert looked == ["101002"], "of its own only"


@pytest.mark.parametrize("domain", ["other.test", "treasury.test.evil.example", "treasury.tes"])
@pytest.mark.parametrize("path", ["gateway/103", "operator/demo", f"agency/{DIVISION}/101001"])
async def test_a_visitor_of_another_trust_domain_is_a_stranger(domain: str, path: str) -> None:
    assert await _asked(f"spiffe://{domain}/{path}") == (403, "sender_unknown")

"""Every role at every door, each with its own certificate and its own good signature. Who may do
what is said here a second time: nobody else may."""

import json
from typing import Any

import pytest

from certs.signing.signer import Signer
from certs.tls import Credentials
from deploy.demo.agency import signed_request
from deploy.demo.stage import BANK_CODE
from tests.web.besieged import DIVISION, OTHERS, Reply, Siege, uri_of
from tests.web.test_door_crossings import HELD, OUTCOME, QUESTION, REFUND, RELEASES

pytestmark = [
    pytest.mark.slow,
    pytest.mark.postgres,
    pytest.mark.usefixtures("nothing_happens"),
]
BANK = f"bank/{BANK_CODE}"
BUREAU, CHANNEL = f"bureau/{DIVISION}", f"channel/{DIVISION}/counter2"
FEED = {"as_of": "2026-03-02T00:00:00Z", "division": DIVISION, "kind": "snapshot", "version": 9}
STATEMENT: dict[str, Any] = {
    "account_tasks": [], "clearing": [], "division": DIVISION, "entries": [], "statement_id": "S1",
}  # fmt: skip
DOCUMENTS: dict[str, tuple[set[str], dict[str, Any]]] = {
    "/v1/bank/outcomes": ({BANK}, OUTCOME),
    "/v1/bank/refunds": ({BANK}, REFUND),
    "/v1/bank/statements": ({BANK}, STATEMENT),
    "/v1/feeds/registers": ({BUREAU}, FEED),
    "/v1/feeds/releases": ({BUREAU}, RELEASES),
    "/v1/feeds/questions": ({BUREAU}, QUESTION),
    "/v1/feeds/held": ({BUREAU}, HELD),
}
"""Whose signature counts there, and what it is about: this division."""


async def handed_in(siege: Siege, path: str, raw: bytes, key: Signer, who: Credentials) -> Reply:
    request = signed_request((path, "application/json"), raw, key.document(raw))
    return await siege.say(request, who)


@pytest.mark.parametrize("party", [*OTHERS, BANK, "an agency"])
async def test_a_good_signature_opens_its_own_roles_doors_only(siege: Siege, party: str) -> None:
    if party == "an agency":
        party = siege.model.sender.split("/", 3)[3]
    name = "role." + party.replace("/", ".")
    who, key = siege.party(name, *party.split("/")), siege.signers[uri_of(party)]
    for path, (allowed, document) in DOCUMENTS.items():
        raw = json.dumps(document).replace("CROSS1", "ROLE1").encode()
        reply = await handed_in(siege, path, raw, key, who)
        if party in allowed:
            assert reply.status in (200, 400, 409), (path, reply.raw)
        else:
            assert (reply.status, reply.code) == (403, "sender_not_entitled"), (path, reply.raw)
    orders = party in (BUREAU, CHANNEL) or uri_of(party) == siege.model.sender
    ordered = b"{}" if orders else siege.instruction("ROLE1")
    reply = await handed_in(siege, "/v1/instructions", ordered, key, who)
    assert reply.status == (400 if orders else 403), reply.raw
    reply = await siege.get("/v1/holds", who)
    assert (reply.status == 200) is party.startswith(("agency/", "channel/", "bureau/")), reply.raw
    acknowledged = json.dumps({"ids": ["x"]}).encode()
    reply = await handed_in(siege, "/v1/notifications/acknowledge", acknowledged, key, who)
    assert reply.status == (400 if party.startswith("agency/") else 403), reply.raw

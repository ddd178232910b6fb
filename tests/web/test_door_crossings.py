"""What was signed for one door at every other, and headers that only a signer of ours can try."""

import base64
import json
from typing import Any

import pytest

from certs.keys import load_certificates, load_key
from certs.signing.jws import sign_detached
from certs.signing.signer import Signer, signer
from certs.tls import Credentials
from deploy.demo.agency import signed_request
from deploy.demo.identities import uri
from deploy.demo.stage import BANK_CODE
from tests.web.besieged import DIVISION, Reply, Siege

pytestmark = [
    pytest.mark.slow,
    pytest.mark.postgres,
    pytest.mark.usefixtures("nothing_happens"),
]

KEY = f"{DIVISION}/2026/8202/CROSS1"
DOORS = (
    "/v1/instructions", "/v1/vouchers", "/v1/iso20022", "/v1/bank/statements", "/v1/bank/refunds",
    "/v1/bank/outcomes", "/v1/feeds/registers", "/v1/feeds/releases", "/v1/feeds/questions",
    "/v1/feeds/held",
    "/v1/notifications/acknowledge",
)  # fmt: skip
XML = frozenset({"/v1/vouchers", "/v1/iso20022"})
OUTCOME: dict[str, Any] = {
    "id": "CROSS1", "instruction": KEY, "outcome": "accepted", "reference": "J1",
}  # fmt: skip
REFUND = {
    "amount": "1.00", "payment": KEY, "reason": "退回", "reference": "J1",
    "refund": f"{DIVISION}/2026/2203/CROSS1",
}  # fmt: skip
QUESTION = {
    "by": "li", "division": DIVISION, "kind": "questions", "number": 1, "subject": KEY,
    "what": "replay",
}  # fmt: skip
RELEASES = {"division": DIVISION, "kind": "releases", "orders": [{}], "version": 1}
HELD = {"division": DIVISION, "kind": "held", "of": "releases", "since": 1}


def _bureau(siege: Siege) -> Signer:
    certificate, key = siege.stage.witness
    return signer(load_certificates(certificate)[0], load_key(key, siege.identities.passphrase))


async def _hand_in(siege: Siege, path: str, raw: bytes, signature: str, who: Credentials) -> Reply:
    media = "application/xml" if path in XML else "application/json"
    return await siege.say(signed_request((path, media), raw, signature), who)


async def test_what_was_signed_for_one_door_opens_no_other(siege: Siege) -> None:
    """A signature is over bytes, not over a path: so no bytes may mean something at two doors."""
    bureau, bank = _bureau(siege), siege.signers[uri("bank", BANK_CODE)]
    agency = siege.party("crossing", *siege.model.sender.split("/")[3:])
    own = siege.signers[siege.model.sender]
    letters = [
        ("/v1/instructions", siege.instruction("CROSS1"), own, agency),
        ("/v1/bank/outcomes", json.dumps(OUTCOME).encode(), bank, siege.stage.bank_tls),
        ("/v1/bank/refunds", json.dumps(REFUND).encode(), bank, siege.stage.bank_tls),
        ("/v1/feeds/questions", json.dumps(QUESTION).encode(), bureau, siege.stage.bureau_tls),
        ("/v1/feeds/releases", json.dumps(RELEASES).encode(), bureau, siege.stage.bureau_tls),
        ("/v1/feeds/held", json.dumps(HELD).encode(), bureau, siege.stage.bureau_tls),
    ]  # fmt: skip
    for home, raw, key, who in letters:
        for path in DOORS:
            if path == home:
                continue
            refused = await _hand_in(siege, path, raw, key.document(raw), who)
            assert refused.status in (400, 403), (home, path, refused.raw)
    told = await siege.ask_ledger("SELECT count(*) FROM log_record WHERE subject LIKE '%CROSS%'")
    assert told == 0


@pytest.mark.parametrize("road", ["", "Connection: close\r\n"], ids=["plain", "aiohttp"])
async def test_a_header_that_says_more_or_otherwise_is_refused_although_its_signature_holds(
    siege: Siege, road: str
) -> None:
    raw, own = siege.instruction("CROSS2"), siege.signers[siege.model.sender]
    protected = own.document(raw).split(".")[0]
    fields = json.loads(base64.urlsafe_b64decode(protected + "=="))
    text = json.dumps(fields)

    def encoded(header: str) -> str:
        return base64.urlsafe_b64encode(header.encode()).rstrip(b"=").decode()

    tricks = {
        "twice": text.replace("{", '{"alg":"none",', 1),
        "b64 twice": text.replace("{", '{"b64":true,', 1),
        "b64 true": json.dumps(fields | {"b64": True}),
        "b64 one": json.dumps(fields | {"b64": 0}),
        "nothing critical": json.dumps({k: v for k, v in fields.items() if k != "crit"}),
        "more critical": json.dumps(fields | {"crit": ["b64", "exp"], "exp": 1}),
        "small letters": json.dumps(fields | {"alg": "es256"}),
        "another suite": json.dumps(fields | {"alg": "GW1-SM2-SM3"}),
        "a key": json.dumps(fields | {"jwk": {"kty": "EC"}}),
        "an address of keys": json.dumps(fields | {"jku": "https://127.0.0.1/"}),
        "a chain": json.dumps(fields | {"x5c": ["AA=="]}),
        "no certificate": json.dumps({k: v for k, v in fields.items() if k != "x5t#S256"}),
        "another spelling": text.replace(fields["x5t#S256"], fields["x5t#S256"] + "="),
        "endless": json.dumps(fields | {"kid": "x" * 2000}),
        "nested": json.dumps(fields | {"kid": ["x"]}),
        "a list": "[]",
        "deep": "[" * 700,
    }  # fmt: skip
    for name, header in tricks.items():
        token = sign_detached(own._key, encoded(header), raw)
        refused = await siege.post(raw, signature=token, more=road)
        assert refused.status == 403, (name, refused.raw)
        assert refused.code in ("signature_invalid", "signer_unknown"), name
    for bent in (protected + "=", protected + "\u00a0", protected[:-1] + "-"):
        value = own.document(raw).split(".")[2]
        refused = await siege.post(raw, signature=f"{bent}..{value}", more=road)
        assert refused.status == 403, bent

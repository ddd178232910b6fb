"""The operators' log of a whole day: no id number, no whole account number, no person's name."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from certs.tls import client_context
from deploy.demo.agency import AgencyClient
from deploy.demo.reading import heard_in
from gateway.configured.journal import blotted
from gateway.domain.faults import FieldError
from gateway.web.places import known_part
from tests.patience import until
from tests.web.besieged import HOST, Siege

SECRET_FIELD = "22010219900307123X"


@pytest.mark.slow
@pytest.mark.postgres
async def test_over_a_day_no_line_tells_of_a_person_or_a_whole_account(siege: Siege) -> None:
    sign = {party: signer.document for party, signer in siege.signers.items()}
    client = AgencyClient(HOST, siege.port, client_context(siege.stage.client), sign)
    answers = await client.send_all(siege.day.items)
    await client.aclose()
    heard = [heard_in(item, answer) for item, answer in zip(siege.day.items, answers, strict=True)]
    assert sum(each.outcome == "passed" for each in heard) > 200
    raw = siege.instruction("LOG1", **{SECRET_FIELD: 1, "张建国": 2})
    assert (await siege.post(raw)).code == "instruction_invalid"
    await _settled(siege)

    names = [f"{name}.log" for name in (*siege.stage.gateway_names, "bureau", "bank")]
    text = "".join((siege.stage.folder / name).read_text("utf-8") for name in names)
    assert text.count('"instruction.answered"') >= 290
    secrets = set(_secrets(siege))
    assert len(secrets) > 500
    told = sorted(secret for secret in secrets if secret in text)
    assert not told, f"the log tells {len(told)} values, such as {told[:3]}"
    assert not re.search(r"(?<![0-9a-f])[1-9]\d{16}[0-9X](?![0-9a-f])", _without_keys(text))
    assert "Traceback" not in text
    for line in siege.log().splitlines():
        assert json.loads(line)["event"], "every line is JSON"


async def _settled(siege: Siege) -> None:
    async def done() -> bool:
        return bool(json.loads(await siege.operators("/backlog"))["done"])

    await until(done, within_s=60)


def _secrets(siege: Siege) -> Iterator[str]:
    """Every id number, account and person's name in the registers and in what was sent."""
    yield SECRET_FIELD
    yield "张建国"
    registers = json.loads(siege.day.registers)
    for person in registers["persons"]:
        yield from (person["id_number"], person["name"], *person["accounts"])
    yield from (row["account"] for row in registers["accounts"])
    for item in siege.day.items:
        if item.format == "json" and item.fault is None:
            yield from _payees(json.loads(item.raw))


def _payees(fields: dict[str, Any]) -> Iterator[str]:
    yield fields["payer"]["account"]
    for payee in (fields["payee"], *(detail["payee"] for detail in fields["details"])):
        yield payee["account"]
        if payee["kind"] == "person":
            yield payee["name"]


def _without_keys(text: str) -> str:
    """Voucher numbers are what the log is there to name; they look like long numbers."""
    return re.sub(r"\d{9}/\d{4}/[0-9A-Z]+/[0-9A-Za-z-]+", "", text)


@pytest.mark.parametrize(
    ("field", "code", "shown"),
    [
        ("payee.account", "length", "payee.account"),
        ("details[3].payee.person.id_number", "id", "details[3].payee.person.id_number"),
        ("Detail[2].PayAmt", "amount", "Detail[2].PayAmt"),
        ("payee.张建国", "unknown", "payee."),
        ("220102199003071234", "unknown", ""),
        ("220102199003071234", "anything", "?"),
        ("payee.6228230123456789018", "anything", "?"),
        ("zhangjianguo", "unknown", ""),
    ],
)
def test_a_place_that_the_sender_made_up_is_not_logged(field: str, code: str, shown: str) -> None:
    assert known_part(FieldError(field=field, code=code, zh="", en="")) == shown


def test_an_errors_message_is_logged_without_numbers_and_names() -> None:
    message = "Key (account)=(6228230123456789018) of 张建国, 22010219900307123X, row 12, is taken"
    assert blotted(message) == "Key (account)=(***) of ***, ***, row 12, is taken"
    assert len(blotted("x" * 10_000)) == 500

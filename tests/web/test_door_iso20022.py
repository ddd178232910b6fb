"""ISO 20022 over the real door: one payment, many payments, what is kept, what the bank gets."""

import asyncio
import datetime as dt
import hashlib
import json
from typing import Any

import pytest
from lxml import etree
from msgspec.structs import replace

from adapters.formats.iso20022.payments import IsoBulk
from adapters.formats.iso20022.write import written_message
from adapters.formats.json.instruction import JsonFormat
from gateway.configured.people import vault_of
from gateway.domain.instruction import Instruction
from tests.adapters.formats.iso_samples import behind_decoys
from tests.web.besieged import DIVISION, HOST, HOT_INDICATOR, Reply, Siege

pytestmark = pytest.mark.slow

AT = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
KIND = "pain.001.001.09"


def payment(siege: Siege, number: str, **changes: Any) -> Instruction:
    return JsonFormat().parse(siege.instruction(number, **changes))


def statuses(reply: Reply) -> list[str]:
    assert reply.status == 200, reply.body
    return [str(element.text) for element in etree.fromstring(reply.body).iter("{*}TxSts")]


async def journal(siege: Siege) -> dict[str, dict[str, Any]]:
    books = await siege.ask(f"https://{HOST}:{siege.stage.ports.bank}/v1/journal")
    return {row["key"]: row for row in books["effects"]}


def opened(siege: Siege, kept: bytes) -> bytes:
    """What lies sealed in the ledger, by the staged gateway's own key."""
    return vault_of(siege.stage.gateway_environment).open_bytes(bytes(kept))


async def test_one_payment_is_passed_and_the_bank_gets_the_very_bytes(siege: Siege) -> None:
    raw = written_message([payment(siege, "ISO-ONE")], KIND, "M-ISO-1", AT)
    first = await siege.post(raw, format="iso20022")
    assert statuses(first) == ["ACSC"]
    again = await siege.post(raw, format="iso20022")
    assert statuses(again) == ["ACSC"]
    row = (await journal(siege))[f"{DIVISION}/{AT.year}/8202/ISO-ONE"]
    assert row["sha256"] == [hashlib.sha256(raw).hexdigest()] and row["submitted"] == 1
    kept = await siege.ask_ledger("SELECT raw FROM instruction WHERE voucher_no = 'ISO-ONE'")
    assert opened(siege, kept) == raw, "kept sealed, and whole"


async def test_each_payment_of_many_is_its_own_instruction_and_the_message_is_kept_whole(
    siege: Siege,
) -> None:
    """Good ones pass, the one over its indicator is refused, the foreign one is told its faults."""
    several = [payment(siege, f"ISO-M{number}") for number in range(1, 41)]
    several[4] = payment(siege, "ISO-M5", indicator_id=HOT_INDICATOR, amount="99999999.00")
    raw = written_message(several, KIND, "M-ISO-40", AT)
    place = raw.index(b'Ccy="CNY"', raw.index(b"ISO-M10<"))
    raw = raw[:place] + b'Ccy="USD"' + raw[place + 9 :]
    before = await siege.forwarded()
    reply = await siege.post(raw, format="iso20022")
    told = statuses(reply)
    assert told[9] == "RJCT" and told[4] != "ACSC"
    rest = [status for place, status in enumerate(told) if place not in (4, 9)]
    assert len(told) == 40 and set(rest) <= {"ACSC", "PDNG"} and "ACSC" in rest
    assert await siege.forwarded() - before == rest.count("ACSC")
    assert b"CdtTrfTxInf[10]" in reply.body

    digest = hashlib.sha256(raw).digest()
    kept = await siege.ask_ledger("SELECT raw FROM bulk_message WHERE digest = $1", digest)
    assert opened(siege, kept) == raw, "kept sealed, and whole"
    parts = {part.names[2]: part.raw for part in IsoBulk().parts(raw, IsoBulk().open(raw))}
    effects = await journal(siege)
    for place, status in enumerate(told):
        number = several[place].key.voucher_no
        row = effects.get(str(several[place].key))
        assert (row is not None) == (status == "ACSC")
        if row:
            assert row["sha256"] == [hashlib.sha256(parts[number]).hexdigest()]

    assert statuses(await siege.post(raw, format="iso20022")) == told
    assert await siege.forwarded() - before == rest.count("ACSC")


async def test_the_same_message_twice_at_once_pays_nothing_twice(siege: Siege) -> None:
    several = [payment(siege, f"ISO-T{number}") for number in range(30)]
    raw = written_message(several, KIND, "M-ISO-T", AT)
    replies = await asyncio.gather(*(siege.post(raw, format="iso20022") for _ in range(3)))
    for reply in replies:
        assert len(statuses(reply)) == 30
    effects = await journal(siege)
    assert all(effects[str(each.key)]["count"] == 1 for each in several if str(each.key) in effects)


async def test_a_number_twice_in_one_message_is_paid_once(siege: Siege) -> None:
    one = payment(siege, "ISO-D1")
    other = replace(one, purpose="另一份用途说明")
    raw = written_message([one, other], KIND, "M-ISO-D", AT)
    told = statuses(await siege.post(raw, format="iso20022"))
    assert sorted(told) == ["ACSC", "RJCT"]
    assert (await journal(siege))[str(one.key)]["count"] == 1


@pytest.mark.parametrize("kind", [KIND, "pacs.008.001.08"])
async def test_what_is_judged_is_what_the_bank_gets_whatever_hides_in_the_message(
    siege: Siege, kind: str
) -> None:
    """The second payment is good; under its number and verdict the bank was handed the bytes of the
    first, which nobody judged."""
    several = [payment(siege, f"ISO-{kind[:4]}-H{number}") for number in range(3)]
    raw = behind_decoys(written_message(several, kind, "M-ISO-H", AT))
    refused = await siege.post(raw, format="iso20022")
    assert refused.status == 400, refused.body
    effects = await journal(siege)
    assert not any(str(each.key) in effects for each in several)


@pytest.mark.usefixtures("nothing_happens")
async def test_a_message_signed_by_a_stranger_is_refused_whole(siege: Siege) -> None:
    several = [payment(siege, f"ISO-S{number}") for number in range(3)]
    raw = written_message(several, KIND, "M-ISO-S", AT)
    refused = await siege.post(raw, format="iso20022", signature=siege.signed(raw + b" "))
    assert refused.status == 403
    assert etree.fromstring(refused.body).findtext(".//{*}RjctgPtyRsn") == "signature_invalid"
    assert await siege.ask_ledger("SELECT count(*) FROM bulk_message WHERE digest = $1",
                                  hashlib.sha256(raw).digest()) == 0  # fmt: skip


@pytest.mark.usefixtures("nothing_happens")
async def test_a_payment_of_another_agency_is_refused_on_its_own(siege: Siege) -> None:
    fields = json.loads(siege.instruction("ISO-A1"))
    fields["agency"]["code"] = "999999"
    alien = JsonFormat().parse(json.dumps(fields).encode())
    raw = written_message([alien, replace(
        alien, key=replace(alien.key, voucher_no="ISO-A2"))], KIND, "M-ISO-A", AT)  # fmt: skip
    reply = await siege.post(raw, format="iso20022")
    assert statuses(reply) == ["RJCT", "RJCT"]
    assert b"sender_not_entitled" in reply.body

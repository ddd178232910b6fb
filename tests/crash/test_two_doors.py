"""Two gateways before one database, as two processes of one host and as two hosts: what they are
told at the same moment, in every format and through every door, is decided, paid and given back
once."""

import asyncio
import datetime as dt
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import attrs
import pytest

from adapters.formats.iso20022.write import written_message
from adapters.formats.json.instruction import JsonFormat
from adapters.formats.voucher.paper_write import vouchers_envelope
from certs.keys import load_signer
from certs.tls import client_context
from deploy.demo.agency import AgencyClient, GatewayAnswer, signed_request
from deploy.demo.day import DayItem
from deploy.demo.free_ports import free_port
from deploy.demo.stage import HOST
from deploy.demo.writers import json_of, voucher_of
from gateway.domain.codes import PayeeKind
from gateway.domain.decision import Outcome
from gateway.domain.instruction import Instruction, InstructionKey
from tests.crash.theatre import Theatre, theatre
from tests.crash.truth import settled, truth_of
from tests.pipeline.letters_iso import returned
from tests.pipeline.test_voucher_letters import refund

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.timeout(600)]

SEED = 73
IDENTITIES = 12

JSON, XML = "application/json", "application/xml"
ROUTES = {
    "json": ("/v1/instructions", JSON), "voucher": ("/v1/vouchers", XML),
    "iso20022": ("/v1/iso20022", XML),
}  # fmt: skip


@attrs.frozen
class Doors:
    """The same two gateways, as the channel and as the bank reach them."""

    stage: Theatre
    agencies: tuple[AgencyClient, ...]
    bank: tuple[AgencyClient, ...]

    async def ask(self, question: str) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(self.stage.stage.gateway_database)
        try:
            return list(await connection.fetch(question))
        finally:
            await connection.close()


@asynccontextmanager
async def doors(hosts: int) -> AsyncIterator[Doors]:
    """Two processes: of one host they share a port, so each client has connections to both."""
    async with theatre(SEED, 400, habits=("--delay-ms", "2"), gateways=3 - hosts) as stage:
        ports = [stage.stage.ports.door] * 2
        if hosts == 2:
            ports[1] = _second_host(stage)
        agency, bank = (client_context(each) for each in (stage.stage.client, stage.stage.bank_tls))
        made = [
            tuple(AgencyClient(HOST, port, tls, stage.sign, connections=12) for port in ports)
            for tls in (agency, bank)
        ]
        yield Doors(stage, *made)
        for client in (*made[0], *made[1]):
            await client.aclose()


def _second_host(theatre: Theatre) -> int:
    """Its own folder, with what it remembers outside the database, and its own address."""
    stage, folder = theatre.stage, theatre.stage.folder / "host-2"
    folder.mkdir()
    port, ops = free_port(HOST), free_port(HOST)
    first = (stage.folder / "gateway-0.toml").read_text("utf-8")
    told = first.replace(f"listen_port = {stage.ports.door}", f"listen_port = {port}")
    told = told.replace(f"ops_port = {stage.ports.ops}", f"ops_port = {ops}")
    assert told.count(str(port)) == told.count(str(ops)) == 1
    settings = folder / "gateway.toml"
    settings.write_text(told, "utf-8")
    stage._start(
        "gateway-1", [sys.executable, "-m", "gateway", "serve", "--settings", str(settings)],
        stage.gateway_environment, "gateway.ready",
    )  # fmt: skip
    return port


@pytest.mark.parametrize("hosts", [1, 2])
async def test_one_identity_in_three_formats_at_two_gateways_is_paid_once_and_comes_back_once(
    hosts: int,
) -> None:
    async with doors(hosts) as both:
        chosen = _ordinary(both.stage.plan.items)
        answers = await _told_everywhere(both, chosen)
        for instruction in chosen:
            _expect_one_winner(instruction, [a for (k, _), a in answers if k == instruction.key])
        await settled(both.stage)
        truth = await truth_of(both.stage)
        assert sorted(truth.ledger) == sorted(str(each.key) for each in chosen)
        assert all(row["submitted"] == row["count"] == 1 for row in truth.bank.values())
        paid = [each for each in chosen if truth.ledger[str(each.key)]["bank"] == "accepted"]
        assert len(paid) > IDENTITIES // 2 and len(truth.bank) == len(paid)

        before = sum(row["posted_fen"] for row in truth.limits.values())
        limits = {str(e.key): len(truth.ledger[str(e.key)]["limit_ids"]) for e in paid}
        back = await _given_back(both, paid)
        rows = await both.ask("SELECT of_no, amount_fen FROM refund")
        assert Counter(row["of_no"] for row in rows) == Counter(e.key.voucher_no for e in paid)
        assert {row["amount_fen"] for row in rows} == {1}
        assert {answer.status for answer in back} == {200}
        after = await truth_of(both.stage)
        posted = sum(row["posted_fen"] for row in after.limits.values())
        assert before - posted == sum(limits.values()), "a fen for each limit of each, once"

        for instruction in paid[:6]:
            await _never_more_than_was_paid(both, instruction)
        logs = [both.stage.log_of(name) for name in ("gateway-0", "gateway-1")]
        assert all("instruction.answered" in each for each in logs), "both took part"


async def _told_everywhere(
    both: Doors, chosen: list[Instruction]
) -> list[tuple[tuple[InstructionKey, str], GatewayAnswer]]:
    """Each identity in each format at each gateway, all at once."""
    sent, waiting = [], []
    senders = {str(item.key): item.sender for item in both.stage.plan.items}
    for instruction in chosen:
        for format, raw in _in_formats(instruction).items():
            signature = both.stage.sign[senders[str(instruction.key)]](raw)
            for client in both.agencies:
                sent.append((instruction.key, format))
                waiting.append(client.post(signed_request(ROUTES[format], raw, signature)))
    return list(zip(sent, await asyncio.gather(*waiting), strict=True))


def _expect_one_winner(instruction: Instruction, answers: list[GatewayAnswer]) -> None:
    statuses = [answer.status for answer in answers]
    assert sorted(statuses) == [200, 200, 409, 409, 409, 409], instruction.key
    won = statuses.index(200) // 2
    assert statuses[2 * won] == statuses[2 * won + 1] == 200, "the same bytes are the same answer"


async def _given_back(both: Doors, paid: list[Instruction]) -> list[GatewayAnswer]:
    """One fen of each, told by four doors at each gateway under one number of the bank's."""
    own = load_signer(*both.stage.stage.bank_record, both.stage.stage.identities.passphrase)
    waiting = []
    for place, instruction in enumerate(paid):
        for route, raw in _tellings(instruction, 1, f"TH-{place}"):
            request = signed_request(route, raw, own.document(raw))
            waiting += [client.post(request) for client in both.bank]
    return await asyncio.gather(*waiting)


async def _never_more_than_was_paid(both: Doors, instruction: Instruction) -> None:
    """Two returns, each of all that is left, at two gateways through every door: one counts."""
    own = load_signer(*both.stage.stage.bank_record, both.stage.stage.identities.passphrase)
    rest = instruction.amount_fen - 1
    waiting = [
        client.post(signed_request(route, raw, own.document(raw)))
        for number, client in enumerate(both.bank)
        for route, raw in _tellings(instruction, rest, f"{instruction.key.voucher_no}-{number}")
    ]
    await asyncio.gather(*waiting)
    (row,) = await both.ask(
        "SELECT count(*) AS times, sum(amount_fen)::bigint AS fen FROM refund"
        f" WHERE of_no = '{instruction.key.voucher_no}'"
    )
    assert (row["times"], row["fen"]) == (2, instruction.amount_fen)


def _tellings(
    instruction: Instruction, fen: int, serial: str
) -> list[tuple[tuple[str, str], bytes]]:
    """One return in the four ways in which a bank may tell of it."""
    key = instruction.key
    told = {"amount": f"{fen // 100}.{fen % 100:02d}", "reason": "账户已销户", "reference": serial}
    number = f"{key.voucher_no}{serial[-3:]}".replace("-", "")
    voucher = refund(
        "2252", number, payment_type=key.voucher_type, payment_no=key.voucher_no,
        payment_year=str(key.fiscal_year), account=instruction.payer.account, amount_fen=fen,
        reference=serial,
    )  # fmt: skip
    line = attrs.evolve(voucher.lines[0], payment_no=key.voucher_no)
    return [
        (("/v1/bank/refunds", JSON), json.dumps(told | {
            "payment": str(key), "refund": f"{key.division}/{key.fiscal_year}/2203/{number}",
        }).encode()),
        (("/v1/bank/outcomes", JSON), json.dumps(told | {
            "id": f"ZF-{number}", "instruction": str(key), "outcome": "returned",
        }).encode()),
        (ROUTES["voucher"], vouchers_envelope([attrs.evolve(voucher, lines=(line,))])),
        (ROUTES["iso20022"], returned(key.voucher_no, told["amount"], id=f"M-{number}",
                                      refund=serial)),
    ]  # fmt: skip


def _ordinary(items: tuple[DayItem, ...] | list[DayItem]) -> list[Instruction]:
    """Single purchases that pass, of organisations: what every format can say."""
    found = []
    for item in items:
        if item.format != "json" or item.outcome is not Outcome.PASS or item.replay or item.after:
            continue
        read = JsonFormat().parse(item.raw)
        plain = not (read.details or read.items or read.exemption or read.approvals)
        if plain and read.payee.kind is PayeeKind.ORGANISATION and not read.contract_no:
            found.append(read)
    assert len(found) >= IDENTITIES
    return found[:IDENTITIES]


def _in_formats(instruction: Instruction) -> dict[str, bytes]:
    at = dt.datetime.now(dt.UTC)
    name = f"M-{instruction.key.voucher_no}"
    return {
        "json": json_of(instruction),
        "voucher": voucher_of(instruction),
        "iso20022": written_message([instruction], "pain.001.001.09", name, at),
    }

"""What the inbox takes, what it refuses, and what it keeps of the refused, on a real database."""

import asyncio
import datetime as dt
import hashlib
import random

import asyncpg
import attrs
import pytest

from adapters.bureau.frame import framed
from adapters.postgres.bureau.pool import Pool
from bureau.desk.interceptions import searched, why_refused
from bureau.desk.people import Scope
from bureau.desk.proof import Prover
from bureau.desk.search import Search
from bureau.inbox.frame import DeliveryUnreadable
from bureau.inbox.keys import receiving_keys
from bureau.inbox.receive import DeliveryRefused, NotEntitled, Receipt
from certs.log.note import open_checkpoint
from certs.log.paths import verify_inclusion
from certs.log.proof import parse_proof
from gateway.domain.faults import Unproven
from gateway.domain.log import Delivery
from gateway.domain.tree import leaf_hash
from tests.bureau.words import (
    BANK,
    DIVISION,
    DOMAIN,
    GATEWAY,
    Bureau,
    Chain,
    House,
    notice,
    verdict,
)

pytestmark = pytest.mark.postgres


@pytest.mark.walk
async def test_a_fork_is_refused_and_both_signed_checkpoints_are_kept(
    bureau: Bureau, chain: Chain, house: House
) -> None:
    chain.seal([verdict(1), verdict(2)])
    await _receive(bureau, chain.delivery())
    other = Chain(house.gateway)
    other.seal([verdict(1), verdict(3)])
    with pytest.raises(DeliveryRefused) as refused:
        await _receive(bureau, other.delivery())
    assert refused.value.reason == "fork"
    [kept] = await bureau.desk.misbehaviours(DIVISION, 9)
    assert kept["shown_checkpoint"] == other.sealed[0].checkpoint
    assert kept["held_checkpoint"].startswith(chain.sealed[0].checkpoint)
    assert kept["kept"]
    assert (await bureau.auditor.audit(bureau.place)).holds


async def test_a_bank_that_was_rolled_back_and_signs_anew_below_our_size_is_found(
    bureau: Bureau, chain: Chain, house: House
) -> None:
    """The held log has passed that size, which no checkpoint of ours covered exactly."""
    chain.seal([verdict(n) for n in range(600)])
    await _receive(bureau, chain.delivery())
    rolled_back = Chain(house.gateway)
    rolled_back.seal([verdict(n) for n in range(300)])
    rolled_back.seal([verdict(7_000)])
    with pytest.raises(DeliveryRefused) as refused:
        await _receive(bureau, rolled_back.delivery())
    assert refused.value.reason == "fork"
    # Its first checkpoint is of a size and root that our log had too: innocent.
    receipt = await _receive(bureau, rolled_back.delivery(0, 0))
    assert not receipt.stored and receipt.cosigned.size == 600


async def test_a_rewritten_history_that_grew_past_our_size_is_refused(
    bureau: Bureau, chain: Chain, house: House
) -> None:
    chain.seal([verdict(1)])
    await _receive(bureau, chain.delivery())
    other = Chain(house.gateway)
    other.seal([verdict(2)])
    other.seal([verdict(3)])
    with pytest.raises(DeliveryRefused):
        await _receive(bureau, other.delivery(1))
    assert len(await bureau.desk.misbehaviours(DIVISION, 9)) == 1
    head, _ = await bureau.log.held(DIVISION, BANK)
    assert head.size == 1


async def test_fewer_records_than_the_signed_size_are_a_missed_report(
    bureau: Bureau, chain: Chain
) -> None:
    chain.seal([verdict(1), verdict(2)])
    short = chain.delivery()
    with pytest.raises(DeliveryRefused) as refused:
        await _receive(bureau, attrs.evolve(short, records=short.records[:1]))
    assert refused.value.reason == "gap"


async def test_another_key_than_the_gateways_signs_nothing_here(
    bureau: Bureau, house: House
) -> None:
    forged = Chain(house.signer(GATEWAY))
    forged.seal([verdict(1)])
    with pytest.raises(DeliveryRefused) as refused:
        await _receive(bureau, forged.delivery())
    assert refused.value.reason == "bad_signature"


async def test_a_log_of_another_origin_is_refused(bureau: Bureau, house: House) -> None:
    stranger = Chain(house.signer(f"{DOMAIN}/gateway/999"))
    stranger.seal([verdict(1)])
    with pytest.raises(DeliveryRefused) as refused:
        await _receive(bureau, stranger.delivery())
    assert refused.value.reason == "wrong_origin"


async def test_a_checkpoint_with_what_no_database_stores_is_evidence_all_the_same(
    bureau: Bureau, chain: Chain
) -> None:
    chain.seal([verdict(1)])
    honest = chain.delivery()
    spoilt = attrs.evolve(honest, checkpoint=honest.checkpoint + "— x\x00 AAAAAAA=\n")
    with pytest.raises(DeliveryRefused, match="control characters"):
        await _receive(bureau, spoilt)
    [kept] = await bureau.desk.misbehaviours(DIVISION, 9)
    assert kept["shown_checkpoint"] == spoilt.checkpoint.replace("\x00", "\ufffd") and kept["kept"]


async def test_the_same_refused_delivery_fills_one_row_however_often_it_comes(
    bureau: Bureau, house: House, chain: Chain
) -> None:
    forged = Chain(house.signer(GATEWAY))
    forged.seal([verdict(1)])
    for seen in (1, 2, 3):
        with pytest.raises(DeliveryRefused) as refused:
            await _receive(bureau, forged.delivery())
        assert refused.value.seen == seen
    [kept] = await bureau.desk.misbehaviours(DIVISION, 9)
    assert kept["seen"] == 3


async def test_a_hundred_single_byte_flips_anywhere_in_a_delivery_store_nothing(
    bureau: Bureau, chain: Chain
) -> None:
    chain.seal([verdict(n) for n in range(5)])
    raw = framed(chain.delivery())
    seed = random.SystemRandom().randrange(2**32)
    dice = random.Random(seed)
    for _ in range(100):
        place, mask = dice.randrange(len(raw)), dice.randrange(1, 256)
        bent = raw[:place] + bytes([raw[place] ^ mask]) + raw[place + 1 :]
        with pytest.raises((DeliveryRefused, DeliveryUnreadable, NotEntitled)):
            receipt = await bureau.inbox.receive(GATEWAY, bent)
            assert receipt.stored is False, f"seed {seed}: byte {place} ^ {mask} was accepted"
            raise NotEntitled("a start beyond our size is answered with our size")
    head, _ = await bureau.log.held(DIVISION, BANK)
    assert head.size == 0, f"seed {seed}"


async def test_counts_are_those_of_the_records_and_the_log_verifies_from_its_bytes(
    bureau: Bureau, chain: Chain, house: House
) -> None:
    told = [notice(1), notice(2)]
    for body in told:
        await bureau.inbox.notice(GATEWAY, DIVISION, body, house.gateway.document(body))
    chain.seal([verdict(1, "blocked"), verdict(2, "held"), verdict(3), verdict(4)])
    outcomes = [
        verdict(n, kind="bank_outcome", bank_outcome=b)
        for n, b in ((3, "accepted"), (4, "rejected"))
    ]
    chain.seal(outcomes)
    await _receive(bureau, chain.delivery())
    summary = await bureau.summaries.of(DIVISION)
    assert summary is not None
    assert summary["verdicts"] == {"passed": 2, "held": 1, "blocked": 1}
    assert summary["bank_outcomes"] == {"accepted": 1, "rejected": 1}
    assert summary["kinds"] == {"bank_outcome": 2, "verdict": 4}
    assert summary["policies"] == {"JL-020": 2}
    assert (summary["records"], summary["size"], summary["gaps"]) == (6, 6, 0)
    assert (summary["notices"], summary["misbehaviours"]) == (2, 0)
    assert summary["log_verified"] is True


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE log_record SET body = body || ' ' WHERE seq = 1",
        "DELETE FROM log_record WHERE seq = 2",
        "UPDATE log_record SET seq = 9 WHERE seq = 2",
        "UPDATE log_record SET subject = '220000000/2026/8202/999' WHERE seq = 2",
        "UPDATE log_record SET kind = 'conflict' WHERE seq = 2",
        "UPDATE log_record SET leaf_hash = sha256('x') WHERE seq = 2",
        "UPDATE log SET cosigned = checkpoint",
        "UPDATE log SET cosigned = replace(cosigned, '— ', '— x')",
    ],
)
async def test_log_verified_is_no_flag_any_edit_of_the_stored_log_is_found(
    bureau: Bureau, chain: Chain, kept: str, tampering: str
) -> None:
    chain.seal([verdict(n) for n in range(4)])
    await _receive(bureau, chain.delivery())
    assert (await bureau.auditor.audit(bureau.place)).holds
    owner = await asyncpg.connect(kept)
    await owner.execute(tampering)
    await owner.close()
    summary = await bureau.summaries.of(DIVISION)
    assert summary is not None and summary["log_verified"] is False


async def test_the_program_itself_cannot_change_what_it_received(
    bureau: Bureau, chain: Chain, pool: Pool
) -> None:
    chain.seal([verdict(1)])
    await _receive(bureau, chain.delivery())
    for statement in (
        "UPDATE log_record SET body = ''",
        "DELETE FROM log_record",
        "DELETE FROM notice",
        "UPDATE log_checkpoint SET cosigned = ''",
        "DELETE FROM misbehaviour",
        "TRUNCATE log",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await pool.execute(statement)


async def test_a_notice_and_its_record_meet_and_every_proof_step_holds(
    bureau: Bureau, chain: Chain, house: House
) -> None:
    body = notice(1)
    twice = [(body, house.gateway.document(body))] * 2
    rings = bureau.bell.rings
    assert await bureau.inbox.notices(GATEWAY, DIVISION, twice) == [True, False]
    assert bureau.bell.rings == rings + 1, "an open page looks again"
    assert await bureau.inbox.notices(GATEWAY, DIVISION, twice) == [False, False]
    assert bureau.bell.rings == rings + 1
    with pytest.raises(Unproven, match="not the connection's party"):
        await bureau.inbox.notice(GATEWAY, DIVISION, body, house.bureau.document(body))
    [line] = await searched(bureau.desk, DIVISION, Scope(), Search())
    assert line.record_seq is None and line.noticed_at is not None
    told = hashlib.sha256(body).hexdigest()
    chain.seal([verdict(0), verdict(1, "blocked", notice_sha256=told)])
    await _receive(bureau, chain.delivery())
    [line] = await searched(bureau.desk, DIVISION, Scope(), Search())
    assert line.record_seq == 1 and not line.disagrees
    steps = await Prover(bureau.log, [bureau.place], bureau.trust).steps(line)
    assert len(steps) == 4 and all(step.holds for step in steps)
    card = await why_refused(bureau.desk, DIVISION, 2026, "8202", f"{1:013d}")
    assert card is not None and card.account_masked == "***1234"


async def test_a_notice_that_is_not_the_recorded_one_is_marked(
    bureau: Bureau, chain: Chain, house: House
) -> None:
    body = notice(1)
    chain.seal([verdict(1, "blocked", notice_sha256="00" * 32)])
    await _receive(bureau, chain.delivery())
    await bureau.inbox.notice(GATEWAY, DIVISION, body, house.gateway.document(body))
    [line] = await searched(bureau.desk, DIVISION, Scope(), Search())
    assert line.disagrees
    steps = await Prover(bureau.log, [bureau.place], bureau.trust).steps(line)
    assert not steps[-1].holds


async def test_a_record_of_a_person_takes_the_name_that_the_notice_shows(
    bureau: Bureau, chain: Chain, house: House
) -> None:
    body = notice(1, payee={"name": "张某", "account_masked": "***9018"})
    chain.seal([verdict(1, "held", payee={"name_commitment": "00" * 32})])
    await _receive(bureau, chain.delivery())
    await bureau.inbox.notice(GATEWAY, DIVISION, body, house.gateway.document(body))
    [line] = await searched(bureau.desk, DIVISION, Scope(), Search())
    assert line.payee_name == "张某"


@pytest.mark.parametrize(
    "record",
    [
        b'{"seq":null,"kind":7}',
        b'{"seq":null}',
        b'\xff\xfe{"seq":null}',
        b'{"seq":null,"kind":"verdict","outcome":"held","fiscal_year":2026,"voucher_no":"a\\u0000b"'
        b',"division":"220000000","amount_fen":99999999999999999999999}',
        b'{"seq":null,"kind":"a\\u0000b","outcome":"blocked","recorded_at":999999999999999999999}',
        b'{"seq":null,"kind":"verdict","outcome":"held","fiscal_year":999999999999,"voucher_no":"1"'
        b',"division":"220000000","voucher_type":"\\u0000","recorded_at":9000000000000000000}',
        b'{"seq":null,"kind":"verdict","outcome":"held","fiscal_year":2026,"voucher_no":"\\u0000"'
        b',"division":"220000000","voucher_type":"1","recorded_at":-9000000000000000000}',
    ],
)
async def test_a_proven_record_that_cannot_be_read_is_stored_and_counted_never_in_the_way(
    bureau: Bureau, chain: Chain, record: bytes
) -> None:
    chain.seal([record, verdict(2)])
    assert (await _receive(bureau, chain.delivery())).stored
    summary = await bureau.summaries.of(DIVISION)
    assert summary is not None and summary["log_verified"] and summary["records"] == 2


async def test_every_record_of_a_log_with_tiles_has_a_proof_that_others_can_check(
    bureau: Bureau, chain: Chain
) -> None:
    for batch in range(5):
        chain.seal([verdict(1000 * batch + n) for n in range(211)])
    await _receive(bureau, chain.delivery(0, 1))
    await _receive(bureau, chain.delivery(422, 4))
    prover = Prover(bureau.log, [bureau.place], bureau.trust)
    for seq in (0, 255, 256, 511, 512, 800, 1023, 1024, 1054):
        found = await prover.proof_text(bureau.place, seq)
        assert found is not None
        body, proof = found[0], parse_proof(found[1])
        checkpoint, _ = open_checkpoint(
            proof.checkpoint, receiving_keys(bureau.trust, bureau.place)
        )
        assert verify_inclusion(seq, checkpoint.size, leaf_hash(body), proof.path, checkpoint.root)
    assert await prover.proof_text(bureau.place, 1055) is None


async def test_while_one_delivery_is_judged_another_of_the_log_waits(
    bureau: Bureau, chain: Chain
) -> None:
    """The same delivery ten times at once: stored once, and nine times answered with our size."""
    chain.seal([verdict(n) for n in range(50)])
    receipts = await asyncio.gather(*(_receive(bureau, chain.delivery()) for _ in range(10)))
    assert [receipt.stored for receipt in receipts].count(True) == 1
    assert {receipt.cosigned.checkpoint for receipt in receipts} == {
        receipts[0].cosigned.checkpoint
    }


async def test_a_clock_before_the_gateways_certificate_takes_no_checkpoint(
    bureau: Bureau, chain: Chain, house: House
) -> None:
    bureau.inbox._clock = lambda: dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    told = notice(1)
    with pytest.raises(Unproven, match="not yet valid"):
        await bureau.inbox.notice(GATEWAY, DIVISION, told, house.gateway.document(told))
    chain.seal([verdict(1)])
    with pytest.raises(DeliveryRefused, match="not valid at this time"):
        await _receive(bureau, chain.delivery())


async def _receive(bureau: Bureau, delivery: Delivery) -> Receipt:
    return await bureau.inbox.receive(GATEWAY, framed(delivery))


async def test_what_opens_the_records_is_sealed_in_the_bureaus_database_and_read_back(
    bureau: Bureau, chain: Chain, house: House
) -> None:
    number = "220104198506152036"
    opening = f'{{"payee.id_number":["salt","{number}"]}}'.encode()
    chain.seal([verdict(1)], opening)
    await _receive(bureau, chain.delivery())
    other = Chain(house.gateway)
    other.seal([verdict(2)], opening)
    with pytest.raises(DeliveryRefused):
        await _receive(bureau, other.delivery())
    async with bureau.pool.acquire() as connection:
        for table in ("log_record", "misbehaviour", "interception", "notice"):
            text = await connection.fetchval(f"SELECT string_agg(t::text, ' ') FROM {table} AS t")
            for form in (number, number.encode().hex()):
                assert form not in (text or ""), table
        digest = await connection.fetchval("SELECT digest FROM misbehaviour")
    kept = await bureau.log.misbehaviour(DIVISION, BANK, digest)
    assert kept and opening in kept["delivery"]


async def test_an_opening_reads_back_as_the_gateway_sent_it(bureau: Bureau, chain: Chain) -> None:
    chain.seal([verdict(1)], b'{"payee.name":["salt","name"]}')
    await _receive(bureau, chain.delivery())
    record = await bureau.log.record(DIVISION, BANK, 0)
    assert record and record.disclosures == b'{"payee.name":["salt","name"]}'

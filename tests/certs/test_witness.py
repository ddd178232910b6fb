"""Sealer and witness as two parties: what is sealed is witnessed, and nothing else is."""

import datetime as dt

import attrs
import orjson
import pytest
from msgspec.structs import replace

from certs.log.note import (
    SIGNATURES_MAX,
    Checkpoint,
    NoteRefused,
    cosignatures,
    log_origin,
    open_checkpoint,
    sign_checkpoint,
    witness_key,
    witness_keys,
)
from certs.log.numbering import says_number, sequence_number
from certs.log.sealer import Sealer
from certs.log.witness import Refusal, Witness, WitnessRefused
from certs.signing.encoding import b64
from gateway.domain.log import (
    P256_SHA256,
    SM2_SM3,
    Delivery,
    Digest,
    PendingRecord,
    Sealed,
    sha256,
    sm3,
)
from gateway.domain.records import unnumbered
from gateway.domain.tree import consistency, extend, folded, leaf_hash, root_of
from tests.certs.oracles import log_keys, root_of_leaves

AT = dt.datetime(2026, 3, 2, 9, 30, tzinfo=dt.UTC)
DIVISION = "220000000"


def _pending(count: int, first: int = 0) -> list[PendingRecord]:
    return [
        PendingRecord(
            id=number,
            kind="verdict",
            subject=f"s{number}",
            body=unnumbered({"kind": "verdict", "n": number, "said": '说 "seq":null'}),
            disclosures=None,
        )
        for number in range(first, first + count)
    ]


@pytest.fixture(scope="module")
def gateway(pki, suite):
    return pki.party("gateway/ABC", suite=suite)


@pytest.fixture(scope="module")
def bureau(pki, suite):
    return pki.party("bureau/220000000", suite=suite)


@pytest.fixture(scope="module")
def sealer(gateway) -> Sealer:
    return Sealer(gateway)


@pytest.fixture(scope="module")
def witness(gateway, bureau) -> Witness:
    origin = log_origin(gateway.uri, DIVISION, gateway.suite)
    return Witness(bureau, {DIVISION: log_keys(gateway, origin)})


@pytest.fixture(scope="module")
def digest(suite) -> Digest:
    return {P256_SHA256: sha256, SM2_SM3: sm3}[suite]


def _delivery(sealed: Sealed, start: int | None = None) -> Delivery:
    first = sealed.records[0].seq if start is None else start
    return Delivery(
        division=DIVISION, start=first, records=sealed.records, checkpoint=sealed.checkpoint
    )


def _refusal(witness: Witness, head, delivery: Delivery, **more) -> WitnessRefused:
    with pytest.raises(WitnessRefused) as refused:
        witness.verify(head, delivery, AT, **more)
    return refused.value


def test_numbers_run_on_from_batch_to_batch_and_the_root_is_the_trees(sealer, digest) -> None:
    head, leaves = None, []
    for batch in (1, 255, 3, 300):
        size = head.size if head else 0
        sealed = sealer.seal(head, DIVISION, _pending(batch, size), AT)
        assert [each.seq for each in sealed.records] == list(range(size, size + batch))
        for record in sealed.records:
            assert orjson.loads(record.body)["seq"] == record.seq
            assert record.leaf_hash == leaf_hash(record.body, digest)
        leaves += [each.leaf_hash for each in sealed.records]
        head = sealed.head
        assert root_of(head.frontier, digest) == root_of_leaves(leaves, digest)
    assert head.size == 559


def test_the_sealer_refuses_an_empty_batch_and_another_logs_head(sealer) -> None:
    with pytest.raises(ValueError):
        sealer.seal(None, DIVISION, [], AT)
    head = sealer.seal(None, DIVISION, _pending(2), AT).head
    with pytest.raises(ValueError):
        sealer.seal(head, "220100000", _pending(1), AT)
    with pytest.raises(ValueError):
        sealer.seal(attrs.evolve(head, origin="x"), DIVISION, _pending(1), AT)


def test_the_witness_follows_the_log_and_cosigns_each_step(
    sealer, witness, bureau, gateway
) -> None:
    held, head = None, None
    for batch in (5, 256, 1):
        sealed = sealer.seal(head, DIVISION, _pending(batch), AT)
        taken = witness.verify(held, _delivery(sealed), AT)
        assert taken.head == sealed.head and taken.records == sealed.records
        keys = log_keys(gateway, sealed.head.origin)
        _, signed = open_checkpoint(taken.cosigned.checkpoint, keys)
        assert cosignatures(signed, witness_keys(bureau))[0].at == AT
        head, held = sealed.head, taken.head


def test_an_overlapping_delivery_is_taken_from_where_the_bureau_stands(sealer, witness) -> None:
    first = sealer.seal(None, DIVISION, _pending(5), AT)
    second = sealer.seal(first.head, DIVISION, _pending(4, 5), AT)
    held = witness.verify(None, _delivery(first), AT).head
    both = attrs.evolve(_delivery(second), start=0, records=(*first.records, *second.records))
    taken = witness.verify(held, both, AT)
    assert taken.head == second.head and taken.records == second.records
    assert witness.verify(None, both, AT).head == second.head


def test_a_repetition_is_a_duplicate_and_says_where_to_go_on(sealer, witness) -> None:
    first = sealer.seal(None, DIVISION, _pending(5), AT)
    second = sealer.seal(first.head, DIVISION, _pending(4, 5), AT)
    for held, again in ((first.head, first), (second.head, second), (second.head, first)):
        refused = _refusal(witness, held, _delivery(again))
        assert (refused.reason, refused.size) == (Refusal.DUPLICATE, held.size)


def test_a_gap_is_named_before_within_and_after(sealer, witness) -> None:
    first = sealer.seal(None, DIVISION, _pending(5), AT)
    second = sealer.seal(first.head, DIVISION, _pending(4, 5), AT)
    whole = _delivery(second)
    refused = _refusal(witness, None, whole)
    assert (refused.reason, refused.size, refused.seq) == (Refusal.GAP, 0, 0)
    records = second.records
    without = attrs.evolve(whole, records=(records[0], *records[2:]))
    assert (_refusal(witness, first.head, without)).reason is Refusal.GAP
    short = attrs.evolve(whole, records=records[:-1])
    refused = _refusal(witness, first.head, short)
    assert (refused.reason, refused.seq) == (Refusal.GAP, 8)
    twice = attrs.evolve(whole, records=(records[0], records[0], *records[2:]))
    refused = _refusal(witness, first.head, twice)
    assert (refused.reason, refused.seq) == (Refusal.GAP, 6)


def test_an_altered_record_is_refused_however_it_is_dressed(sealer, witness, digest) -> None:
    sealed = sealer.seal(None, DIVISION, _pending(5), AT)
    record = sealed.records[2]
    body = record.body.replace(b'"n":2', b'"n":9')
    assert body != record.body
    cases = {
        "body only": replace(record, body=body),
        "with its hash": replace(record, body=body, leaf_hash=leaf_hash(body, digest)),
        "hash only": replace(record, leaf_hash=leaf_hash(body, digest)),
        "number in the bytes": replace(record, body=record.body.replace(b":2}", b":3}")),
    }
    for name, altered in cases.items():
        records = (*sealed.records[:2], altered, *sealed.records[3:])
        refused = _refusal(witness, None, attrs.evolve(_delivery(sealed), records=records))
        assert refused.reason is Refusal.ALTERED, name


def test_reordered_or_added_records_are_refused(sealer, witness) -> None:
    sealed = sealer.seal(None, DIVISION, _pending(5), AT)
    swapped = (sealed.records[1], sealed.records[0], *sealed.records[2:])
    refused = _refusal(witness, None, attrs.evolve(_delivery(sealed), records=swapped))
    assert refused.reason is Refusal.GAP
    more = sealer.seal(sealed.head, DIVISION, _pending(1, 5), AT)
    added = attrs.evolve(_delivery(sealed), records=(*sealed.records, *more.records))
    assert _refusal(witness, None, added).reason is Refusal.ALTERED
    assert _refusal(witness, None, attrs.evolve(_delivery(sealed), start=-1)).reason in (
        Refusal.GAP,
        Refusal.ALTERED,
    )


def test_two_trees_of_one_size_are_a_fork(sealer, witness) -> None:
    ours = sealer.seal(None, DIVISION, _pending(5), AT)
    other = sealer.seal(None, DIVISION, _pending(5, 100), AT)
    refused = _refusal(witness, ours.head, _delivery(other))
    assert refused.reason is Refusal.FORK


def test_a_roll_back_is_a_fork_where_the_earlier_root_is_known(sealer, witness, digest) -> None:
    ours = sealer.seal(None, DIVISION, _pending(5), AT)
    rolled = sealer.seal(None, DIVISION, _pending(3, 100), AT)
    roots = {3: root_of_leaves([each.leaf_hash for each in ours.records[:3]], digest)}
    refused = _refusal(witness, ours.head, _delivery(rolled), root_at=roots.get)
    assert refused.reason is Refusal.FORK
    honest = sealer.seal(None, DIVISION, _pending(3), AT)
    refused = _refusal(witness, ours.head, _delivery(honest), root_at=roots.get)
    assert refused.reason is Refusal.DUPLICATE


def test_a_rewritten_past_is_told_from_an_altered_record_by_the_consistency_proof(
    sealer, witness, digest
) -> None:
    ours = sealer.seal(None, DIVISION, _pending(5), AT)
    theirs = sealer.seal(None, DIVISION, _pending(5, 100), AT)
    after = sealer.seal(theirs.head, DIVISION, _pending(4, 5), AT)
    leaves = [each.leaf_hash for each in (*theirs.records, *after.records)]
    proof = proof_of(leaves, digest)
    assert _refusal(witness, ours.head, _delivery(after)).reason is Refusal.ALTERED
    refused = _refusal(witness, ours.head, _delivery(after), consistency=proof)
    assert refused.reason is Refusal.FORK
    # The honest log with one altered record stays `altered`.
    honest = sealer.seal(ours.head, DIVISION, _pending(4, 5), AT)
    leaves = [each.leaf_hash for each in (*ours.records, *honest.records)]
    body = honest.records[1].body.replace(b'"n":6', b'"n":7')
    altered = replace(honest.records[1], body=body, leaf_hash=leaf_hash(body, digest))
    records = (honest.records[0], altered, *honest.records[2:])
    delivery = attrs.evolve(_delivery(honest), records=records)
    refused = _refusal(witness, ours.head, delivery, consistency=proof_of(leaves, digest))
    assert refused.reason is Refusal.ALTERED


def proof_of(leaves: list[bytes], digest: Digest) -> tuple[bytes, ...]:
    return folded(consistency(5, 9), lambda _, first, count: leaves[first : first + count], digest)


def test_a_foreign_log_or_signature_is_refused(sealer, witness, pki, suite) -> None:
    sealed = sealer.seal(None, DIVISION, _pending(5), AT)
    other_division = sealer.seal(None, "220100000", _pending(5), AT)
    refused = _refusal(witness, None, attrs.evolve(_delivery(sealed), division="220100000"))
    assert refused.reason is Refusal.ORIGIN
    moved = attrs.evolve(_delivery(other_division), division=DIVISION)
    assert _refusal(witness, None, moved).reason is Refusal.ORIGIN
    forger = Sealer(pki.party("gateway/ABC", suite=suite)).seal(None, DIVISION, _pending(5), AT)
    assert _refusal(witness, None, _delivery(forger)).reason is Refusal.SIGNATURE
    for spoiled in (sealed.checkpoint.replace("\n5\n", "\n6\n"), sealed.checkpoint[:-1]):
        delivery = attrs.evolve(_delivery(sealed), checkpoint=spoiled)
        assert _refusal(witness, None, delivery).reason is Refusal.SIGNATURE
    assert (
        _refusal(witness, attrs.evolve(sealed.head, origin="elsewhere"), _delivery(sealed)).reason
        is Refusal.ORIGIN
    )
    assert (
        _refusal(witness, attrs.evolve(sealed.head, division="220100000"), _delivery(sealed)).reason
        is Refusal.ORIGIN
    )


def test_a_record_key_beyond_its_life_is_not_believed(sealer, witness, gateway) -> None:
    sealed = sealer.seal(None, DIVISION, _pending(5), AT)
    late = gateway.not_after + dt.timedelta(days=1)
    with pytest.raises(WitnessRefused) as refused:
        witness.verify(None, _delivery(sealed), late)
    assert refused.value.reason is Refusal.SIGNATURE


def test_old_and_new_record_key_are_believed_while_they_overlap(
    pki, gateway, bureau, suite
) -> None:
    next_key = pki.party("gateway/ABC", suite=suite)
    origin = log_origin(gateway.uri, DIVISION, suite)
    keys = [*log_keys(gateway, origin), *log_keys(next_key, origin)]
    witness = Witness(bureau, {DIVISION: keys})
    first = Sealer(gateway).seal(None, DIVISION, _pending(5), AT)
    held = witness.verify(None, _delivery(first), AT).head
    second = Sealer(next_key).seal(first.head, DIVISION, _pending(2, 5), AT)
    assert witness.verify(held, _delivery(second), AT).head.size == 7


def test_a_signed_size_without_its_records_is_a_gap(witness, gateway, sealer, digest) -> None:
    sealed = sealer.seal(None, DIVISION, _pending(2), AT)
    grown = extend(2, sealed.head.frontier, [leaf_hash(b"withheld", digest)], digest)
    more = Checkpoint(origin=sealed.head.origin, size=3, root=root_of(grown.frontier, digest))
    delivery = attrs.evolve(_delivery(sealed), checkpoint=sign_checkpoint(gateway, more))
    refused = _refusal(witness, None, delivery)
    assert (refused.reason, refused.seq) == (Refusal.GAP, 2)


def test_a_correction_that_names_another_record_keeps_its_own_number() -> None:
    body = b'{"corrects":{"seq":95},"seq":9}'
    assert says_number(body, 9) and sequence_number(body) == 9
    assert not says_number(body, 5)
    for not_a_record in (b"[]", b"{", b'{"seq":"9"}', b'{"seq":true}', b'{"seq":-1}', b"{}"):
        assert sequence_number(not_a_record) is None


def _hung(note: str, name: str, key_id: bytes, blob: bytes) -> str:
    """The note with one more signature line, of anybody's making."""
    return f"{note}— {name} {b64(key_id + blob)}\n"


def test_what_the_log_hangs_under_its_text_is_not_handed_on(
    sealer, witness, bureau, gateway
) -> None:
    """Junk up to the limit of lines, a forged line of the bureau's own, the log's line twice."""
    sealed = sealer.seal(None, DIVISION, _pending(5), AT)
    note, own = sealed.checkpoint, witness_key(bureau.certificate)
    junk = note
    for number in range(SIGNATURES_MAX - len(bureau.each)):
        junk = _hung(junk, f"junk-{number}", b"abcd", b"e")
    cases = {
        "junk": junk,
        "the witness's line, forged": _hung(note, own.name, own.key_id, bytes(72)),
        "the witness's line, cut": _hung(note, own.name, own.key_id, b"x"),
        "the log's line twice": note + note[note.index("— ") :],
    }
    log = log_keys(gateway, sealed.head.origin)
    for name, dressed in cases.items():
        delivery = attrs.evolve(_delivery(sealed), checkpoint=dressed)
        taken = witness.verify(None, delivery, AT)
        assert taken.checkpoint.startswith(note), name
        checkpoint, signed = open_checkpoint(taken.checkpoint, log, AT)
        assert checkpoint.size == 5 and len(signed.signatures) == 2 * len(log), name
        assert [each.at for each in cosignatures(signed, witness_keys(bureau))] == [AT], name


def test_of_two_keys_that_signed_the_one_that_lives_is_handed_on(
    pki, gateway, bureau, suite
) -> None:
    sealed = Sealer(gateway).seal(None, DIVISION, _pending(2), AT)
    old_signer = pki.party("gateway/ABC", suite=suite)
    origin, ended = sealed.head.origin, AT - dt.timedelta(days=1)
    old = [attrs.evolve(each, not_after=ended) for each in log_keys(old_signer, origin)]
    keys = [*old, *log_keys(gateway, origin)]
    checkpoint, _ = open_checkpoint(sealed.checkpoint, keys)
    both = sign_checkpoint(old_signer, checkpoint) + sealed.checkpoint.partition("\n\n")[2]
    delivery = attrs.evolve(_delivery(sealed), checkpoint=both)
    taken = Witness(bureau, {DIVISION: keys}).verify(None, delivery, AT)
    assert taken.checkpoint.startswith(sealed.checkpoint)


def test_a_witness_whose_own_certificate_does_not_live_hands_out_nothing(
    pki, gateway, suite
) -> None:
    sealed = Sealer(gateway).seal(None, DIVISION, _pending(2), AT)
    unborn = pki.party("bureau/220000000", AT + dt.timedelta(days=30), suite=suite)
    witness = Witness(unborn, {DIVISION: log_keys(gateway, sealed.head.origin)})
    with pytest.raises(NoteRefused):
        witness.verify(None, _delivery(sealed), AT)


def test_a_record_that_bears_another_number_is_not_witnessed_though_the_log_signed_it(
    gateway, witness, sealer, digest
) -> None:
    sealed = sealer.seal(None, DIVISION, _pending(2), AT)
    first, second = sealed.records
    body = second.body.replace(b'"seq":1', b'"seq":7')
    assert body != second.body
    leaves = [first.leaf_hash, leaf_hash(body, digest)]
    root = root_of(extend(0, (), leaves, digest).frontier, digest)
    signed = sign_checkpoint(gateway, Checkpoint(origin=sealed.head.origin, size=2, root=root))
    records = (first, replace(second, body=body, leaf_hash=leaves[1]))
    refused = _refusal(
        witness, None, Delivery(division=DIVISION, start=0, records=records, checkpoint=signed)
    )
    assert (refused.reason, refused.seq) == (Refusal.ALTERED, 1)

"""Evidence verified offline: the true one passes, every flipped one fails and says why."""

import datetime as dt
import random
from pathlib import Path

import pytest

from certs.authority import Authority, Purpose, create_root, create_subordinate
from certs.log.day import CHECKPOINT, LEAVES, PREVIOUS, RECORDS, Day, verify_day, write_day
from certs.log.note import Checkpoint, cosign, sign_checkpoint, witness_keys
from certs.log.proof import format_proof
from certs.log.report import Exit
from certs.log.sealer import Sealer
from certs.log.verify import AuditKeys, verify_growth, verify_record
from gateway.domain.log import PendingRecord, tree_digest
from gateway.domain.records import unnumbered
from gateway.domain.tree import consistency, folded, inclusion, leaf_hash, root_of
from tests.certs.oracles import log_keys, root_of_leaves

AT = dt.datetime(2026, 3, 2, 9, 30, tzinfo=dt.UTC)
DIVISION = "220000000"
FLIPS = 4_000


class Log:
    """Two sealed and cosigned batches, with everything that evidence is made of."""

    def __init__(self, pki, suite: str) -> None:
        self.gateway = pki.party("gateway/ABC", suite=suite)
        self.bureau = pki.party("bureau/220000000", suite=suite)
        sealer = Sealer(self.gateway)
        first = sealer.seal(None, DIVISION, _pending(0, 40), AT)
        second = sealer.seal(first.head, DIVISION, _pending(40, 300), AT)
        self.frontier = first.head.frontier
        self.bodies = [each.body for each in (*first.records, *second.records)]
        self.digest = tree_digest(second.head.origin)
        self.leaves = [leaf_hash(each, self.digest) for each in self.bodies]
        self.old = cosign(first.checkpoint, self.bureau, AT)
        self.new = cosign(second.checkpoint, self.bureau, AT)
        self.keys = AuditKeys(
            logs=log_keys(self.gateway, second.head.origin),
            witnesses=witness_keys(self.bureau),
        )
        self.subtrees = {(each.level, each.index): each.hash for each in second.subtrees}

    def fetch(self, level: int, first: int, count: int) -> list[bytes]:
        if level == 0:
            return self.leaves[first : first + count]
        return [self.subtrees[level, place] for place in range(first, first + count)]

    def proof(self, seq: int) -> str:
        path = folded(inclusion(seq, len(self.leaves)), self.fetch, self.digest)
        return format_proof(seq, path, self.new)

    def day(self) -> Day:
        return Day(
            checkpoint=self.new,
            records=self.bodies[40:],
            previous=self.old,
            frontier=self.frontier,
        )

    def alone(self) -> str:
        """The new checkpoint without the bureau's lines."""
        return self.new[: self.new.index(f"— {self.bureau.uri} ")]

    def checkpoint(self, size: int, root: bytes) -> str:
        made = Checkpoint(origin=self.keys.logs[0].name, size=size, root=root)
        return cosign(sign_checkpoint(self.gateway, made), self.bureau, AT)


def _pending(first: int, end: int) -> list[PendingRecord]:
    return [
        PendingRecord(
            id=number,
            kind="verdict",
            subject="s",
            body=unnumbered({"kind": "verdict", "amount_fen": number, "purpose": "办公费"}),
            disclosures=None,
        )
        for number in range(first, end)
    ]


@pytest.fixture(scope="module")
def log(pki, suite) -> Log:
    return Log(pki, suite)


def test_a_true_record_is_valid_and_each_step_is_told_in_both_languages(log) -> None:
    for seq in (0, 39, 40, 255, 256, 299):
        report = verify_record(log.bodies[seq], log.proof(seq), log.keys)
        assert report.valid and report.exit == 0, report.lines()
    text = "\n".join(report.lines())
    assert "北京时间 2026-03-02 17:30:00" in text and "Valid." in text
    assert report.as_json()["seq"] == 299 and report.as_json()["size"] == 300


@pytest.mark.slow
def test_none_of_4000_flipped_bits_is_accepted(log) -> None:
    seed = random.SystemRandom().getrandbits(32)
    print(f"seed {seed}")  # noqa: T201  to repeat a failure
    chance, seq = random.Random(seed), 256
    good = {"record": log.bodies[seq], "proof": log.proof(seq).encode()}
    # The proof holds the checkpoint; it gets its own third of the flips.
    start = log.proof(seq).encode().index(b"\n\n") + 2
    spans = {"record": ("record", 0), "proof": ("proof", 0), "checkpoint": ("proof", start)}
    accepted = []
    for number in range(FLIPS):
        name, first = spans[("record", "proof", "checkpoint")[number % 3]]
        spoiled = bytearray(good[name])
        end = start if (name, first) == ("proof", 0) else len(spoiled)
        place, bit = chance.randrange(first, end), 1 << chance.randrange(8)
        spoiled[place] ^= bit
        if _accepted(good | {name: bytes(spoiled)}, log.keys):
            accepted.append((name, place, bit))
    assert accepted == [], f"seed {seed}"
    assert _accepted(good, log.keys)


def _accepted(evidence: dict[str, bytes], keys: AuditKeys) -> bool:
    try:
        proof = evidence["proof"].decode()
    except UnicodeDecodeError:
        return False
    return verify_record(evidence["record"], proof, keys).valid


def test_another_record_place_or_path_is_invalid(log) -> None:
    for body, proof in (
        (log.bodies[7], log.proof(8)),
        (log.bodies[7].replace(b'"seq":7', b'"seq":8'), log.proof(8)),
        (b"", log.proof(8)),
        (log.bodies[8], log.proof(8).replace("index 8", "index 9")),
        (log.bodies[8], "nothing"),
        (log.bodies[8], log.proof(8).split("\n\n")[0]),
    ):
        assert verify_record(body, proof, log.keys).exit is Exit.INVALID


def test_an_auditor_with_the_bureaus_key_demands_the_cosignature(log) -> None:
    alone = log.alone()
    proof = log.proof(3).replace(log.new, alone)
    report = verify_record(log.bodies[3], proof, log.keys)
    assert report.exit is Exit.INVALID
    assert "新旧证书一并给出" in report.steps[-1].zh, "its key may have changed"
    without = AuditKeys(logs=log.keys.logs)
    report = verify_record(log.bodies[3], proof, without)
    assert report.valid and "cosigned_at" not in report.facts


def test_a_cosignature_outside_a_certificates_life_is_invalid(log) -> None:
    late = log.gateway.not_after + dt.timedelta(days=1)
    alone = log.alone()
    proof = log.proof(3).replace(log.new, cosign(alone, log.bureau, late))
    assert verify_record(log.bodies[3], proof, log.keys).exit is Exit.INVALID


def test_a_cosignature_after_the_record_certificate_ended_is_invalid(log, pki) -> None:
    early = AT - dt.timedelta(days=500)
    old_pki = type(pki)(root=pki.root, transport=pki.transport, evidence=aged_evidence(early))
    old = old_pki.party("gateway/ABC", early, log.gateway.suite)
    root = leaf_hash(b'{"seq":0}', log.digest)
    made = Checkpoint(origin=log.keys.logs[0].name, size=1, root=root)
    proof = format_proof(0, [], cosign(sign_checkpoint(old, made), log.bureau, AT))
    keys = AuditKeys(logs=log_keys(old, made.origin), witnesses=log.keys.witnesses)
    report = verify_record(b'{"seq":0}', proof, keys)
    assert report.exit is Exit.INVALID and "有效期" in report.steps[-1].zh


def aged_evidence(at: dt.datetime) -> Authority:
    return create_subordinate(create_root("old", at), Purpose.EVIDENCE, "old evidence", at)


def test_a_signed_record_that_bears_another_number_is_invalid(log) -> None:
    body = b'{"seq":5}'
    proof = format_proof(0, [], log.checkpoint(1, leaf_hash(body, log.digest)))
    report = verify_record(body, proof, log.keys)
    assert report.exit is Exit.INVALID and report.facts["seq"] == 5


def test_a_kept_checkpoint_that_contradicts_is_a_fork(log) -> None:
    kept = log.checkpoint(300, leaf_hash(b"another history"))
    proof = log.proof(3)
    report = verify_record(log.bodies[3], proof, log.keys, kept_checkpoint=kept)
    assert report.exit is Exit.FORK
    assert verify_record(log.bodies[3], proof, log.keys, kept_checkpoint=log.new).valid
    other_size = verify_record(log.bodies[3], proof, log.keys, kept_checkpoint=log.old)
    assert other_size.exit is Exit.USAGE, "never called valid what was not compared"
    assert other_size.facts["size"] == 300 and other_size.facts["kept_size"] == 40


def test_growth_is_valid_and_a_rewritten_history_is_a_fork(log) -> None:
    path = folded(consistency(40, 300), log.fetch, log.digest)
    assert verify_growth(log.old, log.new, path, log.keys).valid
    rewritten = log.checkpoint(40, leaf_hash(b"rewritten"))
    assert verify_growth(rewritten, log.new, path, log.keys).exit is Exit.FORK
    assert verify_growth(log.new, log.old, path, log.keys).exit is Exit.FORK
    unsigned = log.old.replace("\n40\n", "\n41\n")
    assert verify_growth(unsigned, log.new, path, log.keys).exit is Exit.INVALID


def test_a_whole_day_is_valid_from_the_first_and_from_any_later_one(log, tmp_path: Path) -> None:
    write_day(tmp_path / "later", log.day())
    write_day(tmp_path / "first", Day(checkpoint=log.old, records=log.bodies[:40]))
    for name, count in (("later", 260), ("first", 40)):
        report = verify_day(tmp_path / name, log.keys)
        assert report.valid, report.lines()
        assert report.facts["records"] == count


def _spoil(folder: Path, log: Log, change) -> Exit:
    write_day(folder, log.day())
    change(folder)
    report = verify_day(folder, log.keys)
    assert report.lines()[-1].startswith("结论")
    return report.exit


def _write(name: str, data: bytes):
    def change(folder: Path) -> None:
        (folder / name).write_bytes(data)

    return change


def _edit(name: str, old: bytes, new: bytes):
    def change(folder: Path) -> None:
        data = (folder / name).read_bytes()
        assert old in data
        (folder / name).write_bytes(data.replace(old, new, 1))

    return change


def test_a_missing_record_of_the_day_is_a_gap_and_named(log, tmp_path: Path) -> None:
    change = _edit(RECORDS, log.bodies[77] + b"\n", b"")
    assert _spoil(tmp_path, log, change) is Exit.GAP
    facts = verify_day(tmp_path, log.keys).facts
    assert facts["missing"] == [77] and facts["missing_count"] == 1
    (tmp_path / RECORDS).write_bytes(b"")
    assert verify_day(tmp_path, log.keys).facts["missing_count"] == 260


def test_an_altered_record_of_the_day_is_named_where_the_leaves_are_there(
    log, tmp_path: Path
) -> None:
    change = _edit(RECORDS, b'"amount_fen":90,', b'"amount_fen":91,')
    assert _spoil(tmp_path, log, change) is Exit.INVALID
    assert verify_day(tmp_path, log.keys).facts["altered"] == [90]
    (tmp_path / LEAVES).unlink()
    report = verify_day(tmp_path, log.keys)
    assert report.exit is Exit.INVALID and "altered" not in report.facts


def test_leaves_that_the_log_did_not_sign_name_nobody(log, tmp_path: Path) -> None:
    write_day(tmp_path, log.day())
    altered = log.bodies[90].replace(b"90", b"91", 1)
    _edit(RECORDS, log.bodies[90], altered)(tmp_path)
    (tmp_path / LEAVES).write_bytes(b"not base64\n")
    assert "altered" not in verify_day(tmp_path, log.keys).facts


def test_a_record_twice_or_out_of_order_is_refused(log, tmp_path: Path) -> None:
    twice = _edit(RECORDS, log.bodies[50] + b"\n", (log.bodies[50] + b"\n") * 2)
    assert _spoil(tmp_path, log, twice) is Exit.INVALID
    pair = log.bodies[50] + b"\n" + log.bodies[51] + b"\n"
    swapped = log.bodies[51] + b"\n" + log.bodies[50] + b"\n"
    assert _spoil(tmp_path, log, _edit(RECORDS, pair, swapped)) is Exit.INVALID


def test_two_histories_of_one_day_are_a_fork(log, tmp_path: Path) -> None:
    for previous in (
        log.checkpoint(300, leaf_hash(b"another")),
        log.checkpoint(301, leaf_hash(b"longer")),
    ):
        assert _spoil(tmp_path, log, _write(PREVIOUS, previous.encode())) is Exit.FORK


def test_a_start_that_is_not_the_former_tree_is_invalid(log, tmp_path: Path) -> None:
    other = log.checkpoint(40, leaf_hash(b"rewritten"))
    assert _spoil(tmp_path, log, _write(PREVIOUS, other.encode())) is Exit.INVALID
    assert root_of(log.frontier) != leaf_hash(b"rewritten")
    assert _spoil(tmp_path, log, _write("frontier", b"")) is Exit.INVALID


def test_missing_or_unreadable_files_are_a_matter_of_usage(log, tmp_path: Path) -> None:
    assert verify_day(tmp_path / "nowhere", log.keys).exit is Exit.USAGE
    assert _spoil(tmp_path, log, lambda folder: (folder / RECORDS).unlink()) is Exit.USAGE
    assert _spoil(tmp_path, log, _write(RECORDS, b"{}")) is Exit.USAGE
    assert _spoil(tmp_path, log, _write(CHECKPOINT, b"\xff")) is Exit.USAGE
    with pytest.raises(ValueError):
        write_day(tmp_path, Day(checkpoint=log.old, records=[b"a\nb"]))


def test_a_good_verdict_says_how_far_it_reaches(log, tmp_path: Path) -> None:
    write_day(tmp_path, log.day())
    day = verify_day(tmp_path, log.keys)
    for report in (day, verify_record(log.bodies[3], log.proof(3), log.keys)):
        assert report.lines()[-1] == (
            "      Up to size 300, witnessed at 2026-03-02T09:30:00+00:00; "
            "later records are not judged."
        )
    assert (day.facts["size"], day.facts["previous_size"]) == (300, 40)


def test_a_day_is_held_against_the_checkpoint_that_the_auditor_kept(log, tmp_path: Path) -> None:
    """At its start, within, at its end; withheld records are a gap, another history a fork."""
    write_day(tmp_path, log.day())
    for size in (40, 41, 77, 299, 300):
        root = root_of_leaves(log.leaves[:size], log.digest)
        report = verify_day(tmp_path, log.keys, log.checkpoint(size, root))
        assert report.valid, report.lines()
        forked = log.checkpoint(size, leaf_hash(b"another history"))
        assert verify_day(tmp_path, log.keys, forked).exit is Exit.FORK, size
    older = verify_day(
        tmp_path, log.keys, log.checkpoint(39, root_of_leaves(log.leaves[:39], log.digest))
    )
    assert older.exit is Exit.USAGE


def test_the_last_records_withheld_under_an_earlier_checkpoint_are_a_gap(
    log, tmp_path: Path
) -> None:
    write_day(tmp_path, Day(checkpoint=log.old, records=log.bodies[:40]))
    assert verify_day(tmp_path, log.keys).valid, "both parties did sign it"
    report = verify_day(tmp_path, log.keys, log.new)
    assert report.exit is Exit.GAP and report.facts["missing_count"] == 260
    assert report.facts["missing"][0] == 40


def test_a_kept_checkpoint_must_be_signed_and_of_this_log(log, tmp_path: Path) -> None:
    write_day(tmp_path, log.day())
    for kept in ("", "x\n", log.new.replace("\n300\n", "\n301\n"), log.alone()):
        assert verify_day(tmp_path, log.keys, kept).exit is Exit.INVALID

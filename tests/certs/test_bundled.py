"""Receipts for several notices under one signature: each proves itself, and nothing else."""

import random

import pytest

from certs.acknowledged import BureauWitness
from certs.authority import Purpose, create_root, create_subordinate, issue, request
from certs.bundled import receipts_for
from certs.keys import generate_key
from certs.signatories import signatories
from certs.signing.signer import signer
from certs.trust import Trust
from gateway.domain.faults import BureauUnproven
from tests.pipeline.fakes import NOW

DIVISION, OTHER = "220000000", "220100000"
BUREAU, BANK = "spiffe://treasury.test/bureau/220000000", "spiffe://treasury.test/bank/103"


class Office:
    def __init__(self) -> None:
        evidence = create_subordinate(create_root("root", NOW), Purpose.EVIDENCE, "evidence", NOW)
        keys = {uri: generate_key() for uri in (BUREAU, BANK)}
        self.keys = {
            uri: signer(issue(evidence, request(key, uri), NOW), key) for uri, key in keys.items()
        }
        named = [(uri, each.certificate) for uri, each in self.keys.items()]
        trust = Trust(signatories([evidence.certificate], named), self.keys[BANK])
        self.witness = BureauWitness(trust=trust, bureau=BUREAU, origin="log")

    def counts(self, notice: bytes, receipt: str, division: str = DIVISION) -> bool:
        try:
            self.witness.check_receipt(division, notice, receipt, NOW)
        except BureauUnproven:
            return False
        return True


@pytest.fixture(scope="module")
def office() -> Office:
    return Office()


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 128, 255])
def test_each_receipt_of_a_bundle_is_for_its_own_notice_alone(office: Office, count: int) -> None:
    notices = [b"notice %d" % n for n in range(count)]
    receipts = receipts_for(DIVISION, notices, office.keys[BUREAU].receipt)
    assert len(receipts) == count
    for place, receipt in enumerate(receipts):
        assert office.counts(notices[place], receipt)
        assert not office.counts(notices[place] + b" ", receipt)
        assert not office.counts(notices[place], receipt, OTHER)
        assert count == 1 or not office.counts(notices[place - 1], receipt)


def test_no_receipt_counts_that_the_bureau_did_not_sign(office: Office) -> None:
    notices = [b"a", b"b", b"c"]
    for receipt, notice in zip(
        receipts_for(DIVISION, notices, office.keys[BANK].receipt), notices, strict=True
    ):
        assert not office.counts(notice, receipt)


def test_an_inner_hash_of_the_tree_is_no_notice(office: Office) -> None:
    """A notice may not be made of two others' hashes: leaves and nodes are hashed differently."""
    receipts = receipts_for(DIVISION, [b"a", b"b"], office.keys[BUREAU].receipt)
    token = receipts[0].partition("~")[0]
    assert office.counts(b"a", receipts[0])
    assert not office.counts(b"a", f"{token}~0~")
    assert not office.counts(b"a", receipts[0].replace("~0~", "~00~"))
    assert not office.counts(b"a", f"{token}~1~{receipts[0].rpartition('~')[2]}")
    assert not office.counts(b"a", token)


def test_a_receipt_with_any_character_changed_is_refused(office: Office) -> None:
    notices = [b"notice %d" % n for n in range(5)]
    receipt = receipts_for(DIVISION, notices, office.keys[BUREAU].receipt)[3]
    seed = random.SystemRandom().randrange(2**32)
    dice = random.Random(seed)
    for _ in range(200):
        place = dice.randrange(len(receipt))
        other = dice.choice([c for c in "AZaz09-_~." if c != receipt[place]])
        bent = receipt[:place] + other + receipt[place + 1 :]
        assert not office.counts(notices[3], bent), f"seed {seed}: {place} {other}"

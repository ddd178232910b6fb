"""The bureau's word at the gateway: which of its keys said it, when, and of what."""

import datetime as dt
import hashlib

import attrs
import pytest

from certs.acknowledged import CLOCKS_APART, BureauWitness
from certs.bundled import notice_receipt
from certs.log.note import Checkpoint, cosign, log_origin, sign_checkpoint
from certs.signatories import Lists, signatories
from certs.trust import Trust
from gateway.domain.faults import BureauUnproven
from gateway.domain.log import Cosigned
from tests.certs.conftest import NOW, Pki

DIVISION, NOTICE = "220000000", b'{"kind":"interception"}'
ROOT = hashlib.sha256(b"root").digest()
SECOND = dt.timedelta(seconds=1)


class Word:
    """A checkpoint of our log, and the bureau that cosigns it."""

    def __init__(self, pki: Pki) -> None:
        self.bureau, gateway = pki.party(f"bureau/{DIVISION}"), pki.party("gateway/ABC")
        named = [(each.uri, each.certificate) for each in (self.bureau, gateway)]
        self.trust = Trust(signatories([pki.evidence.certificate], named), gateway)
        origin = log_origin(gateway.uri, DIVISION)
        self.note = sign_checkpoint(gateway, Checkpoint(origin=origin, size=3, root=ROOT))
        self.witness = BureauWitness(trust=self.trust, bureau=self.bureau.uri, origin=origin)
        (self.party,) = self.trust.table.of(self.bureau.uri)

    def root(self, cosigned_at: dt.datetime = NOW, size: int = 3) -> bytes:
        """As it is read at NOW."""
        text = cosign(self.note, self.bureau, cosigned_at)
        return self.witness.root_of(Cosigned(size=size, checkpoint=text), NOW)


@pytest.fixture
def word(pki: Pki) -> Word:
    return Word(pki)


def test_a_cosignature_counts_in_its_keys_life_and_not_from_a_time_to_come(word: Word) -> None:
    assert word.root() == word.root(NOW + CLOCKS_APART) == word.root(word.party.not_before) == ROOT
    with pytest.raises(BureauUnproven, match="no cosignature of the bureau's known key"):
        word.root(word.party.not_before - SECOND)
    with pytest.raises(BureauUnproven, match="cosigned 3600 s ahead of this host's clock"):
        word.root(NOW + dt.timedelta(hours=1))
    with pytest.raises(BureauUnproven, match="ahead"):
        word.root(NOW + CLOCKS_APART + SECOND)
    with pytest.raises(BureauUnproven, match="the checkpoint is of size 3"):
        word.root(size=4)


def test_a_key_that_is_revoked_or_that_no_list_speaks_for_cosigns_nothing(word: Word) -> None:
    table = word.trust.table
    word.trust.replace(attrs.evolve(table, revoked=frozenset({word.bureau.thumbprint})))
    with pytest.raises(BureauUnproven, match="no cosignature"):
        word.root()
    lists = Lists(serials=frozenset(), ends={word.party.issuer: NOW})
    word.trust.replace(attrs.evolve(table, lists=lists))
    assert word.root(NOW) == ROOT
    with pytest.raises(BureauUnproven, match="no cosignature"):
        word.root(NOW + SECOND)


def test_a_receipt_is_proven_anew_at_each_moment(word: Word) -> None:
    """One signature over many is proven once, for the moment of the bundle."""
    receipt = word.bureau.receipt(notice_receipt(DIVISION, NOTICE))
    for _ in range(2):
        word.witness.check_receipt(DIVISION, NOTICE, receipt, word.party.not_after)
    with pytest.raises(BureauUnproven, match="expired"):
        word.witness.check_receipt(DIVISION, NOTICE, receipt, word.party.not_after + SECOND)

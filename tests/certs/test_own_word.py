"""How long our own signature counts: as long as all of the chain that a verifier demands."""

import datetime as dt

import attrs
import pytest

from certs.authority import Authority, Purpose, create_root, create_subordinate, issue, request
from certs.keys import generate_key, save_certificates
from certs.own_word import OwnWord, own_word
from certs.profile import authority_certificate, validity
from certs.revocation import LIST_LIFE, issuer_of, make_list
from certs.signatories import read_signatories, signatories, signatory
from certs.signing.signer import Signer, in_both_suites, signer
from certs.signing.sm2 import generate_sm2
from certs.sm2_certificate import create_sm2_authority, issue_sm2, sm2_request
from certs.trust import Trust
from gateway.domain.certificates import Reason, Revocation
from gateway.domain.faults import FaultCode, Unproven
from tests.certs.conftest import DOMAIN, NOW, skip_without_sm2
from tests.certs.outliving import ending_authority, outliving

GATEWAY = f"{DOMAIN}/gateway/ABC"
DAY = dt.timedelta(days=1)
NAME = "record certificate"


def _word(own: Signer, *authorities: Authority) -> OwnWord:
    return own_word(signatories([each.certificate for each in authorities], []), own)


def test_a_certificate_that_outlives_its_authority_counts_to_the_authoritys_end() -> None:
    ends = NOW + 3 * DAY
    authority = ending_authority(ends)
    own = outliving(authority, GATEWAY, NOW)
    word = _word(own, authority)
    assert word.ends == ends and not word.own
    assert word.against(ends, NAME) == ""
    said = word.against(ends + dt.timedelta(seconds=1), NAME)
    assert "evidence that ends" in said and f"{authority.certificate.serial_number:x}" in said
    assert "over the record certificate ended on" in said


def test_what_it_signs_afterwards_proves_nothing_to_whoever_knows_the_authority() -> None:
    """The rule that the word above follows: receipts, documents, checkpoints alike."""
    ends = NOW + 3 * DAY
    authority = ending_authority(ends)
    own = outliving(authority, GATEWAY, NOW)
    trust = Trust(signatories([authority.certificate], [("own", own.certificate)]), own)
    assert trust.word.against(NOW, NAME) == ""
    receipt, document = trust.sign_receipt(b"{}"), trust.sign_document(b"{}")
    trust.verify_receipt(receipt, ends)
    for prove in (
        lambda at: trust.verify_receipt(receipt, at),
        lambda at: trust.verify_document(b"{}", document, at),
    ):
        with pytest.raises(Unproven) as refused:
            prove(ends + DAY)
        assert refused.value.code is FaultCode.SIGNER_UNKNOWN


def test_with_equal_ends_the_authority_is_named_since_a_new_leaf_under_it_is_no_help() -> None:
    at = NOW - 5 * 365 * DAY + 100 * DAY
    authority = create_subordinate(create_root("r", at), Purpose.EVIDENCE, "old evidence", at)
    key = generate_key()
    own = signer(issue(authority, request(key, GATEWAY), NOW), key)
    assert own.not_after == authority.certificate.not_valid_after_utc
    assert not _word(own, authority).own


def test_its_own_end_is_its_own_where_that_comes_first(pki) -> None:
    own = pki.party("gateway/ABC")
    word = _word(own, pki.evidence)
    assert word.own and word.ends == own.not_after
    assert word.against(own.not_after + DAY, NAME).startswith("the record certificate ended on")


def test_an_authority_renewed_with_its_key_prolongs_what_it_issued() -> None:
    ends = NOW + 3 * DAY
    old = ending_authority(ends)
    root = create_root("another", NOW)
    certificate = authority_certificate(
        old.certificate.subject, old.key.public_key(), root.certificate, root.key,
        validity(NOW, 365 * DAY),
    )  # fmt: skip
    renewed = Authority(purpose=Purpose.EVIDENCE, certificate=certificate, key=old.key)
    own = outliving(old, GATEWAY, NOW)
    for order in ((old, renewed), (renewed, old)):
        word = _word(own, *order)
        assert word.ends == min(own.not_after, certificate.not_valid_after_utc)
        one = signatory([each.certificate for each in order], own.certificate)
        assert one.not_before == own.not_before, "the old one covers the time before"


def test_a_key_of_no_authority_here_counts_nowhere(pki) -> None:
    word = _word(pki.party("gateway/ABC"), ending_authority(NOW + DAY))
    assert "was not issued by the evidence authority" in word.against(NOW, NAME)


def test_a_key_that_is_another_partys_too_counts_nowhere(pki) -> None:
    """With the bureau's key a bank cosigns its own log; with the bank's the bureau passes."""
    key, bureau = generate_key(), f"{DOMAIN}/bureau/220000000"
    ours = [signer(issue(pki.evidence, request(key, GATEWAY), NOW), key) for _ in range(2)]
    theirs = issue(pki.evidence, request(key, bureau), NOW)
    own, other = ours[0], pki.party("gateway/XYZ")
    named = [("bureau", theirs), ("renewed", ours[1].certificate), ("other", other.certificate)]
    table = signatories([pki.evidence.certificate], named)
    said = own_word(table, own).against(NOW, NAME)
    assert f"has the key of {bureau}: two parties are two keys" in said
    assert own_word(table, other).against(NOW, NAME) == ""
    alone = signatories([pki.evidence.certificate], named[1:])
    assert own_word(alone, own).against(NOW, NAME) == "", "renewed with its key"


def test_a_revoked_certificate_counts_nowhere_by_the_registry_or_by_a_list(pki, tmp_path) -> None:
    own, peer = pki.party("gateway/ABC"), pki.party("agency/220000000/101001")
    table = _listed(pki, tmp_path, own, peer)
    assert own_word(table, own).against(NOW, NAME) == ""
    by_registry = attrs.evolve(table, revoked=frozenset({own.thumbprint}))
    for revoked in (by_registry, _listed(pki, tmp_path, own, peer, gone=own)):
        said = own_word(revoked, own).against(NOW, NAME)
        assert (
            said == f"the record certificate ({own.certificate.serial_number:x}) is revoked: "
            "replace it"
        )
        assert own_word(revoked, peer).against(NOW, NAME) == ""


def test_beyond_the_end_of_a_list_our_own_word_counts_as_little_as_anybodys(pki, tmp_path) -> None:
    own, peer = pki.party("gateway/ABC"), pki.party("agency/220000000/101001")
    trust = Trust(_listed(pki, tmp_path, own, peer), own)
    document, late = peer.document(b"{}"), NOW + LIST_LIFE + dt.timedelta(seconds=1)
    trust.verify_document(b"{}", document, NOW + LIST_LIFE)
    assert trust.word.against(NOW + LIST_LIFE, NAME) == ""
    with pytest.raises(Unproven, match="revocation list of the signer's authority has ended"):
        trust.verify_document(b"{}", document, late)
    assert "the revocation list of the evidence authority" in trust.word.against(late, NAME)
    trust.verify_document(b"{}", document)  # what was accepted in its time stays proven
    trust.replace(_listed(pki, tmp_path, own, peer, at=late))
    assert trust.word.against(late, NAME) == ""


def test_without_a_list_of_its_authority_nobody_counts_where_lists_are_kept(pki, tmp_path) -> None:
    own = pki.party("gateway/ABC")
    other = create_subordinate(create_root("r", NOW), Purpose.EVIDENCE, "other", NOW)
    (tmp_path / "lists.crl").write_bytes(make_list(other, [], 1, NOW).pem)
    save_certificates(tmp_path / "ca.pem", [pki.evidence.certificate, other.certificate])
    table = read_signatories(tmp_path / "ca.pem", tmp_path, revocations=tmp_path / "lists.crl")
    assert own_word(table, own).against(NOW, NAME).endswith("is missing: put it in place")


def _listed(pki, folder, *parties: Signer, gone: Signer | None = None, at: dt.datetime = NOW):
    """A table of these parties with the authority's list, which names `gone`."""
    ended = [] if gone is None else [_revocation(gone)]
    (folder / "lists.crl").write_bytes(make_list(pki.evidence, ended, 1, at).pem)
    save_certificates(folder / "ca.pem", [pki.evidence.certificate])
    (folder / "parties").mkdir(exist_ok=True)
    for number, each in enumerate(parties):
        save_certificates(folder / "parties" / f"{number}.pem", [each.certificate])
    return read_signatories(folder / "ca.pem", folder / "parties", revocations=folder / "lists.crl")


def _revocation(gone: Signer) -> Revocation:
    return Revocation(
        issuer=issuer_of(gone.certificate), serial=f"{gone.certificate.serial_number:x}",
        thumbprint="", at=NOW, reason=Reason.KEY_COMPROMISE,
    )  # fmt: skip


@pytest.mark.parametrize("first", ["leaf", "sm2 leaf", "authority", "sm2 authority"])
def test_in_both_suites_the_first_of_four_certificates_ends_the_word(first: str) -> None:
    skip_without_sm2()
    ends = NOW + 3 * DAY
    early = ends - 396 * DAY
    root = create_root("r", NOW - 900 * DAY)
    plain = create_subordinate(root, Purpose.EVIDENCE, "evidence", NOW - 800 * DAY)
    if first == "authority":
        plain = ending_authority(ends)
        one = outliving(plain, GATEWAY, NOW)
    else:
        key = generate_key()
        at = early if first == "leaf" else NOW
        one = signer(issue(plain, request(key, GATEWAY), at), key)
    age = 5 * 365 * DAY if first == "sm2 authority" else 800 * DAY
    other = create_sm2_authority("SM2 evidence", generate_sm2(), ends - age)
    key_two = generate_sm2()
    at = early if first == "sm2 leaf" else NOW
    two = signer(issue_sm2(other, sm2_request(key_two, GATEWAY), at), key_two)
    table = signatories([plain.certificate, other.certificate], [])
    word = own_word(table, in_both_suites(one, two))
    assert word.ends == ends
    assert word.own == ("leaf" in first)
    named = {
        "leaf": one.certificate, "sm2 leaf": two.certificate,
        "authority": plain.certificate, "sm2 authority": other.certificate,
    }[first]  # fmt: skip
    assert word.certificate == named
    for gone in (one, two):
        without = attrs.evolve(table, revoked=frozenset({gone.thumbprint}))
        said = own_word(without, in_both_suites(one, two)).against(NOW, NAME)
        assert f"({gone.certificate.serial_number:x}) is revoked" in said, "whichever ends first"

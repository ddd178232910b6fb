"""The gatekeeper: whose signature counts, when, and on whose connection."""

import datetime as dt
import json
from pathlib import Path

import pytest

from certs.authority import Purpose, create_root, create_subordinate, issue, request
from certs.keys import generate_key, save_certificates
from certs.signatories import signatories
from certs.signing.encoding import b64url
from certs.signing.jws import signing_input
from certs.signing.sm2 import generate_sm2
from certs.sm2_certificate import issue_sm2, sm2_request
from certs.trust import HEADERS_KNOWN_MAX, Trust, load_trust
from gateway.domain.faults import FaultCode, Unproven
from gateway.domain.instruction import Received
from gateway.domain.log import SM2_SM3
from gateway.domain.parties import Role

NOW = dt.datetime(2026, 3, 2, 8, 0, tzinfo=dt.UTC)
BODY = '{"amount":"100.00","purpose":"办公费"}'.encode()
AGENCY = "agency/220000000/101001"
DOMAIN = "spiffe://treasury.test/"


def _table(pki, *signers, revoked=()):
    named = [(each.uri, each.certificate) for each in signers]
    return signatories([pki.evidence.certificate], named, revoked)


def _received(signature: str, party: str, raw: bytes = BODY) -> Received:
    return Received(raw=raw, format="json", signature=signature, party=party)


def _refusal(trust: Trust, received: Received, now: dt.datetime = NOW) -> FaultCode:
    with pytest.raises(Unproven) as refused:
        trust.authenticate(received, now)
    return refused.value.code


@pytest.fixture(scope="module")
def agency(pki):
    return pki.party(AGENCY)


@pytest.fixture(scope="module")
def gateway(pki):
    return pki.party("gateway/ABC")


@pytest.fixture
def trust(pki, agency, gateway) -> Trust:
    return Trust(_table(pki, agency, gateway), gateway)


def test_an_agency_is_heard_on_its_own_connection(trust, agency) -> None:
    for _ in range(2):  # the second time its header is known
        sender = trust.authenticate(_received(agency.document(BODY), agency.uri), NOW)
        assert (sender.role, sender.name) == (Role.AGENCY, "101001")


def test_a_channel_or_bureau_of_the_division_may_carry_and_the_signer_stays_sender(
    trust, agency
) -> None:
    for party in ("channel/220000000/abc", "bureau/220000000"):
        sender = trust.authenticate(_received(agency.document(BODY), DOMAIN + party), NOW)
        assert sender.uri == agency.uri


@pytest.mark.parametrize(
    "party",
    [
        "",
        "nobody",
        DOMAIN + "agency/220000000/101002",
        DOMAIN + "channel/220100000/abc",
        DOMAIN + "bureau/220100000",
        DOMAIN + "bank/220000000",
        DOMAIN + "operator/220000000",
        DOMAIN + "minister/220000000",
    ],
)
def test_any_other_connection_is_refused(trust, agency, party: str) -> None:
    received = _received(agency.document(BODY), party)
    assert _refusal(trust, received) is FaultCode.SENDER_UNKNOWN
    assert _refusal(trust, received) is FaultCode.SENDER_UNKNOWN


def test_a_missing_broken_or_borrowed_signature_is_refused(trust, agency) -> None:
    token = agency.document(BODY)
    assert trust.authenticate(_received(token, agency.uri), NOW)
    head, signature = token.split("..")
    flipped = ("B" if signature[0] == "A" else "A") + signature[1:]
    assert _refusal(trust, _received("", agency.uri)) is FaultCode.SIGNATURE_MISSING
    for broken in (f"{head}..{flipped}", f"{head}..{signature[:-2]}", "x", "x..y", f"€..{head}"):
        assert _refusal(trust, _received(broken, agency.uri)) is FaultCode.SIGNATURE_INVALID
    assert (
        _refusal(trust, _received(token, agency.uri, BODY + b"\n")) is FaultCode.SIGNATURE_INVALID
    )


def test_a_signer_outside_the_table_is_unknown(trust, pki) -> None:
    stranger = pki.party(AGENCY)
    received = _received(stranger.document(BODY), stranger.uri)
    assert _refusal(trust, received) is FaultCode.SIGNER_UNKNOWN


def test_a_borrowed_header_with_another_key_proves_nothing(trust, agency, pki) -> None:
    ours = agency.document(BODY)
    theirs = pki.party(AGENCY).document(BODY)
    mixed = ours.split("..")[0] + ".." + theirs.split("..")[1]
    assert _refusal(trust, _received(mixed, agency.uri)) is FaultCode.SIGNATURE_INVALID


def test_expired_and_not_yet_valid_are_refused_also_when_the_header_is_known(trust, agency) -> None:
    received = _received(agency.document(BODY), agency.uri)
    assert trust.authenticate(received, NOW)
    assert trust.authenticate(received, agency.not_after)
    for moment in (
        agency.not_before - dt.timedelta(seconds=1),
        agency.not_after + dt.timedelta(seconds=1),
    ):
        assert _refusal(trust, received, moment) is FaultCode.SIGNER_UNKNOWN


def test_a_revoked_signer_is_refused_from_the_next_request_on(trust, agency, pki, gateway) -> None:
    received = _received(agency.document(BODY), agency.uri)
    assert trust.authenticate(received, NOW)
    trust.replace(_table(pki, agency, gateway, revoked=[agency.thumbprint]))
    assert _refusal(trust, received) is FaultCode.SIGNER_UNKNOWN
    with pytest.raises(Unproven):
        trust.verify_document(BODY, received.signature)


def test_a_replaced_table_forgets_what_the_old_one_had_learnt(trust, agency, pki, gateway) -> None:
    received = _received(agency.document(BODY), agency.uri)
    assert trust.authenticate(received, NOW)
    trust.replace(_table(pki, gateway))
    assert _refusal(trust, received) is FaultCode.SIGNER_UNKNOWN


def test_what_strangers_send_is_not_remembered(trust, agency) -> None:
    signature = agency.document(BODY).split("..")[1]
    for number in range(50):
        assert _refusal(trust, _received(f"{number:04d}..{signature}", agency.uri))
    assert len(trust._standing.by_header) == 0 < HEADERS_KNOWN_MAX


def test_what_parties_send_is_remembered_within_bounds(trust, agency, monkeypatch) -> None:
    """A signer may put into its header what it likes, and a carrier's name is as long as it is."""
    monkeypatch.setattr("certs.trust.HEADERS_KNOWN_MAX", 2)
    monkeypatch.setattr("certs.trust.PARTIES_KNOWN_MAX", 2)
    for number in range(5):
        head = {"alg": "ES256", "b64": False, "crit": ["b64"], "x5t#S256": agency.thumbprint}
        protected = b64url(json.dumps(head | {"kid": str(number)}).encode())
        token = f"{protected}..{b64url(agency.raw(signing_input(protected, BODY)))}"
        carrier = f"{DOMAIN}channel/220000000/{number}"
        assert trust.authenticate(_received(token, carrier), NOW).uri == agency.uri
    assert len(trust._standing.by_header) == len(trust._standing.senders) == 2


def test_certificates_that_do_not_chain_are_left_out_with_a_reason(pki, gateway) -> None:
    key = generate_key()
    transport = issue(pki.transport, request(key, DOMAIN + AGENCY), NOW)
    other = type(pki)(**{**_fields(pki), "evidence": _other_evidence(pki)}).party(AGENCY)
    table = signatories(
        [pki.evidence.certificate],
        [
            ("tls", transport),
            ("other", other.certificate),
            ("authority", pki.evidence.certificate),
            ("good", gateway.certificate),
        ],
    )
    assert [each.name for each in table.left_out] == ["tls", "other", "authority"]
    assert all("not issued by the evidence authority" in each.reason for each in table.left_out)
    assert list(table.by_thumbprint) == [gateway.thumbprint]


@pytest.mark.parametrize("other", ["operator/wang", "agency/220000000/101001"])
def test_an_officers_key_that_bears_another_name_too_is_no_officers(pki, suite, other) -> None:
    """One who holds it would be both of the two that a book, a release or a certificate takes."""
    later = NOW + dt.timedelta(days=500)  # what has ended proves what was signed in its time
    if suite == SM2_SM3:
        key = generate_sm2()
        one, two = (
            issue_sm2(pki.sm2, sm2_request(key, DOMAIN + name), NOW)
            for name in ("operator/li", other)
        )
        bystander = pki.sm2_party("operator/zhao").certificate
    else:
        key = generate_key()
        one = issue(pki.evidence, request(key, DOMAIN + "operator/li"), NOW)
        two = issue(pki.evidence, request(key, DOMAIN + other), later)
        bystander = pki.party("operator/zhao").certificate
    authorities = [pki.evidence.certificate, pki.sm2.certificate]
    files = [("li.pem", one), ("two.pem", two), ("again.pem", two), ("zhao.pem", bystander)]
    table = signatories(authorities, files)
    counts = {each.sender.uri for each in table.by_thumbprint.values()}
    both = other.startswith("operator")
    assert counts == {DOMAIN + "operator/zhao"} | (set() if both else {DOMAIN + other})
    li = next(each for each in table.left_out if each.name == "li.pem")
    assert f"its key is also that of {DOMAIN}{other}" in li.reason
    assert len(table.left_out) == (2 if both else 1)


def test_a_key_that_was_renewed_under_its_own_name_counts(pki) -> None:
    key = generate_key()
    made = [
        issue(pki.evidence, request(key, DOMAIN + "operator/li"), NOW + dt.timedelta(days=day))
        for day in (0, 30)
    ]
    table = signatories([pki.evidence.certificate], [(str(n), one) for n, one in enumerate(made)])
    assert len(table.by_thumbprint) == 2 and not table.left_out


def _fields(pki) -> dict:
    return {name: getattr(pki, name) for name in ("root", "transport", "evidence")}


def _other_evidence(pki):
    root = create_root("other", NOW)
    # The same name: only the key tells them apart.
    return create_subordinate(root, Purpose.EVIDENCE, "evidence", NOW)


def test_without_an_evidence_authority_nothing_is_trusted(pki, gateway) -> None:
    with pytest.raises(ValueError):
        signatories([], [])
    with pytest.raises(ValueError):
        signatories([gateway.certificate], [])


def test_trust_is_read_from_a_folder_and_names_what_it_left_out(
    pki, agency, gateway, tmp_path: Path
) -> None:
    save_certificates(tmp_path / "evidence.crt", [pki.evidence.certificate])
    folder = tmp_path / "parties"
    folder.mkdir()
    save_certificates(folder / "agency.pem", [agency.certificate])
    (folder / "broken.pem").write_bytes(b"-----BEGIN CERTIFICATE-----\nAAAA\n")
    trust = load_trust(tmp_path / "evidence.crt", folder, gateway)
    assert [each.name for each in trust.table.left_out] == ["broken.pem"]
    assert trust.authenticate(_received(agency.document(BODY), agency.uri), NOW)


def test_documents_and_receipts_name_their_signer(trust, gateway, agency, pki) -> None:
    assert trust.verify_document(BODY, trust.sign_document(BODY), NOW) == gateway.uri
    assert trust.verify_receipt(trust.sign_receipt(BODY), NOW) == (gateway.uri, BODY)
    late = gateway.not_after + dt.timedelta(days=1)
    assert trust.verify_document(BODY, trust.sign_document(BODY)) == gateway.uri
    for broken in (
        lambda: trust.verify_document(BODY, trust.sign_document(BODY), late),
        lambda: trust.verify_document(BODY + b" ", trust.sign_document(BODY)),
        lambda: trust.verify_document(BODY, trust.sign_receipt(BODY)),
        lambda: trust.verify_receipt(trust.sign_document(BODY)),
        lambda: trust.verify_receipt(pki.party(AGENCY).receipt(BODY)),
    ):
        with pytest.raises(Unproven):
            broken()


def test_a_new_own_key_signs_after_replacing(trust, pki, agency, gateway) -> None:
    next_key = pki.party("gateway/ABC")
    trust.replace(_table(pki, agency, gateway, next_key), next_key)
    assert trust.own is next_key
    assert trust.verify_document(BODY, trust.sign_document(BODY), NOW) == gateway.uri

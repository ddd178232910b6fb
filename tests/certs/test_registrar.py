"""Which request may become a certificate: every reason, at the request and at each decision."""

import datetime as dt

import attrs
import pytest
from cryptography import x509

from certs.authority import authority_request, issue, request
from certs.keys import generate_key
from certs.registrar import (
    Rules,
    against,
    check_request,
    check_step,
    imported,
    issue_for,
    read_order,
)
from gateway.domain.certificates import (
    MOVES,
    Case,
    MoveRefused,
    Profile,
    State,
    Step,
    alert_of,
    renewal_due,
    why_not,
)
from tests.certs.conftest import DOMAIN, NOW

A, B, C = (f"{DOMAIN}/operator/{name}" for name in ("anna", "bo", "chen"))
OFFICERS = frozenset({A, B})
AGENCY = f"{DOMAIN}/agency/220000000/101001"
GATEWAY = f"{DOMAIN}/gateway/ABC"


def _rules(*known: Case, **more) -> Rules:
    plain = {"trust_domain": "treasury.test", "officers": OFFICERS, "lost_keys": frozenset()}
    return Rules(**{**plain, **more}, known=known)


def _order(profile=Profile.TLS_CLIENT, uri=AGENCY, key=None, id="one", requester=A, **names):
    replaces = names.pop("replaces", None)
    pem = request(key or generate_key(), uri, **names)
    return read_order(id, profile, pem, requester, NOW, replaces)


def _case(order, *states: State, actor=B) -> Case:
    step = lambda state, who: Step(state=state, at=NOW, actor=who, act=b"", signature="")  # noqa: E731
    steps = [step(State.REQUESTED, order.requester), *(step(state, actor) for state in states)]
    return Case(order=order, steps=tuple(steps))


def _reasons(order, *known, **more) -> str:
    return "; ".join(against(order, _rules(*known, **more), NOW))


@pytest.mark.parametrize(
    ("profile", "uri", "names", "said"),
    [
        (Profile.RECORD, AGENCY, {}, "agency has no record"),
        (Profile.FEED, GATEWAY, {}, "has no feed certificate"),
        (Profile.TLS_SERVER, AGENCY, {"dns": ["a.example"]}, "has no tls-server"),
        (Profile.TLS_SERVER, GATEWAY, {}, "needs a host name"),
        (Profile.TLS_CLIENT, AGENCY, {"dns": ["a.example"]}, "names no host"),
        (Profile.TLS_SERVER, GATEWAY, {"dns": ["*.example"]}, "wildcard"),
        (Profile.TLS_CLIENT, "spiffe://other.test/agency/220000000/1", {}, "not of treasury.test"),
    ],
)
def test_a_request_must_fit_its_profile(profile, uri, names, said) -> None:
    import re

    assert re.search(said, _reasons(_order(profile, uri, **names)))


def test_a_good_request_has_nothing_against_it() -> None:
    assert _reasons(_order()) == ""
    assert _reasons(_order(Profile.TLS_SERVER, GATEWAY, dns=["gateway.example"])) == ""
    check_request(_case(_order()), _rules(), NOW)


def test_a_request_that_its_own_key_did_not_sign_never_becomes_a_case() -> None:
    pem = request(generate_key(), AGENCY)
    csr = x509.load_pem_x509_csr(pem)
    from cryptography.hazmat.primitives import serialization

    der = bytearray(csr.public_bytes(serialization.Encoding.DER))
    der[-3] ^= 1
    try:
        forged = x509.load_der_x509_csr(bytes(der)).public_bytes(serialization.Encoding.PEM)
    except ValueError:
        forged = b"-----BEGIN CERTIFICATE REQUEST-----\n-----END CERTIFICATE REQUEST-----\n"
    with pytest.raises(MoveRefused, match=r"not signed with its own key|cannot be read"):
        read_order("one", Profile.TLS_CLIENT, forged, A, NOW)


def test_requester_and_approver_differ_and_both_are_officers() -> None:
    case = _case(_order())
    with pytest.raises(MoveRefused, match="requester may not decide"):
        check_step(case, State.APPROVED, A, _rules(case), NOW)
    with pytest.raises(MoveRefused, match="not one of the officers"):
        check_step(case, State.APPROVED, C, _rules(case), NOW)
    check_step(case, State.APPROVED, B, _rules(case), NOW)


def test_t10_every_check_of_the_request_runs_again_at_approval_and_at_issue() -> None:
    """What held when it was asked for does not hold any more: each such change is noticed later."""
    key = generate_key()
    order = _order(key=key)
    requested, approved = _case(order), _case(order, State.APPROVED)
    digest = order.key_digest
    twin = _case(attrs.evolve(_order(key=key, id="two", uri=GATEWAY), id="two"))
    changes = {
        "reported compromised": {"lost_keys": frozenset({digest})},
        "no longer one of the officers": {"officers": frozenset({B, C})},
        "not of elsewhere.test": {"trust_domain": "elsewhere.test"},
    }
    for case, to, actor in ((requested, State.APPROVED, B), (approved, State.ISSUED, B)):
        check_step(case, to, actor, _rules(case), NOW)
        for said, change in changes.items():
            with pytest.raises(MoveRefused, match=said):
                check_step(case, to, actor, _rules(case, **change), NOW)
        with pytest.raises(MoveRefused, match="used by another case: two"):
            check_step(case, to, actor, _rules(case, twin), NOW)
        forged = attrs.evolve(case, order=attrs.evolve(order, holder=GATEWAY))
        with pytest.raises(MoveRefused, match="not what the case says"):
            check_step(forged, to, actor, _rules(forged), NOW)


def test_nothing_is_issued_that_a_second_person_did_not_approve() -> None:
    order = _order()
    self_made = _case(order, State.APPROVED, actor=A)
    with pytest.raises(MoveRefused, match="no second person"):
        check_step(self_made, State.ISSUED, B, _rules(self_made), NOW)
    gone = _case(order, State.APPROVED, actor=C)
    with pytest.raises(MoveRefused, match="approver is no longer"):
        check_step(gone, State.ISSUED, B, _rules(gone), NOW)


def test_a_successor_names_whom_it_replaces_and_a_third_is_refused(pki) -> None:
    def live(id):
        order = attrs.evolve(_order(id=id), id=id)
        issued = issue_for(order, pki.transport, NOW)
        case = _case(order, State.APPROVED, State.ISSUED, State.STAGED, State.ACTIVE)
        return attrs.evolve(case, issued=issued)

    first, second = live("a"), live("b")
    assert f"say which case it replaces ({first.order.id})" in _reasons(_order(), first)
    assert _reasons(_order(replaces="a"), first) == ""
    assert "not a live certificate of the same" in _reasons(_order(replaces="zz"), first)
    assert "has 2 live" in _reasons(_order(replaces="a"), first, second)
    long_after = NOW + dt.timedelta(days=400)
    assert against(_order(), _rules(first), long_after) == []


def test_each_state_goes_only_where_the_table_says() -> None:
    order = _order()
    for now in State:
        case = attrs.evolve(_case(order), steps=(attrs.evolve(_case(order).steps[0], state=now),))
        for to in State:
            free = not why_not(case, to, B, OFFICERS)
            assert free == (to in MOVES[now]), (now, to)
    assert not MOVES[State.REVOKED] and not MOVES[State.REFUSED]


def test_the_authority_of_the_other_purpose_signs_nothing_of_it(pki) -> None:
    with pytest.raises(MoveRefused, match="not the evidence CA's"):
        issue_for(_order(), pki.evidence, NOW)
    with pytest.raises(MoveRefused, match="not the transport CA's"):
        issue_for(_order(Profile.RECORD, GATEWAY), pki.transport, NOW)
    assert issue_for(_order(Profile.RECORD, GATEWAY), pki.evidence, NOW).thumbprint


def test_what_another_authority_signed_is_taken_only_for_what_was_asked(pki, fresh_pki) -> None:
    key = generate_key()
    order = _order(key=key)
    good = issue(pki.transport, order.request, NOW)
    anchors = [pki.transport.certificate]
    assert imported(order, good, anchors).serial == f"{good.serial_number:x}"
    other_key = issue(pki.transport, request(generate_key(), AGENCY), NOW)
    other_name = issue(pki.transport, request(key, GATEWAY), NOW)
    with pytest.raises(MoveRefused, match="key is not the one"):
        imported(order, other_key, anchors)
    with pytest.raises(MoveRefused, match="does not name exactly"):
        imported(order, other_name, anchors)
    with pytest.raises(MoveRefused, match="not issued by an authority of these"):
        imported(order, good, [fresh_pki.transport.certificate])
    with pytest.raises(MoveRefused, match="it is an authority"):
        imported(order, pki.transport.certificate, [pki.root.certificate])


def test_an_authority_that_a_bank_signs_is_asked_for_by_csr() -> None:
    csr = x509.load_pem_x509_csr(authority_request(generate_key(), "our transport"))
    assert csr.is_signature_valid
    assert csr.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_renewal_begins_at_a_third_of_the_life_and_alerts_do_not_begin_at_once() -> None:
    day = dt.timedelta(days=1)
    start, end = NOW, NOW + 90 * day
    assert renewal_due(start, end) == NOW + 60 * day
    said = [alert_of(start, end, end - left * day) for left in (89, 61, 60, 59, 30, 14, 7, 1, 0)]
    assert said == [None, None, 60, 60, 30, 14, 7, 1, 0]
    short = NOW + 7 * day
    assert [alert_of(start, short, short - left * day) for left in (7, 6, 1, 0)] == [
        None, None, 1, 0,
    ]  # fmt: skip


def test_what_is_not_valid_yet_or_any_more_is_not_put_in_use(pki) -> None:
    """Of another authority: our own issues from now on. It may be staged, and waits."""
    order = _order()
    issued = issue_for(order, pki.transport, NOW)
    case = attrs.evolve(_case(order, State.APPROVED, State.ISSUED, State.STAGED), issued=issued)
    check_step(case, State.ACTIVE, B, _rules(case), NOW)
    early, late = issued.not_before - dt.timedelta(1), issued.not_after + dt.timedelta(1)
    for at, said in ((early, "not valid before"), (late, "ended at")):
        with pytest.raises(MoveRefused, match=said):
            check_step(case, State.ACTIVE, B, _rules(case), at)

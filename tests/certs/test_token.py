"""Keys in a token: they sign there, for their PIN and no other, and are waited for."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from bureau import own_keys
from certs import token
from certs.authority import Purpose, adopt, create_root, issue, request
from certs.keys import generate_key, load_key, load_signer, save_certificates
from certs.signatories import Signatories
from certs.signing.signer import Signer, signer
from certs.signing.suites import P256
from certs.token import TokenUnavailable, make_token_key, open_token_key, read_uri
from certs.trust import Trust
from gateway.domain.faults import LedgerUnavailable, Unready
from tests.certs.conftest import DOMAIN, NOW
from tests.certs.soft_token import PIN, SoftToken, soft_token
from tests.patience import until

__all__ = ["soft_token"]


def test_a_key_in_a_token_signs_documents_records_and_certificates(
    soft_token: SoftToken, tmp_path: Path
) -> None:
    made = make_token_key(soft_token.uri(), PIN)
    file = tmp_path / "record.key"
    file.write_text(soft_token.uri() + "\n")
    file.chmod(0o600)
    key = load_key(file, PIN)
    assert key.public_key() == made.public_key()

    root = create_root("root", NOW)
    evidence = adopt(Purpose.EVIDENCE, _subordinate(root, key), key)
    leaf_key = generate_key()
    leaf = issue(evidence, request(leaf_key, f"{DOMAIN}/bureau/220000000"), NOW)
    leaf.verify_directly_issued_by(evidence.certificate)

    certificate = issue(evidence, request(key, f"{DOMAIN}/gateway/ABC"), NOW)
    save_certificates(tmp_path / "record.pem", [certificate])
    own = load_signer(tmp_path / "record.pem", file, PIN)
    assert P256.verify_raw(key.public_key(), own.raw(b"a checkpoint"), b"a checkpoint")
    assert not P256.verify_raw(key.public_key(), own.raw(b"a checkpoint"), b"another")
    assert signer(certificate, made).document(b"x")
    assert own.in_token and own.prove() == ""
    with pytest.raises(TokenUnavailable, match="does not leave"):
        key.private_numbers()
    with pytest.raises(TokenUnavailable, match="holds no private key 'other'"):
        open_token_key(soft_token.uri("other"), PIN)


def test_what_is_missing_in_its_name_is_said(tmp_path: Path) -> None:
    for text in ("pkcs11:token=a", "treasury/record", "pkcs11:token=a;object=b?module-path="):
        with pytest.raises(TokenUnavailable, match="must name token, object and module-path"):
            open_token_key(text, PIN)
    whole = "pkcs11:token=a;object=b?module-path=/m.so"
    with pytest.raises(TokenUnavailable, match="no PIN stands in a URI"):
        read_uri(f"{whole}&pin-value=1234")
    for source in ("pin", "|/bin/pin", "https://x/pin"):
        with pytest.raises(TokenUnavailable, match="must be a file"):
            read_uri(f"{whole}&pin-source={source}")
    for source in ("/k/pin", "file:/k/pin", "file:///k/pin", "file:%2Fk%2Fpin"):
        assert read_uri(f"{whole}&pin-source={source}").pin_source == "/k/pin"
    pytest.importorskip("pkcs11", reason="python-pkcs11 is not installed")
    with pytest.raises(TokenUnavailable, match=r"token a: .*absent\.so"):
        open_token_key(f"pkcs11:token=a;object=b?module-path={tmp_path / 'absent.so'}", PIN)


def test_the_pin_is_in_a_file_of_its_own_beside_another_passphrase(
    soft_token: SoftToken, tmp_path: Path
) -> None:
    pin = tmp_path / "pin"
    uri = soft_token.uri(pin_source=pin)
    with pytest.raises(TokenUnavailable, match="pin: No such file"):
        make_token_key(uri, b"the passphrase of the TLS key")
    pin.write_bytes(PIN + b"\n")
    pin.chmod(0o644)
    with pytest.raises(TokenUnavailable, match="open to others"):
        make_token_key(uri, b"the passphrase of the TLS key")
    pin.chmod(0o600)
    make_token_key(uri, b"the passphrase of the TLS key")
    assert open_token_key(uri, b"").public_key()


def test_a_wrong_pin_is_tried_once_for_a_token_locks_itself(
    soft_token: SoftToken, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(TokenUnavailable, match="not accepted"):
        open_token_key(soft_token.uri(), b"11112222")

    def asked() -> Any:
        raise AssertionError("the token is asked again")

    with monkeypatch.context() as watched:
        watched.setattr(token, "_pkcs11", asked)
        with pytest.raises(TokenUnavailable, match="does not try it again"):
            open_token_key(soft_token.uri(), b"11112222")
    make_token_key(soft_token.uri(), PIN)


def test_a_pin_that_was_changed_in_token_and_file_opens_it_after_the_token_was_away(
    soft_token: SoftToken, tmp_path: Path
) -> None:
    """A program that had read the file at its start said of the right PIN that it is not accepted,
    and stayed shut until somebody restarted it."""
    pin = tmp_path / "pin"
    pin.write_bytes(PIN + b"\n")
    pin.chmod(0o600)
    uri = soft_token.uri(pin_source=pin)
    key = make_token_key(uri, b"")
    token._sessions[read_uri(uri).module, read_uri(uri).token].set_pin(PIN.decode(), "11223344")
    assert P256.sign_raw(key, b"x"), "whoever is in stays in"
    for _ in range(2):
        soft_token.take_away()
        with pytest.raises(TokenUnavailable):
            P256.sign_raw(key, b"x")
        soft_token.put_back()
        with pytest.raises(TokenUnavailable, match=r"PIN of .* is not accepted"):
            P256.sign_raw(key, b"x")
    pin.write_bytes(b"11223344\n")
    assert P256.sign_raw(key, b"x"), "no restart"


def test_a_pin_that_the_token_locked_is_told_as_that(
    soft_token: SoftToken, own: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SoftHSM locks none. Nobody is asked whether the token is there."""
    pkcs11 = token._pkcs11()
    token._start_anew(read_uri(soft_token.uri()))

    def locked(_module: str) -> None:
        raise pkcs11.PinLocked

    monkeypatch.setattr(pkcs11, "lib", locked)
    with pytest.raises(TokenUnavailable, match=r"has locked its PIN .* security officer"):
        open_token_key(soft_token.uri(), PIN)


def test_no_second_key_is_made_under_a_name(soft_token: SoftToken) -> None:
    first = make_token_key(soft_token.uri(), PIN)
    with pytest.raises(TokenUnavailable, match="holds 'record' already"):
        make_token_key(soft_token.uri(), PIN)
    assert open_token_key(soft_token.uri(), PIN).public_key() == first.public_key()


@pytest.fixture
def own(soft_token: SoftToken) -> Signer:
    evidence = create_root("evidence", NOW)
    key = make_token_key(soft_token.uri(), PIN)
    return signer(issue(adopt(Purpose.EVIDENCE, _subordinate(evidence, key), key), request(
        key, f"{DOMAIN}/gateway/ABC"), NOW), key)  # fmt: skip


def test_one_that_is_away_is_said_to_be_and_taken_up_when_it_is_back(
    soft_token: SoftToken, own: Signer
) -> None:
    other = open_token_key(soft_token.uri(), PIN)
    soft_token.take_away()
    assert "cannot sign" in own.prove() and own.trouble == own.prove()
    trust = Trust(
        Signatories(authorities=(), by_thumbprint={}, revoked=frozenset(), left_out=()), own
    )
    with pytest.raises(Unready, match="what was decided stands"):
        trust.sign_receipt(b"decided")
    with pytest.raises(LedgerUnavailable, match="cannot sign"):
        trust.sign_document(b"a notice")
    soft_token.put_back()
    assert own.prove() == "" == own.trouble
    assert trust.sign_receipt(b"decided") and trust.sign_document(b"a notice")
    assert P256.sign_raw(other, b"x"), "the module started anew: its other keys are opened anew"


async def test_nobody_waits_for_a_lost_token_on_an_event_loop(
    soft_token: SoftToken, own: Signer
) -> None:
    soft_token.take_away()
    assert await asyncio.to_thread(own.prove)
    soft_token.put_back()
    with pytest.raises(TokenUnavailable):
        own.document(b"x")
    assert await asyncio.to_thread(own.prove) == ""
    assert own.document(b"x")


async def test_a_token_that_hangs_holds_nobody_up(
    soft_token: SoftToken, own: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A device on a network that is gone answers for a minute neither yes nor no: the whole gateway
    stood still with it, `/healthz` and all, and nobody was even refused."""
    goes_on, signed_at_once = threading.Event(), token.TokenKey._raw_now

    def hanging(key: token.TokenKey, digest: bytes) -> bytes:
        goes_on.wait(5)
        return signed_at_once(key, digest)

    monkeypatch.setattr(token.TokenKey, "_raw_now", hanging)
    monkeypatch.setattr(token, "SILENT_S", 0.05)
    for _ in range(3):
        with pytest.raises(TokenUnavailable, match="does not answer"):
            own.document(b"x")
    assert "does not answer" in await asyncio.to_thread(own.prove)
    goes_on.set()

    async def back() -> bool:
        return not own.trouble

    await until(back, "it goes on, and nobody notices")
    assert own.document(b"x")


async def test_a_bureau_tries_its_lost_token_beside_the_loop(
    soft_token: SoftToken, own: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_keys, "TRY_S", 0.001)
    trust = Trust(
        Signatories(authorities=(), by_thumbprint={}, revoked=frozenset(), left_out=()), own
    )
    soft_token.take_away()
    assert await asyncio.to_thread(own.prove)
    trying = asyncio.create_task(own_keys.try_token(trust))
    soft_token.put_back()

    async def back() -> bool:
        return not own.trouble

    await until(back, "nobody tries")
    trying.cancel()
    assert trust.sign_receipt(b"kept")


async def test_a_bureau_hears_of_a_token_that_is_away_before_anybody_needs_it(
    soft_token: SoftToken, own: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its `/readyz` said ready, until a gateway delivered or somebody approved."""
    monkeypatch.setattr(own_keys, "TRY_S", 0.001)
    monkeypatch.setattr(own_keys, "TRIAL_S", 0.001)
    trust = Trust(
        Signatories(authorities=(), by_thumbprint={}, revoked=frozenset(), left_out=()), own
    )
    with capture_logs() as logs:
        trying = asyncio.create_task(own_keys.try_token(trust))
        soft_token.take_away()

        async def away() -> bool:
            return bool(own.trouble)

        async def back() -> bool:
            return [log["event"] for log in logs][-1:] == ["witness.lives"]

        await until(away, "nobody tries")
        soft_token.put_back()
        await until(back, "nobody says so")
        trying.cancel()
    assert [log["event"] for log in logs] == ["witness.silent", "witness.lives"]


def test_who_opens_a_key_while_the_module_starts_anew_signs_with_no_other(
    soft_token: SoftToken, own: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_token_key(soft_token.uri("next"), PIN)
    token._start_anew(read_uri(soft_token.uri()))

    def lost_for_a_moment() -> None:
        soft_token.take_away()
        own.prove()
        soft_token.put_back()
        own.prove()

    losing, looked_up = threading.Thread(target=lost_for_a_moment), token._pair_in

    def looked_up_just_before(*words: Any) -> Any:
        found = looked_up(*words)
        if not losing.ident:
            losing.start()
            if not token._turn.locked():
                losing.join()
        return found

    monkeypatch.setattr(token, "_pair_in", looked_up_just_before)
    key = open_token_key(soft_token.uri("next"), PIN)
    losing.join()
    assert P256.verify_raw(key.public_key(), P256.sign_raw(key, b"x"), b"x")


def test_another_key_of_that_name_is_not_taken_for_it(soft_token: SoftToken, own: Signer) -> None:
    soft_token.take_away()
    assert own.prove()
    soft_token.initialise()
    make_token_key(soft_token.uri(), PIN)
    assert "another key of this name" in own.prove()


def _subordinate(root, key):
    from certs.authority import AUTHORITY_LIFE, _within
    from certs.profile import authority_certificate, named

    life = _within(root, NOW, AUTHORITY_LIFE)
    return authority_certificate(
        named("evidence"), key.public_key(), root.certificate, root.key, life
    )

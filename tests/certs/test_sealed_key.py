"""Keys at rest: sealed files and keys in a token open for their passphrase, and for no other."""

import shutil
import subprocess
from pathlib import Path

import orjson
import pytest

from certs.authority import Purpose, adopt, create_root, issue, request
from certs.keys import generate_key, load_key, load_signer, save_certificates, save_sealed
from certs.sealed_key import seal, unseal
from certs.signing.signer import signer
from certs.signing.suites import P256
from certs.token import TokenUnavailable, make_token_key, open_token_key
from tests.certs.conftest import DOMAIN, NOW, PASSPHRASE

MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")
PIN = b"a pin of softhsm"


def test_a_sealed_key_opens_with_its_passphrase_only(tmp_path: Path) -> None:
    key = generate_key()
    save_sealed(tmp_path / "a.key", key, PASSPHRASE)
    assert load_key(tmp_path / "a.key", PASSPHRASE).public_key() == key.public_key()
    assert (tmp_path / "a.key").stat().st_mode & 0o777 == 0o600
    with pytest.raises(ValueError, match="does not open"):
        load_key(tmp_path / "a.key", PASSPHRASE + b"!")
    with pytest.raises(FileExistsError):
        save_sealed(tmp_path / "a.key", key, PASSPHRASE)


def test_no_short_passphrase_and_nothing_in_the_clear(tmp_path: Path) -> None:
    key = generate_key()
    with pytest.raises(ValueError, match="12 bytes"):
        save_sealed(tmp_path / "a.key", key, b"short")
    assert not list(tmp_path.iterdir())
    secret = key.private_numbers().private_value.to_bytes(32, "big")
    assert secret not in seal(key, PASSPHRASE)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("field", "value"),
    [("iterations", 1), ("memory_kib", 1024), ("lanes", 1), ("form", "treasury-sealed-key-0")],
)
def test_a_header_that_was_changed_opens_nothing(field: str, value: object) -> None:
    file = orjson.loads(seal(generate_key(), PASSPHRASE))
    with pytest.raises(ValueError, match=r"damaged|not a sealed key"):
        unseal(orjson.dumps({**file, field: value}), PASSPHRASE)


def test_a_cost_beyond_reason_is_refused_before_it_is_paid() -> None:
    file = orjson.loads(seal(generate_key(), PASSPHRASE))
    with pytest.raises(ValueError, match="beyond reason"):
        unseal(orjson.dumps({**file, "memory_kib": 1 << 40}), PASSPHRASE)


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A fresh token of SoftHSM; its name is the test's own, since a process lets in only once."""
    tool = shutil.which("softhsm2-util")
    if tool is None or not MODULE.exists():
        pytest.skip("softhsm2 is not installed")
    pytest.importorskip("pkcs11", reason="python-pkcs11 is not installed")
    (tmp_path / "tokens").mkdir()
    settings = tmp_path / "softhsm2.conf"
    settings.write_text(f"directories.tokendir = {tmp_path / 'tokens'}\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(settings))
    label = f"t{tmp_path.name[-20:]}"
    subprocess.run(
        [
            tool,
            "--init-token",
            "--free",
            "--label",
            label,
            "--pin",
            PIN.decode(),
            "--so-pin",
            "0000",
        ],
        check=True,
        capture_output=True,
    )
    return label


def test_a_key_in_a_token_signs_documents_records_and_certificates(
    token: str, tmp_path: Path
) -> None:
    uri = f"pkcs11:token={token};object=record?module-path={MODULE}"
    made = make_token_key(uri, PIN)
    file = tmp_path / "record.key"
    file.write_text(uri + "\n")
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
    with pytest.raises(TokenUnavailable, match="does not leave"):
        key.private_numbers()
    with pytest.raises(TokenUnavailable, match="holds no key"):
        open_token_key(uri.replace("object=record", "object=other"), PIN)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(TokenUnavailable, match="must name token, object and module-path"):
        open_token_key("pkcs11:token=a", PIN)
    pytest.importorskip("pkcs11", reason="python-pkcs11 is not installed")
    with pytest.raises(TokenUnavailable, match="token a"):
        open_token_key(f"pkcs11:token=a;object=b?module-path={tmp_path / 'absent.so'}", PIN)


def _subordinate(root, key):
    from certs.authority import AUTHORITY_LIFE, _within
    from certs.profile import authority_certificate, named

    life = _within(root, NOW, AUTHORITY_LIFE)
    return authority_certificate(
        named("evidence"), key.public_key(), root.certificate, root.key, life
    )

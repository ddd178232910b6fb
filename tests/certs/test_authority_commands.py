"""`certs authority-*`: an authority renewed from our root, and one whose key is in a token."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from certs.authority import Purpose, issue, request
from certs.files import save_new
from certs.keys import generate_key, load_certificates
from gateway.commands.command_line import app
from gateway.tending.registry import open_authority
from tests.certs.conftest import DOMAIN
from tests.certs.soft_token import PIN, SoftToken, soft_token

pytestmark = pytest.mark.slow

__all__ = ["soft_token"]

WORDS = {
    "CERTS_AUTHORITY_PASSPHRASE": "a passphrase of authorities",
    "CERTS_KEY_PASSPHRASE": "a passphrase of officers",
}


def _certs(*words: object, **environment: str) -> Result:
    return CliRunner().invoke(app, ["certs", *map(str, words)], env=WORDS | environment)


@pytest.fixture
def ca(tmp_path: Path) -> Path:
    """What a ceremony leaves, root.key included."""
    for name in ("a", "b"):
        made = _certs("key", tmp_path / name, "--uri", f"{DOMAIN}/operator/security-{name}")
        assert made.exit_code == 0, made.output
    officers = ("--officer", tmp_path / "a.csr", "--officer", tmp_path / "b.csr")
    assert _certs("ceremony", tmp_path / "ca", "--name", "N", *officers).exit_code == 0
    return tmp_path / "ca"


def test_the_root_signs_an_authority_whose_key_is_in_a_token(
    ca: Path, soft_token: SoftToken, tmp_path: Path
) -> None:
    """No command asks for a passphrase where the PIN has a file, and none made such a key."""
    pin = soft_token.folder / "pin"
    pin.write_bytes(PIN)
    pin.chmod(0o600)
    wanted = tmp_path / "evidence-2"
    asked = _certs(
        "authority-request", wanted, "--name", "N evidence 2",
        "--token", soft_token.uri("evidence-2", pin), CERTS_AUTHORITY_PASSPHRASE="",
    )  # fmt: skip
    assert asked.exit_code == 0, asked.output
    signed = tmp_path / "evidence-2.pem"
    done = _certs("authority-sign", wanted.with_suffix(".csr"), "--root", ca, "--out", signed)
    assert done.exit_code == 0, done.output
    taken = _certs(
        "authority-import", tmp_path / "ca-2", "--purpose", "evidence", "--file", signed,
        "--key", wanted.with_suffix(".key"), CERTS_AUTHORITY_PASSPHRASE="",
    )  # fmt: skip
    assert taken.exit_code == 0, taken.output
    authority = open_authority(tmp_path / "ca-2", Purpose.EVIDENCE, b"")
    authority.certificate.verify_directly_issued_by(load_certificates(ca / "root.pem")[0])
    at = authority.certificate.not_valid_before_utc
    leaf = issue(authority, request(generate_key(), f"{DOMAIN}/gateway/ABC"), at)
    leaf.verify_directly_issued_by(authority.certificate)


def test_the_root_makes_authorities_of_authorities_requests_only(ca: Path, tmp_path: Path) -> None:
    t2 = tmp_path / "t2"
    assert _certs("authority-request", t2, "--name", "N transport 2").exit_code == 0
    officer, asked = tmp_path / "a.csr", t2.with_suffix(".csr")
    out = tmp_path / "out.pem"
    refused = _certs("authority-sign", officer, "--root", ca, "--out", out)
    assert refused.exit_code == 1 and "not an authority's" in refused.output
    (tmp_path / "false").mkdir()
    for end in ("pem", "key"):
        kept = (ca / f"transport.{end}").read_bytes()
        (tmp_path / "false" / f"root.{end}").write_bytes(kept)
        (tmp_path / "false" / f"root.{end}").chmod(0o600)
    refused = _certs("authority-sign", asked, "--root", tmp_path / "false", "--out", out)
    assert refused.exit_code == 1 and "only a root" in refused.output
    none = _certs(
        "authority-sign", asked, "--root", ca, "--out", out, CERTS_AUTHORITY_PASSPHRASE=""
    )
    assert none.exit_code == 1 and "root.key: no passphrase is given" in none.output
    assert not out.exists()
    assert _certs("authority-sign", asked, "--root", ca, "--out", out).exit_code == 0
    again = _certs("authority-sign", asked, "--root", ca, "--out", out)
    assert again.exit_code == 1, "what is there is not written over"
    own = tmp_path / "own"
    assert _certs("authority-request", own, "--name", "N root").exit_code == 0
    taken = _certs("authority-sign", own.with_suffix(".csr"), "--root", ca, "--out", tmp_path / "x")
    assert taken.exit_code == 1 and "the root's own name" in taken.output


def test_an_authority_of_another_purpose_is_wrong_usage(ca: Path, tmp_path: Path) -> None:
    for purpose in ("root", "signing"):
        wrong = _certs(
            "authority-import", tmp_path / "ca-3", "--purpose", purpose,
            "--file", ca / "root.pem", "--key", ca / "root.key",
        )  # fmt: skip
        assert wrong.exit_code == 2 and f"--purpose {purpose}: transport or" in wrong.output


def test_a_ceremony_wants_two_officers_and_an_empty_folder(ca: Path, tmp_path: Path) -> None:
    def refused(folder: str, *requests: str) -> str:
        officers = [word for name in requests for word in ("--officer", tmp_path / name)]
        done = _certs("ceremony", tmp_path / folder, "--name", "N", *officers)
        assert done.exit_code == 1, done.output
        return done.output.replace("\n", "")

    made = _certs("key", tmp_path / "gw", "--uri", f"{DOMAIN}/gateway/ABC")
    assert made.exit_code == 0, made.output
    assert "stands there twice" in refused("new", "a.csr", "a.csr")
    assert "is no officer" in refused("new", "a.csr", "gw.csr")
    assert not (tmp_path / "new").exists(), "nothing was made"
    assert f"{ca}: 文件夹须为空" in refused(ca.name, "a.csr", "b.csr")


def test_one_key_is_no_authority_of_both_purposes(ca: Path, tmp_path: Path) -> None:
    wanted, signed = tmp_path / "t2", tmp_path / "t2.pem"
    assert _certs("authority-request", wanted, "--name", "N 2").exit_code == 0
    asked = wanted.with_suffix(".csr")
    assert _certs("authority-sign", asked, "--root", ca, "--out", signed).exit_code == 0
    words = ("--file", signed, "--key", wanted.with_suffix(".key"))
    into = ("authority-import", tmp_path / "ca-2", *words, "--purpose")
    assert _certs(*into, "evidence").exit_code == 0
    refused = _certs(*into, "transport")
    assert refused.exit_code == 1 and "the evidence authority already" in refused.output


def test_an_address_is_asked_for_as_one_before_its_key_is_made(tmp_path: Path) -> None:
    """As a name nobody's program would find it: told here and not at the first handshake."""
    words = ("key", tmp_path / "gw", "--uri", f"{DOMAIN}/gateway/ABC")
    refused = _certs(*words, "--dns", "10.0.0.1")
    assert refused.exit_code == 1 and "--ip, not --dns" in refused.output
    assert list(tmp_path.iterdir()) == []
    assert _certs(*words, "--ip", "10.0.0.1").exit_code == 0


def test_what_is_there_already_is_named_and_not_its_draft(tmp_path: Path) -> None:
    file = tmp_path / "root.key"
    save_new(file, b"1")
    with pytest.raises(FileExistsError) as error:
        save_new(file, b"2")
    assert error.value.filename == str(file) and list(tmp_path.iterdir()) == [file]

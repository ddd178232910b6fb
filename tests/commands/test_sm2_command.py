"""Setting up the other suite from nothing, with the commands alone."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from certs.keys import load_certificates, load_sm2_signer
from certs.signatories import signatories
from gateway.commands.command_line import app
from gateway.domain.log import SM2_SM3
from tests.certs.conftest import skip_without_sm2

URI = "spiffe://treasury.test/gateway/103"
SECRET = "a passphrase for tests"


@pytest.fixture(autouse=True)
def _needs_sm2(monkeypatch: pytest.MonkeyPatch) -> None:
    skip_without_sm2()
    monkeypatch.setenv("GATEWAY_KEY_PASSPHRASE", SECRET)


def sm2(*arguments: object) -> int:
    return CliRunner().invoke(app, ["sm2", *map(str, arguments)]).exit_code


def test_authority_request_and_certificate_are_made_and_count(tmp_path: Path) -> None:
    assert sm2("check") == 0
    ca, ca_key = tmp_path / "ca.pem", tmp_path / "ca.key"
    csr, key, leaf = tmp_path / "g.csr", tmp_path / "g.key", tmp_path / "g.pem"
    assert sm2("authority", "--name", "SM2 evidence", "--key", ca_key, "--out", ca) == 0
    assert sm2("request", "--uri", URI, "--key", key, "--out", csr) == 0
    assert sm2("issue", csr, "--authority", ca, "--key", ca_key, "--out", leaf) == 0
    signer = load_sm2_signer(leaf, key, SECRET.encode())
    assert (signer.uri, signer.suite) == (URI, SM2_SM3)
    table = signatories(load_certificates(ca), [("g", load_certificates(leaf)[0])])
    assert [each.sender.uri for each in table.by_thumbprint.values()] == [URI], table.left_out


def test_what_was_made_is_told_as_json(tmp_path: Path) -> None:
    key, csr = tmp_path / "g.key", tmp_path / "g.csr"
    asked = ["sm2", "request", "--uri", URI, "--key", str(key), "--out", str(csr), "--json"]
    said = CliRunner().invoke(app, asked)
    assert json.loads(said.stdout) == {"key": str(key), "request": str(csr)}


def test_nothing_is_overwritten_and_wrong_input_is_told(tmp_path: Path) -> None:
    key, csr = tmp_path / "g.key", tmp_path / "g.csr"
    assert sm2("request", "--uri", "spiffe://x/nobody/1", "--key", key, "--out", csr) == 1
    assert not key.exists() and not csr.exists()
    assert sm2("request", "--uri", URI, "--key", key, "--out", csr) == 0
    assert sm2("request", "--uri", URI, "--key", tmp_path / "other", "--out", csr) == 1
    assert sm2("request", "--uri", URI, "--key", key, "--out", tmp_path / "other") == 1
    assert sm2("issue", key, "--authority", csr, "--key", key, "--out", tmp_path / "x") == 1


def test_without_a_passphrase_nothing_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GATEWAY_KEY_PASSPHRASE")
    key, csr = tmp_path / "g.key", tmp_path / "g.csr"
    assert sm2("request", "--uri", URI, "--key", key, "--out", csr) == 2
    assert not key.exists() and not csr.exists()

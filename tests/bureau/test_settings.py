"""Settings: one frozen class, every error at once, secrets from the environment only."""

import tomllib
from pathlib import Path

import attrs
import pytest

from bureau.settings import SettingsWrong, load_settings

DEPLOY = Path(__file__).parents[2] / "deploy"
ENVIRONMENT = {
    "BUREAU_DATABASE": "postgresql://nobody@/bureau",
    "BUREAU_DOOR_PASSPHRASE": "a passphrase for tests",
    "BUREAU_WITNESS_PASSPHRASE": "a passphrase for tests",
}
GOOD = """
[door]
host = "127.0.0.1"
port = 8443
certificate = "door.pem"
key = "door.key"
authorities = "transport.pem"
[desk]
host = "127.0.0.1"
port = 8444
name = "吉林省财政厅国库处"
[witness]
certificate = "witness.pem"
key = "witness.key"
[trust]
evidence_authorities = "evidence.pem"
parties = "parties"
[[logs]]
division = "220000000"
gateway = "spiffe://treasury.test/gateway/103241001000"
origin = "spiffe://treasury.test/gateway/103241001000/log/220000000"
"""


def test_good_settings_are_read_and_paths_are_beside_the_file(tmp_path: Path) -> None:
    settings = load_settings(_file(tmp_path, GOOD), ENVIRONMENT)
    assert settings.door_certificate == tmp_path / "door.pem"
    assert settings.trust_parties == tmp_path / "parties"
    assert settings.door_revocations is None
    assert settings.divisions == ("220000000",)
    assert settings.logs[0].bank == "103241001000"
    assert settings.issuer == "吉林省财政厅国库处"


def test_the_example_has_the_provider_lead_back_to_where_the_desk_takes_its_word() -> None:
    """At `/sign-in/oidc` the desk would send everybody who comes back to the provider again."""
    example = tomllib.loads((DEPLOY / "bureau.example.toml").read_text("utf-8"))
    assert example["oidc"]["redirect"].endswith("/sign-in/oidc/back")


def test_documents_are_issued_in_the_name_of_the_finance_department(tmp_path: Path) -> None:
    """Annexes 1 and 2 end in 财政（厅、局）: an office of it issues nothing."""
    name = 'name = "吉林省财政厅国库处"'
    settings = load_settings(
        _file(tmp_path, GOOD.replace(name, f'{name}\nissuer = "吉林省财政厅"')), ENVIRONMENT
    )
    assert (settings.desk_name, settings.issuer) == ("吉林省财政厅国库处", "吉林省财政厅")


def test_a_log_in_sm2_wants_the_witness_to_have_both_keys(tmp_path: Path) -> None:
    sm2 = GOOD.replace('log/220000000"', 'log/220000000/GW1-SM2-SM3"')
    with pytest.raises(SettingsWrong) as wrong:
        load_settings(_file(tmp_path, sm2), ENVIRONMENT)
    assert [error.partition(":")[0] for error in wrong.value.errors] == [
        "witness.sm2_certificate",
        "witness.sm2_key",
    ]
    keys = 'key = "witness.key"\nsm2_certificate = "w2.pem"\nsm2_key = "w2.key"'
    both = sm2.replace('key = "witness.key"', keys)
    assert load_settings(_file(tmp_path, both), ENVIRONMENT).witness_sm2_key == tmp_path / "w2.key"


def test_settings_do_not_change_and_do_not_print_secrets(tmp_path: Path) -> None:
    settings = load_settings(_file(tmp_path, GOOD), ENVIRONMENT)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        settings.desk_port = 1  # type: ignore[misc]
    assert "passphrase for tests" not in repr(settings)
    assert "postgresql://" not in repr(settings)


def test_every_error_is_named_at_once(tmp_path: Path) -> None:
    bad = (
        GOOD.replace("port = 8443", 'port = "8443"')
        .replace("port = 8444", "port = 70000")
        .replace('key = "door.key"', 'kee = "door.key"')
        .replace('host = "127.0.0.1"\nport = 70000', 'host = "0.0.0.0"\nport = 70000')
        .replace('gateway/103241001000"\n', 'agency/1/2"\n')
    )
    with pytest.raises(SettingsWrong) as wrong:
        load_settings(_file(tmp_path, bad + "[more]\nx = 1\n[ops]\nport = 0\n"), {})
    text = "\n".join(wrong.value.errors)
    for said in (
        "door.port: must be a number",
        "desk.port: must be 0 to 65535",
        "door.key: missing",
        "door.kee: not a key",
        "desk.host: the desk listens on loopback only",
        "logs[0].gateway: not a gateway's URI",
        "more.x: not a key",
        "ops.host: missing; it belongs to ops.host",
        "environment BUREAU_DATABASE: missing",
        "environment BUREAU_DOOR_PASSPHRASE: missing",
    ):
        assert said in text, said


@pytest.mark.parametrize("logs", ["", "logs = 3", "[[logs]]\ndivision = 1", "[[logs]]\nx = 'y'"])
def test_logs_must_be_whole(tmp_path: Path, logs: str) -> None:
    head, _, _ = GOOD.partition("[[logs]]")
    text = f"{logs}\n{head}" if logs.startswith("logs") else head + logs
    with pytest.raises(SettingsWrong, match="logs"):
        load_settings(_file(tmp_path, text), ENVIRONMENT)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('division = "220000000"', 'division = "22000000"', "logs[0].division: must be nine"),
        ("/log/220000000", "/log/220100000", "logs[0].origin: must be spiffe://"),
        ("/log/220000000", "/log/220000000/GW1-RSA", "logs[0].origin: must be spiffe://"),
    ],
)
def test_a_log_that_no_gateway_writes_is_no_log(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    assert old in GOOD
    with pytest.raises(SettingsWrong) as wrong:
        load_settings(_file(tmp_path, GOOD.replace(old, new)), ENVIRONMENT)
    assert any(error.startswith(words) for error in wrong.value.errors)


def test_true_is_not_a_port_and_broken_toml_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsWrong, match="must be a number"):
        load_settings(_file(tmp_path, GOOD.replace("8443", "true")), ENVIRONMENT)
    with pytest.raises(SettingsWrong, match=r"bureau\.toml"):
        load_settings(_file(tmp_path, "= ="), ENVIRONMENT)


def test_the_desk_leaves_loopback_only_with_a_whole_certificate_and_its_secret(
    tmp_path: Path,
) -> None:
    tls = 'certificate = "desk.pem"\nkey = "desk.key"\nauthorities = "people.pem"\n'
    outside = GOOD.replace(
        'host = "127.0.0.1"\nport = 8444', f'host = "0.0.0.0"\nport = 8444\n{tls}'
    )
    assert outside != GOOD
    secret = {**ENVIRONMENT, "BUREAU_DESK_PASSPHRASE": "x"}
    settings = load_settings(_file(tmp_path, outside), secret)
    assert settings.desk_certificate == tmp_path / "desk.pem"
    with pytest.raises(SettingsWrong, match="BUREAU_DESK_PASSPHRASE: missing"):
        load_settings(_file(tmp_path, outside), ENVIRONMENT)
    half = outside.replace('authorities = "people.pem"\n', "")
    with pytest.raises(SettingsWrong, match=r"desk\.authorities: missing"):
        load_settings(_file(tmp_path, half), secret)
    some = GOOD + '\n[oidc]\nissuer = "https://id.example"\n'
    with pytest.raises(SettingsWrong, match=r"oidc\.keys: missing") as wrong:
        load_settings(_file(tmp_path, some), ENVIRONMENT)
    assert "environment BUREAU_OIDC_SECRET: missing" in wrong.value.errors


def _file(folder: Path, text: str) -> Path:
    path = folder / "bureau.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_what_seals_the_database_is_no_pin(tmp_path: Path) -> None:
    """With the witness key in a token the PIN was the passphrase: eight digits are tried out."""
    with pytest.raises(SettingsWrong) as wrong:
        load_settings(
            _file(tmp_path, GOOD), ENVIRONMENT | {"BUREAU_WITNESS_PASSPHRASE": "11112222"}
        )
    assert "BUREAU_WITNESS_PASSPHRASE: 12 bytes" in str(wrong.value)

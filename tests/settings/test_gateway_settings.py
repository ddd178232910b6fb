"""Settings: the examples are complete, the page names every key, errors come all at once."""

import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from bureau.settings import _FILE_KEYS, _OPTIONAL_KEYS
from bureau.settings import load_settings as load_bureau
from gateway.settings import (
    Settings,
    SettingsInvalid,
    read_secrets,
    read_settings,
)

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "deploy" / "gateway.example.toml"
BUREAU_EXAMPLE = ROOT / "deploy" / "bureau.example.toml"
PAGE = ROOT / "docs" / "settings.md"
SECRETS = {
    "GATEWAY_DATABASE": "postgresql://x",
    "GATEWAY_KEY_PASSPHRASE": "secret",
    "GATEWAY_COMMITMENT_SECRET": "secret",
}

OFFICER = "spiffe://treasury.jilin.example/operator/holds-one"


def laid_out(folder: Path, text: str) -> Path:
    """The example with the files that it names."""
    for name in ("keys", "parties", "policies/library/jilin", "policies/books"):
        (folder / name).mkdir(parents=True)
    for name in ("gateway-tls.pem", "gateway-tls.key", "transport-ca.pem", "gateway-record.pem",
                 "gateway-record.key", "evidence-ca.pem", "gateway-sm2.pem",
                 "gateway-sm2.key"):  # fmt: skip
        (folder / "keys" / name).touch()
    (folder / "state").mkdir()
    (folder / "state" / "transport.crl").touch()
    file = folder / "gateway.toml"
    file.write_text(text.replace("/var/lib/treasury-gateway/", "state/"), "utf-8")
    return file


def keys_of(kind: Any, place: str = "") -> Iterator[str]:
    for field in msgspec.structs.fields(kind):
        tables = [
            one
            for one in (field.type, *get_args(field.type))
            if isinstance(one, type) and issubclass(one, msgspec.Struct)
        ]
        if tables and field.name != "bureaus":
            yield from keys_of(tables[0], f"{place}{field.name}.")
        elif field.name == "bureaus":
            yield "bureaus.<division>.url"
            yield "bureaus.<division>.peer"
        else:
            yield f"{place}{field.name}"


def test_the_example_is_read_and_leaves_no_key_out(tmp_path: Path) -> None:
    settings = read_settings(laid_out(tmp_path, EXAMPLE.read_text("utf-8")))
    assert settings.tls.key == tmp_path / "keys" / "gateway-tls.key"
    named = tomllib.loads(EXAMPLE.read_text("utf-8"))
    flat = {f"{table}.{key}" for table, keys in named.items() for key in keys}
    # The alternatives, read by the next tests.
    flat |= {"policies.folder", "record_key.sm2_certificate", "record_key.sm2_key"}
    flat |= {"parties.revocations", "push.authority", "certs.webhook_authority"}
    wanted = {key for key in keys_of(Settings) if not key.startswith("bureaus")}
    assert {key for key in wanted if not key.startswith("files.")} <= flat
    assert "# [files]" in EXAMPLE.read_text("utf-8"), "a table that may be absent"


def unsigned(text: str) -> str:
    """The example with the folder that it offers instead of signed books."""
    head, mark, tail = text.partition('books = "policies/books"')
    _, folder, rest = tail.partition('# folder = "policies/library/jilin"')
    assert mark and folder
    return head + folder.removeprefix("# ") + rest


def test_the_example_without_signed_books_is_read_too(tmp_path: Path) -> None:
    settings = read_settings(laid_out(tmp_path, unsigned(EXAMPLE.read_text("utf-8"))))
    assert settings.policies.books is None and settings.policies.officers == ()
    assert settings.policies.folder == tmp_path / "policies" / "library" / "jilin"


def test_a_log_file_lies_beside_the_settings_as_every_path_does(tmp_path: Path) -> None:
    text = EXAMPLE.read_text("utf-8").replace("/var/log/treasury-gateway/", "log/")
    assert read_settings(laid_out(tmp_path, text)).gateway.log_file == tmp_path / "log/gateway.log"


def in_sm2(text: str) -> str:
    """The example with the other suite that it offers."""
    for line in ('suite = "GW1-SM2-SM3"', "sm2_certificate", "sm2_key"):
        assert f"# {line}" in text
        text = text.replace(f"# {line}", line)
    return text.replace('suite = "GW1-P256-SHA256"\n', "")


def test_the_example_in_the_other_suite_is_read_too(tmp_path: Path) -> None:
    settings = read_settings(laid_out(tmp_path, in_sm2(EXAMPLE.read_text("utf-8"))))
    assert settings.record_key.suite == "GW1-SM2-SM3"
    assert settings.record_key.sm2_key == tmp_path / "keys" / "gateway-sm2.key"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text.replace("# sm2_key", "sm2_key"), "belongs to the suite GW1-SM2-SM3"),
        (lambda text: in_sm2(text).replace("sm2_key =", "# sm2_key ="), "sm2_key: the suite"),
        (lambda text: in_sm2(text).replace("gateway-sm2.key", "absent.key"), "sm2_key: no file"),
        (lambda text: text.replace("GW1-P256-SHA256", "GW1-RSA"), "record_key.suite"),
    ],
)
def test_a_suite_that_does_not_fit_its_keys_is_named(
    change: Callable[[str], str], words: str, tmp_path: Path
) -> None:
    with pytest.raises(SettingsInvalid, match=re.escape(words)):
        read_settings(laid_out(tmp_path, change(EXAMPLE.read_text("utf-8"))))


def test_the_bureaus_example_is_read_and_leaves_no_key_out() -> None:
    environment = dict.fromkeys(
        (
            "BUREAU_DATABASE", "BUREAU_DOOR_PASSPHRASE", "BUREAU_WITNESS_PASSPHRASE",
            "BUREAU_DESK_PASSPHRASE", "BUREAU_OIDC_SECRET",
        ),
        "of twelve bytes",
    )  # fmt: skip
    assert load_bureau(BUREAU_EXAMPLE, environment).divisions == ("220000000",)
    named = tomllib.loads(BUREAU_EXAMPLE.read_text("utf-8"))
    flat = {f"{t}.{key}" for t, keys in named.items() if isinstance(keys, dict) for key in keys}
    assert flat == set(_FILE_KEYS) | set(_OPTIONAL_KEYS)


def test_the_page_explains_every_key_and_every_variable() -> None:
    page = PAGE.read_text("utf-8")
    keys = [*keys_of(Settings), *_FILE_KEYS, *_OPTIONAL_KEYS, "logs.division", "logs.gateway",
            "logs.origin"]  # fmt: skip
    assert [key for key in keys if f"`{key}`" not in page] == []
    for variable in (*SECRETS, "BUREAU_DATABASE", "BUREAU_DOOR_PASSPHRASE"):
        assert variable in page


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("listen_port = 8443", "listen_port = 0", "gateway.listen_port: Expected `int` >= 1"),
        ("listen_port = 8443", 'listen_port = "8443"', "gateway.listen_port"),
        ("listen_port = 8443", "listen_port = true", "gateway.listen_port"),
        ("in_flight_max = 512", "in_flight_max = 0", "gateway.in_flight_max"),
        ("shared_port = false", 'shared_port = "no"', "gateway.shared_port"),
        ('["220000000"]', '["22"]', "gateway.divisions"),
        ("idempotent = false\n", "", "bank.idempotent: missing"),
        ("horizon_s = 3600.0", "horizon_s = -1.0", "bank.horizon_s"),
        ("horizon_s = 3600.0", "horizon_s = 0.0", "bank.horizon_s: Expected `float` >= 1.0"),
        ("operator/unknowns-two", "operator/unknowns-one", "unknowns.officers: at least 2"),
        ("operator/unknowns-two", "bank/unknowns-two", "unknowns.officers: spiffe"),
        ("\nofficers = []\n", f"\nofficers = ['{OFFICER}']\n", "holds.officers: at least 2"),
        (
            "\nofficers = []\n",
            f"\nofficers = ['{OFFICER}', '{OFFICER.replace('operator', 'bank')}']\n",
            "holds.officers: spiffe",
        ),
        ("deadline_s = 3.0", "deadline_s = 0.0", "bank.deadline_s"),
        ("https://monitor", "http://monitor", "bureaus"),
        ("example/bank/103241001000", "example/gateway/103241001000", "bank.peer: must be"),
        ("jilin.example/bank/", "other.example/bank/", "bank.peer: must be"),
        ("bureau/220000000", "bureau/220100000", "bureaus.220000000.peer: must be"),
        ('peer = "spiffe://treasury.jilin.example/bank/103241001000"\n', "", "bank.peer: missing"),
        ("[bureaus.220000000]", "[bureaus.22]", "bureaus"),
        ("age_max_s", "age_maximum_s", "registers.age_maximum_s: not a key"),
        ("[registers]", "[register]", "register: not a key"),
        ("gateway/103241001000", "agency/220000000/1", "gateway.uri"),
        (
            '# folder = "pol',
            'folder = "pol',
            "policies: set either books (signed) or folder (unsigned)",
        ),
        ('books = "policies/books"\n', "", "policies: set either books"),
        ('"policies/books"', '"policies/absent"', "policies.books: no folder"),
        ("operator/wang", "operator/li", "policies.officers: at least 2 different ones"),
        ("operator/wang", "bureau/220000000", "policies.officers: spiffe"),
        ("jilin.example/operator/li", "other.example/operator/li", "policies.officers: spiffe"),
        ("keys/evidence-ca.pem", "keys/absent.pem", "parties.authority: no file"),
        ('folder = "parties"', 'folder = "absent"', "parties.folder: no folder"),
        ('uri = "spiffe', 'uri = spiffe"', "gateway.toml"),
    ],
)
def test_each_kind_of_error_is_named_by_its_key(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    text = EXAMPLE.read_text("utf-8")
    assert old in text
    file = laid_out(tmp_path, text.replace(old, new))
    with pytest.raises(SettingsInvalid) as refused:
        read_settings(file)
    assert words in str(refused.value)


def test_all_errors_come_at_once(tmp_path: Path) -> None:
    text = EXAMPLE.read_text("utf-8").replace("8443", "0").replace("[policies]", "[policy]")
    text = text.replace("deadline_s = 3.0", "deadline_s = -3.0\ndeadlines = 1")
    with pytest.raises(SettingsInvalid) as refused:
        read_settings(laid_out(tmp_path, text))
    for words in ("gateway.listen_port", "policy: not a key", "policies: missing",
                  "bank.deadline_s", "bank.deadlines: not a key"):  # fmt: skip
        assert words in str(refused.value)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("listen_port", "listen_prt", "gateway.listen_prt: not a key of these settings;"
         " gateway.listen_port?"),
        ('["220000000"]', '["22"]', "gateway.divisions: must be nine digits"),
        ('wire = "json"', 'wire = "jsn"', "bank.wire: must be one of json, voucher_store,"),
        ("https://monitor", "http://monitor", "bureaus.220000000.url: must be https://host"),
        ("[bureaus.220000000]", "[bureaus.22]", "bureaus.22: must be nine digits"),
        ("{ lists =", "{ listz =", "registers.ages.listz: must be one of "),
        ("lists = 86400.0", 'lists = "a day"', "registers.ages.lists: Expected `float`"),
        ("https://erp", "ftp://erp", "push.agencies.220000000.101001: must be an https://"),
    ],
)  # fmt: skip
def test_each_error_has_a_line_of_its_own_that_says_what_may_stand_there(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    text = EXAMPLE.read_text("utf-8").replace("deadline_s = 3.0", "deadline_s = -3.0")
    assert old in text
    with pytest.raises(SettingsInvalid) as refused:
        read_settings(laid_out(tmp_path, text.replace(old, new)))
    lines = str(refused.value).splitlines()
    assert len(lines) >= 3 and lines[0].endswith("gateway.toml:")
    assert any(line.startswith(f"  {words}") for line in lines[1:])


def test_certificates_can_be_asked_for_before_the_gateway_has_any(tmp_path: Path) -> None:
    file = laid_out(tmp_path, EXAMPLE.read_text("utf-8"))
    keys = ("gateway-tls.pem", "gateway-tls.key", "gateway-record.pem", "gateway-record.key")
    for name in keys:
        (tmp_path / "keys" / name).unlink()
    (tmp_path / "state" / "transport.crl").unlink()
    assert read_settings(file, before_keys=True).certs.officers
    with pytest.raises(SettingsInvalid) as refused:
        read_settings(file)
    assert all(name in str(refused.value) for name in (*keys, "transport.crl"))
    (tmp_path / "keys" / "evidence-ca.pem").unlink()
    with pytest.raises(SettingsInvalid, match=r"parties\.authority: no file"):
        read_settings(file, before_keys=True)


def test_absent_and_unreadable_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match=r"none\.toml"):
        read_settings(tmp_path / "none.toml")
    (tmp_path / "gbk.toml").write_bytes("银行".encode("gbk"))
    with pytest.raises(SettingsInvalid, match=r"gbk\.toml"):
        read_settings(tmp_path / "gbk.toml")


def test_every_absent_secret_is_named_and_none_is_shown() -> None:
    with pytest.raises(SettingsInvalid) as refused:
        read_secrets({"GATEWAY_KEY_PASSPHRASE": "the-passphrase"})
    assert "GATEWAY_DATABASE, GATEWAY_COMMITMENT_SECRET" in str(refused.value)
    assert "the-passphrase" not in str(refused.value)
    assert repr(read_secrets(SECRETS)) == "Secrets(***)"


def test_files_that_are_absent_are_told_beside_values_of_another_kind(tmp_path: Path) -> None:
    """They were told in the next round only, when the kinds were right."""
    text = EXAMPLE.read_text("utf-8").replace("shared_port = false", 'shared_port = "no"')
    text = text.replace("keys/gateway-tls.key", "keys/absent.key")
    text = text.replace('folder = "parties"', 'folder = "absent"').replace("[push]", "push = 1")
    with pytest.raises(SettingsInvalid) as told:
        read_settings(laid_out(tmp_path, text.replace("[push.agencies.220000000]", "[push_of]")))
    said = str(told.value)
    for words in ("gateway.shared_port: ", "tls.key: no file ", "parties.folder: no folder "):
        assert words in said

"""Settings of the bureau program: one frozen class from a TOML file and the environment.

Files and ports stand in the file; secrets and the database's address in the environment. An
unknown or missing key, or a value of another type, is an error; all are listed at once.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from bureau.ports import LogPlace
from gateway.domain.log import SM2_SM3, suite_of_origin
from gateway.domain.parties import Role, sender_of

PORT_MAX = 65535
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
DATABASE = "BUREAU_DATABASE"
DOOR_PASSPHRASE = "BUREAU_DOOR_PASSPHRASE"  # noqa: S105 (a name, not a secret)
WITNESS_PASSPHRASE = "BUREAU_WITNESS_PASSPHRASE"  # noqa: S105
DESK_PASSPHRASE = "BUREAU_DESK_PASSPHRASE"  # noqa: S105
OIDC_SECRET = "BUREAU_OIDC_SECRET"  # noqa: S105
SEAL_BYTES_MIN = 12
"""As for a key's file. A PIN of eight digits is tried out against a copy of the database."""

_FILE_KEYS: dict[str, type] = {
    "door.host": str,
    "door.port": int,
    "door.certificate": Path,
    "door.key": Path,
    "door.authorities": Path,
    "desk.host": str,
    "desk.port": int,
    "desk.name": str,
    "witness.certificate": Path,
    "witness.key": Path,
    "trust.evidence_authorities": Path,
    "trust.parties": Path,
}
_OPTIONAL_KEYS: dict[str, type] = {
    "door.revocations": Path,
    "trust.revocations": Path,
    "witness.sm2_certificate": Path,
    "witness.sm2_key": Path,
    "witness.forks": Path,
    "desk.certificate": Path,
    "desk.key": Path,
    "desk.authorities": Path,
    "desk.revocations": Path,
    "desk.hosts": str,
    "desk.issuer": str,
    "ops.host": str,
    "ops.port": int,
    "oidc.issuer": str,
    "oidc.client_id": str,
    "oidc.authorization": str,
    "oidc.token": str,
    "oidc.redirect": str,
    "oidc.keys": Path,
}
_TOGETHER = (
    ("desk.certificate", "desk.key", "desk.authorities"),
    ("ops.host", "ops.port"),
    tuple(key for key in _OPTIONAL_KEYS if key.startswith("oidc.")),
)
"""Each group is given whole or not at all."""
DIVISION = re.compile(r"[0-9]{9}")
_LOG_KEYS = ("division", "gateway", "origin")


class SettingsWrong(ValueError):
    """Every error in the settings, one a line."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("\n".join(errors))
        self.errors = errors


@attrs.frozen(kw_only=True)
class Settings:
    door_host: str
    door_port: int
    """0 takes a free port; the ready line names it."""
    door_certificate: Path
    door_key: Path
    door_authorities: Path
    door_revocations: Path | None
    desk_host: str
    """Loopback only, unless the desk has a certificate."""
    desk_port: int
    desk_name: str
    """The bureau's name as the pages show it."""
    desk_issuer: str | None
    """In whose name documents are issued; annexes 1 and 2 print 财政（厅、局）, no office of it."""
    desk_certificate: Path | None
    desk_key: Path | None
    desk_authorities: Path | None
    """All three: the desk speaks TLS, and certificates of these authorities sign people in."""
    desk_revocations: Path | None
    """Lists of these authorities; read at each sign-in by certificate."""
    desk_hosts: str | None
    """Names under which the desk is served beside loopback, with spaces between."""
    oidc_issuer: str | None
    oidc_client_id: str | None
    oidc_authorization: str | None
    oidc_token: str | None
    oidc_redirect: str | None
    oidc_keys: Path | None
    """All six: people may sign in by this OpenID Connect provider; its keys are this JWK set."""
    ops_host: str | None
    ops_port: int | None
    """Both: the operators' port, plain HTTP for whoever can reach it; 0 takes a free one."""
    witness_certificate: Path
    witness_key: Path
    witness_sm2_certificate: Path | None
    witness_sm2_key: Path | None
    """Both, where a log of the suite GW1-SM2-SM3 is witnessed; opened by the same passphrase."""
    witness_forks: Path | None
    """Where each fork that is seen is written at once, as a folder that proves itself."""
    trust_evidence_authorities: Path
    trust_parties: Path
    """Folder of the parties' signing certificates (PEM)."""
    trust_revocations: Path | None
    """Lists of the evidence authorities; beyond an expired one no signature counts."""
    logs: tuple[LogPlace, ...]
    gateways: Mapping[str, str]
    """By the gateway's URI: its door's origin, such as `https://gateway.bank.example:8443`. What is
    signed for a gateway that is not among them waits."""
    database: str = attrs.field(repr=False)
    door_passphrase: bytes = attrs.field(repr=False)
    witness_passphrase: bytes = attrs.field(repr=False)
    desk_passphrase: bytes = attrs.field(repr=False, default=b"")
    oidc_secret: str = attrs.field(repr=False, default="")

    @property
    def issuer(self) -> str:
        return self.desk_issuer or self.desk_name

    @property
    def divisions(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(place.division for place in self.logs))


def load_settings(path: Path, environment: Mapping[str, str]) -> Settings:
    """Paths in the file are relative to its folder. Raises SettingsWrong, OSError."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsWrong([f"{path.name}: {error}"]) from error
    errors: list[str] = []
    logs = _logs(document.pop("logs", None), errors)
    gateways = _gateways(document.pop("gateways", []), logs, errors)
    values = _values(document, errors)
    secrets = _secrets(environment, errors)
    errors += _desk(values, environment)
    errors += _suite(values, logs)
    if errors:
        raise SettingsWrong(errors)
    fields: dict[str, Any] = {key.replace(".", "_"): None for key in _OPTIONAL_KEYS}
    for key, value in values.items():
        is_path = (_FILE_KEYS | _OPTIONAL_KEYS)[key] is Path
        fields[key.replace(".", "_")] = path.parent / value if is_path else value
    return Settings(**fields, **secrets, logs=logs, gateways=gateways)


def _desk(values: Mapping[str, Any], environment: Mapping[str, str]) -> list[str]:
    """Plain HTTP on loopback only; TLS and OIDC whole, each with its secret."""
    errors = []
    if values.get("desk.host", "127.0.0.1") not in LOOPBACK and "desk.certificate" not in values:
        errors.append("desk.host: the desk listens on loopback only, unless it has a certificate")
    for group in _TOGETHER:
        if any(key in values for key in group):
            errors += [
                f"{key}: missing; it belongs to {group[0]}" for key in group if key not in values
            ]
    for key, name in (("desk.certificate", DESK_PASSPHRASE), ("oidc.issuer", OIDC_SECRET)):
        if key in values and not environment.get(name):
            errors.append(f"environment {name}: missing")
    return errors


def _suite(values: Mapping[str, Any], logs: tuple[LogPlace, ...]) -> list[str]:
    """A log of GW1-SM2-SM3 is cosigned with two keys."""
    pair = [key for key in ("witness.sm2_certificate", "witness.sm2_key") if key not in values]
    sm2 = [place for place in logs if suite_of_origin(place.origin) == SM2_SM3]
    if sm2 or len(pair) == 1:
        return [f"{key}: missing; logs in {SM2_SM3} are cosigned with it" for key in pair]
    return []


def _values(document: dict[str, Any], errors: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for table, content in document.items():
        if not isinstance(content, dict):
            errors.append(f"{table}: not a key of these settings")
            continue
        found |= {f"{table}.{key}": value for key, value in content.items()}
    known = _FILE_KEYS | _OPTIONAL_KEYS
    errors += [f"{key}: not a key of these settings" for key in found if key not in known]
    errors += [f"{key}: missing" for key in _FILE_KEYS if key not in found]
    for key, value in found.items():
        wanted = known.get(key, type(value))
        if type(value) is not (str if wanted is Path else wanted):
            errors.append(f"{key}: must be {'a number' if wanted is int else 'a text'}")
        elif isinstance(value, int) and key in known and not 0 <= value <= PORT_MAX:
            errors.append(f"{key}: must be 0 to {PORT_MAX}")
    return found


def _logs(entries: object, errors: list[str]) -> tuple[LogPlace, ...]:
    if not isinstance(entries, list) or not entries:
        errors.append("logs: at least one [[logs]] with division, gateway, origin")
        return ()
    places = [_place(f"logs[{n}]", entry, errors) for n, entry in enumerate(entries)]
    logs = tuple(place for place in places if place is not None)
    if len({(place.division, place.bank) for place in logs}) != len(logs):
        errors.append("logs: a bank has one log per division")
    return logs


def _gateways(entries: object, logs: tuple[LogPlace, ...], errors: list[str]) -> Mapping[str, str]:
    """Where the gateways that write the logs are reached; each once."""
    known = {place.gateway for place in logs}
    found: dict[str, str] = {}
    for n, entry in enumerate(entries if isinstance(entries, list) else [entries]):
        fields = entry if isinstance(entry, dict) else {}
        uri, url = fields.get("gateway"), fields.get("url")
        if set(fields) != {"gateway", "url"} or uri not in known or uri in found:
            errors.append(f"gateways[{n}]: exactly gateway (of a log, once) and url")
        elif not isinstance(url, str) or not url.startswith("https://"):
            errors.append(f"gateways[{n}].url: an https origin")
        else:
            found[uri] = url
    return found


def _place(where: str, entry: object, errors: list[str]) -> LogPlace | None:
    if not isinstance(entry, dict) or set(entry) - {"name"} != set(_LOG_KEYS):
        errors.append(f"{where}: must have exactly {', '.join(_LOG_KEYS)}, and may have name")
        return None
    if not all(isinstance(value, str) and value for value in entry.values()):
        errors.append(f"{where}: all values are texts")
        return None
    gateway = sender_of(entry["gateway"])
    if gateway is None or gateway.role is not Role.GATEWAY:
        errors.append(f"{where}.gateway: not a gateway's URI")
        return None
    errors += _unlike_log(where, entry["division"], gateway.uri, entry["origin"])
    return LogPlace(
        division=entry["division"],
        bank=gateway.name,
        gateway=gateway.uri,
        origin=entry["origin"],
        name=entry.get("name", ""),
    )


def _unlike_log(where: str, division: str, gateway: str, origin: str) -> Iterator[str]:
    """A log that no gateway writes would be waited for, and the real one refused, for ever."""
    if not DIVISION.fullmatch(division):
        yield f"{where}.division: must be nine digits (行政区划)"
    plain = f"{gateway}/log/{division}"
    if origin not in (plain, f"{plain}/{SM2_SM3}"):
        yield f"{where}.origin: must be {plain}, or that with /{SM2_SM3} after it"


def _secrets(environment: Mapping[str, str], errors: list[str]) -> dict[str, Any]:
    names = (DATABASE, DOOR_PASSPHRASE, WITNESS_PASSPHRASE)
    errors += [f"environment {name}: missing" for name in names if not environment.get(name)]
    if 0 < len(environment.get(WITNESS_PASSPHRASE, "").encode()) < SEAL_BYTES_MIN:
        errors.append(
            f"environment {WITNESS_PASSPHRASE}: {SEAL_BYTES_MIN} bytes or more: it seals what the"
            " database keeps secret; a token's PIN has a file of its own (pin-source)"
        )
    return {
        "database": environment.get(DATABASE, ""),
        "door_passphrase": environment.get(DOOR_PASSPHRASE, "").encode(),
        "witness_passphrase": environment.get(WITNESS_PASSPHRASE, "").encode(),
        "desk_passphrase": environment.get(DESK_PASSPHRASE, "").encode(),
        "oidc_secret": environment.get(OIDC_SECRET, ""),
    }

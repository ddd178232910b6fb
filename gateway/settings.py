"""The gateway's settings: one frozen object from a TOML file, secrets from the environment.

Unknown keys, wrong types and absent files are errors, all told at once, before anything starts.
"""

import os
import tomllib
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import msgspec

DATABASE_VARIABLE = "GATEWAY_DATABASE"
PASSPHRASE_VARIABLE = "GATEWAY_KEY_PASSPHRASE"  # noqa: S105 - the variable's name, not its value
COMMITMENT_VARIABLE = "GATEWAY_COMMITMENT_SECRET"


class SettingsInvalid(Exception):
    """The settings cannot be used; the message says which key and why."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    class Gateway(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        bank_code: str
        uri: str
        """This gateway's own party URI, `spiffe://<trust domain>/gateway/<bank code>`."""
        divisions: tuple[str, ...]
        listen_host: str = "127.0.0.1"
        listen_port: int = 8443
        ops_host: str = "127.0.0.1"
        shared_port: bool = False
        """Several gateway processes listen on one port (SO_REUSEPORT)."""
        ops_port: int = 8080
        connections_max: int = 4096
        """Connections of one process, handshakes included."""
        connections_per_party_max: int = 256
        in_flight_max: int = 512
        """Instructions on the line at once; beyond that the answer is 503 and Retry-After."""
        log_file: str | None = None
        """Where the operators' JSON log goes; standard error if absent."""

    class Tls(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        certificate: Path
        key: Path
        authority: Path

    class RecordKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        certificate: Path
        key: Path

    class Parties(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        authority: Path
        """The evidence CA's certificate."""
        folder: Path
        """Signing certificates of the parties, one PEM file each."""

    class Bank(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        host: str
        port: int
        tls: bool = True
        idempotent: bool
        enquiry: bool
        horizon_s: float | None = None
        connections: int = 32
        deadline_s: float = 3.0

    class Bureau(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        url: str

    class Policies(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        folder: Path

    class Registers(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        age_max_s: float = 129600.0
        """A register made longer ago is stale: what rests on it is held, never passed."""

    gateway: Gateway
    tls: Tls
    record_key: RecordKey
    parties: Parties
    bank: Bank
    bureaus: dict[str, Bureau]
    """By division."""
    policies: Policies
    registers: Registers = msgspec.field(default_factory=Registers)


class Secrets(msgspec.Struct, frozen=True, kw_only=True):
    database: str
    passphrase: bytes
    commitment: bytes


def read_settings(path: Path) -> Settings:
    """Raises SettingsInvalid."""
    try:
        fields = tomllib.loads(path.read_text(encoding="utf-8"))
        settings = msgspec.convert(fields, Settings, dec_hook=partial(_path, path.parent))
    except OSError as error:
        raise SettingsInvalid(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise SettingsInvalid(f"{path}: {error}") from error
    problems = _problems(settings)
    if problems:
        raise SettingsInvalid(f"{path}: " + "; ".join(problems))
    return settings


def read_secrets(environment: Mapping[str, str] = os.environ) -> Secrets:
    """Raises SettingsInvalid naming every variable that is absent."""
    names = (DATABASE_VARIABLE, PASSPHRASE_VARIABLE, COMMITMENT_VARIABLE)
    absent = [name for name in names if not environment.get(name)]
    if absent:
        raise SettingsInvalid("set these environment variables: " + ", ".join(absent))
    return Secrets(
        database=environment[DATABASE_VARIABLE],
        passphrase=environment[PASSPHRASE_VARIABLE].encode(),
        commitment=environment[COMMITMENT_VARIABLE].encode(),
    )


def _path(folder: Path, kind: type, value: object) -> object:
    """Paths in the file are relative to its folder."""
    if kind is Path and isinstance(value, str):
        return folder / value
    raise NotImplementedError(kind)


def _problems(settings: Settings) -> list[str]:
    files = (
        ("tls.certificate", settings.tls.certificate),
        ("tls.key", settings.tls.key),
        ("tls.authority", settings.tls.authority),
        ("record_key.certificate", settings.record_key.certificate),
        ("record_key.key", settings.record_key.key),
        ("parties.authority", settings.parties.authority),
    )
    folders = (
        ("parties.folder", settings.parties.folder),
        ("policies.folder", settings.policies.folder),
    )
    problems = [f"{name}: no file {path}" for name, path in files if not path.is_file()]
    problems += [f"{name}: no folder {path}" for name, path in folders if not path.is_dir()]
    problems += [
        f"bureaus.{division}: no bureau for a division of gateway.divisions"
        for division in settings.gateway.divisions
        if division not in settings.bureaus
    ]
    return problems

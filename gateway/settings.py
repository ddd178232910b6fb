"""The gateway's settings: one frozen object from a TOML file, secrets from the environment.

Unknown keys, wrong types and absent files are errors, all told at once, before anything starts.
What is read is described by msgspec; `settings_shape` names everything that does not fit it.
"""

import os
import tomllib
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from gateway.domain.codes import Register
from gateway.domain.log import SM2_SM3
from gateway.domain.parties import Role, sender_of
from gateway.settings_shape import path_in, unlike_shape

DATABASE_VARIABLE = "GATEWAY_DATABASE"
PASSPHRASE_VARIABLE = "GATEWAY_KEY_PASSPHRASE"  # noqa: S105 - the variable's name, not its value
COMMITMENT_VARIABLE = "GATEWAY_COMMITMENT_SECRET"
PEOPLE_VARIABLE = "GATEWAY_PEOPLE_KEY"
"""The file that holds the key for people's data; in production it must be there."""
HORIZON_S_MIN = 1.0
"""A core that could be believed at once would need no horizon: 0 would give back money that a
request on its way still pays."""
OFFICERS_LEAST = 2


Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
Count = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]
Text = Annotated[str, msgspec.Meta(min_length=1)]
WebAddress = Annotated[str, msgspec.Meta(pattern="^https://[^/@]+(/.*)?$")]
Division = Annotated[str, msgspec.Meta(pattern="^[0-9]{9}$")]
"""行政区划, nine digits."""


class SettingsInvalid(Exception):
    """The settings cannot be used; the message says which key and why."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    class Gateway(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        bank_code: Text
        uri: Text
        """This gateway's own party URI, `spiffe://<trust domain>/gateway/<bank code>`."""
        divisions: Annotated[tuple[Division, ...], msgspec.Meta(min_length=1)]
        partial_batches: tuple[Division, ...] = ()
        """Divisions whose bureau lets the sound details of a batch pass without the others."""
        listen_host: Text = "127.0.0.1"
        listen_port: Port = 8443
        ops_host: Text = "127.0.0.1"
        shared_port: bool = False
        """Several gateway processes listen on one port (SO_REUSEPORT)."""
        ops_port: Port = 8080
        connections_max: Count = 4096
        """Connections of one process, handshakes included."""
        connections_per_party_max: Count = 256
        in_flight_max: Count = 512
        """Instructions on the line at once; beyond that the answer is 503 and Retry-After."""
        in_flight_per_party_max: Count = 32
        """Of one party while others send too; the rest of them wait a second, then as above."""
        log_file: Path | None = None
        """Where the operators' JSON log goes; standard error if absent."""

    class Tls(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        certificate: Path
        key: Path
        authority: Path
        revocations: Path | None = None
        """A CRL (PEM) of the transport authority; an expired one refuses everyone."""

    class RecordKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        certificate: Path
        key: Path
        suite: Literal["GW1-P256-SHA256", "GW1-SM2-SM3"] = "GW1-P256-SHA256"
        """Chosen at set-up and for the life of the logs: it stands in their name."""
        sm2_certificate: Path | None = None
        sm2_key: Path | None = None
        """In GW1-SM2-SM3: the second key, which signs beside the first."""

    class Parties(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        authority: Path
        """The evidence CA's certificate."""
        folder: Path
        """Signing certificates of the parties, one PEM file each."""
        revocations: Path | None = None
        """CRLs (PEM) of the evidence authority; beyond an expired one no signature counts."""

    class Bank(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        host: Text
        port: Port
        peer: Text
        """Whose certificate the core must show: `spiffe://<trust domain>/bank/<bank code>`."""
        tls: bool = True
        idempotent: bool
        enquiry: bool
        horizon_s: Annotated[float, msgspec.Meta(ge=HORIZON_S_MIN)] | None = None
        """How long after not being found a payment can no longer take effect; absent: never."""
        partial: bool = False
        """Whether the core can leave out details of a voucher (docs/bank-core.md)."""
        recall: bool = False
        """Whether the core can be asked for a payment back; otherwise a recall of what was
        forwarded is refused with that reason."""
        connections: Count = 32
        deadline_s: Seconds = 3.0
        wire: Literal["json", "voucher_store", "iso20022"] = "json"
        """How the core is spoken to; it also says which formats it can be handed."""
        books: bool = False
        """The core offers its list of movements (`GET /v1/entries`); otherwise it hands statements
        over."""

    class Bureau(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        url: Annotated[str, msgspec.Meta(pattern="^https://[^/]+$")]
        peer: Text
        """Whose certificate it must show, and whose witness key must sign what it acknowledges:
        `spiffe://<trust domain>/bureau/<division>`."""

    class Policies(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        """Exactly one of `books` (in production) and `folder` (unsigned: to try out, to test)."""

        books: Path | None = None
        """Where `policy activate` keeps signed books; the newest that is due is in force."""
        officers: tuple[Text, ...] = ()
        """Who may sign them, two for each; their certificates stand in `parties.folder`."""
        folder: Path | None = None

    class Registers(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        age_max_s: Seconds = 129600.0
        """A register that the bureau last spoke of longer ago is stale: what rests on it is held,
        never passed."""
        ages: dict[Register, Seconds] = {}
        """Registers with a limit of their own."""

    class Conduct(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        """How long the bank has (JL-102 to JL-106); the regulation gives no figures."""

        day_end_minute: Annotated[int, msgspec.Meta(ge=0, le=1440)] = 17 * 60
        """Of the legal day; what passes later is due on the next working day."""
        day_start_minute: Annotated[int, msgspec.Meta(ge=0, le=1440)] = 8 * 60 + 30
        """By when what left an account is cleared, on the working day after."""
        records_s: Seconds = 300.0
        notices_s: Seconds = 600.0
        task_workdays: Annotated[int, msgspec.Meta(ge=0, le=60)] = 2
        look_back_days: Annotated[int, msgspec.Meta(ge=1, le=366)] = 10

    class Files(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        """A watched folder of day files; absent: none is watched."""

        folder: Path
        """Holds `incoming`, `working`, `done` and `failed`; made if they are not there."""
        carrier: Text
        """Whose folder it is: `spiffe://<trust domain>/channel/<division>/<name>`, or
        `spiffe://<trust domain>/bank/<bank code>`, the bank's own."""

    class Holds(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        expire_s: Annotated[float, msgspec.Meta(ge=1)] = 10 * 86_400.0
        """How long a hold waits for the bureau; then it ends, and nothing is paid on it."""
        officers: tuple[Text, ...] = ()
        """If given: both persons of a release or refusal must have signed it themselves, and be of
        these; otherwise the bureau's signature answers for the two that it names."""

    class Unknowns(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        """Who decides about a payment whose outcome the bank does not tell."""

        officers: tuple[Text, ...] = ()
        """If given: two of these sign each decision; otherwise one typed name answers for it."""

    class Witness(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        """What tells a database that was restored from an older copy, beside the bureau."""

        mark: Path | None = None
        """A file outside the database, in a folder that this gateway may write: how far each log
        had come. The processes of one host share it; each host has its own."""

    class Push(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        """Agencies that are told at an address of their own; the others fetch."""

        agencies: dict[Division, dict[Text, WebAddress]] = {}
        """By division and agency code."""
        inside: tuple[Text, ...] = ()
        """Hosts of these addresses that may lie in our own network; all others may not."""
        authority: Path | None = None
        """Whose certificates the receivers show; the system's authorities if absent."""

    class Certs(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        """Who decides about certificates, and who is told before one ends."""

        officers: tuple[Text, ...] = ()
        """At least two, for any decision; their signing certificates stand in `parties.folder`."""
        webhook: WebAddress | None = None
        """Where alerts are sent, signed with the record key."""
        webhook_inside: bool = False
        """Whether that host may lie in our own network."""
        webhook_authority: Path | None = None
        """PEM of the authority of the webhook's own certificate; the system's if absent."""

    gateway: Gateway
    tls: Tls
    record_key: RecordKey
    parties: Parties
    bank: Bank
    bureaus: dict[Division, Bureau]
    """By division."""
    policies: Policies
    registers: Registers = msgspec.field(default_factory=Registers)
    holds: Holds = msgspec.field(default_factory=Holds)
    unknowns: Unknowns = msgspec.field(default_factory=Unknowns)
    conduct: Conduct = msgspec.field(default_factory=Conduct)
    witness: Witness = msgspec.field(default_factory=Witness)
    files: Files | None = None
    push: Push = msgspec.field(default_factory=Push)
    certs: Certs = msgspec.field(default_factory=Certs)


class Secrets(msgspec.Struct, frozen=True, kw_only=True):
    """Never shown, not even by a traceback that prints its values."""

    database: str
    passphrase: bytes
    commitment: bytes

    def __repr__(self) -> str:
        return "Secrets(***)"


_FILES = ("tls.authority", "parties.authority")
_OWN_FILES = (
    "tls.certificate", "tls.key", "record_key.certificate", "record_key.key", "tls.revocations",
    "parties.revocations", "record_key.sm2_certificate", "record_key.sm2_key",
)  # fmt: skip
"""Keys, certificates and lists that `certs` makes for this gateway."""
_FOLDERS = ("parties.folder", "policies.books", "policies.folder")


def read_settings(path: Path, *, before_keys: bool = False) -> Settings:
    """The gateway's settings; `before_keys` for who makes its first keys and certificates, or
    looks after them: then its own need not be there yet. Raises SettingsInvalid, one error a line.
    """
    try:
        fields = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsInvalid(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsInvalid(f"{path}: {error}") from error
    hook = partial(path_in, path.parent)
    problems = list(unlike_shape(Settings, fields, "", hook))
    settings = None
    if not problems:
        settings = msgspec.convert(fields, Settings, dec_hook=hook)
        problems = _problems(settings)
    problems += _absent(fields, path.parent, before_keys)
    if problems or settings is None:
        raise SettingsInvalid("\n  ".join([f"{path}:", *problems]))
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


def _problems(settings: Settings) -> list[str]:
    named = sender_of(settings.gateway.uri)
    problems = []
    if named is None or named.role is not Role.GATEWAY or named.name != settings.gateway.bank_code:
        problems.append("gateway.uri: must be spiffe://<trust domain>/gateway/<bank_code>")
    problems += _unlike_peers(settings)
    problems += _unlike_officers(settings)
    problems += _unlike_suite(settings)
    problems += _unlike_certs(settings)
    problems += [
        f"bureaus.{division}: no bureau for a division of gateway.divisions"
        for division in settings.gateway.divisions
        if division not in settings.bureaus
    ]
    problems += _unlike_parts(settings)
    return problems


def _absent(fields: dict[str, Any], folder: Path, before_keys: bool) -> Iterator[str]:
    """Asked of the file as it was written, so that it is told beside whatever else is wrong."""
    for name in (*_FILES, *(() if before_keys else _OWN_FILES)):
        if (path := _path_at(fields, name, folder)) and not path.is_file():
            yield f"{name}: no file {path}"
    for name in _FOLDERS:
        if (path := _path_at(fields, name, folder)) and not path.is_dir():
            yield f"{name}: no folder {path}"


def _path_at(fields: dict[str, Any], name: str, folder: Path) -> Path | None:
    table, _, key = name.partition(".")
    held = fields.get(table)
    value = held.get(key) if isinstance(held, dict) else None
    return folder / value if isinstance(value, str) else None


def _unlike_parts(settings: Settings) -> Iterator[str]:
    """Parts of a batch pass only where the division is served and the bank can leave out others."""
    for division in settings.gateway.partial_batches:
        if division not in settings.gateway.divisions:
            yield f"gateway.partial_batches: {division} is not one of gateway.divisions"
    if settings.gateway.partial_batches and not settings.bank.partial:
        yield "gateway.partial_batches: the bank core takes no parts (bank.partial)"


def _sm2_files(settings: Settings) -> Iterator[tuple[str, Path]]:
    chosen = settings.record_key
    for name, path in (("sm2_certificate", chosen.sm2_certificate), ("sm2_key", chosen.sm2_key)):
        if path is not None:
            yield f"record_key.{name}", path


def _unlike_suite(settings: Settings) -> Iterator[str]:
    """GW1-SM2-SM3 has a second key and certificate, the other suite neither."""
    wanted = settings.record_key.suite == SM2_SM3
    named = {name for name, _ in _sm2_files(settings)}
    for name in ("record_key.sm2_certificate", "record_key.sm2_key"):
        if wanted and name not in named:
            yield f"{name}: the suite {SM2_SM3} needs it"
        elif not wanted and name in named:
            yield f"{name}: belongs to the suite {SM2_SM3}, which record_key.suite does not choose"


def _unlike_officers(settings: Settings) -> Iterator[str]:
    """One source of policies; signed ones have officers, operators of our trust domain."""
    chosen = settings.policies
    if (chosen.books is None) == (chosen.folder is None):
        yield "policies: set either books (signed) or folder (unsigned)"
    if chosen.books is not None and len(set(chosen.officers)) < OFFICERS_LEAST:
        yield f"policies.officers: at least {OFFICERS_LEAST} different ones sign a book"
    yield from _unlike_operators(settings, "policies", chosen.officers)


def _unlike_certs(settings: Settings) -> Iterator[str]:
    """One officer alone could decide nothing."""
    for table, officers, about in (
        ("certs", settings.certs.officers, "a certificate"),
        ("unknowns", settings.unknowns.officers, "an unknown payment"),
        ("holds", settings.holds.officers, "a hold"),
    ):
        if officers and len(set(officers)) < OFFICERS_LEAST:
            yield f"{table}.officers: at least {OFFICERS_LEAST} different ones decide on {about}"
        yield from _unlike_operators(settings, table, officers)


def _unlike_operators(settings: Settings, table: str, officers: tuple[str, ...]) -> Iterator[str]:
    named = sender_of(settings.gateway.uri)
    domain = named.trust_domain if named else ""
    for uri in officers:
        officer = sender_of(uri)
        if officer is None or (officer.role, officer.trust_domain) != (Role.OPERATOR, domain):
            yield f"{table}.officers: {uri} must be spiffe://{domain}/operator/<name>"


_NAMES = {Role.BANK: "<bank code>", Role.BUREAU: "<division>", Role.CHANNEL: "<division>/<name>"}


def _unlike_peers(settings: Settings) -> Iterator[str]:
    """Peers are of our trust domain and of the role that they are named for."""
    named = sender_of(settings.gateway.uri)
    domain = named.trust_domain if named else ""
    wanted = [("bank.peer", settings.bank.peer, Role.BANK, "")]
    wanted += [
        (f"bureaus.{division}.peer", bureau.peer, Role.BUREAU, division)
        for division, bureau in settings.bureaus.items()
    ]
    if settings.files:
        carrier = sender_of(settings.files.carrier)
        banks = carrier is not None and carrier.role is Role.BANK
        role, name = (Role.BANK, settings.gateway.bank_code) if banks else (Role.CHANNEL, "")
        wanted.append(("files.carrier", settings.files.carrier, role, name))
    for key, uri, role, name in wanted:
        peer = sender_of(uri)
        unlike = peer is None or (peer.role, peer.trust_domain) != (role, domain)
        if unlike or (peer and name and peer.name != name):
            yield f"{key}: must be spiffe://{domain}/{role}/{name or _NAMES[role]}"

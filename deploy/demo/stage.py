"""The stage: PostgreSQL, a bank core, the bureau and the gateway as real processes on loopback."""

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import attrs

from adapters.postgres.embedded.server import EmbeddedPostgres
from certs.log.note import log_origin
from deploy.demo.free_ports import free_port
from deploy.demo.identities import Identities, uri
from deploy.demo.processes import Crew
from gateway.domain.log import P256_SHA256, SM2_SM3

HOST = "127.0.0.1"
OFFICERS = ("li", "wang")
"""Who sign policy books, where books are signed: author and approver."""
BANK_CODE = "103241001000"


@attrs.frozen(kw_only=True)
class Ports:
    bank: int
    door: int
    ops: int
    bureau: int
    desk: int
    bureau_ops: int


@attrs.frozen(kw_only=True)
class Plot:
    """What a stage is to be like."""

    division: str
    bank_habits: tuple[str, ...] = ()
    """Command line options of the simulated bank core."""
    bank_wire: str = "json"
    """`bank.wire`, and what the simulated core speaks."""
    bank_horizon_s: float = 6.0
    bank_connections: int = 64
    bank_deadline_s: float = 2.0
    gateways: int = 1
    suite: str = P256_SHA256
    """Of the bank's log, its receipts and the bureau's cosignatures."""
    files: bool = False
    """Whether the gateway watches `<folder>/files`."""
    books: bool = True
    """Whether the gateway reads the bank's own books."""
    working_hours: bool = False
    """Whether the gateway holds the library whole, as the desk does. Without JL-090 (payments out
    of hours) tests and measurements see the same by day and by night."""
    signed: bool = False
    """Whether the gateway takes only books that two officers signed, as in production; the first
    is signed when it starts."""
    commitment_secret: str = attrs.field(factory=lambda: secrets.token_hex(32), repr=False)


class Stage:
    """Starts, kills and restarts the programs; `crew` holds the processes."""

    def __init__(self, folder: Path, crew: Crew, identities: Identities, plot: Plot) -> None:
        self.folder = folder
        self.crew = crew
        self.identities = identities
        self.plot = plot
        self.ports = Ports(
            bank=free_port(HOST),
            door=free_port(HOST),
            ops=free_port(HOST),
            bureau=free_port(HOST),
            desk=free_port(HOST),
            bureau_ops=free_port(HOST),
        )
        self.reached = self.ports
        """Where the others look for each program: its port, unless something lies between."""
        self.postgres = EmbeddedPostgres(folder / "postgres", throwaway=True)
        self.gateway_database = ""
        self.database_reached = ""
        self.bureau_database = ""
        self.gateway_more: dict[str, dict[str, str]] = {}
        """What else each gateway finds in its environment, by its name."""
        gateway, bureau = uri("gateway", BANK_CODE), uri("bureau", plot.division)
        # Every key is made before any program starts: each must find the others' certificates.
        self.client = identities.connection("channel", uri("channel", plot.division, "demo"))
        self.operator = identities.connection("operator", uri("operator", "demo"))
        self.bank_tls = identities.connection("bank", uri("bank", BANK_CODE))
        self.bureau_tls = identities.connection("bureau", bureau)
        self.gateway_tls = identities.connection("gateway", gateway)
        self.witness = identities.record_key("bureau", bureau)
        self.record_key = identities.record_key("gateway", gateway)
        self.bank_record = identities.record_key("bank", uri("bank", BANK_CODE))
        self.sm2: dict[str, tuple[Path, Path]] = {}
        if plot.suite == SM2_SM3:
            parties = {"bureau": bureau, "gateway": gateway}
            self.sm2 = {name: identities.sm2_record_key(name, one) for name, one in parties.items()}
        self.officers = {
            name: identities.record_key(f"officer-{name}", uri("operator", name))
            for name in (OFFICERS if plot.signed else ())
        }
        self.channel_key = identities.record_key("channel", uri("channel", plot.division, "demo"))

    @property
    def gateway_names(self) -> tuple[str, ...]:
        return tuple(f"gateway-{number}" for number in range(self.plot.gateways))

    def start_database(self) -> None:
        named = os.environ.get("GATEWAY_DATABASE")
        if named:
            raise RuntimeError(
                "the demonstration brings its own PostgreSQL; unset GATEWAY_DATABASE"
            )
        self.postgres.start()
        self.gateway_database = self.postgres.create_database("gateway")
        self.database_reached = self.gateway_database
        self.bureau_database = self.postgres.create_database("bureau")

    def start_bank(self) -> None:
        tls = self.bank_tls
        argv = [
            sys.executable, "-m", "adapters.bank.simulator", "--host", HOST,
            "--port", str(self.ports.bank), "--state", str(self.folder / "bank.journal"),
            "--horizon-s", str(self.plot.bank_horizon_s), "--wire", self.plot.bank_wire,
            *self.plot.bank_habits,
            "--tls-cert", str(tls.certificate), "--tls-key", str(tls.key),
            "--tls-ca", str(tls.authorities),
        ]  # fmt: skip
        self._start("bank", argv, {"BANK_TLS_PASSPHRASE": self._passphrase}, "listening")

    def start_bureau(self) -> None:
        settings = self.folder / "bureau.toml"
        settings.write_text(self._bureau_settings(), encoding="utf-8")
        argv = [sys.executable, "-m", "bureau", "--settings", str(settings)]
        self._start("bureau", argv, self.bureau_environment, "ready")

    def start_gateways(self) -> None:
        """The first also migrates; all listen on one port and share the database."""
        if self.plot.signed:
            self._sign_first_book()
        for number, name in enumerate(self.gateway_names):
            settings = self.folder / f"{name}.toml"
            settings.write_text(self._gateway_settings(number), encoding="utf-8")
            argv = [sys.executable, "-m", "gateway", "serve", "--settings", str(settings)]
            environment = {**self.gateway_environment, **self.gateway_more.get(name, {})}
            self._start(name, argv, environment, "gateway.ready")

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    @property
    def gateway_environment(self) -> dict[str, str]:
        made = {
            "GATEWAY_DATABASE": self.database_reached,
            "GATEWAY_KEY_PASSPHRASE": self._passphrase,
            "GATEWAY_COMMITMENT_SECRET": self.plot.commitment_secret,
        }
        return made | ({"GATEWAY_PEOPLE_KEY": str(self._people_key())} if self.plot.signed else {})

    def _people_key(self) -> Path:
        file = self.folder / "people.key"
        if not file.exists():
            self._command("people", "key", str(file))
        return file

    @property
    def books(self) -> Path:
        """Where the gateway keeps signed books."""
        return self.folder / "books"

    def sign_book(self, folder: Path, file: Path, after: Path | None) -> None:
        """A book of these documents, signed by the two officers with their own keys."""
        (author, approver) = (self.officers[name] for name in OFFICERS)
        follows = ("--after", str(after)) if after else ()
        self._command("policy", "sign", str(file), "--policies", str(folder), *follows,
                      "--certificate", str(author[0]), "--key", str(author[1]))  # fmt: skip
        self._command("policy", "sign", str(file), "--approve",
                      "--certificate", str(approver[0]), "--key", str(approver[1]))  # fmt: skip

    def _sign_first_book(self) -> None:
        first = self.books / "book-000001.json"
        if not first.exists():
            self.books.mkdir()
            self.sign_book(_library(), first, None)

    def _command(self, *words: str) -> None:
        environment = self.environment({"GATEWAY_KEY_PASSPHRASE": self._passphrase})
        subprocess.run(
            [sys.executable, "-m", "gateway", *words], env=environment, check=True,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip

    @property
    def bureau_environment(self) -> dict[str, str]:
        return {
            "BUREAU_DATABASE": self.bureau_database,
            "BUREAU_DOOR_PASSPHRASE": self._passphrase,
            "BUREAU_WITNESS_PASSPHRASE": self._passphrase,
        }

    @property
    def log_origin(self) -> str:
        """First line of the checkpoints of this division's log."""
        return log_origin(uri("gateway", BANK_CODE), self.plot.division, self.plot.suite)

    @property
    def _passphrase(self) -> str:
        return self.identities.passphrase.decode()

    def _start(
        self, name: str, argv: list[str], environment: Mapping[str, str], ready: str
    ) -> None:
        self.crew.start(name, argv, self.environment(environment), self.log(name), ready=ready)

    def environment(self, more: Mapping[str, str]) -> dict[str, str]:
        """Ours without any settings of a real gateway, and `more`."""
        plain = {key: value for key, value in os.environ.items() if "GATEWAY" not in key}
        return {**plain, **more}

    def _gateway_settings(self, number: int) -> str:
        made, plot, tls, record = self.identities, self.plot, self.gateway_tls, self.record_key
        return f"""
[gateway]
bank_code = "{BANK_CODE}"
uri = "{uri("gateway", BANK_CODE)}"
divisions = ["{plot.division}"]
listen_host = "{HOST}"
listen_port = {self.ports.door}
shared_port = {"true" if plot.gateways > 1 else "false"}
ops_host = "{HOST}"
ops_port = {self.ports.ops if number == 0 else free_port(HOST)}

[tls]
certificate = "{tls.certificate}"
key = "{tls.key}"
authority = "{tls.authorities}"

[record_key]
certificate = "{record[0]}"
key = "{record[1]}"
suite = "{plot.suite}"
{self._second_key("gateway")}

[parties]
authority = "{made.evidence_authority}"
folder = "{made.parties}"

[bank]
wire = "{plot.bank_wire}"
host = "{HOST}"
port = {self.reached.bank}
peer = "{uri("bank", BANK_CODE)}"
idempotent = false
enquiry = true
horizon_s = {plot.bank_horizon_s}
recall = true
connections = {plot.bank_connections}
deadline_s = {plot.bank_deadline_s}
books = {"true" if plot.books else "false"}

[bureaus.{plot.division}]
url = "https://{HOST}:{self.reached.bureau}"
peer = "{uri("bureau", plot.division)}"

[witness]
mark = "log.mark"

[policies]
{self._policy_source()}
{self._files()}
"""

    def _files(self) -> str:
        if not self.plot.files:
            return ""
        carrier = uri("channel", self.plot.division, "demo")
        return f'[files]\nfolder = "{self.folder / "files"}"\ncarrier = "{carrier}"'

    def _second_key(self, name: str) -> str:
        if name not in self.sm2:
            return ""
        certificate, key = self.sm2[name]
        return f'sm2_certificate = "{certificate}"\nsm2_key = "{key}"'

    def _policy_source(self) -> str:
        if not self.plot.signed:
            return f'folder = "{self.library}"'
        officers = ", ".join(f'"{uri("operator", name)}"' for name in OFFICERS)
        return f'books = "{self.books}"\nofficers = [{officers}]'

    @property
    def library(self) -> Path:
        """The documents that the gateway holds, where they are not signed."""
        if self.plot.working_hours:
            return _library()
        folder = self.folder / "policies"
        if not folder.exists():
            shutil.copytree(_library(), folder, ignore=shutil.ignore_patterns("JL-090.toml"))
        return folder

    def _bureau_settings(self) -> str:
        tls, witness = self.bureau_tls, self.witness
        return f"""
[door]
host = "{HOST}"
port = {self.ports.bureau}
certificate = "{tls.certificate}"
key = "{tls.key}"
authorities = "{tls.authorities}"

[desk]
host = "{HOST}"
port = {self.ports.desk}
name = "吉林省财政厅国库处（演示）"
issuer = "吉林省财政厅（演示）"

[ops]
host = "{HOST}"
port = {self.ports.bureau_ops}

[witness]
certificate = "{witness[0]}"
key = "{witness[1]}"
{self._second_key("bureau")}

[trust]
evidence_authorities = "{self.identities.evidence_authority}"
parties = "{self.identities.parties}"

[[logs]]
division = "{self.plot.division}"
gateway = "{uri("gateway", BANK_CODE)}"
origin = "{self.log_origin}"
name = "松江银行"

[[gateways]]
gateway = "{uri("gateway", BANK_CODE)}"
url = "https://{HOST}:{self.reached.door}"
"""


def _library() -> Path:
    return Path(__file__).parents[2] / "policies" / "library" / "jilin"

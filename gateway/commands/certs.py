"""`certs`: what the security team does with certificates, from the ceremony to the last list."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Annotated, Any, TypeVar

import typer
from rich.table import Column, Table

from gateway.commands import authorities
from gateway.commands.asking import ask
from gateway.commands.authorities import AuthorityPassphrase
from gateway.commands.terminal import (
    DONE,
    NO,
    USAGE,
    Database,
    Json,
    OfficerCertificate,
    OfficerKey,
    SettingsFile,
    console,
    fail,
    show,
    show_table,
    tell,
)
from gateway.commands.usage import App
from gateway.domain.certificates import Case, MoveRefused, Profile, Reason, State
from gateway.domain.faults import LedgerUnavailable
from gateway.settings import SettingsInvalid, read_settings

certs_app = App(
    help="Certificates and keys (证书与密钥): cases, authorities, lists, inventory.",
    no_args_is_help=True,
)
certs_app.command("key")(authorities.certs_key)
certs_app.command("ceremony")(authorities.certs_ceremony)
certs_app.command("authority-request")(authorities.certs_authority_request)
certs_app.command("authority-sign")(authorities.certs_authority_sign)
certs_app.command("authority-import")(authorities.certs_authority_import)
certs_app.command("inventory")(authorities.certs_inventory)
certs_app.command("ocsp")(authorities.certs_ocsp)

OFFICER_VARIABLE = "CERTS_OFFICER_PASSPHRASE"

Folder = Annotated[Path, typer.Option("--authority", help="Folder of the authorities.")]
OfficerPassphrase = Annotated[
    str,
    typer.Option(
        default_factory=str, envvar=OFFICER_VARIABLE, show_default=False,
        help="Opens the officer's key; none where a PIN's file is named.",
    ),
]  # fmt: skip
Note = Annotated[str, typer.Option(help="Why; stands in the record.")]
Id = Annotated[str, typer.Argument(help="The case.")]
_Result = TypeVar("_Result")


@certs_app.command("request")
def certs_request(
    file: Annotated[Path, typer.Argument(help="The request (PKCS#10, PEM).")],
    profile: Annotated[Profile, typer.Option(help="What it is for.")],
    settings: SettingsFile, database: Database,
    certificate: OfficerCertificate, key: OfficerKey, passphrase: OfficerPassphrase,
    replaces: Annotated[str | None, typer.Option(help="Case it succeeds.")] = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Open a case for a request; another officer approves it."""
    desk = _Desk(settings, database, certificate, key, passphrase)
    case = desk.work(lambda registry: registry.ask(_read(file), profile, replaces))
    _tell(case, as_json)


@certs_app.command("approve")
def certs_approve(
    id: Id, settings: SettingsFile, database: Database,
    certificate: OfficerCertificate, key: OfficerKey, passphrase: OfficerPassphrase,
    note: Note = "", as_json: Json = False,
) -> None:  # fmt: skip
    """Approve another officer's request; every check runs again."""
    _Desk(settings, database, certificate, key, passphrase).step(id, State.APPROVED, note, as_json)


@certs_app.command("refuse")
def certs_refuse(
    id: Id, settings: SettingsFile, database: Database,
    certificate: OfficerCertificate, key: OfficerKey, passphrase: OfficerPassphrase,
    note: Note = "", as_json: Json = False,
) -> None:  # fmt: skip
    """Refuse another officer's request."""
    _Desk(settings, database, certificate, key, passphrase).step(id, State.REFUSED, note, as_json)


@certs_app.command("issue")
def certs_issue(
    id: Id, out: Annotated[Path, typer.Option(help="The certificate, PEM.")],
    settings: SettingsFile, database: Database,
    certificate: OfficerCertificate, key: OfficerKey, passphrase: OfficerPassphrase,
    authority: Folder, authority_passphrase: AuthorityPassphrase,
    transport: Annotated[
        bool, typer.Option("--transport", help="An OCSP responder of the transport authority.")
    ] = False,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Sign an approved case's certificate with our own authority."""
    from certs.authority import Purpose
    from gateway.tending.registry import Act, open_authority, purpose_of

    desk = _Desk(settings, database, certificate, key, passphrase)
    cases = _cases(database)
    profile = next((one.order.profile for one in cases if one.order.id == id), Profile.SIGNING)
    purpose = Purpose.TRANSPORT if transport else purpose_of(profile)
    try:
        signing = open_authority(authority, purpose, authority_passphrase.encode())
    except (ValueError, OSError) as reason:
        raise fail(f"certs issue: {reason}") from reason
    _expect_room(out)
    case = desk.work(lambda registry: registry.act(id, Act(to=State.ISSUED, authority=signing)))
    assert case.issued
    _write(out, case.issued.certificate, f"certificate {case.issued.serial} is issued")
    _tell(case, as_json)


@certs_app.command("import")
def certs_import(
    id: Id, file: Annotated[Path, typer.Argument(help="What another authority signed, PEM.")],
    settings: SettingsFile, database: Database,
    certificate: OfficerCertificate, key: OfficerKey, passphrase: OfficerPassphrase,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Take in the certificate of an approved case that a bank's or licensed authority signed."""
    from certs.keys import load_certificates
    from gateway.tending.registry import Act

    desk = _Desk(settings, database, certificate, key, passphrase)
    try:
        foreign = load_certificates(file)[0]
    except (ValueError, OSError) as reason:
        raise fail(f"certs import: {reason}") from reason
    act = Act(to=State.ISSUED, certificate=foreign)
    _tell(desk.work(lambda registry: registry.act(id, act)), as_json)


@certs_app.command("stage")
def certs_stage(
    id: Id, settings: SettingsFile, database: Database,
    certificate: OfficerCertificate, key: OfficerKey, passphrase: OfficerPassphrase,
    note: Note = "", as_json: Json = False,
) -> None:  # fmt: skip
    """It is known to everyone who must trust it; not yet used."""
    _Desk(settings, database, certificate, key, passphrase).step(id, State.STAGED, note, as_json)


@certs_app.command("activate")
def certs_activate(
    id: Id, settings: SettingsFile, database: Database,
    certificate: OfficerCertificate, key: OfficerKey, passphrase: OfficerPassphrase,
    note: Note = "", as_json: Json = False,
) -> None:  # fmt: skip
    """It is in use; the one it replaces goes on beside it until it is retired."""
    _Desk(settings, database, certificate, key, passphrase).step(id, State.ACTIVE, note, as_json)


@certs_app.command("retire")
def certs_retire(
    id: Id, settings: SettingsFile, database: Database,
    certificate: OfficerCertificate, key: OfficerKey, passphrase: OfficerPassphrase,
    done: Annotated[bool, typer.Option("--done", help="Nobody uses it any more.")] = False,
    note: Note = "", as_json: Json = False,
) -> None:  # fmt: skip
    """Its successor is in use (retiring); with --done, it is out of use (retired)."""
    to = State.RETIRED if done else State.RETIRING
    _Desk(settings, database, certificate, key, passphrase).step(id, to, note, as_json)


@certs_app.command("revoke")
def certs_revoke(
    settings: SettingsFile, database: Database,
    certificate: OfficerCertificate, key: OfficerKey, passphrase: OfficerPassphrase,
    id: Annotated[str, typer.Option("--case", help="The case.")] = "",
    foreign: Annotated[
        Path | None, typer.Option("--file", help="The certificate, PEM, and its case.")
    ] = None,
    reason: Annotated[Reason, typer.Option(help="Why.")] = Reason.UNSPECIFIED,
    note: Note = "", as_json: Json = False,
) -> None:  # fmt: skip
    """End a certificate now, on every process; one officer is enough. It is never lifted."""
    from certs.keys import load_certificates
    from gateway.tending.registry import Act

    if bool(id) == bool(foreign):
        raise fail("certs revoke: say either --case or --file", USAGE)
    desk = _Desk(settings, database, certificate, key, passphrase)
    if foreign is not None:
        try:
            ending = load_certificates(foreign)[0]
        except (ValueError, OSError) as error:
            raise fail(f"certs revoke: {error}") from error
        case = desk.work(lambda registry: registry.case_of(ending))
        # Revoked beside its case, the case would go on as one that lives.
        if case is not None and case.state is not State.REVOKED:
            id = case.order.id
    if id:
        act = Act(to=State.REVOKED, reason=reason, note=note)
        _tell(desk.work(lambda registry: registry.act(id, act)), as_json)
        return
    new = desk.work(lambda registry: registry.revoke_foreign(ending, reason))
    if as_json:
        show({"revoked": new})
    else:
        typer.echo("revoked" if new else "it was revoked before")
    raise typer.Exit(DONE if new else NO)


@certs_app.command("crl")
def certs_crl(
    settings: SettingsFile, database: Database,
    certificate: OfficerCertificate, key: OfficerKey, passphrase: OfficerPassphrase,
    authority: Folder, authority_passphrase: AuthorityPassphrase,
    evidence: Annotated[
        bool, typer.Option("--evidence", help="Of the evidence authority; else transport.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Also write it there, PEM.")] = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Sign a new revocation list; running gateways take it up by themselves."""
    from certs.authority import Purpose
    from gateway.tending.registry import open_authority

    purpose = Purpose.EVIDENCE if evidence else Purpose.TRANSPORT
    desk = _Desk(settings, database, certificate, key, passphrase)
    try:
        signing = open_authority(authority, purpose, authority_passphrase.encode())
    except (ValueError, OSError) as reason:
        raise fail(f"certs crl: {reason}") from reason
    if out:
        _expect_room(out)
    made = desk.work(lambda registry: registry.publish_list(signing))
    if out:
        _write(out, made.pem, f"list {made.number} is published")
    until = made.next_update.isoformat()
    tell(f"list {made.number} of {made.issuer}, until {until}", as_json=as_json,
         number=made.number, issuer=made.issuer, until=until)  # fmt: skip


@certs_app.command("list")
def certs_list(database: Database, as_json: Json = False) -> None:
    """All cases and where they stand."""
    cases = _cases(database)
    if as_json:
        show([_fields(case) for case in cases])
        return
    table = Table(
        "案件 case", "状态 state", "用途 profile", Column("持有人 holder", no_wrap=True),
        "续期自 replaces",
    )  # fmt: skip
    for case in cases:
        order = case.order
        table.add_row(order.id, case.state, order.profile, order.holder, order.replaces or "")
    show_table(table, "没有案件 there is no case")


class _Desk:
    """One officer's session, opened from files."""

    def __init__(
        self, settings: Path, database: str, certificate: Path, key: Path, passphrase: str
    ) -> None:
        from certs.keys import load_signer

        try:
            self._settings = read_settings(settings, before_keys=True)
        except SettingsInvalid as reason:
            raise fail(f"certs: {reason}", USAGE) from reason
        try:
            self._officer = load_signer(certificate, key, passphrase.encode())
        except (ValueError, OSError) as reason:
            raise fail(f"certs: {reason}") from reason
        self._database = database

    def step(self, id: str, to: State, note: str, as_json: bool) -> None:
        from gateway.tending.registry import Act

        _tell(self.work(lambda registry: registry.act(id, Act(to=to, note=note))), as_json)

    def work(self, what: Callable[[Any], Awaitable[_Result]]) -> _Result:
        from gateway.tending.registry import opened

        async def worked() -> _Result:
            async with opened(self._settings, self._database, self._officer) as registry:
                return await what(registry)

        try:
            return asyncio.run(worked())
        except MoveRefused as refused:
            for reason in refused.reasons:
                console.print(reason, markup=False, highlight=False, soft_wrap=True)
            raise fail("refused: nothing was changed") from refused
        except (LedgerUnavailable, ValueError, OSError) as reason:
            raise fail(f"certs: {reason}") from reason


def _cases(database: str) -> Sequence[Case]:
    from adapters.postgres.certificates.cases import PostgresCertificates

    return ask(lambda: PostgresCertificates(database), lambda store: store.cases(), "certs")


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as reason:
        raise fail(f"certs: {file}: {reason.strerror}") from reason


def _expect_room(out: Path) -> None:
    """Before anything is signed, which nothing takes back: a file can be made there."""
    if out.is_dir():
        raise fail(f"certs: {out}: it is a folder")
    try:
        with NamedTemporaryFile(dir=out.parent, prefix=f".{out.name}."):
            pass
    except OSError as reason:
        raise fail(f"certs: {reason}; nothing was signed") from reason


def _write(out: Path, pem: bytes, done: str) -> None:
    try:
        out.write_bytes(pem)
    except OSError as reason:
        text = pem.decode("ascii")
        raise fail(f"certs: {done}, but {reason}; what belongs there:\n{text}") from reason


def _tell(case: Case, as_json: bool) -> None:
    if as_json:
        show(_fields(case))
    else:
        typer.echo(f"{case.order.id}  {case.state}  {case.order.profile}  {case.order.holder}")


def _fields(case: Case) -> dict[str, Any]:
    issued = case.issued
    return {
        "case": case.order.id,
        "holder": case.order.holder,
        "hosts": list(case.order.hosts),
        "profile": case.order.profile,
        "replaces": case.order.replaces,
        "requester": case.order.requester,
        "state": case.state,
        "serial": issued.serial if issued else None,
        "not_after": issued.not_after.isoformat() if issued else None,
        "steps": [
            {"actor": step.actor, "at": step.at.isoformat(), "note": step.note, "state": step.state}
            for step in case.steps
        ],
    }

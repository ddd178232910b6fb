"""`certs key|ceremony|authority-*|inventory|ocsp`: what needs no officer's signature."""

import asyncio
import datetime as dt
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Column, Table

from gateway.commands.asking import ask
from gateway.commands.terminal import (
    DONE,
    NO,
    USAGE,
    Database,
    Json,
    console,
    fail,
    show,
    show_table,
    tell,
)
from gateway.domain.parties import Role, sender_of

AUTHORITY_VARIABLE = "CERTS_AUTHORITY_PASSPHRASE"
KEY_VARIABLE = "CERTS_KEY_PASSPHRASE"

AuthorityPassphrase = Annotated[
    str,
    typer.Option(
        default_factory=str, envvar=AUTHORITY_VARIABLE, show_default=False,
        help="Opens the authority's key; none where a PIN's file is named.",
    ),
]  # fmt: skip
Token = Annotated[
    str, typer.Option(help="pkcs11: URI; the key is made in the token (docs/certificates.md).")
]
_PARTIES = (
    "spiffe://<domain>/ and one of agency/<division>/<code>, channel/<division>/<name>,"
    " bureau/<division>, bank/<code>, gateway/<code>, operator/<name>"
)


def certs_key(
    out: Annotated[Path, typer.Argument(help="Writes <out>.key and <out>.csr.")],
    uri: Annotated[str, typer.Option(help="Whose: spiffe://<domain>/<role>/...")],
    passphrase: Annotated[
        str,
        typer.Option(
            envvar=KEY_VARIABLE, help="Will open the key; none where a PIN's file is named."
        ),
    ] = "",
    dns: Annotated[list[str] | None, typer.Option(help="A server's name; repeatable.")] = None,
    ip: Annotated[list[str] | None, typer.Option(help="A server's address; repeatable.")] = None,
    token: Token = "",
    pkcs8: Annotated[
        bool, typer.Option("--pkcs8", help="For programs of others: PBKDF2 in place of Argon2id.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make a key that never leaves this machine (or the token), and a request for it."""
    from certs.authority import asked_for, request
    from certs.keys import generate_key

    if sender_of(uri) is None:
        raise fail(f"certs key: --uri {uri}: it names no party ({_PARTIES})", USAGE)
    try:
        # Before a key is made that is never written over: whether it can be asked for at all.
        asked_for(request(generate_key(), uri, dns=dns or (), ip=ip or ()))
        key = _made(out, token, passphrase, KEY_VARIABLE, pkcs8=pkcs8)
        _write_request(out, request(key, uri, dns=dns or (), ip=ip or ()), as_json=as_json)
    except (ValueError, OSError) as reason:
        raise fail(f"certs key: {reason}") from reason


def _beside(out: Path, ending: str) -> Path:
    """The whole name and its ending: `gateway.bank.example` has no ending of its own."""
    return out.with_name(f"{out.name}{ending}")


def _write_request(out: Path, request: bytes, *, as_json: bool) -> None:
    key, asked = _beside(out, ".key"), _beside(out, ".csr")
    asked.write_bytes(request)
    tell(f"{key}\n{asked}", as_json=as_json, key=str(key), request=str(asked))


def _made(out: Path, token: str, passphrase: str, variable: str, *, pkcs8: bool = False) -> Any:
    """A new key in the token, or sealed here, and its file. Raises ValueError, OSError."""
    from certs.files import save_new
    from certs.keys import generate_key, save_key, save_sealed
    from certs.token import make_token_key, read_uri

    file, secret = _beside(out, ".key"), passphrase.encode()
    if file.exists():
        raise FileExistsError(f"{file} is there: a key is never written over")
    if (asked := _beside(out, ".csr")).exists():
        raise FileExistsError(f"{asked} is there: it is another key's")
    if not (passphrase or (token and read_uri(token).pin_source)):
        raise fail(f"certs: {variable} (--passphrase) is not set", USAGE)
    if token:
        made: Any = make_token_key(token, secret)
        save_new(file, token.encode() + b"\n")
        return made
    key = generate_key()
    (save_key if pkcs8 else save_sealed)(file, key, secret)
    return key


def certs_ceremony(
    folder: Annotated[Path, typer.Argument(help="Where the authorities will be; must be empty.")],
    name: Annotated[str, typer.Option(help="How the authorities are called.")],
    officer: Annotated[list[Path], typer.Option(help="Request of an officer; two or more.")],
    passphrase: AuthorityPassphrase,
    as_json: Json = False,
) -> None:
    """Make root, transport and evidence authority, and certificates of the first officers.

    Afterwards `root.key` leaves this machine for the safe: nothing here needs it.
    """
    from certs.keys import save_certificates
    from gateway.tending.registry import hold_ceremony

    if len(officer) < 2:
        raise fail("certs ceremony: two officers at least; one alone decides nothing", USAGE)
    try:
        with console.status("making authorities"):
            requests = [path.read_bytes() for path in officer]
            _check_officers(requests)
            if folder.exists() and any(folder.iterdir()):
                raise FileExistsError(f"{folder}: 文件夹须为空 the folder must be empty")
            now = dt.datetime.now(dt.UTC)
            made = hold_ceremony(folder, name, requests, passphrase.encode(), now)
            for path, certificate in zip(officer, made, strict=True):
                save_certificates(folder / f"{path.stem}.pem", [certificate])
    except (ValueError, OSError) as reason:
        raise fail(f"certs ceremony: {reason}") from reason
    root = folder / "root.key"
    officers = [str(folder / f"{path.stem}.pem") for path in officer]
    tell(f"root.key belongs in the safe now: {root}", as_json=as_json,
         folder=str(folder), into_the_safe=str(root), officers=officers)  # fmt: skip


def _check_officers(requests: list[bytes]) -> None:
    """Two persons with a key each: one file given twice is one officer. Raises ValueError."""
    from certs.authority import asked_for

    asked = [asked_for(each) for each in requests]
    for uri, _, _ in asked:
        party = sender_of(uri)
        if party is None or party.role is not Role.OPERATOR:
            raise ValueError(f"{uri} is no officer (operator/<name>)")
    if len({uri for uri, _, _ in asked}) < len(asked) or len({k for _, _, k in asked}) < len(asked):
        raise ValueError("one officer, or one key, stands there twice; each is a person of its own")


def certs_authority_request(
    out: Annotated[Path, typer.Argument(help="Writes <out>.key (sealed) and <out>.csr.")],
    name: Annotated[str, typer.Option(help="How the authority is called.")],
    passphrase: AuthorityPassphrase,
    token: Token = "",
    as_json: Json = False,
) -> None:
    """Make an authority's key, and a request that our own root, or a bank's or licensed authority
    signs."""
    from certs.authority import authority_request
    from certs.keys import generate_key

    try:
        authority_request(generate_key(), name)
        key = _made(out, token, passphrase, AUTHORITY_VARIABLE)
        _write_request(out, authority_request(key, name), as_json=as_json)
    except (ValueError, OSError) as reason:
        raise fail(f"certs authority-request: {reason}") from reason


def certs_authority_sign(
    file: Annotated[Path, typer.Argument(help="What `certs authority-request` wrote, .csr.")],
    root: Annotated[Path, typer.Option(help="Folder with root.pem and root.key, from the safe.")],
    out: Annotated[Path, typer.Option(help="The authority's certificate, PEM; must not exist.")],
    passphrase: AuthorityPassphrase,
    as_json: Json = False,
) -> None:
    """Sign an authority's request with our root: a renewal, or a key in a token."""
    from certs.authority import Purpose, sign_subordinate
    from certs.files import save_new
    from certs.keys import pem_of
    from gateway.tending.registry import open_authority

    try:
        signing = open_authority(root, Purpose.ROOT, passphrase.encode())
        made = sign_subordinate(signing, file.read_bytes(), dt.datetime.now(dt.UTC))
        save_new(out, pem_of(made))
    except (ValueError, OSError) as reason:
        raise fail(f"certs authority-sign: {reason}") from reason
    until = made.not_valid_after_utc.isoformat()
    subject = made.subject.rfc4514_string()
    tell(f"{out}: {subject}, until {until}; root.key goes back now", as_json=as_json,
         certificate=str(out), subject=subject, until=until)  # fmt: skip


def certs_authority_import(
    folder: Annotated[Path, typer.Argument(help="Folder of the authorities.")],
    purpose: Annotated[str, typer.Option(help="transport or evidence.")],
    file: Annotated[Path, typer.Option("--file", help="What was signed, PEM.")],
    key: Annotated[Path, typer.Option("--key", help="The key that was asked for.")],
    passphrase: AuthorityPassphrase,
    as_json: Json = False,
) -> None:
    """Take in an authority's certificate that was signed, beside its key's file."""
    from certs.authority import Purpose, adopt
    from certs.files import save_new
    from certs.keys import load_certificates, load_key, save_certificates

    if purpose not in (Purpose.TRANSPORT, Purpose.EVIDENCE):
        raise fail(f"certs authority-import: --purpose {purpose}: transport or evidence", USAGE)
    wanted = Purpose(purpose)
    try:
        certificate = load_certificates(file)[0]
        adopt(wanted, certificate, load_key(key, passphrase.encode()))
        other = Purpose.EVIDENCE if wanted is Purpose.TRANSPORT else Purpose.TRANSPORT
        beside = folder / f"{other}.pem"
        if (
            beside.exists()
            and load_certificates(beside)[0].public_key() == certificate.public_key()
        ):
            raise ValueError(f"this is the {other} authority already; each purpose has its own key")
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        save_new(folder / f"{wanted}.key", key.read_bytes())
        save_certificates(folder / f"{wanted}.pem", [certificate])
    except (ValueError, OSError) as reason:
        raise fail(f"certs authority-import: {reason}") from reason
    kept = str(folder / f"{wanted}.pem")
    tell(kept, as_json=as_json, certificate=kept, key=str(folder / f"{wanted}.key"))


def certs_inventory(
    database: Database,
    due: Annotated[
        bool, typer.Option("--due", help="Only what has a third of its life left; exit 1 if any.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Every certificate that is known or was seen: days left, holder, where it is in use."""
    from adapters.postgres.certificates.watchbook import PostgresWatchbook
    from gateway.domain.inventory import fields_of

    now = dt.datetime.now(dt.UTC)
    opened = partial(PostgresWatchbook, database, "command")
    found = fields_of(ask(opened, lambda book: book.inventory(now), "certs"))
    if due:
        found["certificates"] = [
            one for one in found["certificates"]
            if one["renew_from"] <= found["at"] and one["state"] not in ("retired", "revoked")
        ]  # fmt: skip
    if as_json:
        show(found)
    else:
        table = Table(
            Column("剩余天数 days", justify="right"), "状态 state", "用途 profile",
            Column("持有人 holder", no_wrap=True), "所在 loaded, met", "序列号 serial",
        )  # fmt: skip
        for one in found["certificates"]:
            table.add_row(
                str(one["days_left"]), one["state"], one["profile"], one["holder"],
                " ".join(one["loaded"]), one["serial"],
            )  # fmt: skip
        show_table(table, "没有证书到期 none is due" if due else "没有证书 no certificate")
        for alert in found["alerts"]:
            typer.echo(f"! {alert['what']} {alert['holder']} ends {alert['ends']}")
    raise typer.Exit(NO if due and found["certificates"] else DONE)


def certs_ocsp(
    database: Database,
    authority: Annotated[Path, typer.Option("--authority", help="The authority, PEM.")],
    certificate: Annotated[Path, typer.Option("--certificate", help="The responder's, PEM.")],
    key: Annotated[Path, typer.Option("--key", help="The responder's.")],
    passphrase: Annotated[
        str,
        typer.Option(
            default_factory=str, envvar=KEY_VARIABLE, show_default=False, help="Opens the key."
        ),
    ],
    host: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Where to listen.")] = 8888,
) -> None:
    """Answer OCSP questions and hand out lists, until told to stop; no payment waits for it."""
    from gateway.tending.ocsp import answer_ocsp, responder_of

    try:
        responder = responder_of(authority, certificate, key, passphrase.encode())
        asyncio.run(answer_ocsp(database, responder, host, port))
    except (ValueError, OSError) as reason:
        raise fail(f"certs ocsp: {reason}") from reason

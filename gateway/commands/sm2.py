"""`sm2`: what the suite GW1-SM2-SM3 needs at set-up: a library, keys, requests, certificates."""

import datetime as dt
import os
from pathlib import Path
from typing import Annotated

import typer

from certs.keys import load_certificates, load_sm2_key, save_certificates, save_key
from certs.signing.libcrypto import SuiteUnavailable, libcrypto
from certs.signing.sm2 import generate_sm2
from certs.sm2_certificate import (
    Sm2Authority,
    create_sm2_authority,
    issue_sm2,
    read_request,
    request_pem,
    sm2_request,
)
from gateway.commands.terminal import USAGE, Json, fail, tell
from gateway.commands.usage import App
from gateway.settings import PASSPHRASE_VARIABLE

sm2_app = App(help="Keys and certificates of the suite GW1-SM2-SM3 (国密).", no_args_is_help=True)
KeyFile = Annotated[Path, typer.Option(help="Encrypted key; passphrase: GATEWAY_KEY_PASSPHRASE.")]
OutFile = Annotated[Path, typer.Option(help="A file that does not exist yet.")]


@sm2_app.command("check")
def check(as_json: Json = False) -> None:
    """Say whether this machine can do SM2; exit 1 and what to do if it cannot."""
    try:
        version = libcrypto().version
    except SuiteUnavailable as reason:
        raise fail(f"sm2: {reason}") from reason
    tell(f"GW1-SM2-SM3 可用 available: OpenSSL {version}", as_json=as_json,
         openssl=version, sm2=True)  # fmt: skip


@sm2_app.command("request")
def request(
    uri: Annotated[str, typer.Option(help="The party, spiffe://<trust domain>/gateway/<code>.")],
    key: KeyFile,
    out: OutFile,
    as_json: Json = False,
) -> None:
    """Make a key, and a certificate request for an authority (PKCS#10, PEM)."""
    try:
        _absent(out)
        made = generate_sm2()
        wanted = sm2_request(made, uri)
        save_key(key, made, _passphrase())
        out.write_bytes(request_pem(wanted))
    except (ValueError, OSError) as reason:
        raise fail(f"sm2: {reason}") from reason
    tell(f"{key}, {out}", as_json=as_json, key=str(key), request=str(out))


@sm2_app.command("authority")
def authority(
    name: Annotated[str, typer.Option(help="Its common name.")], key: KeyFile, out: OutFile,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Make an SM2 evidence authority of one's own; its certificate joins `parties.authority`."""
    try:
        _absent(out)
        made = create_sm2_authority(name, generate_sm2(), dt.datetime.now(dt.UTC))
        save_key(key, made.key, _passphrase())
        save_certificates(out, [made.certificate])
    except (ValueError, OSError) as reason:
        raise fail(f"sm2: {reason}") from reason
    tell(f"{key}, {out}", as_json=as_json, key=str(key), certificate=str(out))


@sm2_app.command("issue")
def issue(
    request: Annotated[Path, typer.Argument(help="What `sm2 request` wrote.")],
    authority: Annotated[Path, typer.Option(help="The SM2 authority's certificate.")],
    key: KeyFile,
    out: OutFile,
    as_json: Json = False,
) -> None:
    """Issue a record key's certificate for a request that proves its key (13 months)."""
    try:
        _absent(out)
        above = Sm2Authority(
            certificate=load_certificates(authority)[0], key=load_sm2_key(key, _passphrase())
        )
        leaf = issue_sm2(above, read_request(request.read_bytes()), dt.datetime.now(dt.UTC))
        save_certificates(out, [leaf])
    except (ValueError, OSError) as reason:
        raise fail(f"sm2: {reason}") from reason
    tell(str(out), as_json=as_json, certificate=str(out))


def _passphrase() -> bytes:
    found = os.environ.get(PASSPHRASE_VARIABLE, "").encode()
    if not found:
        raise fail(f"sm2: set {PASSPHRASE_VARIABLE}", USAGE)
    return found


def _absent(out: Path) -> None:
    if out.exists():
        raise FileExistsError(f"{out} is there already")

"""`releases`: the bureau's two persons decide about holds at the command line (放行, 不予放行).

Works on the bureau's database, with its settings; the bureau's program, or `releases publish`,
brings what was signed to the bank's gateway.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.table import Column, Table

from gateway.commands.divisions import not_served
from gateway.commands.terminal import DONE, NO, USAGE, Json, fail, show, show_table
from gateway.commands.usage import App
from gateway.domain.money import yuan
from gateway.domain.releases import Verdict
from gateway.tending.unknowns import Refused, read_key

T = TypeVar("T")

releases_app = App(
    help="The bureau's decisions about holds: two persons (挂起的放行与不予放行).",
    no_args_is_help=True,
)

BureauSettings = Annotated[Path, typer.Option("--settings", help="The bureau's TOML file.")]
Division = Annotated[str, typer.Option(help="Nine digits.")]
By = Annotated[str, typer.Option("--by", help="Who decides: the person's name.")]
Certificate = Annotated[
    Path | None, typer.Option(help="The person's own certificate (PEM); with --key he signs it.")
]
SigningKey = Annotated[Path | None, typer.Option("--key", help="The person's own key.")]
PASSPHRASE = "OFFICER_PASSPHRASE"  # noqa: S105 (a name, not a secret)


@releases_app.command("list")
def releases_list(settings: BureauSettings, division: Division, as_json: Json = False) -> None:
    """List what is held, oldest first, and what was proposed about holds."""

    async def work(releases: Any, _publishing: Any) -> tuple[Any, Any]:
        return await releases.open_holds(division), await releases.proposals(division)

    holds, proposals = run_with(settings, work, of=division)
    if as_json:
        show({"holds": [_hold(h) for h in holds], "proposals": [_proposal(p) for p in proposals]})
        return
    table = Table(
        Column("支付指令 instruction", no_wrap=True), "单位 agency",
        Column("金额 amount", no_wrap=True, justify="right"), "规则 policies", "提议 proposed",
    )  # fmt: skip
    for each in map(_hold, holds):
        table.add_row(
            each["instruction"], each["agency"], each["amount"], " ".join(each["policies"]),
            "●" if each["proposed"] else "",
        )  # fmt: skip
    show_table(table, "没有挂起 nothing is held")
    for each in map(_proposal, proposals):
        typer.echo(
            f"{each['digest']}\n  {each['instruction']}  {each['verdict']}  {each['state']}\n"
            f"  提议 proposer: {each['proposer']}  复核 approver: {each['approver'] or '—'}\n"
            f"  理由 reason: {each['reason']}"
        )


@releases_app.command("propose")
def releases_propose(
    key: Annotated[str, typer.Argument(help="division/year/voucher type/voucher number")],
    settings: BureauSettings,
    verdict: Annotated[Verdict, typer.Option(help="release | refuse")],
    reason: Annotated[str, typer.Option(help="Why; the agency reads it.")],
    by: By,
    override: Annotated[
        list[str] | None,
        typer.Option(help="A policy whose finding is set aside; all that hold it, if absent."),
    ] = None,
    bank: Annotated[
        str | None, typer.Option(help="At whose gateway, where several banks hold the number.")
    ] = None,
    certificate: Certificate = None,
    signing_key: SigningKey = None,
    as_json: Json = False,
) -> None:
    """The first person's step. Prints the digest by which another person approves."""

    async def work(releases: Any, _publishing: Any) -> bytes:
        instruction = read_key(key)
        names = None
        if override:
            held = await releases.held_findings(instruction, bank)
            names = [name for name in held if name.policy in override]
            if lost := set(override) - {name.policy for name in names}:
                raise Refused(f"{', '.join(sorted(lost))}: not what holds it")
        person = named(by, certificate, signing_key)
        digest: bytes = await releases.propose(
            instruction, verdict, reason, person, names, bank=bank
        )
        return digest

    digest = run_with(settings, work).hex()
    if as_json:
        show({"instruction": key, "digest": digest, "proposer": by})
    else:
        typer.echo(f"{key}: proposed by {by}; another person approves with\n  {digest}")


@releases_app.command("approve")
def releases_approve(
    digest: Annotated[str, typer.Argument(help="As `propose` printed it: 64 hexadecimal digits.")],
    settings: BureauSettings,
    division: Division,
    by: By,
    certificate: Certificate = None,
    signing_key: SigningKey = None,
    as_json: Json = False,
) -> None:
    """The second person's step: the bureau signs it, and it goes to the bank's gateway."""

    async def work(releases: Any, _publishing: Any) -> None:
        person = named(by, certificate, signing_key)
        await releases.approve(division, digest_of(digest), person)

    run_with(settings, work)
    if as_json:
        show({"digest": digest, "approver": by})
    else:
        typer.echo(f"approved by {by}, signed; `releases list` shows when the bank has it")


@releases_app.command("reject")
def releases_reject(
    digest: Annotated[str, typer.Argument(help="As `propose` printed it.")],
    settings: BureauSettings,
    division: Division,
    by: By,
    reason: Annotated[str, typer.Option(help="Why nothing comes of the proposal.")],
    as_json: Json = False,
) -> None:
    """Nothing comes of a proposal; the hold waits on."""

    async def work(releases: Any, _publishing: Any) -> None:
        await releases.reject(division, digest_of(digest), named(by, None, None), reason)

    run_with(settings, work)
    show({"digest": digest, "rejected_by": by}) if as_json else typer.echo(f"rejected by {by}")


@releases_app.command("publish")
def releases_publish(settings: BureauSettings, as_json: Json = False) -> None:
    """Send what waits for the gateways now; exit 1 if any of it was not acknowledged."""

    async def work(_releases: Any, publishing: Any) -> tuple[int, dict[str, str]]:
        done = 0
        while more := await publishing.publish_all(patient=False):
            done += more
        return done, publishing.troubles

    done, troubles = run_with(settings, work)
    if as_json:
        show({"acknowledged": done, "troubles": troubles})
    else:
        typer.echo(f"{done} acknowledged")
        for place, trouble in troubles.items():
            typer.echo(f"  {place}: {trouble}")
    raise typer.Exit(NO if troubles else DONE)


def run_with(
    settings: Path, work: Callable[..., Awaitable[T]], command: str = "releases", *,
    of: str | None = None,
) -> T:  # fmt: skip
    """What `work` makes of the rooms that the bureau's program opens for this command. A division
    that these settings do not have is no empty list: nobody would look for the slip."""
    import bureau.__main__
    from adapters.postgres.session import UnsafeServer
    from bureau.desk.releases import ReleaseRefused
    from bureau.settings import SettingsWrong, load_settings
    from gateway.domain.faults import StoreUnavailable

    async def act() -> T:
        rooms_of = getattr(bureau.__main__, f"opened_{command}")
        loaded = load_settings(settings, os.environ)
        if of is not None and of not in loaded.divisions:
            raise not_served(of, settings, loaded.divisions)
        async with rooms_of(loaded) as rooms:
            return await work(*rooms)

    try:
        return asyncio.run(act())
    except SettingsWrong as wrong:
        raise fail(f"{command}: {wrong}", USAGE) from wrong
    except (ReleaseRefused, Refused, StoreUnavailable, UnsafeServer, OSError) as refused:
        raise fail(f"{command}: {refused}") from refused


def named(by: str, certificate: Path | None, key: Path | None) -> Any:
    from bureau.desk.releases import Named
    from certs.keys import load_signer

    if certificate is None and key is None:
        return Named(name=by)
    if certificate is None or key is None:
        raise Refused("--certificate and --key belong together")
    try:
        own = load_signer(certificate, key, os.environ.get(PASSPHRASE, "").encode())
    except ValueError as wrong:
        raise Refused(f"the person's key: {wrong}") from wrong
    return Named(name=by, uri=own.uri, sign=own.document)


def digest_of(text: str) -> bytes:
    try:
        digest = bytes.fromhex(text)
    except ValueError:
        digest = b""
    if len(digest) != 32:
        raise Refused("a digest is 64 hexadecimal digits")
    return digest


def identity_of(row: Mapping[str, Any]) -> str:
    return "/".join(
        str(row[name]) for name in ("division", "fiscal_year", "voucher_type", "voucher_no")
    )


def _hold(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "agency": row["agency_code"],
        "amount": yuan(row["amount_fen"]),
        "bank": row["bank"],
        "held_at": row["decided_at"].isoformat(),
        "instruction": identity_of(row),
        "policies": list(row["policies"]),
        "proposed": row["proposed"],
        "reason_zh": row["reason_zh"],
    }


def _proposal(row: Mapping[str, Any]) -> dict[str, Any]:
    import orjson

    decision = orjson.loads(row["decision"])
    return {
        "approver": row["approver"],
        "digest": row["digest"].hex(),
        "instruction": identity_of(row),
        "overrides": [each["policy"] for each in decision["overrides"]],
        "proposed_at": row["proposed_at"].isoformat(),
        "proposer": row["proposer"],
        "reason": decision["reason"],
        "state": _state(row),
        "trouble": row["trouble"],
        "verdict": decision["verdict"],
    }


def _state(row: Mapping[str, Any]) -> str:
    if row["rejected_by"]:
        return f"否决 rejected by {row['rejected_by']}"
    if row["voided"]:
        return "网关拒收，已作废 refused by the gateway, made void"
    if row["version"] is None:
        return "待复核 waits for approval"
    return "银行已收 acknowledged" if row["acknowledged_at"] else "待送达 waits for the gateway"

"""`voids`: the bureau's two persons make a number void that its gateway refuses (作废).

Works on the bureau's database, with its settings, as `releases` does. Where the gateway names
`holds.officers`, both sign with keys of their own.
"""

from collections.abc import Mapping
from typing import Annotated, Any

import orjson
import typer
from rich.table import Column, Table

from gateway.commands.releases import (
    BureauSettings,
    By,
    Certificate,
    Division,
    SigningKey,
    digest_of,
    identity_of,
    named,
    run_with,
)
from gateway.commands.terminal import Json, show, show_table
from gateway.commands.usage import App

voids_app = App(
    help="Decisions that a gateway refuses for good: two persons make their numbers void (作废).",
    no_args_is_help=True,
)

COMMAND = "voids"


@voids_app.command("list")
def voids_list(settings: BureauSettings, division: Division, as_json: Json = False) -> None:
    """List what a gateway refuses, with all that waits behind it, and what is to be void."""

    async def work(voids: Any) -> tuple[Any, Any]:
        return await voids.refused(division), await voids.voids(division)

    refused, voids = run_with(settings, work, COMMAND, of=division)
    if as_json:
        show({"refused": [_refused(each) for each in refused], "voids": [_void(v) for v in voids]})
        return
    table = Table(
        "银行 bank", Column("编号 number", justify="right"),
        Column("支付指令 instruction", no_wrap=True), "网关答复 the gateway says",
        Column("其后 behind", justify="right"), "可作废 may be void",
    )  # fmt: skip
    for each in map(_refused, refused):
        table.add_row(
            each["bank"], str(each["number"]), each["instruction"], each["trouble"],
            str(each["behind"]), "●" if each["may_be_void"] else "",
        )  # fmt: skip
    show_table(table, "没有被拒收的决定 nothing is refused")
    for each in map(_void, voids):
        typer.echo(
            f"{each['digest']}\n  {each['bank']} {each['number']}  {each['instruction']}"
            f"  {each['state']}\n"
            f"  提议 proposer: {each['proposer']}  复核 approver: {each['approver'] or '—'}\n"
            f"  理由 reason: {each['reason']}"
        )


@voids_app.command("propose")
def voids_propose(
    number: Annotated[int, typer.Argument(min=1, help="As `voids list` shows it.")],
    settings: BureauSettings,
    division: Division,
    bank: Annotated[str, typer.Option(help="Whose gateway refuses it.")],
    reason: Annotated[str, typer.Option(help="Why it can never be taken; it is on record.")],
    by: By,
    certificate: Certificate = None,
    signing_key: SigningKey = None,
    as_json: Json = False,
) -> None:
    """The first person's step. Prints the digest by which another person approves."""

    async def work(voids: Any) -> bytes:
        person = named(by, certificate, signing_key)
        digest: bytes = await voids.propose((division, bank), number, reason, person)
        return digest

    digest = run_with(settings, work, COMMAND).hex()
    if as_json:
        show({"digest": digest, "number": number, "proposer": by})
    else:
        typer.echo(f"{number}: proposed by {by}; another person approves with\n  {digest}")


@voids_app.command("approve")
def voids_approve(
    digest: Annotated[str, typer.Argument(help="As `propose` printed it: 64 hexadecimal digits.")],
    settings: BureauSettings,
    division: Division,
    by: By,
    certificate: Certificate = None,
    signing_key: SigningKey = None,
    as_json: Json = False,
) -> None:
    """The second person's step: the bureau signs it under the refused one's number."""

    async def work(voids: Any) -> None:
        await voids.approve(division, digest_of(digest), named(by, certificate, signing_key))

    run_with(settings, work, COMMAND)
    if as_json:
        show({"digest": digest, "approver": by})
    else:
        typer.echo(f"approved by {by}, signed; `voids list` shows when the bank has it")


@voids_app.command("reject")
def voids_reject(
    digest: Annotated[str, typer.Argument(help="As `propose` printed it.")],
    settings: BureauSettings,
    division: Division,
    by: By,
    reason: Annotated[str, typer.Option(help="Why nothing comes of the proposal.")],
    as_json: Json = False,
) -> None:
    """Nothing comes of a proposal; the refused decision waits on."""

    async def work(voids: Any) -> None:
        await voids.reject(division, digest_of(digest), named(by, None, None), reason)

    run_with(settings, work, COMMAND)
    show({"digest": digest, "rejected_by": by}) if as_json else typer.echo(f"rejected by {by}")


def _refused(each: Any) -> dict[str, Any]:
    row = each.row
    return {
        "bank": row["bank"], "behind": row["behind"], "instruction": identity_of(row),
        "may_be_void": each.may_be_void, "number": row["version"], "trouble": row["trouble"],
    }  # fmt: skip


def _void(row: Mapping[str, Any]) -> dict[str, Any]:
    decision = orjson.loads(row["decision"])
    return {
        "approver": row["approver"], "bank": row["bank"], "digest": row["digest"].hex(),
        "instruction": identity_of(decision), "number": row["version"],
        "proposed_at": row["proposed_at"].isoformat(), "proposer": row["proposer"],
        "reason": decision["reason"], "refused": decision["refused"], "state": _state(row),
        "trouble": row["trouble"],
    }  # fmt: skip


def _state(row: Mapping[str, Any]) -> str:
    if row["acknowledged_at"]:
        return "银行已收 acknowledged"
    if row["stands"]:
        return "待送达 waits for the gateway"
    if row["aside"] == "overtaken":
        return "不成立 the gateway had taken it"
    if row["aside"]:
        return "又被拒收 refused too; another void has its number"
    if row["rejected_by"]:
        return f"否决 rejected by {row['rejected_by']}"
    return "待复核 waits for approval"

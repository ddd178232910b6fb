"""The command line: which commands there are; each group's options and help stand in its file."""

import datetime as dt
import sys
from pathlib import Path
from typing import Annotated

import typer

from gateway.commands import (
    certs,
    conduct,
    day_close,
    doctor,
    export,
    policy,
    policy_past,
    recount,
    registers,
    sm2,
    submit,
    unknowns,
    verify,
    where,
)
from gateway.commands.holds import holds_app
from gateway.commands.mark import marks_app
from gateway.commands.releases import releases_app
from gateway.commands.terminal import (
    DAYS,
    USAGE,
    Database,
    Json,
    console,
    fail,
    of_our_time,
    show,
)
from gateway.commands.usage import App
from gateway.commands.voids import voids_app
from gateway.domain.faults import Fault, LedgerUnavailable
from gateway.serving.openapi import openapi
from gateway.settings import SettingsInvalid

app = App(
    name="treasury-gateway",
    help="国库支付合规网关: no fiscal payment moves before it has been checked against the law.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(registers.registers_app, name="registers")
app.add_typer(registers.people_app, name="people")
app.add_typer(policy.policy_app, name="policy")
policy.policy_app.command("backtest")(policy_past.policy_backtest)
policy.policy_app.command("replay")(policy_past.policy_replay)
policy.policy_app.add_typer(policy_past.shadow_app, name="shadow")
app.add_typer(verify.verify_app, name="verify")
app.add_typer(sm2.sm2_app, name="sm2")
app.add_typer(unknowns.unknowns_app, name="unknowns")
app.add_typer(export.export_app, name="export")
app.add_typer(conduct.conduct_app, name="conduct")
app.add_typer(holds_app, name="holds")
app.add_typer(marks_app, name="mark")
app.add_typer(releases_app, name="releases")
app.add_typer(voids_app, name="voids")
app.add_typer(certs.certs_app, name="certs")
app.command()(doctor.doctor)
app.command()(submit.submit)
app.command()(where.where)
app.command("day-close")(day_close.day_close)
app.command()(recount.recount)


@app.command("openapi")
def print_openapi() -> None:
    """Print the OpenAPI document of the gateway's door (docs/openapi.json)."""
    sys.stdout.write(openapi().decode())


@app.command()
def serve(
    settings: Annotated[Path, typer.Option(help="TOML file; see docs/settings.md.")],
    check: Annotated[
        bool, typer.Option("--check", help="Prove everything, serve nothing.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="With --check: what was found, machine-readable.")
    ] = False,
) -> None:
    """Run the gateway until it is told to stop.

    --check: exit 1 with everything that stands in the way, 2 if the settings cannot be read.
    A PIN that a token did not take is exit 2 too: whoever starts us again then locks the token.
    """
    if as_json and not check:  # it would serve, and whoever typed it would wait
        raise fail("serve: --json goes with --check", USAGE)
    if check:
        doctor.look_over(settings, as_json=as_json)
    from adapters.postgres.session import UnsafeServer
    from certs.token import PinRefused
    from gateway.serving.serve import serve as run

    try:
        run(settings)
    except (SettingsInvalid, PinRefused) as reason:
        raise fail(f"treasury-gateway: {reason}", USAGE) from reason
    except (UnsafeServer, LedgerUnavailable, OSError, ValueError) as reason:
        raise fail(f"treasury-gateway: {reason}") from reason


@app.command()
def bureau(
    settings: Annotated[Path, typer.Option(help="TOML file; see docs/bureau.md.")],
    check: Annotated[
        bool, typer.Option("--check", help="Prove everything, serve nothing.")
    ] = False,
    forks: Annotated[
        Path | None, typer.Option(help="Write each fork that was seen there, and end.")
    ] = None,
    recount: Annotated[
        bool, typer.Option("--recount", help="Hold lists and figures against the records, and end.")
    ] = False,
) -> None:
    """Run the finance bureau's program until it is told to stop."""
    from bureau.__main__ import main as run

    what = ["--check"] if check else ["--forks", str(forks)] if forks else []
    what += ["--recount"] if recount else []
    raise typer.Exit(run(["--settings", str(settings), *what]))


@app.command()
def migrate(database: Database, as_json: Json = False) -> None:
    """Bring the gateway's database to this program's schema; safe to run twice."""
    import asyncio

    from adapters.postgres.migrate import migrate as run

    try:
        with console.status("migrating"):
            applied = asyncio.run(run(database))
    except (OSError, ValueError) as reason:
        raise fail(f"migrate: {reason}") from reason
    if as_json:
        show({"applied": applied})
    else:
        typer.echo("\n".join(f"applied {name}" for name in applied) or "nothing to apply")


@app.command()
def explain(
    files: Annotated[list[Path], typer.Argument(help="Instructions in any accepted format.")],
    registers: Annotated[Path, typer.Option(help="Registers file (contract/registers.json).")],
    on: Annotated[
        dt.datetime | None,
        typer.Option(formats=DAYS, callback=of_our_time, help="Legal day; today if absent."),
    ] = None,
    policies: Annotated[Path | None, typer.Option(help="Folder of policies.")] = None,
    as_json: Json = False,
    as_text: Annotated[
        bool, typer.Option("--text", help="In words, also where the output is no terminal.")
    ] = False,
) -> None:
    """Say what the gateway would decide, with nothing written and nobody told.

    In words on a terminal, or anywhere with --text; one line of JSON for each instruction with
    --json, or when the output is not a terminal (a pipe, a file).
    """
    from gateway.policy_books.explain import explain_files, in_words

    try:
        explained = explain_files(files, registers, on.date() if on else None, policies)
        for line in explained:
            if as_json or not (as_text or sys.stdout.isatty()):
                show(line)
            else:
                typer.echo(in_words(line))
    except (Fault, OSError, ValueError) as reason:
        raise fail(f"explain: {reason}", USAGE) from reason

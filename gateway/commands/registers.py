"""The commands about registers (备案信息) and the key for people's data."""

import datetime as dt
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.commands.terminal import (
    DONE,
    NO,
    USAGE,
    Database,
    Json,
    bar,
    console,
    fail,
    show,
    tell,
)
from gateway.commands.usage import App
from gateway.domain.codes import Register
from gateway.domain.faults import Fault, LedgerUnavailable
from gateway.settings import SettingsInvalid, read_settings

registers_app = App(help="The bureau's registers (备案信息).", no_args_is_help=True)
people_app = App(help="The key for people's data (人员信息密钥).", no_args_is_help=True)

_SHOWN_ERRORS_MAX = 200


@registers_app.command("load")
def registers_load(
    file: Annotated[
        Path,
        typer.Argument(
            help="JSON (contract/registers.json, whole or delta), XLSX (a sheet a register), or a"
            " folder of CSV files; `registers template` says the columns."
        ),
    ],
    database: Database,
    settings: Annotated[
        Path | None,
        typer.Option(
            "--settings",
            help="TOML file whose divisions count; without it those that the gateways of this"
            " database have served.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Load a division's registers: all of the file, or nothing of it.

    A snapshot needs a version above the one in force, a delta the next one; a version that is in
    force with other content, and a division that is not served, are refused. People's numbers are
    sealed with the key file that GATEWAY_PEOPLE_KEY names.
    """
    from gateway.tending.registers import load_registers

    if not file.exists():  # a CSV feed may be a folder
        raise fail(f"nothing was loaded: no such file: {file}")
    try:
        served = read_settings(settings).gateway.divisions if settings else ()
        with bar() as progress:
            task = progress.add_task("read", total=None)
            feed, loaded = load_registers(
                file, database, dt.datetime.now(dt.UTC),
                lambda what, done, total: progress.update(
                    task, description=what, completed=done, total=total
                ),
                served,
            )  # fmt: skip
    except Fault as fault:
        for error in fault.errors[:_SHOWN_ERRORS_MAX]:
            console.print(f"{error.field}: {error.zh} / {error.en}", markup=False, soft_wrap=True)
        if (more := len(fault.errors) - _SHOWN_ERRORS_MAX) > 0:
            console.print(f"… {more} more", markup=False)
        raise fail(f"nothing was loaded ({fault.code}): {fault.detail}") from fault
    except SettingsInvalid as invalid:
        raise fail(f"registers: {invalid}", USAGE) from invalid
    except (LedgerUnavailable, OSError) as reason:
        raise fail(f"nothing is known to have been loaded: {reason}") from reason
    report = {
        "applied": loaded.applied,
        "division": feed.division,
        "kind": feed.kind,
        "overdrawn": [limit.key.id for limit in loaded.overdrawn],
        "rows": feed.rows,
        "version": loaded.version,
        "withdrawn": list(loaded.withdrawn),
    }
    _tell(report, as_json=as_json)
    raise typer.Exit(DONE if loaded.applied else NO)


@registers_app.command("template")
def registers_template(
    register: Annotated[
        Register | None, typer.Argument(help="One register; all if absent.")
    ] = None,
    workbook: Annotated[
        Path | None, typer.Option("--xlsx", help="Write an empty workbook with these columns.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say the columns of each register's sheet, or write an empty workbook."""
    from adapters.formats.registers.files import HEAD, HEAD_COLUMNS, template
    from gateway.tending.register_template import write_workbook

    wanted = [register] if register else list(Register)
    columns = {each.value: dict(template(each)) for each in wanted}
    if workbook:
        write_workbook(workbook, {HEAD: dict.fromkeys(HEAD_COLUMNS, ""), **columns})
        typer.echo(str(workbook))
    elif as_json:
        show(columns)
    else:
        for name, said in columns.items():
            typer.echo(name)
            for column, words in said.items():
                typer.echo(f"  {column:<22} {words}")


@people_app.command("key")
def people_key(
    file: Annotated[Path, typer.Argument(help="A file that does not exist.")], as_json: Json = False
) -> None:
    """Make a new key for people's data; keep a copy apart, without it their rows are lost."""
    from certs.people import write_key

    try:
        write_key(file)
    except OSError as reason:
        raise fail(f"people: {reason}") from reason
    tell(f"{file}: set GATEWAY_PEOPLE_KEY to it", as_json=as_json,
         key=str(file), variable="GATEWAY_PEOPLE_KEY")  # fmt: skip


def _tell(report: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        show(report)
        return
    state = "applied" if report["applied"] else "not applied: in force already is"
    typer.echo(
        f"division {report['division']}: {state} version {report['version']}"
        f" ({report['kind']}, {report['rows']} rows)"
    )
    for line in report["overdrawn"]:
        typer.echo(f"  grant below what is reserved: {line}")

"""What every command has in common: exit codes, JSON on standard output, words on the other one."""

import datetime as dt
import errno
import sys
from pathlib import Path
from socket import gaierror
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn
from rich.table import Table

from gateway.domain.faults import (
    CommitUnknown,
    DatabaseUnreached,
    LedgerUnavailable,
    StoreUnavailable,
)
from gateway.settings import DATABASE_VARIABLE

DONE, NO, USAGE = 0, 1, 2

Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
Database = Annotated[
    str, typer.Option("--database", envvar=DATABASE_VARIABLE, help="DSN of the gateway's database.")
]
SettingsFile = Annotated[Path, typer.Option("--settings", help="TOML file; see docs/settings.md.")]
SettingsIfAny = Annotated[
    Path | None,
    typer.Option("--settings", help="The gateway's TOML file: its divisions, its policies."),
]
"""Of commands that also work on a database alone (`gateway.commands.divisions`)."""
OfficerCertificate = Annotated[Path, typer.Option("--certificate", help="The officer's, PEM.")]
OfficerKey = Annotated[Path, typer.Option("--key", help="The officer's, encrypted PEM.")]

DATABASE_REMEDY = (
    "请检查数据库是否运行、--database（或环境变量）中的地址、用户和密码是否正确、是否已 migrate。"
    " Check that PostgreSQL runs, that address, user and password in --database (or the"
    " environment) are right, and that `migrate` has been run."
)

UNKNOWN_REMEDY = (
    "数据库未答复，是否已经写入尚不可知。请再运行一次同样的命令：已经写入的会如实告知，不会写入第二次。"
    " The database has not answered. Run the same command again: what was written is told, and"
    " nothing is written twice."
)

DAYS = ["%Y-%m-%d"]
YEARS = range(2000, 3000)

console = Console(stderr=True)

TABLE_CHARS = 1000
"""As good as no bound: a narrow window breaks lines, `rich` would leave whole columns out."""


_FILE_TROUBLES = {
    errno.ENOENT: "没有这个文件或文件夹 there is no such file or folder",
    errno.EEXIST: "已经存在，未覆盖 it is there already and was left as it is",
    errno.EACCES: "没有权限 permission denied",
    errno.EPERM: "不允许 not permitted",
    errno.EISDIR: "是文件夹，不是文件 it is a folder, not a file",
    errno.ENOTDIR: "路径中有的不是文件夹 a part of the path is no folder",
    errno.EROFS: "只读文件系统 the file system is read-only",
    errno.ENOSPC: "磁盘已满 no space is left on the disk",
}


def of_our_time(day: dt.datetime | None) -> dt.datetime | None:
    """For options that name a day: of a mistyped year no calendar need be asked, nor a day be
    closed that was before there were gateways. Raises BadParameter."""
    if day is not None and day.year not in YEARS:
        raise typer.BadParameter(
            f"{day:%Y-%m-%d}: years are {YEARS.start} to {YEARS.stop - 1} (年份有误)"
        )
    return day


def fail(message: str, code: int = NO) -> typer.Exit:
    """What a file lacks in words, and where the database is what failed, with a sentence on what to
    look at."""
    message = _in_words(message, sys.exception())
    console.print(message, markup=False, highlight=False, soft_wrap=True)
    if _is_unknown(error := sys.exception()):
        console.print(UNKNOWN_REMEDY, markup=False, highlight=False, soft_wrap=True)
    elif _is_databases(error):
        if (tried := _tried(error)) and tried not in message:
            console.print(tried, markup=False, highlight=False, soft_wrap=True)
        console.print(DATABASE_REMEDY, markup=False, highlight=False, soft_wrap=True)
    return typer.Exit(code)


def _in_words(message: str, error: BaseException | None) -> str:
    """Without the number that Python gives to a file's trouble: `[Errno 2]` is nobody's word."""
    while error is not None:
        if isinstance(error, OSError) and error.errno and isinstance(error.filename, str | Path):
            place = Path(error.filename)
            if error.errno == errno.ENOENT and not place.parent.exists():
                place = place.parent  # a file that we write has another name until it is whole
            words = _FILE_TROUBLES.get(error.errno, error.strerror)
            return message.replace(str(error), f"{place}: {words}")
        error = error.__cause__ or error.__context__
    return message


def _is_unknown(error: BaseException | None) -> bool:
    while error is not None and not isinstance(error, CommitUnknown):
        error = error.__cause__
    return error is not None


def _is_databases(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, LedgerUnavailable | StoreUnavailable | ConnectionError | gaierror):
            return True
        if type(error).__module__.startswith("asyncpg"):  # that room alone may import it
            return True
        error = error.__cause__
    return False


def _tried(error: BaseException | None) -> str:
    """At which addresses, in the words of whoever tried; empty if that is not the trouble."""
    while error is not None:
        if isinstance(error, DatabaseUnreached):
            return str(error)
        error = error.__cause__
    return ""


def bar() -> Progress:
    """How far a command is, on the other output, and gone once it is done."""
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True)


def show_table(table: Table, nothing: str) -> None:
    """Every column whole, also in a narrow window and where standard error is no terminal; or
    `nothing`, if it has no rows. What stands in a cell is text: of `[/x]` nothing is markup."""
    if table.row_count:
        Console(stderr=True, width=TABLE_CHARS, markup=False).print(table, soft_wrap=True)
    else:
        console.print(nothing)


def say_if_cut(rows: int, most: int) -> None:
    """A list that ended at its limit does not look whole, nor does what --json has of it."""
    if rows >= most:
        console.print(
            f"只列出前 {most} 条，可能还有。 Only the first {most} are listed; there may be more.",
            markup=False, highlight=False, soft_wrap=True,
        )  # fmt: skip


def tell(words: str, *, as_json: bool, **fields: object) -> None:
    """What a command did: one JSON document of these fields, or in words."""
    if as_json:
        show(fields)
    else:
        typer.echo(words)


def show(value: object) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(orjson.dumps(value).decode() + "\n")

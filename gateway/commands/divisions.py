"""Which divisions a command means: those it names, or those of the settings given."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from gateway.commands.terminal import USAGE, fail
from gateway.settings import Settings, SettingsInvalid, read_settings

Division = Annotated[
    str | None, typer.Option(help="Nine digits; that of the settings if they serve one.")
]


def divisions_meant(settings: Path | None, named: Sequence[str]) -> list[str]:
    """Those named, each one that the settings serve; all of these if none is named. Without
    settings as named. Raises typer.Exit (usage)."""
    if settings is None:
        return list(named)
    served = read_whole(settings).gateway.divisions
    if strangers := [each for each in named if each not in served]:
        raise not_served(" ".join(strangers), settings, served)
    return list(named or served)


def not_served(named: str, settings: Path, served: Iterable[str]) -> typer.Exit:
    words = f"--division {named}: {settings} serves {' '.join(served)} (该设置不管理此区划)"
    return fail(words, USAGE)


def division_meant(settings: Path | None, named: str | None) -> str:
    """The one that is named, or the only one that the settings serve. Raises typer.Exit (usage)."""
    found = divisions_meant(settings, [named] if named else [])
    if len(found) == 1:
        return found[0]
    which = f"one of {' '.join(found)}" if found else "or --settings with the gateway's TOML file"
    raise fail(f"say --division, {which} (请指明区划)", USAGE)


def read_whole(settings: Path) -> Settings:
    """Raises typer.Exit (usage) with all that is wrong in them."""
    try:
        return read_settings(settings)
    except SettingsInvalid as invalid:
        raise fail(f"settings: {invalid}", USAGE) from invalid

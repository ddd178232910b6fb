"""Examining what the gateway believes because of where it lies: nobody else may write there."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from certs.files import open_to_all
from gateway.examining.finding import Finding, bad
from gateway.settings import Settings

_LOOKED_AT_ELSEWHERE = frozenset({"gateway.log_file", "files.folder", "witness.mark"})
"""Nothing is believed because it lies there, or what lies there has an examination of its own."""


def trusted(file: Path, settings: Settings) -> Iterator[Finding]:
    """The settings name officers and peers, the authorities who is whom, a folder the policies."""
    for name, path in (("settings", file), *_paths(settings)):
        try:
            exposed = open_to_all(path)
        except OSError as error:
            yield bad(name, error)
            continue
        if exposed:
            words = "anybody on this host may write it, and so decide whom the gateway believes"
            yield bad(name, f"{exposed}: {words}; chmod o-w")


def _paths(settings: Settings) -> Iterator[tuple[str, Path]]:
    for section in settings.__struct_fields__:
        value = getattr(settings, section)
        if isinstance(value, msgspec.Struct):
            for field in value.__struct_fields__:
                name, path = f"{section}.{field}", getattr(value, field)
                if isinstance(path, Path) and name not in _LOOKED_AT_ELSEWHERE:
                    yield name, path

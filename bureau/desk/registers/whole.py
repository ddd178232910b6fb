"""Whole files of registers: one that is read, and all that stands made into one.

A gateway that takes one change no more takes none behind it either; a whole file overtakes them,
and the bureau need not have kept one (decision 0149).
"""

import asyncio
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

import orjson

from bureau.desk.refusals import ActRefused
from bureau.desk.registers.store import RegisterStore
from bureau.desk.registers.words import SHEETS, masked

FEED_BYTES_MAX = 64 * 1024 * 1024
"""A gateway's door takes no more."""
_PLACE = re.compile(r"([a-z_]+)\[([0-9]+)\]\.?(.*)")
Opened = Callable[[bytes], Mapping[str, Any]]


def document_of(division: str, raw: bytes) -> Mapping[str, Any]:
    """A whole file's members. Raises ActRefused for what is none."""
    try:
        document = orjson.loads(raw)
        fits = (
            document["division"] == division
            and isinstance(document["version"], int) and document["version"] > 0
            and all(isinstance(document.get(name, []), list) for name in SHEETS)
        )  # fmt: skip
        if fits:
            for name, sheet in SHEETS.items():
                for row in document.get(name, ()):
                    sheet.key_of(row)
            return dict(document)
    except (ValueError, TypeError, KeyError):
        pass
    raise ActRefused(
        "snapshot_unreadable", "文件不是本区划的登记文件（JSON）。", "Not a registers file."
    )


async def standing_of(store: RegisterStore, division: str, opened: Opened) -> dict[str, Any]:
    """All that stands, as a file of the version in force. Registers that the desk has no page for
    (lists, base codes, projects, allowances) change by whole files only: they are the last one's.

    Raises ActRefused: there is no whole file yet, or something that is kept does not open, for to
    leave it out would take it out of force.
    """
    last = await store.last_whole(division)
    if last is None:
        raise ActRefused(
            "no_snapshot", "请先导入并批准一份完整的登记文件。", "Import a whole file first."
        )
    document: dict[str, Any] = dict((await _read([last], opened, "上一份完整登记文件"))[0])
    # Before the rows: what is approved meanwhile has overtaken what is made of them.
    document["version"] = await store.version(division)
    for name, sheet in SHEETS.items():
        rows = await _read(await store.bodies(division, name), opened, sheet.zh)
        # An empty field is left out: a gateway of an older release does not know every field.
        said = [{field: value for field, value in row.items() if value is not None} for row in rows]
        document[name] = sorted(said, key=sheet.key_of)
    return document


def file_of(document: Mapping[str, Any]) -> bytes:
    """Raises ActRefused: too large for a gateway's door."""
    raw = orjson.dumps(document)
    if len(raw) > FEED_BYTES_MAX:
        raise ActRefused(
            "file_size", "现行登记大于 64 MB，请由网关直接装入文件。",
            "What stands is larger than 64 MB; let each gateway load a file.",
        )  # fmt: skip
    return raw


def called_in(document: Mapping[str, Any]) -> Callable[[str], str]:
    """What a place is called on the desk's pages: `agencies[3].name` by its row's own number."""

    def called(field: str) -> str:
        found = _PLACE.fullmatch(field)
        sheet = SHEETS.get(found[1]) if found else None
        if found is None or sheet is None:
            return field
        key = sheet.key_of(document[found[1]][int(found[2])])
        titles = {column.name: column.zh for column in sheet.columns}
        key = masked(key) if sheet.sealed else key
        return f"{sheet.zh} {key} {titles.get(found[3], found[3])}".rstrip()

    return called


async def _read(bodies: Collection[bytes], opened: Opened, what: str) -> list[Mapping[str, Any]]:
    def all_of_them() -> list[Mapping[str, Any]]:
        return [opened(body) for body in bodies]

    try:
        return await asyncio.to_thread(all_of_them)
    except ValueError:
        raise ActRefused(
            "unopened",
            f"{what}：库中有内容无法解封，请先在该页重新登记，或导入一份完整的登记文件。",
            "Something that is kept does not open; register it anew, or import a whole file.",
        ) from None  # fmt: skip

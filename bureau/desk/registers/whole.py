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
from gateway.domain.register_feed import FEED_BYTES_MAX

DIVISION_CHARS = 9
_PLACE = re.compile(r"([a-z_]+)\[([0-9]+)\]\.?(.*)")
Opened = Callable[[bytes], Mapping[str, Any]]


def document_of(division: str, raw: bytes) -> Mapping[str, Any]:
    """A whole file's members. Raises ActRefused, with what is amiss, for what is none."""
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError as wrong:
        place = wrong.lineno, wrong.colno
        raise ActRefused(
            "snapshot_unreadable",
            "文件不是完整的 JSON：第{}行第{}列读不下去，可能没有导出完，或选错了文件。".format(
                *place
            ),
            "Not whole JSON, from line {}, column {} on: cut off, or another file?".format(*place),
        ) from None
    told = document.get("division") if isinstance(document, dict) else None
    if told != division:
        other = f"，文件所载为“{told[:DIVISION_CHARS]}”" if isinstance(told, str) else ""
        raise ActRefused(
            "snapshot_unreadable", f"文件不是本区划的登记文件：division 应为 {division}{other}。",
            f"Not a registers file of this division: `division` is to be {division}.",
        )  # fmt: skip
    if not _has_the_shape(document):
        raise ActRefused(
            "snapshot_unreadable",
            "文件不是登记文件：version 应为正整数，各登记应为列表，其中每行须有编号。",
            "Not a registers file: `version` is a positive number, each register a list of rows.",
        )
    return dict(document)


def _has_the_shape(document: Mapping[str, Any]) -> bool:
    version = document.get("version")
    if type(version) is not int or version <= 0:
        return False
    try:
        for name, sheet in SHEETS.items():
            rows = document.get(name, [])
            if not isinstance(rows, list):
                return False
            for row in rows:
                sheet.key_of(row)
    except (ValueError, TypeError, KeyError, AttributeError):
        return False
    return True


def expect_newer(document: Mapping[str, Any], version: int) -> None:
    """Raises ActRefused: gateways would not take it."""
    told = document["version"]
    if told <= version:
        raise ActRefused(
            "version", f"文件的版本号不高于现行版本：文件为第{told}版，现行第{version}版。",
            f"Its version {told} is not above the {version} in force.",
        )  # fmt: skip


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

"""`export day`: a stretch of a division's log as a folder that `verify day` accepts."""

import asyncio
import datetime as dt
import os
from collections.abc import Callable
from pathlib import Path

import attrs
import orjson

from adapters.postgres.log.export import PostgresExport, Stop
from certs.log.day import CLOSE, NOTICES, Day, write_day
from certs.log.growth import format_growth
from certs.log.manifest import write_manifest
from certs.log.note import Checkpoint, parse_checkpoint, parse_note
from certs.signing.encoding import b64
from certs.signing.signer import Signer
from gateway.configured.keys import record_signer
from gateway.domain.day import bounds
from gateway.pipeline.close import close_subject
from gateway.settings import PASSPHRASE_VARIABLE, Secrets, read_settings
from gateway.web.evidence import proof_fields
from gateway.workers.close import GRACE

Told = Callable[[int, int], None]
"""Records read so far, and of how many."""


class NothingToExport(ValueError):
    """The bureau has cosigned no checkpoint of that stretch yet."""


@attrs.frozen(kw_only=True)
class Exported:
    start: int
    end: int
    """One past the last record."""

    @property
    def count(self) -> int:
        return self.end - self.start


def export_day(
    database: str, division: str, on: dt.date | None, folder: Path, told: Told, signer: Signer
) -> Exported:
    """Write what was sealed on the legal day `on`; the whole log if None.

    The stretch begins at a checkpoint that the bureau cosigned before the day and ends at the day's
    last one, or where the day's close stands in the log: the days of a log overlap, so that each
    holds all that its close counts. The record key signs the list of files. Refuses a folder that
    holds anything; one that is made is its owner's only, for the records name payees and accounts.

    Raises NothingToExport, LedgerUnavailable, OSError.
    """
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty")
    day, beside, exported = asyncio.run(_read(database, division, on, told))
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_day(folder, day)
    for name, data in beside.items():
        (folder / name).write_bytes(data)
    origin = day.checkpoint.partition("\n")[0]
    write_manifest(folder, origin, on.isoformat() if on else None, signer)
    return exported


def signer_of(settings: Path) -> Signer:
    """The record key of the gateway's settings. Raises SettingsInvalid, OSError, ValueError."""
    passphrase = os.environ.get(PASSPHRASE_VARIABLE, "").encode()
    # Only the key is opened here; the database is the command's own option.
    secrets = Secrets(database="", passphrase=passphrase, commitment=b"")
    return record_signer(read_settings(settings), secrets)


def export_growth(database: str, division: str, kept: Path, file: Path) -> int:
    """Write the proof that the log only grew since the checkpoint in `kept`; its new size.

    Raises NothingToExport, LedgerUnavailable, OSError, ValueError (not a checkpoint).
    """
    old = parse_checkpoint(parse_note(kept.read_bytes().decode()).text)
    growth = asyncio.run(_growth(database, division, old))
    with file.open("xb") as out:
        out.write(growth.encode())
    return parse_checkpoint(parse_note(growth.partition("\n\n")[2]).text).size


async def _read(
    database: str, division: str, on: dt.date | None, told: Told
) -> tuple[Day, dict[str, bytes], Exported]:
    log = PostgresExport(database)
    try:
        first, last = await _stops(log, division, on)
        start = first.size if first else 0
        records: list[bytes] = []
        async for page in log.bodies(division, start, last.size):
            records += page
            told(len(records), last.size - start)
        day = Day(
            checkpoint=last.checkpoint,
            records=records,
            previous=first.checkpoint if first else None,
            frontier=await log.frontier(division, first) if first else (),
        )
        beside = await _beside(log, division, on, last.size) if on else {}
        return day, beside, Exported(start=start, end=last.size)
    finally:
        await log.close()


async def _beside(log: PostgresExport, division: str, on: dt.date, end: int) -> dict[str, bytes]:
    """What the day's records do not prove themselves: its close, and the bureau's receipts."""
    found: dict[str, bytes] = {}
    close = await log.about(division, close_subject(division, on))
    if close and all(part.record.seq < end for part in close):
        found[CLOSE] = orjson.dumps({"evidence": [proof_fields(each) for each in close]})
    notices = await log.notices(division, *bounds(on))
    if notices:
        lines = [{"notice": b64(body), "receipt": receipt} for body, receipt in notices]
        found[NOTICES] = b"".join(orjson.dumps(line) + b"\n" for line in lines)
    return found


async def _growth(database: str, division: str, old: Checkpoint) -> str:
    log = PostgresExport(database)
    try:
        last = await log.latest(division, old.size)
        if last is None or last.origin != old.origin or old.size == 0:
            raise NothingToExport(
                f"division {division}: no cosigned checkpoint of {old.origin} reaches {old.size}"
            )
        path = await log.growth(division, old.size, last)
        return format_growth(old.size, path, last.checkpoint)
    finally:
        await log.close()


async def _stops(
    log: PostgresExport, division: str, on: dt.date | None
) -> tuple[Stop | None, Stop]:
    if on is None:
        first, last = None, await log.stop_before(division, dt.datetime.max.replace(tzinfo=dt.UTC))
    else:
        dawn, dusk = bounds(on)
        first = await log.stop_cosigned_before(division, dawn - GRACE)
        last = await log.stop_before(division, dusk)
        for part in await log.about(division, close_subject(division, on)):
            beyond = await log.stop_reaching(division, part.record.seq + 1)
            last = max((each for each in (last, beyond) if each), key=_size, default=None)
    if last is None or (first is not None and first.size >= last.size):
        raise NothingToExport(
            f"division {division}: the bureau has cosigned nothing of {on or 'it'}"
        )
    return first, last


def _size(stop: Stop) -> int:
    return stop.size

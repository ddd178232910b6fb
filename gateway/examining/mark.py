"""Examining the mark: can it be kept, is it ours, does the database hold what it says."""

from collections.abc import AsyncIterator

import attrs

from adapters.folder.mark import UNKNOWN
from adapters.postgres.log.recordlog import PostgresRecordLog
from certs.files import open_to_all
from certs.own_log import OwnLog
from gateway.configured.keys import record_signer, trust_of
from gateway.configured.mark import mark_file, own_logs
from gateway.domain.faults import LedgerUnavailable
from gateway.domain.log import REST, Marked
from gateway.examining.finding import Finding, State, bad, warn
from gateway.settings import Secrets, Settings
from gateway.workers.mark import LAG_S_MAX, STALE

UNSET = (
    "witness.mark is not set: whoever starts while the bureau is down passes nothing until it is"
    " heard"
)


@attrs.frozen(kw_only=True)
class Comparison:
    """One division's mark beside its database."""

    division: str
    origin: str
    """The log's name."""
    state: State
    words: str
    marked: int | None
    """How many records the mark says; None without a mark of ours."""
    held: int
    """How many the database holds."""


async def marks(settings: Settings, secrets: Secrets, *, reachable: bool) -> AsyncIterator[Finding]:
    """`reachable`: whether the database can be asked."""
    file = mark_file(settings)
    if file is None:
        yield warn("mark", UNSET)
        return
    try:
        file.prove_writable()
        if settings.witness.mark and open_to_all(settings.witness.mark):
            yield warn("mark", "anybody on this host may write it, and put an older one there")
    except OSError as error:
        yield bad("mark", f"cannot be written: {error}")
    if not reachable:
        return
    try:
        for found in await compare(settings, secrets):
            yield Finding(part=f"mark {found.division}", state=found.state, detail=found.words)
    except OSError as error:
        yield bad("mark", f"cannot be read: {error}")
    except ValueError as error:  # of our own keys or parties, among the findings too
        yield bad("mark", f"cannot be compared: {error}")
    except LedgerUnavailable:
        return  # the database is among the findings


async def signed(settings: Settings, secrets: Secrets) -> AsyncIterator[Finding]:
    """Whether each log's newest checkpoint is signed by a key that this host knows as ours: another
    host's certificate, or an earlier one, may lack among the parties, and then nothing is told."""
    records = PostgresRecordLog(secrets.database)
    try:
        own = record_signer(settings, secrets)
        trust = trust_of(settings, own)
        for division, log in own_logs(settings, trust).items():
            newest = await records.newest_checkpoint(division, 0)
            try:
                if newest:
                    log.read(newest[1])
            except ValueError as reason:
                words = "the newest checkpoint is of no record key in parties.folder"
                yield bad(f"log {division}", f"{words}: {reason}")
    except (OSError, ValueError, LedgerUnavailable):
        return  # keys, parties and database are among the findings
    finally:
        await records.close()


async def compare(settings: Settings, secrets: Secrets) -> list[Comparison]:
    """Raises OSError, ValueError (the file, our keys), LedgerUnavailable."""
    file = mark_file(settings)
    if file is None:
        raise ValueError(UNSET)
    try:
        kept: dict[str, Marked] | str = file.read()
    except ValueError as torn:
        kept = str(torn)
    signer = record_signer(settings, secrets)
    trust = trust_of(settings, signer)
    records = PostgresRecordLog(secrets.database)
    try:
        return [
            await _compare(
                division, own, kept if isinstance(kept, str) else _of(kept, own), records
            )
            for division, own in own_logs(settings, trust).items()
        ]
    finally:
        await records.close()


def _of(kept: dict[str, Marked], own: OwnLog) -> Marked | None:
    return kept.get(own.origin, kept.get(REST))


async def _compare(
    division: str, own: OwnLog, mark: Marked | str | None, records: PostgresRecordLog
) -> Comparison:
    """`mark`: in words, if the file is torn."""
    held = (await records.sizes()).get(division, 0)

    def found(state: State, words: str, marked: int | None = None) -> Comparison:
        return Comparison(
            division=division, origin=own.origin, state=state, words=words, marked=marked, held=held
        )

    if isinstance(mark, str):
        return found(State.BAD, f"{mark}; the bureau must be heard")
    if mark is None or mark == Marked(checkpoint=""):
        return found(State.WARN, "none yet: a first start, or a new host; the bureau must be heard")
    if mark == UNKNOWN:
        return found(State.BAD, f"{mark.checkpoint}; the bureau must be heard")
    try:
        size, root = own.read(mark.checkpoint) if mark.checkpoint else (0, b"")
    except ValueError as reason:
        words = mark.forgot or f"is not of this log: {reason}; the bureau must be heard"
        return found(State.BAD, words)
    if mark.forgot:
        return found(State.BAD, mark.forgot, size)
    ours = await records.root_at(division, size)
    if ours is None:
        words = f"says {size} records, the database holds {held}: it is an older copy"
        return found(State.BAD, words, size)
    if ours != root:
        return found(State.BAD, f"at {size} records the database holds another history", size)
    if await records.sealed_for_s(division, size) > LAG_S_MAX:
        return found(State.WARN, f"{size} of {held} records: {STALE}", size)
    return found(State.GOOD, f"{size} of {held} records", size)

"""`policy shadow`: a candidate book beside the live one, off the request path, never enforced.

`start` writes a run into the database; whoever holds the gateways' office keeps a process of its
own going for it (`follow`), which reads the sealed log behind the payments and keeps what the
candidate would have decided otherwise. `report` reads that.
"""

import asyncio
import datetime as dt
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import orjson
import structlog

from adapters.postgres.oversight.past import SEQ_MAX, PostgresPast, Span
from gateway.configured.people import past_of
from gateway.domain.decision import Outcome
from gateway.domain.faults import LedgerUnavailable
from gateway.domain.legal_day import dawn, legal_day
from gateway.domain.past import Candidate, Flip, Past, ShadowRun
from gateway.policy_books.answering import Answering, Shelves
from gateway.policy_books.retrace import Retracer, trouble_of
from policies.book.load import book_of, load_codes, load_texts
from policies.replay.report import Change, Report, Sample
from policies.replay.shadow import WARNED, Otherwise, Shadow

LOOK_S = 1.0
REST_S, REST_S_MAX = 1.0, 300.0
"""How long a candidate that failed is left alone; twice as long each time, up to the second."""
NICE = 10
"""Payments go first."""

log = structlog.get_logger()


class NoShadow(ValueError):
    """There is nothing to start, stop or report; the message says why."""


def start(
    folder: Path, database: str, divisions: Sequence[str], by: str, since: dt.date | None = None
) -> list[ShadowRun]:
    """Begin with what is sealed from now on, or since that legal day.

    Raises PolicyRefused, NoShadow, LedgerUnavailable.
    """
    texts = load_texts(folder)
    revision = book_of(texts, load_codes()).revision
    candidate = Candidate(revision=revision, documents=orjson.dumps(texts), by=by)
    return asyncio.run(_start(candidate, database, divisions, since))


async def _start(
    candidate: Candidate, database: str, divisions: Sequence[str], since: dt.date | None
) -> list[ShadowRun]:
    now = dt.datetime.now(dt.UTC)
    async with past_of(database) as past:
        chosen = list(divisions) or await past.divisions()
        if not chosen:
            raise NoShadow("no division has a log yet; name one with --division")
        taken = [r.division for r in await past.shadows(running=True) if r.until_seq is None]
        if busy := sorted(set(chosen) & set(taken)):
            raise NoShadow(f"a candidate runs already in {', '.join(busy)}: stop it first")
        found: list[ShadowRun] = []
        for division in chosen:
            span = await past.span(division, dawn(since) if since else None)
            span = span if since else Span(after_seq=span.last_seq, last_seq=span.last_seq)
            run = await past.start_shadow(division, candidate, span, now)
            if run is None:
                raise NoShadow(f"a candidate was started in {division} just now")
            found += await past.shadows(division, run)
        return found


def stop(database: str, divisions: Sequence[str]) -> list[tuple[str, int]]:
    """End the runs of these divisions, or all; what they found stays. Raises NoShadow."""

    async def work() -> list[tuple[str, int]]:
        now = dt.datetime.now(dt.UTC)
        async with past_of(database) as past:
            found = await past.shadows(running=True)
            running = [run.division for run in found if run.until_seq is None]
            chosen = [each for each in running if not divisions or each in divisions]
            runs = [(each, await past.stop_shadow(each, now)) for each in chosen]
        return [(division, run) for division, run in runs if run is not None]

    stopped = asyncio.run(work())
    if not stopped:
        raise NoShadow("no candidate runs there")
    return stopped


def runs(database: str) -> list[ShadowRun]:
    async def work() -> list[ShadowRun]:
        async with past_of(database) as past:
            return await past.shadows()

    return asyncio.run(work())


def report(database: str, division: str, run: int | None) -> tuple[ShadowRun, Report]:
    """What a run has found, the latest if `run` is None. Raises NoShadow, LedgerUnavailable."""
    return asyncio.run(_report(database, division, run))


async def _report(database: str, division: str, run: int | None) -> tuple[ShadowRun, Report]:
    async with past_of(database) as past:
        found = await past.shadows(division, run)
        if not found:
            raise NoShadow(f"no candidate ran in {division}")
        shadow = found[-1]
        told = Report(instructions=shadow.compared, what="影子比对")
        async for page in past.flips(shadow):
            for flip in page:
                _note(told, flip)
        return shadow, told


def _note(told: Report, flip: Flip) -> None:
    change = Change(before=_outcome(flip.before), after=_outcome(flip.after))
    if change.before is change.after:
        return
    tally = told.note(change, flip.agency, flip.amount_fen, flip.policies)
    if tally.wants_sample:
        tally.sample(
            Sample(
                id=flip.subject, agency=flip.agency, amount_fen=flip.amount_fen,
                day=legal_day(flip.decided_at).isoformat(), policies=flip.policies,
                reason_zh=flip.reason_zh,
            )
        )  # fmt: skip


def _outcome(told: str) -> Outcome:
    """Warnings that come or go beside a pass are the desk's to show."""
    return Outcome.PASS if told == WARNED else Outcome(told)


def run_fields(shadow: ShadowRun) -> dict[str, Any]:
    """For people and `--json`: everything but the documents."""
    fields = attrs.asdict(shadow, filter=lambda a, _: a.name != "documents")
    for name in ("started_at", "stopped_at"):
        fields[name] = fields[name].isoformat() if fields[name] else None
    return fields


def follow(
    database: str, shelves: Shelves, *, until_idle: bool = False, tied: bool = False
) -> None:
    """Work on every run until none is left, or for ever; `tied`: until standard input ends.

    Raises LedgerUnavailable only at once: later a database that is down is waited out.
    """
    os.nice(NICE)
    asyncio.run(_follow(database, shelves, until_idle=until_idle, tied=tied))


async def start_follower(shelves: Shelves) -> asyncio.subprocess.Process:
    """`follow` as a child of the gateway, which it does not outlive; the database is told by the
    environment, as the gateway's own. Raises OSError."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", "policy", "shadow", "follow", "--tied", *shelves.words(),
        stdin=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def _follow(database: str, shelves: Shelves, *, until_idle: bool, tied: bool) -> None:
    parent = asyncio.create_task(_parent_gone()) if tied else None
    try:
        async with past_of(database) as past:
            await _work(Following(past), Answering(past, shelves), parent, until_idle=until_idle)
    finally:
        if parent:
            parent.cancel()


async def _work(
    following: "Following", answering: Answering, parent: asyncio.Task[None] | None, *,
    until_idle: bool,
) -> None:  # fmt: skip
    while not (parent and parent.done()):
        try:
            worked, running = await following.turn(asyncio.get_running_loop().time())
            answered = await answering.turn()
            worked, running = worked + answered, running or bool(answered)
        except LedgerUnavailable as lost:
            log.warning("shadow.waiting", reason=str(lost))
            worked, running = 0, True
        if not running or (until_idle and not worked):
            return
        if not worked:
            await asyncio.sleep(LOOK_S)


async def _parent_gone() -> None:
    """Standard input is the gateway's end of a pipe: it closes however the gateway ends."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.read(1024):
        pass


@attrs.frozen(kw_only=True)
class _Rest:
    until_s: float
    pause_s: float
    reason: str


class Following:
    """The candidates at work, each with its own past."""

    def __init__(self, past: PostgresPast) -> None:
        self._past = past
        self._retracer = Retracer(past)
        self._shadows: dict[tuple[str, int], Shadow] = {}
        self._resting: dict[tuple[str, int], _Rest] = {}

    async def turn(self, now_s: float) -> tuple[int, bool]:
        """A page of each run at this moment of the monotonic clock: how many instructions were
        compared, and whether any run is on."""
        worked, running = 0, False
        for shadow in await self._past.shadows(running=True):
            running, at = True, (shadow.division, shadow.run)
            if at in self._resting and now_s < self._resting[at].until_s:
                continue
            try:
                worked += await self._page(shadow)
            except LedgerUnavailable:
                raise
            except Exception as error:  # noqa: BLE001  one candidate must not stop the others
                await self._failed(shadow, trouble_of(error), now_s)
            else:
                if self._resting.pop(at, None):
                    log.info("shadow.goes_on", division=shadow.division, run=shadow.run)
        return worked, running

    async def _failed(self, shadow: ShadowRun, reason: str, now_s: float) -> None:
        """Told once for each reason; tried again after pauses that grow."""
        at = shadow.division, shadow.run
        self._shadows.pop(at, None)
        before = self._resting.get(at)
        pause = min(2 * before.pause_s, REST_S_MAX) if before else REST_S
        self._resting[at] = _Rest(until_s=now_s + pause, pause_s=pause, reason=reason)
        if before is None or before.reason != reason:
            log.error("shadow.failed", division=shadow.division, run=shadow.run, reason=reason)
        if shadow.until_seq is not None:
            await self._past.fail_backtest(shadow, reason, dt.datetime.now(dt.UTC))
        elif before is None or before.reason != reason:
            await self._past.note_trouble(shadow, reason)

    async def _page(self, shadow: ShadowRun) -> int:
        candidate = await self._candidate(shadow)
        last = SEQ_MAX if shadow.until_seq is None else shadow.until_seq
        page = await self._past.page(shadow.division, shadow.read_seq, last)
        if not page:
            if shadow.until_seq is not None:
                await self._past.end_backtest(shadow, dt.datetime.now(dt.UTC))
                self._shadows.pop((shadow.division, shadow.run), None)
            return 0
        flips = []
        for each in page:
            retraced = await self._retracer.stored(each)
            if otherwise := candidate.compare(retraced.row, retraced.decision):
                flips.append(_flip(each, retraced.row.facts.agency_code,
                                   retraced.row.facts.amount, otherwise))  # fmt: skip
        candidate.forget(legal_day(page[-1].decided_at))
        if not await self._past.advance(shadow, page[-1].seq, len(page), flips):
            # Somebody else follows too, or it was stopped: what we remember is no longer its past.
            self._shadows.pop((shadow.division, shadow.run), None)
            return 0
        return len(page)

    async def _candidate(self, shadow: ShadowRun) -> Shadow:
        at = shadow.division, shadow.run
        if at not in self._shadows:
            book = book_of(orjson.loads(shadow.documents), load_codes())
            candidate = Shadow(book)
            await self._look_back(candidate, shadow)
            self._shadows[at] = candidate
        return self._shadows[at]

    async def _look_back(self, candidate: Shadow, shadow: ShadowRun) -> None:
        """Its windows count from before it began, and after a restart what it had counted."""
        if not candidate.days_back:
            return
        first = await self._past.sealed_then(shadow.division, shadow.read_seq)
        since = (first or shadow.started_at) - dt.timedelta(days=candidate.days_back)
        span = await self._past.span(shadow.division, since)
        async for page in self._past.decided(shadow.division, span.after_seq, shadow.read_seq):
            for each in page:
                candidate.look((await self._retracer.stored(each)).row)


def _flip(past: Past, agency: str, amount_fen: int, otherwise: Otherwise) -> Flip:
    return Flip(
        seq=past.seq, subject=str(past.key), decided_at=past.decided_at, agency=agency,
        amount_fen=amount_fen, before=otherwise.before, after=otherwise.after,
        policies=otherwise.policies, reason_zh=otherwise.reason_zh,
    )  # fmt: skip

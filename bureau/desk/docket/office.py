"""The office that works on cases: opens them, makes their moves, chases what is overdue.

One move is one transaction: state, documents with their numbers, files, what the registers must
learn, and the audit trail, all or nothing.
"""

import asyncio
import datetime as dt
import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
import orjson
import structlog

from bureau.desk.casework.made import Made
from bureau.desk.casework.moves import replayed, step
from bureau.desk.casework.phase import phase
from bureau.desk.casework.state import Case, Done, awaits
from bureau.desk.casework.words import (
    APPEAL_TO,
    PROGRAM,
    Against,
    Measure,
    Move,
    Origin,
    Stage,
    internal,
)
from bureau.desk.docket.handed_in import check_handed_in, check_two_persons
from bureau.desk.docket.issue import Issued, Making, Setter, Write, case_no, concerned, writes
from bureau.desk.names import Names
from bureau.desk.papers.established import established
from bureau.desk.papers.paper import DRAFT
from bureau.desk.people import OUTSIDE, Office, Person
from bureau.desk.refusals import ActRefused, check_seen
from bureau.desk.trail import Act
from bureau.ports import CaseStore, Clock
from gateway.domain.faults import StoreUnavailable
from gateway.domain.legal_day import legal_day
from gateway.domain.records import canonical

_log = structlog.get_logger("bureau.docket")

REMIND_AHEAD = dt.timedelta(days=3)
DUE_ROWS = 500
"""Due cases read at a time."""
FREQUENT_TIMES = 5
LARGE_FEN = 100_000_000
SERIOUS = ("JL-060", "JL-061")
"""Money with a purpose of its own that was diverted (Art. 10(3)16-17)."""
CONCERN_SPAN = dt.timedelta(days=90)
"""Art. 11(2)4: frequent, serious or large is five interceptions, one of SERIOUS, or a million yuan
in ninety days. The figures are ours, the regulation gives none."""
TITLE_CHARS_MAX = 120
Key = tuple[str, int, int]


@attrs.frozen(kw_only=True)
class Upload:
    name: str
    media: str
    body: bytes = attrs.field(repr=False)

    @property
    def digest(self) -> bytes:
        return hashlib.sha256(self.body).digest()


@attrs.frozen(kw_only=True)
class Written:
    """All that one move writes."""

    move: tuple[Any, ...]
    state: tuple[Any, ...]
    files: tuple[tuple[str, str, bytes, bytes], ...]
    papers: tuple[Making, ...]
    wishes: tuple[tuple[str, str, str], ...]
    at: dt.datetime
    case: Case
    told: Callable[[Sequence[Issued]], list[Act]]

    def acts(self, issued: Sequence[Issued]) -> list[Act]:
        return self.told(issued)


@attrs.frozen(kw_only=True)
class Opening:
    """What a new case is about."""

    origin: Origin
    against: Against
    agency_code: str
    agency_name: str
    bank: str
    title: str
    reason: str
    amount_fen: int = 0
    policies: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class NewCase:
    """A case that is to be opened, as the store takes it."""

    year: int
    values: tuple[Any, ...]
    at: dt.datetime
    act: Callable[[int], Act]
    """Of the number that it was given."""


class CaseOffice:
    """Raises ActRefused, StoreUnavailable. `titles`: of policies as letters cite them."""

    def __init__(
        self, store: CaseStore, setter: Setter, clock: Clock, bureau: str,
        titles: Mapping[str, str], names: Names,
    ) -> None:  # fmt: skip
        self._store = store
        self._setter = setter
        self._clock = clock
        self._bureau = bureau
        self._titles = titles
        self._names = names

    async def open(
        self, division: str, opening: Opening, subjects: Sequence[Mapping[str, Any]], by: Person,
        form: bytes | None = None,
    ) -> Key:  # fmt: skip
        """A case under the next number of this year; `subjects` name the payments it rests on, and
        with `cases` in how many cases a payment was shown to be. `form` (`form_mark`) opens one
        case however often it is sent. Raises ActRefused (case_exists):
        it is in another one meanwhile; (grouped): the agency has a grouped one."""
        new = self.new_case(division, opening, by)
        opened = await self._store.open(
            division, new.year, new.values, subjects, new.at, new.act, form
        )
        if opened is None and opening.origin is Origin.GROUPED:
            raise ActRefused("grouped", "该单位已有归并案件在办。", "A grouped case is open.")
        if opened is None:
            raise ActRefused(
                "case_exists", "该笔支付已有案件，是否另立请先查看。", "The payment is in a case."
            )
        return division, *opened

    def new_case(self, division: str, opening: Opening, by: Person) -> NewCase:
        """For who opens it together with something else. Raises ActRefused."""
        for field in ("title", "reason"):
            if not getattr(opening, field).strip():
                raise ActRefused("field_missing", "请填写事由和说明。", f"{field}: missing")
        now = self._clock()
        year = legal_day(now).year
        values = (
            opening.origin.value, opening.against.value, opening.agency_code, opening.agency_name,
            opening.bank, opening.title[:TITLE_CHARS_MAX], opening.reason, opening.amount_fen,
            " ".join(opening.policies), by.login,
        )  # fmt: skip

        def act(number: int) -> Act:
            return Act(
                division=division, login=by.login, what="case.opened",
                subject=case_no(year, number), detail={"origin": opening.origin.value},
            )  # fmt: skip

        return NewCase(year=year, values=values, at=now, act=act)

    async def state(self, key: Key) -> tuple[Mapping[str, Any], Case, list[Mapping[str, Any]]]:
        """The file, the case as its moves made it, and the moves. Raises LookupError."""
        row = await self._store.case(key)
        if row is None:
            raise LookupError(key)
        moves = [_read(each) for each in await self._store.moves(key)]
        return row, _replayed(row, moves), moves

    async def move(
        self, key: Key, move: Move, body: Mapping[str, Any], by: Person,
        files: Sequence[Upload] = (), *, seen: int | None = None,
    ) -> Case:  # fmt: skip
        """`seen`: how many moves the person was shown who decides. Raises ActRefused, LookupError
        (no such case)."""
        made = Made(
            move=move, by=by.login, office=by.office, day=legal_day(self._clock()), body=body
        )
        await self._names.follow(key[0])

        def judge(*now: Any) -> Written:
            check_seen(seen, now[0]["moves"])
            return self._judged(key, made, by, files, now)

        written = await self._store.move(key, judge)
        if written is None:
            raise LookupError(key)
        case: Case = written.case
        return case

    async def referral_draft(self, key: Key, by: Person) -> bytes:
        """The letter (PDF) as it would be set today if the referral that waits were agreed to now,
        marked as a draft: nothing is numbered, kept or issued. Raises ActRefused, LookupError."""
        await self._names.follow(key[0])
        row, case, moves = await self.state(key)
        day = legal_day(self._clock())
        if case.referral is None:
            raise ActRefused("referral_missing", "没有待审批的移交意见。", "No referral waits.")
        subjects, known = await self._store.subjects(key), established(case, moves, day)
        about = concerned(row, subjects, self._names, self._titles, known)
        [write] = writes(about, case, _made(Move.APPROVE_REFERRAL, day), by.name)
        making = self._making(write, day.year, self._clock(), by)
        return (await asyncio.to_thread(making, DRAFT)).pdf

    def _making(self, write: Write, year: int, at: dt.datetime, by: Person) -> Making:
        return Making(
            year=year, write=write, bureau=self._bureau, by=by.login, at=at, setter=self._setter
        )

    async def chase(self, division: str) -> int:
        """Remind of what is due soon, escalate what is overdue; each once. How many were."""
        day, done, after = legal_day(self._clock()), 0, None
        await self._names.follow(division)
        while rows := await self._store.due_cases(division, day + REMIND_AHEAD, after, DUE_ROWS):
            for row in rows:
                done += await self._chase_one((division, row["year"], row["number"]), day)
            after = rows[-1]["due"], rows[-1]["year"], rows[-1]["number"]
        return done

    async def _chase_one(self, key: Key, day: dt.date) -> bool:
        """Raises StoreUnavailable."""
        try:
            return await self._store.move(key, lambda *now: self._chased(key, day, now)) is not None
        except StoreUnavailable:
            raise
        except Exception:  # noqa: BLE001 (one case must not end the program, at each start anew)
            _log.exception("chasing.case_skipped", division=key[0], case=case_no(*key[1:]))
            return False

    def _chased(self, key: Key, day: dt.date, now: tuple[Any, Any, Any]) -> Written | None:
        row, raw, _ = now
        moves = [_read(each) for each in raw]
        case = _replayed(row, moves)
        made = _chase(case, moves, day)
        if made is None:
            return None
        program = Person(login=PROGRAM, division=key[0], office=Office.REVIEWER, name="系统")
        return self._judged(key, made, program, (), now)

    def _judged(
        self, key: Key, made: Made, by: Person, files: Sequence[Upload], now: tuple[Any, Any, Any]
    ) -> Written:
        row, raw, subjects = now
        moves = [_read(each) for each in raw]
        before = _replayed(row, moves)
        made = _with_proposal(made, before, moves)
        after = step(before, made)
        check_handed_in(before, made, bool(files))
        check_two_persons(before, made, {each["login"] for each in raw if each["closed"]})
        at = self._clock()
        body = {**made.body, "files": [f.digest.hex() for f in files]} if files else made.body
        known = established(before, moves, made.day)
        about = concerned(row, subjects, self._names, self._titles, known)
        making = tuple(
            self._making(write, made.day.year, at, by)
            for write in writes(about, before, made, by.name)
        )
        told = bool(making or made.move is Move.VERIFY) and not internal(made.move, made.body)
        office = made.office.value if made.office else ""
        return Written(
            move=(made.move.value, by.login, by.name, office, at, made.day, canonical(dict(body))),
            state=(
                after.stage.value,
                awaits(after),
                after.due,
                after.escalation,
                told,
                phase(after).value,
                after.referral is not None,
            ),
            files=tuple((f.name, f.media, f.digest, f.body) for f in files),
            papers=making,
            wishes=_wishes(row, before, after),
            at=at,
            case=after,
            told=lambda issued: _acts(key, made, after, issued),
        )


def _chase(case: Case, moves: Sequence[Mapping[str, Any]], day: dt.date) -> Made | None:
    """What the program has to say of a case today, unless it has said it already."""
    for order in case.orders:
        if order.missed(day) and order.status is Done.OPEN and case.escalation is None:
            try:
                made = _made(Move.ESCALATE, day, number=order.number)
                step(case, made)
            except ActRefused:
                continue
            return made
    said = {
        (each["body"].get("due"), each["body"].get("late", False))
        for each in moves if each["move"] == Move.REMIND
    }  # fmt: skip
    for due in case.dues:  # one that nobody answers hides no later one
        # An overdue order escalates; an overdue reply is asked for once more.
        late = due < day and case.stage is Stage.VERIFYING
        told = (due.isoformat(), late)
        if due > day + REMIND_AHEAD or told in said:
            continue
        words = "已逾期" if due < day else "即将到期"
        others = {} if due in case.for_party.dues else {"others": True}
        made = _made(Move.REMIND, day, due=told[0], late=late, text=f"{told[0]}{words}", **others)
        try:
            step(case, made)
        except ActRefused:
            continue
        return made
    return None


def _made(move: Move, day: dt.date, **body: Any) -> Made:
    return Made(move=move, by=PROGRAM, office=None, day=day, body=body)


def _with_proposal(made: Made, case: Case, moves: Sequence[Mapping[str, Any]]) -> Made:
    """An approval carries what was proposed and by whom, so that its document can say so."""
    if made.move is Move.APPROVE_REFERRAL and case.referral is not None:
        said = {"to": case.referral.to, "person": case.referral.person}
        return attrs.evolve(made, body={**made.body, **said})
    if made.move is not Move.APPROVE_HANDLING:
        return made
    proposed = next(
        (each for each in reversed(moves) if each["move"] == Move.PROPOSE_HANDLING), None
    )
    if proposed is None:
        return made
    more = {"proposed_text": proposed["body"].get("text", ""), "proposed_by": proposed["name"]}
    more |= {name: proposed["body"][name] for name in APPEAL_TO if name in proposed["body"]}
    return attrs.evolve(made, body={**made.body, **more})


def _wishes(row: Mapping[str, Any], before: Case, after: Case) -> tuple[tuple[str, str, str], ...]:
    """Art. 21(4) in force, or over: the agency's status in the registers."""
    was, will = _suspends(before), _suspends(after)
    if was == will or row["against"] != Against.AGENCY:
        return ()
    basis = f"案件{case_no(row['year'], row['number'])}"
    return ((row["agency_code"], "suspended" if will else "active", basis),)


def _suspends(case: Case) -> bool:
    standing = (Done.OPEN, Done.REPORTED, Done.FAILED)
    return case.stage is not Stage.CLEARED and any(
        order.measure is Measure.SUSPEND and order.status in standing for order in case.orders
    )


def _acts(key: Key, made: Made, after: Case, issued: Sequence[Issued]) -> list[Act]:
    subject = case_no(*key[1:])
    detail = {"move": made.move.value, "stage": after.stage.value}
    acts = [Act(division=key[0], login=made.by, what="case.moved", subject=subject, detail=detail)]
    for paper in issued:
        named = {"kind": paper.kind, "number": paper.number, "sha256": paper.digest.hex()}
        acts.append(
            Act(
                division=key[0], login=made.by, what="document.issued", subject=subject,
                detail=named,
            )
        )  # fmt: skip
    return acts


def _read(row: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**row, "body": orjson.loads(row["body"])}


def _replayed(row: Mapping[str, Any], moves: Sequence[Mapping[str, Any]]) -> Case:
    return replayed(
        Against(row["against"]),
        (
            Made(
                move=Move(each["move"]), by=each["login"], day=each["day"], body=each["body"],
                office=Office(each["office"]) if each["office"] else None,
            )
            for each in moves
        ),
    )  # fmt: skip


def only_told(person: Person) -> bool:
    """People outside the bureau see a case once something was addressed to them."""
    return person.office in OUTSIDE

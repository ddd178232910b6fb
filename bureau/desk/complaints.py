"""Complaints (投诉举报, Art. 20): taken in, handled, answered; the informant known to nobody alone.

A keeper (投诉受理岗) takes the complaint in; who reported is sealed in that moment under a key that
is not in the database. Those who handle it never hold the identity. It is opened when one keeper
asks with a reason and another agrees: once, to the one who asked, and the audit trail says so.
"""

import datetime as dt
import re
import secrets
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Protocol

import attrs
import orjson

from bureau.desk.docket.office import NewCase
from bureau.desk.intake import form_mark
from bureau.desk.people import Office, Person
from bureau.desk.refusals import ActRefused, Words, check_proposer, check_seen, joined
from bureau.desk.trail import Act
from bureau.ports import Clock
from gateway.domain.legal_day import legal_day

PHONES = ("0431-88550783", "0431-88550879")
"""Article 32."""
AGREED_FOR = dt.timedelta(hours=24)
"""How long a request to open waits for the second keeper, and his word for the first."""
PAD_BYTES = 1024
"""Sealed identities are all of one length, so that it tells nothing."""
REASON_CHARS_MIN = 4
TITLE_CHARS_MAX = 120
_CUT = re.compile(r"[\s\-—–·.()（）+]")
Key = tuple[str, int, int]


class Stage(StrEnum):
    """Stored as text, never renamed."""

    TAKEN = "taken"
    HANDLING = "handling"
    CONCLUDED = "concluded"
    ANSWERED = "answered"
    CLOSED = "closed"


class Step(StrEnum):
    ACCEPT = "accept"
    DECLINE = "decline"
    NOTE = "note"
    CASE = "case"
    CONCLUDE = "conclude"
    APPROVE = "approve"
    SEND_BACK = "send_back"
    FEED_BACK = "feed_back"


STAGE_ZH = {
    Stage.TAKEN: "已登记", Stage.HANDLING: "办理中", Stage.CONCLUDED: "待审批",
    Stage.ANSWERED: "待反馈", Stage.CLOSED: "已办结",
}  # fmt: skip
STEP_ZH = {
    Step.ACCEPT: "受理", Step.DECLINE: "提出不予受理", Step.NOTE: "记录办理情况",
    Step.CASE: "立案", Step.CONCLUDE: "提出办结意见", Step.APPROVE: "批准意见",
    Step.SEND_BACK: "退回重办", Step.FEED_BACK: "向举报人反馈",
}  # fmt: skip
STEP_EN = {
    Step.ACCEPT: "Accept", Step.DECLINE: "Propose to decline", Step.NOTE: "Note what was done",
    Step.CASE: "Open a case", Step.CONCLUDE: "Propose a conclusion", Step.APPROVE: "Approve",
    Step.SEND_BACK: "Send back", Step.FEED_BACK: "Tell the informant",
}  # fmt: skip
WAY_ZH = {
    "phone": "电话", "letter": "来信", "visit": "来访", "mail": "电子邮件",
    "transfer": "其他部门转来",
}  # fmt: skip
WHO: Mapping[Step, frozenset[Office]] = {
    Step.ACCEPT: frozenset({Office.REVIEWER}),
    Step.DECLINE: frozenset({Office.REVIEWER}),
    Step.NOTE: frozenset({Office.REVIEWER}),
    Step.CASE: frozenset({Office.REVIEWER}),
    Step.CONCLUDE: frozenset({Office.REVIEWER}),
    Step.APPROVE: frozenset({Office.APPROVER}),
    Step.SEND_BACK: frozenset({Office.APPROVER}),
    Step.FEED_BACK: frozenset({Office.KEEPER}),
}
DECIDING = frozenset({Step.APPROVE, Step.SEND_BACK})
"""Steps upon what another person proposed."""
_NEXT: Mapping[Step, Mapping[Stage, Stage]] = {
    Step.ACCEPT: {Stage.TAKEN: Stage.HANDLING},
    Step.DECLINE: {Stage.TAKEN: Stage.CONCLUDED},
    Step.NOTE: {Stage.HANDLING: Stage.HANDLING},
    Step.CASE: {Stage.HANDLING: Stage.HANDLING},
    Step.CONCLUDE: {Stage.HANDLING: Stage.CONCLUDED},
    Step.APPROVE: {Stage.CONCLUDED: Stage.ANSWERED},
    Step.SEND_BACK: {Stage.CONCLUDED: Stage.HANDLING},
    Step.FEED_BACK: {Stage.ANSWERED: Stage.CLOSED},
}
"""What each step makes of which stage; everything else is refused."""


class ComplaintStore(Protocol):
    async def add(
        self, division: str, year: int, values: tuple[Any, ...], at: dt.datetime,
        act: Callable[[int], Any], form: bytes | None,
    ) -> tuple[int, int]: ...  # fmt: skip

    async def listed(
        self, division: str, before: tuple[dt.datetime, int] | None, stage: str | None, limit: int
    ) -> Sequence[Mapping[str, Any]]: ...

    async def one(self, key: Key) -> Mapping[str, Any] | None: ...

    async def steps(self, key: Key) -> Sequence[Mapping[str, Any]]: ...

    async def openings(self, key: Key) -> Sequence[Mapping[str, Any]]: ...

    async def step(self, key: Key, judge: Callable[[Mapping[str, Any]], Any]) -> bool: ...

    async def to_case(
        self, key: Key, new: NewCase, judge: Callable[[Mapping[str, Any], tuple[int, int]], Any]
    ) -> int | None:
        """Open `new` of the complaint and write the step that says so, in one transaction."""
        ...

    async def ask(self, key: Key, by: str, reason: str, at: dt.datetime, act: Any) -> bool: ...

    async def agree(
        self, key: Key, seq: int, by: str, times: tuple[dt.datetime, dt.datetime], act: Any
    ) -> bool: ...

    async def open(
        self, key: Key, seq: int, by: str, times: tuple[dt.datetime, dt.datetime],
        act: Callable[[Mapping[str, Any]], Any],
    ) -> tuple[str, bytes] | None: ...  # fmt: skip


class Sealing(Protocol):
    """`certs.seal.Seal` fits it."""

    def close(self, plain: bytes, context: str) -> bytes: ...

    def open(self, sealed: bytes, context: str) -> bytes: ...


@attrs.frozen(kw_only=True)
class Informant:
    """Never logged, never listed. All empty: nobody said who he is."""

    name: str = attrs.field(default="", repr=False)
    phone: str = attrs.field(default="", repr=False)
    other: str = attrs.field(default="", repr=False)
    """Address, workplace, how to reach him."""

    @property
    def named(self) -> bool:
        return bool(self.name or self.phone or self.other)


@attrs.frozen(kw_only=True)
class Told:
    """What was reported."""

    way: str
    against: str
    agency_code: str
    agency_name: str
    bank: str
    title: str
    story: str


@attrs.frozen(kw_only=True)
class Made:
    step: tuple[Any, ...]
    state: tuple[Any, ...]
    act: Act
    at: dt.datetime


class Complaints:
    """Raises ActRefused, StoreUnavailable; LookupError where there is no such complaint."""

    def __init__(self, store: ComplaintStore, seal: Sealing, clock: Clock) -> None:
        self.store = store
        self._seal = seal
        self._clock = clock

    async def take(
        self, division: str, told: Told, informant: Informant, by: Person, token: str = ""
    ) -> Key:
        """Keep a complaint; the identity is sealed before anything is stored. `token`: of the form
        that brought it, which is taken once however often it is sent."""
        if wrong := flaws(told, informant):
            raise ActRefused("complaint_flawed", *joined(wrong))
        now, seal_name = self._clock(), secrets.token_hex(16)
        year = legal_day(now).year
        sealed = self._sealed(informant, division, seal_name) if informant.named else None
        values = (
            told.way, told.against, told.agency_code, told.agency_name, told.bank,
            told.title[:TITLE_CHARS_MAX], told.story, Stage.TAKEN.value, informant.named,
            seal_name, sealed, by.login,
        )  # fmt: skip

        def act(number: int) -> Act:
            return _act(by, "complaint.taken", (division, year, number), way=told.way)

        typed = (*attrs.astuple(told), *attrs.astuple(informant))
        form = form_mark(token, by.login, *typed)
        return division, *await self.store.add(division, year, values, now, act, form)

    async def step(
        self, key: Key, step: Step, words: str, by: Person, *,
        due: dt.date | None = None, seen: int | None = None,
    ) -> None:  # fmt: skip
        """One step of handling, but `to_case`. `seen`: how many steps the person was shown who
        decides."""
        _check_office(step, by)
        if step in (Step.DECLINE, Step.NOTE, Step.CONCLUDE, Step.SEND_BACK, Step.FEED_BACK) and (
            len(words) < REASON_CHARS_MIN
        ):
            raise ActRefused("words_missing", "请填写办理说明。", "Say what was done.")
        now = self._clock()

        def judge(row: Mapping[str, Any]) -> Made:
            check_seen(seen, row["steps"])
            if step is Step.APPROVE:
                check_proposer(row["closed"])
            return _made(key, step, {**row, "due": due or row["due"]}, words, by, now)

        if not await self.store.step(key, judge):
            raise LookupError(key)

    async def to_case(self, key: Key, new: NewCase, by: Person) -> Key:
        """Open the case of a complaint: with its word in the complaint, or not at all. The case's
        key."""
        _check_office(Step.CASE, by)
        now = self._clock()

        def judge(row: Mapping[str, Any], cased: tuple[int, int]) -> Made:
            if row["case_number"] is not None:
                raise ActRefused(
                    "cased", "已经立案；一件举报只立一案。", "A case was opened of it."
                )
            row = {**row, "case_year": cased[0], "case_number": cased[1]}
            return _made(key, Step.CASE, row, "", by, now)

        number = await self.store.to_case(key, new, judge)
        if number is None:
            raise LookupError(key)
        return key[0], new.year, number

    async def ask(self, key: Key, reason: str, by: Person) -> None:
        """The first keeper's word: why the informant must be known."""
        _keeper(by)
        if len(reason) < REASON_CHARS_MIN:
            raise ActRefused("reason_missing", "请写明查阅理由。", "Say why it must be opened.")
        row = await self.store.one(key)
        if row is None:
            raise LookupError(key)
        if not row["named"]:
            raise ActRefused("anonymous", "举报人没有留下身份信息。", "Nobody said who he is.")
        act = _act(by, "informant.asked", key, reason=reason)
        await self.store.ask(key, by.login, reason, self._clock(), act)

    async def agree(self, key: Key, seq: int, by: Person) -> None:
        """The second keeper's word, never the first one's own."""
        _keeper(by)
        now = self._clock()
        act = _act(by, "informant.agreed", key, opening=seq)
        if not await self.store.agree(key, seq, by.login, (now, now - AGREED_FOR), act):
            raise ActRefused(
                "not_agreed", "不能同意自己的申请，或申请已同意、已过期。",
                "Not one's own request, nor one that is old or was agreed to.",
            )  # fmt: skip

    async def open(self, key: Key, seq: int, by: Person) -> Informant:
        """Who reported: once, to the keeper who asked, after the trail has it."""
        _keeper(by)
        now = self._clock()

        def act(row: Mapping[str, Any]) -> Act:
            detail = {"reason": row["reason"], "agreed_by": row["agreed_by"], "opening": seq}
            return _act(by, "informant.opened", key, **detail)

        found = await self.store.open(key, seq, by.login, (now, now - AGREED_FOR), act)
        if found is None:
            raise ActRefused(
                "not_open", "须由另一名受理人同意，同意后一日内由申请人查阅一次。",
                "It takes another keeper's word, and is shown once, to the one who asked.",
            )  # fmt: skip
        seal_name, sealed = found
        fields = orjson.loads(self._seal.open(sealed, _context(key[0], seal_name)))
        return Informant(**{name: fields[name] for name in ("name", "phone", "other")})

    def _sealed(self, informant: Informant, division: str, seal_name: str) -> bytes:
        plain = orjson.dumps(attrs.asdict(informant))
        if len(plain) > PAD_BYTES:
            raise ActRefused("informant_long", "举报人信息太长。", "The identity is too long.")
        return self._seal.close(plain.ljust(PAD_BYTES), _context(division, seal_name))


def flaws(told: Told, informant: Informant) -> list[Words]:
    """Why it cannot be kept, all at once. An identity in the story would be open to handlers."""
    found: list[Words] = []
    if told.way not in WAY_ZH:
        found.append(("来源：不在名单中", "source: not in the list"))
    if not told.title or not told.story:
        found.append(("事项和内容：必填", "matter and story: required"))
    if told.against == "bank" and not told.bank:
        found.append(("代理银行：必填", "bank: required"))
    if told.against != "bank" and not told.agency_name:
        found.append(("被举报单位：必填", "agency: required"))
    open_text = _plain(" ".join((told.title, told.story, told.agency_name)))
    for label, en, value in (
        ("姓名", "name", informant.name), ("电话", "telephone number", informant.phone),
    ):  # fmt: skip
        if len(_plain(value)) > 1 and _plain(value) in open_text:
            found.append((
                f"内容中含有举报人{label}，请改写后再登记",
                f"the story holds the informant's {en}; word it otherwise",
            ))  # fmt: skip
    return found


def complaint_no(year: int, number: int) -> str:
    return f"举报{year}年第{number}号"


def _plain(text: str) -> str:
    """Also without the width of letters: １３９ is 139."""
    return _CUT.sub("", unicodedata.normalize("NFKC", text)).lower()


def _context(division: str, seal_name: str) -> str:
    return f"complaint informant {division} {seal_name}"


def _made(
    key: Key, step: Step, row: Mapping[str, Any], words: str, by: Person, now: dt.datetime
) -> Made:
    """What a step writes, if it is legal at the complaint's stage; `row`: as it is to be after."""
    stage = _NEXT[step].get(Stage(row["stage"]))
    if stage is None:
        zh = f"{STAGE_ZH[Stage(row['stage'])]}的举报不能{STEP_ZH[step]}。"
        raise ActRefused("stage", zh, "This step is not legal at this stage.")
    return Made(
        step=(step.value, by.login, by.name, now, words),
        state=(stage.value, row["due"], row["case_year"], row["case_number"]),
        act=_act(by, f"complaint.{step.value}", key), at=now,
    )  # fmt: skip


def _check_office(step: Step, by: Person) -> None:
    if by.office not in WHO[step]:
        raise ActRefused("not_yours", "您的岗位不能办理这一步。", "Not for your office.")


def _keeper(by: Person) -> None:
    if by.office is not Office.KEEPER:
        raise ActRefused("not_keeper", "只有投诉受理岗可以办理。", "Only keepers may do this.")


def _act(by: Person, what: str, key: Key, **detail: object) -> Act:
    return Act(
        division=key[0], login=by.login, what=what, subject=complaint_no(key[1], key[2]),
        detail=detail,
    )  # fmt: skip

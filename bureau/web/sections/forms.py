"""The forms by which people move a case: each move's fields, in both tongues."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import attrs

from bureau.desk.casework.ahead import expected, objection, rank
from bureau.desk.casework.english import (
    CONCERN_EN,
    DISPUTE_EN,
    MEANS_EN,
    MEASURE_EN,
    MOVE_EN,
    REFERRAL_EN,
    RESULT_EN,
    VERDICT_EN,
)
from bureau.desk.casework.ladder import AT_ONCE, OF, open_to
from bureau.desk.casework.moves import CONCERNS, DISPUTE_ZH, DISPUTES
from bureau.desk.casework.referral import REFERRALS
from bureau.desk.casework.state import Asked, Case, Done, Order
from bureau.desk.casework.words import (
    AMOUNT_ZH,
    APPEAL_TO,
    FROM,
    MEANS_ZH,
    MEASURE_ZH,
    MOVE_ZH,
    REPORTED_ZH,
    WHO,
    Against,
    Means,
    Measure,
    Move,
)
from bureau.desk.people import Person
from bureau.web.pages import money
from gateway.domain.money import yuan
from gateway.domain.workdays import workday_from

DAYS = {
    Means.PHONE_CALL: 3, Means.DOCUMENT_REQUEST: 5, Means.INTERVIEW: 7,
    Means.ONSITE_VERIFICATION: 10, Means.LETTER_OF_CONCERN: 10, Means.JOINT_INVESTIGATION: 30,
}  # fmt: skip
"""Days until a reply is due unless the reviewer says otherwise."""
RECTIFY_DAYS = 15
INVESTIGATORS = {
    "同级审计机关": "audit", "同级纪检监察机关": "discipline inspection",
    "同级审计机关、纪检监察机关": "both",
}  # fmt: skip
"""Art. 11(2)5."""


@attrs.frozen(kw_only=True)
class Field:
    name: str
    zh: str
    en: str
    kind: str = "text"
    """text, area, date, number, choice, files."""
    choices: tuple[tuple[str, str], ...] = ()
    value: str = ""
    required: bool = True


@attrs.frozen(kw_only=True)
class Form:
    """One form on the case's page. `hidden` are fixed values of the body."""

    move: Move
    title: str
    title_en: str
    fields: tuple[Field, ...]
    hidden: tuple[tuple[str, str], ...] = ()
    measures: tuple[Any, ...] = ()
    short: tuple[tuple[str, int], ...] = ()
    """Of which ordered amounts the report falls short, by how many fen."""
    first: bool = False
    """The next expected step: shown open, with the one primary button."""


@attrs.frozen(kw_only=True)
class NotYet:
    """A step of this person's that the case does not allow now, and why."""

    title: str
    title_en: str
    zh: str
    en: str


def forms_of(case: Case, person: Person, day: dt.date) -> tuple[list[Form], list[NotYet]]:
    """What this person may do now, the expected step first and open; and what not yet."""
    moves = [move for move in Move if person.office in WHO[move] and case.stage in FROM[move]]
    awaited = expected(case, day)
    found: list[Form] = []
    barred: list[NotYet] = []
    for move in sorted(moves, key=lambda move: rank(move, awaited)):
        refused = objection(case, move, person, day)
        if refused is None:
            found += _FORMS.get(move, _plain)(move, case, day)
        elif refused.code not in _NOTHING_THERE:
            barred.append(
                NotYet(title=MOVE_ZH[move], title_en=MOVE_EN[move], zh=refused.zh, en=refused.en)
            )
    if found and found[0].move in awaited:
        found[0] = attrs.evolve(found[0], first=True)
    return found, barred


_NOTHING_THERE = ("referral_missing",)
"""What nobody has proposed is not listed as a step either."""


_TEXT = Field(name="text", zh="说明", en="Explanation", kind="area")
_FILES = Field(name="files", zh="附件", en="Files", kind="files", required=False)
_EVIDENCE = Field(
    name="files", zh="附件：书面纠正结果和佐证材料", en="The written result and its evidence",
    kind="files",
)  # fmt: skip
"""Art. 21(1): without it the report is refused."""


def _form(
    move: Move, fields: tuple[Field, ...], about: tuple[str, str] = ("", ""), **more: Any
) -> Form:
    """`about`: what of several the move is about, Chinese and English."""
    zh, en = about
    return Form(
        move=move, title=f"{MOVE_ZH[move]}{zh}", title_en=f"{MOVE_EN[move]}{en}", fields=fields,
        **more,
    )  # fmt: skip


def _plain(move: Move, case: Case, day: dt.date) -> list[Form]:
    return [_form(move, (_TEXT, _FILES))]


def _both(zh: Mapping[str, str], en: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The options of a choice: an option has no room for a second line."""
    return tuple((value, f"{words} {en[value]}") for value, words in zh.items())


def _in(day: dt.date, days: int) -> str:
    """What stands in a field of days at first: never a day off, on which nobody answers or comes.
    By the State Council's calendar; whoever has another types another."""
    return workday_from(day + dt.timedelta(days=days), {}).isoformat()


def _due(day: dt.date, days: int, zh: str = "期限", en: str = "Due") -> Field:
    return Field(name="due", zh=zh, en=en, kind="date", value=_in(day, days))


def _verify(move: Move, case: Case, day: dt.date) -> list[Form]:
    tried = {each.means for each in case.requests}
    grounded = bool(tried & {Means.PHONE_CALL, Means.DOCUMENT_REQUEST})
    return [
        _form(
            move,
            (*_means_fields(means, day, grounded), _due(day, DAYS[means])),
            (f"：{MEANS_ZH[means]}", f" {MEANS_EN[means]}"),
            hidden=(("means", means.value),),
        )
        for means in Means
    ]


def _means_fields(means: Means, day: dt.date, grounded: bool) -> tuple[Field, ...]:
    ground = Field(
        name="ground", zh="电话和调阅材料无法核实的理由", en="Why phone and papers do not do",
        required=not grounded,
    )  # fmt: skip
    meeting = _in(day, 5)
    return {
        Means.PHONE_CALL: (
            Field(name="person", zh="联系人及电话", en="Whom, and the telephone number"),
            Field(name="text", zh="核实事项", en="What is to be verified", kind="area"),
        ),
        Means.DOCUMENT_REQUEST: (
            Field(name="text", zh="需提供的材料", en="Papers asked for", kind="area"),
        ),
        Means.INTERVIEW: (
            Field(name="day", zh="约谈日期", en="Day of the interview", kind="date", value=meeting),
            Field(name="room", zh="房间号", en="Room"), ground,
        ),
        Means.ONSITE_VERIFICATION: (
            Field(name="leader", zh="带队人员", en="Who leads"),
            Field(name="persons", zh="人数", en="Persons", kind="number", value="2"),
            Field(
                name="agent", zh="受委托的会计中介机构（如委托）", en="Accountants, if entrusted",
                required=False,
            ),
            ground,
        ),
        Means.LETTER_OF_CONCERN: (
            Field(
                name="concern", zh="关注原因", en="Concern", kind="choice",
                choices=_both(CONCERNS, CONCERN_EN),
            ),
            Field(name="text", zh="疑点信息", en="What is suspected", kind="area"),
        ),
        Means.JOINT_INVESTIGATION: (
            Field(
                name="person", zh="协查部门", en="With whom", kind="choice",
                choices=tuple((zh, f"{zh} {en}") for zh, en in INVESTIGATORS.items()),
            ),
            Field(name="ground", zh="协查理由", en="Ground"),
            Field(name="text", zh="疑点信息", en="What is suspected", kind="area"),
        ),
    }[means]  # fmt: skip


def _per_request(move: Move, case: Case, day: dt.date) -> list[Form]:
    wanted = {
        Move.REPLY: (Asked.ISSUED, Asked.RETURNED), Move.RECORD: (Asked.ISSUED, Asked.RETURNED),
        Move.RETURN: (Asked.REPLIED,), Move.ACCEPT: (Asked.REPLIED,),
    }  # fmt: skip
    found = []
    for request in case.requests:
        if move is Move.OBSTRUCTED:
            fits = request.means is Means.ONSITE_VERIFICATION and not case.obstructed
        else:
            fits = request.status in wanted[move]
        if fits:
            more = (_due(day, 5, "补充期限", "Due anew"),) if move is Move.RETURN else ()
            found.append(
                _form(
                    move,
                    (_TEXT, *more, _FILES),
                    (
                        f"：第{request.number}项 {MEANS_ZH[request.means]}",
                        f": No. {request.number}, {MEANS_EN[request.means]}",
                    ),
                    hidden=(("number", str(request.number)),),
                )
            )
    return found


def _per_order(move: Move, case: Case, day: dt.date) -> list[Form]:
    wanted = (Done.OPEN, Done.FAILED) if move is Move.REPORT else (Done.REPORTED,)
    return [
        _form(
            move,
            (_TEXT, *(_amounts(order) if move is Move.REPORT else ()), _files(move, order)),
            (
                f"：第{order.number}项 {MEASURE_ZH[order.measure]}",
                f": No. {order.number}, {MEASURE_EN[order.measure]}",
            ),
            hidden=(("number", str(order.number)),),
            short=tuple((AMOUNT_ZH[name], fen) for name, fen in order.short.items()),
        )
        for order in case.orders
        if order.status in wanted
    ]


def _amounts(order: Order) -> tuple[Field, ...]:
    """What was ordered must be answered by an amount, if only by 0."""
    ordered = {name: getattr(order, name) for name in REPORTED_ZH}
    return tuple(
        Field(
            name=name, required=bool(fen), en=f"{_REPORTED_EN[name]}, yuan",
            zh=f"{REPORTED_ZH[name]}（元" + (f"；应为 {money(yuan(fen))}）" if fen else "）"),
        )
        for name, fen in ordered.items()
    )  # fmt: skip


_REPORTED_EN = {"returned": "Returned", "adjusted": "Adjusted", "other": "Otherwise put right"}


def _files(move: Move, order: Order) -> Field:
    proven = move is Move.REPORT and order.measure is Measure.WARN
    return _EVIDENCE if proven else _FILES


def _propose(move: Move, case: Case, day: dt.date) -> list[Form]:
    choices = _both({"confirmed": "确认违规", "cleared": "排除疑点"}, VERDICT_EN)
    if not case.requests:
        choices = choices[1:]
    verdict = Field(name="verdict", zh="认定意见", en="Verdict", kind="choice", choices=choices)
    return [_form(move, (verdict, _TEXT, _FILES))]


def _handling(move: Move, case: Case, day: dt.date) -> list[Form]:
    due = _in(day, RECTIFY_DAYS)
    measures = [
        (m.value, MEASURE_ZH[m], MEASURE_EN[m], "" if m in AT_ONCE else due, case.escalation is m)
        for m in OF[case.against] if open_to(case, m, day)
    ]  # fmt: skip
    text = Field(name="text", zh="处理意见", en="Opinion on the handling", kind="area")
    to = _appeal_to() if case.against is Against.AGENCY else ()
    return [_form(move, (text, *to), measures=tuple(measures))]


def _appeal_to() -> tuple[Field, ...]:
    """For the sheet's last paragraph; left empty, it has a blank to be filled in by hand."""
    return (
        Field(
            name="review_to", zh=f"{APPEAL_TO['review_to']}（不填则处理单留空白，手工填写）",
            en="Who reviews the decision; a blank if empty", required=False,
        ),
        Field(
            name="court", zh=f"{APPEAL_TO['court']}（不填则处理单留空白，手工填写）",
            en="The court that may be turned to; a blank if empty", required=False,
        ),
    )  # fmt: skip


def _deciding(move: Move, case: Case, day: dt.date) -> list[Form]:
    return [_form(move, ())]


def _sending_back(move: Move, case: Case, day: dt.date) -> list[Form]:
    return [_form(move, (_TEXT,))]


def _refer(move: Move, case: Case, day: dt.date) -> list[Form]:
    choices = (("", "请选择 Choose"), *_both(REFERRALS, REFERRAL_EN))
    to = Field(name="to", zh="移送机关", en="Referred to", kind="choice", choices=choices)
    other = Field(
        name="person",
        zh="其他部门名称（第十一条（三））",
        en="Name of another department, Art. 11(3)",
        required=False,
    )
    why = Field(name="text", zh="移交理由", en="Why it is referred", kind="area")
    return [_form(move, (to, other, why), ("（第二十三条）", " (Art. 23)"))]


def _agreeing(move: Move, case: Case, day: dt.date) -> list[Form]:
    """Upon a referral that waits."""
    fields = () if move is Move.APPROVE_REFERRAL else (_TEXT,)
    return [_form(move, fields)]


def _dispute(move: Move, case: Case, day: dt.date) -> list[Form]:
    if case.disputed or case.revoked or not case.orders:
        return []
    kinds = tuple((k, f"{DISPUTE_ZH[k]} {DISPUTE_EN[k]}") for k in DISPUTES[case.against])
    kind = Field(name="kind", zh="类别", en="Kind", kind="choice", choices=kinds)
    return [_form(move, (kind, _TEXT, _FILES))]


def _dispute_end(move: Move, case: Case, day: dt.date) -> list[Form]:
    if not case.disputed:
        return []
    results = _both({"upheld": "维持", "changed": "变更", "revoked": "撤销"}, RESULT_EN)
    result = Field(name="result", zh="结果", en="Result", kind="choice", choices=results)
    return [_form(move, (result, _TEXT, _FILES))]


def _archive(move: Move, case: Case, day: dt.date) -> list[Form]:
    return [_form(move, ())]


_FORMS: Mapping[Move, Any] = {
    Move.VERIFY: _verify, Move.REPLY: _per_request, Move.RECORD: _per_request,
    Move.RETURN: _per_request, Move.ACCEPT: _per_request, Move.OBSTRUCTED: _per_request,
    Move.PROPOSE: _propose, Move.DECIDE: _deciding, Move.SEND_BACK: _sending_back,
    Move.PROPOSE_HANDLING: _handling, Move.APPROVE_HANDLING: _deciding, Move.REPORT: _per_order,
    Move.ACCEPT_REPORT: _per_order, Move.REJECT_REPORT: _per_order, Move.PROPOSE_REFERRAL: _refer,
    Move.APPROVE_REFERRAL: _agreeing, Move.RETURN_REFERRAL: _agreeing,
    Move.DISPUTE: _dispute, Move.DISPUTE_END: _dispute_end, Move.ARCHIVE: _archive,
}  # fmt: skip

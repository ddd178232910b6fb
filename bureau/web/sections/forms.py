"""The forms by which people move a case: each move's fields, and what was filled in."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import attrs

from bureau.desk.casework.ahead import expected, objection, rank
from bureau.desk.casework.ladder import AT_ONCE, OF, open_to
from bureau.desk.casework.moves import CONCERNS, DISPUTE_ZH, DISPUTES
from bureau.desk.casework.referral import REFERRALS
from bureau.desk.casework.state import Asked, Case, Done
from bureau.desk.casework.words import FROM, MEANS_ZH, MEASURE_ZH, MOVE_ZH, WHO, Means, Move, Stage
from bureau.desk.people import Person
from bureau.desk.refusals import ActRefused
from bureau.web.route import Visit
from gateway.domain.money import fen

DAYS = {
    Means.PHONE_CALL: 3, Means.DOCUMENT_REQUEST: 5, Means.INTERVIEW: 7,
    Means.ONSITE_VERIFICATION: 10, Means.LETTER_OF_CONCERN: 10, Means.JOINT_INVESTIGATION: 30,
}  # fmt: skip
"""Days until a reply is due unless the reviewer says otherwise."""
RECTIFY_DAYS = 15
INVESTIGATORS = ("同级审计机关", "同级纪检监察机关", "同级审计机关、纪检监察机关")
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
    fields: tuple[Field, ...]
    hidden: tuple[tuple[str, str], ...] = ()
    measures: tuple[Any, ...] = ()
    first: bool = False
    """The next expected step: shown open, with the one primary button."""


@attrs.frozen(kw_only=True)
class NotYet:
    """A step of this person's that the case does not allow now, and why."""

    title: str
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
            barred.append(NotYet(title=MOVE_ZH[move], zh=refused.zh, en=refused.en))
    if found and found[0].move in awaited:
        found[0] = attrs.evolve(found[0], first=True)
    return found, barred


_NOTHING_THERE = ("referral_missing",)
"""What nobody has proposed is not listed as a step either."""


def body_of(visit: Visit, move: Move) -> dict[str, Any]:
    """A posted form as the move's body. Raises ActRefused for an amount that is none."""
    if move is Move.PROPOSE_HANDLING:
        orders = [_order(visit, measure) for measure in visit.texts("measure")[:8]]
        return {"text": visit.text("text"), "orders": orders}
    names = (
        "text", "means", "due", "ground", "concern", "day", "room", "leader", "agent", "person",
        "verdict", "to", "kind", "result",
    )  # fmt: skip
    body: dict[str, Any] = {name: visit.text(name) for name in names if visit.text(name)}
    for name in ("number", "persons"):
        if text := visit.text(name):
            if not (text.isascii() and text.isdigit() and len(text) <= 4):
                raise ActRefused("number_wrong", "请填写数字。", f"{name}: a number")
            body[name] = int(text)
    for name in ("returned", "adjusted", "other"):
        if text := visit.text(name):
            body[name] = amount(text)
    _check_means(body)
    return body


def amount(text: str) -> int:
    """Yuan as people type it (`12,800` or `12800.5`) in fen; empty is nothing."""
    text = text.replace(",", "").replace("，", "").strip()
    if not text:
        return 0
    whole, _, rest = text.partition(".")
    try:
        return fen(f"{whole}.{rest.ljust(2, '0')}")
    except ValueError:
        raise ActRefused("amount_wrong", f"金额“{text[:20]}”写法不对。", "not an amount") from None


def _order(visit: Visit, measure: str) -> dict[str, Any]:
    values = {
        name: amount(visit.text(f"{name} {measure}")) for name in ("returned", "adjusted", "other")
    }
    return {"measure": measure, "due": visit.text(f"due {measure}"), **values}


def _check_means(body: Mapping[str, Any]) -> None:
    """What annexes 1 and 2 have blanks for must be there before anything is issued."""
    needed: Mapping[str, tuple[str, ...]] = {
        Means.INTERVIEW: ("day", "room"),
        Means.ONSITE_VERIFICATION: ("leader", "persons"),
    }
    for name in needed.get(body.get("means", ""), ()):
        if name not in body:
            raise ActRefused("field_missing", "通知书的空白处须全部填写。", f"{name}: missing")
    if "day" in body:
        try:
            dt.date.fromisoformat(body["day"])
        except ValueError:
            raise ActRefused("day_wrong", "请填写日期。", "day: a date") from None


_TEXT = Field(name="text", zh="说明", en="Text", kind="area")
_FILES = Field(name="files", zh="附件", en="Files", kind="files", required=False)


def _plain(move: Move, case: Case, day: dt.date) -> list[Form]:
    return [Form(move=move, title=MOVE_ZH[move], fields=(_TEXT, _FILES))]


def _due(day: dt.date, days: int, zh: str = "期限", en: str = "Due") -> Field:
    value = (day + dt.timedelta(days=days)).isoformat()
    return Field(name="due", zh=zh, en=en, kind="date", value=value)


def _verify(move: Move, case: Case, day: dt.date) -> list[Form]:
    tried = {each.means for each in case.requests}
    grounded = bool(tried & {Means.PHONE_CALL, Means.DOCUMENT_REQUEST})
    return [
        Form(
            move=move,
            title=f"{MOVE_ZH[move]}：{MEANS_ZH[means]}",
            fields=(*_means_fields(means, day, grounded), _due(day, DAYS[means])),
            hidden=(("means", means.value),),
        )
        for means in Means
    ]


def _means_fields(means: Means, day: dt.date, grounded: bool) -> tuple[Field, ...]:
    ground = Field(
        name="ground", zh="电话和调阅材料无法核实的理由", en="Why phone and papers do not do",
        required=not grounded,
    )  # fmt: skip
    meeting = (day + dt.timedelta(days=5)).isoformat()
    return {
        Means.PHONE_CALL: (
            Field(name="person", zh="联系人及电话", en="Whom"),
            Field(name="text", zh="核实事项", en="About", kind="area"),
        ),
        Means.DOCUMENT_REQUEST: (
            Field(name="text", zh="需提供的材料", en="Papers", kind="area"),
        ),
        Means.INTERVIEW: (
            Field(name="day", zh="约谈日期", en="Day", kind="date", value=meeting),
            Field(name="room", zh="房间号", en="Room"), ground,
        ),
        Means.ONSITE_VERIFICATION: (
            Field(name="leader", zh="带队人员", en="Leader"),
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
                choices=tuple(CONCERNS.items()),
            ),
            Field(name="text", zh="疑点信息", en="Text", kind="area"),
        ),
        Means.JOINT_INVESTIGATION: (
            Field(
                name="person", zh="协查部门", en="To", kind="choice",
                choices=tuple((each, each) for each in INVESTIGATORS),
            ),
            Field(name="ground", zh="协查理由", en="Ground"),
            Field(name="text", zh="疑点信息", en="Text", kind="area"),
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
            more = (_due(day, 5, "补充期限"),) if move is Move.RETURN else ()
            found.append(
                Form(
                    move=move,
                    title=f"{MOVE_ZH[move]}：第{request.number}项 {MEANS_ZH[request.means]}",
                    fields=(_TEXT, *more, _FILES),
                    hidden=(("number", str(request.number)),),
                )
            )
    return found


def _per_order(move: Move, case: Case, day: dt.date) -> list[Form]:
    wanted = (Done.OPEN, Done.FAILED) if move is Move.REPORT else (Done.REPORTED,)
    amounts = (
        Field(name="returned", zh="已退回资金（元）", en="Returned", required=False),
        Field(name="adjusted", zh="已调整账目（元）", en="Adjusted", required=False),
        Field(name="other", zh="其他（元）", en="Other", required=False),
    )
    return [
        Form(
            move=move,
            title=f"{MOVE_ZH[move]}：第{order.number}项 {MEASURE_ZH[order.measure]}",
            fields=(_TEXT, *(amounts if move is Move.REPORT else ()), _FILES),
            hidden=(("number", str(order.number)),),
        )
        for order in case.orders
        if order.status in wanted
    ]


def _propose(move: Move, case: Case, day: dt.date) -> list[Form]:
    choices: tuple[tuple[str, str], ...] = (
        (Stage.CONFIRMED.value, "确认违规"),
        (Stage.CLEARED.value, "排除疑点"),
    )
    if not case.requests:
        choices = choices[1:]
    verdict = Field(name="verdict", zh="认定意见", en="Verdict", kind="choice", choices=choices)
    return [Form(move=move, title=MOVE_ZH[move], fields=(verdict, _TEXT, _FILES))]


def _handling(move: Move, case: Case, day: dt.date) -> list[Form]:
    due = (day + dt.timedelta(days=RECTIFY_DAYS)).isoformat()
    measures = [
        (m.value, MEASURE_ZH[m], "" if m in AT_ONCE else due, case.escalation is m)
        for m in OF[case.against] if open_to(case, m, day)
    ]  # fmt: skip
    text = Field(name="text", zh="处理意见", en="Text", kind="area")
    return [Form(move=move, title=MOVE_ZH[move], fields=(text,), measures=tuple(measures))]


def _deciding(move: Move, case: Case, day: dt.date) -> list[Form]:
    return [Form(move=move, title=MOVE_ZH[move], fields=())]


def _sending_back(move: Move, case: Case, day: dt.date) -> list[Form]:
    return [Form(move=move, title=MOVE_ZH[move], fields=(_TEXT,))]


def _refer(move: Move, case: Case, day: dt.date) -> list[Form]:
    choices = (("", "请选择 Choose"), *REFERRALS.items())
    to = Field(name="to", zh="移送机关", en="To", kind="choice", choices=choices)
    other = Field(
        name="person", zh="其他部门名称（第十一条（三））", en="Which other", required=False
    )
    why = Field(name="text", zh="移交理由", en="Why", kind="area")
    title = MOVE_ZH[move] + "（第二十三条）"
    return [Form(move=move, title=title, fields=(to, other, why))]


def _agreeing(move: Move, case: Case, day: dt.date) -> list[Form]:
    """Upon a referral that waits."""
    fields = () if move is Move.APPROVE_REFERRAL else (_TEXT,)
    return [Form(move=move, title=MOVE_ZH[move], fields=fields)]


def _dispute(move: Move, case: Case, day: dt.date) -> list[Form]:
    if case.disputed or not case.orders:
        return []
    kinds = tuple((kind, DISPUTE_ZH[kind]) for kind in DISPUTES[case.against])
    kind = Field(name="kind", zh="类别", en="Kind", kind="choice", choices=kinds)
    return [Form(move=move, title=MOVE_ZH[move], fields=(kind, _TEXT, _FILES))]


def _dispute_end(move: Move, case: Case, day: dt.date) -> list[Form]:
    if not case.disputed:
        return []
    results = (("upheld", "维持"), ("changed", "变更"), ("revoked", "撤销"))
    result = Field(name="result", zh="结果", en="Result", kind="choice", choices=results)
    return [Form(move=move, title=MOVE_ZH[move], fields=(result, _TEXT, _FILES))]


def _archive(move: Move, case: Case, day: dt.date) -> list[Form]:
    return [Form(move=move, title=MOVE_ZH[move], fields=())]


_FORMS: Mapping[Move, Any] = {
    Move.VERIFY: _verify, Move.REPLY: _per_request, Move.RECORD: _per_request,
    Move.RETURN: _per_request, Move.ACCEPT: _per_request, Move.OBSTRUCTED: _per_request,
    Move.PROPOSE: _propose, Move.DECIDE: _deciding, Move.SEND_BACK: _sending_back,
    Move.PROPOSE_HANDLING: _handling, Move.APPROVE_HANDLING: _deciding, Move.REPORT: _per_order,
    Move.ACCEPT_REPORT: _per_order, Move.REJECT_REPORT: _per_order, Move.PROPOSE_REFERRAL: _refer,
    Move.APPROVE_REFERRAL: _agreeing, Move.RETURN_REFERRAL: _agreeing,
    Move.DISPUTE: _dispute, Move.DISPUTE_END: _dispute_end, Move.ARCHIVE: _archive,
}  # fmt: skip

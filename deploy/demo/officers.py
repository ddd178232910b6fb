"""The bureau's people on the demonstration day: registers published, cases worked on, a complaint.

They take the road that officers take: one proposes, another approves, the gateway acknowledges.
"""

import asyncio
import datetime as dt
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from bureau.__main__ import opened_desk
from bureau.desk.casework.words import Against, Move, Origin
from bureau.desk.complaints import Informant, Told
from bureau.desk.docket.office import Key, Opening
from bureau.desk.interceptions import Line, searched
from bureau.desk.law import titles_of
from bureau.desk.people import Office, Person, Scope
from bureau.desk.registers.changes import Proposal
from bureau.desk.registers.words import SHEETS
from bureau.desk.search import Search
from bureau.settings import load_settings
from bureau.web.rooms import Rooms
from deploy.demo.stage import BANK_CODE, Stage
from gateway.domain.legal_day import legal_day
from gateway.domain.money import fen

PEOPLE = {
    Office.REVIEWER: ("reviewer", "李审核"), Office.APPROVER: ("approver", "王审批"),
    Office.PROVINCE: ("province", "陈查阅"), Office.SECURITY: ("security", "赵安全"),
    Office.KEEPER: ("keeper", "孙受理"), Office.ADMINISTRATOR: ("accounts", "周管理"),
    Office.AGENCY: ("agency", "吴会计"), Office.DEPARTMENT: ("department", "韩主管"),
    Office.BANK: ("bank", "郑柜员"),
}  # fmt: skip
APPLIED_DEADLINE_S = 60.0
LOOK_S = 0.2
LINES_READ = 400
Step = tuple[Move, Office, Mapping[str, Any]]

_REVIEWER, _APPROVER, _AGENCY = Office.REVIEWER, Office.APPROVER, Office.AGENCY
_ASK: Step = (
    Move.VERIFY, _REVIEWER,
    {"means": "document_request", "text": "合同、发票、验收单和支付依据", "due": 5},
)  # fmt: skip
_REPLY: Step = (Move.REPLY, _AGENCY, {"number": 1, "text": "材料已备齐，附情况说明。"})
_ACCEPT: Step = (Move.ACCEPT, _REVIEWER, {"number": 1, "text": "材料与支付信息核对一致。"})
_MEET: Step = (
    Move.VERIFY, _REVIEWER,
    {"means": "interview", "day": 5, "due": 6, "room": "507", "ground": "材料不能说明资金用途"},
)  # fmt: skip
_CONFIRM: Step = (Move.PROPOSE, _REVIEWER, {"verdict": "confirmed", "text": "经核实，情况属实。"})
_CLEAR: Step = (Move.PROPOSE, _REVIEWER, {"verdict": "cleared", "text": "手续齐全，排除疑点。"})
_DECIDE: Step = (Move.DECIDE, _APPROVER, {})
_HANDLE: Step = (
    Move.PROPOSE_HANDLING, _REVIEWER,
    {"text": "款项已拦截、未付出，无须退回；补办手续后另行申请支付。", "orders": "21(2)"},
)  # fmt: skip
_SIGN: Step = (Move.APPROVE_HANDLING, _APPROVER, {})
_REPORT: Step = (Move.REPORT, _AGENCY, {"number": 1, "text": "原凭证已作废，手续已补办。"})
_SETTLE: Step = (Move.ACCEPT_REPORT, _REVIEWER, {"number": 1, "text": "补办的手续核对无误。"})
_ARCHIVE: Step = (Move.ARCHIVE, _REVIEWER, {})
_VERIFIED = (_ASK, _REPLY, _ACCEPT)
_CONFIRMED = (*_VERIFIED, _CONFIRM, _DECIDE)
PLOTS: tuple[tuple[Step, ...], ...] = (
    (*_CONFIRMED, _HANDLE, _SIGN, _REPORT, _SETTLE, _ARCHIVE),
    (*_CONFIRMED, _HANDLE, _SIGN, _REPORT, _SETTLE),
    (*_CONFIRMED, _HANDLE, _SIGN),
    (*_CONFIRMED, _HANDLE), _CONFIRMED, (*_VERIFIED, _CLEAR, _DECIDE, _ARCHIVE),
    (*_VERIFIED, _CONFIRM), (_ASK, _REPLY), (*_VERIFIED, _MEET), (_ASK,), (),
)  # fmt: skip
"""One case each, so that every stage has one."""


async def publish_registers(stage: Stage, raw: bytes) -> None:
    """A whole file, proposed and approved, until every gateway applies it. Raises TimeoutError."""
    division = stage.plot.division
    async with _opened(stage) as rooms:
        registers = rooms.registers
        by = person(stage, Office.REVIEWER), person(stage, Office.APPROVER)
        seq = await registers.propose_snapshot(division, raw, "年初登记：演示数据", by[0])
        await registers.approve(division, seq, by[1])

        async def applied() -> bool:
            gateways = await registers.store.gateways(division)
            return all(row["applied"] == row["newest"] for row in gateways)

        await _until(applied, "the gateway does not apply the registers")


async def busiest_agency(stage: Stage) -> str:
    """The agency that was intercepted most: there is most for its accountant to see."""
    async with _opened(stage) as rooms:
        lines = await _lines(rooms, stage)
    return Counter(line.agency_code for line in lines).most_common(1)[0][0]


async def work_on_cases(stage: Stage, agency: str) -> int:
    """A case at every stage, first of this agency; a complaint, two register changes. How many
    cases there are."""
    async with _opened(stage) as rooms:
        await rooms.names.follow(stage.plot.division)
        lines = [line for line in await _lines(rooms, stage) if line.outcome == "blocked"]
        lines.sort(key=lambda line: line.agency_code != agency)
        for line, plot in zip(lines, PLOTS, strict=False):
            key = await _opened_case(rooms, stage, line)
            for step in plot:
                await _moved(rooms, stage, key, line, step)
        await _complained(rooms, stage)
        await _register_changes(rooms, stage, agency)
        return min(len(lines), len(PLOTS))


def person(stage: Stage, office: Office, code: str = "") -> Person:
    login, name = PEOPLE[office]
    return Person(login=login, name=name, office=office, division=stage.plot.division, code=code)


def _opened(stage: Stage) -> Any:
    return opened_desk(load_settings(stage.folder / "bureau.toml", stage.bureau_environment))


async def _lines(rooms: Rooms, stage: Stage) -> list[Line]:
    return await searched(rooms.desk, stage.plot.division, Scope(), Search(), limit=LINES_READ)


async def _opened_case(rooms: Rooms, stage: Stage, line: Line) -> Key:
    opening = Opening(
        origin=Origin.FINDING, against=Against.AGENCY, agency_code=line.agency_code,
        agency_name=line.agency_name, bank=line.bank, reason=line.reason_zh,
        title=f"{titles_of().get(line.policies[0], line.reason_zh[:40])}：{line.agency_name}",
        amount_fen=fen(line.amount),
        policies=line.policies,
    )  # fmt: skip
    subject = {
        "fiscal_year": line.fiscal_year, "voucher_type": line.voucher_type,
        "voucher_no": line.voucher_no, "bank": line.bank,
    }  # fmt: skip
    reviewer = person(stage, Office.REVIEWER)
    return await rooms.office.open(stage.plot.division, opening, [subject], reviewer)


async def _moved(rooms: Rooms, stage: Stage, key: Key, line: Line, step: Step) -> None:
    """Days in a step's body are counted from today."""
    move, office, asked = step
    body = {
        name: _day(rooms, value) if name in ("due", "day") else value
        for name, value in asked.items()
    }
    if "orders" in body:
        order = {"measure": body["orders"], "due": _day(rooms, 15), "other": fen(line.amount)}
        body["orders"] = [order]
    if move is Move.REPORT:
        body["other"] = fen(line.amount)
    code = line.agency_code if office is Office.AGENCY else ""
    await rooms.office.move(key, move, body, person(stage, office, code))


def _day(rooms: Rooms, days: int) -> str:
    return (legal_day(rooms.clock()) + dt.timedelta(days=days)).isoformat()


async def _complained(rooms: Rooms, stage: Stage) -> None:
    told = Told(
        way="phone", against="agency", agency_code="", agency_name="某示例单位", bank="",
        title="反映虚列会议费", story="来电反映该单位以会议费名义向酒店预存资金。",
    )  # fmt: skip
    informant = Informant(name="钱某", phone="13800000000")
    keeper = person(stage, Office.KEEPER)
    await rooms.complaints.take(stage.plot.division, told, informant, keeper)


async def _register_changes(rooms: Rooms, stage: Stage, agency: str) -> None:
    """One account's change approved and sent, another left for the second person."""
    division, registers = stage.plot.division, rooms.registers
    rows = await registers.rows(division, SHEETS["accounts"], "", agency, 2)
    for number, each in enumerate(rows):
        proposal = Proposal(
            register="accounts", op="put", reason="户名和预留印鉴变更报备（第十三条（一））",
            row={**each["row"], "change_notice_date": _day(rooms, 0)},
            changed_on=legal_day(rooms.clock()) - dt.timedelta(days=2),
        )  # fmt: skip
        seq = await registers.propose(division, proposal, person(stage, Office.REVIEWER))
        if number == 0:
            await registers.approve(division, seq, person(stage, Office.APPROVER))


async def _until(holds: Callable[[], Awaitable[bool]], trouble: str) -> None:
    deadline = time.monotonic() + APPLIED_DEADLINE_S
    # Other processes are asked; there is no event to wait for.
    while not await holds():
        if time.monotonic() > deadline:
            raise TimeoutError(trouble)
        await asyncio.sleep(LOOK_S)


def codes(agency: str) -> Mapping[Office, str]:
    """Whose people those outside the bureau are."""
    return {Office.AGENCY: agency, Office.DEPARTMENT: agency[:3], Office.BANK: BANK_CODE}

"""What a case has established, for letters that tell of it: finding, orders, what came of them."""

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from bureau.desk.casework.state import Case, Done, Order
from bureau.desk.casework.words import AMOUNT_ZH, MEASURE_ZH, Measure, Move, Stage
from bureau.desk.papers.capitals import money_zh, yuan_zh
from bureau.desk.papers.paper import day_zh

STANDING_ZH = {
    Done.OPEN: "整改期限内，尚未报送整改结果", Done.REPORTED: "已报送整改结果，待认可",
    Done.ACCEPTED: "已整改，经核对认可", Done.FAILED: "报送的整改结果未获认可",
    Done.SUPERSEDED: "未按要求落实，已升级处理",
    Done.WITHDRAWN: "经复议、诉讼或仲裁撤销或变更，不再执行",
}  # fmt: skip
AT_ONCE_ZH = "由财政部门即时执行"


@attrs.frozen(kw_only=True)
class Ordered:
    """One order in words: what was ordered, and what came of it."""

    number: int
    ordered: str
    outcome: str


@attrs.frozen(kw_only=True)
class Established:
    """`found`: the opinion on which the case was confirmed; empty before."""

    found: str = ""
    on: dt.date | None = None
    orders: tuple[Ordered, ...] = ()
    disputed: bool = False


def established(case: Case, moves: Iterable[Mapping[str, Any]], day: dt.date) -> Established:
    """`moves`: those that made the case, oldest first, as rows with `move`, `day`, `body`."""
    told, found, on, proposed = dict[int, list[str]](), "", None, {}
    for each in moves:
        body, move = each["body"], each["move"]
        if move == Move.PROPOSE:
            proposed = body
        elif move == Move.DECIDE and proposed.get("verdict") == Stage.CONFIRMED:
            found, on = str(proposed["text"]), each["day"]
        elif move in _TELLING:
            told.setdefault(body["number"], []).append(_told(each))
    orders = tuple(_ordered(order, told.get(order.number, []), day) for order in case.orders)
    return Established(found=found, on=on, orders=orders, disputed=case.disputed)


_TELLING = {
    Move.REPORT: "报送", Move.ACCEPT_REPORT: "认可", Move.REJECT_REPORT: "不予认可",
}  # fmt: skip


def _told(move: Mapping[str, Any]) -> str:
    body = move["body"]
    amounts = [
        f"{zh}{money_zh(int(body[name]))}" for name, zh in AMOUNT_ZH.items() if body.get(name)
    ]
    return f"{day_zh(move['day'])}{_TELLING[move['move']]}：" + "，".join([body["text"], *amounts])


def _ordered(order: Order, told: list[str], day: dt.date) -> Ordered:
    parts = [MEASURE_ZH[order.measure]]
    parts += [
        f"{zh}{money_zh(getattr(order, name))}"
        for name, zh in AMOUNT_ZH.items()
        if getattr(order, name)
    ]
    parts += [f"整改期限{day_zh(order.due)}"] if order.due else []
    return Ordered(
        number=order.number, ordered="；".join(parts),
        outcome="\n".join([*told, _standing(order, day)]),
    )  # fmt: skip


def order_zh(order: Mapping[str, Any]) -> str:
    """An order of a handling's proposal as a bulletin tells it: measure and amounts in figures."""
    amounts = [f"{zh}{yuan_zh(order[name])}" for name, zh in AMOUNT_ZH.items() if order.get(name)]
    return "，".join([MEASURE_ZH[Measure(order["measure"])], *amounts])


def standings(orders: Iterable[Order], day: dt.date) -> tuple[Ordered, ...]:
    """Of orders alone: without anything that a person wrote."""
    return tuple(_ordered(order, [], day) for order in orders)


def _standing(order: Order, day: dt.date) -> str:
    if order.measure in (Measure.BULLETIN, Measure.BANK_PENALTY):
        return AT_ONCE_ZH
    if order.status is Done.OPEN and order.missed(day):
        return "逾期未报送整改结果"
    return STANDING_ZH[order.status]

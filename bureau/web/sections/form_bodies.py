"""A posted form of a case as the body of its move; what cannot be read is refused in words."""

import datetime as dt
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from bureau.desk.casework.words import AMOUNT_ZH, APPEAL_TO, Means, Move
from bureau.desk.refusals import ActRefused
from bureau.web.route import Visit
from gateway.domain.money import fen


def body_of(visit: Visit, move: Move) -> dict[str, Any]:
    """A posted form as the move's body. Raises ActRefused for an amount that is none."""
    if move is Move.PROPOSE_HANDLING:
        orders = [_order(visit, measure) for measure in visit.texts("measure")[:8]]
        return {"text": visit.text("text"), "orders": orders, **_given(visit, *APPEAL_TO)}
    names = (
        "text", "means", "due", "ground", "concern", "day", "room", "leader", "agent", "person",
        "verdict", "to", "kind", "result",
    )  # fmt: skip
    body: dict[str, Any] = _given(visit, *names)
    for name in ("number", "persons"):
        if text := visit.text(name):
            if not (text.isascii() and text.isdigit() and len(text) <= 4):
                raise ActRefused("number_wrong", "请填写数字。", f"“{text[:20]}” is no number.")
            body[name] = int(text)
    for name in AMOUNT_ZH:
        if text := visit.text(name):
            body[name] = amount(text)
    _check_means(body)
    return body


def _given(visit: Visit, *names: str) -> dict[str, Any]:
    return {name: visit.text(name) for name in names if visit.text(name)}


def amount(text: str) -> int:
    """Yuan as people type it (`12,800`, `12800.5`, `￥12，800元`) in fen; empty is nothing."""
    text = re.sub(r"^¥|[,\s]|元$", "", unicodedata.normalize("NFKC", text))
    if not text:
        return 0
    whole, _, rest = text.partition(".")
    try:
        return fen(f"{whole}.{rest.ljust(2, '0')}")
    except ValueError:
        raise ActRefused(
            "amount_wrong",
            f"金额“{text[:20]}”写法不对，例如 12,800.50。",
            f"“{text[:20]}” is no amount in yuan.",
        ) from None


def _order(visit: Visit, measure: str) -> dict[str, Any]:
    values = {name: amount(visit.text(f"{name} {measure}")) for name in AMOUNT_ZH}
    return {"measure": measure, "due": visit.text(f"due {measure}"), **values}


def _check_means(body: Mapping[str, Any]) -> None:
    """What annexes 1 and 2 have blanks for must be there before anything is issued."""
    needed: Mapping[str, tuple[tuple[str, str, str], ...]] = {
        Means.INTERVIEW: (("day", "约谈日期", "day"), ("room", "房间号", "room")),
        Means.ONSITE_VERIFICATION: (
            ("leader", "带队人员", "who leads"), ("persons", "人数", "persons"),
        ),
    }  # fmt: skip
    for name, zh, en in needed.get(body.get("means", ""), ()):
        if name not in body:
            raise ActRefused(
                "field_missing", f"通知书的空白处须全部填写：{zh}。", f"Fill in: {en}."
            )
    if "day" in body:
        try:
            dt.date.fromisoformat(body["day"])
        except ValueError:
            raise ActRefused("day_wrong", "请填写日期。", "Fill in the day.") from None

"""Typical cases (典型案例) in words that name nobody: of policies, amounts and measures only."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from bureau.desk.casework.phase import Phase, partly_reported
from bureau.desk.casework.words import Move, Stage
from bureau.desk.law import quoted_of
from bureau.desk.papers.established import order_zh
from gateway.domain.legal_day import legal_day

TELLING = tuple(
    move.value
    for move in (
        Move.PROPOSE, Move.DECIDE, Move.PROPOSE_HANDLING, Move.APPROVE_HANDLING, Move.DISPUTE_END,
    )
)  # fmt: skip
"""The moves that tell what was confirmed and ordered, and what of it a review or a court undid."""
_Key = tuple[int, int]


def typical_cases(
    rows: Sequence[Mapping[str, Any]], moves: Iterable[Mapping[str, Any]], titles: Mapping[str, str]
) -> list[Mapping[str, Any]]:
    """`rows`: cases at stages that follow a confirmation, or archived; `moves`: theirs that tell,
    oldest first. Nothing that anybody wrote is in it, and no handling that was only proposed."""
    ordered, confirmed = _ordered(moves)
    return [
        {
            "key": key, "amount_fen": row["amount_fen"],
            "who": "某代理银行" if row["against"] == "bank" else "某预算单位",
            "what": [f"{titles[p]}（{p}）" if titles.get(p) else p for p in row["policies"]],
            "law": [quoted_of()[p] for p in row["policies"] if p in quoted_of()],
            "how": [order_zh(order) for order in ordered.get(key, ())],
            "reported": row["phase"] == Phase.REPORTED,
            "partly": partly_reported(row),
            "over": row["stage"] in (Stage.RECTIFIED, Stage.ARCHIVED),
            "month": _month(row["opened_at"]),
        }
        for row in rows
        for key in [(row["year"], row["number"])]
        if row["stage"] != Stage.ARCHIVED or key in confirmed
    ]  # fmt: skip


def _month(opened: dt.datetime) -> str:
    """Of the legal day: a case of the first morning is not one of the month before."""
    day = legal_day(opened)
    return f"{day.year}年{day.month}月"


def _ordered(
    moves: Iterable[Mapping[str, Any]],
) -> tuple[Mapping[_Key, list[Mapping[str, Any]]], set[_Key]]:
    """What was ordered in each case, and which cases were confirmed."""
    proposed: dict[_Key, list[Mapping[str, Any]]] = {}
    ordered: dict[_Key, list[Mapping[str, Any]]] = {}
    verdicts: dict[_Key, str] = {}
    confirmed: set[_Key] = set()
    for move in moves:
        key, body = (move["year"], move["number"]), orjson.loads(move["body"])
        if move["move"] == Move.PROPOSE_HANDLING:
            proposed[key] = body.get("orders", [])
        elif move["move"] == Move.APPROVE_HANDLING:
            ordered.setdefault(key, []).extend(proposed.pop(key, []))
        elif move["move"] == Move.PROPOSE:
            verdicts[key] = body.get("verdict", "")
        elif move["move"] == Move.DECIDE and verdicts.get(key) == Stage.CONFIRMED:
            confirmed.add(key)
        elif move["move"] == Move.DISPUTE_END and body.get("result") != "upheld":
            ordered.pop(key, None)
            if body.get("result") == "revoked":
                confirmed.discard(key)
    return ordered, confirmed

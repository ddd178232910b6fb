"""How each gateway stands with the registers that were signed for it, in words for the desk."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import attrs

_REFUSED = re.compile(r"4[0-9][0-9] ")
"""How the trouble of a feed begins that its gateway understood, and did not take."""


UNOPENED = (
    "unopened: 库中内容无法解封，请导入并批准一份完整的登记文件 / what is stored does not open; "
    "import a whole file"
)
"""The trouble of a feed that this program itself cannot send."""


@attrs.frozen(kw_only=True)
class Standing:
    """`applied` and `since` are what the gateway acknowledged; None: nothing yet."""

    bank: str
    newest: int | None
    applied: int | None
    since: object
    waiting: int
    state: str
    """applied, sending, refused, away, broken or never: a key of STATE_ZH."""
    trouble: str
    """The gateway's own words, or why it was not reached; empty if there is none."""
    attempts: int
    tried_at: object


STATE_ZH = {
    "applied": "已生效", "sending": "发送中", "refused": "网关拒收", "away": "网关不可达，重试中",
    "never": "尚未发送", "broken": "无法发送",
}  # fmt: skip


def standings(rows: Iterable[Mapping[str, Any]], banks: Iterable[str]) -> list[Standing]:
    """Every bank of the settings, also one to whom nothing was sent; by bank."""
    known = {row["bank"]: row for row in rows}
    return [_standing(bank, known.get(bank)) for bank in sorted({*known, *banks})]


def _standing(bank: str, row: Mapping[str, Any] | None) -> Standing:
    if row is None:
        return Standing(
            bank=bank, newest=None, applied=None, since=None, waiting=0, state="never",
            trouble="", attempts=0, tried_at=None,
        )  # fmt: skip
    trouble = row["trouble"] or ""
    state = "applied" if row["waiting"] == 0 else "sending"
    if trouble:
        state = "refused" if _REFUSED.match(trouble) else "away"
    if trouble == UNOPENED:
        state = "broken"
    return Standing(
        bank=bank, newest=row["newest"], applied=row["applied"], since=row["applied_at"],
        waiting=row["waiting"], state=state, trouble=trouble, attempts=row["attempts"] or 0,
        tried_at=row["tried_at"],
    )  # fmt: skip

"""What was just done, told once on the page that follows a form, so that nobody wonders."""

from collections.abc import Mapping

from aiohttp import web

from bureau.desk.casework.english import MOVE_EN
from bureau.desk.casework.words import MOVE_ZH
from bureau.web.route import Visit

COOKIE = "desk_done"
SECONDS = 60
"""The page that follows comes at once; what nobody saw is not told later."""
_WORDS: Mapping[str, tuple[str, str]] = {
    **{move.value: (zh, MOVE_EN[move]) for move, zh in MOVE_ZH.items() if move in MOVE_EN},
    "approve": ("批准", "approved"), "agree": ("同意", "agreed to"),
    "reject": ("退回", "sent back"), "refuse": ("驳回", "refused"),
    "edit": ("提交", "handed on"), "import": ("提交", "handed on"), "equip": ("保存", "kept"),
    "case": ("立案", "a case was opened"), "close": ("停用账号", "the account is closed"),
}  # fmt: skip
_OTHER = ("提交", "taken")
_SILENT = frozenset({"sign-out", "views", "drop", "replay", "verify-all"})


def note_done(request: web.Request, leads: web.HTTPSeeOther) -> None:
    """Remembers which form was taken with the redirect that answers it."""
    last = request.path.rpartition("/")[2]
    if last not in _SILENT:
        leads.set_cookie(
            COOKIE, last[:40], max_age=SECONDS, path="/", httponly=True, samesite="Strict",
            secure=request.secure,
        )  # fmt: skip


def done_of(visit: Visit | None) -> tuple[str, str] | None:
    """The words for the page that follows: (`批准处理`, `Approve the handling`), or None."""
    last = visit.request.cookies.get(COOKIE) if visit and visit.request.method == "GET" else None
    return _WORDS.get(last, _OTHER) if last else None

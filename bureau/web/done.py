"""What was just done, told once on the page that follows a form, so that nobody wonders."""

from collections.abc import Mapping

from aiohttp import web

from bureau.desk.casework.english import MOVE_EN
from bureau.desk.casework.words import MOVE_ZH, WHO
from bureau.desk.complaints import STEP_EN, STEP_ZH
from bureau.web.route import OnlyLed, Visit

COOKIE = "desk_done"
COOKIE_TLS = "__Host-" + COOKIE
SECONDS = 60
"""The page that follows comes at once; what nobody saw is not told later."""
_OPENED = ("立案", "a case was opened")
_HANDED_ON = ("提交", "handed on")
_APPROVED, _SENT_BACK = ("批准", "approved"), ("退回", "sent back")
_TAKEN = ("提交", "taken")
WORDS: Mapping[str, tuple[str, str]] = {
    **{f"cases:{move}": (MOVE_ZH[move], MOVE_EN[move]) for move, who in WHO.items() if who},
    **{f"complaints:{step}": (zh, STEP_EN[step]) for step, zh in STEP_ZH.items()},
    "cases:new": _OPENED, "card:case": _OPENED, "concerns:concerns": _OPENED,
    "complaints:new": ("登记", "taken down"),
    "complaints:openings": ("申请查看举报人", "asked to open who reported"),
    "complaints:agree": ("同意", "agreed to"),
    "holds:propose": ("提出放行或不予放行意见", "a release or a refusal was proposed"),
    "numbers:propose": ("提议作废", "a void was proposed"),
    "numbers:approve": ("批准作废", "the void was approved"), "numbers:reject": _SENT_BACK,
    "not-ours:seen": ("标记已查看", "marked as seen"),
    "releases:approve": _APPROVED, "releases:reject": _SENT_BACK,
    "registers:approve": _APPROVED, "registers:reject": _SENT_BACK,
    "registers:edit": _HANDED_ON, "registers:import": _HANDED_ON,
    "registers:whole": _HANDED_ON,
    "policies:edit": _HANDED_ON, "policies:form": _HANDED_ON, "policies:book": _HANDED_ON,
    "policies:agree": ("同意", "agreed to"), "policies:send-back": _SENT_BACK,
    "policies:prove": ("检验规则", "the policy was proven"),
    "policies:backtest": _TAKEN, "policies:shadow": _TAKEN, "policies:try": _TAKEN,
    "policies:stop": ("停止", "stopped"),
    "accounts:close": ("停用账号", "the account is closed"), "me:equip": ("保存", "kept"),
}  # fmt: skip
"""By the section whose form it was and the last part of its path: one word is not the same act
everywhere (`accept` takes a reply in a case, and a complaint)."""
SILENT = frozenset({"me:views", "me:drop", "card:replay"})
"""What the page that follows shows by itself."""


def act_of(path: str) -> str:
    """A form's section and last part: `complaints:accept`; a payment's own page is `card`."""
    parts = path.split("/")
    section = parts[3] if parts[1] == "desk" and len(parts) > 3 else parts[1]
    return f"{'card' if section.isdigit() else section}:{parts[-1]}"


def cookie_of(request: web.Request) -> str:
    """Under TLS a name that a browser takes from this very host only, as the session's."""
    return COOKIE_TLS if request.secure else COOKIE


def note_done(request: web.Request, leads: web.HTTPSeeOther) -> None:
    """Remembers which form was taken with the redirect that answers it."""
    act = act_of(request.path)
    if act not in SILENT and not isinstance(leads, OnlyLed):
        leads.set_cookie(
            cookie_of(request), act[:40], max_age=SECONDS, path="/", httponly=True,
            samesite="Strict", secure=request.secure,
        )  # fmt: skip


def forget_done(request: web.Request, response: web.StreamResponse) -> None:
    response.del_cookie(cookie_of(request), path="/", secure=request.secure)


def done_of(visit: Visit | None) -> tuple[str, str] | None:
    """The words for the page that follows: (`批准处理`, `Approve the handling`), or None."""
    if visit is None or visit.request.method != "GET":
        return None
    act = visit.request.cookies.get(cookie_of(visit.request))
    return WORDS.get(act, _TAKEN) if act else None

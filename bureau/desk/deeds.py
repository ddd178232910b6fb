"""The audit trail in words: what each act is called and what its details mean, in both tongues.

An act, a detail or a value that has no words here is shown as it was kept: nothing is left out.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from bureau.desk.casework.referral import REFERRALS
from bureau.desk.casework.words import MOVE_ZH, ORIGIN_ZH, STAGE_ZH
from bureau.desk.papers.paper import KIND_ZH as PAPER_ZH
from bureau.desk.people import OFFICES_ZH
from bureau.desk.refusals import ActRefused
from bureau.desk.registers.words import SHEETS
from bureau.desk.seating import KIND_ZH as REQUEST_ZH
from bureau.inbox.glance import YEARS
from gateway.domain.legal_day import dawn

ACTS: Mapping[str, tuple[str, str]] = {
    "session.opened": ("登录", "Signed in"), "session.ended": ("退出", "Signed out"),
    "session.refused": ("登录被拒", "Sign-in refused"),
    "account.requested": ("申请账号变更", "Account change asked for"),
    "account.request_refused": ("不同意账号变更", "Account change refused"),
    "account.opened": ("开立账号", "Account opened"),
    "account.invited": ("发出登录链接", "Sign-in link made"),
    "account.equipped": ("设置密码和动态口令", "Password and authenticator set"),
    "account.equip_refused": ("设置密码被拒", "Setting a password refused"),
    "account.reset": ("重置账号", "Account reset"),
    "account.closed": ("停用账号", "Account closed"),
    "account.reopened": ("重新启用账号", "Account reopened"),
    "delivery.taken_out": ("调取被拒收报送的证据", "Evidence of a refused delivery taken out"),
    "record.taken_out": ("取出一笔支付的证据", "Evidence of a payment taken out"),
    "case.opened": ("立案", "Case opened"), "case.moved": ("办理案件", "Case moved"),
    "document.issued": ("印发文书", "Document issued"),
    "document.fetched": ("下载文书", "Document downloaded"),
    "document.previewed": ("预览文书草稿", "Draft of a document read"),
    "file.fetched": ("下载案件附件", "Case file downloaded"),
    "release.proposed": ("提议放行或不予放行", "Decision on a hold proposed"),
    "release.approved": ("批准放行决定", "Decision on a hold approved"),
    "release.rejected": ("退回放行提议", "Decision on a hold sent back"),
    "release.void_proposed": ("提议作废被拒收的决定", "Void of a refused decision proposed"),
    "release.void_approved": ("批准作废", "Void approved"),
    "release.void_rejected": ("退回作废提议", "Void sent back"),
    "release.taken_in": ("收回网关已收的决定", "Decisions that a gateway holds taken in"),
    "not_ours.seen": ("标记非本台签发事项已查看", "What was not given out here marked as seen"),
    "register.proposed": ("提议登记变更", "Register change proposed"),
    "register.approved": ("批准登记变更", "Register change approved"),
    "register.rejected": ("退回登记变更", "Register change sent back"),
    "policy.drafted": ("起草规则", "Policy drafted"),
    "policy.agreed": ("同意规则草稿", "Draft agreed"),
    "policy.sent_back": ("退回规则草稿", "Draft sent back"),
    "policy.handed_over": ("交出已签规则簿", "Signed book handed over"),
    "policies.exported": ("下载规则", "Policies downloaded"),
    "policy.backtest_asked": ("请网关回溯规则草稿", "Back-test asked for"),
    "policy.shadow_asked": ("请网关影子运行规则草稿", "Shadow asked for"),
    "policy.stop_asked": ("请网关停止影子运行", "End of a shadow asked for"),
    "policy.try_asked": ("请网关按草稿试算一笔", "Trial on one instruction asked for"),
    "policy.replay_asked": ("请网关重放判定", "Replay asked for"),
    "policy.trial_exported": ("导出规则检验结果", "Trial exported"),
    "complaint.taken": ("登记举报", "Complaint taken"),
    "complaint.accept": ("受理举报", "Complaint accepted"),
    "complaint.decline": ("提出不予受理", "Complaint to be declined"),
    "complaint.note": ("记录举报办理", "Complaint noted"),
    "complaint.case": ("举报立案", "Case opened of a complaint"),
    "complaint.conclude": ("提出办结举报", "Complaint to be concluded"),
    "complaint.approve": ("批准举报意见", "Complaint's conclusion approved"),
    "complaint.send_back": ("退回举报意见", "Complaint's conclusion sent back"),
    "complaint.feed_back": ("向举报人反馈", "Informant told"),
    "informant.asked": ("申请查看举报人", "Asked to see an informant"),
    "informant.agreed": ("同意查看举报人", "Agreed to show an informant"),
    "informant.opened": ("查看举报人", "Informant opened"),
    "list.exported": ("导出拦截清单", "Interceptions exported"),
    "cases.exported": ("导出案件台账", "Cases exported"),
    "report.exported": ("导出定期报告", "Report exported"),
    "trail.exported": ("导出操作留痕", "Audit trail exported"),
    "trail.verified": ("核验操作留痕", "Audit trail verified"),
}  # fmt: skip
DETAILS: Mapping[str, tuple[str, str]] = {
    "way": ("方式", "way"), "why": ("原因", "why"), "reason": ("理由", "reason"),
    "office": ("岗位", "office"), "code": ("单位代码", "code"), "of": ("行政区划", "division"),
    "asked_by": ("申请人", "asked by"), "agreed_by": ("同意人", "agreed by"),
    "by": ("办理人", "by"), "bank": ("代理银行", "bank"), "what": ("事项", "matter"),
    "record": ("日志记录", "record"),
    "origin": ("来源", "origin"), "move": ("步骤", "move"), "stage": ("办理后阶段", "stage"),
    "kind": ("类别", "kind"), "number": ("编号", "number"), "sha256": ("文件摘要", "SHA-256"),
    "digest": ("决定摘要", "digest"), "verdict": ("意见", "verdict"),
    "register": ("登记", "register"), "op": ("事项", "what"), "version": ("版本", "version"),
    "rows": ("行数", "rows"), "late": ("变更报备", "notice"),
    "file": ("文件", "file"), "opening": ("查看序号", "opening"), "host": ("主机", "host"),
    "os_user": ("系统用户", "system user"), "to": ("移送部门", "to"),
    "broken_at": ("被改动处", "breaks at"), "more": ("此前另有次数", "more before it"),
}  # fmt: skip
_VALUES: Mapping[str, Mapping[str, str]] = {
    "what": {"registers": "登记", "book": "规则簿", "releases": "挂起处理决定"},
    "way": {
        "link": "一次性链接", "password": "密码和动态口令", "certificate": "客户端证书",
        "oidc": "统一身份", "phone": "电话", "letter": "来信", "visit": "来访", "mail": "电子邮件",
        "transfer": "其他部门转来",
    },
    "why": {
        "password": "密码不正确", "code": "动态口令不正确", "closed": "账号已停用",
        "locked": "账号已锁定", "link": "链接无效", "unknown": "没有这个账号",
    },
    "office": {k.value: v for k, v in OFFICES_ZH.items()},
    "origin": {k.value: v for k, v in ORIGIN_ZH.items()},
    "move": {k.value: v for k, v in MOVE_ZH.items()},
    "stage": {k.value: v for k, v in STAGE_ZH.items()},
    "verdict": {"release": "放行", "refuse": "不予放行"},
    "register": {name: sheet.zh for name, sheet in SHEETS.items()} | {"snapshot": "全部登记"},
    "op": {"put": "新增或变更", "remove": "删除", "snapshot": "导入文件"},
    "kind": {str(k): v for k, v in PAPER_ZH.items()} | {str(k): v for k, v in REQUEST_ZH.items()},
    "to": REFERRALS,
    "late": {"yes": "超过5个工作日（第十三条（一））"},
}  # fmt: skip
SHOWN_CHARS_MAX = 200


@attrs.frozen(kw_only=True)
class Asked:
    """Which acts: empty or None does not narrow."""

    login: str = ""
    what: str = ""
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    """The first moment after."""


def asked(login: str, what: str, first: str, last: str) -> Asked:
    """`first` and `last`: days as a form gives them, both within. Raises ActRefused."""
    try:
        days = [dt.date.fromisoformat(text) if text else None for text in (first, last)]
        if any(day is not None and day.year not in YEARS for day in days):
            raise ValueError("no day of this trail")
        since, after = days[0], days[1] + dt.timedelta(days=1) if days[1] else None
    except (ValueError, OverflowError):
        raise ActRefused("day", "日期请按 2026-03-02 填写。", "A day as 2026-03-02.") from None
    if since and after and since >= after:
        raise ActRefused("days", "起止日期颠倒，请调换。", "The first day is after the last.")
    return Asked(
        login=login, what=what if what in ACTS else "", since=dawn(since) if since else None,
        until=dawn(after) if after else None,
    )  # fmt: skip


def act_words(what: str) -> tuple[str, str]:
    return ACTS.get(what, (what, ""))


def detail_words(detail: Mapping[str, Any]) -> Sequence[tuple[str, str, str]]:
    """Label, its English, and the value in words; what is empty is left out."""
    return [
        (*DETAILS.get(name, (name, "")), _shown(name, value))
        for name, value in sorted(detail.items())
        if value not in ("", None)
    ]


def _shown(name: str, value: object) -> str:
    text = str(value)
    return _VALUES.get(name, {}).get(text, text)[:SHOWN_CHARS_MAX]

"""The statistics strip: how much was judged, how fresh the log is, and what needs a person now."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs

from bureau.desk.certificates import Held, endings
from bureau.inbox.glance import glance, moment
from bureau.ports import DeskStore, LogStore

SILENCE_MAX = dt.timedelta(minutes=3)
"""A bank's log beats at least each minute; three missed beats are late reporting (Art. 22(2))."""


@attrs.frozen(kw_only=True)
class Alarm:
    zh: str
    en: str
    page: str = "log"
    """Which page of the division shows what is told here."""


@attrs.frozen(kw_only=True)
class Strip:
    """Figures of one division over all its banks."""

    passed: int
    held: int
    blocked: int
    size: int
    cosigned_at: dt.datetime | None
    """The oldest of the banks' last cosignatures: the worst one."""
    lag_s: int | None
    """Seconds from a bank's record to our cosignature, of the newest record; the worst bank."""
    alarms: tuple[Alarm, ...]


async def strip_of(desk: DeskStore, store: LogStore, division: str, now: dt.datetime) -> Strip:
    logs = await desk.logs(division)
    outcomes: dict[str, int] = {}
    lags = []
    for log in logs:
        tallies = await store.tallies(division, log["bank"])
        for (measure, value), count in tallies.items():
            if measure == "outcome":
                outcomes[value] = outcomes.get(value, 0) + count
        if (lag := await _lag(store, log)) is not None:
            lags.append(lag)
    return Strip(
        passed=outcomes.get("passed", 0),
        held=outcomes.get("held", 0),
        blocked=outcomes.get("blocked", 0),
        size=sum(log["size"] for log in logs),
        cosigned_at=min((log["cosigned_at"] for log in logs if log["cosigned_at"]), default=None),
        lag_s=max(lags, default=None),
        alarms=tuple(alarm for log in logs for alarm in _alarms(log, now)),
    )


def ending_alarms(held: Iterable[Held], now: dt.datetime) -> tuple[Alarm, ...]:
    """Certificates that somebody must renew: the page of certificates has them all."""
    found = []
    for one in endings(held, now):
        use, holder, days = one.held.use, one.held.holder, one.held.days_left(now)
        if one.held.by:
            holder = f"{holder}（{one.held.by}）"
        if one.threshold == 0:
            zh = f"证书已过期：{use}，{holder}。请证书管理人员立即更换。"
            en = f"A certificate has ended: {holder}. Renew it now."
        elif one.urgent:
            zh = f"证书还有 {days} 天到期：{use}，{holder}。请证书管理人员更换。"
            en = f"A certificate ends in {days} days: {holder}."
        else:
            continue
        found.append(Alarm(zh=zh, en=en, page="certificates"))
    return tuple(found)


def strange_alarms(open: Sequence[Mapping[str, Any]]) -> tuple[Alarm, ...]:
    """`open`: what logs tell of and was not given out here (`bureau.desk.not_ours`)."""
    if not open:
        return ()
    banks = "、".join(sorted({row["bank"] for row in open}))
    return (
        Alarm(
            zh=f"代理银行 {banks} 的日志有并非本台签发的登记、规则簿或挂起处理决定，待查明。",
            en=f"Logs of bank {banks} tell of what was not given out here; find out why.",
            page="not-ours",
        ),
    )


async def _lag(store: LogStore, log: Mapping[str, Any]) -> int | None:
    if not log["size"]:
        return None
    newest = await store.record(log["division"], log["bank"], log["size"] - 1)
    recorded_at = glance(newest.body).recorded_at if newest else 0
    if not recorded_at:
        return None
    cosigned_at: dt.datetime = log["cosigned_at"]
    return max(0, round((cosigned_at - moment(recorded_at)).total_seconds()))


def _alarms(log: Mapping[str, Any], now: dt.datetime) -> list[Alarm]:
    bank, found = log["bank"], []
    if log["misbehaviours"]:
        found.append(
            Alarm(
                zh=f"代理银行 {bank} 有 {log['misbehaviours']} 次报送被拒收并留证。",
                en=f"{log['misbehaviours']} deliveries of bank {bank} were refused and kept.",
            )
        )
    if is_silent(log, now):
        found.append(
            Alarm(
                zh=f"代理银行 {bank} 超过 3 分钟没有报送监控信息（报送不及时）。",
                en=f"Bank {bank} has reported nothing for more than 3 minutes.",
            )
        )
    return found


def is_silent(log: Mapping[str, Any], now: dt.datetime) -> bool:
    """One that has reported before, and is not heard now."""
    return bool(log["cosigned_at"]) and now - log["cosigned_at"] > SILENCE_MAX

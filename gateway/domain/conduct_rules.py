"""The seven rules on the bank's own conduct: article, light, title, remedy and time allowed.

They are no policy files: nothing of an instruction decides them, and no payment waits for them.
What the regulation does not give (times) is ours and can be set (`settings.conduct`).
"""

import datetime as dt

import attrs

from gateway.domain.decision import Light


@attrs.frozen(kw_only=True)
class ConductRule:
    article: str
    light: Light
    title_zh: str
    title_en: str
    remedy_zh: str
    weight: int
    """Points of the score card that one alert costs; ours, not the regulation's."""


RULES: dict[str, ConductRule] = {
    "JL-100": ConductRule(
        article="第十条（四）1",
        light=Light.RED,
        title_zh="无支付凭证划款",
        title_en="Money moved without a payment voucher",
        remedy_zh="按第二十二条（一）将资金按原渠道退回；造成损失的按代理协议赔偿",
        weight=20,
    ),
    "JL-101": ConductRule(
        article="第十条（四）2-3",
        light=Light.RED,
        title_zh="实付与支付指令不符",
        title_en="What was paid is not what was ordered",
        remedy_zh="按第二十二条（一）退回或重新办理",
        weight=10,
    ),
    "JL-102": ConductRule(
        article="第十条（四）4；第二十二条（二）；第二十八条（四）",
        light=Light.RED,
        title_zh="监控信息漏传、错传或迟传",
        title_en="Monitoring records are missing, altered or late",
        remedy_zh="立即补传并查明原因",
        weight=5,
    ),
    "JL-103": ConductRule(
        article="第十条（四）5",
        light=Light.RED,
        title_zh="清算金额与实付不符",
        title_en="What was cleared is not what was paid",
        remedy_zh="核对后更正清算凭证",
        weight=10,
    ),
    "JL-104": ConductRule(
        article="第十条（四）2",
        light=Light.ORANGE,
        title_zh="未及时支付",
        title_en="Not paid in time",
        remedy_zh="立即办理，或说明未办理的原因",
        weight=5,
    ),
    "JL-105": ConductRule(
        article="第十条（四）7",
        light=Light.YELLOW,
        title_zh="账户开立、变更、注销不及时",
        title_en="An account was not opened, changed or closed in time",
        remedy_zh="立即办理并告知预算单位",
        weight=2,
    ),
    "JL-106": ConductRule(
        article="第十条（四）6；第二十八条（三）",
        light=Light.RED,
        title_zh="拒付未及时报告",
        title_en="A refusal was not reported in time",
        remedy_zh="立即补报拦截通知",
        weight=10,
    ),
}


@attrs.frozen(kw_only=True)
class Allowances:
    """How long the bank has. The defaults are design values (rules_default JL-102 to JL-106)."""

    day_end_minute: int = 17 * 60
    """Minute of the legal day; what passes later is due on the next working day."""
    day_start_minute: int = 8 * 60 + 30
    """By when what left an account is cleared: on the working day after the one of its clearing."""
    records: dt.timedelta = dt.timedelta(minutes=5)
    notices: dt.timedelta = dt.timedelta(minutes=10)
    task_workdays: int = 2
    look_back: dt.timedelta = dt.timedelta(days=10)
    """How far back a look goes: what is older was found by an earlier one."""

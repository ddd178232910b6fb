"""What a person sees of the demonstration: progress, the closing table, one explanation."""

from collections.abc import Sequence
from typing import Any

import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from deploy.demo.accounts import Accounts
from deploy.demo.agency import GatewayAnswer
from deploy.demo.day import DayItem

_ROWS = (
    ("received", "收到 received"),
    ("vouchers", "　其中凭证 of which vouchers"),
    ("passed", "放行 passed"),
    ("held", "挂起 held"),
    ("released", "　其中财政放行 of which released"),
    ("refused", "　其中财政不予放行 of which refused"),
    ("blocked", "拦截 blocked"),
    ("faults", "不予受理 faults"),
    ("conflicts", "　其中一号两用 of which conflicts"),
    ("replayed", "重发（另计）sent again, besides"),
    ("forwarded", "送达银行核心 forwarded to the bank"),
    ("records", "监控记录 records in the gateway's log"),
    ("delivered", "财政已收 records at the bureau"),
    ("notices", "拦截通知 interception notices"),
)


def progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        console=console,
    )  # fmt: skip


def show_accounts(console: Console, accounts: Accounts, seconds: float) -> None:
    table = Table(title="财政日 the fiscal day", title_justify="left", show_header=False)
    for name, words in _ROWS:
        table.add_row(words, f"{accounts.counts[name]:,}")
    console.print(table)
    policies = Table("规则 policy", "触发 fired", title_justify="left")
    for policy, count in accounts.policies_fired.items():
        policies.add_row(policy, str(count))
    console.print(policies)
    for equation in accounts.equations:
        mark = "[green]✓[/]" if equation.holds else "[red]✗[/]"
        console.print(f"{mark} {equation.name}: {equation.left:,} = {equation.right:,}")
    for surprise in accounts.surprises[:10]:
        console.print(f"[red]✗[/] {surprise}")
    verified = "[green]属实 verified[/]" if accounts.log_verified else "[red]不属实 NOT verified[/]"
    closed = "[green]平 closed[/]" if accounts.closed else "[red]不平 NOT closed[/]"
    console.print(f"日志 log: {verified}    账 accounts: {closed}    {seconds:.1f} s")


def _refused(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """Its findings, unless it passed: outside working hours that bears a warning as well."""
    return [] if answer["outcome"] == "passed" else answer["findings"]


def show_refusal(
    console: Console, items: Sequence[DayItem], answers: Sequence[GatewayAnswer]
) -> None:
    """One refusal in full, as the agency reads it: preferably one that names missing papers."""
    findings = [
        (item, finding)
        for item, answer in zip(items, answers, strict=True)
        if item.format == "json" and answer.status == 200
        for finding in _refused(orjson.loads(answer.body))
    ]
    if not findings:
        return
    item, finding = next((f for f in findings if f[1]["missing"]), findings[0])
    console.rule("一笔拒付的理由 one refusal explained", align="left")
    console.print(f"{item.key}  {finding['policy']} {finding['title_zh']}（{finding['article']}）")
    console.print(f"  {finding['reason_zh']}", highlight=False)
    console.print(f"  {finding['reason_en']}", highlight=False, style="dim")
    if near := finding["exception"]:
        console.print(f"  最接近的例外 nearest exception: {near['article']} {near['title_zh']}")
    for paper in finding["missing"]:
        console.print(f"  缺少 missing: {paper['zh']} / {paper['en']}")
    console.print(f"  处理办法 remedy: {finding['remedy_zh']}", highlight=False)

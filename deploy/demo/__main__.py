"""`python -m deploy.demo`: a lifelike fiscal day against the real programs, over mutual TLS."""

import argparse
import asyncio
import datetime as dt
import json
import os
import shutil
import signal
import sys
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import uvloop
from rich.console import Console

from adapters.postgres.embedded.binaries import EmbeddedUnavailable, throwaway_folder
from certs.tls import client_context
from deploy.demo.accounts import Accounts, Books, as_bytes, close
from deploy.demo.agency import AgencyClient, GatewayAnswer
from deploy.demo.chancery import decide
from deploy.demo.day import COUNT_MIN, Day, DayItem, day
from deploy.demo.desk_links import desk_links
from deploy.demo.identities import TRUST_DOMAIN, Identities
from deploy.demo.officers import busiest_agency, publish_registers, work_on_cases
from deploy.demo.processes import ChildFailed, Crew
from deploy.demo.reading import heard_in
from deploy.demo.samples import (
    bureau_commands,
    developer_environment,
    explain_command,
    operator_commands,
    signing_commands,
    submit_command,
    write_samples,
)
from deploy.demo.show import progress, show_accounts, show_refusal
from deploy.demo.stage import HOST, Plot, Stage
from deploy.demo.vigil import ProgramDied, beside, deaths_behind, look, show_deaths, watch
from gateway.domain.instruction import InstructionKey
from gateway.domain.legal_day import legal_day

DIVISION = "220000000"
BANK_HABITS = (
    "--reject-share", "0.01", "--late-share", "0.008", "--late-s", "3", "--silence-share", "0.004",
    "--double-answer-share", "0.01", "--delay-ms", "2",
)  # fmt: skip
HORIZON_S = 6.0
SETTLE_DEADLINE_S = 120.0
LOOK_S = 0.2
PLOT = Plot(
    division=DIVISION, bank_habits=BANK_HABITS, bank_horizon_s=HORIZON_S, working_hours=True,
    signed=True,
)  # fmt: skip

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""The last: the terminal was closed."""

console = Console()


def main() -> int:
    options = _options()
    asked = _stopped_as_by_ctrl_c()
    folder = throwaway_folder()
    folder.chmod(0o711)  # PostgreSQL runs as another user when we are root; keys/ stays closed
    now = dt.datetime.now(dt.UTC)
    with Crew() as crew:
        console.print("准备证书 making keys and certificates …")
        identities = Identities.create(folder / "keys", now)
        plan = day(options.seed, options.instructions, legal_day(now), trust_domain=TRUST_DOMAIN)
        signers = identities.signers(plan.senders)
        stage = Stage(folder, crew, identities, PLOT)
        kept = False
        try:
            _raise_curtain(stage, plan)
            sign = {party: signer.document for party, signer in signers.items()}
            client = lambda: AgencyClient(  # noqa: E731
                HOST, stage.ports.door, client_context(stage.client), sign
            )
            started = time.monotonic()
            answers, accounts = uvloop.run(beside(stage, _act(stage, plan, client)))
            show_accounts(console, accounts, time.monotonic() - started)
            show_refusal(console, plan.items, answers)
            if options.json:
                options.json.write_bytes(as_bytes(accounts.summary()))
            if not options.once:
                _stay_up(stage, plan)
            look(stage)
            return 0 if accounts.closed and accounts.log_verified else 1
        except KeyboardInterrupt:
            with suppress(OSError):  # the terminal may be what is gone
                console.print("停止 stopping …")
            return 128 + (asked[0] if asked else signal.SIGINT)
        except ProgramDied as died:
            show_deaths(console, died.deaths)
            kept = True
            return 1
        except EmbeddedUnavailable as lacking:
            console.print("[red]✗[/] PostgreSQL 没有启动 did not start:", highlight=False)
            console.print(str(lacking), markup=False, highlight=False, soft_wrap=True)
            return 1
        except ChildFailed as failed:
            console.print(f"[red]✗[/] {failed}", highlight=False, soft_wrap=True)
            show_deaths(console, deaths_behind(stage))
            kept = True
            return 1
        finally:
            # Whoever presses Ctrl-C twice would else leave the keys behind.
            for number in STOP_SIGNALS:
                signal.signal(number, signal.SIG_IGN)
            crew.stop_all()
            stage.postgres.stop()
            if kept or stage.postgres.died:
                console.print(
                    f"日志保留在此文件夹 logs, and what PostgreSQL left, stay in {folder}",
                    soft_wrap=True,
                )
            else:
                shutil.rmtree(folder, ignore_errors=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="run.py demo", description=__doc__)
    parser.add_argument("--instructions", type=int, default=600, help=f"at least {COUNT_MIN}")
    parser.add_argument("--once", action="store_true", help="end when the accounts are closed")
    parser.add_argument("--json", type=Path, help="write the summary there")
    parser.add_argument("--seed", type=int, default=1, help="another day")
    options = parser.parse_args()
    if options.instructions < COUNT_MIN:
        parser.error(f"--instructions: a day has at least {COUNT_MIN}")
    if os.environ.get("GATEWAY_DATABASE"):
        parser.error("it brings a PostgreSQL of its own; unset GATEWAY_DATABASE")
    if options.json:
        try:
            options.json.open("ab").close()
        except OSError as refused:
            parser.error(f"--json {options.json}: {refused.strerror}")
    return options


def _raise_curtain(stage: Stage, plan: Day) -> None:
    with console.status("启动 PostgreSQL starting PostgreSQL …"):
        stage.start_database()
    with console.status("启动银行核心、财政端、网关 starting bank core, bureau, gateway …"):
        stage.start_bank()
        stage.start_bureau()
        stage.start_gateways()
    with console.status("财政两人发布登记 two officers publish the registers …"):
        asyncio.run(beside(stage, publish_registers(stage, plan.registers)))


async def _act(stage: Stage, plan: Day, make_client: Any) -> tuple[list[GatewayAnswer], Accounts]:
    client: AgencyClient = make_client()
    with progress(console) as bars:
        sending = bars.add_task("发送支付指令 sending", total=len(plan.items))

        def told(_item: DayItem, _answer: GatewayAnswer) -> None:
            bars.advance(sending)

        answers = await client.send_all(plan.items, told)
        await client.aclose()
        deciding = bars.add_task("财政放行与不予放行 the bureau decides", total=None)
        decided = await decide(stage, _held(plan, answers), partial(_state_of, stage))
        bars.update(deciding, total=1, completed=1)
        backlog = await _until_done(stage, bars)
    journal = await ask(stage, f"https://{HOST}:{stage.ports.bank}/v1/journal")
    bureau = await ask(
        stage, f"https://{HOST}:{stage.ports.bureau}/v1/summary?division={stage.plot.division}"
    )
    books = Books(journal=journal, backlog=backlog, bureau=bureau, decided=decided)
    return answers, close(plan.items, answers, books)


def _held(plan: Day, answers: list[GatewayAnswer]) -> list[InstructionKey]:
    told = zip(plan.items, answers, strict=True)
    return [item.key for item, answer in told if heard_in(item, answer).outcome == "held"]


async def _state_of(stage: Stage, key: str) -> str:
    """How a hold stands, asked at the gateway as the operator."""
    shown = await ask(stage, f"https://{HOST}:{stage.ports.door}/v1/instructions/{key}")
    return str(shown["hold"]["state"])


async def _until_done(stage: Stage, bars: Any) -> dict[str, Any]:
    """Until every payment is settled and the bureau has acknowledged every record."""
    waiting = bars.add_task("待查支付与报送 settling and delivering", total=None)
    deadline = time.monotonic() + SETTLE_DEADLINE_S
    while True:
        backlog = await ask(stage, f"http://{HOST}:{stage.ports.ops}/backlog")
        size = sum(log["size"] for log in backlog["logs"])
        acknowledged = sum(log["acknowledged_size"] for log in backlog["logs"])
        bars.update(waiting, total=size + backlog["open_payments"], completed=acknowledged)
        if backlog["done"] or time.monotonic() > deadline:
            return backlog
        await asyncio.sleep(LOOK_S)


async def ask(stage: Stage, url: str) -> dict[str, Any]:
    """Ask one of the programs as the operator."""
    connector = aiohttp.TCPConnector(ssl=client_context(stage.operator))
    async with aiohttp.ClientSession(connector=connector) as session, session.get(url) as answer:
        answer.raise_for_status()
        fields: dict[str, Any] = json.loads(await answer.read())
        return fields


def _stay_up(stage: Stage, plan: Day) -> None:
    """Show where everything is, and wait for Ctrl-C. Raises ProgramDied."""
    with console.status("财政人员办理案件 the officers work on cases …"):
        agency = asyncio.run(beside(stage, busiest_agency(stage)))
        cases = asyncio.run(beside(stage, work_on_cases(stage, agency)))
    console.rule("现在可以看 now open", align="left")
    console.print(
        f"财政端工作台（已有 {cases} 件案件），每个链接可用一次，登录后可自设密码和动态口令"
    )
    console.print("the bureau's desk, each link works once; then set a password of your own:")
    links = asyncio.run(beside(stage, desk_links(stage, agency)))
    for office, link in links.items():
        console.print(f"  {office}: {link}", soft_wrap=True)
    console.print("运行指标 operators' ports, /readyz and /metrics of each:")
    console.print(f"  网关 gateway: http://{HOST}:{stage.ports.ops}/metrics")
    console.print(f"  财政端 bureau: http://{HOST}:{stage.ports.bureau_ops}/metrics")
    console.print(f"日志 logs (until you end it): {stage.folder}")
    _show_commands(stage, plan)
    console.print("Ctrl-C 结束 to end")
    watch(stage)


def _show_commands(stage: Stage, plan: Day) -> None:
    samples = write_samples(stage.folder / "samples", plan.items)
    for words, command in (
        (
            "自己试一笔 send some by hand, edited as you like (a new voucher_no each time):",
            submit_command(stage, samples),
        ),
        (
            "只试算，不写入 what would be decided, with nothing written:",
            explain_command(stage.folder / "samples", plan),
        ),
        (
            "用自己的程序报送 from a program of your own (docs/agency.md; node 20.18):",
            developer_environment(stage, stage.folder),
        ),
        (
            "值班员的命令 the operator's commands (doctor, holds, unknowns, conduct, …):",
            operator_commands(stage, stage.folder),
        ),
        (
            "财政端的命令 the bureau's commands (--check, --export, --invite, --forks; releases):",
            bureau_commands(stage, stage.folder),
        ),
        (
            "两名签发人签署规则簿 two officers sign the policies.zip that the desk handed out:",
            signing_commands(stage, stage.folder),
        ),
    ):
        console.print(words, highlight=False, soft_wrap=True)
        console.print(command, markup=False, highlight=False, soft_wrap=True)


def _stopped_as_by_ctrl_c() -> list[int]:
    """The others are heard as Ctrl-C is, which cancels what is under way in order; the numbers
    appear in the list. One that whoever started us ignores (nohup) stays so."""
    asked: list[int] = []

    def heard(number: int, _frame: object) -> None:
        asked.append(number)
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            raise KeyboardInterrupt
        signal.raise_signal(signal.SIGINT)

    for number in STOP_SIGNALS:
        if number != signal.SIGINT and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, heard)
    return asked


if __name__ == "__main__":
    sys.exit(main())

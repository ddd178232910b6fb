"""docs/examples/agency.mjs and voucher.mjs against the real gateway: what docs/agency.md shows."""

import json
import re
import shutil
import subprocess

import pytest

from tests.manuals.conftest import EXAMPLES, Manual
from tests.web.besieged import until

pytestmark = [pytest.mark.slow, pytest.mark.postgres]


async def test_a_payment_is_sent_asked_after_and_its_records_proven(manual: Manual) -> None:
    file = manual.instruction("EX-PAID")
    first = manual.agency("send", str(file))
    assert "放行，已支付 JH" in first and "受理回执已核验" in first
    assert manual.agency("send", str(file)) == first, "the same bytes get the same answer"

    def proven() -> bool:
        told = manual.agency("ask", manual.key(file))
        return "bank_outcome 已核验" in told and "verdict 已核验" in told and "尚未" not in told

    await until(proven)


def test_why_not_is_read_in_chinese_with_the_remedy(manual: Manual) -> None:
    for outcome, word in (("held", "挂起待核实"), ("blocked", "拦截")):
        model = manual.model(outcome)
        file = manual.instruction(f"EX-{outcome}", model)
        told = manual.agency("send", str(file))
        assert f"{manual.key(file)} {word}" in told
        assert model.policy and f"  {model.policy} " in told and "处理办法：" in told


def test_mistakes_are_told_all_at_once_with_how_they_are_mended(manual: Manual) -> None:
    file = manual.instruction("EX-WRONG", amount=321.09, colour="red")
    told = manual.agency("send", str(file))
    assert "不予受理 instruction_invalid：支付指令不合规范" in told
    assert "  amount：" in told and "  colour：" in told and "处理办法：请按 errors" in told


@pytest.mark.parametrize("type", ["8202", "5201"])
def test_a_voucher_of_our_own_gbk_is_answered_by_its_return_copy(manual: Manual, type: str) -> None:
    file = manual.instruction(f"EX-V{type}", manual.model(type=type))
    envelope = file.with_suffix(".xml")
    manual.node("voucher.mjs", str(file), str(envelope))
    told = manual.agency("send", str(envelope))
    assert told.startswith("回单 SUCCESS") and "明细1 JH" in told


def test_an_envelope_that_is_none_is_told_why(manual: Manual) -> None:
    envelope = manual.folder / "none.xml"
    envelope.write_text('<?xml version="1.0" encoding="GBK"?><MOF/>', encoding="ascii")
    told = manual.agency("send", str(envelope))
    assert "回单 instruction_invalid" in told and "处理办法" in told


def test_news_is_fetched_and_acknowledged(manual: Manual) -> None:
    assert manual.agency("news") == ""


def test_the_shell_alone_signs_and_sends_as_the_page_says(manual: Manual) -> None:
    if not all(map(shutil.which, ("bash", "curl", "openssl", "xxd"))):
        pytest.skip("bash, curl, openssl or xxd is not on this machine")
    page = (EXAMPLES.parent / "agency.md").read_text("utf-8")
    (script,) = re.findall(r"```sh\n(u\(\) .*?)```", page, re.DOTALL)
    folder = manual.folder / "shell"
    folder.mkdir()
    manual.instruction("EX-SHELL", amount="301.01").rename(folder / "instruction.json")
    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=manual.environment, check=True,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    assert json.loads(done.stdout)["outcome"] == "passed"

# ruff: noqa: E501  clauses and documents are quoted whole
"""A policy on trial: what is generated, what counts as seen, which mistakes must be noticed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.domain.facts import Facts
from gateway.policy_books.folders import test_policies
from policies.book.cases import CASES
from policies.book.compile import compile_policy
from policies.book.load import DEFAULT, load_codes
from policies.book.read import law_digest, read_policy
from policies.book.steps import finished
from policies.proof.boundaries import around, edges, thresholds
from policies.proof.guard import sound
from policies.proof.mutants import mutants
from policies.proof.trial import Trial, trial

CODES = load_codes()
DOCUMENT = """
id = "JL-960"
revision = 1
light = "red"
action = "block"
lower_levels_may = "none"
title = { zh = "大额", en = "Large" }
law = { document = "吉财库〔2022〕1136号", article = "13(3)", text = "不得超过。", digest = "DIGEST" }
scope = { division = "22" }
effective = { from = 2024-01-01, to = 2027-12-31 }
reason = { zh = "{amount}", en = "{amount}" }
remedy = { zh = "减少", en = "less" }

[params.limit]
type = "money"
value = "20000.00"

[when]
payer = 'has(payer.class) && payer.class == "zero_balance"'
over = 'amount > params.limit'

[[unless]]
id = "approved"
article = "13(3)6"
title = { zh = "经批准", en = "approved" }
when = 'payee.is_basic'
evidence = "contract & invoice"

[[test]]
name = "小额"
outcome = "none"
[[test]]
name = "大额"
facts = { amount = "50000.00" }
outcome = "block"
[[test]]
name = "直接支付"
facts = { amount = "50000.00", "payer.class" = "fiscal_zero_balance" }
outcome = "none"
[[test]]
name = "已批准"
facts = { amount = "50000.00", "payee.is_basic" = true, evidence = ["contract", "invoice"] }
outcome = "none"
exception = "approved"
[[test]]
name = "缺合同"
facts = { amount = "50000.00", "payee.is_basic" = true, evidence = ["invoice"] }
outcome = "block"
exception = "approved"
missing = ["contract"]
[[test]]
name = "缺发票"
facts = { amount = "50000.00", "payee.is_basic" = true, evidence = ["contract"] }
outcome = "block"
exception = "approved"
missing = ["invoice"]
""".replace("DIGEST", law_digest("不得超过。"))


def tried(text: str = DOCUMENT) -> Trial:
    policy = read_policy(text, "JL-960.toml")
    return finished(trial(policy, compile_policy(policy, CODES), CODES))


def test_a_good_policy_passes_and_only_the_generated_boundaries_see_the_last_fen() -> None:
    found = tried()
    assert found.passed, found
    assert found.killed == found.mutants > found.killed_by_author


def test_every_kind_of_small_mistake_is_made() -> None:
    (unit,) = compile_policy(read_policy(DOCUMENT, "x"), CODES)
    made = {f"{m.place}: {m.what}" for m in mutants(unit)}
    assert made == {
        "when.payer: != for ==",
        "when.payer: part 2 dropped",
        "when.payer: clause dropped",
        "when.over: >= for >",
        "when.over: <= for >",
        "when.over: 2000001 for 2000000",
        "when.over: 1999999 for 2000000",
        "when.over: clause dropped",
        "unless.approved: dropped",
        "unless.approved: turned into its opposite",
        "unless.approved: paper contract dropped",
        "unless.approved: paper invoice dropped",
    }
    assert all(sound(m.unit) for m in mutants(unit))


@pytest.mark.parametrize(
    ("test", "survivor"),
    [
        ("直接支付", "when.payer: clause dropped"),
        ("直接支付", "when.payer: part 2 dropped"),
    ],
)
def test_a_mistake_that_no_test_would_notice_is_named(test: str, survivor: str) -> None:
    before, _, after = DOCUMENT.partition(f'[[test]]\nname = "{test}"')
    found = tried(before + after[after.index("[[test]]") :])
    assert not found.passed
    assert survivor in found.survivors
    assert "when.payer: false" in found.unseen


def test_a_failing_case_and_a_missing_one_are_told() -> None:
    found = tried(
        DOCUMENT.replace('outcome = "none"\nexception', 'outcome = "block"\nexception', 1)
    )
    assert not found.passed and found.problems


def test_a_threshold_that_decides_nothing_is_told() -> None:
    idle = '[[unless]]\nid = "never"\narticle = "13"\ntitle = { zh = "x", en = "x" }\nwhen = \'voucher.type == "5201" && persons.unfiled > 5\'\n'
    found = tried(DOCUMENT.replace("[[test]]", idle + "[[test]]", 1))
    assert "unless.never" in found.undecided and not found.passed


def test_boundaries_lie_one_fen_below_at_and_one_above() -> None:
    (unit,) = compile_policy(read_policy(DOCUMENT, "x"), CODES)
    (threshold,) = thresholds(unit)
    near = around(threshold, Facts(**CASES["authorized_transfer"]))
    assert [facts.amount for facts in near] == [1_999_999, 2_000_000, 2_000_001]
    assert [str(day) for day in edges(unit)] == [
        "2023-12-31",
        "2024-01-01",
        "2027-12-31",
        "2028-01-01",
    ]


def test_a_sum_is_moved_by_one_of_its_terms() -> None:
    text = DOCUMENT.replace(
        "amount > params.limit", 'params.limit - amount * 1 < -amount + yuan("5.00") * 2'
    )
    text = text.replace("params.limit - amount * 1", "params.limit - amount - amount")
    (unit,) = compile_policy(read_policy(text, "x"), CODES)
    (threshold,) = thresholds(unit)
    row = Facts(**CASES["authorized_transfer"])
    assert len({f.amount for f in around(threshold, row)}) == 3


def test_a_dated_parameter_gets_its_own_trial_on_its_own_days() -> None:
    dated = '[params.limit]\ntype = "money"\n[[params.limit.dated]]\nfrom = 2024-01-01\nvalue = "20000.00"\n[[params.limit.dated]]\nfrom = 2026-07-01\nvalue = "30000.00"\n'
    text = DOCUMENT.replace('[params.limit]\ntype = "money"\nvalue = "20000.00"\n', dated)
    found = tried(text)
    assert found.passed and found.mutants == 2 * tried().mutants


@pytest.mark.slow
def test_the_command_prints_each_policy_and_fails_if_one_falls_short(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(DOCUMENT, "utf-8")
    assert _command(tmp_path, "--json")[0] == 0
    weak = DOCUMENT.replace("JL-960", "JL-961")
    (tmp_path / "b.toml").write_text(
        weak[: weak.index('[[test]]\nname = "直接')]
        + weak[weak.index('[[test]]\nname = "已批准') :],
        "utf-8",
    )
    code, out = _command(tmp_path, "--json")
    report = json.loads(out)
    assert code == 1 and not report["passed"]
    assert [p["passed"] for p in report["policies"]] == [True, False]
    code, out = _command(tmp_path)
    assert code == 1 and "JL-961   FAIL" in out and "mutant survived" in out
    (tmp_path / "c.toml").write_text("id = 3", "utf-8")
    assert "refused: c.toml" in _command(tmp_path)[1]


@pytest.mark.slow
def test_every_policy_of_the_library_passes_its_own_trial() -> None:
    """What an officer's draft would be told 未达标 of is not shipped."""
    found = test_policies(DEFAULT, (), lambda done, total, place: None)
    assert [each.policy for each in found.trials if not each.passed] == []
    assert found.passed


def _command(folder: Path, *options: str) -> tuple[int, str]:
    words = [sys.executable, "-m", "gateway", "policy", "test", "--policies", str(folder), *options]
    ran = subprocess.run(words, capture_output=True, text=True, check=False)
    return ran.returncode, ran.stdout

"""The rules of the bench mean the same to every engine, and a lie of any of them is noticed."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import attrs
import pytest

from bench import peers as peers_module
from bench.contest import FEW, MANY, timed
from bench.drawn import drawn
from bench.emitted import zen_table
from bench.neutral import ROW_FACTS, bent, row, row_facts, rules
from bench.peers import Disagreement, Peer, agree, installed, ours, peers_of
from gateway.domain.facts import Facts

PROMISED = {
    "ratio_zen_table_44", "ratio_zen_list_44", "ratio_cedarpy_44", "ratio_zen_table_440",
    "ratio_zen_table_44_from_json", "ratio_zen_table_44_from_instruction", "growth_440_to_44",
    "backtest_per_cpu_s", "decision_lawful_us",
}  # fmt: skip


@pytest.fixture(scope="module")
def lawful() -> Sequence[Facts]:
    return drawn(300).facts


def test_ten_times_the_rules_are_as_many_different_rules() -> None:
    few, many = rules(FEW), rules(MANY)
    assert len({rule.asks for rule in few}) == FEW
    assert len({rule.asks for rule in many}) == MANY


def test_every_rule_fires_on_its_own_example_and_not_on_a_lawful_instruction(
    lawful: Sequence[Facts],
) -> None:
    asked = rules(FEW)
    offenders = bent(lawful[:FEW], asked, offender_each=1)
    assert all(any(rule.fires(one) for one in offenders) for rule in asked)
    assert not any(rule.fires(one) for rule in asked for one in lawful)


def test_near_misses_break_no_rule(lawful: Sequence[Facts]) -> None:
    asked = rules(FEW)
    near = bent(lawful, asked, offender_each=len(lawful) + 1, near_each=2)
    assert near != list(lawful)
    assert not any(rule.fires(one) for rule in asked for one in near[1:])


def test_other_engines_are_handed_a_whole_row(lawful: Sequence[Facts]) -> None:
    of = row_facts(rules(MANY))
    assert len(row(lawful[0], of)) == ROW_FACTS
    assert {type(v) for v in row(lawful[0], of).values()} <= {str, int, bool}


@pytest.mark.slow
@pytest.mark.parametrize("count", [FEW, MANY])
def test_all_engines_agree(count: int, lawful: Sequence[Facts]) -> None:
    asked = rules(count)
    engines = [ours(asked)[1], *peers_of(asked, cedar=True)]
    assert len(engines) == 4
    facts = bent(lawful, asked, offender_each=2)
    assert agree(asked, engines, facts) == len(facts) / 2


def test_a_misspelt_field_in_another_engine_s_table_is_noticed(
    lawful: Sequence[Facts], monkeypatch: pytest.MonkeyPatch
) -> None:
    """ZEN says nothing of it: the row never fires."""

    def misspelt(asked: Sequence[object]) -> object:
        return json.loads(json.dumps(zen_table(rules(FEW))).replace("settlement", "setlement"))

    monkeypatch.setattr(peers_module, "zen_table", misspelt)
    asked = rules(FEW)
    (table,) = peers_of(asked, cedar=False, table_only=True)
    with pytest.raises(Disagreement, match="zen_table"):
        agree(asked, [table], bent(lawful, asked, offender_each=2))


def test_a_threshold_off_by_one_fen_is_noticed(lawful: Sequence[Facts]) -> None:
    asked = rules(FEW)
    last = asked[-1].asks[-1]
    off = attrs.evolve(last, value=last.value + 1)
    other = (*asked[:-1], attrs.evolve(asked[-1], asks=(*asked[-1].asks[:-1], off)))
    with pytest.raises(Disagreement, match="ours"):
        agree(asked, [ours(other)[1]], bent(lawful, asked, offender_each=1))


def test_a_peer_that_is_not_installed_is_left_out_and_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(peers_module, "installed", lambda name: "")
    assert peers_module.missing() == ("zen-engine", "cedarpy")
    assert peers_of(rules(FEW), cedar=True) == []
    assert installed("no-such-engine") == ""


def test_every_job_is_measured_as_often_as_was_asked() -> None:
    calls: list[int] = []
    times = timed({("ours", "x"): (calls.append, [1, 2, 3])}, runs=2)
    assert len(times["ours", "x"]) == 2
    assert calls == [1, 2, 3] * 4


def test_peer_answers_are_read_as_sets_of_rule_ids() -> None:
    peer = Peer("p", lambda given: given, frozenset, lambda _, plain: plain)
    assert peer.fired(["BN-001"]) == {"BN-001"}


@pytest.mark.slow
def test_a_short_run_keeps_the_promised_figures(tmp_path: Path) -> None:
    out = tmp_path / "latest.json"
    command = [sys.executable, "-m", "bench", "policies", "--quick", "--out", str(out)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]
    kept = json.loads(out.read_text("utf-8"))["policies"]
    assert kept.keys() >= PROMISED
    assert kept["versions"].keys() == {"zen-engine", "cedarpy"}

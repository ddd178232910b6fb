"""What `--settings` means to the commands that also work on a database alone, on a staged day."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from deploy.demo.stage import Stage
from gateway.commands.command_line import app
from tests.commands.conftest import DIVISION
from tests.commands.staged import run

pytestmark = [pytest.mark.slow, pytest.mark.postgres]

ELSEWHERE = "220100000"


@pytest.fixture
def settings(stage: Stage) -> Path:
    return stage.folder / f"{stage.gateway_names[0]}.toml"


@pytest.fixture
def others(settings: Path, tmp_path: Path) -> Path:
    """Settings of a gateway that serves another division."""
    file = tmp_path / "gateway.toml"
    file.write_text(settings.read_text("utf-8").replace(DIVISION, ELSEWHERE), "utf-8")
    return file


def test_unknowns_are_those_of_the_divisions_that_the_settings_serve(
    stage: Stage, settings: Path, others: Path
) -> None:
    plain = run(stage, "unknowns", "list", "--json").json
    assert plain, "the bank was not silent"
    ours = run(stage, "unknowns", "list", "--settings", settings, "--json").json
    assert {row["instruction"] for row in ours} <= {row["instruction"] for row in plain}
    assert ours
    assert run(stage, "unknowns", "list", "--settings", others, "--json").json == []


@pytest.mark.parametrize(
    ("command", "bound"),
    [("unknowns", "gateway.tending.unknowns.LISTED_MAX"),
     ("holds", "gateway.commands.holds.LISTED_MAX")],
)  # fmt: skip
def test_a_list_that_ends_at_its_limit_says_so_beside_its_json(
    stage: Stage, settings: Path, monkeypatch: pytest.MonkeyPatch, command: str, bound: str
) -> None:
    """What stood behind the thousandth was not there, for who read it."""
    monkeypatch.setattr("gateway.commands.terminal.console", Console(file=(said := io.StringIO())))
    words = (command, "list", "--settings", str(settings), "--json")
    environment = stage.environment(stage.gateway_environment)

    def listed() -> list[str]:
        rows = json.loads(CliRunner().invoke(app, words, env=environment).stdout)
        return [row["instruction"] for row in rows]

    whole = listed()
    assert len(whole) > 1 and not said.getvalue()
    monkeypatch.setattr(bound, 1)
    (first,) = listed()
    assert "there may be more" in said.getvalue()
    monkeypatch.undo()
    # The day goes on: what was settled between two readings is in the earlier one alone.
    assert first == next(name for name in whole if name == first or name in listed())
    shown = CliRunner().invoke(app, (command, "show", whole[-1], *words[2:]), env=environment)
    assert command != "holds" or shown.exit_code == 0


@pytest.mark.parametrize("division", ["22", ELSEWHERE])
@pytest.mark.parametrize("command", ["holds", "releases", "voids"])
def test_a_division_that_the_settings_do_not_serve_is_no_empty_list(
    stage: Stage, settings: Path, command: str, division: str
) -> None:
    """`nothing is held` was the answer to a slip of the pen."""
    file = settings if command == "holds" else stage.folder / "bureau.toml"
    more = stage.bureau_environment
    found = run(stage, command, "list", "--settings", file, "--division", division, more=more)
    assert found.code == 2 and f"--division {division}: " in found.err and DIVISION in found.err
    whole = run(stage, command, "list", "--settings", file, "--division", DIVISION, more=more)
    assert whole.code == 0


def test_who_asks_for_a_hold_that_is_none_is_told_where_to_look(
    stage: Stage, settings: Path
) -> None:
    key = f"{DIVISION}/2026/8202/NEVER"
    found = run(stage, "holds", "show", key, "--settings", settings)
    assert found.code == 1 and f"`where {key}`" in found.err


def test_conduct_needs_no_division_where_the_settings_serve_one(
    stage: Stage, settings: Path, others: Path
) -> None:
    named = run(stage, "conduct", "score", "--division", DIVISION, "--json").json
    meant = run(stage, "conduct", "score", "--settings", settings, "--json").json
    assert meant["division"] == DIVISION and meant["passed"] == named["passed"] > 0
    assert "JL-" in (alerts := run(stage, "conduct", "alerts", "--settings", settings)).said or (
        alerts.code == 0
    )
    stranger = run(stage, "conduct", "alerts", "--settings", others, "--division", DIVISION)
    assert stranger.code == 2 and f"serves {ELSEWHERE}" in stranger.err


def test_a_decision_is_replayed_under_the_book_that_the_settings_name(
    stage: Stage, settings: Path
) -> None:
    verdicts = run(stage, "unknowns", "list", "--json").json
    key = verdicts[0]["instruction"]
    ran = run(stage, "policy", "replay", key, "--settings", settings, "--json")
    assert ran.code == 0 and ran.json["same"] is True, ran.said


def test_the_past_is_tried_and_shadowed_in_the_division_of_the_settings(
    stage: Stage, settings: Path, others: Path
) -> None:
    library = stage.library
    back = ("policy", "backtest", library, library, "--settings")
    assert run(stage, *back, settings, "--json").json["instructions"] > 80
    assert run(stage, *back, others).code == 2, "nothing was sealed there"
    begin = ("policy", "shadow", "start", library, "--by", "王处长", "--settings", settings)
    assert [each["division"] for each in run(stage, *begin, "--json").json] == [DIVISION]
    listed = ("policy", "shadow", "list", "--json", "--settings")
    assert len(run(stage, *listed, settings).json) == 1
    assert run(stage, *listed, others).json == []
    report = run(stage, "policy", "shadow", "report", "--settings", settings, "--json")
    assert report.json["run"]["division"] == DIVISION
    assert run(stage, "policy", "shadow", "stop", "--settings", others).code == 1, "none runs there"
    assert run(stage, "policy", "shadow", "stop", "--settings", settings).code == 0

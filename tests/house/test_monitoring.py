"""What operators watch with: each number that an alert, a board or a page names is told, and each
alert leads to a page."""

import datetime as dt
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.core import Metric

from bureau.desk.wellbeing import Wellbeing
from bureau.web.ops import figures_of
from gateway.web.metrics import Metrics

HOUSE = Path(__file__).parents[2]
KIT = HOUSE / "deploy" / "monitoring"
PAGE = (HOUSE / "docs" / "monitoring.md").read_text("utf-8")
ALERTS = (KIT / "alerts.yml").read_text("utf-8")
NUMBER = re.compile(r"\b(?:gateway|bureau|process)_[a-z_]+\b")
RULE = re.compile(r"^ {6}- alert: (\w+)\n(.*?)(?=^ {6}- alert: |^ {2}- name: |\Z)", re.M | re.S)
LABELS = re.compile(r"labels: \{severity: (critical|warning), runbook: ([\w-]+)\}")
EXPRESSION = re.compile(r"expr: (>-\n(?: {10}.*\n)+|.*\n)")
PROMETHEUS_S = 60


class _Bank:
    in_use = waiting = sent = unknown = not_sent = 0


def _told() -> set[str]:
    """Names as they stand in expressions, of both programs."""
    metrics = Metrics()
    metrics.watch_bank(_Bank())
    now = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
    idle = Wellbeing(at=now, reasons={}, warnings={}, logs=(), certificates=())
    return {
        name
        for registry in (metrics.registry, figures_of(idle))
        for family in registry.collect()
        for name in _names(family)
    }


def _names(family: Metric) -> Iterator[str]:
    if family.type == "counter":
        yield f"{family.name}_total"
    elif family.type == "histogram":
        yield from (family.name, f"{family.name}_bucket")
    else:
        yield family.name


def _rules() -> dict[str, str]:
    return dict(RULE.findall(ALERTS))


def test_an_alert_asks_for_numbers_that_are_told() -> None:
    told, rules = _told(), _rules()
    assert len(rules) == ALERTS.count("- alert: ") > 40
    for name, body in rules.items():
        found = EXPRESSION.search(body)
        assert found, name
        asked = set(NUMBER.findall(re.sub(r'"[^"]*"', "", found[1])))
        assert asked <= told, f"{name} asks for {asked - told}"
        assert asked or "up{" in found[1], name


def test_each_alert_leads_to_a_page_that_is_there_and_stands_in_the_list() -> None:
    listed = dict[str, tuple[str, str]]()
    for line in PAGE.splitlines():
        page, _, names = line.partition("](runbooks/")
        if line.startswith("| [") and names:
            _, critical, warning, _ = names.split("|")
            for severity, cell in (("critical", critical), ("warning", warning)):
                listed |= dict.fromkeys(re.findall(r"`(\w+)`", cell), (severity, page[3:]))
    found = dict[str, tuple[str, str]]()
    for name, body in _rules().items():
        labels = LABELS.search(body)
        assert labels, f"{name} has no severity or runbook"
        found[name] = labels[1], labels[2]
        assert (HOUSE / "docs" / "runbooks" / f"{labels[2]}.md").is_file(), labels[2]
        summary = re.search(r'summary: "(.+)"', body)
        assert summary and re.search("[一-鿿]", summary[1]) and re.search("[a-z]", summary[1]), name
    assert found == listed


def test_a_page_says_what_to_do_about_each_alert_that_leads_to_it() -> None:
    """Whoever is woken knows the alert's name, and nothing else yet."""
    for name, body in _rules().items():
        labels = LABELS.search(body)
        assert labels
        page = (HOUSE / "docs" / "runbooks" / f"{labels[2]}.md").read_text("utf-8")
        assert f"`{name}`" in page, f"{labels[2]}.md does not name {name}"


def test_the_page_names_each_number_and_no_other() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in NUMBER.findall(row.split("|")[1])}
    told = {name for name in _told() if not name.startswith("process_")}
    assert named == {name for name in told if not name.endswith("_bucket")}


def test_the_board_asks_for_numbers_that_are_told() -> None:
    board, told = json.loads((KIT / "dashboard.json").read_text("utf-8")), _told()
    asked = [target["expr"] for panel in board["panels"] for target in panel.get("targets", ())]
    assert len(asked) > 20
    for expression in asked:
        names = set(NUMBER.findall(re.sub(r'"[^"]*"', "", expression)))
        assert names and names <= told, expression
    places = [tuple(panel["gridPos"].values())[:2] for panel in board["panels"]]
    assert len(set(places)) == len(places), "two panels in one place"
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(
    "asked",
    [
        ("check", "config", "deploy/monitoring/prometheus.example.yml"),
        pytest.param(("test", "rules", "tests/house/alerts.test.yml"), marks=pytest.mark.slow),
    ],
    ids=["what Prometheus reads", "when each fires"],
)
def test_prometheus_takes_them(asked: tuple[str, ...]) -> None:
    tool = shutil.which("promtool")
    if tool is None:
        pytest.skip("promtool is missing (Debian: prometheus)")
    ran = subprocess.run(
        [tool, *asked], cwd=HOUSE, capture_output=True, text=True, timeout=PROMETHEUS_S
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "SUCCESS" in ran.stdout

"""What a measurement leaves: medians with their range, one JSON file, and a table for people."""

import datetime as dt
import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.machine import description, load_average

WIDTH_MIN = 110
"""Also where nobody looks at a terminal: figures cut short are no figures."""
FILE = Path(__file__).parent / "results" / "latest.json"


def spread_of(values: Sequence[float], digits: int = 1) -> dict[str, float | int]:
    """`{median, min, max, runs}` of what was measured several times."""
    return {
        "median": round(statistics.median(values), digits),
        "min": round(min(values), digits),
        "max": round(max(values), digits),
        "runs": len(values),
    }


def median(values: Sequence[float], digits: int = 3) -> float:
    return round(statistics.median(values), digits)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that `share` of them do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def keep(part: str, figures: dict[str, Any], file: Path) -> None:
    """Replace one part of the results; the others stay as they were measured."""
    results = json.loads(file.read_text("utf-8")) if file.exists() else {}
    results["machine"] = description()
    results[part] = {
        "measured_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "load_average_after": load_average(),
        **figures,
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(results, ensure_ascii=False, indent=2) + "\n", "utf-8")


def show_plain(title: str, figures: dict[str, Any]) -> None:
    """Those that are no tables of their own."""
    plain = [(name, value) for name, value in figures.items() if not isinstance(value, dict)]
    show(title, ("figure", "value"), plain)


def show(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    table = Table(title=title, title_justify="left")
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", no_wrap=number == 0)
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    console = Console()
    console.width = max(console.width, WIDTH_MIN)
    console.print(table)

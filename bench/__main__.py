"""Measure and keep: `python -m bench [PART|all] [--quick]`, the parts as in `PARTS`."""

import argparse
import sys
from pathlib import Path

from bench.desk import run as run_desk
from bench.fairness import run as run_fairness
from bench.floor import run as run_floor
from bench.formats import run as run_formats
from bench.growth import run as run_growth
from bench.line import run as run_line
from bench.overload import run as run_overload
from bench.policies import run as run_policies
from bench.records import run as run_records
from bench.results import FILE, keep
from bench.soak import run as run_soak

PARTS = {
    "growth": run_growth,
    "line": run_line, "policies": run_policies, "records": run_records, "desk": run_desk,
    "formats": run_formats, "fairness": run_fairness, "least": run_floor,
    "overload": run_overload, "soak": run_soak,
}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="run.py bench", description=__doc__)
    parser.add_argument("part", nargs="?", default="all", choices=[*PARTS, "all"])
    parser.add_argument("--quick", action="store_true", help="a short run, to see that it runs")
    parser.add_argument("--out", type=Path, default=FILE, help="where the figures are kept")
    options = parser.parse_args()
    for name, run in PARTS.items():
        if options.part in (name, "all"):
            keep(name, run(quick=options.quick), options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Folders of one log held against one another: what each proves by itself is taken as given."""

import json
from pathlib import Path

from certs.log.report import Exit, Report
from gateway.verifying.across import verify_across


def a_folder(path: Path, start: int, *records: str, origin: str = "a/log/1") -> tuple[Path, Report]:
    path.mkdir()
    (path / "checkpoint").write_text(f"{origin}\n{start + len(records)}\n")
    (path / "records.ndjson").write_text("".join(f"{record}\n" for record in records))
    facts = {"start": start, "records": len(records)}
    return path, Report(exit=Exit.VALID, steps=(), facts=facts)


def test_another_record_under_a_number_is_another_history(tmp_path: Path) -> None:
    first = a_folder(tmp_path / "1", 0, "{}", '{"seq":1}')
    second = a_folder(tmp_path / "2", 1, '{"seq":1,"x":2}', "{}")
    report = verify_across([second, first])
    assert (report.exit, report.facts["told_otherwise"]) == (Exit.FORK, [1])


def test_folders_of_two_logs_are_held_against_nothing(tmp_path: Path) -> None:
    first = a_folder(tmp_path / "1", 0, "{}")
    second = a_folder(tmp_path / "2", 1, "{}", origin="b/log/1")
    assert verify_across([first, second]).exit is Exit.USAGE


def told(seq: int, kind: str, **more: str) -> str:
    key = {"division": "1", "fiscal_year": 2026, "voucher_type": "8202", "voucher_no": "7"}
    return json.dumps(key | {"kind": kind, "seq": seq} | more, separators=(",", ":"))


def test_a_hold_that_two_folders_tell_of_is_released_once(tmp_path: Path) -> None:
    """The smaller folder ends before the release; read again, its hold would stand again."""
    held = told(1, "verdict", outcome="held")
    rest = [told(2, "release", what="released"), told(3, "bank_outcome", bank_outcome="accepted")]
    large = a_folder(tmp_path / "1", 0, "{}", held, rest[0])
    small = a_folder(tmp_path / "2", 1, held)
    later = a_folder(tmp_path / "3", 3, rest[1])
    assert verify_across([large, small, later]).exit is Exit.VALID
    unreleased = verify_across([small, later])
    assert unreleased.exit is Exit.INVALID
    assert unreleased.facts["paid_though_stopped"] == ["1/2026/8202/7"]

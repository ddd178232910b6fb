"""Planted bugs can be planted: each text stands once where it is to be changed, each test exists.

The bugs themselves run with the slow tests; a text that moved would be found there, and late.
"""

from pathlib import Path

from tests.planted.bugs import BUGS

HOUSE = Path(__file__).parents[2]


def test_the_text_that_a_bug_changes_stands_once() -> None:
    wrong = {
        f"{change.file}: {change.old.strip()}": found
        for bug in BUGS
        for change in bug.changes
        if (found := (HOUSE / change.file).read_text("utf-8").count(change.old)) != 1
    }
    assert wrong == {}


def test_the_tests_that_a_bug_turns_red_exist() -> None:
    missing = [
        test
        for bug in BUGS
        for test in bug.tests
        if f"def {test.rpartition('::')[2].partition('[')[0]}("
        not in (HOUSE / test.partition("::")[0]).read_text("utf-8")
    ]
    assert missing == []

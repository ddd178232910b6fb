"""docs/clauses.md says of every clause who judges it, is up to date, and names tests that exist."""

from pathlib import Path

import attrs
import pytest

from deploy.clauses import (
    JUDGES,
    PAGE,
    ClauseForgotten,
    behind,
    citations,
    clauses,
    elsewhere,
    page,
    policies,
)

HOUSE = Path(__file__).parents[2]
ITEMS = {
    "10(1)": 2, "10(2)": 2, "10(3)": 18, "10(4)": 7, "11(2)": 5, "13(3)": 6,
}  # fmt: skip
"""How many numbered items each list of Articles 9 to 24 has."""
DEFAULT_RULES = 63


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text("utf-8") == page(), "run python -m deploy.clauses"


def test_every_numbered_item_is_listed_once() -> None:
    listed = [clause.id for clause in clauses()]
    assert len(listed) == len(set(listed))
    expected = {f"{head}{n}" for head, count in ITEMS.items() for n in range(1, count + 1)}
    expected |= {str(n) for n in (9, 12, *range(14, 20))}
    expected |= {f"13({n})" for n in (1, 3, 4, 5)} | {f"11({n})" for n in (1, 3, 4, 5)}
    expected |= {"13(2)1", "13(2)2", "20", "23", "24"}
    expected |= {f"21({n})" for n in range(1, 6)} | {f"22({n})" for n in range(1, 4)}
    expected |= {f"13(2)1{chr(0x2460 + n)}" for n in range(8)}
    expected |= {f"13(2)2{chr(0x2460 + n)}" for n in range(13)}
    assert set(listed) == expected


def test_every_default_rule_is_a_policy_or_judged_elsewhere() -> None:
    ours, others = {policy.id for policy in policies()}, {row.rule for row in elsewhere()}
    assert not ours & others
    assert len((ours - {"JL-033", "JL-034", "JL-073"}) | others) == DEFAULT_RULES


def test_every_test_that_is_named_exists_and_every_judge_is_known() -> None:
    for row in (*clauses(), *elsewhere()):
        assert row.judge in JUDGES
        assert all((HOUSE / path).is_file() for path in row.tests), row
    assert all(bool(row.tests) is (row.built != "no") for row in elsewhere())


def test_an_item_is_judged_by_the_policies_on_its_whole_list_too() -> None:
    cited = citations(policies())
    assert "JL-041" in {policy.id for policy in behind("13(2)1⑤", cited)}
    assert [policy.id for policy in behind("17", cited)] == ["JL-062"]


def test_a_clause_that_nobody_judges_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    forgotten = attrs.evolve(clauses()[0], id="13(9)9")
    monkeypatch.setattr("deploy.clauses.clauses", lambda: (*clauses(), forgotten))
    with pytest.raises(ClauseForgotten, match="nobody judges"):
        page()


def test_a_policy_that_cites_an_unknown_clause_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy.clauses.clauses", lambda: clauses()[1:])
    with pytest.raises(ClauseForgotten, match="not listed: 9"):
        page()

"""A search is understood as people of finance write days and amounts, and a name is no code."""

import datetime as dt

import pytest

from bureau.desk.search import parsed
from bureau.desk.typical import typical_cases
from gateway.domain.legal_day import dawn


def _span(first: str, after: str) -> tuple[dt.datetime, dt.datetime]:
    return dawn(dt.date.fromisoformat(first)), dawn(dt.date.fromisoformat(after))


@pytest.mark.parametrize(
    ("typed", "first", "after"),
    [
        ("2026年", "2026-01-01", "2027-01-01"), ("2026年3月", "2026-03-01", "2026-04-01"),
        ("2026年03月02日", "2026-03-02", "2026-03-03"), ("2026/3/2", "2026-03-02", "2026-03-03"),
        ("2026.3", "2026-03-01", "2026-04-01"), ("202603", "2026-03-01", "2026-04-01"),
        ("20260302", "2026-03-02", "2026-03-03"), ("２０２６-03", "2026-03-01", "2026-04-01"),
        ("2026年3月1日至2026年3月15日", "2026-03-01", "2026-03-16"),
        ("2026-03..2026-04", "2026-03-01", "2026-05-01"),
    ],
)  # fmt: skip
def test_a_day_is_read_as_people_write_it(typed: str, first: str, after: str) -> None:
    search = parsed(f"日期:{typed}")
    assert not search.errors and (search.since, search.until) == _span(first, after)


@pytest.mark.parametrize(
    "typed",
    [
        "规则:JL-020 规则:JL-042", "金额:>10万 金额:>20万", "日期:2026-03 日期:2026-04",
        "单位:101001 agency:101002", "日期:2026-05..2026-03", "日期:2026年3月15日至2026年3月1日",
    ],
)  # fmt: skip
def test_what_would_find_something_else_or_nothing_is_told(typed: str) -> None:
    """Of two rules the last one alone was searched for; turned days found nothing, ever."""
    assert len(parsed(typed).errors) == 1


def test_two_sides_of_an_amount_are_two_conditions() -> None:
    search = parsed("金额:>=1万 金额:<=2万")
    assert (search.least, search.most, search.errors) == (1_000_000, 2_000_000, ())


@pytest.mark.parametrize("typed", ["2026-113", "2026年13月", "2026-3.2", "20260", "11月", "2026-"])
def test_what_could_be_two_days_is_asked_about(typed: str) -> None:
    assert parsed(f"日期:{typed}").errors


@pytest.mark.parametrize(
    ("typed", "least", "most"),
    [
        ("39,447元", 3_944_700, 3_944_700), ("￥39，447.00", 3_944_700, 3_944_700),
        ("≥10万元", 10_000_000, None), ("1万至5万", 1_000_000, 5_000_000),
        ("5至10万", 5_000_000, 10_000_000), ("5至10万元", 5_000_000, 10_000_000),
        ("1.5～2亿", 15_000_000_000, 20_000_000_000), ("5000至1万", 500_000, 1_000_000),
        ("5元至10万", 500, 10_000_000), ("5..10", 500, 1_000),
        ("＞１０万", 10_000_001, None), ("1,234,567.8", 123_456_780, 123_456_780),
    ],
)  # fmt: skip
def test_an_amount_is_read_as_people_write_it(
    typed: str, least: int | None, most: int | None
) -> None:
    search = parsed(f"金额：{typed}")
    assert not search.errors and (search.least, search.most) == (least, most)


@pytest.mark.parametrize(
    "typed",
    ["10万至5万", "5至", "至5万", "5至10至20万", ">5至10万", "五至十万", "12,5", "1234,567"],
)
def test_a_span_that_nobody_can_mean_is_asked_about(typed: str) -> None:
    assert parsed(f"金额:{typed}").errors


@pytest.mark.parametrize(
    ("typed", "code"), [("单位:机关事务中心", "单位代码"), ("bank:松江银行", "银行行号")]
)
def test_a_name_where_a_code_belongs_is_no_empty_list_but_a_word_of_advice(
    typed: str, code: str
) -> None:
    [(zh, en)] = parsed(typed).errors
    assert code in zh and "直接输入" in zh and "takes a code" in en


def test_a_policy_s_number_is_one_without_its_key_too() -> None:
    """Each line shows it, and no name has it: as a word it found nothing."""
    search = parsed("jl-020 2026年第3号 示例厅")
    assert (search.policy, search.words, search.errors) == ("JL-020", "2026年第3号 示例厅", ())
    assert len(parsed("JL-020 规则:JL-042").errors) == 1


def test_a_typical_case_is_of_the_month_of_its_legal_day() -> None:
    row = {
        "year": 2026, "number": 1, "amount_fen": 100, "against": "agency", "policies": ["JL-020"],
        "phase": "", "stage": "confirmed",
        "opened_at": dt.datetime(2026, 3, 31, 17, tzinfo=dt.UTC), "partly": False,
    }  # fmt: skip
    [told] = typical_cases([row], [], {"JL-020": "划转"})
    assert (told["month"], told["what"]) == ("2026年4月", ["划转（JL-020）"])

"""A policy through the form and back: nothing that its author wrote is lost."""

import datetime as dt
import itertools
import tomllib
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.book.load import LIBRARY, load_texts
from policies.book.read import read_policy
from policies.form.annotated import TooFree, annotated, plain, written
from policies.form.condition import SIGNS, Manner, Row, Rows, alike, clause_of, signs_for
from policies.form.conditions import kinds_of
from policies.form.filled import document_of
from policies.form.papers import papers_from, papers_sheet
from policies.form.posted import shown_again
from policies.form.recognise import rows_of
from policies.form.sheet import flat, sheet_of
from policies.form.words import changed, sentence
from policies.language.parser import parse
from policies.language.types import SCHEMA, Kind, Type
from tests.examples import examples

TEXTS = load_texts(LIBRARY / "jilin")
FACTS: dict[str, Type] = {name: fact.type for name, fact in SCHEMA.items()}


def tree(node: Any) -> Any:
    """A clause's tree without the columns in which it stands."""
    if isinstance(node, tuple):
        return [tree(one) for one in node]
    if not attrs.has(type(node)):
        return node
    fields = attrs.asdict(node, recurse=False)
    return type(node).__name__, {
        name: tree(value) for name, value in fields.items() if name not in ("column", "depth")
    }


@pytest.mark.slow
@pytest.mark.parametrize("place", sorted(TEXTS))
def test_every_policy_of_the_library_comes_back_from_the_form_whole(place: str) -> None:
    sheet = sheet_of(TEXTS[place])
    assert sheet is not None, "it fits the form"
    back, problems = document_of(flat(sheet))
    assert problems == ()
    assert back == written(annotated(TEXTS[place])), "remarks stand where they stood"
    assert tomllib.loads(back) == tomllib.loads(TEXTS[place])
    assert read_policy(back, place) == read_policy(TEXTS[place], place)
    again, _ = document_of(flat(shown_again(flat(sheet))))
    assert again == back, "also when the form is shown again as it was posted"


def test_a_clause_as_rows_says_what_it_said_as_text() -> None:
    clauses, rowed = 0, 0
    for place, text in TEXTS.items():
        content = tomllib.loads(text)
        kinds, policy = kinds_of(content), read_policy(text, place)
        whens = [clause for _, clause in policy.when]
        whens += [one.when for one in policy.causes] + [one.when for one in policy.unless]
        for clause in whens:
            rows = rows_of(clause, kinds)
            clauses += 1
            if rows is not None:
                rowed += 1
                assert tree(parse(clause_of(rows, kinds))[0]) == tree(parse(clause)[0]), clause
    assert rowed > clauses * 0.8, (rowed, clauses)


def values_of(type: Type) -> st.SearchStrategy[str]:
    if type.enum:
        return st.sampled_from(type.options)
    words = st.text("维修费 abc'\"\\/#", min_size=1, max_size=8).map(str.strip).filter(bool)
    return {
        Kind.MONEY: st.integers(0, 10**12).map(lambda n: f"{n // 100}.{n % 100:02}"),
        Kind.COUNT: st.integers(-999, 10**9).map(str),
        Kind.CODE: st.from_regex(r"[1-9][0-9]{2,4}", fullmatch=True),
    }.get(type.kind, words)


@st.composite
def a_row(draw: st.DrawFn) -> Row:
    fact = draw(st.sampled_from(sorted(FACTS)))
    type = FACTS[fact]
    sign = draw(st.sampled_from(signs_for(type)))
    manners = list(Manner) if sign != "present" else [Manner.PLAIN, Manner.NOT]
    row = Row(fact=fact, sign=sign, manner=draw(st.sampled_from(manners)))
    if SIGNS[sign].bare:
        return row
    if draw(st.booleans()) and sign != "holds":
        return attrs.evolve(row, source=draw(st.sampled_from(["params.limit", "lists.named"])))
    most = 4 if SIGNS[sign].many else 1
    values = st.lists(values_of(type), min_size=1, max_size=most, unique=True)
    return attrs.evolve(row, values=tuple(draw(values)))


@examples(300)
@given(st.sampled_from(["&&", "||"]), st.lists(a_row(), max_size=5))
def test_whatever_rows_a_person_picks_are_found_again_in_the_clause(
    join: str, rows: list[Row]
) -> None:
    picked = Rows(join=join, rows=tuple(rows))
    clause = clause_of(picked, FACTS)
    found = rows_of(clause, FACTS)
    assert found is not None, clause
    assert tree(parse(clause_of(found, FACTS))[0]) == tree(parse(clause)[0])
    tied = any(
        one.fact == other.fact and one.sign == "present" for one, other in itertools.pairwise(rows)
    )
    assert tied or alike(found, picked, FACTS), clause


@examples(100)
@given(st.data())
def test_a_document_with_anything_in_its_words_comes_back(data: st.DataObject) -> None:
    content = annotated(TEXTS[data.draw(st.sampled_from(["JL-042.toml", "JL-020.toml"]))])
    words = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), min_size=1)
    content["reason"]["zh"] = data.draw(words).strip() or "理由"
    content["law"]["text"] = data.draw(words).strip() or "条文"
    content["lists"] = {"some": [data.draw(words).strip() or "词"]}
    content["id#"] = "# " + data.draw(words).strip()
    content["test"][0]["on"] = data.draw(st.dates(dt.date(2000, 1, 1), dt.date(2099, 1, 1)))
    sheet = sheet_of(written(content))
    if sheet is None:
        return  # told as too free, and edited as text: nothing is lost either
    back, problems = document_of(flat(sheet))
    again = plain(annotated(back))
    assert problems == () and again["reason"] == plain(content["reason"])
    assert again["lists"] == content["lists"] and again["law"]["text"] == content["law"]["text"]


def test_a_layout_that_the_form_cannot_keep_is_told_and_not_lost() -> None:
    cash = TEXTS["JL-042.toml"]
    behind = cash.replace('division = "22"', 'division = "22"  # 全省')
    assert behind != cash
    with pytest.raises(TooFree):
        annotated(behind)
    assert sheet_of(behind) is None
    within = cash.replace('article = "13(2)1⑦; 10(3)7"', 'article = "13(2)1⑦; 10(3)7"\nodd = 3')
    assert sheet_of(within) is None, "a key that no field shows would be lost"
    assert sheet_of("no = [toml") is None


@pytest.mark.parametrize("dots", [13, 3_000])
def test_a_field_that_no_form_of_ours_has_is_refused_however_deep(dots: int) -> None:
    for read in (document_of, shown_again):
        with pytest.raises(ValueError, match="dots"):
            read({"a." * dots + "x": ["1"]})


def test_two_of_one_name_are_told_instead_of_one_being_lost() -> None:
    sheet = sheet_of(TEXTS["JL-042.toml"])
    assert sheet is not None
    sheet["when"].append({**sheet["when"][0]})
    _, problems = document_of(flat(sheet))
    assert [one.place for one in problems] == ["JL-042.toml.when.cash"]


def test_amounts_are_taken_as_people_type_them() -> None:
    for typed, kept in (("1,280", "1280.00"), ("12800.5", "12800.50"), ("1000.00", "1000.00")):
        rows = Rows(rows=(Row(fact="amount", sign=">", values=(typed,)),))
        assert clause_of(rows, FACTS) == f'amount > yuan("{kept}")'
    strange = Rows(rows=(Row(fact="amount", sign=">", values=("一千",)),))
    assert clause_of(strange, FACTS) == 'amount > yuan("一千")', "the checker tells it"


def test_an_item_without_a_name_is_told_if_it_says_something_and_is_none_if_empty() -> None:
    sheet = sheet_of(TEXTS["JL-009.toml"])
    assert sheet is not None
    fields = flat(sheet) | {"cause.2.id": [""], "cause.2.rows.0.fact": [""]}
    assert document_of(fields) == document_of(flat(sheet))
    fields |= {"cause.2.rows.0.fact": ["amount"]}
    _, problems = document_of(fields)
    assert [one.place for one in problems] == ["JL-009.toml.cause"]
    assert len(shown_again(fields)["cause"]) == 3, "what was picked stays"


def test_quotes_over_several_lines_hide_what_looks_like_a_remark() -> None:
    text = 'a = """\n# no remark \\""" [\n"""\n# one\nb = [\n  "x#",\n]\n'
    assert annotated(text) == {"a": '# no remark """ [\n', "b#": "# one", "b": ["x#"]}
    with pytest.raises(TooFree):
        annotated("b = [\n  1,\n  # within\n  2,\n]\n")


def test_clauses_are_read_out_in_chinese() -> None:
    def name_of(table: str, code: str) -> str:
        return {("dept_economic", "30201"): "办公费"}.get((table, code), "")

    for clause, words in (
        ("true", "无条件"),
        ('amount > yuan("1000.00")', "支付金额超过1,000.00元"),
        (
            'has(settlement) && settlement in ["cash", "cash_cheque"]',
            "结算方式已填写，且属于其中之一（“现金”、“现金支票”）",
        ),
        (
            '!(has(dept_economic_code) && dept_economic_code in ["30201"])',
            "并非（部门经济分类科目已填写，且属于其中之一（30201 办公费））",
        ),
        ("!payer.registered || amount >= params.least",
         "并非付款账户已备案为是；或者支付金额达到或超过参数“least”"),
        ('amount * 2 > yuan("1.00")', ""),
    ):  # fmt: skip
        assert sentence(clause, FACTS, name_of) == words
    filled = sentence("amount >= params.least", FACTS, name_of, {"params.least": "1,000.00元"})
    assert filled == "支付金额达到或超过1,000.00元"
    assert changed({"a": "1", "b": "2"}, {"b": "3", "c": "4"}) == (
        ("a", "1", ""), ("b", "2", "3"), ("c", "", "4"),
    )  # fmt: skip


def test_papers_are_ticked_in_groups_of_which_one_suffices() -> None:
    sheet = papers_sheet("contract & invoice | legal_basis")
    assert papers_from(sheet) == "contract & invoice | legal_basis"
    ticked = sheet | {"groups": [{"papers": ("invoice", "contract")}, *sheet["groups"][1:]]}
    assert papers_from(ticked) == "contract & invoice | legal_basis", "the order says nothing"
    ticked["groups"] = [
        {"papers": ("invoice", "tender")},
        {"papers": ()},
        {"papers": ("contract",)},
    ]
    assert papers_from(ticked) == "invoice & tender | contract"
    assert papers_from(sheet | {"groups": []}) == ""


def test_a_document_is_proven_once_and_each_caller_has_a_sheet_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = next(iter(TEXTS.values())) + "\n# read for the first time\n"
    first = sheet_of(text)
    monkeypatch.setattr("policies.form.sheet.document_of", None)
    second = sheet_of(text)
    assert first is not None and first == second
    first["when"].clear()
    assert second["when"] and sheet_of(text) == second

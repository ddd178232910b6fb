"""What authors and senders may make long stays bounded: lists, questions, keys, remarks."""

import datetime as dt
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.formats.voucher.payees import REMARKS_CHARACTERS_MAX
from adapters.formats.voucher.payments import VoucherFormat
from gateway.domain.facts import Facts, changed
from gateway.domain.faults import Unreadable
from policies.book.bundle import BundleRefused
from policies.book.cases import CASES
from policies.book.compile import compile_policy
from policies.book.load import LIBRARY, load_codes, load_golden, load_texts
from policies.book.load import book_of as built
from policies.book.read import read_policy
from policies.book.steps import finished
from policies.book.succession import checking_answers
from policies.book.wanted import KEY_CHARACTERS_MAX
from policies.language.checker import check
from policies.language.generate import predicate
from policies.language.interpret import truth
from policies.language.literals import Terms
from policies.language.parser import parse
from policies.language.satisfy import Patience, possible
from policies.language.typed import around_words
from policies.language.types import SCHEMA
from policies.proof.trial import trial
from tests.adapters.formats.voucher_samples import DETAIL, INNER, envelope
from tests.policies.shipped import BOOK

TRANSFER = Facts(**CASES["authorized_transfer"])
INDEX_BYTES_MAX = 2704
"""PostgreSQL's: a row that is longer cannot stand in a B-tree."""


@pytest.mark.parametrize("length", [1, 600, 2_000, 100_000])
def test_the_key_of_a_window_fits_into_its_index_whatever_is_said(length: int) -> None:
    long = changed(TRANSFER, amount=20_000_000, purpose="\U00020000" * length)
    (ask,) = [each for each in BOOK.asks(long) if each.key.window == "JL-092.same"]
    assert len(ask.key.key.encode()) + len(ask.key.window) + 60 < INDEX_BYTES_MAX
    assert ask.key.key in {share.key.key for share in BOOK.shares(long)}, "what is asked is counted"
    other = changed(long, purpose=long.purpose + "1")
    assert ask.key.key not in {each.key.key for each in BOOK.asks(other)}


def test_a_key_that_fits_is_written_as_it_ever_was() -> None:
    facts = changed(TRANSFER, amount=20_000_000, purpose="维" * 200)
    (ask,) = [each for each in BOOK.asks(facts) if each.key.window == "JL-092.same"]
    assert ask.key.key.endswith("/" + "维" * 200) and len(ask.key.key) <= KEY_CHARACTERS_MAX


def test_remarks_of_a_single_payment_are_read_up_to_a_length() -> None:
    def said(*remarks: str) -> bytes:
        parts = [
            DETAIL.replace("<Remark></Remark>", f"<Remark>{each}</Remark>")
            .replace("<Id>D-1<", f"<Id>D-{n}<")
            .replace("<PayAmt>3560.00<", "<PayAmt>356.00<")
            for n, each in enumerate(remarks)
        ]
        return envelope(INNER.replace(DETAIL, "".join(parts)))

    long = [str(n) * (REMARKS_CHARACTERS_MAX // 10) for n in range(10)]
    assert VoucherFormat().parse(said(*long)).remarks == tuple(long)
    with pytest.raises(Unreadable) as refused:
        VoucherFormat().parse(said(f"{long[0]}1", *long[1:]))
    assert [(each.field, each.code) for each in refused.value.errors] == [
        ("Detail.Remark", "too_long")
    ]


words = st.text("人参加工海", min_size=1, max_size=3)


@given(st.lists(words, max_size=6), st.lists(st.text("人参加工海", max_size=6), max_size=6))
def test_what_stands_around_each_word_is_found_wherever_it_stands(
    known: list[str], phrases: list[str]
) -> None:
    for phrase, found in around_words(known, phrases):
        assert sorted(found) == sorted(
            (word, phrase[: at.start()], phrase[at.start() + len(word) :])
            for word in set(known)
            for at in re.finditer(f"(?={word})", phrase)
        )


@pytest.mark.slow
def test_thousands_of_words_and_phrases_mean_what_a_few_do() -> None:
    """They were held against one another pair by pair: a book of such lists stopped payments."""
    han = [chr(code) for code in range(0x4E00, 0x4E00 + 5_000)]
    listed = tuple(f"{one}参" for one in han)
    apart = tuple(f"{one}加" for one in listed)
    terms = Terms(
        facts=SCHEMA, params={}, lists={"words": listed, "apart": apart}, codes=load_codes(),
        first_year=2026, last_year=2026,
    )  # fmt: skip
    asked = check(
        parse("has(purpose) && contains_any(purpose, lists.words, lists.apart)")[0], terms
    ).expr
    generated = predicate(asked)
    for purpose, there in ((f"购{han[7]}参", True), (f"{han[7]}参加会议", False)):
        facts = changed(TRANSFER, purpose=purpose)
        assert (generated(facts), truth(asked, facts)) == (there, there)


def test_questions_that_have_no_end_are_given_up_together() -> None:
    """A hundred alternatives took eight seconds, while a gateway answered nothing."""
    terms = Terms(
        facts=SCHEMA, params={}, lists={}, codes=load_codes(), first_year=2026, last_year=2026
    )
    each = [f"(fiscal_year == {n} || is_detail)" for n in range(2000, 2100)]
    clauses = [check(parse(one)[0], terms).expr for one in each]
    patience = Patience()
    for _ in range(60):
        assert possible(clauses, [check(parse("is_detail")[0], terms).expr], patience)
    assert patience.steps == 0
    never = [check(parse(one)[0], terms).expr for one in ("is_detail", "!is_detail")]
    assert not possible(never) and possible(never, patience=patience), "nothing more is claimed"


@pytest.mark.slow
def test_a_book_that_lets_a_golden_case_pass_on_a_later_day_is_refused() -> None:
    texts = load_texts(LIBRARY / "jilin")
    ends = texts["JL-042.toml"].replace(
        "from = 2022-11-28", "from = 2022-11-28\nto = 2026-12-31", 1
    )
    book = built(texts | {"JL-042.toml": ends}, load_codes())
    with pytest.raises(BundleRefused, match=r"no longer stops on 2027-01-01.*超过一千元一分"):
        finished(checking_answers(book, load_golden(), dt.date(2026, 3, 1)))
    finished(checking_answers(built(texts, load_codes()), load_golden(), dt.date(2026, 3, 1)))


@pytest.mark.parametrize("day", [dt.date(2026, 12, 31), dt.date(2027, 1, 1), dt.date(2030, 7, 1)])
def test_a_book_may_begin_in_any_year(day: dt.date) -> None:
    """The cases were of the new year and dated in the old: JL-006 blocked every lawful one."""
    finished(checking_answers(BOOK, load_golden(), day))


@pytest.mark.parametrize("days", ["from = 0001-01-01", "from = 2022-11-28\nto = 9999-12-31"])
def test_a_policy_for_all_days_of_the_calendar_is_tried_like_any(days: str) -> None:
    text = load_texts(LIBRARY / "jilin")["JL-091.toml"].replace("from = 2022-11-28", days)
    policy, codes = read_policy(text, "JL-091.toml"), load_codes()
    found = finished(trial(policy, compile_policy(policy, codes), codes))
    assert found.passed, found
    finished(checking_answers(built({"JL-091.toml": text}, codes), (), dt.date(2026, 3, 1)))

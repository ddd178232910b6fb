"""What a person reads where a case is acted upon stands in both tongues, Chinese first: forms,
what is not yet possible, and what a refusal says."""

import itertools
import re

import pytest

from bureau.desk.casework import english
from bureau.desk.casework.moves import CONCERNS, DISPUTE_ZH, step
from bureau.desk.casework.referral import REFERRALS
from bureau.desk.casework.state import Case
from bureau.desk.casework.words import FROM, Against, Means, Measure, Move, Stage
from bureau.desk.people import Office
from bureau.desk.refusals import ActRefused
from bureau.web.sections.forms import forms_of
from gateway.domain.legal_day import legal_day
from tests.bureau.cases.test_case_walk import CARD, intercepted, moved
from tests.bureau.cases.test_cases_machine import DAY, VERIFIED, after, made
from tests.bureau.cases.test_next_step import TURNS, person
from tests.bureau.desks import Desk
from tests.bureau.words import Bureau, Chain, House

HAN = re.compile(r"[\u4e00-\u9fff]")
LATIN = re.compile(r"[A-Za-z]{2}")


def both(*words: str) -> bool:
    return all(HAN.search(each) and LATIN.search(each) for each in words)


def test_every_word_of_a_case_has_its_english() -> None:
    for words, table in (
        (Stage, english.STAGE_EN), (Means, english.MEANS_EN), (Measure, english.MEASURE_EN),
        (Move, english.MOVE_EN), (DISPUTE_ZH, english.DISPUTE_EN), (CONCERNS, english.CONCERN_EN),
        (REFERRALS, english.REFERRAL_EN),
    ):  # fmt: skip
        assert set(words) == set(table) and all(map(LATIN.search, table.values()))


@pytest.mark.parametrize("turn", TURNS)
def test_every_form_is_in_both_tongues(turn: str) -> None:
    case, _, _ = TURNS[turn]
    for office in Office:
        found, barred = forms_of(case, person(office), DAY)
        for form in found:
            assert both(form.title + form.title_en), form
            for field in form.fields:
                assert both(field.zh + field.en, *(words for _, words in field.choices)), field
            assert all(both(zh + en) for _, zh, en, *_ in form.measures)
        assert all(both(one.title + one.title_en, one.zh + one.en) for one in barred)


def test_a_refusal_names_stage_and_move_in_words_and_never_by_code() -> None:
    for stage, move in itertools.product(Stage, Move):
        if stage in FROM[move]:
            continue
        case = Case(against=Against.AGENCY, stage=stage)
        with pytest.raises(ActRefused) as caught:
            step(case, made(move))
        if caught.value.code == "move_illegal":
            assert not LATIN.search(caught.value.zh) and not HAN.search(caught.value.en)
            assert "_" not in caught.value.en
    for move, zh in ((Move.PROPOSE, "认定意见"), (Move.VERIFY, "方式")):
        case = after() if move is Move.VERIFY else after(*VERIFIED[:3])
        with pytest.raises(ActRefused, match=zh) as caught:
            step(case, made(move))
        assert not LATIN.search(caught.value.zh) and " " in caught.value.en


@pytest.mark.postgres
async def test_a_cases_page_has_english_beside_each_title_label_option_and_button(
    desk: Desk, bureau: Bureau, chain: Chain, house: House
) -> None:
    await intercepted(bureau, chain, house)
    reviewer, approver = await desk.seat(Office.REVIEWER), await desk.seat(Office.APPROVER)
    _, case = await reviewer.post(f"{CARD}/case", {"against": "agency"})
    pages = [(await reviewer.get(case))[1]]
    due = legal_day(desk.hands.now).isoformat()
    pages.append(
        await moved(reviewer, case, "verify", means="phone_call", person="王", text="一", due=due)
    )
    await moved(reviewer, case, "record", number=1, text="属实")
    pages.append(await moved(reviewer, case, "accept", number=1, text="采信"))
    await moved(reviewer, case, "propose", verdict="confirmed", text="属实")
    pages.append(await moved(approver, case, "decide"))
    pages.append((await reviewer.get(case))[1])
    kinds = set()
    for page in pages:
        actions = page.partition('<aside class="actions')[2].partition("</aside>")[0]
        for kind, inner in re.findall(
            r"<(summary|legend|label|option|button)\b[^>]*>(.*?)</\1>", actions, re.DOTALL
        ):
            words = re.sub(r"<[^>]+>", " ", inner).strip()
            assert not words or both(words), (kind, words)
            kinds.add(kind)
        assert all('<span class="en">' in each for each in re.findall(r"<summary>.*", actions))
    assert kinds == {"summary", "legend", "label", "option", "button"}

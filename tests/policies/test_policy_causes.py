"""Causes of one policy may ask for less than the policy itself, but never hide a severer one."""

import pytest

from gateway.domain.codes import Element, Register
from gateway.domain.decision import Action, Light
from gateway.domain.facts import Facts
from policies.book.cases import CASES
from policies.book.load import book_of, load_codes
from policies.book.read import law_digest
from policies.language.errors import PolicyRefused

CODES = load_codes()

DOCUMENT = f"""
id = "JL-901"
revision = 1
light = "red"
action = "block"
on_unavailable = "hold"
lower_levels_may = "tighten"
title = {{ zh = "试", en = "try" }}
law = {{ document = "试", article = "9", text = "不得。", digest = "{law_digest("不得。")}" }}
scope = {{ division = "22" }}
effective = {{ from = 2024-01-01 }}
reason = {{ zh = "{{causes}}", en = "{{causes}}" }}
remedy = {{ zh = "改", en = "mend" }}
[when]
always = 'true'
[[cause]]
id = "mild"
action = "warn"
when = 'missing_elements != []'
zh = "轻"
en = "mild"
[[cause]]
id = "severe"
when = 'payer.registered == false'
zh = "重"
en = "severe"
[[test]]
name = "轻"
facts = {{ missing_elements = ["purpose"] }}
outcome = "warn"
[[test]]
name = "重"
facts = {{ missing_elements = ["purpose"], "payer.registered" = false }}
outcome = "block"
[[test]]
name = "无"
outcome = "none"
"""
BOOK = book_of({"JL-901.toml": DOCUMENT}, CODES)
BLANK = frozenset({Element.PURPOSE})


def facts(**changes: object) -> Facts:
    return Facts(**(CASES["authorized_transfer"] | changes))


def test_the_most_severe_cause_that_holds_gives_action_and_light() -> None:
    (mild,) = BOOK.decide(facts(missing_elements=BLANK))
    assert (mild.action, mild.light, mild.reason_zh) == (Action.WARN, Light.YELLOW, "轻")
    (both,) = BOOK.decide(facts(missing_elements=BLANK, payer_registered=False))
    assert (both.action, both.light, both.reason_zh) == (Action.BLOCK, Light.RED, "轻；重")


def test_a_mild_cause_never_hides_that_a_severe_one_could_not_be_asked() -> None:
    lost = frozenset({Register.ACCOUNTS})
    (finding,) = BOOK.decide(facts(missing_elements=BLANK, unavailable=lost))
    assert finding.action is Action.HOLD
    assert finding.unavailable == (Register.ACCOUNTS,)


def test_a_cause_more_severe_than_its_policy_is_refused() -> None:
    wrong = DOCUMENT.replace('light = "red"', 'light = "orange"')
    wrong = wrong.replace('action = "block"', 'action = "hold"').replace('= "warn"', '= "block"')
    with pytest.raises(PolicyRefused, match=r"JL-901\.toml\.cause"):
        book_of({"JL-901.toml": wrong}, CODES)

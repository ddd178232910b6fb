# ruff: noqa: E501  the document is quoted whole
"""A policy that looks back: cash drawn in several small payments."""

from policies.book.read import law_digest

SPLIT = """
id = "JL-944"
revision = 1
light = "orange"
action = "hold"
lower_levels_may = "tighten"
title = {{ zh = "拆分提现", en = "Split cash" }}
law = {{ document = "吉财库〔2022〕1136号", article = "13(2)1", text = "不得超过。", digest = "{digest}" }}
scope = {{ division = "{division}" }}
effective = {{ from = 2024-01-01 }}
reason = {{ zh = "五日内已支付现金{{window.sum}}元，{{window.times}}笔", en = "{{window.sum}} in cash" }}
remedy = {{ zh = "说明", en = "explain" }}

[params.limit]
type = "money"
value = "3000.00"

[window.sum]
key = ["agency.code", "payee.account"]
where = 'has(settlement) && settlement == "cash"'
measure = "sum"
of = "amount"
days = 5
counts = ["passed", "held"]

[window.times]
key = ["agency.code"]
where = 'has(settlement) && settlement == "cash"'
measure = "count"
days = 5
counts = ["passed"]

[when]
cash = 'has(settlement) && settlement == "cash"'
split = '{split}'

[[unless]]
id = "own"
article = "13(3)1"
title = {{ zh = "本单位", en = "own" }}
when = 'payee.is_basic'
evidence = "contract"

[[test]]
name = "第四笔"
base = "cash_to_person"
windows = {{ sum = "2400.00", times = 3 }}
outcome = "hold"
[[test]]
name = "第一笔"
base = "cash_to_person"
outcome = "none"
[[test]]
name = "本单位"
base = "cash_to_person"
windows = {{ sum = "2400.00", times = 3 }}
facts = {{ "payee.is_basic" = true, evidence = ["contract"] }}
outcome = "none"
exception = "own"
[[test]]
name = "缺合同"
base = "cash_to_person"
windows = {{ sum = "2400.00", times = 3 }}
facts = {{ "payee.is_basic" = true }}
outcome = "hold"
exception = "own"
missing = ["contract"]
"""
BOTH = "window.times >= 3 && window.sum + amount > params.limit"


def document(split: str = BOTH, division: str = "22") -> str:
    return SPLIT.format(digest=law_digest("不得超过。"), split=split, division=division)

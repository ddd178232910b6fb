"""The neutral rules in each engine's own words: our documents, ZEN's JDM, Cedar's policies."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from bench.neutral import Ask, Rule
from gateway.domain.money import Fen, yuan
from policies.book.read import law_digest
from policies.language.types import Fact, Kind

LAW = "基准测试"


def documents(rules: Sequence[Rule]) -> dict[str, str]:
    """Our policy documents by file name, each with a test that fires and one that does not."""
    return {f"{rule.id}.toml": _document(rule) for rule in rules}


def _document(rule: Rule) -> str:
    clauses = "\n".join(f"clause_{n} = '{_clause(ask)}'" for n, ask in enumerate(rule.asks))
    facts = ", ".join(f'"{a.fact.name}" = {_toml(a.fact, a.example)}' for a in rule.asks)
    return f"""\
id = "{rule.id}"
revision = 1
light = "red"
action = "block"
on_unavailable = "hold"
lower_levels_may = "tighten"
title = {{ zh = "{LAW}", en = "Bench" }}
law = {{ document = "{LAW}", article = "1", text = "{LAW}", digest = "{law_digest(LAW)}" }}
scope = {{ division = "22" }}
effective = {{ from = 2022-11-28 }}
reason = {{ zh = "支付{{amount}}元。", en = "Payment of {{amount}} yuan." }}
remedy = {{ zh = "请更正。", en = "Correct it." }}
[when]
{clauses}
[[test]]
name = "放行"
outcome = "none"
[[test]]
name = "拦截"
facts = {{ {facts} }}
outcome = "block"
"""


def _clause(ask: Ask) -> str:
    name = ask.fact.name
    present = f"has({name}) && " if ask.fact.optional else ""
    match ask.sign:
        case "is":
            return f"{present}{name} == {_quoted(ask.value)}"
        case "in":
            return f"{present}{name} in [{_quoted(*ask.value)}]"
        case "under":
            return f"{present}under({name}, {_quoted(ask.value)})"
        case "over":
            return f"{present}{name} > {_ours(ask.fact, ask.value)}"


def _quoted(*values: str) -> str:
    return ", ".join(f'"{value}"' for value in values)


def _ours(fact: Fact, value: int) -> str:
    return f'yuan("{yuan(Fen(value))}")' if fact.type.kind is Kind.MONEY else str(value)


def _toml(fact: Fact, value: Any) -> str:
    return json.dumps(yuan(Fen(value)) if fact.type.kind is Kind.MONEY else value)


def zen_table(rules: Sequence[Rule]) -> dict[str, Any]:
    """JDM with one decision table: a row a rule, a column a fact, all hits collected."""
    columns = sorted({ask.fact.attribute for rule in rules for ask in rule.asks})
    table = {
        "hitPolicy": "collect",
        "inputs": [{"id": name, "name": name, "field": name} for name in columns],
        "outputs": [{"id": "id", "name": "id", "field": "id"}],
        "rules": [
            {"_id": rule.id, **_cells(rule), "id": f"'{rule.id}'"} for rule in rules
        ],
    }  # fmt: skip
    kinds: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("in", "inputNode", {}),
        ("table", "decisionTableNode", table),
        ("out", "outputNode", {}),
    )
    return {
        "nodes": [
            {"id": id, "type": type, "name": id, "position": {"x": n, "y": 0}, "content": content}
            for n, (id, type, content) in enumerate(kinds)
        ],
        "edges": [
            {"id": f"{one}-{other}", "sourceId": one, "targetId": other, "type": "edge"}
            for one, other in (("in", "table"), ("table", "out"))
        ],
    }


def _cells(rule: Rule) -> Mapping[str, str]:
    return {ask.fact.attribute: _cell(ask) for ask in rule.asks}


def _cell(ask: Ask) -> str:
    match ask.sign:
        case "is":
            return f"'{ask.value}'"
        case "in":
            return ", ".join(f"'{value}'" for value in ask.value)
        case "under":
            return f"startsWith($, '{ask.value}')"
        case "over":
            return f"> {ask.value}"


def zen_list(rules: Sequence[Rule]) -> str:
    """One expression: the list of what fires, with empty text for what does not."""
    each = (f"{' and '.join(map(_zen, rule.asks))} ? '{rule.id}' : ''" for rule in rules)
    return f"[{', '.join(each)}]"


def _zen(ask: Ask) -> str:
    name = ask.fact.attribute
    match ask.sign:
        case "is":
            return f"{name} == '{ask.value}'"
        case "in":
            return f"{name} in [{', '.join(repr(value) for value in ask.value)}]"
        case "under":
            return f"startsWith({name}, '{ask.value}')"
        case "over":
            return f"{name} > {ask.value}"


def cedar_policies(rules: Sequence[Rule]) -> str:
    """All is permitted but what a `forbid` forbids; the facts are the request's context."""
    forbids = (
        f'@id("{rule.id}") forbid (principal, action, resource)'
        f" when {{ {' && '.join(map(_cedar, rule.asks))} }};"
        for rule in rules
    )
    return "\n".join(["permit (principal, action, resource);", *forbids])


def _cedar(ask: Ask) -> str:
    name = f"context.{ask.fact.attribute}"
    match ask.sign:
        case "is":
            return f'{name} == "{ask.value}"'
        case "in":
            return f"[{_quoted(*ask.value)}].contains({name})"
        case "under":
            return f'{name} like "{ask.value}*"'
        case "over":
            return f"{name} > {ask.value}"

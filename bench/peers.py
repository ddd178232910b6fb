"""The engines that are measured side by side: each decides rows with the same rules.

`zen-engine` and `cedarpy` are installed for development only; without one its figures are left out.
"""

from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any, TypeAlias

import attrs

from bench.emitted import cedar_policies, documents, zen_list, zen_table
from bench.neutral import Rule, row, row_facts
from gateway.domain.facts import Facts
from policies.book.book import Book
from policies.book.load import book_of, load_codes

Row: TypeAlias = Mapping[str, str | int | bool]

PEERS = ("zen-engine", "cedarpy")
PRINCIPAL, ACTION, RESOURCE = 'Agency::"a"', 'Action::"pay"', 'Account::"p"'


@attrs.frozen
class Peer:
    """`decide` takes one prepared input and gives the engine's own answer; `fired` reads it."""

    name: str
    decide: Callable[[Any], Any]
    fired: Callable[[Any], frozenset[str]]
    takes: Callable[[Facts, Row], Any]
    """What it is handed, made before the clock runs."""


def ours(rules: Sequence[Rule]) -> tuple[Book, Peer]:
    """The book of these rules, and its decisions whole: levels, reasons, remedies."""
    book = book_of(documents(rules), load_codes())
    peer = Peer("ours", book.decide, lambda a: frozenset(f.policy for f in a), lambda f, _: f)
    return book, peer


def missing() -> tuple[str, ...]:
    """The peers that are not installed."""
    return tuple(name for name in PEERS if not installed(name))


def installed(name: str) -> str:
    """The version; empty if it is not there."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def peers_of(rules: Sequence[Rule], *, cedar: bool, table_only: bool = False) -> list[Peer]:
    """Those of them that are installed."""
    found = []
    if installed("zen-engine"):
        found.append(_zen_table(rules))
        if not table_only:
            found.append(_zen_list(rules))
    if cedar and installed("cedarpy"):
        found.append(_cedar(rules))
    return found


def _zen_table(rules: Sequence[Rule]) -> Peer:
    """Through a static loader: a decision from `create_decision` is compiled at every call, which
    takes ten times as long."""
    import zen

    loader: Any = {"type": "static", "content": {"rules": zen_table(rules)}}
    engine = zen.ZenEngine({"loader": loader})
    return Peer("zen_table", lambda row: engine.evaluate("rules", row), _zen_rows, _row)


def _zen_rows(answer: Any) -> frozenset[str]:
    found = answer["result"]
    return frozenset(one["id"] for one in found) if isinstance(found, list) else frozenset()


def _zen_list(rules: Sequence[Rule]) -> Peer:
    import zen

    expression = zen.compile_expression(zen_list(rules))
    return Peer("zen_list", expression.evaluate, lambda a: frozenset(filter(None, a)), _row)


def _cedar(rules: Sequence[Rule]) -> Peer:
    """Policies and entities parsed once, as its manual advises."""
    import cedarpy

    policies = cedarpy.PolicySet.from_str(cedar_policies(rules))
    entities = cedarpy.Entities.from_json_str("[]")
    return Peer(
        "cedarpy",
        lambda request: cedarpy.is_authorized(request, policies, entities),
        _cedar_reasons,
        lambda _, row: {
            "principal": PRINCIPAL, "action": ACTION, "resource": RESOURCE, "context": dict(row)
        },
    )  # fmt: skip


def _cedar_reasons(answer: Any) -> frozenset[str]:
    """A policy that errors is skipped by Cedar; here that would be a disagreement, so it raises."""
    if answer.diagnostics.errors:
        raise ValueError(f"Cedar: {answer.diagnostics.errors[0]}")
    return frozenset(answer.diagnostics.id_annotations_by_reason.values())


def _row(_: Facts, row: Row) -> Row:
    return row


class Disagreement(Exception):
    """Two engines say different things of one instruction: no figure would mean anything."""


def agree(rules: Sequence[Rule], peers: Sequence[Peer], facts: Sequence[Facts]) -> int:
    """Compares every engine with what the rules mean on each instruction; how many are refused.

    Raises Disagreement.
    """
    of = row_facts(rules)
    refused = 0
    for number, one in enumerate(facts):
        meant = frozenset(rule.id for rule in rules if rule.fires(one))
        refused += bool(meant)
        plain = row(one, of)
        for peer in peers:
            found = peer.fired(peer.decide(peer.takes(one, plain)))
            if found != meant:
                raise Disagreement(
                    f"instruction {number}: {peer.name} says {sorted(found)},"
                    f" the rules mean {sorted(meant)}: {plain}"
                )
    return refused

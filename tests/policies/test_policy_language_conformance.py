"""cel-spec's own conformance cases, as far as they lie in the subset that policies keep."""

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.domain.facts import Facts
from policies.book.cases import CASES
from policies.book.load import load_codes
from policies.language.checker import check
from policies.language.errors import ClauseError
from policies.language.generate import predicate
from policies.language.interpret import truth
from policies.language.literals import Terms
from policies.language.parser import parse
from policies.language.types import SCHEMA

_DEFAULT = Path(__file__).parents[2].parent / "shared" / "vectors"
VECTORS = Path(os.environ.get("GATEWAY_VECTORS", _DEFAULT)) / "cel"
FILES = ("basic", "comparisons", "integer_math", "lists", "logic", "parse", "string")
TERMS = Terms(
    facts=SCHEMA, params={}, lists={}, codes=load_codes(), first_year=2022, last_year=9999
)
ROW = Facts(**CASES["authorized_transfer"])
_CASE = re.compile(r"^  test \{(.*?)^  \}", re.MULTILINE | re.DOTALL)
_EXPR = re.compile(r"""^    expr: ("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')$""", re.MULTILINE)
_BOOL = re.compile(r"value:? \{ ?bool_value: (true|false) ?\}")


def _cases(file: str) -> Iterator[tuple[str, bool]]:
    for block in _CASE.findall((VECTORS / f"{file}.textproto").read_text("utf-8")):
        expr, value = _EXPR.search(block), _BOOL.search(block)
        if expr and value and "bindings" not in block:
            yield ast.literal_eval(expr[1]), value[1] == "true"


@pytest.mark.skipif(not VECTORS.is_dir(), reason="cel-spec conformance files are not here")
def test_what_the_subset_accepts_means_what_cel_spec_says() -> None:
    agreed = []
    for file in FILES:
        for expr, expected in _cases(file):
            try:
                checked = check(parse(expr)[0], TERMS).expr
            except ClauseError:
                continue  # outside the subset: refused, never read in another way
            assert truth(checked, ROW) is expected, expr
            assert predicate(checked)(ROW) is expected, expr
            agreed.append(expr)
    assert len(agreed) >= 50, agreed

"""cel-spec's own conformance cases, as far as they lie in the subset that policies keep."""

import ast
import os
import re
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import attrs
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
TERMS = Terms(
    facts=SCHEMA, params={}, lists={}, codes=load_codes(), first_year=2022, last_year=9999
)
ROW = Facts(**CASES["authorized_transfer"])
_CASE = re.compile(r"^  test \{(.*?)^  \}", re.MULTILINE | re.DOTALL)
_EXPR = re.compile(r"""^    expr: ("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')$""", re.MULTILINE)
_OTHER = re.compile(r'value:? \{ ?(?:int64_value: (-?[0-9]+)|string_value: ("[^"\\]*")) ?\}')
_BOOL = re.compile(r"value:? \{ ?bool_value: (true|false) ?\}")


def _cases(file: str) -> Iterator[tuple[str, bool | None]]:
    """Expressions without variables whose answer is a Boolean or an error."""
    for block in _CASE.findall((VECTORS / f"{file}.textproto").read_text("utf-8")):
        expr, value = _EXPR.search(block), _BOOL.search(block)
        if not expr or "bindings" in block:
            continue
        text, other = _unquoted(expr[1]), _OTHER.search(block)
        if value or "eval_error" in block:
            yield text, value[1] == "true" if value else None
        elif other:  # asked as an equality, as a clause is always yes or no
            yield f"({text}) == {other[1] or other[2]}", True


def _unquoted(text: str) -> str:
    """A textproto string; it also escapes what Python does not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return str(ast.literal_eval(text))


@attrs.define
class _Count:
    agreed: int = 0
    outside: int = 0
    """Refused by the subset: never read in another way."""


def _run(expr: str, expected: bool | None, count: _Count) -> None:
    """`expected` is None where cel-spec wants an error: the subset must refuse it, at the latest
    when it is typed."""
    try:
        checked = check(parse(expr)[0], TERMS).expr
    except ClauseError:
        count.outside += 1
        return
    assert expected is not None, f"accepted, though cel-spec wants an error: {expr}"
    assert truth(checked, ROW) is expected, expr
    assert predicate(checked)(ROW) is expected, expr
    count.agreed += 1


@pytest.mark.skipif(not VECTORS.is_dir(), reason="cel-spec conformance files are not here")
def test_what_the_subset_accepts_means_what_cel_spec_says(
    capsys: pytest.CaptureFixture[str],
) -> None:
    counts: dict[str, _Count] = {}
    for path in sorted(VECTORS.glob("*.textproto")):
        count = counts[path.stem] = _Count()
        for expr, expected in _cases(path.stem):
            _run(expr, expected, count)
    total = sum(c.agreed for c in counts.values())
    with capsys.disabled():
        for name, count in counts.items():
            sys.stdout.write(f"\ncel {name}: {count.agreed} agreed, {count.outside} outside")
        sys.stdout.write(f"\ncel-spec cases in the subset: {total} agreed, 0 differ\n")
    assert total >= 75, counts

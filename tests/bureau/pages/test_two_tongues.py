"""What the desk refuses is said in Chinese first and in English beside it, wherever it is said."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import bureau
from bureau.desk.casework.english import LABELS_EN
from bureau.web.pages import LABELS
from bureau.web.pages import said as said_by

HAN = re.compile(r"[\u4e00-\u9fff]")
REFUSALS = {"ActRefused": 1, "WorkbookRefused": 0, "Problem": 0}
"""By which a form is refused, and where the Chinese words stand among what they are given."""


def refusals() -> Iterator[tuple[str, str, ast.Call]]:
    for file in sorted(Path(bureau.__file__).parent.rglob("*.py")):
        text = file.read_text()
        if not any(f"{name}(" in text for name in REFUSALS):
            continue
        for node in ast.walk(ast.parse(text)):
            name = getattr(node.func, "id", "") if isinstance(node, ast.Call) else ""
            if isinstance(node, ast.Call) and name in REFUSALS:
                yield f"{file.name}:{node.lineno}", name, node


def said(node: ast.expr) -> str:
    each = (one.value for one in ast.walk(node) if isinstance(one, ast.Constant))
    return "".join(one for one in each if isinstance(one, str))


def words(name: str, call: ast.Call) -> list[ast.expr]:
    named = {each.arg: each.value for each in call.keywords}
    return [named["zh"], named["en"]] if "zh" in named else call.args[REFUSALS[name] :]


def test_every_refusal_of_the_desk_has_its_words_in_both_tongues() -> None:
    found = list(refusals())
    assert len(found) > 80
    for where, name, call in found:
        told = words(name, call)
        if isinstance(told[0], ast.Starred):  # a pair of words, made elsewhere
            continue
        assert len(told) == 2, where
        assert not HAN.search(said(told[1])), (where, "Chinese where English stands")
        assert not said(told[0]) or HAN.search(said(told[0])), where


def test_what_signing_in_refuses_has_both_tongues_in_one_line() -> None:
    folder = Path(bureau.__file__).parent
    for file in (folder / "desk/entry.py", folder / "web/sections/entry.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "EntryRefused":
                text = said(node.args[0])
                assert not HAN.search(text) or " / " in text, (file.name, node.lineno)


def test_what_a_case_s_timeline_names_is_named_in_both_tongues() -> None:
    assert LABELS.keys() == LABELS_EN.keys()
    body = {"text": "属实", "number": 1, "returned": 100, "orders": [{"measure": "21(2)"}]}
    told = said_by(body)
    assert ("说明", "Explanation", "属实") in told and len(told) == 4
    for zh, en, _ in told:
        assert HAN.search(zh) and en and not HAN.search(en), (zh, en)

"""The house tidies itself: names, docstrings, sizes, broad catches, unfinished words, places.

Each list of exceptions is short and gives its reasons; an entry that is no longer needed fails too.
"""

import ast
import re
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple, TypeGuard

import pytest

HOUSE = Path(__file__).parents[2]
VAGUE = {"utils", "util", "helpers", "helper", "common", "manager", "base", "core", "misc"}
LINES_MAX = 400

LONG: dict[str, str] = {}
"""Files that may be longer, with the reason."""

BROAD = {
    "adapters/postgres/registers/shelf.py": "a register that cannot be read is unavailable",
    "bureau/desk/docket/chase.py": "one division is told in the log; the others are reminded",
    "bureau/desk/docket/office.py": "one case is told in the log; the others are reminded",
    "bureau/web/door.py": "the inbox acknowledges nothing it could not keep",
    "bureau/web/guard.py": "the desk tells the fault and stays up",
    "certs/token.py": "whoever asked for a signature is told, in its own thread",
    "gateway/policy_books/answering.py": "one question must not stop others; told in its answer",
    "gateway/policy_books/shadowing.py": "one candidate on trial is told as failed; others go on",
    "gateway/web/door.py": "the door answers and logs; it never drops a payment silently",
    "gateway/web/intake.py": "as the door: the answer says that nothing is known to have passed",
    "gateway/web/listen.py": "an instruction without an answer ends its connection, which says so",
    "gateway/workers/expire.py": "one hold that cannot be read keeps no other from its end",
    "gateway/workers/files.py": "as the door: the problem beside the document says so",
    "policies/book/book.py": "a policy that cannot be evaluated holds, it never passes",
    "tests/simulation/database.py": "what a transaction raises is told to whoever called it",
    "tests/simulation/process.py": "whatever breaks the line or a worker is accused by name",
}
"""Where `except Exception` decides to fail closed."""

READS_JSON = re.compile(r"^(msgspec\.json\.decode|json\.loads|read_once)$|(?i:decoder\.decode)$")
"""Of orjson too much nesting is a ValueError."""

DOCSTRING = re.compile(r'(?:#[^\n]*\n)*"""(.*?)"""(?!")', re.DOTALL)
WORTH_PARSING = (
    "except Exception", "(Exception", ", Exception", "BaseException", "except:", "TYPE_CHECKING",
    "from .",
)  # fmt: skip
READERS = ("json.decode", "json.loads", "read_once", "ecoder.decode", "ECODER.decode")
"""Without one of these words, as the formatter writes them, a module breaks no rule about its tree;
with one of the latter none either unless it catches something."""

# Written so that they do not find themselves.
UNFINISHED = ("TO" "DO", "FIX" "ME")  # fmt: skip
FOLDERS = ("work", "root", "home", "Users", "mnt", "tmp", "usr/lib/postgresql")
REGISTRIES = (
    "pypi.o" "rg", "pythonhost" "ed", "--index-u" "rl", "--extra-index-u" "rl", "--find-l" "inks",
)  # fmt: skip
PLACES = rf"(?<![\w.])/({'|'.join(FOLDERS)})/|({'|'.join(map(re.escape, REGISTRIES))})\b"
SKIPPED_FOLDERS = {".git", ".venv", "__pycache__", "build", "dist", "var", "node_modules"}
TEXT = {".py", ".sql", ".toml", ".md", ".html", ".css", ".js", ".csv", ".lock", ".txt", ".yml", ""}


@cache
def tracked() -> tuple[str, ...]:
    """The project's files: git's when there is git, otherwise all but what is generated."""
    ran = subprocess.run(
        ["git", "-c", f"safe.directory={HOUSE}", "ls-files", "-z"],
        cwd=HOUSE,
        capture_output=True,
        check=False,
    )
    if ran.returncode == 0:
        names = ran.stdout.decode().split("\0")
        return tuple(name for name in names if name and (HOUSE / name).is_file())
    return tuple(
        str(path.relative_to(HOUSE))
        for path in sorted(HOUSE.rglob("*"))
        if path.is_file() and not SKIPPED_FOLDERS & set(path.relative_to(HOUSE).parts)
    )


def modules() -> list[str]:
    return [name for name in tracked() if name.endswith(".py")]


@cache
def text(name: str) -> str:
    return (HOUSE / name).read_text("utf-8")


class Read(NamedTuple):
    """What is looked for in a module's tree. The tree is let go: a million of its nodes kept would
    be gone through at every collection of garbage by each test that comes after."""

    swallows: bool
    trusts_depth: bool
    hides_an_import: bool


@cache
def read(name: str) -> Read:
    words = (*WORTH_PARSING, *(READERS if "except" in text(name) else ()))
    if not any(word in text(name) for word in words):
        return Read(swallows=False, trusts_depth=False, hides_an_import=False)
    nodes = list(ast.walk(ast.parse(text(name))))
    return Read(
        any(map(_swallows, nodes)),
        any(map(_trusts_depth, nodes)),
        any(map(_hides_an_import, nodes)),
    )


def docstring(name: str) -> str:
    found = DOCSTRING.match(text(name))
    return found[1].strip() if found else ""


def test_the_house_is_looked_at_at_all() -> None:
    assert {"gateway/ports.py", "run.py", "tests/house/test_words.py"} <= set(modules())


def test_no_module_has_a_name_that_says_nothing() -> None:
    vague = [name for name in modules() if VAGUE & set(Path(name).with_suffix("").parts)]
    assert vague == []


def test_every_module_says_what_it_is_for() -> None:
    assert [name for name in modules() if not docstring(name)] == []


def test_every_first_sentence_ends() -> None:
    """The first paragraph of a module's docstring, so that it can be read in a list."""
    endless = [
        name
        for name in modules()
        if not (docstring(name) or ".").split("\n\n")[0].endswith((".", "。", ":"))
    ]
    assert endless == []


def test_no_file_grows_past_reading() -> None:
    long = {name for name in modules() if text(name).count("\n") > LINES_MAX}
    assert long == set(LONG)


def test_a_broad_catch_re_raises_or_has_its_reason_here() -> None:
    broad = {name for name in modules() if read(name).swallows}
    assert broad == set(BROAD)


def test_no_import_hides_from_the_layers() -> None:
    hidden = [name for name in modules() if read(name).hides_an_import]
    assert hidden == []


def test_nothing_is_left_unfinished() -> None:
    assert _lines_with(rf"\b({'|'.join(UNFINISHED)})\b", UNFINISHED) == []


def test_no_place_of_one_machine_and_no_registry_is_named() -> None:
    # The recipe that keeps index names *out* of the lock names the options that do it.
    allowed = re.compile(r"--no-emit-")
    words = (*(f"/{folder}/" for folder in FOLDERS), *REGISTRIES)
    assert [line for line in _lines_with(PLACES, words) if not allowed.search(line)] == []


def test_whoever_catches_a_reader_of_json_catches_what_it_raises_of_endless_nesting() -> None:
    """msgspec gives up such a text by RecursionError, which is no ValueError."""
    trusting = [name for name in modules() if read(name).trusts_depth]
    assert trusting == []


@pytest.mark.parametrize(
    ("code", "seen"),
    [
        ("try: x()\nexcept Exception: pass", True),
        ("try: x()\nexcept: pass", True),
        ("try: x()\nexcept (ValueError, BaseException) as e: log(e)", True),
        ("try: x()\nexcept BaseException:\n  y()\n  raise", False),
        ("try: x()\nexcept ValueError: pass", False),
    ],
)
def test_a_swallowing_catch_is_told_from_a_re_raising_one(code: str, seen: bool) -> None:
    assert any(map(_swallows, ast.walk(ast.parse(code)))) is seen


def _swallows(node: ast.AST) -> bool:
    if not isinstance(node, ast.ExceptHandler):
        return False
    kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
    broad = any(
        kind is None or (isinstance(kind, ast.Name) and kind.id in ("Exception", "BaseException"))
        for kind in kinds
    )
    last = node.body[-1]
    return broad and not (isinstance(last, ast.Raise) and last.exc is None)


def _trusts_depth(node: ast.AST) -> bool:
    if not (isinstance(node, ast.Try) and node.handlers):
        return False
    calls = [ast.unparse(c.func) for each in node.body for c in ast.walk(each) if _is_call(c)]
    caught = " ".join(ast.unparse(each.type) for each in node.handlers if each.type)
    return any(map(READS_JSON.search, calls)) and "RecursionError" not in caught


def _is_call(node: ast.AST) -> TypeGuard[ast.Call]:
    return isinstance(node, ast.Call)


def _hides_an_import(node: ast.AST) -> bool:
    relative = isinstance(node, ast.ImportFrom) and node.level > 0
    return relative or (isinstance(node, ast.Name) and node.id == "TYPE_CHECKING")


def _lines_with(pattern: str, words: Sequence[str]) -> list[str]:
    """Of texts that have one of the words, without which the pattern finds nothing."""
    worth = [
        name
        for name in tracked()
        if Path(name).suffix in TEXT and not name.endswith(".lock")
        if any(word in text(name) for word in words)
    ]
    return [
        f"{name}:{number}: {line.strip()[:80]}"
        for name in worth
        for number, line in enumerate(text(name).splitlines(), 1)
        if re.search(pattern, line)
    ]

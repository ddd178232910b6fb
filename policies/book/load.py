"""Loads a book from files: reads, checks, compiles, runs every embedded test; all or nothing.

The only file of this room that touches the disk.
"""

import csv
import datetime as dt
import hashlib
import json
import tomllib
from collections.abc import Generator, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from gateway.domain.decision import Action
from policies.book.book import Book
from policies.book.cases import case
from policies.book.compile import compiling
from policies.book.document import Expected, Policy, Test
from policies.book.prove import prove
from policies.book.read import BASE_CASE, read_policy
from policies.book.reader import Table
from policies.book.steps import finished
from policies.book.succession import Golden
from policies.book.unit import Unit
from policies.language.codelist import YEAR_MAX, Code, CodeList, codes_digest
from policies.language.errors import PolicyRefused, Problem
from policies.language.types import schema_digest

LIBRARY = Path(__file__).parent.parent / "library"
DEFAULT = LIBRARY / "jilin"
CODES = Path(__file__).parent.parent / "codes"
GOLDEN = Path(__file__).parent.parent / "golden" / "jilin.toml"


def load(directory: Path = DEFAULT) -> Book:
    """The book of all `*.toml` below the directory. Raises PolicyRefused, OSError."""
    return book_of(load_texts(directory), load_codes())


def load_texts(directory: Path) -> dict[str, str]:
    """The documents below the directory by file name. Raises OSError, and PolicyRefused where there
    is no such directory or no document in it: a mistyped one differs from nothing."""
    texts = {
        path.relative_to(directory).as_posix(): path.read_text("utf-8")
        for path in sorted(directory.rglob("*.toml"))
    }
    if not directory.is_dir():
        zh, en = "没有这个规则文件夹", "there is no such folder of policies"
        raise PolicyRefused([Problem(place=str(directory), column=0, zh=zh, en=en)])
    if not texts:
        zh, en = "其中没有规则（*.toml）", "it holds no policy (*.toml)"
        raise PolicyRefused([Problem(place=str(directory), column=0, zh=zh, en=en)])
    return texts


def book_of(texts: Mapping[str, str], codes: Mapping[str, CodeList]) -> Book:
    """The book of documents by file name. Raises PolicyRefused with the problems of all files."""
    return finished(building(texts, codes))


def building(
    texts: Mapping[str, str], codes: Mapping[str, CodeList]
) -> Generator[None, None, Book]:
    """`book_of` in steps of a few milliseconds, pausing between them."""
    problems: list[Problem] = []
    digests: list[str] = []
    units: list[Unit] = []
    for place, text in texts.items():
        try:
            yield
            policy = read_policy(text, place)
            yield
            compiled = yield from compiling(policy, codes)
        except PolicyRefused as refused:
            problems += refused.problems
            continue
        problems += yield from prove(policy, compiled, codes)
        digests.append(policy_digest(policy))
        units += compiled
    if not texts:
        problems.append(Problem(place="book", column=0, zh="没有任何规则", en="holds no policy"))
    if problems:
        raise PolicyRefused(problems)
    yield
    revision = revision_of(digests, codes)
    yield
    return (yield from Book.building(units, codes, revision))


def revision_of(digests: Iterable[str], codes: Mapping[str, CodeList]) -> str:
    """SHA-256 over facts, code lists and the documents' digests; not over comments or order.

    It names everything a decision depended on, so that it can be replayed.
    """
    content = {
        "schema": schema_digest(),
        "codes": codes_digest(codes),
        "policies": sorted(digests),
    }
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def policy_digest(policy: Policy) -> str:
    """SHA-256 over one document's canonical content."""
    content = json.dumps(
        policy.content, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=_day
    )
    return hashlib.sha256(content.encode()).hexdigest()


def load_golden() -> tuple[Golden, ...]:
    """`[[golden]]` {name, base, facts, absent, least}. Raises PolicyRefused, OSError."""
    problems: list[Problem] = []
    top = Table(tomllib.loads(GOLDEN.read_text("utf-8")), GOLDEN.name, problems)
    found = []
    for table in top.tables("golden"):
        test = Test(
            name=table.text("name"),
            base=table.text("base", optional=True) or BASE_CASE,
            facts=dict(table.table("facts", optional=True).entries()),
            absent=table.texts("absent"),
            unavailable=(),
            windows={},
            on=None,
            outcome=Expected.NONE,
            exception="",
            missing=(),
            place=table.place,
        )
        least = table.option("least", Action)
        table.done()
        facts = case(test, "", problems)
        if facts is not None:
            found.append(Golden(name=test.name, facts=facts, least=least))
    top.done()
    if problems:
        raise PolicyRefused(problems)
    return tuple(found)


@cache
def load_codes() -> Mapping[str, CodeList]:
    """Every list that `lists.toml` names, from its CSV: part of the program, so read once.
    Raises PolicyRefused, OSError."""
    problems: list[Problem] = []
    lists = {}
    for name, about in tomllib.loads((CODES / "lists.toml").read_text("utf-8")).items():
        table = Table(about, f"lists.toml.{name}", problems)
        with (CODES / f"{name}.csv").open(encoding="utf-8", newline="") as rows:
            codes = _codes(csv.DictReader(rows), f"{name}.csv", problems)
        lists[name] = CodeList(
            name=name,
            title_zh=table.text("title"),
            segments=tuple(table.raw("segments")),
            open=bool(table.raw("open")),
            leaf_min=table.whole("leaf_min", least=1),
            codes=codes,
        )
        table.done()
    if problems:
        raise PolicyRefused(problems)
    return lists


def _codes(
    rows: "csv.DictReader[str]", place: str, problems: list[Problem]
) -> dict[str, tuple[Code, ...]]:
    found: dict[str, tuple[Code, ...]] = {}
    for number, row in enumerate(rows, 2):
        try:
            code = Code(
                code=row["code"],
                name=row["name"],
                year_from=int(row["year_from"]),
                year_to=int(row["year_to"] or YEAR_MAX),
            )
        except (KeyError, ValueError) as error:
            at = f"{place}:{number}"
            problems.append(Problem(place=at, column=0, zh=f"行有误：{error}", en=str(error)))
            continue
        found[code.code] = (*found.get(code.code, ()), code)
    return found


def _day(value: Any) -> str:
    """Dates as ISO text; TOML has no other value that JSON lacks here."""
    assert isinstance(value, dt.date)
    return value.isoformat()

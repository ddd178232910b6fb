"""What the papers tell an operator to type exists: commands and their options.

Read from the parser itself, so that a paper cannot promise what the program does not know, and
no command hides from the papers.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import typer

from gateway.commands.command_line import app
from tests.house.test_words import text, tracked

PAPERS = [
    name
    for name in tracked()
    if name.endswith(".md")
    and name.startswith(("README", "CONTRIBUTING", "docs/"))
    and not name.startswith("docs/decisions/")
]
FENCE = re.compile(r"```\w*\n(.*?)```", re.S)
SPAN = re.compile(r"`([^`]+)`")
BEFORE = re.compile(r"[A-Z_]+=\S*")
OPTION = re.compile(r"\[?(--[a-z0-9-]+)")
PLACES = re.compile(r"\.\.\.|…|\||^[A-Z]")
"""What stands for a command or for several: `certs ...`, `a|b`, `NAME`."""


@cache
def line() -> Any:
    return typer.main.get_command(app)


def typed(name: str) -> Iterator[list[str]]:
    """Each command line of a paper, as words."""
    paper = text(name)
    spans = SPAN.findall(FENCE.sub("", paper))
    rows = [row for fence in FENCE.findall(paper) for row in fence.replace("\\\n", " ").split("\n")]
    for found in (*spans, *rows):
        for part in re.split(r"; |&& | \| ", " ".join(found.split())):
            yield part.split()


def asked(words: list[str]) -> list[str] | None:
    """What follows the program's name; None if these words are no command of ours."""
    while words and BEFORE.fullmatch(words[0]):
        words = words[1:]
    if words[:1] == ["treasury-gateway"]:
        return words[1:]
    if len(words) > 2 and words[0].endswith("python") and words[1:3] == ["-m", "gateway"]:
        return words[3:]
    return words if len(words) > 1 and words[0] in line().commands else None


def taken(words: list[str]) -> tuple[Any, list[str], list[str]]:
    """The command that these words name, its path, and what follows."""
    command, path = line(), []
    while words and words[0] in getattr(command, "commands", {}):
        command, path, words = command.commands[words[0]], [*path, words[0]], words[1:]
    return command, path, words


def told(name: str) -> Iterator[tuple[Any, list[str], list[str]]]:
    for words in typed(name):
        if after := asked(words):
            yield taken(after)


def wrong(name: str) -> Iterator[str]:
    for command, path, rest in told(name):
        known = {o for each in command.params for o in (*each.opts, *each.secondary_opts)}
        if hasattr(command, "commands") and rest and not PLACES.search(rest[0]):
            if rest[0] != "--help":
                yield f"{' '.join([*path, *rest])}: no such command"
            continue
        if not hasattr(command, "commands"):
            found = {match[1] for word in rest if (match := OPTION.match(word))}
            for option in sorted(found - known - {"--help"}):
                yield f"{' '.join(path)}: no option {option}"


def leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    for name, each in command.commands.items():
        if hasattr(each, "commands"):
            yield from leaves(each, (*path, name))
        else:
            yield " ".join((*path, name)), each


def test_the_papers_are_read_at_all() -> None:
    assert sum(1 for name in PAPERS for _ in told(name)) > 150


@pytest.mark.parametrize("name", PAPERS)
def test_what_a_paper_has_an_operator_type_exists(name: str) -> None:
    assert not list(wrong(name))


def test_no_command_is_unknown_to_the_papers() -> None:
    named = {" ".join(path) for name in PAPERS for _, path, _ in told(name)}
    alone = {word for name in PAPERS for word in SPAN.findall(text(name))}
    assert not [leaf for leaf, _ in leaves(line()) if leaf not in named | alone]


WITHOUT_JSON = {
    "openapi": "it prints a JSON document and nothing else",
    "bureau": "it serves, and says so in one line of JSON",
    "certs ocsp": "it serves",
    "policy shadow follow": "it prints nothing",
}
"""contract/README.md: all that print take `--json`."""


def test_every_command_that_prints_takes_json() -> None:
    without = {
        name
        for name, command in leaves(line())
        if not any("--json" in each.opts for each in command.params)
    }
    assert without == set(WITHOUT_JSON)

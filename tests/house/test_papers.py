"""What the papers name is there: files, folders and tests by their path, and where a link leads."""

import re
from pathlib import PurePosixPath

import pytest

from tests.house.test_commands import PAPERS
from tests.house.test_words import text, tracked

FILES = frozenset(tracked())
THERE = FILES | {str(folder) for name in FILES for folder in PurePosixPath(name).parents}
NAMES = {PurePosixPath(name).name for name in FILES}
SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")
ROOMS = r"(?:gateway|bureau|adapters|policies|certs|doors|deploy|bench|tests|docs)"
PATH = re.compile(rf"(?<![\w./-]){ROOMS}/[\w./@-]*\w(?![\w*])")
FILE = re.compile(r"(?<![\w./*-])test_\w+\.py")
AT_A_BANK = {"policies/books"}
"""Folders that an operator makes beside the settings."""
DECISIONS = tuple(name for name in sorted(FILES) if name.startswith("docs/decisions/"))


@pytest.mark.parametrize("name", PAPERS)
def test_every_path_that_a_paper_names_exists(name: str) -> None:
    spans = SPAN.findall(text(name))
    paths = {path for span in spans for path in PATH.findall(span)} - AT_A_BANK
    missing = {path for path in paths if path not in THERE and f"{path}.py" not in THERE}
    missing |= {file for span in spans for file in FILE.findall(span) if file not in NAMES}
    assert missing == set()


def test_every_link_of_a_paper_leads_somewhere() -> None:
    missing = {
        (name, link)
        for name in (*PAPERS, *DECISIONS)
        for link in LINK.findall(text(name))
        if _from(PurePosixPath(name).parent, link) not in THERE
    }
    assert missing == set()


def test_no_threat_and_no_decision_has_the_number_of_another() -> None:
    threats = re.findall(r"^\| ([A-Z]+[0-9]+[a-z]?) \|", text("docs/threat-model.md"), re.MULTILINE)
    decisions = [PurePosixPath(name).name[:4] for name in DECISIONS]
    for numbers in (threats, decisions):
        assert len(numbers) > 50 and len(numbers) == len(set(numbers))


def _from(folder: PurePosixPath, link: str) -> str:
    parts: list[str] = []
    for part in (folder / link).parts:
        if part == "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts) or "."

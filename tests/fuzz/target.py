"""Which targets there are, and where: a guided run loads and watches what it needs, no more."""

import importlib
from collections.abc import Callable

_PARSERS = (
    "json",
    "voucher",
    "iso",
    "registers",
    "statement",
    "letter",
    "paper",
    "outcome",
    "core",
)
ROOMS = {
    **dict.fromkeys(_PARSERS, "tests.fuzz.targets"),
    "conversation": "tests.fuzz.conversation",
    **dict.fromkeys(("policy", "clause", "workbook", "upload"), "tests.fuzz.typed"),
    **dict.fromkeys(("token", "note"), "tests.fuzz.proofs"),
}


def target_of(name: str) -> Callable[[bytes], None]:
    """Raises KeyError."""
    found: Callable[[bytes], None] = getattr(importlib.import_module(ROOMS[name]), name)
    return found

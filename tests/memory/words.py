"""What the server's functions keep of the bank's words against a settlement, in plain code."""

from collections.abc import Iterable, Mapping
from typing import Any

from gateway.domain.bank import BOOKS, ENDED


def words_against(
    corrections: Iterable[Mapping[str, Any]],
) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """Of these `correction` records, oldest first: the bank's words that stand, and those that
    officers have ended; without what its books said."""
    standing: list[Mapping[str, Any]] = []
    ended: list[Mapping[str, Any]] = []
    for each in corrections:
        if each.get("how") == BOOKS:
            continue
        if each.get("what") != ENDED:
            standing.append(each)
        else:
            ended, standing = [*ended, *standing], []
    return standing, ended

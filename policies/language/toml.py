"""TOML as strangers type it: bounded before it is read, and one kind of refusal whatever is wrong.

The reader takes time with the square of a dotted key's length, and nests without an end: sixty
thousand dots stop the whole program for half a minute.
"""

import tomllib
from typing import Any

DOTS_MAX = 200
"""In one line; a list of amounts has some dozens."""


class TomlRefused(ValueError):
    """The words say where and what, as far as the reader knows."""


def read_toml(text: str) -> dict[str, Any]:
    """Raises TomlRefused."""
    for number, line in enumerate(text.split("\n"), start=1):
        if line.count(".") > DOTS_MAX:
            raise TomlRefused(f"more than {DOTS_MAX} dots (at line {number})")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise TomlRefused("nested too deeply") from None
    except ValueError as error:
        raise TomlRefused(str(error)) from error

"""SQL by name, read from `sql/<file>.sql`: each statement says what an empty result means."""

import re
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent / "sql"
_STATEMENT = re.compile(
    r"^-- name: (\w+)\n-- empty: (\S[^\n]*)\n(.*?)(?=^-- name:|\Z)", re.M | re.S
)


@cache
def statements(file: str) -> dict[str, str]:
    """`{name: SQL}` of one file.

    Raises ValueError for a name given twice or a statement without its two comment lines.
    """
    text = (_FOLDER / f"{file}.sql").read_text(encoding="utf-8")
    found = {match[1]: match[3].strip() for match in _STATEMENT.finditer(text)}
    named = re.findall(r"^-- name:", text, re.M)
    if len(found) != len(named):
        raise ValueError(f"{file}.sql: a name stands twice, or a statement lacks its `-- empty:`")
    return found

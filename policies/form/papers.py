"""Papers and approvals of an exception (`contract & invoice | legal_basis`) as ticks in groups."""

from collections.abc import Mapping
from typing import Any


def papers_sheet(text: str) -> dict[str, Any]:
    return {"was": text, "groups": [{"papers": group} for group in _groups(text)]}


def papers_from(field: Any) -> str:
    """As it was written, if the ticks still say the same."""
    if not isinstance(field, Mapping):
        return ""
    posted = field.get("groups", [])
    groups = [
        tuple(one["papers"])
        for one in (posted if isinstance(posted, list) else [])
        if isinstance(one, Mapping) and isinstance(one.get("papers"), tuple) and one["papers"]
    ]
    written = field.get("was", "")
    was = written[-1] if isinstance(written, tuple) and written else str(written or "")
    if [set(group) for group in _groups(was)] == [set(group) for group in groups]:
        return was
    return " | ".join(" & ".join(group) for group in groups)


def _groups(text: str) -> list[tuple[str, ...]]:
    parts = [tuple(one.strip() for one in part.split("&")) for part in text.split("|")]
    return [part for part in parts if any(part)]

"""Tables that are read at any width: each cell carries the words of its column's head.

Where a table is too wide for its place, the stylesheet sets each row as a card and shows those
words above the values (docs/decisions/0080); roles keep it a table for who listens to it.
"""

import re
from collections.abc import Sequence
from html import unescape

from markupsafe import Markup, escape

_HEAD = re.compile(r"<thead.*?</thead>", re.DOTALL)
_HEADING = re.compile(r"<th\b[^>]*>(.*?)</th>", re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
_PIECE = re.compile(r"<(thead|tbody|tfoot|tr|td|th)\b([^>]*)>")
_SPAN = re.compile(r'\bcolspan="([0-9]+)"')
_OF_ROW = 'scope="row"'
_ROLES = {"thead": "rowgroup", "tbody": "rowgroup", "tfoot": "rowgroup", "tr": "row"}
_STEPS = (3, 5, 7)
"""Columns at most of each class of width, `c3` to `c7`; wider ones are `c9`."""


def tabled(inner: str, kind: str = "") -> Markup:
    """What stands between `<table>` and its end, as the page's table. `inner`: made by our
    templates, so that every value in it is escaped and its tags are ours. `kind`: its class."""
    head = _HEAD.search(inner)
    labels = [_words(each) for each in _HEADING.findall(head[0])] if head else []
    width = next((step for step in _STEPS if len(labels) <= step), 9)
    named = Markup(' class="{}"').format(kind) if kind else ""
    table = f'<div class="table c{width}" tabindex="0"><table{named} role="table">'
    return Markup(f"{table}{_labelled(inner, labels)}</table></div>")  # noqa: S704 (see `inner`)


def _labelled(inner: str, labels: Sequence[str]) -> str:
    at = 0

    def piece(match: re.Match[str]) -> str:
        nonlocal at
        tag, rest = match[1], match[2]
        if tag not in ("td", "th"):
            at = 0
            return f'<{tag}{rest} role="{_ROLES[tag]}">'
        spanned = _SPAN.search(rest)
        label = f' data-label="{labels[at]}"' if not spanned and at < len(labels) else ""
        at += int(spanned[1]) if spanned else 1
        if tag == "td":
            return f'<td{rest} role="cell"{label}>'
        return f'<th{rest} role="{"rowheader" if _OF_ROW in rest else "columnheader"}">'

    return _PIECE.sub(piece, inner)


def _words(heading: str) -> str:
    """A heading's words without its tags, as an attribute's value."""
    return str(escape(unescape(" ".join(_TAG.sub("", heading).split()))))

"""Bars as inline SVG: attributes only (no style, no script), each with the words a reader hears."""

from collections.abc import Sequence
from html import escape

import attrs
from markupsafe import Markup

from bureau.desk.statistics import Tally

WIDTH, LABEL, VALUE = 860, 340, 90
ROW, BAR = 24, 14
HEIGHT_COLUMNS, COLUMN_BASE = 170, 140
NAME_CHARS = 26


@attrs.frozen
class _Scale:
    most: int
    length: int

    def __call__(self, count: int) -> int:
        return round(self.length * count / self.most) if self.most else 0


def bars(tallies: Sequence[Tally], title: str, *, codes: bool = True) -> Markup:
    """One row each: blocked (solid) and held (light), then the count; the others together, whose
    bar would dwarf the rest, stand in the table only. `codes`: whether a key says something."""
    tallies = [each for each in tallies if not each.others]
    height = ROW * len(tallies) + 6
    scale = _Scale(max((each.count for each in tallies), default=0), WIDTH - LABEL - VALUE)
    parts = [_open(title, height)]
    for n, each in enumerate(tallies):
        top, blocked = 4 + n * ROW, scale(each.blocked)
        name = _short(
            f"{each.key} {each.name}" if codes and each.name and each.key else each.name or each.key
        )
        parts.append(f'<text x="{LABEL - 8}" y="{top + 12}" text-anchor="end">{name}</text>')
        parts.append(_rect("bar-blocked", (LABEL, top), (blocked, BAR)))
        rest = scale(each.count) - blocked
        parts.append(_rect("bar-held", (LABEL + blocked, top), (max(0, rest), BAR)))
        at = LABEL + scale(each.count) + 6
        parts.append(f'<text x="{at}" y="{top + 12}">{each.count:,}</text>')
    return Markup("".join([*parts, "</svg>"]))  # noqa: S704 (every text in it was escaped)


def columns(tallies: Sequence[Tally], title: str) -> Markup:
    """One column each month."""
    step = WIDTH / max(1, len(tallies))
    width = max(4, round(step * 0.6))
    scale = _Scale(max((each.count for each in tallies), default=0), COLUMN_BASE - 22)
    parts = [_open(title, HEIGHT_COLUMNS)]
    parts.append(f'<line class="axis" x1="0" y1="{COLUMN_BASE}" x2="{WIDTH}" y2="{COLUMN_BASE}"/>')
    every = -(-len(tallies) // 12)
    for n, each in enumerate(tallies):
        left, blocked, high = round(n * step + step * 0.2), scale(each.blocked), scale(each.count)
        parts.append(_rect("bar-blocked", (left, COLUMN_BASE - blocked), (width, blocked)))
        parts.append(_rect("bar-held", (left, COLUMN_BASE - high), (width, max(0, high - blocked))))
        middle = left + width // 2
        if n % every == 0:
            parts.append(_middle(middle, COLUMN_BASE - high - 5, f"{each.count:,}"))
            parts.append(_middle(middle, COLUMN_BASE + 16, _short(each.key)))
    return Markup("".join([*parts, "</svg>"]))  # noqa: S704 (every text in it was escaped)


def _open(title: str, height: int) -> str:
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="{escape(title)}" width="{WIDTH}" height="{height}">'
    )


def _rect(kind: str, place: tuple[int, int], size: tuple[int, int]) -> str:
    return (
        f'<rect class="{kind}" x="{place[0]}" y="{place[1]}" width="{size[0]}" height="{size[1]}"/>'
    )


def _middle(x: int, y: int, text: str) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="middle">{text}</text>'


def _short(text: str) -> str:
    cut = text if len(text) <= NAME_CHARS else text[: NAME_CHARS - 1] + "…"
    return escape(cut)

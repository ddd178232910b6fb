"""The fonts of official documents: installed with the program, asked for each character."""

from functools import cache
from pathlib import Path

import pylopdf_fonts_zh_cn
from fontTools.ttLib import TTFont

FAMILY = "Noto Serif SC"
FOLDER = Path(pylopdf_fonts_zh_cn.__file__).parent
_SERIF = FOLDER / "NotoSerifSC-Regular.otf"


def missing_glyphs(text: str) -> str:
    """The characters of a text that the font cannot show, each once; empty if it holds them all."""
    known = _characters()
    return "".join(dict.fromkeys(c for c in text if c not in "\n\t" and ord(c) not in known))


@cache
def _characters() -> frozenset[int]:
    with TTFont(_SERIF, lazy=True) as font:
        return frozenset(font.getBestCmap())

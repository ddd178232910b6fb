"""What a text says, whatever it is written in: so words are looked for and names compared.

The text itself is shown, recorded and forwarded as it was written.
"""

import unicodedata
from functools import lru_cache

from gateway.domain.characters import READ_AS

_READ_AS = READ_AS | {0x115F: None, 0x1160: None}
"""And the fillers of Hangul are letters that show nothing."""
_VARIANTS = frozenset(map(chr, _READ_AS))
_KNOWN_MAX = 16384


@lru_cache(maxsize=_KNOWN_MAX)
def bare(text: str) -> str:
    """`禮·品`, `礼（品）` and `礼 品` are 礼品 to whoever reads them, `ＫТＶ` is ktv, `⻥翅` 鱼翅.

    Letters and digits alone, in the usual form of Unicode's compatibility decomposition (without
    accents), traditional characters, radicals and look-alikes as what they are read as, small
    letters. A text of nothing else than signs stays as it is.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text)
        if not _VARIANTS.isdisjoint(text):
            text = text.translate(_READ_AS)
    kept = text if text.isalnum() else "".join(filter(str.isalnum, text))
    return kept.casefold() or text

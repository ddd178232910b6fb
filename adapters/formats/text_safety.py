"""Which characters a text may hold, and the cheap exact tests for it over whole documents.

Refused are control and format characters (Unicode Cc, Cf, Cs, Zl, Zp) and what else shows nothing:
variation selectors, fillers, joiners (Default_Ignorable_Code_Point), the empty Braille cell.
Invisible, they let two names look alike and differ: on the page where an officer decides, and in
the rules that compare names or look for words. Blank strings of spaces are refused too: they would
stand where an element of Art. 9 is missing.
"""

import re

_PRINTER_CONTROLS = "\t\n\r"
_OTHERS = (
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890-\u0891\u08e2"
    "\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff0-\ufffb"
    "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d159"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_IN_VALUE = re.compile(f"[{_PRINTER_CONTROLS}{_OTHERS}]")
_IN_DOCUMENT = re.compile(f"[{_OTHERS}]")
_BLANK_STRING = re.compile(r'"\s+"')

# Printable ASCII less the backslash, all continuation bytes, and the lead bytes of U+3000-U+D7FF
# (Chinese, kana, Hangul) and of U+F000-U+FFFF: what is refused among those stands in _HIDDEN.
_HARMLESS = bytes(
    {*b"\t\n\r", *range(0x20, 0x7F), *range(0x80, 0xC0), *range(0xE3, 0xEE), 0xEF} - {ord("\\")}
)
_ORDINARY = bytes(byte for byte in _HARMLESS if byte not in (0xE3, 0xEF))
"""Harmless whatever follows: without the lead bytes of wide spaces, special forms and marks."""
_HIDDEN = (b"\xef\xbb\xbf", b"\xef\xbf", b"\xef\xb8", b"\xef\xbe\xa0", b"\xe3\x85\xa4")
"""The byte order mark, U+FFC0 to U+FFFF, U+FE00 to U+FE3F and the two Hangul fillers."""
_WIDE_SPACE_FIRST = b'"\xe3\x80\x80'


def refused_in(value: str) -> bool:
    """Whether one value holds a character that no text may hold."""
    return _IN_VALUE.search(value) is not None


def plain(document: bytes) -> bool:
    """Whether a JSON document that parses surely holds no escape, refused character or blank text.

    Exact when True. False only means that the slow path must look: a document with escapes may
    still be in order. Costs about 1 us per KiB of ordinary Chinese text.
    """
    if b"\\" in document:
        return False
    if not (b" " in document and b'" ' in document):
        # in this order: one pass settles it for nearly every document
        unusual = document.translate(None, _ORDINARY)
        if not unusual or (
            not unusual.translate(None, _HARMLESS)
            and _WIDE_SPACE_FIRST not in document
            and not any(each in document for each in _HIDDEN)
        ):
            return True
    # Without escapes a raw control character cannot stand inside a string (RFC 8259 7), and a
    # quote only opens or closes one; so both patterns mean what they say.
    text = document.decode()
    return _IN_DOCUMENT.search(text) is None and _BLANK_STRING.search(text) is None

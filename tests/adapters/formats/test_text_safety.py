"""No invisible character passes, and the cheap test over a document is exact when it says yes."""

import json
import sys
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from adapters.formats.text_safety import plain, refused_in


def test_every_control_and_format_character_of_unicode_is_refused() -> None:
    invisible = ("Cc", "Cf", "Cs", "Zl", "Zp")
    missed = [
        hex(code)
        for code in range(sys.maxunicode + 1)
        if unicodedata.category(chr(code)) in invisible and not refused_in(chr(code))
    ]
    assert missed == []


SHOWS_NOTHING = (
    *(0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0, 0x1D159),
    *range(0x180B, 0x1810), *range(0x2060, 0x2070), *range(0xFE00, 0xFE10),
    *range(0xFFF0, 0xFFF9), *range(0xE0000, 0xE1000),
)  # fmt: skip
"""Default_Ignorable_Code_Point of Unicode 16 beyond Cc and Cf, and two that are drawn empty."""


def test_letters_and_marks_that_show_nothing_are_refused() -> None:
    """With one of them a payee bears another name than the payer whose name it is (JL-020)."""
    assert [hex(code) for code in SHOWS_NOTHING if not refused_in(chr(code))] == []


def test_no_refused_character_makes_a_document_plain() -> None:
    passed = [
        hex(code)
        for code in range(sys.maxunicode + 1)
        if refused_in(chr(code)) and not 0xD800 <= code <= 0xDFFF and chr(code) not in "\t\n\r"
        and plain(f'{{"purpose":"维修{chr(code)}"}}'.encode())
    ]  # fmt: skip
    assert passed == []


def test_no_string_of_spaces_makes_a_document_plain() -> None:
    spaces = [chr(code) for code in range(0x20, 0x3100) if chr(code).isspace()]
    assert len(spaces) > 15
    assert [s for s in spaces if plain(f'{{"purpose":"{s}"}}'.encode())] == []


def test_chinese_text_with_its_punctuation_is_let_through() -> None:
    assert not refused_in("吉财库〔2022〕1136号：“维修（电梯）”，\u3000￥12800.00……")


@given(st.lists(st.text(), max_size=4))
def test_a_plain_document_holds_no_refused_character_and_no_blank_text(texts: list[str]) -> None:
    document = json.dumps(texts, ensure_ascii=False).encode("utf-8", "replace")
    if plain(document):
        read = json.loads(document)
        assert not any(refused_in(text) or text.isspace() for text in read)


def test_ordinary_documents_are_plain_and_take_the_fast_path() -> None:
    for text in ("办公楼电梯维修（二期）", "购“打印纸”——三箱", "ABC-123"):
        assert plain(json.dumps({"purpose": text}, ensure_ascii=False).encode())

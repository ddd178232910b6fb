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

"""What is taken of files that people hand in: by content, without macros, and nothing that fetches
something from outside when somebody at the bureau opens it."""

import io
import struct
import zipfile

import docx
import pytest
import xlsxwriter

from bureau.web.uploads import RELATIONS_BYTES_MAX, media_of
from bureau.web.workbook import MEMBERS_MAX, WorkbookRefused, rows_of

_REL = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def document() -> bytes:
    buffer = io.BytesIO()
    made = docx.Document()
    made.add_paragraph("情况说明")
    made.save(buffer)
    return buffer.getvalue()


def with_parts(body: bytes, **parts: str | bytes) -> bytes:
    """The same archive with more parts, or others in their places; `__` is /, `_DOT_` is a dot."""
    named = {k.replace("__", "/").replace("_DOT_", "."): v for k, v in parts.items()}
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(body)) as source,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for name in source.namelist():
            if name not in named:
                target.writestr(name, source.read(name))
        for name, told in named.items():
            target.writestr(name, told)
    return buffer.getvalue()


def related(kind: str, target: str = "http://evil.example/x", mode: str = "External") -> str:
    return (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        f'<Relationship Id="r1" Type="{_REL}{kind}" Target="{target}" TargetMode="{mode}"/>'
        "</Relationships>"
    )


def test_what_word_and_excel_write_is_taken() -> None:
    assert media_of(document()) == DOCX
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        book.add_worksheet().write_url(0, 0, "https://example.org/", string="链接")
    assert media_of(buffer.getvalue()).endswith("spreadsheetml.sheet")  # type: ignore[union-attr]
    clicked = related("hyperlink")
    assert media_of(with_parts(document(), word___rels__more_DOT_rels=clicked)) == DOCX
    inside = related("image", "media/a.png", "Internal")
    assert media_of(with_parts(document(), word___rels__more_DOT_rels=inside)) == DOCX


MACRO_TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Override '
    'PartName="/word/document.xml" '
    'ContentType="application/vnd.ms-word.document.macroEnabled.main+xml"/></Types>'
)


QUERY_TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Override '
    'PartName="/xl/q.xml" ContentType="application/vnd.openxmlformats-officedocument.'
    'spreadsheetml.connections+xml"/></Types>'
)


@pytest.mark.parametrize(
    "parts",
    [
        {"word__vbaProject_DOT_bin": b"x"}, {"word__VBAPROJECT_DOT_BIN": b"x"},
        {"word__vbaData_DOT_xml": b"x"}, {"xl__macrosheets__sheet1_DOT_xml": b"x"},
        {"[Content_Types]_DOT_xml": MACRO_TYPES},
        {"word___rels__settings_DOT_xml_DOT_rels": related("attachedTemplate")},
        {"word___rels__document_DOT_xml_DOT_rels": related("image", mode="EXTERNAL")},
        {"word___RELS__settings_DOT_xml_DOT_RELS": related("attachedTemplate")},
        {"[CONTENT_TYPES]_DOT_XML": MACRO_TYPES},
        {"[Content_Types]_DOT_xml": QUERY_TYPES},
        {"word___rels__document_DOT_xml_DOT_rels": related("oleObject", "file:////host/share")},
        {"xl__externalLinks___rels__a_DOT_rels": related("externalLinkPath")},
        {"word___rels__a_DOT_rels": "<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><x/>"},
        {"word___rels__a_DOT_rels": "<x"},
        {"word___rels__a_DOT_rels": '<?xml version="1.0" encoding="nobody-knows"?><x/>'},
        {"word___rels__a_DOT_rels": b" " * (RELATIONS_BYTES_MAX + 1)},
    ],
)  # fmt: skip
def test_macros_and_what_is_fetched_from_outside_are_not(parts: dict[str, str | bytes]) -> None:
    assert media_of(with_parts(document(), **parts)) is None


@pytest.mark.parametrize(
    "body", [b"", b"PK\x03\x04", b"MZ\x90", b"<html>", b"\xd0\xcf\x11\xe0"]
)  # fmt: skip
def test_no_other_kind_is_taken(body: bytes) -> None:
    assert media_of(body) is None


def test_an_archive_that_lists_endless_members_is_not_opened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ten megabytes of them held the program for four seconds: the inbox with it."""
    entry = b"PK\x01\x02" + struct.pack("<4B4HL2L5H2L", *([0] * 11), 1, *([0] * 6)) + b"a"
    listed = entry * (MEMBERS_MAX + 1)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 5001, 5001, len(listed), 30, 0)
    archive = b"PK\x03\x04" + bytes(26) + listed + end
    with zipfile.ZipFile(io.BytesIO(archive)) as read:
        assert len(read.namelist()) == MEMBERS_MAX + 1, "it is an archive"
    monkeypatch.setattr(zipfile, "ZipFile", None)
    assert media_of(archive) is None
    with pytest.raises(WorkbookRefused):
        rows_of(archive, 10)

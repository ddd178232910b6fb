"""Sets a document's layout as PDF/A-2a by typst and as DOCX; the same bytes each time."""

import datetime as dt
import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import docx
import typst
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml.ns import qn
from docx.shared import Mm, Pt

from adapters.papers.fonts import FAMILY, FOLDER, missing_glyphs

_LAYOUT = Path(__file__).parent / "paper.typ"
SIZE = 15
"""Of the text, points."""
_NAME = re.compile(r"(?:抄送|附件|收款单位|金额|摘要)：")
CELL_CHARS = 10
"""That surely fit on a line of the narrower column."""
CLOSING_LINES_MAX = 20
_FIXED_ZIP_TIME = (1980, 1, 1, 0, 0, 0)


class GlyphMissing(ValueError):
    """Some characters cannot be printed with the installed font: nothing is issued."""

    def __init__(self, characters: str) -> None:
        super().__init__(characters)
        self.characters = characters


def portable(layout: bytes) -> bytes:
    """The PDF of a layout (canonical JSON of `Paper.layout`). Raises GlyphMissing."""
    fields = json.loads(layout)
    if missing := missing_glyphs(_text(fields)):
        raise GlyphMissing(missing)
    return typst.compile(
        _LAYOUT,
        font_paths=[FOLDER],
        ignore_system_fonts=True,
        sys_inputs={"paper": json.dumps(_set_out(fields), ensure_ascii=False)},
        pdf_standards="a-2a",
        timestamp=_midnight(fields["date"]),
    )


def editable(layout: bytes) -> bytes:
    """The same text as DOCX, for a bureau that must add to it by hand."""
    fields = _set_out(json.loads(layout))
    document = docx.Document()
    _page(document, fields)
    _add(document, [fields["reference"]], WD_ALIGN_PARAGRAPH.RIGHT)
    _add(document, [fields["title"]], WD_ALIGN_PARAGRAPH.CENTER, size=22)
    _add(document, fields["addressee"])
    for each in fields["body"]:
        _indent(_add(document, each["pieces"]), each["hang"], first=2)
    if fields["rows"]:
        table = document.add_table(rows=0, cols=2, style="Table Grid")
        for row in fields["rows"]:
            for cell, text in zip(table.add_row().cells, row, strict=True):
                for line in text:
                    paragraph = cell.paragraphs[0] if line is text[0] else cell.add_paragraph()
                    _indent(_pieces(paragraph, line["pieces"]), line["hang"], first=0)
    for each in fields["end"]:
        _indent(_add(document, each["pieces"]), each["hang"], first=2)
    closing = [document.paragraphs[-1]]
    if fields["rows"] and not fields["end"]:
        cells = table.rows[-1].cells if fields["closing"] else ()
        closing = [each for cell in cells for each in cell.paragraphs]
    closing += [_add(document, [each]) for each in fields["signatures"]]
    closing.append(_add(document, [fields["issuer"]], WD_ALIGN_PARAGRAPH.RIGHT))
    for each in closing:  # as in paper.typ: no page bears the signatures or the issuer alone
        each.paragraph_format.keep_with_next = True
    _add(document, [fields["day"]], WD_ALIGN_PARAGRAPH.RIGHT)
    buffer = io.BytesIO()
    document.save(buffer)
    return _timeless(buffer.getvalue())


def _midnight(date: list[int]) -> int:
    year, month, day = date
    return int(dt.datetime(year, month, day, tzinfo=dt.UTC).timestamp())


def _page(document: Any, fields: dict[str, Any]) -> None:
    section = document.sections[0]
    section.page_width, section.page_height = Mm(210), Mm(297)
    section.top_margin, section.bottom_margin = Mm(37), Mm(35)
    section.left_margin, section.right_margin = Mm(28), Mm(26)
    style = document.styles["Normal"]
    style.font.name, style.font.size = FAMILY, Pt(SIZE)
    style.element.rPr.rFonts.set(qn("w:eastAsia"), FAMILY)
    properties = document.core_properties
    properties.title, properties.author = fields["title"], fields["issuer"]
    properties.created = properties.modified = dt.datetime(*fields["date"])  # noqa: DTZ001 (no zone)
    properties.last_modified_by = fields["issuer"]


def _add(document: Any, pieces: list[Any], align: Any = None, *, size: int = 0) -> Any:
    paragraph = document.add_paragraph()
    paragraph.alignment = align
    return _pieces(paragraph, pieces, size)


def _pieces(paragraph: Any, pieces: list[Any], size: int = 0) -> Any:
    for piece in pieces:
        run = paragraph.add_run(piece if isinstance(piece, str) else f" {piece['blank']} ")
        run.underline = not isinstance(piece, str)
        if size:
            run.font.size = Pt(size)
    return paragraph


def _indent(paragraph: Any, hang: int, *, first: int) -> None:
    """`first`, `hang`: characters. What has a name turns back to where its words begin."""
    shape = paragraph.paragraph_format
    if hang:
        shape.left_indent = Pt(SIZE * (first + hang))
    shape.first_line_indent = Pt(SIZE * (-hang if hang else first))


def _set_out(fields: dict[str, Any]) -> dict[str, Any]:
    """Each line that was typed is a paragraph of its own, as GB/T 9704 sets it; `hang`: how many
    characters of a name (`抄送：`) stand before its words, 0 of none."""
    rows = [[_lines([cell]) for cell in row] for row in fields["rows"]]
    ends = {name: [p for each in fields[name] for p in _lines(each)] for name in ("body", "end")}
    return {**fields, **ends, "rows": rows, "closing": _closing(fields)}


def _closing(fields: dict[str, Any]) -> int:
    """How many rows of the table go over the page with the issuer, where nothing else would: the
    last one, if page has room for both."""
    if fields["end"] or not fields["rows"]:
        return 0
    cells = fields["rows"][-1]
    lines = max(sum(1 + len(each) // CELL_CHARS for each in cell.split("\n")) for cell in cells)
    return 1 if lines <= CLOSING_LINES_MAX else 0


def _lines(pieces: list[Any]) -> list[dict[str, Any]]:
    lines: list[list[Any]] = [[]]
    for piece in pieces:
        typed = piece if isinstance(piece, str) else piece["blank"]
        for n, part in enumerate(typed.split("\n")):
            if n:
                lines.append([])
            lines[-1].append(part if isinstance(piece, str) else {"blank": part})
    return [{"pieces": line, "hang": _named(line)} for line in lines]


def _named(line: list[Any]) -> int:
    first = line[0] if isinstance(line[0], str) else ""
    found = _NAME.match(first)
    return len(found[0]) if found else 0


def _timeless(archive: bytes) -> bytes:
    """The same archive with fixed times of its members."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(archive)) as source,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for name in sorted(source.namelist(), key=lambda n: (n != "[Content_Types].xml", n)):
            target.writestr(zipfile.ZipInfo(name, _FIXED_ZIP_TIME), source.read(name))
    return buffer.getvalue()


def _text(fields: dict[str, Any]) -> str:
    found: list[str] = []

    def gather(value: Any) -> None:
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, dict):
            for each in value.values():
                gather(each)
        elif isinstance(value, list):
            for each in value:
                gather(each)

    gather(fields)
    return "".join(found)

"""How a letter ends: to whom its party may turn, and no issuer alone on a page."""

import datetime as dt
import io
import re
import subprocess
from pathlib import Path

import attrs
import docx
import pytest

from adapters.papers.setter import editable, portable
from bureau.desk.casework.state import Order
from bureau.desk.casework.words import Measure
from bureau.desk.papers import letters
from tests.bureau.cases.test_desk_papers import (
    ISSUE,
    PAYMENT,
    about,
    bare,
    has_pdftotext,
)


def test_a_sheet_says_until_when_and_to_whom_its_party_may_turn() -> None:
    """Art. 24 refers to the laws; whom they mean is filled in, or left blank for the hand."""
    named = ("吉林省人民政府", "长春市示例区人民法院")
    order = Order(number=1, measure=Measure.WARN, due=dt.date(2026, 3, 20))
    signers = ("张三", "李四")
    sheet = letters.handling_sheet(about(), [order], "改正", signers, ISSUE, appeal_to=named)
    assert "六十日内，依照《中华人民共和国行政复议法》向吉林省人民政府申请行政复议" in sheet.text()
    assert "六个月内，依照《中华人民共和国行政诉讼法》向长春市示例区人民法院提起" in sheet.text()
    empty = letters.handling_sheet(about(), [order], "改正", signers, ISSUE)
    assert [piece for piece in empty.end[0] if isinstance(piece, tuple)] == [("　" * 8,)] * 2
    bank = attrs.evolve(order, measure=Measure.BANK_RETURN)
    sheet = letters.handling_sheet(about(), [bank], "改正", signers, ISSUE, appeal_to=named)
    assert "申请仲裁" in sheet.text() and "行政复议" not in sheet.text()


@pytest.mark.slow
def test_no_page_of_a_letter_that_ends_with_its_table_bears_the_issuer_alone(
    tmp_path: Path,
) -> None:
    """What is asked for stands before the payments: behind their sum comes the issuer."""
    if not has_pdftotext():
        pytest.skip("pdftotext is missing: install the package poppler-utils")
    file, pages = tmp_path / "paper.pdf", set()
    for number in range(2, 9):
        case = attrs.evolve(about(), payments=(PAYMENT,) * number, amounts=(1,) * number)
        paper = letters.document_request(case, {"text": "合同", "due": "2026-03-20"}, ISSUE)
        file.write_bytes(portable(paper.layout()))
        read = subprocess.run(
            ["pdftotext", "-raw", file, "-"], capture_output=True, check=True, text=True
        ).stdout
        found = [bare(page) for page in read.split("\f") if page.strip()]
        pages.add(len(found))
        assert ISSUE.bureau in found[-1] and "合计" in found[-1], number
        assert read.count("合计") == 1, number
    assert pages >= {1, 2}, "one fits a page, and one does not"
    form = docx.Document(io.BytesIO(editable(paper.layout())))
    kept = [
        p.text[:2] for row in form.tables[0].rows for cell in row.cells for p in cell.paragraphs
        if p.paragraph_format.keep_with_next
    ]  # fmt: skip
    assert kept == ["合计", "人民"]


def test_a_number_longer_than_its_cell_turns_its_line_and_is_copied_whole(tmp_path: Path) -> None:
    if not has_pdftotext():
        pytest.skip("pdftotext is missing: install the package poppler-utils")
    long = attrs.evolve(PAYMENT, voucher_no="2026" + "1234567890" * 3 + "ABCD")
    long = attrs.evolve(long, purpose="LONGWORDWITHOUTSPACES" * 4)
    case, file = attrs.evolve(about(), payments=(long,), amounts=(1,)), tmp_path / "paper.pdf"
    paper = letters.document_request(case, {"text": "合同", "due": "2026-03-20"}, ISSUE)
    file.write_bytes(portable(paper.layout()))
    boxes = subprocess.run(
        ["pdftotext", "-bbox", file, "-"], capture_output=True, check=True, text=True
    ).stdout
    found = re.findall(r'<word xMin="([0-9.]+)"[^>]* xMax="([0-9.]+)"[^>]*>([!-~]{5,})<', boxes)
    assert "".join(words for *_, words in found if words[0].isdigit()) == long.voucher_no
    said = "".join(words for *_, words in found if words[0].isalpha())
    assert len(said) > 40 and long.purpose.endswith(said)
    edge = 595.3 - 26 / 25.4 * 72
    for left, right, words in found:
        limit = 79.4 + 0.38 * (edge - 79.4) if words[0].isdigit() else edge
        assert float(left) > 79 and float(right) < limit, words

"""Workbooks that leave in slices: read back as they were meant, whatever a cell holds."""

import hashlib
import io
import zipfile
from xml.etree import ElementTree as ET

import pytest
from python_calamine import CalamineWorkbook

from bureau.web.workbook_writing import Workbook, excel

HEAD = ("凭证号 Voucher", "金额（元） Yuan", "理由 Reason")
AWKWARD = (
    "=1+1", "@SUM(A1)", "00012345678901234567", " 前后有空格 ", "一行\n两行", "<b>&\"'", "_x0041_",
    "]]>", "𠮷", "",
)  # fmt: skip


def read(body: bytes) -> list[list[object]]:
    return CalamineWorkbook.from_object(io.BytesIO(body)).get_sheet_by_name("数据").to_python()


def test_a_workbook_reads_back_as_it_was_written() -> None:
    rows = [[text, "1,234.50", text] for text in AWKWARD]
    body = excel(HEAD, rows, {"查询条件 Query": "金额:>10万", "行数 Rows": f"{len(rows)}"})
    found = read(body)
    assert found[0] == list(HEAD)
    assert [row[1] for row in found[1:]] == [1234.5] * len(AWKWARD), "amounts can be summed"
    assert [row[0] for row in found[1:]] == list(AWKWARD), "the rest is text to the character"
    notes = CalamineWorkbook.from_object(io.BytesIO(body)).get_sheet_by_name("筛选条件")
    assert notes.to_python() == [["查询条件 Query", "金额:>10万"], ["行数 Rows", "10"]]


def test_what_is_counted_is_a_number_and_what_is_only_written_in_digits_is_not() -> None:
    head = ("代码 Key", "笔数 Count", "挂起 Held", "年度 Year", "金额（元） Yuan")
    body = excel(head, [["101002", "1234", "", "2026", "5.00"], ["", "0", "x", "", ""]], {})
    assert read(body)[1:] == [["101002", 1234, "", "2026", 5.0], ["", 0, "x", "", ""]]


def test_every_part_is_well_formed_and_the_content_types_come_first() -> None:
    foreign = "".join(map(chr, [0, 8, 11, 31, 0xD800, 0xFFFE, 0xFFFF]))
    body = excel(HEAD, [[foreign, "x" * 19 + ".00", "长" * 40_000]], {})
    with zipfile.ZipFile(io.BytesIO(body)) as packed:
        assert packed.testzip() is None
        assert packed.namelist()[0] == "[Content_Types].xml"
        for name in packed.namelist():
            ET.fromstring(packed.read(name))
    assert read(body)[1] == ["\ufffd" * 7, "x" * 19 + ".00", "长" * 32_767]


def test_the_same_rows_are_the_same_bytes() -> None:
    assert excel(HEAD, [["1", "2.00", "三"]], {}) == excel(HEAD, [["1", "2.00", "三"]], {})


def test_rows_leave_slice_by_slice_and_none_is_kept() -> None:
    book = Workbook(HEAD)
    sent = [book.begin()]
    assert sent[0].startswith(b"PK"), "the file begins before its first row is known"
    slices = [
        [[f"{n}", f"{n}.00", hashlib.sha256(b"%d" % n).hexdigest()] for n in range(at, at + 250)]
        for at in range(0, 10_000, 250)
    ]
    sent += [book.rows(each) for each in slices]
    held = max(len(each) for each in sent)
    sent.append(book.end({"行数 Rows": f"{book.count}"}))
    whole = b"".join(sent)
    assert len(read(whole)) == 1 + 40 * 250
    assert sum(bool(each) for each in sent) > 20, "what was compressed leaves"
    assert held < len(whole) / 10


@pytest.mark.parametrize("begun", [False, True])
def test_a_workbook_that_is_broken_off_is_let_go(begun: bool) -> None:
    book = Workbook(HEAD)
    if begun:
        book.begin()
        book.rows([["1", "2.00", "三"]])
    book.abandon()
    book.abandon()

"""Official documents: the annexes word for word, PDF/A, the same bytes, every character's glyph."""

import datetime as dt
import io
import re
import subprocess
from pathlib import Path

import attrs
import docx
import pikepdf
import pytest
from docx.shared import Pt

from adapters.papers.fonts import missing_glyphs
from adapters.papers.setter import GlyphMissing, editable, portable
from bureau.desk.casework.made import Made
from bureau.desk.casework.state import Case, Order, Referral
from bureau.desk.casework.words import Against, Measure, Move
from bureau.desk.docket.issue import writes
from bureau.desk.law import quoted_of
from bureau.desk.papers import letters
from bureau.desk.papers.annexes import Payment, interview, onsite
from bureau.desk.papers.capitals import capitals
from bureau.desk.papers.established import Established, Ordered
from bureau.desk.papers.letters import Concerned, Issue
from bureau.desk.papers.paper import Paper, blank
from bureau.desk.papers.referral import addressee, referral

RARE = "长春镕喆䶮科技有限公司"
PAYMENT = Payment(
    applied=dt.date(2026, 3, 2), payee=RARE, voucher_no="2026030200001", purpose="办公楼电梯维修"
)
ISSUE = Issue(year=2026, number=7, bureau="吉林省财政厅", day=dt.date(2026, 3, 3))
NUMBER, ISSUED = (2026, 7), (ISSUE.bureau, ISSUE.day)
ANNEXES = {
    # The regulation's annexes with each blank as ＿ (the page's line breaks taken out).
    "interview": (
        "＿（预算单位）："
        "你单位于＿年＿月＿日申请向＿（收款单位）支付的第＿号（支付凭证号）＿（支付摘要）的支付业务涉嫌违规，"
        "现已被预算管理一体化系统监控拦截。为核实有关情况，我单位邀请你单位相关财务人员两位，于＿年＿月＿日"
        "到我单位＿（房间号）进行约谈，请按时来访。"
        "此通知书，请受约谈单位负责人签字并加盖公章后，返还我单位存档。"
        "受约谈单位负责人签字：受约谈单位公章："
    ),
    "onsite": (
        "＿（预算单位）："
        "你单位于＿年＿月＿日申请向＿（收款单位）支付的第＿号（支付凭证号）＿（支付摘要）的支付业务涉嫌违规，"
        "现已被预算管理一体化系统监控拦截。为核实有关情况，我单位将派出＿等＿名同志，前往你单位进行实地核证，"
        "请给予支持配合。"
        "此通知书，请被核证单位负责人签字并加盖公章后，返还我单位存档。"
        "被核证单位负责人签字：被核证单位公章："
    ),
}


def annex_1() -> Paper:
    return interview("吉林省示例厅本级", PAYMENT, (dt.date(2026, 3, 9), "507"), NUMBER, ISSUED)


def annex_2() -> Paper:
    return onsite("吉林省示例厅本级", PAYMENT, ("王处长", 3), NUMBER, ISSUED)


def about() -> Concerned:
    return Concerned(
        case="2026年第1号", name="吉林省示例厅本级", superior="吉林省示例厅",
        payments=(PAYMENT,) * 40,
        amounts=(1_280_000,) * 40, policies=("JL-020 禁止划转",),
        laws=("第十条（三）11：“不得划转。”",), reason="向实有资金账户转款",
    )  # fmt: skip


def proposed(to: str, person: str = "") -> Referral:
    return Referral(by="r", to=to, person=person, text="多次违规划转，情节严重")


ABOUT_A_HANDLED_CASE = Concerned(
    case="2026年第1号", name="吉林省示例厅本级", superior="吉林省示例厅", region="吉林省本级",
    payments=(PAYMENT,), amounts=(1_280_000,), reason="收款账户为本单位实有资金账户",
    policies=("JL-020 零余额账户向本单位实有资金账户划转（第十条（三）11）",),
    established=Established(
        found="以工会经费名义划转，无拨款文件", on=dt.date(2026, 3, 2), disputed=True,
        orders=(Ordered(number=1, ordered="退回资金人民币壹元整", outcome="已整改，经核对认可"),),
    ),
)  # fmt: skip


TOLD = (Ordered(number=1, ordered="退回资金1元", outcome="整改期限内，尚未报送整改结果"),)


def all_papers() -> list[Paper]:
    due = {"due": "2026-03-20"}
    orders = [
        Order(number=n, measure=m, due=dt.date(2026, 3, 20), returned=1_280_000)
        for n, m in enumerate(list(Measure)[:5], start=1)
    ]
    bank = [Order(number=1, measure=Measure.BANK_RETURN, due=dt.date(2026, 3, 20))]
    text = "退回违规资金"
    return [
        annex_1(),
        annex_2(),
        letters.document_request(about(), {"text": "合同、发票", **due}, ISSUE),
        letters.concern(about(), {"text": "请关注", "concern": "large", **due}, ISSUE),
        letters.joint(about(), {"text": "请协查", "ground": "复杂", **due}, ISSUE),
        letters.handling_sheet(about(), orders, text, ("张三", "李四"), ISSUE),
        letters.rectification_order(about(), orders[2], text, ISSUE),
        letters.suspension(about(), text, ISSUE),
        letters.bulletin(about(), TOLD, f"吉林省示例厅本级向{RARE}划转", ISSUE),
        referral(ABOUT_A_HANDLED_CASE, proposed("audit"), ISSUE),
        letters.bank_notice(about(), bank, text, ISSUE),
    ]


@pytest.mark.parametrize("name, paper", [("interview", annex_1()), ("onsite", annex_2())])
def test_the_annexes_stand_word_for_word_around_their_blanks(name: str, paper: Paper) -> None:
    pieces = [piece for paragraph in (paper.addressee, *paper.body) for piece in paragraph]
    words = "".join("＿" if isinstance(piece, tuple) else piece for piece in pieces)
    assert words + "".join(paper.signatures) == ANNEXES[name]
    assert paper.reference == "编号：2026年第7号"


def test_an_annex_on_a_payment_that_passed_does_not_say_that_it_was_intercepted() -> None:
    """Decision 0086: one word differs, since the printed one would be untrue."""
    warned = attrs.evolve(PAYMENT, intercepted=False)
    paper = interview("吉林省示例厅本级", warned, (dt.date(2026, 3, 9), "507"), NUMBER, ISSUED)
    assert paper.text().replace("监控预警。", "监控拦截。") == annex_1().text()
    assert "监控预警。" in paper.text()


def test_a_term_in_a_letter_says_that_its_last_day_is_in_time() -> None:
    """As the desk counts it: an order is missed on the day after (Art. 21(3))."""
    order = Order(number=1, measure=Measure.ORDER_RECTIFICATION, due=dt.date(2026, 3, 20))
    assert not order.missed(dt.date(2026, 3, 20)) and order.missed(dt.date(2026, 3, 21))
    due = {"due": "2026-03-20"}
    for paper in (
        letters.rectification_order(about(), order, "退回", ISSUE),
        letters.document_request(about(), {"text": "合同", **due}, ISSUE),
        letters.concern(about(), {"text": "请关注", "concern": "large", **due}, ISSUE),
    ):
        assert "于2026年3月20日（含当日）前" in paper.text()


def test_of_several_payments_an_annex_names_the_first_that_was_intercepted() -> None:
    warned = attrs.evolve(PAYMENT, intercepted=False, voucher_no="W")
    case = attrs.evolve(ABOUT_A_HANDLED_CASE, payments=(warned, PAYMENT), amounts=(1, 2))
    body = {"means": "interview", "day": "2026-03-09", "room": "507", "due": "2026-03-09"}
    made = Made(move=Move.VERIFY, by="r", office=None, day=ISSUE.day, body=body)
    [write] = writes(case, Case(against=Against.AGENCY), made, "")
    assert PAYMENT.voucher_no in write(ISSUE).text() and "监控拦截。" in write(ISSUE).text()


@pytest.mark.slow
@pytest.mark.parametrize("paper", all_papers(), ids=lambda paper: str(paper.kind))
def test_each_document_is_pdf_a_with_its_fonts_inside_and_the_same_bytes(paper: Paper) -> None:
    first, second = portable(paper.layout()), portable(paper.layout())
    assert first == second and editable(paper.layout()) == editable(paper.layout())
    with pikepdf.open(io.BytesIO(first)) as pdf:
        meta = pdf.open_metadata()
        assert (meta["pdfaid:part"], meta["pdfaid:conformance"]) == ("2", "A")
        assert meta["dc:title"] == paper.title
        intent = pdf.Root.OutputIntents[0]
        assert intent.S == "/GTS_PDFA1" and pdf.Root.MarkInfo.Marked
        assert intent.DestOutputProfile.N == 3 and not pdf.is_encrypted
        assert str(pdf.Root.Lang).startswith("zh") and "/StructTreeRoot" in pdf.Root
        assert pdf.trailer.ID and "/Names" not in pdf.Root, "nothing is attached"
        for page in pdf.pages:
            for font in page.Resources.Font.values():
                descriptor = font.DescendantFonts[0].FontDescriptor
                assert "/FontFile3" in descriptor or "/FontFile2" in descriptor
                assert "/ToUnicode" in font, "what is read aloud or copied is what is seen"
        assert "/JavaScript" not in pdf.Root and "/AcroForm" not in pdf.Root


@pytest.mark.slow
@pytest.mark.parametrize("paper", all_papers(), ids=lambda paper: str(paper.kind))
def test_what_the_pdf_and_the_editable_form_say_is_what_was_written(
    paper: Paper, tmp_path: Path
) -> None:
    file = tmp_path / "paper.pdf"
    file.write_bytes(portable(paper.layout()))
    read = subprocess.run(
        ["pdftotext", "-raw", file, "-"], capture_output=True, check=True, text=True
    ).stdout if has_pdftotext() else None  # fmt: skip
    form = docx.Document(io.BytesIO(editable(paper.layout())))
    words = "".join(p.text for p in form.paragraphs)
    words += "".join(c.text for t in form.tables for row in t.rows for c in row.cells)
    for line in paper.text().splitlines():
        assert bare(line) in bare(words)
        if read is not None and not paper.rows:
            assert bare(line) in bare(read)


def has_pdftotext() -> bool:
    import shutil

    return shutil.which("pdftotext") is not None


def bare(text: str) -> str:
    return re.sub(r"\s+", "", text)


def test_what_was_typed_on_several_lines_is_printed_on_several_lines() -> None:
    """Every browser sends CR LF, and a carriage return has no glyph: no such letter went out."""
    typed = attrs.evolve(
        annex_2(), body=(("请提供：", blank("一、合同\r\n二、发票")),), rows=(("a", "一\r\n二"),)
    )
    layout = typed.layout()
    assert b"\\r" not in layout and layout.count(b"\\n") == 2
    assert portable(layout).startswith(b"%PDF-") and editable(layout).startswith(b"PK")


LONG = "完善内部控制制度，明确零余额账户资金划转的审批权限，并于整改期限前将修订后的制度报送备案。"
DUE = Order(number=1, measure=Measure.ORDER_RECTIFICATION, due=dt.date(2026, 3, 20))


def an_order() -> Paper:
    known = attrs.evolve(
        about(), superior="吉林省示例厅机关事务管理局、吉林省示例厅计划财务处、监察审计处",
        payments=(attrs.evolve(PAYMENT, purpose="电梯维修及照明线路改造工程二期预付款和监理费用"),),
        amounts=(1_280_000,),
    )  # fmt: skip
    return letters.rectification_order(known, DUE, f"一、退回资金；\n二、{LONG}", ISSUE)


def test_each_line_is_a_paragraph_and_what_has_a_name_turns_back_to_where_its_words_begin() -> None:
    form = docx.Document(io.BytesIO(editable(an_order().layout())))
    shapes = {p.text[:3]: p.paragraph_format for p in form.paragraphs}
    for begins in ("一、退", "二、完", "逾期未"):
        assert (shapes[begins].left_indent, shapes[begins].first_line_indent) == (None, Pt(30))
    assert (shapes["抄送："].left_indent, shapes["抄送："].first_line_indent) == (Pt(75), Pt(-45))
    [_, cell] = form.tables[0].rows[0].cells
    assert [p.text[:3] for p in cell.paragraphs] == ["收款单", "金额：", "摘要："]
    assert cell.paragraphs[2].paragraph_format.left_indent == Pt(45)


def test_the_set_letter_turns_its_lines_as_official_documents_do(tmp_path: Path) -> None:
    if not has_pdftotext():
        pytest.skip("pdftotext is missing: install the package poppler-utils")
    file = tmp_path / "paper.pdf"
    file.write_bytes(portable(an_order().layout()))
    read = subprocess.run(
        ["pdftotext", "-bbox-layout", file, "-"], capture_output=True, check=True, text=True
    ).stdout
    lines = [
        (float(x), "".join(re.findall(r">([^<]+)</word>", words)))
        for x, words in re.findall(r'<line xMin="([0-9.]+)"[^>]*>(.*?)</line>', read, re.DOTALL)
    ]
    at = {text[:2]: x for x, text in lines}
    margin, em = 28 / 25.4 * 72, 15.0  # the page's margin and the text's size, points
    turned = next(x for x, text in lines if "监察审计处。" in text and "抄送" not in text)
    assert at["一、"] == at["二、"] == at["抄送"] == pytest.approx(margin + 2 * em, abs=1)
    assert turned == pytest.approx(at["抄送"] + 3 * em, abs=1)
    fee = next(x for x, text in lines if text.endswith("费用") and "摘要" not in text)
    assert fee == pytest.approx(at["摘要"] + 3 * 12, abs=1)


def test_the_law_is_quoted_as_the_words_of_the_article_that_has_them() -> None:
    law = quoted_of()
    assert law["JL-062"].startswith("第十七条：“预算单位管理和使用财政专项资金")
    assert law["JL-020"].startswith("第十条（三）11；第十三条（三），其中规定：“预算单位不得")
    for refused in (
        "JL-030",
        "JL-033",
    ):  # a bulletin had the words of the exception as what was broken
        assert "，其中规定：“预算单位发生资金垫付和归垫行为必须严格按照" in law[refused]
    assert "，其中规定：“是否按照国库集中支付制度" in law["JL-013"], "what binds the agency"


def a_sheet(lines: int) -> Paper:
    orders = (
        Order(number=1, measure=Measure.RETURN_AND_ADJUST, due=dt.date(2026, 3, 20), returned=100),
    )
    text = "\n".join(["补办手续。"] * lines)
    return letters.handling_sheet(about(), orders, text, ("张三", "李四"), ISSUE)


def test_no_page_bears_the_signatures_or_the_issuer_alone(tmp_path: Path) -> None:
    """GB/T 9704: a seal on a page without text could be laid on any text."""
    if not has_pdftotext():
        pytest.skip("pdftotext is missing: install the package poppler-utils")
    file = tmp_path / "paper.pdf"
    for lines in (1, 3, 5):
        file.write_bytes(portable(a_sheet(lines).layout()))
        read = subprocess.run(
            ["pdftotext", "-raw", file, "-"], capture_output=True, check=True, text=True
        ).stdout
        *before, last = [bare(page) for page in read.split("\f") if page.strip()]
        assert before, "it takes a second page"
        for words in ("行政复议", "负责人签字：", "公章：", ISSUE.bureau, "2026年3月3日"):
            assert words in last, (lines, words)
    form = docx.Document(io.BytesIO(editable(a_sheet(1).layout())))
    kept = [p.text[:4] for p in form.paragraphs if p.paragraph_format.keep_with_next]
    assert kept == ["对本处理", "被处理单", "被处理单", ISSUE.bureau[:4]]


def test_a_character_without_a_glyph_stops_the_document() -> None:
    assert missing_glyphs("镕喆䶮﨎") in ("", "﨎")
    assert missing_glyphs("镕喆䶮") == ""
    odd = interview("厅🙂", PAYMENT, (dt.date(2026, 3, 9), "507"), NUMBER, ISSUED)
    with pytest.raises(GlyphMissing, match="🙂"):
        portable(odd.layout())


def test_a_name_is_text_and_never_markup(tmp_path: Path) -> None:
    evil = '#read("/etc/passwd") *粗* $x$ \\ <a> "]'
    paper = interview(evil, PAYMENT, (dt.date(2026, 3, 9), evil), NUMBER, ISSUED)
    assert b"root:" not in portable(paper.layout())
    assert evil in docx.Document(io.BytesIO(editable(paper.layout()))).paragraphs[2].text


def test_a_referral_states_the_case_and_not_only_what_was_typed() -> None:
    words = referral(ABOUT_A_HANDLED_CASE, proposed("audit"), ISSUE).text()
    for fact in (
        "吉林省审计厅：", "第二十三条", "多次违规划转，情节严重", "吉林省示例厅本级", "2026年第1号",
        "以工会经费名义划转，无拨款文件（2026年3月2日认定）", "第十条（三）11", PAYMENT.voucher_no,
        "人民币壹万贰仟捌佰元整（¥12,800.00）", "退回资金人民币壹元整", "已整改，经核对认可",
        "收款账户为本单位实有资金账户", RARE, "尚未终结（第二十四条）",
    ):  # fmt: skip
        assert fact in words, fact
    unhandled = attrs.evolve(ABOUT_A_HANDLED_CASE, established=Established(found="属实"))
    other = referral(unhandled, proposed("other", "吉林省公安厅"), ISSUE).text()
    assert "吉林省公安厅：" in other and "第十一条（三）" in other and "第二十三条" not in other
    assert "尚未对该问题作出处理决定" in other


def test_whom_a_referral_goes_to_is_written_as_an_official_writes_it() -> None:
    for region, to, words in (
        ("吉林省本级", "congress", "吉林省人民代表大会常务委员会"),
        ("长春市", "audit", "长春市审计局"), ("吉林省本级", "audit", "吉林省审计厅"),
        ("延边朝鲜族自治州", "discipline",
         "中共延边朝鲜族自治州纪律检查委员会、延边朝鲜族自治州监察委员会"),
        ("长春净月高新技术产业开发区", "congress", "同级人民代表大会常务委员会"),
        ("", "discipline", "同级纪检监察机关"),
    ):  # fmt: skip
        assert addressee(proposed(to), region) == words


def test_a_bulletin_names_nobody() -> None:
    paper = next(p for p in all_papers() if p.kind == "bulletin")
    assert "吉林省示例厅本级" not in paper.text() and RARE not in paper.text()
    for words in ("某预算单位", "第十条（三）11：“不得划转。”", "退回资金", "整改期限内"):
        assert words in paper.text(), "whom it is about, the law, what was ordered, how it stands"


def test_amounts_in_capitals_as_the_rules_for_bills_write_them() -> None:
    for fen, words in {
        0: "零元整", 5: "伍分", 50: "伍角整", 140950: "壹仟肆佰零玖元伍角整",
        600714: "陆仟零柒元壹角肆分", 1640902: "壹万陆仟肆佰零玖元零贰分",
        32504: "叁佰贰拾伍元零肆分", 1_280_000: "壹万贰仟捌佰元整", 10_000_000_000: "壹亿元整",
        10_000_000_100: "壹亿零壹元整", 100_500_030_0: "壹仟零五万零叁元整".replace("五", "伍"),
        10**17 - 1: "玖佰玖拾玖兆玖仟玖佰玖拾玖亿玖仟玖佰玖拾玖万玖仟玖佰玖拾玖元玖角玖分",
    }.items():  # fmt: skip
        assert capitals(fen) == words, fen


def test_a_bulletin_says_none_of_the_names_under_which_a_party_is_known() -> None:
    about = Concerned(
        case="2026年第1号", name="登记名称厅本级", known_as=("报文名称厅",), superior="登记名称厅",
        payments=(), amounts=(1,), policies=("JL-020 划转",), reason="划转",
    )  # fmt: skip
    issue = Issue(year=2026, number=1, bureau="财政厅", day=dt.date(2026, 3, 2))
    told = letters.bulletin(about, (), "登记名称厅本级（报文名称厅）向其账户划转", issue)
    assert "登记名称" not in told.text() and "报文名称" not in told.text()


def test_what_ends_with_a_full_stop_of_its_own_gets_no_second_one() -> None:
    """What a policy says, and most of what is typed, is a sentence."""
    concerned = attrs.evolve(about(), reason="没有接待清单编号。")
    body = {"text": "合同、发票。", "ground": "涉及两个部门。", "due": "2026-03-09"}
    order = Order(number=1, measure=Measure.ORDER_RECTIFICATION, due=dt.date(2026, 3, 20))
    papers = (
        letters.document_request(concerned, body, ISSUE),
        letters.joint(concerned, body, ISSUE),
        letters.rectification_order(concerned, order, "限期退回。", ISSUE),
        letters.bulletin(concerned, TOLD, "已退回。", ISSUE),
        letters.bank_notice(concerned, [order], "限期办理。", ISSUE),
    )
    for paper in papers:
        assert "。。" not in paper.text(), paper.kind
    said = "".join(paper.text() for paper in papers)
    for sentence in ("没有接待清单编号。", "合同、发票。", "涉及两个部门。"):
        assert sentence in said

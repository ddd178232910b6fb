"""The policy form on the desk as a browser fills it in: what comes back, errors at their fields."""

import asyncio
import io
import re
from typing import Any

import lxml.html
import pytest
from python_calamine import CalamineWorkbook

from bureau.desk.people import Office
from policies.book.load import LIBRARY, load_texts
from policies.form.annotated import annotated, written
from tests.bureau.desks import Desk, Seated
from tests.bureau.words import DIVISION

pytestmark = pytest.mark.postgres
HOME = f"/desk/{DIVISION}/policies"
TEXTS = load_texts(LIBRARY / "jilin")


def root_of(page: str) -> Any:
    return lxml.html.fromstring(page)


def filled(page: str) -> dict[str, list[str]]:
    """What a browser would post of the page's form, its buttons left alone."""
    (form,) = (one for one in root_of(page).forms if one.get("class") == "stack sheet")
    found: dict[str, list[str]] = {}
    for name, value in form.form_values():
        if name not in ("csrf", "step"):
            found.setdefault(name, []).append(value)
    for one in root_of(page).xpath("//input[@form='sheet']"):  # beside the form, but of it
        if one.get("type") != "checkbox" or one.get("checked") is not None:
            found.setdefault(one.get("name"), []).append(one.get("value"))
    return found


def document(page: str) -> str:
    return str(root_of(page).xpath("//details[last()]/pre")[0].text_content())


async def opened(person: Seated, policy: str) -> dict[str, list[str]]:
    status, page = await person.get(f"{HOME}/{policy}/form")
    assert status == 200
    return filled(page)


async def posted(person: Seated, policy: str, fields: Any, step: str) -> tuple[int, str]:
    return await person.post(f"{HOME}/{policy}/form", {**fields, "step": step})


@pytest.mark.slow
async def test_what_the_form_shows_of_every_policy_is_the_policy(desk: Desk) -> None:
    reviewer = await desk.seat(Office.REVIEWER)
    for policy in ("JL-006", "JL-020", "JL-040", "JL-042", "JL-044", "JL-053", "JL-070"):
        place, text = f"{policy}.toml", TEXTS[f"{policy}.toml"]
        fields = await opened(reviewer, policy)
        status, page = await posted(reviewer, policy, fields, "refresh")
        assert status == 200
        assert document(page) == written(annotated(text)), place
        assert filled(page) == fields, place


async def test_a_limit_changed_in_the_form_is_told_in_words_and_handed_on(desk: Desk) -> None:
    reviewer, approver = await desk.seat(Office.REVIEWER), await desk.seat(Office.APPROVER)
    fields = await opened(reviewer, "JL-042")
    fields |= {"p.params.0.value": ["1,000.5"], "p.revision": ["3"]}
    _, page = await posted(reviewer, "JL-042", fields, "check")
    assert "检查未通过" in page, "its own tests still speak of the old limit"
    assert "用例「超过一分，两项批准都缺」" in page and "details open" in page
    for name, (value, *_) in list(fields.items()):
        if name.startswith("p.test.") and name.endswith(".facts"):
            fields[name] = [
                value.replace('"1000.01"', '"1000.51"').replace('"1000.00"', '"1000.50"')
            ]
    _, page = await posted(reviewer, "JL-042", fields, "check")
    assert "检查通过" in page and "1000.00 → 1000.50（放宽）" in page
    status, path = await posted(reviewer, "JL-042", fields | {"reason": ["提高限额"]}, "draft")
    assert status == 303
    assert "1000.50" in (await approver.get(path))[1]


async def test_tests_that_come_out_otherwise_are_accepted_one_by_one_with_a_reason(
    desk: Desk,
) -> None:
    reviewer, approver = await desk.seat(Office.REVIEWER), await desk.seat(Office.APPROVER)
    fields = await opened(reviewer, "JL-042")
    fields |= {"p.params.0.value": ["990.00"], "p.revision": ["3"], "facts": ['amount = "3.00"']}
    _, page = await posted(reviewer, "JL-042", fields, "check")
    told = [one.text_content() for one in root_of(page).xpath("//*[@id='failing']//li/p")]
    assert [one.partition("；")[0] for one in told] == [
        "用例「差一分到限额」：改前 放行，改后 拦截", "用例「正好到限额」：改前 放行，改后 拦截",
    ], "one line a failing case"  # fmt: skip
    assert "应补材料 无 → 财政部门现金批准、开户银行现金批准" in told[0]
    for word in (" none", " block", "approved_by_both", "cash_finance"):
        assert word not in "".join(told)
    assert "取回参数" in page and "990.00 → 1000.00" in page
    fields = filled(page)
    first = fields | {"accept-0": ["1"], "why-0": ["限额下调十元"], "why-1": ["还没想好"]}
    status, page = await posted(reviewer, "JL-042", first, "draft")
    assert status == 409 and filled(page)["why-1"] == ["还没想好"], "nothing typed is lost"
    status, page = await posted(reviewer, "JL-042", first, "accept")
    assert status == 200
    assert len(root_of(page).xpath("//*[@id='failing']//li/p")) == 1
    fields = filled(page)
    assert fields["facts"] == ['amount = "3.00"'] and fields["p.params.0.value"] == ["990.00"]
    status, page = await posted(reviewer, "JL-042", fields | {"accept-0": ["1"], "why-0": [""]},
                                "accept")  # fmt: skip
    assert status == 409 and "请填写接受理由：用例「正好到限额」" in page
    status, page = await posted(reviewer, "JL-042", filled(page) | {"why-0": ["同上，下调"]},
                                "accept")  # fmt: skip
    assert status == 200 and "检查通过" in page
    fields = filled(page)
    assert fields["reason"] == [
        "用例「差一分到限额」改为拦截：限额下调十元；用例「正好到限额」改为拦截：同上，下调"
    ]
    status, path = await posted(reviewer, "JL-042", fields, "draft")
    assert status == 303
    _, page = await approver.get(path)
    assert "用例「正好到限额」：原 放行，现" in page, "the second person is told"


async def test_a_changed_parameter_is_taken_back_and_all_else_stays(desk: Desk) -> None:
    reviewer = await desk.seat(Office.REVIEWER)
    fields = await opened(reviewer, "JL-042")
    fields |= {"p.params.0.value": ["990.00"], "p.title.zh": ["现金限额"], "reason": ["试一试"]}
    _, page = await posted(reviewer, "JL-042", fields, "check")
    [name] = root_of(page).xpath("//button[@name='back']/@value")
    status, page = await reviewer.post(f"{HOME}/JL-042/form", filled(page) | {"back": [name]})
    assert status == 200
    again = filled(page)
    assert again["p.params.0.value"] == ["1000.00"] and "failing" not in page
    assert (again["p.title.zh"], again["reason"]) == (["现金限额"], ["试一试"])
    status, page = await reviewer.post(f"{HOME}/JL-042/form", again | {"back": ["nothing"]})
    assert status == 409 and "没有这个参数" in page


async def test_every_mistake_stands_at_its_field(desk: Desk) -> None:
    reviewer = await desk.seat(Office.REVIEWER)
    fields = await opened(reviewer, "JL-042")
    fields |= {
        "p.params.0.value": ["一千"], "p.when.1.rows.0.source": ["params.per_persn"],
        "p.revision": ["二"], "p.test.3.facts": ["nonsense = ["],
    }  # fmt: skip
    status, page = await posted(reviewer, "JL-042", fields, "check")
    assert status == 409 and "无法写入" in page
    assert filled(page)["p.params.0.value"] == ["一千"], "what was typed comes back"
    del fields["p.test.3.facts"]
    _, page = await posted(reviewer, "JL-042", fields, "check")
    root = root_of(page)
    wrong = {one.get("name") for one in root.xpath("//*[@aria-invalid='true']")}
    assert {"p.params.0.value", "p.revision"} <= wrong
    fields |= {"p.params.0.value": ["1000.00"], "p.revision": ["3"]}
    _, page = await posted(reviewer, "JL-042", fields, "check")
    (told,) = root_of(page).xpath("//*[@name='p.when.1.text']/..//*[@class='bad wrong']")
    assert "per_person" in told.text_content()


async def test_a_picked_fact_brings_its_own_signs_and_values(desk: Desk) -> None:
    reviewer = await desk.seat(Office.REVIEWER)
    fields = await opened(reviewer, "JL-042")
    at = "p.when.2"
    fields |= {f"{at}.name": ["payer"], f"{at}.rows.0.fact": ["payer.class"]}
    _, page = await posted(reviewer, "JL-042", fields, "refresh")
    root = root_of(page)
    signs = root.xpath(f"//select[@name='{at}.rows.0.sign']/option/@value")
    assert "in" in signs and "<=" not in signs, "an option has no order"
    assert "单位零余额账户" in "".join(
        root.xpath(f"//select[@name='{at}.rows.0.options']/option/text()")
    )
    fields = filled(page) | {
        f"{at}.rows.0.manner": ["filled"], f"{at}.rows.0.options": ["zero_balance"],
    }  # fmt: skip
    _, page = await posted(reviewer, "JL-042", fields, "refresh")
    assert "payer = 'has(payer.class) && payer.class == \"zero_balance\"'" in document(page)
    coded = filled(page) | {f"{at}.rows.1.fact": ["dept_economic_code"]}
    coded |= {f"{at}.rows.1.sign": ["in"], f"{at}.rows.1.value": ["30201", "30202"]}
    _, page = await posted(reviewer, "JL-042", coded, "refresh")
    assert 'dept_economic_code in ["30201", "30202"]' in document(page)
    assert "30201 办公费" in page


async def test_a_table_goes_out_as_a_workbook_and_comes_back(desk: Desk) -> None:
    reviewer = await desk.seat(Office.REVIEWER)
    fields = await opened(reviewer, "JL-053")
    csrf = await reviewer.csrf()
    flat = [(name, one) for name, values in fields.items() for one in values]
    async with reviewer.session.post(
        f"{reviewer.url}{HOME}/JL-053/form", data=[("csrf", csrf), ("step", "table"), *flat]
    ) as answer:
        body = await answer.read()
    rows = CalamineWorkbook.from_filelike(io.BytesIO(body)).get_sheet_by_index(0).to_python()
    assert rows[0][:2] == ["id", "article"] and "cap" in rows[0]
    _, page = await posted(reviewer, "JL-053", fields | {"xlsx": [("t.xlsx", body)]}, "import")
    assert filled(page) == fields
    for bad in (b"no workbook", b""):
        status, page = await posted(
            reviewer, "JL-053", fields | {"xlsx": [("t.xlsx", bad)]}, "import"
        )
        assert status == 409 and filled(page) == fields


async def test_what_is_too_free_for_the_form_is_edited_as_text_and_says_so(desk: Desk) -> None:
    reviewer = await desk.seat(Office.REVIEWER)
    free = TEXTS["JL-042.toml"].replace('division = "22"', 'division = "22"  # 全省')
    status, page = await reviewer.post(f"{HOME}/JL-042/edit", {"document": free, "step": "form"})
    assert status == 200 and "只能按文字编辑" in page and "# 全省" in page
    fits = {"document": TEXTS["JL-042.toml"], "step": "form"}
    _, page = await reviewer.post(f"{HOME}/JL-042/edit", fits)
    assert re.search(r'name="p.params.0.value"[^>]*value="1000.00"', page)
    _, page = await posted(reviewer, "JL-042", filled(page), "text")
    assert 'name="document"' in page
    for strange in (
        {"p.when.x.rows": ["1"], "p.when.x.rows.0.fact": ["amount"]},
        {"p.window": ["x"]},
    ):
        status, _ = await posted(reviewer, "JL-042", strange, "check")
        assert status in (200, 400, 409)


async def test_a_field_named_without_an_end_is_no_field_of_the_form(desk: Desk) -> None:
    reviewer = await desk.seat(Office.REVIEWER)
    for name in ("p." + "a." * 5000, "p." + "0." * 5000 + "x"):
        assert (await reviewer.post(f"{HOME}/JL-042/form", {name: "1", "step": "check"}))[0] == 400


async def test_a_policy_is_put_on_trial_once_however_many_ask(desk: Desk) -> None:
    proofs = desk.rooms.policies.proofs
    found = await asyncio.gather(
        *(proofs.of(TEXTS["JL-042.toml"], "JL-042.toml") for _ in range(5))
    )
    assert len({id(each) for each in found}) == 1

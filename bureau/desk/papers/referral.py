"""违规问题移交函 (Art. 23, 11(3)): the whole case in one letter to whoever takes it on."""

from bureau.desk.casework.state import Referral
from bureau.desk.papers.letters import RULES, Concerned, Issue, payments, set_out
from bureau.desk.papers.paper import Kind, Paper, Paragraph, blank, day_zh, ended


def referral(about: Concerned, proposed: Referral, issue: Issue) -> Paper:
    """The reason for it on top, as it was typed; every fact from the case itself."""
    if proposed.to == "other":
        is_, article, asked = (
            "，不属于我单位职责范围",
            "第十一条（三）",
            "移交你单位，请按照规定处理。",
        )
    else:
        is_, article, asked = "，情节严重", "第二十三条", "提供给你单位，请作为重点监督检查对象。"
    opening: Paragraph = (
        "我单位在预算执行动态监控中核实确认，", blank(about.name), f"存在违规问题{is_}。"
        f"根据{RULES}{article}，现将有关情况{asked}",
    )  # fmt: skip
    return set_out(
        Kind.REFERRAL, issue, addressee(proposed, about.region),
        (opening, ("移交理由：", ended(proposed.text))),
        rows=(*_facts(about), *payments(about), *_handled(about)),
        end=(("有关办理情况请函告我单位。",),),
    )  # fmt: skip


def addressee(proposed: Referral, region: str) -> str:
    """The body at the bureau's own level by its name; without a region as the article writes it.

    A development zone (开发区) has no congress: its bodies are not named either.
    """
    if proposed.to == "other":
        return proposed.person
    region = region.removesuffix("本级")
    if not region or "开发区" in region or not region.endswith(("省", "州", "市", "县", "区")):
        return {
            "congress": "同级人民代表大会常务委员会", "audit": "同级审计机关",
            "discipline": "同级纪检监察机关",
        }[proposed.to]  # fmt: skip
    return {
        "congress": f"{region}人民代表大会常务委员会",
        "audit": f"{region}审计{'厅' if region.endswith('省') else '局'}",
        "discipline": f"中共{region}纪律检查委员会、{region}监察委员会",
    }[proposed.to]


def _facts(about: Concerned) -> tuple[tuple[str, str], ...]:
    known = about.established
    day = f"（{day_zh(known.on)}认定）" if known.on else ""
    rows = [
        ("案件编号", about.case),
        ("违规单位", about.name),
        ("主管部门", about.superior),
        ("监控发现", about.reason),
        ("核实认定的违规事实", f"{known.found}{day}" if known.found else ""),
        ("违反规定", "\n".join(about.policies)),
        about.involved_row,
    ]
    return tuple((name, words) for name, words in rows if words)


def _handled(about: Concerned) -> tuple[tuple[str, str], ...]:
    known = about.established
    rows: list[tuple[str, str]] = []
    for each in known.orders:
        rows.append((f"处理决定第{each.number}项", each.ordered))
        rows.append((f"第{each.number}项落实情况", each.outcome))
    if not rows:
        rows.append(("处理情况", "截至本函印发，我单位尚未对该问题作出处理决定。"))
    if known.disputed:
        rows.append(("复议、诉讼或仲裁", "正在进行，尚未终结（第二十四条）。"))
    return tuple(rows)

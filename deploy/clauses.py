"""`python -m deploy.clauses`: writes docs/clauses.md, which policy stands behind which clause.

Every numbered item of Articles 9 to 24 of the regulation, the policies that cite it with their
embedded tests, or who judges it instead. A clause that nobody judges is an error.
"""

import csv
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

import attrs

from policies.book.document import Policy
from policies.book.load import load
from policies.book.names import article_zh

PAGE = Path(__file__).parents[1] / "docs" / "clauses.md"
DATA = Path(__file__).parent / "data"
JUDGES = {
    "policies": ("监控规则", "policies"),
    "door": ("网关受理：签名与原文原样转发", "the door: signature, and the same bytes to the bank"),
    "parser": ("网关解析：格式", "the parsers: form"),
    "ledger": ("网关总账：身份与额度", "the ledger: identity and limits"),
    "log": ("签名监控日志与财政见证", "the signed log, witnessed by the bureau"),
    "conduct": ("支付后核对代理银行行为", "conduct checks of the bank, after payment"),
    "bureau": ("财政部门人工核实与处理", "people at the bureau"),
    "finance": (
        "财政部门自身业务，支付指令中看不到",
        "the bureau's own work, not in an instruction",
    ),
    "book": ("规则簿：测试、签名、版本", "the policy book: tests, signatures, revisions"),
    "heading": ("条文只有标题", "a heading without text"),
}
BUILT = {"yes": "", "partly": "（部分实现 partly built）", "no": "（尚未实现 not built yet）"}
_UNBUILT = ("conduct", "bureau")
"""Whose tools the house does not have yet, where no test shows them."""
_STEP = re.compile(r"\([0-9]+\)|[0-9]+|[①-⑳]")


class ClauseForgotten(Exception):
    """A clause without a judge, or a policy that cites a clause which is not listed."""


@attrs.frozen(kw_only=True)
class Clause:
    id: str
    zh: str
    en: str
    judge: str
    tests: tuple[str, ...]


@attrs.frozen(kw_only=True)
class Elsewhere:
    """A default rule that is no policy file, and who judges it."""

    rule: str
    zh: str
    en: str
    judge: str
    built: str
    tests: tuple[str, ...]


def main() -> int:
    PAGE.write_text(page(), "utf-8")
    return 0


def page() -> str:
    """The whole page. Raises ClauseForgotten."""
    cited = citations(policies())
    listed = clauses()
    unknown = sorted(set(cited) - {clause.id for clause in listed} - _BEYOND)
    if unknown:
        raise ClauseForgotten(f"cited by a policy, but not listed: {', '.join(unknown)}")
    return "\n".join([*_HEAD, *_clause_rows(listed, cited), *_ELSEWHERE_HEAD, *_elsewhere_rows()])


_BEYOND = {"27(2)"}
"""Articles after 24 that policies cite as well."""


@cache
def policies() -> tuple[Policy, ...]:
    """Each policy once, by id."""
    found = {unit.policy.id: unit.policy for unit in load().units}
    return tuple(found[id] for id in sorted(found))


def clauses() -> tuple[Clause, ...]:
    return tuple(
        Clause(
            id=row["clause"], zh=row["zh"], en=row["en"], judge=row["judge"],
            tests=tuple(row["tests"].split()),
        )
        for row in _rows("clauses")
    )  # fmt: skip


def elsewhere() -> tuple[Elsewhere, ...]:
    return tuple(
        Elsewhere(
            rule=row["rule"], zh=row["zh"], en=row["en"], judge=row["judge"], built=row["built"],
            tests=tuple(row["tests"].split()),
        )
        for row in _rows("elsewhere")
    )  # fmt: skip


def citations(found: Sequence[Policy]) -> Mapping[str, tuple[Policy, ...]]:
    """The policies by each clause that they, their causes or their exceptions cite."""
    cited: dict[str, dict[str, Policy]] = {}
    for policy in found:
        articles = [policy.law.article]
        articles += [cause.article for cause in policy.causes]
        articles += [unless.article for unless in policy.unless]
        for one in (part.strip() for article in articles for part in article.split(";")):
            if one:
                cited.setdefault(one, {})[policy.id] = policy
    return {clause: tuple(rows[id] for id in sorted(rows)) for clause, rows in cited.items()}


def behind(clause: str, cited: Mapping[str, tuple[Policy, ...]]) -> tuple[Policy, ...]:
    """The policies that cite the clause, or the paragraph that it is an item of."""
    steps = [match.group() for match in _STEP.finditer(clause)]
    wider = ["".join(steps[:length]) for length in range(2, len(steps) + 1)] or [clause]
    found = {policy.id: policy for one in wider for policy in cited.get(one, ())}
    return tuple(found[id] for id in sorted(found))


def _clause_rows(
    listed: Sequence[Clause], cited: Mapping[str, tuple[Policy, ...]]
) -> Iterator[str]:  # fmt: skip
    for clause in listed:
        rules = behind(clause.id, cited)
        if clause.judge == "policies" and not rules:
            raise ClauseForgotten(f"nobody judges {clause.id}")
        zh, en = JUDGES[clause.judge]
        shown = "、".join(map(_policy, rules)) or "—"
        built = BUILT["no" if clause.judge in _UNBUILT and not clause.tests else "yes"]
        judge = f"{zh}<br>{en} {built}".rstrip()
        yield (
            f"| {article_zh(clause.id)} | {clause.zh}<br>{clause.en} | {judge}"
            f" | {shown} | {_tests(clause.tests)} |"
        )


def _policy(policy: Policy) -> str:
    return f"[{policy.id}](../policies/library/jilin/{policy.id}.toml) {len(policy.tests)}"


def _elsewhere_rows() -> Iterator[str]:
    for row in elsewhere():
        zh, en = JUDGES[row.judge]
        yield (
            f"| {row.rule} | {row.zh}<br>{row.en} | {zh}<br>{en} {BUILT[row.built]}".rstrip()
            + f" | {_tests(row.tests)} |"
        )
    yield ""


def _tests(paths: Sequence[str]) -> str:
    return "<br>".join(f"[{path}](../{path})" for path in paths) or "—"


def _rows(table: str) -> list[dict[str, str]]:
    with (DATA / f"{table}.csv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


_HEAD = (
    "# 条款与规则 Clauses and policies",
    "",
    "由 `python -m deploy.clauses` 生成，请勿手改。Generated; do not edit.",
    "",
    "《吉林省预算执行动态监控管理办法（2022修订）》第九条至第二十四条的每一项，由哪些规则或由谁判断。",
    "规则后的数字是内嵌测试的个数，每次装入规则簿都会全部运行；",
    "`treasury-gateway policy test` 另加边界测试和变异测试。",
    "",
    "Every numbered item of Articles 9 to 24: the policies that judge it, or who does instead. The",
    "number behind a policy counts its embedded tests, which run whenever the book is loaded. An",
    "item of a list is also judged by the policies on the whole list.",
    "",
    "| 条款 | 事项 | 由谁判断 judged by | 规则（内嵌测试） policies | 其他测试 more tests |",
    "|---|---|---|---|---|",
)
_ELSEWHERE_HEAD = (
    "",
    "## 不是规则文件的默认规则 Default rules that are no policy files",
    "",
    "这些规则不能只凭一笔支付指令判断，或在成为支付指令之前已经判断。",
    "These cannot be judged on an instruction, or are judged before there is one. JL-033,",
    "JL-034 and JL-073 are beyond the default rules: an approval that is used up, a batch that is",
    "paid by its main voucher and by its details, and procurement in parts of a round sum.",
    "",
    "| 规则 | 事项 | 由谁判断 judged by | 测试 tests |",
    "|---|---|---|---|",
)


if __name__ == "__main__":
    sys.exit(main())

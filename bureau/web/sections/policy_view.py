"""What the policy form shows: pickers by type, names beside codes, and each error at its field."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from markupsafe import Markup

from gateway.domain.codes import ApprovalKind, Evidence, PaymentMethod, Register
from gateway.domain.facts import Source
from policies.book.cases import CASES
from policies.book.load import load_codes
from policies.book.names import option_zh
from policies.form.condition import APART, SIGNS, Kinds, signs_for
from policies.language.errors import Problem
from policies.language.types import SCHEMA, Kind, Type

_SOURCES = {
    Source.INSTRUCTION: "指令", Source.REGISTER: "登记", Source.LIMIT: "额度", Source.CLOCK: "时间",
}  # fmt: skip
_KINDS = {
    Kind.TEXT: "文字", Kind.CODE: "代码", Kind.ENUM: "选项", Kind.SET: "多个选项",
    Kind.MONEY: "金额·元", Kind.COUNT: "整数", Kind.DATE: "日期", Kind.BOOL: "是否",
}  # fmt: skip
MANNERS = {
    "plain": "直接判断", "filled": "已填写，且", "not": "并非", "filled_not": "已填写，且并非",
    "not_filled": "并非“已填写且”",
}  # fmt: skip
ACTIONS = {"block": "拦截", "hold": "挂起", "warn": "提示", "record": "记录"}
LIGHTS = {"red": "红", "orange": "橙", "yellow": "黄", "blue": "蓝"}
PARAM_KINDS = {
    "money": "金额（元）",
    "count": "整数",
    "text": "文字",
    "bool": "是否",
    "list": "名单",
}
CHOICES: Mapping[str, Mapping[str, str]] = {
    "light": LIGHTS, "action": ACTIONS, "missing_evidence": {"": "同措施", **ACTIONS},
    "on_unavailable": {"": "挂起", **ACTIONS},
    "lower_levels_may": {"none": "不得改动", "tighten": "只可从严", "replace": "可以另定"},
    "mender": {"": "预算单位", "agency": "预算单位", "bureau": "财政部门", "bank": "代理银行"},
    "kind": PARAM_KINDS, "stricter": {"": "—", "lower": "越低越严", "higher": "越高越严"},
    "measure": {"sum": "合计", "count": "次数", "max": "最大", "distinct": "不同的个数"},
    "counts": {"passed": "已放行", "passed\nheld": "已放行和挂起"},
    "row_action": {"": "同措施", **ACTIONS},
    "outcome": {**ACTIONS, "none": "不触发"},
    "base": {
        "": "授权支付转账", "authorized_transfer": "授权支付转账",
        "direct_transfer": "直接支付转账",
        "cash_to_person": "向个人支付现金", "transfer_to_person": "向个人转账",
    },
}  # fmt: skip
assert set(CHOICES["base"]) == {"", *CASES}


class Told:
    """Problems by the place that they name."""

    def __init__(self, problems: Sequence[Problem], place: str) -> None:
        self._by: dict[str, list[Problem]] = defaultdict(list)
        for problem in problems:
            self._by[problem.place.removeprefix(f"{place}.")].append(problem)

    def at(self, *places: str) -> list[Problem]:
        return [one for place in places for one in self._by.get(place, ())]

    def within(self, prefix: str, drawn: Iterable[str] = ()) -> list[Problem]:
        """Those below a part that no field of its own shows."""
        own = {f"{prefix}.{name}" for name in drawn}
        return [
            one for place, found in self._by.items() for one in found
            if (place == prefix or place.startswith((f"{prefix}.", f"{prefix}（", f"{prefix}[")))
            and place not in own
        ]  # fmt: skip

    def any(self, *prefixes: str) -> bool:
        return any(self.within(prefix) for prefix in prefixes)


@cache
def fact_words(name: str) -> str:
    """A fact for a person: Chinese name, type and unit, whether it may be empty, its source."""
    fact = SCHEMA[name]
    optional = "，可空" if fact.optional else ""
    return f"{fact.zh}（{_KINDS[fact.type.kind]}{optional}；{_SOURCES[fact.source]}）"


@cache
def fact_list(extra: tuple[tuple[str, str], ...]) -> Markup:
    """The fact catalogue as options of a list; the policy's own windows and columns first."""
    rows = [*extra, *((name, fact_words(name)) for name in SCHEMA)]
    option = Markup('<option value="{}">{}</option>')
    return Markup("").join(option.format(name, words) for name, words in rows)


class Shown:
    """The pickers of one sheet."""

    def __init__(self, sheet: Mapping[str, Any], kinds: Kinds) -> None:
        self._kinds = kinds
        self.extra = tuple(
            (name, f"{name}（{_KINDS[type.kind]}）")
            for name, type in kinds.items() if name.startswith(("window.", "row."))
        )  # fmt: skip
        self._named = [f"{room}.{one['name']}" for room in ("params", "lists")
                       for one in sheet.get(room) or [] if one.get("name")]  # fmt: skip
        columns = (sheet.get("table") or {}).get("columns") or []
        self._named += [f"row.{one['name']}" for one in columns if one.get("name")]

    def listed(self) -> Markup:
        return fact_list(self.extra)

    def words(self, fact: str) -> str:
        """What stands on a picked fact."""
        own = dict(self.extra).get(fact)
        return own or (f"{fact_words(fact)} {fact}" if fact in SCHEMA else fact)

    def type(self, fact: str) -> Type | None:
        return self._kinds.get(fact)

    def kind(self, fact: str) -> str:
        found = self._kinds.get(fact)
        return found.kind.value if found else "text"

    def signs(self, fact: str, chosen: str) -> list[tuple[str, str]]:
        names = signs_for(self._kinds.get(fact))
        if chosen and chosen not in names:
            names = (chosen, *names)
        return [(name, f"{SIGNS[name].zh} {SIGNS[name].en}") for name in names if name in SIGNS]

    def bare(self, sign: str) -> bool:
        return sign in SIGNS and SIGNS[sign].bare

    def many(self, sign: str) -> bool:
        return sign in SIGNS and SIGNS[sign].many

    def takes_phrases(self, sign: str) -> bool:
        return sign == APART

    def lists(self, chosen: str) -> list[str]:
        """Named lists of words or phrases."""
        found = [name for name in self._named if not name.startswith("params.")]
        return found if chosen in ("", *found) else [chosen, *found]

    def sources(self, fact: str, chosen: str) -> list[str]:
        """Named values: parameters, lists, columns, and facts of the same type."""
        type = self._kinds.get(fact)
        same = [n for n, t in self._kinds.items() if t == type and n != fact and type is not None
                and t.kind in (Kind.MONEY, Kind.COUNT, Kind.DATE, Kind.TEXT)]  # fmt: skip
        found = [*self._named, *same]
        return found if chosen in ("", *found) else [chosen, *found]

    def options(self, fact: str) -> list[tuple[str, str]]:
        type = self._kinds.get(fact)
        if type is None or type.enum is None:
            return []
        return [(one.value, option_zh(one)) for one in type.enum]

    def codes(self, fact: str) -> list[tuple[str, str]]:
        """The code table of a fact: code and name, as of today's law."""
        type = self._kinds.get(fact)
        return code_names(type.codes) if type and type.codes else []

    def named_codes(self, fact: str, typed: str) -> list[tuple[str, str]]:
        known = dict(self.codes(fact))
        return [(one, known[one]) for one in typed.split("\n") if one in known]


@cache
def code_names(table: str) -> list[tuple[str, str]]:
    """Each code once, with its latest name."""
    return [(code, entries[-1].name) for code, entries in sorted(load_codes()[table].codes.items())]


def paper_names(kind: str) -> list[tuple[str, str]]:
    options = Evidence if kind == "evidence" else ApprovalKind
    return [(one.value, option_zh(one)) for one in options]


REGISTERS = {one.value: option_zh(one) for one in Register}
METHODS = [(one.value, option_zh(one)) for one in PaymentMethod]
PAPERS = dict([*paper_names("evidence"), *paper_names("approvals")])

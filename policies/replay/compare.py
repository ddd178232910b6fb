"""Says in words how one book differs from another, Chinese beside English."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs

from gateway.domain.decision import SEVERITY, Action
from gateway.domain.money import Fen, yuan
from policies.book.document import LowerLevels, Policy, Stricter
from policies.book.resolve import level
from policies.language.typed import Constant
from policies.language.types import Kind
from policies.replay.leaning import NARROWS, WIDENS, leanings


@attrs.frozen(kw_only=True)
class Difference:
    policy: str
    zh: str
    en: str
    looser: bool = False
    """Whether something that was refused might pass now: the approver looks at these first."""


_FIELDS: Mapping[str, tuple[str, str]] = {
    "title": ("名称", "title"),
    "law": ("依据", "law"),
    "light": ("预警灯", "light"),
    "reason": ("告知理由", "reason"),
    "remedy": ("处理办法", "remedy"),
    "mender": ("整改责任方", "mender"),
    "lower_levels_may": ("下级权限", "what lower levels may do"),
    "effective": ("施行期", "days in force"),
    "scope": ("适用范围", "scope"),
}
_LOOSENING = frozenset({"scope", "effective", "lower_levels_may"})
Parts = Mapping[str, tuple[str, str]]
"""What a clause, cause, exception, remark or window says, by field: in Chinese, in English."""
_PARTS: Mapping[str, tuple[str, str]] = {
    "": ("", "to"), "article": ("依据条款", "article"), "title": ("名称", "title"),
    "wording": ("说明", "words"), "when": ("条件", "condition"), "evidence": ("须有材料", "papers"),
    "approvals": ("须有批准", "approvals"), "action": ("措施", "verdict"),
    "row": ("表中取值", "values"), "reason": ("补充理由", "reason"),
    "remedy": ("处理办法", "remedy"), "key": ("分组要素", "key"),
    "where": ("计入条件", "which count"), "measure": ("累计方式", "measure"),
    "of": ("累计要素", "of"), "days": ("天数", "days"), "counts": ("计入", "counts"),
}  # fmt: skip
_WORDS = frozenset({"article", "title", "wording", "reason", "remedy"})
_ACTIONS = ("action", "missing_evidence", "on_unavailable")
_ACTION_ZH = {
    Action.RECORD: "记录",
    Action.WARN: "提示",
    Action.HOLD: "挂起",
    Action.BLOCK: "拦截",
}
_ACTION_OF = {
    "action": ("处理方式", "action"),
    "missing_evidence": ("缺材料时", "if papers are missing"),
    "on_unavailable": ("登记不可用时", "if a register is unavailable"),
}


def compare(old: Sequence[Policy], new: Sequence[Policy]) -> tuple[Difference, ...]:
    """Every difference, by policy; the order of documents and their remarks do not matter."""
    before = {(p.id, p.scope.division): p for p in old}
    after = {(p.id, p.scope.division): p for p in new}
    found: list[Difference] = []
    for key in sorted(before.keys() | after.keys()):
        one, other = before.get(key), after.get(key)
        if one is None:
            assert other is not None
            found.append(_added(other, new))
        elif other is None:
            found.append(
                _said(one, f"删除“{one.title.zh}”", f"removed: {one.title.en}", looser=True)
            )
        else:
            found += _changed(one, other)
    return tuple(found)


def _added(policy: Policy, book: Sequence[Policy]) -> Difference:
    """One that takes the place of the higher level's may ask for less than that."""
    own = level(policy.scope.division)
    replaced = [
        each
        for each in book
        if each.id == policy.id
        and each.lower_levels_may is LowerLevels.REPLACE
        and own.startswith(level(each.scope.division))
        and own != level(each.scope.division)
    ]
    zh, en = f"新增“{policy.title.zh}”", f"added: {policy.title.en}"
    if replaced:
        above = replaced[-1].scope.division
        zh, en = f"{zh}，替换上级（{above}）规则", f"{en}, replacing that of {above}"
    return _said(policy, zh, en, looser=bool(replaced))


def _changed(old: Policy, new: Policy) -> Iterator[Difference]:
    if old.revision != new.revision:
        yield _said(new, f"修订号 {old.revision} → {new.revision}",
                    f"revision {old.revision} -> {new.revision}")  # fmt: skip
    elif old.content != new.content:
        yield _said(new, "内容有变，修订号未变", "changed, but its revision is the same")
    for name in _ACTIONS:
        yield from _action(name, getattr(old, name), getattr(new, name), new)
    for name, (zh, en) in _FIELDS.items():
        if getattr(old, name) != getattr(new, name):
            was, now = _tongues(old.content.get(name)), _tongues(new.content.get(name))
            tongue = 0 if was[0] != now[0] else 1
            yield _said(new, f"{'英文' if tongue else ''}{zh}：{was[tongue]} → {now[tongue]}",
                        f"{en}: {was[1]} -> {now[1]}",
                        looser=name in _LOOSENING)  # fmt: skip
    yield from _params(old, new)
    yield from _named("条款", "clause", _clauses(dict(old.when)), _clauses(dict(new.when)), new)
    yield from _named("情形", "cause", _rows(old.causes), _rows(new.causes), new)
    yield from _named("例外", "exception", _rows(old.unless), _rows(new.unless), new)
    yield from _named("附带说明", "remark", _rows(old.remarks), _rows(new.remarks), new)
    yield from _named("窗口", "window", _rows(old.windows), _rows(new.windows), new)
    yield from _lists(old, new)
    if len(old.tests) != len(new.tests):
        yield _said(new, f"测试 {len(old.tests)} → {len(new.tests)} 个",
                    f"tests {len(old.tests)} -> {len(new.tests)}")  # fmt: skip


def _action(name: str, was: Action, now: Action, policy: Policy) -> Iterator[Difference]:
    if was is not now:
        zh, en = _ACTION_OF[name]
        looser = SEVERITY[now] < SEVERITY[was]
        yield _said(policy, f"{zh}由{_ACTION_ZH[was]}改为{_ACTION_ZH[now]}",
                    f"{en}: {was} -> {now}", looser=looser)  # fmt: skip


def _params(old: Policy, new: Policy) -> Iterator[Difference]:
    for name in sorted(old.params.keys() | new.params.keys()):
        was, now = old.params.get(name), new.params.get(name)
        before, after = (_values(p.values) if p else "无 / none" for p in (was, now))
        if before == after:
            continue
        looser, word_zh, word_en = True, "", ""
        if was and now and len(was.values) == len(now.values) == 1 and now.stricter:
            one, other = was.values[0][1], now.values[0][1]
            if isinstance(one, Constant) and isinstance(other, Constant):
                lower = _number(other) < _number(one)
                looser = lower is not (now.stricter is Stricter.LOWER)
                word_zh, word_en = (
                    ("（放宽）", " (looser)") if looser else ("（从严）", " (stricter)")
                )
        yield _said(new, f"参数 {name}：{before} → {after}{word_zh}",
                    f"parameter {name}: {before} -> {after}{word_en}", looser=looser)  # fmt: skip


def _values(values: Sequence[tuple[Any, Any]]) -> str:
    """One value, or each with its first day."""
    if len(values) == 1:
        return _value(values[0][1])
    return "; ".join(f"{day.isoformat()}: {_value(value)}" for day, value in values)


def _value(value: Any) -> str:
    if isinstance(value, Constant):
        return yuan(Fen(_number(value))) if value.type.kind is Kind.MONEY else str(value.value)
    return ", ".join(map(str, value))


def _number(value: Constant) -> int:
    return value.value if isinstance(value.value, int) else 0


def _rows(rows: Sequence[Any]) -> dict[str, Parts]:
    """Rows by id or name, each by what it says but its place."""
    found: dict[str, Parts] = {}
    for row in rows:
        fields = attrs.asdict(row, filter=lambda a, _: a.name not in ("place", "id", "name"))
        found[str(getattr(row, "id", None) or row.name)] = {
            name: _tongues(value) for name, value in fields.items()
        }
    return found


def _clauses(clauses: Mapping[str, str]) -> dict[str, Parts]:
    return {name: {"": (text, text)} for name, text in clauses.items()}


def _tongues(value: Any) -> tuple[str, str]:
    """In Chinese and in English; what is no wording reads alike in both."""
    if isinstance(value, Mapping) and set(value) == {"zh", "en"}:
        return str(value["zh"]), str(value["en"])
    if isinstance(value, Mapping) and "from" in value:  # days in force
        last = f"至 {value['to']}" if value.get("to") else ""
        return f"{value['from']} 起{last}", _shown(value)
    return _shown(value), _shown(value)


def _named(
    zh: str, en: str, old: Mapping[str, Parts], new: Mapping[str, Parts], policy: Policy,
) -> Iterator[Difference]:  # fmt: skip
    """Clauses and windows narrow a policy, causes widen it, exceptions ease it."""
    widens = en == "cause"
    for name in sorted(old.keys() | new.keys()):
        was, now = old.get(name), new.get(name)
        if was == now:
            continue
        if was is None:
            assert now is not None
            yield _said(policy, f"新增{zh} {name}：{_whole(now)}", f"{en} added: {name}",
                        looser=not widens)  # fmt: skip
        elif now is None:
            yield _said(policy, f"删除{zh} {name}：{_whole(was)}", f"{en} removed: {name}",
                        looser=widens or en == "window")  # fmt: skip
        else:
            yield from _parted(f"{zh} {name}", f"{en} {name} changed", was, now, policy)


def _parted(zh: str, en: str, old: Parts, new: Parts, policy: Policy) -> Iterator[Difference]:
    """Only the parts that differ, so that who approves does not look for them."""
    for part in old:
        was, now = old[part], new[part]
        if was == now:
            continue
        words, english = _PARTS[part]
        tongue = 0 if was[0] != now[0] else 1
        label = f"{'英文' if tongue else ''}{words} " if words else ""
        yield _said(policy, f"{zh}：{label}{was[tongue] or '无'} → {now[tongue] or '无'}",
                    f"{en}: {english} {was[1] or 'none'} -> {now[1] or 'none'}",
                    looser=part not in _WORDS)  # fmt: skip


def _whole(parts: Parts) -> str:
    return "；".join(
        f"{_PARTS[part][0]} {text}".strip() for part, (text, _) in parts.items() if text
    )


def _lists(old: Policy, new: Policy) -> Iterator[Difference]:
    leans_old, leans_new = leanings(old), leanings(new)
    for name in sorted(old.lists.keys() | new.lists.keys()):
        leans = leans_old.get(name, frozenset()) | leans_new.get(name, frozenset())
        before, after = set(old.lists.get(name, ())), set(new.lists.get(name, ()))
        for words, zh, en, looser in (
            (after - before, "增加", "gains", NARROWS in leans),
            (before - after, "减少", "loses", WIDENS in leans),
        ):
            if words:
                listed = "、".join(sorted(words))
                yield _said(new, f"名单 {name} {zh}：{listed}", f"list {name} {en}: {listed}",
                            looser=looser)  # fmt: skip


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{k}={_shown(v)}" for k, v in value.items() if v not in ("", None, {}))
    if isinstance(value, list | tuple):
        return ", ".join(map(_shown, value))
    return str(value)


def _said(policy: Policy, zh: str, en: str, *, looser: bool = False) -> Difference:
    return Difference(policy=policy.id, zh=zh, en=en, looser=looser)

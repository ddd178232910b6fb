"""Puts a judgement into words: the finding that the record, the agency and the bureau read."""

from gateway.domain.codes import BusinessType, Register
from gateway.domain.decision import SEVERITY, Action, Finding, Light, Missing, NearException
from gateway.domain.facts import Facts
from policies.book.document import Policy
from policies.book.judge import ExceptionState, Judgement
from policies.book.names import article_zh, option_en, option_zh, paper_en, paper_zh
from policies.book.template import Speaker
from policies.book.unit import RemarkRule, Sentence, Unit
from policies.language.interpret import UNAVAILABLE, truth

_LIGHT_OF = {
    Action.BLOCK: Light.RED,
    Action.HOLD: Light.ORANGE,
    Action.WARN: Light.YELLOW,
    Action.RECORD: Light.BLUE,
}

BOOK_ID = "BOOK"
"""The policy id of findings that concern the book itself and no single policy."""


def finding_of(
    unit: Unit, judgement: Judgement, facts: Facts, speaker: Speaker
) -> Finding | None:  # fmt: skip
    """The finding; None if the policy did not fire."""
    if judgement.fired is False:
        return None
    worst = _worst(unit.policy, judgement)
    if judgement.fired is UNAVAILABLE or _might_be_worse(unit.policy, judgement, worst):
        return _unavailable(unit, facts)
    return _fired(unit, judgement, facts, speaker)


def plain_finding(unit: Unit, facts: Facts, speaker: Speaker) -> Finding:
    """What `finding_of` says of a plain unit that fired, without asking what it cannot have."""
    policy, say = unit.policy, speaker.say
    return Finding(
        policy=policy.id,
        revision=policy.revision,
        article=policy.law.article,
        light=policy.light,
        action=policy.action,
        title_zh=policy.title.zh,
        title_en=policy.title.en,
        reason_zh=say(unit.reason.zh, facts, english=False),
        reason_en=say(unit.reason.en, facts, english=True),
        remedy_zh=say(unit.remedy.zh, facts, english=False),
        remedy_en=say(unit.remedy.en, facts, english=True),
        mender=policy.mender,
    )


def _worst(policy: Policy, judgement: Judgement) -> Action:
    """The most severe of the causes that hold; without causes the policy's own action."""
    if not judgement.causes:
        return policy.action
    held = (cause.action for cause, found in judgement.causes if found is True)
    return max(held, key=SEVERITY.__getitem__, default=policy.action)


def _might_be_worse(policy: Policy, judgement: Judgement, worst: Action) -> bool:
    """A mild cause must not hide that a severer one could not be asked."""
    return SEVERITY[policy.on_unavailable] > SEVERITY[worst] and any(
        found is UNAVAILABLE and SEVERITY[cause.action] > SEVERITY[worst]
        for cause, found in judgement.causes
    )


def _fired(unit: Unit, judgement: Judgement, facts: Facts, speaker: Speaker) -> Finding:
    policy = unit.policy
    near = judgement.near
    action = _worst(policy, judgement)
    if near and action is policy.action:
        action = policy.missing_evidence
    causes_zh = causes_en = ""
    articles: dict[str, None] = {}
    if judgement.causes:
        held = [cause for cause, found in judgement.causes if found is True]
        causes_zh = "；".join([_said(c.sentence, facts, speaker, False) for c in held])
        causes_en = "; ".join([_said(c.sentence, facts, speaker, True) for c in held])
        articles = dict.fromkeys([c.article for c in held if c.article])
    remark = _remark(unit, facts) if unit.remarks else None
    remedy = (remark and remark.remedy) or unit.remedy
    tail_zh, tail_en = _near_words(near, near is not None and _claimed(unit, near, facts))
    if remark:
        tail_zh = _said(remark.reason, facts, speaker, False, causes_zh) + tail_zh
        tail_en = f" {_said(remark.reason, facts, speaker, True, causes_en)}{tail_en}"
    return Finding(
        policy=policy.id,
        revision=policy.revision,
        article="; ".join(articles) or policy.law.article,
        light=policy.light if action is policy.action else _LIGHT_OF[action],
        action=action,
        title_zh=policy.title.zh,
        title_en=policy.title.en,
        reason_zh=_said(unit.reason, facts, speaker, False, causes_zh) + tail_zh,
        reason_en=_said(unit.reason, facts, speaker, True, causes_en) + tail_en,
        remedy_zh=_said(remedy, facts, speaker, False, causes_zh),
        remedy_en=_said(remedy, facts, speaker, True, causes_en),
        mender=policy.mender,
        exception=_near(near),
        missing=tuple(map(_missing, near.missing)) if near else (),
    )


def _said(
    sentence: Sentence, facts: Facts, speaker: Speaker, english: bool, causes: str = ""
) -> str:
    chosen = sentence.en if english else sentence.zh
    return speaker.say(chosen, facts, english=english, causes=causes)


def _near(state: ExceptionState | None) -> NearException | None:
    if state is None:
        return None
    rule = state.rule
    return NearException(
        id=rule.id, article=rule.article, title_zh=rule.title.zh, title_en=rule.title.en
    )


def _missing(kind: str) -> Missing:
    return Missing(kind=kind, zh=paper_zh(kind), en=paper_en(kind))


def _near_words(state: ExceptionState | None, claimed: bool) -> tuple[str, str]:
    """Never reads like an approval: what was claimed still lacks, what was not might be had."""
    if state is None:
        return "", ""
    rule, missing = state.rule, [_missing(kind) for kind in state.missing]
    article, title = article_zh(rule.article), rule.title
    zh = "、".join(m.zh for m in missing)
    en = ", ".join(m.en for m in missing)
    if claimed:
        return (
            f"声明的情形属于{article}“{title.zh}”，尚缺：{zh}。",
            f" The exception claimed, Art. {rule.article} ({title.en}), still lacks: {en}.",
        )
    return (
        f"如属{article}“{title.zh}”，还须具备：{zh}。",
        f" Under Art. {rule.article} ({title.en}) it would also need: {en}.",
    )


def _claimed(unit: Unit, state: ExceptionState, facts: Facts) -> bool:
    """Whether the agency claims this exception: a claim is made, and decides whether it fits."""
    asked = unit.claims[state.rule.id]
    return (
        (facts.exemption is not None and "exemption" in asked)
        or (facts.cash_reason is not None and "cash_reason" in asked)
        or (facts.business_type is BusinessType.ADVANCE_REPAYMENT and "business_type" in asked)
    )


def _remark(unit: Unit, facts: Facts) -> RemarkRule | None:
    if facts.unavailable:
        return next((r for r in unit.remarks if truth(r.expr, facts) is True), None)
    asks = zip(unit.remarks, unit.remark_asks, strict=True)
    return next((remark for remark, ask in asks if ask(facts)), None)


def _unavailable(unit: Unit, facts: Facts) -> Finding:
    """Says that it could not be checked, not what is so."""
    policy = unit.policy
    lost = sorted(unit.registers & facts.unavailable, key=list(Register).index)
    zh, en = "、".join(map(option_zh, lost)), ", ".join(map(option_en, lost))
    return Finding(
        policy=policy.id,
        revision=policy.revision,
        article=policy.law.article,
        light=_LIGHT_OF[policy.on_unavailable],
        action=policy.on_unavailable,
        title_zh=policy.title.zh,
        title_en=policy.title.en,
        reason_zh=f"{zh}暂不可用，无法按{article_zh(policy.law.article)}核对本笔支付，未予放行。",
        reason_en=f"Not passed: unavailable {en}; Art. {policy.law.article} cannot be checked.",
        remedy_zh="登记信息恢复后由系统或财政部门重新核对，预算单位无需重报。",
        remedy_en="It is checked again once the register is back; the agency need not resend.",
        mender="bureau",
        unavailable=tuple(lost),
    )


def failure(unit: Unit) -> Finding:
    """A policy that raised, or whose two readings differ, holds the instruction."""
    policy = unit.policy
    return Finding(
        policy=policy.id,
        revision=policy.revision,
        article=policy.law.article,
        light=Light.ORANGE,
        action=Action.HOLD,
        title_zh=policy.title.zh,
        title_en=policy.title.en,
        reason_zh=f"监控规则 {policy.id} 执行出错，未能得出结论，本笔支付挂起待财政部门人工核对。",
        reason_en=f"Policy {policy.id} failed to reach a conclusion; held for a person to check.",
        remedy_zh="请财政部门核对规则后放行或退回。",
        remedy_en="The bureau checks the policy, then releases or refuses.",
        mender="bureau",
    )


def no_answer(zh: str, en: str) -> Finding:
    """The book as a whole cannot decide: silence is never a pass."""
    return Finding(
        policy=BOOK_ID,
        revision=0,
        article="12",
        light=Light.ORANGE,
        action=Action.HOLD,
        title_zh="预警规则不可用",
        title_en="No policies to decide with",
        reason_zh=zh,
        reason_en=en,
        remedy_zh="请财政部门检查规则簿后放行或退回。",
        remedy_en="The bureau checks the policy book, then releases or refuses.",
        mender="bureau",
    )

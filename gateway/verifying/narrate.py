"""A proven record in words, Chinese first: what was paid, by whom, and why it was judged so."""

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

from gateway.domain.bank import BOOKED_AS, ENDED, disputed_word
from gateway.domain.legal_day import SHANGHAI
from gateway.domain.money import yuan
from gateway.domain.records import paid_fen
from policies.book.names import article_zh

Fields = dict[str, Any]
OUTCOMES = {"passed": "放行", "held": "挂起", "blocked": "拦截"}
BANK = {"accepted": "银行已受理", "rejected": "银行拒绝", "not_taken": "银行未收到"}


def narrated(record: Fields) -> list[str]:
    """Lines for a terminal; of a kind that has no words here, its name and number alone."""
    tell = _BY_KIND.get(str(record.get("kind")), _nothing)
    head = f"第 {record.get('seq')} 条 record {record.get('seq')}：{record.get('kind')}"
    at = record.get("recorded_at")
    if isinstance(at, int):
        moment = dt.datetime.fromtimestamp(at / 1_000_000, SHANGHAI)
        head += f"，北京时间 {moment:%Y-%m-%d %H:%M:%S}"
    return [head, *(f"  {line}" for line in tell(record))]


def _verdict(record: Fields) -> Iterator[str]:
    agency, payer, payee = record["agency"], record["payer"], record["payee"]
    yield f"预算单位 agency：{agency['name']}（{agency['code']}）"
    yield f"付款账户 payer：{payer['account']} {payer['name']}"
    shown = (
        f"{payee.get('account')} {payee['name']}" if "name" in payee else "个人（已隐去 hidden）"
    )
    yield f"收款人 payee：{shown}"
    yield f"金额 amount：{yuan(record['amount_fen'])} 元，用途 purpose：{record['purpose']}"
    yield f"判定 outcome：{OUTCOMES.get(record['outcome'], record['outcome'])}"
    if withheld := record.get("withheld"):
        paid = yuan(paid_fen(record))
        yield f"其中不付的明细 withheld：{'、'.join(withheld)}，实付 paid：{paid} 元"
    for finding in record["findings"]:
        yield f"依据 {finding['policy']} {finding['title_zh']}（{article_zh(finding['article'])}）"
        yield f"  {finding['reason_zh']}"
        for paper in finding["missing"]:
            yield f"  缺少 missing：{paper}"
    if not record["findings"]:
        yield "各项规则均未提出疑点 no rule fired"
    yield f"规则库 book {record['book']}，备案信息版本 registers {record['registers']}"


def _bank_outcome(record: Fields) -> Iterator[str]:
    outcome = record["bank_outcome"]
    yield f"{BANK.get(outcome, outcome)} {outcome}，流水号 reference：{record.get('reference')}"
    if record.get("reason"):
        yield f"理由 reason：{record['reason']}"


def _day_close(record: Fields) -> Iterator[str]:
    yield f"{record['day']} 日终：判定 {record['verdicts']} 笔，{yuan(record['amount_fen'])} 元"
    for each in record["unrecorded"]:
        yield f"账本有而日志缺 missing in the log：{each}"


def _conflict(record: Fields) -> Iterator[str]:
    yield f"同一凭证号以不同内容再次提交，未受理（{article_zh(record['article'])}）"
    yield "the same number again with other content, not taken"


def _correction(record: Fields) -> Iterator[str]:
    held, said = str(record.get("held")), str(record.get("said"))
    if record.get("what") == ENDED:
        yield f"查实 found out：{said} {BANK.get(said, '')}，此前了结为 settled before as {held}"
        yield f"来源 how：{record.get('how')}，经办 by：{record.get('by')}"
        if record.get("reason"):
            yield f"理由 reason：{record['reason']}"
        if record.get(BOOKED_AS):
            yield f"银行账上流水号 in the bank's books：{record[BOOKED_AS]}"
        return
    yield f"先后两说 two words：已了结为 {held} {BANK.get(held, '')}"
    yield f"  后称 and later {said} {BANK.get(said, '')}"
    yield f"来源 how：{record.get('how')}，流水号 reference：{record.get('reference')}"
    if word := disputed_word(record).reason:
        yield f"据此答复 what is told since：{word}"


def _nothing(record: Fields) -> Iterator[str]:
    yield from ()


_BY_KIND: dict[str, Callable[[Fields], Iterator[str]]] = {
    "verdict": _verdict,
    "bank_outcome": _bank_outcome,
    "day_close": _day_close,
    "conflict": _conflict,
    "correction": _correction,
}

"""`where` in words: what is read out on the telephone must not have a payment sent twice."""

import datetime as dt

import attrs
import orjson
import pytest

from gateway.commands.where import words
from gateway.domain.bank import BankOutcome
from gateway.domain.decision import Outcome
from gateway.domain.instruction import InstructionKey
from gateway.domain.ledger import OpenPayment, Standing
from gateway.domain.log import LogEvidence, SealedRecord
from gateway.domain.money import Fen

AT = dt.datetime(2026, 3, 2, 1, tzinfo=dt.UTC)
ANEW = "may be sent anew under another number"
ALERT = {"policy": "JL-101", "article": "10(4)", "reason_zh": "账上却已划款", "reason_en": "debit"}


def standing(bank: BankOutcome) -> Standing:
    key = InstructionKey(
        division="220000000", fiscal_year=2026, voucher_type="8202", voucher_no="1"
    )
    decision = {"outcome": "passed", "findings": [], "book": "b", "registers": 1}
    return Standing(
        key=key, digest=b"", party="p", format="json", raw=b"", signature="",
        agency_code="101001", outcome=Outcome.PASS, decided_at=AT,
        decision=orjson.dumps(decision), bank=bank, bank_reference=None,
        bank_reason="core journal looked at", settled_at=AT,
    )  # fmt: skip


def test_what_was_never_taken_may_come_anew_unless_the_books_show_it_paid() -> None:
    never = standing(BankOutcome.NOT_TAKEN)
    assert ANEW in "\n".join(words(never, (), ()))
    said = "\n".join(words(never, (), (ALERT,)))
    assert ANEW not in said and "请勿重发" in said and "账上却已划款" in said


@pytest.mark.parametrize("policy", ["JL-102", "JL-104"])
def test_an_alert_by_which_no_money_moved_changes_no_answer(policy: str) -> None:
    said = "\n".join(words(standing(BankOutcome.NOT_TAKEN), (), ({**ALERT, "policy": policy},)))
    assert ANEW in said and policy in said


def test_a_reason_is_not_put_into_the_banks_mouth() -> None:
    """It may be the operator's, who settled what the bank did not say."""
    said = "\n".join(words(standing(BankOutcome.NOT_TAKEN), (), ()))
    assert "core journal looked at" in said and "the bank's words" not in said


def test_of_a_batch_that_was_paid_in_part_the_details_that_were_not_are_read_out() -> None:
    paid = standing(BankOutcome.ACCEPTED)
    part = orjson.dumps(orjson.loads(paid.decision) | {"withheld": ["D-2", "D-7"]})
    assert "not paid: D-2、D-7" in "\n".join(words(attrs.evolve(paid, decision=part), (), ()))
    assert "not paid" not in "\n".join(words(paid, (), ()))


def corrected(what: str, said: BankOutcome, how: str, by: str | None = None) -> LogEvidence:
    body = {"what": what, "held": "not_taken", "said": said, "how": how, "by": by,
            "recorded_at": 1_772_413_200_000_000}  # fmt: skip
    record = SealedRecord(
        seq=9, kind="correction", subject="", body=orjson.dumps(body), leaf_hash=b"",
        disclosures=None,
    )  # fmt: skip
    return LogEvidence(record=record, tree_size=10, path=(), checkpoint="")


def test_two_words_are_told_with_whence_they_are_and_so_is_their_end() -> None:
    never = standing(BankOutcome.NOT_TAKEN)
    told = corrected("contradiction", BankOutcome.ACCEPTED, "told")
    open_ = attrs.evolve(never, correction=told.record.body)
    said = "\n".join(words(open_, (told,), (ALERT,)))
    assert "not_taken，后称 later accepted（told）" in said and "nobody has found out yet" in said
    assert ANEW not in said and "请勿重发" in said
    end = corrected("ended", BankOutcome.NOT_TAKEN, "operator", "李、王")
    said = "\n".join(words(never, (told, end), (ALERT,)))
    assert "found out: not_taken（operator，经办 by 李、王）" in said
    assert ANEW in said and "nobody has found out yet" not in said


def recall(status: str, by: str, words: str) -> LogEvidence:
    body = {"recall": "9ac1", "asker": "spiffe://t/channel/a", "status": status, "by": by,
            "words": words, "recorded_at": 1_772_413_200_000_000}  # fmt: skip
    record = SealedRecord(
        seq=9, kind="recall", subject="", body=orjson.dumps(body), leaf_hash=b"", disclosures=None
    )
    return LogEvidence(record=record, tree_size=10, path=(), checkpoint="")


def test_a_recall_is_told_by_its_name_and_its_last_word() -> None:
    asked = recall("PDCR", "gateway", "已转银行核心")
    paid = standing(BankOutcome.ACCEPTED)
    said = "\n".join(words(paid, (asked,), ()))
    assert "recall 9ac1: 待银行答复" in said and "asked by spiffe://t/channel/a" in said
    said = "\n".join(words(paid, (asked, recall("RJCR", "core", "已入账")), ()))
    assert "recall 9ac1: 未获同意 refused" in said and "the bank core" in said and "已入账" in said
    assert "待银行答复" not in said


def test_of_an_unknown_payment_it_says_when_the_bank_was_asked_and_will_be() -> None:
    unknown = attrs.evolve(standing(BankOutcome.UNKNOWN), settled_at=None)
    never = OpenPayment(
        key=unknown.key, agency_code="101001", amount_fen=Fen(5), opened_at=AT, instance="gw-1",
        enquiries=0, first_not_found_at=None, operator_task=False,
    )  # fmt: skip
    said = "\n".join(words(unknown, (), (), never))
    assert "asked 0 times" in said and "从未 never" in said and "须人工查明" not in said
    later = AT + dt.timedelta(minutes=4)
    task = attrs.evolve(never, enquiries=20, operator_task=True, asked_at=AT, ask_after=later)
    said = "\n".join(words(unknown, (), (), task))
    assert "上次 2026-03-02 09:00:00" in said and "下次 2026-03-02 09:04:00" in said
    assert "须人工查明" in said and "网关仍将查询" in said
    handed = "\n".join(words(unknown, (), (), attrs.evolve(never, operator_task=True)))
    assert "须人工查明" in handed and "下次" not in handed, "of a core that cannot be asked"

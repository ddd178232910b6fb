"""Alerts on the bank beside the log, as a recount holds them: raised, told, and nothing else."""

import datetime as dt
import hashlib

from gateway.domain.conduct import Alert
from gateway.domain.decision import Light
from gateway.domain.recount import KeptAlert, Record
from gateway.pipeline.conduct_words import alert_record
from gateway.pipeline.tell import Origin
from gateway.tending.recount_told import ToldBeside

NOW = dt.datetime(2026, 3, 2, 8, 0, tzinfo=dt.UTC)
ORIGIN = Origin(bank="103", uri="spiffe://treasury.test/gateway/103")


def alert(subject: str) -> Alert:
    return Alert(
        division="220000000", policy="JL-100", subject=subject, article="10(4)1", light=Light.RED,
        title_zh="题", title_en="title", reason_zh="由", reason_en="why", remedy_zh="补",
        evidence={"amount_fen": "1"},
    )  # fmt: skip


def told(*subjects: str) -> tuple[ToldBeside, dict[str, KeptAlert], list[bytes]]:
    """What the log says of these; the rows that were written with it, and the notices' digests."""
    beside, rows, notices = ToldBeside("220000000"), {}, []
    for number, subject in enumerate(subjects):
        draft, notice = alert_record(alert(subject), ORIGIN, NOW)
        body = draft.body.replace(b'"seq":null', b'"seq":%d' % number)
        record = Record(kind=draft.kind, subject=draft.subject, body=body, seq=number)
        assert list(beside.take([record])) == []
        digest = hashlib.sha256(notice).digest()
        rows[subject] = KeptAlert(policy="JL-100", subject=subject, digest=digest)
        notices.append(digest)
    return beside, rows, notices


def names(beside: ToldBeside, *rows: KeptAlert) -> list[tuple[str, str]]:
    return [(each.what.value, each.subject) for each in beside.differing(rows, ())]


def test_an_alert_with_its_record_and_its_notice_is_as_it_should_be() -> None:
    beside, rows, notices = told("entry/1", "entry/2")
    beside.found(notices)
    assert names(beside, *rows.values()) == []


def test_an_alert_that_is_gone_or_says_otherwise_or_was_never_raised_is_named() -> None:
    beside, rows, notices = told("entry/1", "entry/2")
    beside.found(notices)
    other = KeptAlert(policy="JL-100", subject="entry/2", digest=bytes(32))
    never = KeptAlert(policy="JL-100", subject="entry/3", digest=bytes(32))
    assert names(beside, other, never) == [
        ("conduct_alert", f"JL-100 entry/{number}") for number in (1, 2, 3)
    ]
    assert names(beside, *rows.values()) == []


def test_an_alert_of_which_the_bureau_is_not_told_is_named() -> None:
    beside, rows, _ = told("entry/1")
    assert names(beside, *rows.values()) == [("notice", "conduct/entry/1")]

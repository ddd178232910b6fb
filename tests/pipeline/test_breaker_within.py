"""A breaker that trips in the middle of a voucher: the decision is of the book that it names."""

import datetime as dt

import pytest
from msgspec.structs import replace

from gateway.domain.codes import BusinessType, PayeeKind
from gateway.domain.decision import Action, Outcome
from gateway.domain.instruction import Detail, Payee
from gateway.domain.legal_day import SHANGHAI
from gateway.domain.money import Fen
from gateway.pipeline.again import decide_again
from gateway.pipeline.decide import NOTHING_KNOWN
from gateway.pipeline.identify import identify
from gateway.pipeline.judge import Bench, judge
from policies.book.breaker import Breaker, BreakerRules
from policies.book.shelf import Bookshelf
from policies.replay.recorded import AsRecorded, compared
from tests.pipeline.fakes import BASIC, instruction, registers
from tests.policies.shipped import BOOK

NOON = dt.datetime(2026, 3, 2, 12, 0, tzinfo=SHANGHAI)


@pytest.mark.parametrize("partial", [False, True])
@pytest.mark.parametrize("after", [1, 2, 3, 4])
def test_what_was_decided_while_a_breaker_tripped_is_replayed_bit_for_bit(
    after: int, partial: bool
) -> None:
    own = Payee(
        kind=PayeeKind.ORGANISATION, account=BASIC, name="吉林省示例厅", bank_code="105241000022"
    )
    other = replace(own, account="2200145010", name="长春示例公司")
    payees = (other, own, own, own) if partial else (own, own, own)
    details = tuple(
        Detail(id=str(n), payee=each, amount_fen=Fen(100)) for n, each in enumerate(payees)
    )
    order = instruction(
        amount=100 * len(payees), business_type=BusinessType.BATCH, details=details, payee=other
    )
    shelf = registers()
    rules = BreakerRules(share_percent=1, decisions_least=after)
    book = Bookshelf(BOOK, breaker=Breaker(rules))
    bench = Bench(registers=shelf, book=book, on=NOON.date(), minute=720, partial=partial)
    recorded = judge(order, identify(order, shelf), NOTHING_KNOWN, bench)[0].decision
    assert book.tripped and recorded.book_revision == book.revision
    asked = {each.action for each in recorded.findings if each.policy == "JL-020"}
    assert asked == {Action.HOLD}, "details before it tripped are judged as those after it"
    assert recorded.outcome is (Outcome.PASS if partial else Outcome.HOLD)
    then = AsRecorded(BOOK, recorded.book_revision)
    again = compared(recorded, decide_again(order, shelf, then, recorded, NOON))
    assert again.same and again.differing == ()

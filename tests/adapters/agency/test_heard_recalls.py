"""What an agency hears of its recalls: never that its payment is held."""

import pytest

from adapters.agency.heard import Heard, heard_in
from adapters.formats.iso20022.letters import IsoLetters
from gateway.commands.submit import Sent, _tell
from gateway.domain.correspondence import Resolution
from gateway.domain.enquiries import RecallStatus
from tests.pipeline.letters_iso import recall


def answered(*said: tuple[RecallStatus, str]) -> Heard:
    letters, raw = IsoLetters("103"), recall(*(f"N-{place}" for place in range(len(said))))
    told = [Resolution(status=status, code="", words=words) for status, words in said]
    return heard_in(200, letters.reply(letters.read(raw), raw, told), "iso20022")


@pytest.mark.parametrize(
    ("status", "outcome", "fine"),
    [
        (RecallStatus.ACCEPTED, "recalled", True),
        (RecallStatus.REFUSED, "recall_refused", False),
        (RecallStatus.PENDING, "recall_waits", False),
    ],
)
def test_of_one_what_became_of_it(
    status: RecallStatus, outcome: str, fine: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    heard = answered((status, "已入账"))
    assert heard.outcome == outcome and heard.reasons == ("已入账",)
    sent = Sent(file="r.xml", status=200, heard=heard, answer=b"")
    assert sent.passed is fine
    _tell([sent], as_json=False)
    said = capsys.readouterr().out
    assert outcome in said and "撤销" in said and "挂起" not in said


def test_of_several_the_worst_and_each_by_its_number() -> None:
    heard = answered(
        (RecallStatus.ACCEPTED, "已撤回"),
        (RecallStatus.PENDING, ""),
        (RecallStatus.REFUSED, "已入账"),
    )
    assert heard.outcome == "recall_refused"
    assert heard.reasons == (
        "N-0: recalled 已撤回", "N-1: recall_waits", "N-2: recall_refused 已入账",
    )  # fmt: skip
    assert (
        answered((RecallStatus.ACCEPTED, "a"), (RecallStatus.ACCEPTED, "b")).outcome == "recalled"
    )


def test_an_answer_about_no_payment_recalls_none() -> None:
    said = b"<Document><RsltnOfInvstgtn><Sts/><CxlDtls/></RsltnOfInvstgtn></Document>"
    assert heard_in(200, said, "iso20022").outcome == "recall_waits"

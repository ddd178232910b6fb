"""A refused handshake is one word, the same in the log as in the figures: the pages name it."""

from functools import partial

import pytest
from structlog.testing import capture_logs

from bureau.own_keys import _handshake_refused
from certs.live import Guard
from certs.tls import Refusal
from gateway.domain.seldom import Seldom
from gateway.serving.serve import _refused
from gateway.web.metrics import Metrics

TOLD = partial(_refused, Metrics(), Guard())


@pytest.mark.parametrize("told", [TOLD, _handshake_refused], ids=["gateway", "bureau"])
@pytest.mark.parametrize(
    ("sentence", "word"),
    [
        ("CRL has expired", "crl_has_expired"),
        ("certificate has expired", "certificate_has_expired"),
        ("certificate revoked", "certificate_revoked"),
    ],
)
def test_the_log_says_the_word_of_the_figures(told: object, sentence: str, word: str) -> None:
    assert callable(told)
    with capture_logs() as lines:
        told(Seldom(), Refusal(reason="certificate_verify_failed", detail=sentence))
    (line,) = lines
    assert (line["event"], line["reason"], line["detail"]) == ("handshake.refused", word, sentence)

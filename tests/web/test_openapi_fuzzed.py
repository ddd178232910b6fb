"""Requests that a tool of others makes of docs/openapi.json, against the live door.

Every answer must be one that the document names, in its shape, and none a failure of ours; what the
document forbids must not be taken. What it allows may still be refused: rules between fields, and
what an XML must be, are not in it. Bodies are signed, else none of them would be read.
"""

import json
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
import requests
import schemathesis
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from schemathesis.specs.openapi.checks import positive_data_acceptance
from urllib3 import Retry

from certs.tls import client_context
from gateway.serving.openapi import openapi
from tests.web.besieged import ANSWER_DEADLINE_S, HOST, Siege

HEADER = "Signature-JWS"
EXAMPLES = 100
"""Of each address; beside them the tool tries the edges of every field."""
TRIES_MAX = 5
OF_SIGNED_BOOKS = "/v1/feeds/policies"
"""Open only where policies come as signed books; this stage reads them from a folder."""
DOCUMENT = schemathesis.openapi.from_dict(json.loads(openapi())).exclude(path=OF_SIGNED_BOOKS)
DOCUMENT.config.checks.negative_data_rejection.expected_statuses += [413]  # a list too long
pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.timeout(900)]


class _Signed(AuthBase):
    """By the agency of the siege's model. A signature that was left out on purpose stays away."""

    def __init__(self, siege: Siege) -> None:
        self._siege = siege

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        body = request.body or b""
        raw = body.encode() if isinstance(body, str) else body
        if HEADER in request.headers:
            request.headers[HEADER] = self._siege.signed(raw)
        return request


class _Mutual(HTTPAdapter):
    """With the channel's certificate. A 503 is asked again as the document says: on a busy machine
    one passes; one that says "ask again" for ever stays a failure."""

    def __init__(self, siege: Siege) -> None:
        self._context = client_context(siege.stage.client)
        asking_again = Retry(
            TRIES_MAX, connect=0, read=0, redirect=0, status_forcelist=[503], allowed_methods=None,
            raise_on_status=False,
        )  # fmt: skip
        super().__init__(max_retries=asking_again)

    def init_poolmanager(self, *positional: Any, **named: Any) -> None:
        super().init_poolmanager(*positional, ssl_context=self._context, **named)


@pytest.fixture(scope="module")
def session(siege: Siege) -> Iterator[requests.Session]:
    with requests.Session() as made:
        made.trust_env = False
        made.mount("https://", _Mutual(siege))
        made.auth = _Signed(siege)
        yield made


@DOCUMENT.parametrize()
@hypothesis.settings(
    max_examples=EXAMPLES, deadline=None, database=None,
    suppress_health_check=list(hypothesis.HealthCheck),  # they measure the machine
)  # fmt: skip
def test_every_answer_is_one_that_the_document_names(
    case: schemathesis.Case, siege: Siege, session: requests.Session
) -> None:
    case.call_and_validate(
        base_url=f"https://{HOST}:{siege.stage.ports.door}", session=session,
        excluded_checks=[positive_data_acceptance], timeout=ANSWER_DEADLINE_S,
    )  # fmt: skip

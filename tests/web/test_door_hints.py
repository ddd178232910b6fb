"""What a developer reads who has made one of the usual mistakes: which, and how it is mended."""

import asyncio
import base64
import hashlib
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from certs.tls import client_context
from tests.web.besieged import HOST, Reply, Siege, read_reply

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.usefixtures("nothing_happens")]


async def test_a_signature_over_another_text_is_told_what_came(siege: Siege) -> None:
    """The usual mistake: signed before, written anew while sending."""
    raw = siege.instruction("HINT1")
    told = await siege.post(raw, signature=siege.signed(json.dumps(json.loads(raw)).encode()))
    assert (told.status, told.code) == (403, "signature_invalid")
    assert hashlib.sha256(raw).hexdigest() in told.fields["detail"]
    assert f"{len(raw)} bytes" in told.fields["detail"]
    _helpful(told, "原字节", "raw bytes")


async def test_a_der_signature_is_told_that_it_is_64_bytes(siege: Siege) -> None:
    raw = siege.instruction("HINT2")
    head, _, signature = siege.signed(raw).rpartition(".")
    both = base64.urlsafe_b64decode(signature + "==")
    der = encode_dss_signature(int.from_bytes(both[:32]), int.from_bytes(both[32:]))
    token = f"{head}.{base64.urlsafe_b64encode(der).rstrip(b'=').decode()}"
    told = await siege.post(raw, signature=token)
    assert (told.status, told.code) == (403, "signature_invalid")
    _helpful(told, "DER", "DER")


async def test_a_missing_signature_is_told_the_name_of_its_header(siege: Siege) -> None:
    told = await siege.post(siege.instruction("HINT3"), signature="")
    assert (told.status, told.code) == (403, "signature_missing")
    assert "Signature-JWS" in told.fields["detail"]
    _helpful(told, "Signature-JWS", "Signature-JWS")


async def test_a_certificate_that_the_header_does_not_name_is_not_called_unknown(
    siege: Siege,
) -> None:
    header = base64.urlsafe_b64encode(b'{"alg":"ES256","b64":false,"crit":["b64"],"kid":"k"}')
    token = f"{header.rstrip(b'=').decode()}..{'A' * 86}"
    told = await siege.post(siege.instruction("HINT4"), signature=token)
    assert (told.status, told.code) == (403, "signer_unknown")
    assert "x5t#S256 is missing" in told.fields["detail"]


async def test_a_byte_order_mark_is_called_by_its_name(siege: Siege) -> None:
    told = await siege.post(b"\xef\xbb\xbf" + siege.instruction("HINT5"))
    assert (told.status, told.code) == (400, "not_json")
    assert "BOM" in told.fields["detail"] and "utf-8-sig" not in told.fields["detail"]
    _helpful(told, "BOM", "byte order mark")


async def test_another_method_is_told_which_the_address_takes(siege: Siege) -> None:
    told = await siege.say(f"PUT /v1/instructions HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
    assert (told.status, told.code, told.headers["allow"]) == (405, "method_refused", "POST")
    assert told.fields["detail"] == "this address takes POST, not PUT"


async def test_a_voucher_envelope_of_mistakes_says_how_they_are_mended(siege: Siege) -> None:
    told = await siege.post(b"<MOF/>", format="voucher")
    assert told.status == 400
    assert "处理办法" in told.body.decode("gbk")


@pytest.mark.parametrize("asked", ["GET /v1/holds", "GET /v1/nothing", "BREW /", "CONNECT ", "A"])
async def test_no_door_of_either_program_names_what_answers(siege: Siege, asked: str) -> None:
    """A word that is no request at all was answered with the library's name and version."""
    ports, request = siege.stage.ports, f"{asked} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
    tls = client_context(siege.stage.operator)
    doors = [(ports.door, tls), (ports.bureau, tls), (ports.ops, None), (ports.bureau_ops, None)]
    for port, context in [*doors, (ports.desk, None)]:
        reader, writer = await asyncio.open_connection(HOST, port, ssl=context)
        writer.write(request)
        told = await read_reply(reader)
        writer.transport.abort()
        assert told.status and "server" not in told.headers, (port, told.raw)


def _helpful(told: Reply, zh: str, en: str) -> None:
    assert zh in told.fields["remedy_zh"] and en in told.fields["remedy_en"]

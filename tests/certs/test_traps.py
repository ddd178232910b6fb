"""Traps of the records' design that stand in no other test: T6, T11, T14; where others are."""

import ast
import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from msgspec.structs import replace

from certs.log.growth import parse_growth
from certs.log.note import NoteRefused, parse_checkpoint, parse_note
from certs.log.proof import ProofRefused, parse_proof
from certs.signing.jws import JwsRefused, read_compact, split_detached
from gateway.domain.decision import Action
from gateway.domain.faults import Conflicting
from gateway.domain.records import canonical, numbered
from gateway.verifying.auditor import Unusable, _read
from tests.pipeline.fakes import finding, instruction, received
from tests.pipeline.test_line import Street

ROOT = Path(__file__).parents[2]
WHERE = {
    "T1": "tests/certs/test_sm2.py::test_the_sm2_identifier_is_never_empty",
    "T9": "tests/adapters/postgres/test_day_close.py::"
    "test_each_agencys_verdicts_are_numbered_without_a_gap_across_rollbacks",
    "T12": "tests/crash/test_crash_signing.py::"
    "test_no_two_trees_of_one_size_are_ever_signed_and_sent_across_a_kill_9",
    "T13": "tests/crash/test_crash_signing.py::"
    "test_a_witness_cosigns_one_history_however_many_offer_it_and_wherever_it_is_killed",
}


def test_each_trap_that_stands_elsewhere_has_its_test() -> None:
    for trap, place in WHERE.items():
        file, _, name = place.partition("::")
        assert f"def {name}(" in (ROOT / file).read_text("utf-8"), trap


def _varied(text: str) -> str:
    """The same value in base64 with another last character: Python's decoder takes it (T6)."""
    body = text.rstrip("=")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    last = alphabet[alphabet.index(body[-1]) + 1]
    varied = body[:-1] + last + text[len(body) :]
    assert base64.b64decode(varied, validate=True) == base64.b64decode(text, validate=True)
    return varied


def test_t6_pad_bits_make_no_second_spelling_of_anything_that_is_evidence(tmp_path: Path) -> None:
    root = base64.b64encode(bytes(32)).decode()
    signature = base64.b64encode(bytes(65 + 5)).decode()
    with pytest.raises(NoteRefused, match="canonical"):
        parse_checkpoint(f"o/log/1\n1\n{_varied(root)}\n")
    with pytest.raises(NoteRefused, match="canonical"):
        parse_note(f"o\n1\n{root}\n\n— o {_varied(signature)}\n")
    for parse, head in ((parse_proof, "c2sp.org/tlog-proof@v1\nindex 0"), (parse_growth, "old 1")):
        assert parse(f"{head}\n{root}\n\nx").path == (bytes(32),)
        with pytest.raises(ProofRefused, match="canonical"):
            parse(f"{head}\n{_varied(root)}\n\nx")
    token = base64.urlsafe_b64encode(b'{"alg":"ES256"}').decode().rstrip("=")
    sixty_four = base64.urlsafe_b64encode(bytes(64)).decode().rstrip("=")
    with pytest.raises(JwsRefused):
        split_detached(f"{token}..{sixty_four[:-1]}B")
    with pytest.raises(JwsRefused):
        read_compact(f"{token}.QR.{sixty_four}")
    item = {"record": "QQ==", "seq": 0, "tree_size": 1, "path": [root], "checkpoint": "x"}
    file = tmp_path / "evidence.json"
    for change, good in (
        ({}, True),
        ({"record": "QR=="}, False),
        ({"path": [_varied(root)]}, False),
    ):
        file.write_bytes(orjson.dumps({"evidence": [item | change]}))
        if good:
            assert _read(file)[1][0].record == b"A"
        else:
            with pytest.raises(Unusable):
                _read(file)


def test_t11_records_hold_nothing_in_which_orjson_and_rfc_8785_differ() -> None:
    """The trap: floats and keys beyond the BMP come out otherwise. So a record has neither."""
    assert orjson.dumps(1.0) == b"1.0", "RFC 8785 writes 1"
    beyond = {"\U0001f600": 1, "\ufb33": 2}  # RFC 8785 sorts by UTF-16: the surrogate comes first
    assert list(orjson.loads(canonical(beyond))) == ["\ufb33", "\U0001f600"]
    found = list(_records())
    assert len(found) > 8
    for body in found:
        fields = json.loads(numbered(body, 7, 1))
        _only_integers_and_ascii_keys(fields)
        plain = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert plain.encode() == numbered(body, 7, 1)


def _records() -> list[bytes]:
    """What the line itself writes: verdicts of each outcome, outcomes of the bank, conflicts."""

    async def carried() -> list[bytes]:
        street = await Street(instruction()).open()
        for number, action in enumerate((None, Action.WARN, Action.HOLD, Action.BLOCK)):
            key = replace(instruction().key, voucher_no=f"V{number}")
            street.book.findings = (finding("JL-090", action),) if action else ()
            street.format.instruction = replace(instruction(), key=key)
            await street.line.carry(received(f"{number}".encode()))
            with pytest.raises(Conflicting):
                await street.line.carry(received(f"{number} again".encode()))
        return [each.body for waiting in street.state.pending.values() for each in waiting]

    return asyncio.run(carried())


def _only_integers_and_ascii_keys(value: Any) -> None:
    if isinstance(value, dict):
        assert all(isinstance(key, str) and key.isascii() for key in value)
        for each in value.values():
            _only_integers_and_ascii_keys(each)
    elif isinstance(value, list):
        for each in value:
            _only_integers_and_ascii_keys(each)
    else:
        assert value is None or isinstance(value, (str, bool)) or type(value) is int
        assert type(value) is not int or abs(value) < 2**53


def test_t14_every_middleware_calls_its_second_parameter_handler() -> None:
    """aiohttp passes it by that very name."""
    found = []
    for file in [*ROOT.glob("gateway/web/*.py"), *ROOT.glob("bureau/web/*.py")]:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, (ast.AsyncFunctionDef, ast.FunctionDef)) and any(
                ast.unparse(each) == "web.middleware" for each in node.decorator_list
            ):
                found.append((file.name, node.args.args[-1].arg))
    assert len(found) >= 3 and {name for _, name in found} == {"handler"}, found

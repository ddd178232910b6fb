"""docs/openapi.json is what the gateway makes, names every address, and is true of a live door."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.identities import uri
from deploy.demo.stage import BANK_CODE
from gateway.domain.faults import FaultCode
from gateway.serving.openapi import openapi
from tests.web.besieged import DIVISION, HOST, Reply, Siege
from tests.web.json_schema import Schema, wrong

HOUSE = Path(__file__).parents[2]
FILE = HOUSE / "docs" / "openapi.json"
TRUTH: dict[str, Any] = json.loads(openapi())
NAMES: dict[str, Schema] = TRUTH["components"]["schemas"]
OF_SIGNED_BOOKS = {"/v1/feeds/policies"}
"""Open only where policies come as signed books; this stage reads them from a folder."""
SLOW = pytest.mark.slow
METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH")


def test_the_file_is_what_the_gateway_makes() -> None:
    assert FILE.read_bytes() == openapi(), "python -m gateway openapi > docs/openapi.json"


def test_every_address_of_the_door_stands_in_it() -> None:
    sources = (HOUSE / "gateway" / "web").glob("*.py")
    written = {
        found
        for file in sources
        for found in re.findall(r'"(/v1/[a-z0-9/]+)"', file.read_text("utf-8"))
    }
    assert written == {path for path in TRUTH["paths"] if "{" not in path}


def test_every_fault_stands_in_it_with_its_remedy() -> None:
    code = NAMES["Problem"]["properties"]["code"]
    assert code["enum"] == [fault.value for fault in FaultCode]
    assert all(f"{fault.value}: " in code["description"] for fault in FaultCode)


def test_what_it_refers_to_is_there() -> None:
    referred = set(
        re.findall(r'"\$ref": "#/components/schemas/([A-Za-z]+)"', FILE.read_text("utf-8"))
    )
    assert referred <= set(NAMES)


@SLOW
@pytest.mark.postgres
async def test_each_address_takes_the_methods_it_names_and_no_other(siege: Siege) -> None:
    for path, ways in TRUTH["paths"].items():
        if path in OF_SIGNED_BOOKS:
            continue
        named = {way.upper() for way in ways}
        for method in METHODS:
            line = f"{method} {_filled(path)} HTTP/1.1\r\n"
            told = await siege.say(f"{line}Host: {HOST}\r\nContent-Length: 0\r\n\r\n".encode())
            assert (told.status == 405) == (method not in named), (method, path)
            if method not in named:
                assert told.headers["allow"] == ", ".join(sorted(named))
            else:
                assert str(told.status) in ways[method.lower()]["responses"], (method, path)
            assert not _differs(told, "Problem") or told.status == 200 or _is_xml(told)


@SLOW
@pytest.mark.postgres
async def test_what_the_instruction_may_not_be_is_refused_by_its_field(
    siege: Siege,
) -> None:
    fields = json.loads(siege.instruction("OAPI1"))
    tried = 0
    for field, broken in _broken(fields, NAMES["Instruction"]):
        told = await siege.post(json.dumps(broken, ensure_ascii=False).encode())
        assert (told.status, _differs(told, "Problem")) == (400, []), field
        places = [error["field"] for error in told.fields["errors"]]
        assert any(re.match(rf"{re.escape(field)}($|[.\[])", place) for place in places), told.body
        tried += 1
    assert tried > 100


@SLOW
@pytest.mark.postgres
async def test_what_it_may_be_is_read(siege: Siege) -> None:
    """Boundaries of the schema: the widest text, the longest list, null and left out."""
    fields = json.loads(siege.instruction("OAPI2"))
    for place, (field, sound) in enumerate(_sound(fields, NAMES["Instruction"])):
        sound["voucher_no"] = f"OAPI2-{place}"
        told = await siege.post(json.dumps(sound, ensure_ascii=False).encode())
        assert (told.status, _differs(told, "Answer")) == (200, []), (field, told.body)


@SLOW
@pytest.mark.postgres
async def test_answers_are_as_it_says(siege: Siege) -> None:
    seen = set()
    for item in siege.day.items[:80]:
        if item.format != "json" or item.forged:
            continue
        told = await siege.post(item.raw, signature=siege.signed(item.raw, by=item.sender))
        assert _differs(told, "Answer" if told.status == 200 else "Problem") == [], told.body
        if told.status == 200:
            seen.add(told.fields["outcome"])
            path = f"/v1/instructions/{told.fields['instruction']}"
            standing = await siege.get(path, siege.stage.client)
            assert _differs(standing, "Standing") == []
    assert seen == {"passed", "held", "blocked"}
    holds = await siege.get("/v1/holds", siege.stage.client)
    assert _differs(holds, "Holds") == [] and holds.fields["holds"]
    news = await siege.get("/v1/notifications", siege.stage.client)
    assert _differs(news, "Notifications") == []


@SLOW
@pytest.mark.postgres
async def test_the_banks_documents_are_as_it_says(siege: Siege) -> None:
    bank = uri("bank", BANK_CODE)
    outcome = {"id": "O-1", "instruction": f"{DIVISION}/2026/8202/NOBODY", "outcome": "refused",
               "reason": "查无此账户"}  # fmt: skip
    statement = {"division": DIVISION, "statement_id": "OAPI-1", "entries": [], "clearing": []}
    for path, body, sent, answered in (
        ("/v1/bank/outcomes", outcome, "ToldOutcome", "OutcomeAnswer"),
        ("/v1/bank/statements", statement, "StatementFile", "StatementAnswer"),
    ):
        assert wrong(body, NAMES[sent], NAMES) == []
        raw = json.dumps(body, ensure_ascii=False).encode()
        head = siege.request(raw, signature=siege.signed(raw, by=bank))
        told = await siege.say(
            head.replace(b"/v1/instructions", path.encode()), siege.stage.bank_tls
        )
        assert (told.status, _differs(told, answered)) == (200, []), told.body


def _filled(path: str) -> str:
    values = {"division": DIVISION, "year": "2026", "type": "8202", "no": "NOBODY"}
    return re.sub(r"\{(\w+)\}", lambda found: values[found[1]], path)


def _is_xml(told: Reply) -> bool:
    return told.headers["content-type"].startswith("application/xml")


def _differs(told: Reply, name: str) -> list[str]:
    return ["xml"] if _is_xml(told) else wrong(told.fields, NAMES[name], NAMES)


Found = Iterator[tuple[str, dict[str, Any]]]
Change = Callable[[Any], dict[str, Any]]


def _broken(fields: dict[str, Any], schema: Schema) -> Found:
    """One thing that the schema forbids, at each place; and the place as the door names it."""
    yield "unknown_field", {**fields, "unknown_field": 1}
    for place, each, change in _places(fields, schema, "", lambda whole: whole):
        required, own = each
        if required:
            yield place, change(_GONE)
        for value in _forbidden(own):
            yield place, change(value)


def _sound(fields: dict[str, Any], schema: Schema) -> Found:
    for place, (required, own), change in _places(fields, schema, "", lambda whole: whole):
        if place.startswith("agency"):
            continue  # who may send for it is asked first
        if not required and "." not in place:
            yield place, change(_GONE)
        if own.get("maxLength") and "pattern" not in own:
            yield place, change("公" * own["maxLength"])


_GONE = object()


def _places(
    value: dict[str, Any], schema: Schema, before: str, put: Callable[[dict[str, Any]], Any]
) -> Iterator[tuple[str, tuple[bool, Schema], Change]]:
    for name, one in schema["properties"].items():
        own = _own(one)
        place = f"{before}{name}"

        def change(new: Any, name: str = name) -> Any:
            rest = {key: kept for key, kept in value.items() if key != name}
            return put(rest if new is _GONE else {**rest, name: new})

        yield place, (name in schema.get("required", ()), own), change
        if own.get("type") == "object" and isinstance(value.get(name), dict):
            yield from _places(value[name], own, f"{place}.", change)


def _own(schema: Schema) -> Schema:
    """Without null, and what it refers to in its place."""
    if "anyOf" in schema:
        schema = next(one for one in schema["anyOf"] if one.get("type") != "null")
    return NAMES[schema["$ref"].rsplit("/", 1)[-1]] if "$ref" in schema else schema


def _forbidden(schema: Schema) -> Iterator[Any]:
    match schema.get("type"):
        case "string":
            yield from (7, True, ["7"], {"7": 7})
            if "maxLength" in schema:
                yield "公" * (schema["maxLength"] + 1)
            if "pattern" in schema or schema.get("format") == "date":
                yield "～不是～"
        case "integer":
            yield from ("7", 7.5, True, schema["maximum"] + 1, schema["minimum"] - 1)
        case "array":
            yield from ({}, "7", [7])
        case "object":
            yield from ([], "7", {"unknown": 1})
        case None:
            yield from (7, "～不是～")

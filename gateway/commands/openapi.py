"""The OpenAPI document of the door, made from the very types that read the requests."""

from typing import Any

import orjson

from adapters.formats.json_instruction import schema

_PROBLEM = {
    "description": "Fault (RFC 9457): a stable code and all errors at once",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def openapi() -> bytes:
    """JSON, OpenAPI 3.1."""
    whole = schema()
    definitions: dict[str, Any] = whole.pop("$defs")
    root = str(whole["$ref"]).rsplit("/", 1)[-1]
    schemas = {**definitions, "Problem": _problem(), "Answer": _answer()}
    document = {
        "openapi": "3.1.0",
        "info": {"title": "国库支付合规网关 Treasury payment gateway", "version": "1"},
        "paths": {
            "/v1/instructions": {"post": _post("application/json", root)},
            "/v1/vouchers": {"post": _post("application/xml", None)},
            "/v1/instructions/{division}/{year}/{type}/{no}": {"get": _get()},
            "/v1/holds": {"get": _list("Open holds, why, and what would release each")},
            "/v1/notifications": {"get": _list("What the reader has not acknowledged yet")},
            "/v1/notifications/acknowledge": {"post": _document("{ids}: shown, and kept")},
            "/v1/feeds/registers": {
                "post": _document("The bureau's signed registers: whole, or what changed")
            },
            "/v1/feeds/policies": {
                "post": _document("A policy book with its officers' signatures")
            },
            "/v1/feeds/releases": {"post": _document("The bureau's signed orders about holds")},
            "/v1/iso20022": {"post": _post("application/xml", None)},
            "/v1/bank/refunds": {"post": _document("The bank: money that came back")},
            "/v1/bank/outcomes": {"post": _document("The bank: what it learnt later")},
        },
        "components": {"schemas": schemas},
    }
    text = orjson.dumps(document, option=orjson.OPT_INDENT_2)
    return text.replace(b"#/$defs/", b"#/components/schemas/")


def _list(what: str) -> dict[str, Any]:
    answered = {"application/json": {"schema": {"type": "object"}}}
    return {"responses": {"200": {"description": what, "content": answered}, "403": _PROBLEM}}


def _document(what: str) -> dict[str, Any]:
    """A signed document that is no instruction."""
    post = _post("application/json", None)
    post["summary"] = what
    body = {"schema": {"type": "object"}}
    post["requestBody"]["content"]["application/json"] = body
    post["responses"]["200"] = {"description": "Taken", "content": {"application/json": body}}
    return post


def _post(media: str, name: str | None) -> dict[str, Any]:
    body = {"$ref": f"#/components/schemas/{name}"} if name else {"type": "string"}
    answered = {"schema": {"$ref": "#/components/schemas/Answer"} if name else {"type": "string"}}
    return {
        "parameters": [
            {
                "name": "Signature-JWS",
                "in": "header",
                "required": True,
                "description": "Detached JWS (RFC 7515, 7797; ES256) over the body's bytes",
                "schema": {"type": "string"},
            }
        ],
        "requestBody": {"required": True, "content": {media: {"schema": body}}},
        "responses": {
            "200": {"description": "Decided", "content": {media: answered}},
            **dict.fromkeys(("400", "403", "409", "413", "415", "503"), _PROBLEM),
        },
    }


def _get() -> dict[str, Any]:
    text = {"type": "string"}
    names = ("division", "year", "type", "no")
    return {
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": text} for name in names
        ],
        "responses": {
            "200": {"description": "Everything known, with proofs"},
            "404": _PROBLEM,
        },
    }


def _problem() -> dict[str, Any]:
    text = {"type": "string"}
    error = {
        "type": "object",
        "properties": {"field": text, "code": text, "zh": text, "en": text},
    }
    return {
        "type": "object",
        "required": ["type", "title", "status", "code", "errors"],
        "properties": {
            "type": text,
            "title": text,
            "status": {"type": "integer"},
            "detail": text,
            "code": text,
            "errors": {"type": "array", "items": error},
        },
    }


def _answer() -> dict[str, Any]:
    text = {"type": "string"}
    return {
        "type": "object",
        "required": ["instruction", "outcome", "bank", "findings", "receipt"],
        "properties": {
            "instruction": text,
            "outcome": {"enum": ["passed", "held", "blocked"]},
            "bank": {"enum": ["accepted", "rejected", "unknown", None]},
            "findings": {"type": "array", "items": {"type": "object"}},
            "receipt": text,
        },
    }

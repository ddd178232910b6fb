"""What the door answers, as JSON Schema; held to real answers by `tests/manuals`."""

from typing import Any

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
MAYBE: Schema = {"anyOf": [TEXT, {"type": "null"}]}
COUNT: Schema = {"type": "integer", "minimum": 0}
MOMENT: Schema = {"type": "integer", "description": "UTC 微秒 microseconds since 1970"}
FLAG: Schema = {"type": "boolean"}
OUTCOME: Schema = {"enum": ["passed", "held", "blocked"]}


def listed(item: Schema) -> Schema:
    return {"type": "array", "items": item}


def named(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def one_of(*words: str | None) -> Schema:
    return {"enum": list(words)}


def whole(fields: dict[str, Schema], may_lack: dict[str, Schema] | None = None) -> Schema:
    """An object with exactly these fields, and perhaps those of `may_lack`."""
    return {
        "type": "object",
        "required": sorted(fields),
        "additionalProperties": False,
        "properties": {**fields, **(may_lack or {})},
    }


_FINDING: dict[str, Schema] = {
    "policy": TEXT, "revision": COUNT, "article": TEXT,
    "light": one_of("red", "orange", "yellow", "blue"),
    "action": one_of("block", "hold", "warn", "record"),
    "title_zh": TEXT, "title_en": TEXT, "reason_zh": TEXT, "reason_en": TEXT,
    "remedy_zh": TEXT, "remedy_en": TEXT, "mender": TEXT,
    "exception": {"anyOf": [
        whole({"id": TEXT, "article": TEXT, "title_zh": TEXT, "title_en": TEXT}), {"type": "null"},
    ]},
    "missing": listed(whole({"kind": TEXT, "zh": TEXT, "en": TEXT})),
    "detail": TEXT,
}  # fmt: skip

ANSWERS: dict[str, Schema] = {
    "Finding": whole(_FINDING),
    "KeptFinding": whole(_FINDING | {"unavailable": listed(TEXT)}),
    "Answer": whole(
        {
            "instruction": TEXT, "outcome": OUTCOME,
            "bank": one_of("accepted", "rejected", "unknown", None),
            "bank_reference": MAYBE, "bank_reason": MAYBE,
            "findings": listed(named("Finding")), "receipt": TEXT,
        },
        {"withheld": listed(TEXT)},
    ),
    "Evidence": whole({
        "record": TEXT, "seq": COUNT, "tree_size": COUNT, "path": listed(TEXT), "checkpoint": TEXT,
    }),
    "Standing": whole({
        "instruction": whole({
            "division": TEXT, "fiscal_year": COUNT, "voucher_type": TEXT, "voucher_no": TEXT,
        }),
        "outcome": OUTCOME,
        "bank": one_of("accepted", "rejected", "unknown", "not_taken", None),
        "bank_reference": MAYBE, "bank_reason": MAYBE, "book": TEXT, "digest": TEXT,
        "decided_at": MOMENT, "settled_at": {"anyOf": [MOMENT, {"type": "null"}]},
        "findings": listed(named("KeptFinding")),
        "hold": {"anyOf": [
            whole({
                "state": one_of("held", "released", "refused", "expired", "withdrawn"),
                "ended_at": {"anyOf": [MOMENT, {"type": "null"}]},
            }),
            {"type": "null"},
        ]},
        "evidence": listed(named("Evidence")),
    }, {"withheld": listed(TEXT)}),
    "Holds": whole({
        "holds": listed(whole({
            "agency": TEXT, "amount_fen": COUNT, "expires_at": MOMENT, "held_at": MOMENT,
            "instruction": TEXT,
            "findings": listed(whole({
                "article": TEXT, "detail": TEXT, "mender": TEXT, "missing": listed(TEXT),
                "overridable": FLAG, "policy": TEXT, "reason_zh": TEXT, "remedy_zh": TEXT,
                "revision": COUNT, "title_zh": TEXT, "unavailable": listed(TEXT),
                "would_release_zh": TEXT,
            })),
        })),
        "more": FLAG,
    }),
    "Notifications": whole({
        "more": FLAG,
        "notifications": listed(whole({
            "id": COUNT, "subject": TEXT, "created_at": MOMENT,
            "body": {"type": "object", "required": ["kind"], "properties": {"kind": TEXT}},
        })),
    }),
    "AcknowledgedAnswer": whole({"acknowledged": listed(COUNT)}),
    "StatementAnswer": whole({
        "alerts": COUNT, "division": TEXT, "entries": COUNT, "replayed": FLAG, "statement": TEXT,
    }),
    "OutcomeAnswer": whole({
        "id": TEXT, "instruction": TEXT,
        "result": one_of("settled", "known", "returned", "contradicted", "unmatched"),
    }),
    "RefundAnswer": whole({
        "payment": TEXT, "refund": TEXT, "result": one_of("refunded", "repeated"),
    }),
}  # fmt: skip
"""By name."""

"""What the records of one payment come to: here, whether it counts in a window any more."""

import orjson
import pytest

from gateway.domain.records import RecordKind
from gateway.domain.recount import Record
from gateway.tending.recounted import Said

VERDICT = {"kind": RecordKind.VERDICT, "outcome": "held"}


@pytest.mark.parametrize(
    ("told", "in_vain"),
    [
        ([], False),
        ([{"what": "not_carried_out"}], False),
        ([{"what": "refused"}], True),
        ([{"what": "expired"}], True),
        ([{"what": "withdrawn"}], True),
        ([{"what": "released"}], False),
        ([{"what": "released"}, {"bank_outcome": "accepted"}], False),
        ([{"what": "released"}, {"bank_outcome": "rejected"}], True),
    ],
)
def test_what_was_held_counts_until_it_is_certain_that_it_is_never_paid(
    told: list[dict[str, str]], in_vain: bool
) -> None:
    said = Said()
    kinds = [RecordKind.BANK_OUTCOME if "bank_outcome" in each else RecordKind.RELEASE
             for each in told]  # fmt: skip
    for kind, fields in zip([RecordKind.VERDICT, *kinds], [VERDICT, *told], strict=True):
        said.hear(record(kind, fields))
    assert said.in_vain is in_vain


def record(kind: RecordKind, fields: dict[str, str]) -> Record:
    return Record(seq=0, kind=kind, subject="x", body=orjson.dumps(fields))

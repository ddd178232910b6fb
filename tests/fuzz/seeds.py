"""Writes the corpus's seeds anew: `python -m tests.fuzz.seeds`. One good document of each kind;
what fuzzing finds beside them is kept small by `-merge=1`."""

import json
from pathlib import Path

import orjson
from msgspec.structs import replace

from adapters.formats.iso20022.payments import IsoBulk
from adapters.formats.iso20022.statement import MESSAGES as STATEMENTS
from adapters.formats.iso20022.write import written_message
from adapters.formats.voucher.division_codes import load_codes
from adapters.formats.voucher.envelope import opened
from adapters.formats.voucher.tables import TABLES
from certs.bundled import KIND
from certs.log.growth import format_growth
from certs.log.note import Checkpoint, checkpoint_text
from certs.log.proof import format_proof
from certs.signing.jws import protected_header
from gateway.domain.codes import PaymentMethod
from gateway.domain.instruction import Instruction
from tests.adapters.formats.formats_strategies import batch, sample
from tests.adapters.formats.iso_messages import statement
from tests.adapters.formats.iso_samples import AT, KINDS, an_instruction, many
from tests.adapters.formats.test_registers_format import registers
from tests.adapters.formats.test_voucher_papers import sample_voucher
from tests.adapters.formats.voucher_write import appropriation_envelope, voucher_envelope
from tests.bureau.lists.test_workbook import workbook as packed
from tests.fuzz.typed import POLICY
from tests.pipeline.letters_iso import enquiry, recall, report, resolution, returned

CORPUS = Path(__file__).parent / "corpus"

_STATEMENT = {
    "division": "220000000",
    "statement_id": "S-1",
    "entries": [
        {
            "id": "1", "booked_at": "2026-03-02T09:00:00+08:00", "account": "0710101011",
            "direction": "debit", "amount": "12800.00",
            "instruction": "220000000/2026/8202/2026030200001", "reference": "JH1",
            "counter_account": "2200145010", "counter_name": "长春示例科技有限公司",
        }
    ],
    "clearing": [
        {"day": "2026-03-02", "account": "0710101011", "voucher_no": "2301-1", "amount": "1.00"}
    ],
    "account_tasks": [],
}  # fmt: skip


_OUTCOME = {
    "id": "ZF-1", "instruction": "220000000/2026/8202/V1", "outcome": "returned",
    "reason": "账户不存在", "reference": "JH1", "amount": "1.00",
}  # fmt: skip
_REFUND = {
    "amount": "1.00", "payment": "220000000/2026/8202/V1", "reason": "账户不存在",
    "reference": "JH1", "refund": "220000000/2026/2204/T1",
}  # fmt: skip
_RECALLED = {"key": "220000000/2026/8202/V00001", "recall": "ab" * 16, "outcome": "recalled"}
_STATUS = (
    '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pacs.002.001.10"><FIToFIPmtStsRpt>'
    "<TxInfAndSts><OrgnlEndToEndId>V00001</OrgnlEndToEndId><TxSts>ACSC</TxSts>"
    "<AcctSvcrRef>JH1</AcctSvcrRef></TxInfAndSts></FIToFIPmtStsRpt></Document>"
)


_CLAUSES = (
    'has(payer.class) && payer.class == "zero_balance"',
    'payee.named_as_payer && !(has(settlement) && settlement in ["cash", "cash_cheque"])',
    'amount > yuan("1000.00") && (size(documents) == 0 || !has(project))',
    'item.code.startsWith("302") && amount * 3 > yuan("5000.00") + yuan("0.01")',
)
_SHEET = (
    '<row r="1"><c r="A1"><v>1</v></c><c r="B1" t="inlineStr"><is><t>a</t></is></c></row>'
    '<row r="2"><c r="A2" t="b"><v>1</v></c><c r="B2" t="d"><v>2026-03-02</v></c></row>'
)


def seeds() -> dict[str, dict[str, bytes]]:
    message = written_message(many(2), "pain.001.001.09", "M", AT)
    parts = list(IsoBulk().parts(message, IsoBulk().open(message)))
    iso = {kind: written_message([an_instruction()], kind, "M", AT) for kind in KINDS}
    return {
        "json": {"single": orjson.dumps(sample()), "payroll": orjson.dumps(batch())},
        "voucher": {"8202": _envelope(), "5207": appropriation_envelope(_appropriation())},
        "iso": {**iso, "two": message, "part": parts[1].raw},
        "registers": {"sample": orjson.dumps(registers())},
        "statement": {"statement": json.dumps(_STATEMENT, ensure_ascii=False).encode()},
        "letter": _letters(),
        "paper": _papers(),
        "outcome": {"outcome": orjson.dumps(_OUTCOME), "refund": orjson.dumps(_REFUND)},
        "core": {
            "resolution": resolution("ab" * 16, "V00001", "RJCR"),
            "status": _STATUS.encode(),
            "recalled": orjson.dumps(_RECALLED),
        },
        "conversation": _conversations(),
        "policy": {"whole": POLICY.encode(), "table": b"id = 'JL-900'\n[when]\na.b = [1, 2.5]\n"},
        "clause": {str(number): each.encode() for number, each in enumerate(_CLAUSES)},
        "token": {
            "detached": f"{protected_header('A' * 43, detached=True)}..{'A' * 86}".encode(),
            "compact": f"{protected_header('A' * 43, detached=False)}.e30.{'A' * 86}".encode(),
        },
        "note": _notes(),
        "upload": {
            "relations": b'<?xml version="1.0" encoding="x"?><Relationships><Relationship Id="1"'
            b' Type="a/image" Target="http://a" TargetMode="External"/></Relationships>',
            "file": packed(_SHEET),
        },
        "workbook": {"sheet": _SHEET.encode(), "file": packed(_SHEET)},
    }


def _letters() -> dict[str, bytes]:
    statements = {kind: statement(kind) for kind in STATEMENTS}
    return {
        **statements, "pacs.028": enquiry("1", "2", message="M-1"), "camt.056": recall("1", "2"),
        "camt.029": resolution("ab" * 16, "1", "ACCR"), "pacs.004": returned("1", "800.5"),
        "pacs.002": report("1", "ACSC"),
    }  # fmt: skip


def _conversations() -> dict[str, bytes]:
    """Behind where they are cut (see `conversation.py`): plain and not plain, in one connection."""
    plain, body = plain_request(), b'5\r\n{"a":\r\n2\r\n1}\r\n0\r\n'
    get = b"GET /v1/instructions/220000000/2026/8202/1 HTTP/1.1\r\nHost: x\r\n\r\n"
    chunked = plain_request("Transfer-Encoding: chunked", body=None)
    said = {
        "plain": plain * 3,
        "voucher": plain_request(path="/v1/vouchers", media="text/xml") + plain,
        "odd": plain + get + plain,
        "chunked": plain + chunked + body + b"\r\n" + plain,
        "trailers": chunked + body + b"X: y\r\n\r\n" + plain,
        "expect": plain_request("Expect: 100-continue") + plain,
        "upgrade": plain_request("Connection: upgrade\r\nUpgrade: h2c") + plain,
        "connect": b"CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\n" + b"\x11" * 40 + plain,
        "closing": plain + plain_request("Connection: close") + plain,
        "twice": plain_request("Content-Length: 3") + plain,
        "signed twice": plain + plain_request("Signature-JWS: b..c") + plain,
        "methods": b"".join(
            b"%b /v1/instructions HTTP/1.1\r\nHost: x\r\n\r\n" % method
            for method in (b"HEAD", b"OPTIONS", b"PUT", b"DELETE")
        ),
        "old": plain + plain.replace(b"HTTP/1.1", b"HTTP/1.0") + plain,
        "feed": plain_request(path="/v1/feeds/registers") + plain,
        "no HTTP": plain + b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "short": plain + plain[:-1],
        "in pieces": plain_request(body=b"[%b]" % (b"0," * 99 + b"0")) + plain,
        "smuggled": plain_request("Transfer-Encoding: chunked", body=b"0\r\n\r\n" + plain),
    }
    return {name: b"\x20\x60\xa0\xe0\x02" + stream for name, stream in said.items()}


def plain_request(
    *more: str, path: str = "/v1/instructions", media: str = "application/json",
    body: bytes | None = b"{}",
) -> bytes:  # fmt: skip
    """With more headers; without a body, its head alone."""
    lines = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Type: {media}", "Signature-JWS: a..b"]
    lines += [*more, *([] if body is None else [f"Content-Length: {len(body)}"])]
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


def _notes() -> dict[str, bytes]:
    note = checkpoint_text(Checkpoint(origin="a/log/1", size=3, root=bytes(32)))
    note += f"\n— a/log/1 {'A' * 96}\n"
    several = {"division": "220000000", "kind": KIND, "root": "00" * 32, "size": 2}
    return {
        "checkpoint": note.encode(), "growth": format_growth(2, [bytes(32)], note).encode(),
        "proof": format_proof(1, [bytes(32)] * 2, note).encode(),
        "receipt": f"a.b.c~1~{'A' * 43}".encode(), "several": orjson.dumps(several),
    }  # fmt: skip


def _papers() -> dict[str, bytes]:
    """The vouchers inside, each of every kind, and one envelope whole."""
    bodies = {kind: opened(sample_voucher(kind))[0].voucher.encode("gbk") for kind in TABLES}
    return {**bodies, "envelope": sample_voucher("2204")}


def _appropriation() -> Instruction:
    made = an_instruction()
    key = replace(made.key, voucher_type="5207")
    return replace(made, key=key, payment_method=PaymentMethod.DIRECT)


def _envelope() -> bytes:
    return voucher_envelope(an_instruction(), load_codes().of("220000000"))


def write() -> None:
    for parser, documents in seeds().items():
        folder = CORPUS / parser
        folder.mkdir(parents=True, exist_ok=True)
        for name, raw in documents.items():
            (folder / f"seed-{name}.bin").write_bytes(raw)


if __name__ == "__main__":
    write()

"""`explain`: what the gateway would decide on files of any accepted format, a line each."""

import datetime as dt
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from adapters.formats.accepted import accepted_formats
from adapters.formats.iso20022.payments import IsoBulk
from adapters.formats.json.answer import finding_told
from adapters.formats.problem import problem_fields
from adapters.formats.registers.division import read_registers
from adapters.formats.sniff import sniff
from gateway.domain.faults import Fault, FaultCode, FieldError, Unreadable
from gateway.domain.instruction import Instruction
from gateway.domain.legal_day import legal_day
from gateway.domain.registers import Registers
from gateway.pipeline.explain import explain
from policies.book.book import Book
from policies.book.load import DEFAULT, load
from policies.book.names import article_zh

_READERS = accepted_formats()
_BULK = IsoBulk()
_OUTCOMES_ZH = {"passed": "放行", "held": "挂起", "blocked": "拦截", "fault": "不予受理"}


def explain_files(
    files: Sequence[Path], registers_file: Path, on: dt.date | None, policies: Path | None
) -> Iterator[dict[str, Any]]:
    """One explanation per file: file, format, outcome, findings, fault.

    A finding with `beside` does not decide: it is a want of money that comes up once what holds or
    blocks is out of the way.

    Raises Unreadable (registers), OSError, PolicyRefused (a ValueError).
    """
    registers = read_registers(registers_file.read_bytes())
    book = load(policies or DEFAULT)
    day = on or legal_day(dt.datetime.now(dt.UTC))
    for file in files:
        raw = file.read_bytes()
        if sniff(raw) == IsoBulk.format and _BULK.takes(raw):
            yield from _explain_many(file.name, raw, registers, book, day)
        else:
            yield explain_one(file.name, raw, registers, book, day)


def explain_one(
    name: str, raw: bytes, registers: Registers, book: Book, on: dt.date
) -> dict[str, Any]:
    format = sniff(raw)
    if format is None:
        return _explained(name, format, _unknown(raw), registers, book, on)
    try:
        read: Instruction | Fault = _READERS[format].parse(raw)
    except Fault as fault:
        read = fault
    return _explained(name, format, read, registers, book, on)


def _explain_many(
    name: str, raw: bytes, registers: Registers, book: Book, on: dt.date
) -> Iterator[dict[str, Any]]:
    """A line for each payment of a message of many, named by its EndToEndId."""
    try:
        opened = _BULK.open(raw)
        for part in _BULK.parts(raw, opened):
            read = part.instruction or part.fault
            assert read is not None
            each = f"{name}#{part.names[2]}"
            yield _explained(each, _BULK.format, read, registers, book, on)
    except Fault as fault:
        yield _explained(name, _BULK.format, fault, registers, book, on)


def _explained(
    name: str, format: str | None, read: Instruction | Fault, registers: Registers, book: Book,
    on: dt.date,
) -> dict[str, Any]:  # fmt: skip
    line: dict[str, Any] = {"file": name, "format": format, "outcome": "fault"}
    try:
        if isinstance(read, Fault):
            raise read
        instruction = read
        if instruction.key.division != registers.division:
            raise Unreadable(
                FaultCode.DIVISION_UNKNOWN,
                f"the registers are of {registers.division}, not of {instruction.key.division}",
            )
    except Fault as fault:
        problem = problem_fields(fault, name)
        return line | {
            "findings": [],
            "fault": {
                "code": fault.code,
                "detail": fault.detail,
                "title_zh": problem["title_zh"],
                "errors": problem["errors"],
                "remedy_zh": problem["remedy_zh"],
            },
        }
    explained = explain(instruction, registers, book, on)
    beside = [finding_told(finding) | {"beside": True} for finding in explained.beside]
    return line | {
        "outcome": explained.decision.outcome,
        "findings": [finding_told(each) for each in explained.decision.findings] + beside,
        "fault": None,
    }


def _unknown(raw: bytes) -> Unreadable:
    """Neither format; an XML voucher on its own is the mistake that people make."""
    if not raw.lstrip().startswith(b"<"):
        return Unreadable(
            FaultCode.MEDIA_TYPE_UNSUPPORTED,
            "neither a JSON instruction, a MOF envelope nor ISO 20022",
        )
    envelope = FieldError(
        field="MOF",
        code="missing",
        zh="缺少 MOF 信封：凭证 XML 以 GBK 编码后作 base64，放入 MOF/VoucherBody/Voucher",
        en="no MOF envelope: the voucher's XML stands in MOF/VoucherBody/Voucher, as base64 of GBK",
    )
    return Unreadable(
        FaultCode.MEDIA_TYPE_UNSUPPORTED,
        "需要 MOF 信封，而不是其中的凭证 XML / the MOF envelope is wanted, not the XML inside it",
        (envelope,),
    )


def in_words(line: dict[str, Any]) -> str:
    """An explanation for a person at a terminal: Chinese first, English beside."""
    words = [f"{line['file']}: {_OUTCOMES_ZH[line['outcome']]} {line['outcome']}"]
    if fault := line["fault"]:
        words.append(f"  {fault['title_zh']} [{fault['code']}] {fault['detail']}")
        words += [f"    {e['field']}: {e['zh']} / {e['en']}" for e in fault["errors"]]
    for finding in line["findings"]:
        words += _finding_in_words(finding)
    return "\n".join(words)


def _finding_in_words(finding: dict[str, Any]) -> Iterator[str]:
    article = article_zh(finding["article"])
    if finding.get("beside"):
        yield "  此外，上述问题解决后还将遇到 and beside that, once the above is mended:"
    yield f"  {finding['policy']} {finding['title_zh']}（{article}）{finding['action']}"
    yield f"    {finding['reason_zh']}"
    yield f"    {finding['reason_en']}"
    if near := finding["exception"]:
        article = article_zh(near["article"])
        yield f"    最接近的例外 nearest exception: {article} {near['title_zh']}"
    for paper in finding["missing"]:
        yield f"    缺少 missing: {paper['zh']} / {paper['en']}"
    if finding["remedy_zh"]:
        yield f"    处理办法: {finding['remedy_zh']}"

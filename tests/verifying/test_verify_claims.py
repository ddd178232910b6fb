"""`verify record` on files of a real line: what stands beside the records is held against them."""

import asyncio
import base64
import copy
import datetime as dt
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import orjson
import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from certs.keys import save_certificates
from certs.log.day import Day, write_day
from certs.log.note import log_key
from certs.log.report import VERDICTS, Exit, Report, whole_of, worst_of
from certs.log.sealer import Sealer
from certs.log.witness import Witness
from gateway.commands.command_line import app
from gateway.domain.bank import DISPUTED, BankOutcome
from gateway.domain.decision import Action
from gateway.domain.instruction import Instruction
from gateway.domain.ledger import RecordDraft
from gateway.pipeline.conduct_words import found_out
from gateway.pipeline.tell import Origin, correction
from gateway.verifying.auditor import Auditor, Unusable, verify_evidence
from gateway.web.evidence import evidence_of
from tests.certs.conftest import make_pki
from tests.memory.recordlog import MemoryRecordLog
from tests.pipeline.fakes import DIVISION, NOW, finding, instruction, received
from tests.pipeline.test_line import Street

Document = dict[str, Any]
Change = Callable[[Document], None]
ORIGIN = Origin(bank="103", uri="spiffe://treasury.test/gateway/103")


@attrs.frozen(kw_only=True)
class Case:
    """Evidence files of a passed and accepted, a blocked and a disputed instruction of one log."""

    accepted: Document
    blocked: Document
    disputed: Document
    auditor: Auditor
    folder: Path

    def check(self, document: Document) -> Exit:
        file = self.folder / "evidence.json"
        file.write_bytes(orjson.dumps(document))
        return max(report.exit for report in verify_evidence(file, self.auditor))

    def changed(self, change: Change, of: Document | None = None) -> Exit:
        document = copy.deepcopy(of or self.accepted)
        change(document)
        return self.check(document)


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return asyncio.run(_case(tmp_path_factory.mktemp("claims")))


async def _case(folder: Path) -> Case:
    street = await Street(instruction()).open()
    orders = [_numbered(f"V{number}") for number in range(3)]
    for order, fired in zip(orders, ("JL-090", "JL-044", None), strict=True):
        action = Action.WARN if fired == "JL-090" else Action.BLOCK
        street.book.findings = (finding(fired, action),) if fired else ()
        street.format.instruction = order
        await street.line.carry(received(order.key.voucher_no.encode()))
    await _contradict(street, orders[2])
    documents = await _documents(street, orders, folder)
    return Case(
        accepted=documents[0], blocked=documents[1], disputed=documents[2], folder=folder,
        auditor=Auditor(bank=[folder / "bank.pem"], bureau=[folder / "bureau.pem"]),
    )  # fmt: skip


def _numbered(number: str) -> Instruction:
    return replace(instruction(), key=replace(instruction().key, voucher_no=number))


async def _contradict(street: Street, order: Instruction) -> None:
    standing = await street.ledger.standing(order.key)
    assert standing
    evidence = {"how": "enquiry", "reason": None, "reference": None}
    said = correction(standing, ORIGIN, NOW, evidence, BankOutcome.REJECTED)
    assert isinstance(said, RecordDraft)
    await street.ledger.record(DIVISION, said)


async def _find_out(street: Street, order: Instruction) -> None:
    """Two officers say what it was settled with: it was paid."""
    standing = await street.ledger.standing(order.key)
    assert standing and standing.bank
    facts = {"how": "operator", "by": "李、王", "reason": "清单第3页", "reference": None}
    end = found_out(standing, standing.bank, None, facts, ORIGIN, NOW + dt.timedelta(hours=1))
    await street.ledger.record(DIVISION, end.record)


async def _documents(street: Street, orders: list[Instruction], folder: Path) -> list[Document]:
    """Sealed, delivered, cosigned, and read as the door reads them."""
    pki = make_pki(NOW)
    gateway, bureau = pki.party("gateway/103", NOW), pki.party("bureau/220000000", NOW)
    save_certificates(folder / "bank.pem", [gateway.certificate])
    save_certificates(folder / "bureau.pem", [bureau.certificate])
    log = MemoryRecordLog(street.state)
    sealed = await log.seal(DIVISION, 100, NOW, Sealer(gateway).seal)
    delivery = await log.next_delivery(DIVISION, 100)
    assert sealed and delivery
    keys = [log_key(gateway.certificate, sealed.head.origin)]
    witnessed = Witness(bureau, {DIVISION: keys}).verify(None, delivery, NOW)
    await log.acknowledge(DIVISION, witnessed.cosigned, NOW)
    documents = []
    for order in orders:
        standing = await street.ledger.standing(order.key)
        assert standing
        body = evidence_of(standing, await log.evidence(DIVISION, str(order.key)))
        documents.append(json.loads(orjson.dumps(body)))
    return documents


def test_files_as_the_door_wrote_them_are_valid(case: Case) -> None:
    for document in (case.accepted, case.blocked, case.disputed):
        file = case.folder / "evidence.json"
        file.write_bytes(orjson.dumps(document))
        reports = verify_evidence(file, case.auditor)
        assert [each.exit for each in reports] == [Exit.VALID] * (len(document["evidence"]) + 1), (
            "\n".join(reports[-1].lines())
        )
    assert case.disputed["bank_reason"] == DISPUTED.reason
    assert case.accepted["bank"] == "accepted" and case.blocked["bank"] is None


def test_what_a_proven_record_says_is_told_in_words_and_only_then(case: Case) -> None:
    file = case.folder / "evidence.json"
    file.write_bytes(orjson.dumps(case.blocked))
    trusted = ["--bank", str(case.auditor.bank[0]), "--bureau", str(case.auditor.bureau[0])]
    argv = ["verify", "record", str(file), *trusted, "--explain"]
    said = CliRunner().invoke(app, argv).stdout
    assert "判定 outcome：拦截" in said and "依据 JL-044" in said
    changed = copy.deepcopy(case.blocked)
    changed["outcome"] = "passed"
    file.write_bytes(orjson.dumps(changed))
    assert "判定 outcome" not in CliRunner().invoke(app, argv).stdout


def test_the_conclusion_names_key_outcome_bank_and_number_of_records(case: Case) -> None:
    file = case.folder / "evidence.json"
    file.write_bytes(orjson.dumps(case.accepted))
    whole = verify_evidence(file, case.auditor)[-1]
    assert f"{DIVISION}/2026/8202/V0: passed, bank accepted, 2 records" in whole.steps[-1].en
    facts = whole.as_json()
    assert (facts["outcome"], facts["bank"], facts["records"]) == ("passed", "accepted", 2)
    assert facts["kinds"] == ["verdict", "bank_outcome"]


def _set(name: str, value: object) -> Change:
    return lambda document: document.update({name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("outcome", "blocked"), ("outcome", "held"), ("outcome", None),
        ("bank", "rejected"), ("bank", "unknown"), ("bank", None), ("bank", "not_taken"),
        ("bank_reason", "余额不足"), ("bank_reference", "R9"), ("bank_reference", None),
        ("book", "another"), ("decided_at", 1), ("settled_at", None), ("settled_at", 1),
        ("digest", "00" * 32), ("findings", []), ("findings", [{}]), ("findings", "none"),
    ],
)  # fmt: skip
def test_no_field_beside_the_records_can_be_falsified(case: Case, name: str, value: object) -> None:
    assert case.accepted[name] != value
    assert case.changed(_set(name, value)) is Exit.INVALID


def test_a_field_that_stands_twice_says_two_things_and_is_not_read(case: Case) -> None:
    true = orjson.dumps(case.blocked)
    file = case.folder / "evidence.json"
    for lie in (b'{"outcome":"passed",', b'{"evidence":[],'):
        file.write_bytes(lie + true[1:])
        with pytest.raises(Unusable, match="more than once"):
            verify_evidence(file, case.auditor)


def test_a_finding_reworded_is_noticed(case: Case) -> None:
    for name in ("policy", "article", "reason_zh", "title_zh", "detail", "revision"):

        def reword(document: Document, name: str = name) -> None:
            document["findings"][0][name] = 99 if name == "revision" else "另一"

        assert case.changed(reword, case.blocked) is Exit.INVALID, name


def test_records_of_another_instruction_prove_nothing_of_this_one(case: Case) -> None:
    def number(document: Document) -> None:
        document["instruction"]["voucher_no"] = "999"

    assert case.changed(number) is Exit.INVALID
    assert case.changed(_set("evidence", case.blocked["evidence"])) is Exit.INVALID
    mixed = [*case.accepted["evidence"], case.blocked["evidence"][0]]
    assert case.changed(_set("evidence", mixed)) is Exit.INVALID
    twice = [*case.accepted["evidence"], case.accepted["evidence"][0]]
    assert case.changed(_set("evidence", twice)) is Exit.INVALID


def test_a_record_that_the_file_rests_on_may_not_be_left_out(case: Case) -> None:
    for document, place in ((case.accepted, 0), (case.accepted, 1), (case.blocked, 0)):
        items = [each for number, each in enumerate(document["evidence"]) if number != place]
        if items:
            assert case.changed(_set("evidence", items), document) is Exit.USAGE
    without_correction = case.disputed["evidence"][:2]
    assert case.changed(_set("evidence", without_correction), case.disputed) is Exit.USAGE


def test_a_disputed_payment_cannot_be_dressed_as_settled(case: Case) -> None:
    def dress(document: Document) -> None:
        settled = json.loads(base64.b64decode(document["evidence"][1]["record"]))
        document |= {
            "bank": "accepted", "bank_reason": settled["reason"],
            "bank_reference": settled["reference"], "settled_at": settled["recorded_at"],
        }  # fmt: skip

    assert case.changed(dress, case.disputed) is Exit.INVALID


async def test_what_officers_ended_with_the_word_it_was_settled_with_is_told_as_it_was_settled(
    tmp_path: Path,
) -> None:
    """Neither as from the end on, nor without the end's own record."""
    street = await Street(instruction()).open()
    await street.line.carry(received())
    await _contradict(street, instruction())
    await _find_out(street, instruction())
    (document,) = await _documents(street, [instruction()], tmp_path)
    case = Case(
        accepted=document, blocked=document, disputed=document, folder=tmp_path,
        auditor=Auditor(bank=[tmp_path / "bank.pem"], bureau=[tmp_path / "bureau.pem"]),
    )  # fmt: skip
    assert case.check(document) is Exit.VALID
    kinds = [each["kind"] for each in _records(document)]
    assert kinds == ["verdict", "bank_outcome", "correction", "correction"]
    _, settled, _, end = _records(document)
    assert (document["bank"], document["settled_at"]) == ("accepted", settled["recorded_at"])
    assert case.changed(_set("settled_at", end["recorded_at"]), document) is Exit.INVALID
    assert case.changed(_set("bank_reference", None), document) is Exit.INVALID
    without_end = _set("evidence", document["evidence"][:3])
    assert case.changed(without_end, document) is Exit.INVALID


def _records(document: Document) -> list[Document]:
    return [json.loads(base64.b64decode(each["record"])) for each in document["evidence"]]


def test_fields_that_no_record_can_prove_are_not_called_valid(case: Case) -> None:
    assert case.changed(_set("paid", True)) is Exit.USAGE
    assert case.changed(lambda document: document.pop("book")) is Exit.USAGE
    assert case.changed(_set("instruction", {"division": DIVISION})) is Exit.USAGE

    def size(document: Document) -> None:
        document["evidence"][0]["tree_size"] += 1

    assert case.changed(size) is Exit.INVALID


def _run(case: Case, content: bytes, *more: str) -> tuple[int, str]:
    file = case.folder / "given.json"
    file.write_bytes(content)
    keys = ("--bank", str(case.folder / "bank.pem"), "--bureau", str(case.folder / "bureau.pem"))
    done = CliRunner().invoke(app, ["verify", "record", str(file), *(more or keys)])
    return done.exit_code, done.output


@pytest.mark.parametrize(
    ("content", "zh", "en"),
    [
        (b"{}", "证据残缺", "its evidence is cut"),
        (b"[]", "证据残缺", "its evidence is cut"),
        (b"\xff", "证据残缺", "its evidence is cut"),
        (b'{"evidence":[{"record":"%%%"}]}', "证据残缺", "its evidence is cut"),
        (b'{"evidence":[]}', "没有证据", "holds no evidence"),
    ],
)
def test_a_file_that_cannot_be_checked_is_refused_in_two_languages(
    case: Case, content: bytes, zh: str, en: str
) -> None:
    code, said = _run(case, content)
    assert code == 2 and zh in said.replace("\n", "") and en in said.replace("\n", " ")


def test_the_command_takes_a_kept_checkpoint_and_certificates_that_fit(case: Case) -> None:
    good, bank, bureau = (
        orjson.dumps(case.accepted), str(case.folder / "bank.pem"), str(case.folder / "bureau.pem"),
    )  # fmt: skip
    keys = ("--bank", bank, "--bureau", bureau)
    kept = case.folder / "kept"
    kept.write_text(case.accepted["evidence"][0]["checkpoint"], "utf-8")
    code, said = _run(case, good, *keys, "--kept", str(kept))
    assert code == 0 and "later records are not judged" in said
    kept.write_text("another", "utf-8")
    assert _run(case, good, *keys, "--kept", str(kept))[0] == 1
    code, said = _run(case, good, *keys, "--kept", str(case.folder / "absent"))
    assert code == 2 and "不可读" in said
    code, said = _run(case, good, "--bank", bureau, "--bureau", bank)
    assert code == 2 and "不是该日志的证书" in said.replace("\n", "")


PAGE = Path(__file__).resolve().parents[2] / "docs" / "records.md"


def _words(text: str) -> set[str]:
    """The Chinese of each line: numbers, names and times are another day's."""
    lines = (re.sub(r"[^\u4e00-\u9fff]", "", line) for line in text.splitlines())
    return {line for line in lines if line}


def test_behind_a_record_that_fails_the_last_word_is_of_the_whole(case: Case) -> None:
    """It was "属实 Valid", of the record after it: only the exit code said otherwise."""
    document = copy.deepcopy(case.accepted)
    first = base64.b64decode(document["evidence"][0]["record"])
    altered = first.replace(b'"outcome":"passed"', b'"outcome":"held"')
    document["evidence"][0]["record"] = base64.b64encode(altered).decode()
    keys = "--bank", str(case.folder / "bank.pem"), "--bureau", str(case.folder / "bureau.pem")
    code, said = _run(case, orjson.dumps(document), *keys)
    assert code == Exit.INVALID and "第 1 项未通过" in said
    assert "✗ 不成立：记录的哈希沿" in said.replace("\n", ""), (
        "the sentence alone says that it is so"
    )
    assert said.strip().splitlines()[-1] == VERDICTS[Exit.INVALID]


def test_what_is_proven_wrong_weighs_more_than_what_cannot_be_read() -> None:
    one, other = (Report(exit=exit, steps=()) for exit in (Exit.INVALID, Exit.USAGE))
    assert worst_of([one, other]) == worst_of(whole_of([other, one])) == Exit.INVALID


def test_the_page_for_auditors_shows_what_the_commands_print(case: Case, tmp_path: Path) -> None:
    shown = _words("\n".join(re.findall(r"```text\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)))
    kept = case.folder / "kept"
    kept.write_text(case.accepted["evidence"][0]["checkpoint"], "utf-8")
    keys = ("--bank", str(case.folder / "bank.pem"), "--bureau", str(case.folder / "bureau.pem"))
    bodies = {
        item["seq"]: base64.b64decode(item["record"])
        for document in (case.accepted, case.blocked, case.disputed)
        for item in document["evidence"]
    }
    records = [body for _, body in sorted(bodies.items())]
    write_day(tmp_path, Day(checkpoint=kept.read_text("utf-8"), records=records))
    day = CliRunner().invoke(
        app, ["verify", "day", str(tmp_path), *keys, "--kept", str(kept), "--no-manifest"]
    )
    assert day.exit_code == 0, day.output
    printed = day.output + _run(case, orjson.dumps(case.accepted))[1]
    (case.folder / "evidence.json").write_bytes(b'{"evidence":[]}')
    with pytest.raises(Unusable) as unusable:
        verify_evidence(case.folder / "evidence.json", case.auditor)
    assert shown and shown <= _words(f"{printed}\n{unusable.value}")


def test_the_page_for_auditors_names_only_options_that_there_are() -> None:
    page = PAGE.read_text("utf-8").replace("\\\n", " ")
    commands = re.findall(r"^treasury-gateway (verify|export) (\w+) (.*)$", page, re.MULTILINE)
    assert len(commands) == 3
    for group, name, rest in commands:
        told = CliRunner().invoke(app, [group, name, "--help"], env={"COLUMNS": "200"}).output
        for option in re.findall(r"--[a-z-]+", rest):
            assert option in told, f"{group} {name} {option}"


def held(document: Document, **changes: object) -> Document:
    """As the bureau's desk hands it out: the records, and nothing of the bank's answer."""
    kept = {name: document[name] for name in ("evidence", "instruction")}
    return kept | {"held_by": "spiffe://treasury.test/bureau/220000000"} | changes


def test_what_the_bureau_holds_is_proven_without_the_banks_answer_and_says_so(case: Case) -> None:
    for document in (case.accepted, case.blocked, case.disputed):
        file = case.folder / "held.json"
        file.write_bytes(orjson.dumps(held(document)))
        reports = verify_evidence(file, case.auditor)
        assert [each.exit for each in reports] == [Exit.VALID] * (len(document["evidence"]) + 1)
        assert reports[-1].facts["outcome"] == document["outcome"]
        last = reports[-1].steps[-1]
        assert "未作判断" in last.zh and "what the bank answered" in last.en
    evidence, others = case.accepted["evidence"], case.blocked["evidence"]
    assert case.check(held(case.accepted, evidence=evidence[1:])) is Exit.USAGE, "no verdict"
    assert case.check(held(case.accepted, evidence=[*evidence, *others])) is Exit.INVALID
    assert case.check(held(case.accepted, outcome="blocked")) is Exit.USAGE, "nobody answers for it"
    foreign = held(case.accepted, instruction=case.blocked["instruction"])
    assert case.check(foreign) is Exit.INVALID

"""Messages that nobody here wrote: each is decided or refused by a clear fault, none crashes us.

The installed package pain001 carries a corpus of ISO 20022 messages and templates, pacs008 and
camt053 more of them; none is imported, they are read as files.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from importlib.metadata import distribution
from pathlib import Path

import pytest
from lxml import etree

from adapters.formats.iso20022.letters import IsoLetters
from adapters.formats.iso20022.payments import IsoBulk, IsoFormat
from adapters.formats.iso20022.read import LAYOUTS
from adapters.formats.iso20022.schemas import NAMESPACE, schema_of
from gateway.domain.faults import FaultCode, Unreadable
from tests.adapters.formats.iso_samples import outside_schema

FILES_MIN = 215


def corpus(package: str) -> Iterator[Path]:
    held = distribution(package)
    for name in held.files or ():
        if name.suffix == ".xml":
            yield Path(str(held.locate_file(name)))


def decided(raw: bytes) -> str:
    """`read`, or the fault's code; anything else is a crash."""
    try:
        bulk = IsoBulk()
        if bulk.takes(raw):
            parts = list(bulk.parts(raw, bulk.open(raw)))
            faults = {part.fault.code.value for part in parts if part.fault}
            return "payments: " + (",".join(sorted(faults)) or "read")
        IsoFormat().parse(raw)
    except Unreadable as fault:
        assert fault.detail and fault.code in FaultCode
        assert fault.errors or fault.code is not FaultCode.INSTRUCTION_INVALID
        return fault.code.value
    return "read"


def valid(raw: bytes) -> bool:
    """By the published schema alone, read without any of our own checks."""
    try:
        root = etree.fromstring(raw)
    except etree.XMLSyntaxError:
        return False
    name = etree.QName(root)
    schema = schema_of((name.namespace or "").removeprefix(NAMESPACE))
    return schema is not None and bool(schema.validate(root))


@pytest.fixture
def count(record_property: Callable[[str, object], None]) -> Callable[[str, int], None]:
    return lambda source, number: record_property(f"vectors: {source}", number)


@pytest.mark.parametrize("package", ["pain001", "pacs008", "camt053"])
def test_every_message_of_the_corpus_is_decided_or_refused_by_a_clear_fault(
    package: str, count: Callable[[str, int], None]
) -> None:
    files = list(corpus(package))
    assert len(files) >= (FILES_MIN if package == "pain001" else 1)
    said: Counter[str] = Counter()
    accepted_against_schema = []
    for path in files:
        raw = path.read_bytes()
        outcome = decided(raw)
        said[outcome] += 1
        if "read" in outcome and not valid(raw):
            accepted_against_schema.append(path)
    assert not accepted_against_schema
    assert sum(said.values()) == len(files)
    shares = ", ".join(f"{name} {number}" for name, number in said.most_common())
    count(f"{package} corpus, every message decided or refused ({shares})", len(files))


@pytest.mark.slow
def test_as_letters_they_are_refused_by_a_clear_fault_or_valid_by_the_published_schema(
    count: Callable[[str, int], None],
) -> None:
    """Enquiries, returns, reports and statements in versions and with elements of others."""
    letters, taken, accepted = IsoLetters("103"), 0, 0
    files = [path for package in ("pain001", "pacs008", "camt053") for path in corpus(package)]
    for path in files:
        raw = path.read_bytes()
        taken += letters.takes(raw)
        try:
            letter = letters.read(raw)
        except Unreadable as fault:
            assert fault.detail, path
            assert fault.errors or fault.code is not FaultCode.INSTRUCTION_INVALID, path
        else:
            accepted += 1
            outside_schema(letter.name).assertValid(etree.fromstring(raw))
    assert taken > 5
    count(f"letters, each refused or valid ({taken} looked like one, {accepted} read)", len(files))


@pytest.mark.slow
def test_valid_payments_of_the_corpus_reach_our_own_reading(
    count: Callable[[str, int], None],
) -> None:
    """Of the messages that we take, each valid one is refused for what is ours: foreign currency,
    no fiscal elements; and never as broken XML or by a schema that it fulfils."""
    reached = 0
    for path in [*corpus("pain001"), *corpus("pacs008")]:
        raw = path.read_bytes()
        if not valid(raw) or not any(f"{NAMESPACE}{name}".encode() in raw for name in LAYOUTS):
            continue
        if b"<!--" in raw:
            continue
        reached += 1
        outcome = decided(raw)
        assert "not_xml" not in outcome, path
        if not IsoBulk().takes(raw):
            with pytest.raises(Unreadable) as caught:
                IsoFormat().parse(raw)
            assert not any(error.code == "schema" for error in caught.value.errors), path
    assert reached > 20
    count("valid pain.001 and pacs.008 read down to their fiscal elements", reached)

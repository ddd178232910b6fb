"""The published ISO 20022 schemas: found as files of installed packages, compiled once.

Decision 0008: the packages carry the XSDs; nothing of theirs is ever imported. What no package
carries is read strictly by our own reader, and what we send of it is validated in tests.
"""

import threading
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from lxml import etree

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:"

PLACES = {
    "pain.001.001.03": ("pain001", "pain001/templates/pain.001.001.03/pain.001.001.03.xsd"),
    "pain.001.001.09": ("pain001", "pain001/templates/pain.001.001.09/pain.001.001.09.xsd"),
    "pacs.008.001.02": ("pacs008", "pacs008/templates/pacs.008.001.02/pacs.008.001.02.xsd"),
    "pacs.008.001.04": ("pacs008", "pacs008/templates/pacs.008.001.04/pacs.008.001.04.xsd"),
    "pacs.008.001.08": ("pacs008", "pacs008/templates/pacs.008.001.08/pacs.008.001.08.xsd"),
    "camt.052.001.08": ("camt053", "camt053/xsd/camt.052.001.08.xsd"),
    "camt.053.001.08": ("camt053", "camt053/xsd/camt.053.001.08.xsd"),
    "camt.054.001.08": ("camt053", "camt053/xsd/camt.054.001.08.xsd"),
}
"""By message: the distribution, and the file in it."""


class SchemaMissing(RuntimeError):
    """An installed package does not carry the schema that it should; nothing may start on that."""


_one_at_a_time = threading.Lock()


def schema_of(message: str) -> etree.XMLSchema | None:
    """The compiled schema; None where no package carries one. Raises SchemaMissing."""
    if message not in PLACES:
        return None
    with _one_at_a_time:
        return _compiled(message)


def schema_path(message: str) -> Path:
    """Where the file stands on this machine. Raises SchemaMissing."""
    package, name = PLACES[message]
    try:
        path = Path(str(distribution(package).locate_file(name)))
    except PackageNotFoundError as cause:
        raise SchemaMissing(f"{package} is not installed: it carries {message}") from cause
    if not path.is_file():
        raise SchemaMissing(f"{package} does not carry {name}")
    return path


@cache
def _compiled(message: str) -> etree.XMLSchema:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        return etree.XMLSchema(etree.parse(str(schema_path(message)), parser))
    except etree.LxmlError as cause:
        raise SchemaMissing(f"{message}: the schema cannot be compiled: {cause}") from cause

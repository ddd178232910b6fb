"""What officers type and upload at the bureau: policies, their clauses, workbooks."""

import contextlib
import io
import zipfile

from bureau.web.uploads import media_of
from bureau.web.workbook import WorkbookRefused, rows_of
from policies.book.load import LIBRARY, book_of, load_codes
from policies.form.annotated import TooFree, annotated
from policies.language.errors import PolicyRefused
from policies.language.toml import TomlRefused
from tests.bureau.lists.test_workbook import workbook as packed
from tests.policies.dealer import LAWFUL

ROWS_MAX = 500
_CODES = load_codes()
_WHEN = """'has(payer.class) && payer.class == "zero_balance"'"""
POLICY = (LIBRARY / "jilin" / "JL-020.toml").read_text("utf-8")
assert POLICY.count(_WHEN) == 1


def policy(data: bytes) -> None:
    """A policy's text. Refused with reasons, or a book that decides."""
    with contextlib.suppress(UnicodeDecodeError):
        _read(data.decode())


def clause(data: bytes) -> None:
    """One condition of an otherwise good policy."""
    with contextlib.suppress(UnicodeDecodeError):
        written = data.decode().replace("'''", "")
        _read(POLICY.replace(_WHEN, f"'''{written}'''"))


def workbook(data: bytes) -> None:
    """An uploaded file; and the same bytes as rows and cells of a good workbook."""
    for raw in (data, packed(data.decode("utf-8", "ignore"))):
        with contextlib.suppress(WorkbookRefused):
            rows_of(raw, ROWS_MAX)


def upload(data: bytes) -> None:
    """A file beside a complaint or a reply; and the same bytes as what such a file rests on."""
    media_of(data)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo("_rels/.rels"), data)
        archive.writestr(zipfile.ZipInfo("word/document.xml"), b"<x/>")
    media_of(buffer.getvalue())


def _read(text: str) -> None:
    with contextlib.suppress(TomlRefused, TooFree):
        annotated(text)
    with contextlib.suppress(PolicyRefused):
        book_of({"draft.toml": text}, _CODES).decide(LAWFUL)

"""Files that people hand in: known by their content, bounded, few; the name is only a label."""

import io
import re
import zipfile
from pathlib import PurePosixPath
from xml.parsers import expat

from bureau.desk.docket.office import Upload
from bureau.desk.refusals import ActRefused
from bureau.web.form_reading import File
from bureau.web.route import Visit
from bureau.web.workbook import UNREADABLE, crowded

FILE_BYTES_MAX = 10 * 1024 * 1024
FILES_MAX = 8
NAME_CHARS_MAX = 120
RELATIONS_BYTES_MAX = 2 * 1024 * 1024
"""Of all parts together that say what belongs to what."""
PDF = "application/pdf"
_OFFICE = "application/vnd.openxmlformats-officedocument."
_SIGNS = ((b"%PDF-", PDF), (b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"))
_PARTS = {
    "word/document.xml": _OFFICE + "wordprocessingml.document",
    "xl/workbook.xml": _OFFICE + "spreadsheetml.sheet",
    "OFD.xml": "application/ofd",
}
_MACROS = re.compile(r"vba(project|data)|(^|/)macrosheets/", re.IGNORECASE)
_KINDS_REFUSED = ("macroenabled", "connections+xml")
"""Of parts: programs, and queries that a workbook asks again when it is opened."""
_SUFFIXES = {
    PDF: ".pdf", "image/png": ".png", "image/jpeg": ".jpg", "application/ofd": ".ofd",
    _OFFICE + "wordprocessingml.document": ".docx", _OFFICE + "spreadsheetml.sheet": ".xlsx",
}  # fmt: skip


def uploads_of(visit: Visit, field: str = "files") -> list[Upload]:
    """The form's files. Raises ActRefused for a kind, size or number that is not taken."""
    getall = getattr(visit.form, "getall", None)
    parts = [p for p in getall(field, []) if isinstance(p, File)] if getall else []
    parts = [part for part in parts if part.name]
    if len(parts) > FILES_MAX:
        raise ActRefused("files_many", f"一次最多上传 {FILES_MAX} 个文件。", "Too many files.")
    return [_upload(part) for part in parts]


def _upload(part: File) -> Upload:
    body = part.body
    if not body or len(body) > FILE_BYTES_MAX:
        raise ActRefused(
            "file_size", f"文件“{_shown(part.name)}”为空，或大于 10 MB。",
            "Empty, or larger than 10 MB.",
        )  # fmt: skip
    media = media_of(body)
    if media is None:
        raise ActRefused(
            "file_kind",
            f"文件“{_shown(part.name)}”不予接收：只接受 PDF、OFD、PNG、JPEG、DOCX、XLSX 文件，"
            "不得含宏或引用外部内容；可改传 PDF。",
            "This kind is not taken, nor one with macros or that fetches from outside.",
        )
    return Upload(name=_label(part.name, media), media=media, body=body)


def media_of(body: bytes) -> str | None:
    """The media type by the content itself; None if it is none of those taken, has macros, or
    fetches from outside."""
    for sign, media in _SIGNS:
        if body.startswith(sign):
            return media
    if not body.startswith(b"PK\x03\x04") or crowded(body):
        return None
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            names = archive.namelist()
            if any(map(_MACROS.search, names)) or _leads_out(archive):
                return None
    except UNREADABLE:
        return None
    return next((media for part, media in _PARTS.items() if part in names), None)


def _leads_out(archive: zipfile.ZipFile) -> bool:
    """Whether opening it would run or fetch something: a macro kept under another name, a template,
    an object, a picture or a sheet from outside. A link that a person must click may stay.

    Raises one of `UNREADABLE`, also for a part that unpacks to more than such a part needs.
    """
    left = RELATIONS_BYTES_MAX
    for part in archive.infolist():
        name = part.filename.lower()  # office programs read over the case of a part's name
        if name != "[content_types].xml" and not name.endswith(".rels"):
            continue
        with archive.open(part) as file:
            told = file.read(left + 1)
        left -= len(told)
        if left < 0:
            raise ValueError("these parts are larger than any program writes them")
        found = _Relations()
        found.parser.Parse(told, True)
        if found.lead_out:
            return True
    return False


class _Relations:
    """What one part says of macros, and of what is fetched from outside."""

    def __init__(self) -> None:
        self.lead_out = False
        self.parser = expat.ParserCreate()
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.StartElementHandler = self._element

    def _doctype(self, *_: object) -> None:
        raise ValueError("no document type stands in an office file")

    def _element(self, _: str, attributes: dict[str, str]) -> None:
        outside = attributes.get("TargetMode", "").lower() == "external"
        if outside and not attributes.get("Type", "").endswith("/hyperlink"):
            self.lead_out = True
        kind = attributes.get("ContentType", "").lower()
        if any(refused in kind for refused in _KINDS_REFUSED):
            self.lead_out = True


def _label(name: str, media: str) -> str:
    """The last part of the given name, printable, with the suffix of what it really is."""
    return (_shown(PurePosixPath(name.replace("\\", "/")).stem) or "file") + _SUFFIXES[media]


def _shown(name: str) -> str:
    """Of several files a person must know which one is meant."""
    last = PurePosixPath(name.replace("\\", "/")).name
    return "".join(c for c in last if c.isprintable() and c not in '"<>|:*?')[:NAME_CHARS_MAX]

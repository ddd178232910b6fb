"""One row of the desk's table of routes: who may go there, and what a visitor brings along.

Every page of the desk is a `Route`. The guard admits by it, the side bar is made from it, and a
test walks it with every office: a page that is not in the table cannot be reached at all.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

import attrs
from aiohttp import web

from bureau.desk.entry import Seat
from bureau.desk.people import Office, Person
from bureau.desk.refusals import ActRefused, Words, joined
from bureau.web.form_reading import FIELDS_MAX, File

FORM_BYTES_MAX = 64 * 1024
UPLOAD_BYTES_MAX = 24 * 1024 * 1024
WORDS = ("words", "text", "ground", "reason", "said")
"""The fields, of all forms, into which people write."""


@attrs.frozen(kw_only=True)
class Nav:
    """A page's place in the side bar; groups in the order of `GROUPS`."""

    group: str
    zh: str
    en: str


GROUPS = {"work": "工作", "register": "登记", "policy": "规则", "report": "统计", "rule": "管理"}


@attrs.frozen(kw_only=True)
class Visit:
    """A signed-in person's request for a page that the person's office may open."""

    request: web.Request
    seat: Seat
    division: str
    """That of the path, which the person may look into; else the person's own."""
    form: Mapping[str, Any]
    """What was posted, its CSRF token proven; empty for GET."""

    @property
    def person(self) -> Person:
        return self.seat.person

    def text(self, field: str, chars_max: int = 2000) -> str:
        """A form's field without surrounding space; empty if absent. Raises HTTPBadRequest.

        Every browser sends a line's end as CR LF (HTML, form data set); here it is LF.
        """
        value = self.form.get(field, "")
        value = value.replace("\r\n", "\n") if isinstance(value, str) else value
        if not isinstance(value, str) or len(value) > chars_max or "\x00" in value:
            raise web.HTTPBadRequest(reason=f"{field}: not a text of at most {chars_max}")
        return value.strip()

    @property
    def seen(self) -> int:
        """How many steps the page showed from which this form was sent; -1 if it does not say."""
        text = self.text("seen", 9)
        return int(text) if text.isascii() and text.isdigit() else -1

    def texts(self, field: str) -> list[str]:
        """All values of a field that may come more than once (check boxes)."""
        getall = getattr(self.form, "getall", None)
        return [v for v in getall(field, []) if isinstance(v, str)] if getall else []

    def query(self, field: str, chars_max: int = 300) -> str:
        value = self.request.query.get(field, "")
        if len(value) > chars_max or "\x00" in value:
            raise web.HTTPBadRequest(reason=f"{field}: too long")
        return value.strip()


class FormRefused(ActRefused):
    """All at once that cannot be taken in a form."""

    def __init__(self, oops: Sequence[Words], wrong: Mapping[str, Words] | None = None) -> None:
        """`wrong`: those that belong to a field, by its name."""
        super().__init__("form_refused", *joined(oops))
        self.oops, self.wrong = tuple(oops), wrong or {}


@attrs.define(kw_only=True)
class Undone:
    """A form that was refused; its page is shown again with what was typed (decision 0132)."""

    visit: Visit
    refused: ActRefused
    shown: bool = False
    """Whether the page still has the form: else what was typed is told in words."""

    @property
    def oops(self) -> Sequence[Words]:
        return getattr(self.refused, "oops", (self.refused.words,))

    @property
    def wrong(self) -> Mapping[str, Words]:
        return getattr(self.refused, "wrong", {})

    def of(self, action: str, hidden: Iterable[tuple[str, str]] = ()) -> bool:
        """For a form that the page is about to show: whether it is the one that was sent, to this
        path and with these fixed values."""
        form = self.visit.form
        same = all(form.get(name) == value for name, value in hidden)
        own = self.visit.request.path == action and same
        self.shown = self.shown or own
        return own

    def text(self, name: str) -> str:
        """Empty for a file: no page can give one back to the browser."""
        typed = self.visit.form.get(name)
        return typed if isinstance(typed, str) else ""

    def ticked(self, name: str, value: str) -> bool:
        return value in self.visit.texts(name)

    @property
    def typed(self) -> bool:
        """Whether there is anything to be kept."""
        own = ("csrf", "seen")
        return self.files or any(
            isinstance(each, str) and each and name not in own
            for name, each in self.visit.form.items()
        )

    @property
    def files(self) -> bool:
        return any(isinstance(each, File) and each.name for each in self.visit.form.values())

    @property
    def words(self) -> list[str]:
        """What somebody wrote, as against picked or dated."""
        return [text for name in WORDS if (text := self.text(name).strip())]


Page = Callable[[Visit], Awaitable[web.StreamResponse]]
Again = Callable[[Visit, Undone], Awaitable[web.StreamResponse]]


@attrs.frozen(kw_only=True)
class Route:
    method: str
    path: str
    page: Page
    offices: frozenset[Office]
    upload: bool = False
    """Whether a form may carry files, and so be large."""
    nav: Nav | None = None
    fields_max: int = FIELDS_MAX
    again: Again | None = None
    """Its form's page, which is shown again when the form is refused; None: told on its own."""


def get(path: str, page: Page, offices: frozenset[Office], nav: Nav | None = None) -> Route:
    return Route(method="GET", path=path, page=page, offices=offices, nav=nav)


def post(
    path: str, page: Page, offices: frozenset[Office], *, upload: bool = False,
    fields_max: int = FIELDS_MAX, again: Again | None = None,
) -> Route:  # fmt: skip
    return Route(
        method="POST", path=path, page=page, offices=offices, upload=upload,
        fields_max=fields_max, again=again,
    )  # fmt: skip


def see(path: str) -> web.HTTPSeeOther:
    """To be raised after a form was taken, so that a reload sends nothing twice."""
    return web.HTTPSeeOther(path)


class OnlyLed(web.HTTPSeeOther):
    """To be raised where a form led to another page and nothing was done."""

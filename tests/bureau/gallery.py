"""`python -m tests.bureau.gallery FOLDER LINK...`: looks at every page of a running desk.

Give it one-time links as the demonstration prints them, one a person, and a folder outside the
sources. It follows what each person can follow, keeps a picture of each kind of page at both widths
in light, dark and print, and tells what axe finds serious. Exit 1 if it finds anything.
"""

import argparse
import asyncio
import re
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.async_playwright import Axe

from tests.bureau.browsers import browsers

WIDTHS = (1366, 1920)
SERIOUS = ("serious", "critical")
KIND_MAX = 1
CASES_MAX = 12
"""One picture of each kind of page, but of cases one at each stage."""
_NOT_PAGES = re.compile(r"\.(xlsx|csv|zip|pdf|docx|json)$|/events$|/rows$|/files/|/sign-")
_ALIKE = (
    (re.compile(r"/cases/[0-9]{4}/[0-9]+$"), "/cases/CASE"),
    (re.compile(r"/[0-9]{4}/[0-9A-Za-z]+/[0-9A-Za-z-]+$"), "/PAYMENT"),
    (re.compile(r"/(agencies|banks|changes|drafts|policies)/[0-9A-Za-z-]+(?=/|$)"), r"/\1/ONE"),
    (re.compile(r"/complaints/[0-9]{4}/[0-9]+"), "/complaints/ONE"),
)


def kind_of(path: str) -> str:
    for pattern, word in _ALIKE:
        path = pattern.sub(word, path)
    return re.sub(r"^/desk/[0-9]{9}", "", path) or "/home"


async def main() -> int:
    parser = argparse.ArgumentParser(prog="gallery", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("links", nargs="+")
    parser.add_argument("--quick", action="store_true", help="pictures at 1366 in light only")
    parser.add_argument("--no-axe", action="store_true", help="pictures alone")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    found: list[str] = []
    async with browsers(options.folder / "browser", bypass_csp=True) as page:
        for number, link in enumerate(options.links):
            found += await _office(await page(), link, options, f"{number}")
    sys.stdout.write("\n".join([*found, f"serious findings: {len(found)}", ""]))
    return 1 if found else 0


async def _office(page: Any, link: str, options: argparse.Namespace, number: str) -> list[str]:
    await page.goto(link)
    await page.get_by_role("button", name="进入工作台").click()
    home = f"{urlsplit(page.url).scheme}://{urlsplit(page.url).netloc}"
    office = re.sub(r"[^a-z0-9]", "", (await page.locator(".who a").inner_text()).lower()) or number
    waiting, seen, found = [urlsplit(page.url).path, "/me"], {}, []
    known = set(waiting)
    while waiting:
        path = waiting.pop(0)
        kind = kind_of(path)
        if seen.get(kind, 0) >= (CASES_MAX if kind.endswith("CASE") else KIND_MAX):
            continue
        seen[kind] = seen.get(kind, 0) + 1
        answer = await page.goto(home + path)
        if answer is None or answer.status >= 400:
            found.append(f"{office} {path}: {answer and answer.status}")
            continue
        name = f"{office}{kind.replace('/', '_')}_{seen[kind]}"
        found += [f"{office} {path} {each}" for each in await _look(page, options, name)]
        for href in await page.eval_on_selector_all("a[href]", "all => all.map(a => a.href)"):
            parts = urlsplit(href)
            if (
                href.startswith(home)
                and parts.path not in known
                and not _NOT_PAGES.search(parts.path)
            ):
                known.add(parts.path)
                waiting.append(parts.path)
    sys.stdout.write(f"{office}: {len(seen)} kinds of pages\n")
    sys.stdout.flush()
    return found


async def _look(page: Any, options: argparse.Namespace, name: str) -> list[str]:
    found = []
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme, media="screen")
        found += [] if options.no_axe else await _violations(page, scheme)
        for width in WIDTHS:
            if options.quick and (width, scheme) != (WIDTHS[0], "light"):
                continue
            await page.set_viewport_size({"width": width, "height": width * 9 // 16})
            if await page.evaluate("document.body.scrollWidth > window.innerWidth"):
                found.append(f"({scheme}) wider than {width}")
            picture = options.folder / f"{name}_{width}_{scheme}.png"
            await page.screenshot(path=str(picture), full_page=True)
    if not options.quick:
        await page.emulate_media(color_scheme="light", media="print")
        await page.pdf(path=str(options.folder / f"{name}_print.pdf"), format="A4", landscape=True)
    await page.emulate_media(color_scheme="light", media="screen")
    return found


async def _violations(page: Any, scheme: str) -> list[str]:
    results = await Axe().run(page)
    return [
        f"({scheme}) {one['id']} {one['nodes'][0]['html'][:160]}"
        for one in results.response["violations"]
        if one["impact"] in SERIOUS
    ]


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))

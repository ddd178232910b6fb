"""Debian's Chromium with a fresh profile and nothing that calls home; skips without it."""

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from adapters.papers.fonts import FOLDER

CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip

PATIENCE_MS = 120_000
"""Only a page that hangs takes so long."""

_FONTS = f"""<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{FOLDER}</dir><dir>/usr/share/fonts</dir>
<cachedir prefix="xdg">fontconfig</cachedir>
</fontconfig>"""
"""The Chinese font of the documents: a bare machine has none, and screenshots show boxes."""


@asynccontextmanager
async def browsers(folder: Path, **more: Any) -> AsyncIterator[Callable[[], Awaitable[Any]]]:
    """One browser; each call gives a person's own page, with cookies of its own. A request that
    leaves the host fails the test at the end."""
    if not shutil.which(CHROMIUM):
        pytest.skip(f"{CHROMIUM} is missing: install the package chromium")
    api = pytest.importorskip("playwright.async_api", reason="the package playwright is missing")
    outside: list[str] = []
    async with api.async_playwright() as driver:
        browser = await driver.chromium.launch(
            executable_path=CHROMIUM, args=list(FLAGS), headless=True, env=_with_fonts(folder)
        )

        async def page() -> Any:
            context = await browser.new_context(viewport={"width": 1366, "height": 768}, **more)
            context.set_default_timeout(PATIENCE_MS)
            context.on("request", lambda request: _watch(request, outside))
            return await context.new_page()

        try:
            yield page
        finally:
            await browser.close()
    assert outside == []


async def pressed(page: Any, what: Any) -> None:
    """A button or a link, until the page that it brings is whole. A click alone may come back while
    what it sends is on its way, or with a page of which only the head is there."""
    async with page.expect_navigation():
        await what.click()


def _watch(request: Any, outside: list[str]) -> None:
    if not request.url.startswith(("http://127.0.0.1:", "data:", "about:")):
        outside.append(request.url)


def _with_fonts(folder: Path) -> dict[str, str]:
    file = folder.parent / f"{folder.name}.fonts"
    file.write_text(_FONTS, encoding="utf-8")
    return {**os.environ, "FONTCONFIG_FILE": str(file)}


@asynccontextmanager
async def chromium(folder: Path, **more: Any) -> AsyncIterator[Any]:
    """A browser context; every request that leaves the host fails the test by `outside`."""
    if not shutil.which(CHROMIUM):
        pytest.skip(f"{CHROMIUM} is missing: install the package chromium")
    api = pytest.importorskip("playwright.async_api", reason="the package playwright is missing")
    async with api.async_playwright() as driver:
        context = await driver.chromium.launch_persistent_context(
            str(folder),
            executable_path=CHROMIUM,
            args=list(FLAGS),
            headless=True,
            env=_with_fonts(folder),
            **more,
        )
        context.set_default_timeout(PATIENCE_MS)
        context.outside = []
        context.on("request", lambda request: _watch(request, context.outside))
        try:
            yield context
        finally:
            await context.close()

"""Debian's Chromium with a fresh profile and nothing that calls home; skips without it."""

import os
import shutil
from collections.abc import AsyncIterator
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

_FONTS = f"""<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{FOLDER}</dir><dir>/usr/share/fonts</dir>
<cachedir prefix="xdg">fontconfig</cachedir>
</fontconfig>"""
"""The Chinese font of the documents: a bare machine has none, and screenshots show boxes."""


@asynccontextmanager
async def chromium(folder: Path, **more: Any) -> AsyncIterator[Any]:
    """A browser context; every request that leaves the host fails the test by `outside`."""
    if not shutil.which(CHROMIUM):
        pytest.skip(f"{CHROMIUM} is missing: install the package chromium")
    api = pytest.importorskip("playwright.async_api", reason="the package playwright is missing")
    (folder.parent / f"{folder.name}.fonts").write_text(_FONTS, encoding="utf-8")
    fonts = {**os.environ, "FONTCONFIG_FILE": str(folder.parent / f"{folder.name}.fonts")}
    async with api.async_playwright() as driver:
        context = await driver.chromium.launch_persistent_context(
            str(folder),
            executable_path=CHROMIUM,
            args=list(FLAGS),
            headless=True,
            env=fonts,
            **more,
        )
        context.outside = []

        def watch(request: Any) -> None:
            if not request.url.startswith(("http://127.0.0.1:", "data:", "about:")):
                context.outside.append(request.url)

        context.on("request", watch)
        try:
            yield context
        finally:
            await context.close()

"""One staged product for all walks, and one browser for the people of a walk."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from adapters.postgres.embedded.binaries import EmbeddedUnavailable, installed_binaries
from tests.bureau.browsers import CHROMIUM, browsers
from tests.walks.people import People
from tests.walks.town import Town, links, town

WALKS = 2
"""Each walk once with scripts and once without, on papers of its own."""


@pytest.fixture(scope="package")
def place() -> Iterator[Town]:
    pytest.importorskip("playwright.async_api", reason="the package playwright is missing")
    if not Path(CHROMIUM).exists():
        pytest.skip(f"{CHROMIUM} is missing: install the package chromium")
    try:
        installed_binaries()
    except EmbeddedUnavailable as missing:
        pytest.skip(str(missing))
    with town(WALKS) as made:
        yield made


@pytest.fixture(params=[True, False], ids=["scripts", "no scripts"])
async def people(
    place: Town, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[People]:
    scripts: bool = request.param
    papers = place.papers[0 if scripts else 1]
    async with (
        links(place.stage) as link,
        browsers(tmp_path / "browser", java_script_enabled=scripts) as page,
    ):
        yield People(town=place, papers=papers, scripts=scripts, link=link, page=page)

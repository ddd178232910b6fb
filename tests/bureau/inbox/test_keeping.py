"""Whether what a gateway reports can be kept: known from the last attempt, and not for ever."""

import datetime as dt
from collections.abc import Awaitable

import pytest

from bureau.inbox.keeping import LASTS
from gateway.domain.faults import StoreUnavailable
from tests.bureau.words import DIVISION, GATEWAY, Bureau, House, notice

pytestmark = pytest.mark.postgres


async def test_that_nothing_could_be_kept_is_known_until_something_is_or_nobody_tries(
    bureau: Bureau, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a notice as of a delivery."""
    told, moment = notice(1), dt.datetime.now(dt.UTC)
    keeping = bureau.inbox.keeping
    keeping._clock = lambda: moment

    async def full(*_: object) -> set[bytes]:
        raise StoreUnavailable("No space left on device")

    def tell() -> Awaitable[bool]:
        return bureau.inbox.notice(GATEWAY, DIVISION, told, house.gateway.document(told))

    with monkeypatch.context() as disk:
        disk.setattr(bureau.desk, "keep_notices", full)
        with pytest.raises(StoreUnavailable):
            await tell()
    assert keeping.trouble().endswith("could not be kept: No space left on device")
    moment += LASTS
    assert keeping.trouble()
    moment += dt.timedelta(seconds=1)
    assert keeping.trouble() == "", "nobody has tried since: nobody knows"
    moment -= LASTS
    assert keeping.trouble() and await tell() and keeping.trouble() == ""

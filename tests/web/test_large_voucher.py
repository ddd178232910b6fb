"""As many details as a voucher may have, each refused for several reasons: all of it is told."""

import json

import pytest

from tests.patience import until
from tests.web.besieged import Siege

pytestmark = [pytest.mark.slow, pytest.mark.postgres]

DETAILS = 499
BAD = "购买礼品卡、烟酒、高档消费、旅游、现金发放、其他、代发、往来款、备用金、招待" * 4


async def test_the_largest_voucher_with_the_most_findings_reaches_the_bureau(siege: Siege) -> None:
    """Nothing in a log can be passed over: a record that the bureau does not take would keep all
    that come after it, and its notice the others in its bundle."""
    details = [
        {
            "id": f"{number:038d}", "amount": "60000.00", "purpose": BAD[:200],
            "payee": {
                "kind": "person" if number % 2 else "organisation", "name": "某" * 114,
                "account": f"62220000000{number:08d}", "bank_code": "999999999999",
                "bank_name": "银行" * 50,
            },
        }
        for number in range(DETAILS)
    ]  # fmt: skip
    raw = siege.instruction(
        "LARGE-1", details=details, amount=f"{60_000 * DETAILS}.00", voucher_type="5201",
        payment_method="direct", business_type="batch",
    )  # fmt: skip
    answer = await siege.post(raw)
    assert answer.status == 200
    findings = json.loads(answer.body)["findings"]
    assert len(findings) > 2 * DETAILS, "each of them several"

    async def told() -> bool:
        return bool(json.loads(await siege.operators("/backlog"))["done"])

    await until(told, within_s=60)

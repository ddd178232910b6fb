"""A bureau whose own word has ended, is revoked, or is no longer listed acknowledges nothing."""

import datetime as dt

import attrs
import pytest

from adapters.bureau.frame import framed
from bureau.inbox.receive import DeliveryRefused, Receipt, WitnessEnded
from certs.signatories import signatories
from gateway.domain.log import Delivery
from tests.bureau.words import (
    BANK,
    DIVISION,
    GATEWAY,
    Bureau,
    Chain,
    House,
    verdict,
)
from tests.certs.outliving import ending_authority, outliving

pytestmark = pytest.mark.postgres


async def _receive(bureau: Bureau, delivery: Delivery) -> Receipt:
    return await bureau.inbox.receive(GATEWAY, framed(delivery))


async def test_a_bureau_whose_own_certificate_has_ended_takes_nothing_and_says_so(
    bureau: Bureau, chain: Chain, house: House
) -> None:
    chain.seal([verdict(1)])
    later = house.bureau.not_after + dt.timedelta(seconds=1)
    bureau.inbox._clock = lambda: later
    with pytest.raises(WitnessEnded, match="the bureau's own witness certificate ended on"):
        await _receive(bureau, chain.delivery())
    with pytest.raises(WitnessEnded):
        await bureau.inbox.notice(GATEWAY, DIVISION, b"{}", "a..b")
    head, _ = await bureau.log.held(DIVISION, BANK)
    assert head.size == 0
    assert await bureau.desk.misbehaviours(DIVISION, 9) == []


async def test_a_bureau_whose_own_certificate_is_revoked_takes_nothing_and_says_so(
    bureau: Bureau, chain: Chain
) -> None:
    chain.seal([verdict(1)])
    own = bureau.trust.own.thumbprint
    bureau.trust.replace(attrs.evolve(bureau.trust.table, revoked=frozenset({own})))
    with pytest.raises(WitnessEnded, match=r"the bureau's own witness certificate \(.*is revoked"):
        await _receive(bureau, chain.delivery())


async def test_a_bureau_whose_authority_has_ended_takes_nothing_and_names_it(
    bureau: Bureau, chain: Chain, house: House
) -> None:
    """Its own certificate lives on: a gateway takes its cosignature for nobody's all the same."""
    chain.seal([verdict(1)])
    now = dt.datetime.now(dt.UTC)
    ending = ending_authority(now - dt.timedelta(hours=1))
    table = signatories(
        [house.evidence.certificate, ending.certificate], [("gateway", house.gateway.certificate)]
    )
    bureau.trust.replace(table, outliving(ending, house.bureau.uri, now))
    with pytest.raises(WitnessEnded, match=r"authority CN=evidence that ends .* ended on"):
        await _receive(bureau, chain.delivery())
    head, _ = await bureau.log.held(DIVISION, BANK)
    assert head.size == 0


async def test_a_checkpoint_counts_no_longer_than_the_authority_over_its_key(
    bureau: Bureau, house: House
) -> None:
    now = dt.datetime.now(dt.UTC)
    ending = ending_authority(now - dt.timedelta(hours=1))
    own = outliving(ending, GATEWAY, now)
    named = [("gateway", own.certificate), ("bureau", house.bureau.certificate)]
    bureau.trust.replace(
        signatories([house.evidence.certificate, ending.certificate], named), house.bureau
    )
    ended = Chain(own)
    ended.seal([verdict(1)])
    with pytest.raises(DeliveryRefused, match="not valid at this time"):
        await _receive(bureau, ended.delivery())

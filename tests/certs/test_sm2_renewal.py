"""In GW1-SM2-SM3 a gateway renews its SM2 key, or both: each is announced, nobody restarts."""

import datetime as dt
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from certs.keys import load_certificates, save_certificates, save_key
from certs.signing.signer import thumbprint_of
from certs.signing.sm2 import generate_sm2
from certs.sm2_certificate import issue_sm2, sm2_request
from deploy.demo.identities import Identities, uri
from deploy.demo.stage import BANK_CODE, Plot, Stage
from gateway.domain.log import SM2_SM3
from tests.certs.conftest import skip_without_sm2
from tests.certs.rotating import new_record_key, said
from tests.certs.test_life_end import logged, told
from tests.patience import until
from tests.raised import own_place, raised

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

PARTY = uri("gateway", BANK_CODE)


@pytest.fixture
def stage() -> Iterator[Stage]:
    skip_without_sm2()
    with own_place() as (folder, crew):
        made = Identities.create(folder / "keys", dt.datetime.now(dt.UTC))
        stage = Stage(folder, crew, made, Plot(division="220000000", suite=SM2_SM3))
        with raised(stage):
            yield stage


@pytest.mark.parametrize("both", [False, True])
async def test_a_new_sm2_key_is_announced_learnt_and_signs(stage: Stage, *, both: bool) -> None:
    made = stage.identities
    new = [new_sm2_key(stage.sm2["gateway"], made)]
    if both:
        new.append(new_record_key(stage.record_key, made.evidence, PARTY, made.passphrase))
    for file in new:  # laid one after another, they may be taken up in two turns
        thumbprint = thumbprint_of(load_certificates(file)[0])
        heard = said(stage, "bureau", f"key.learnt&{thumbprint}")
        await until(heard, "the bureau does not learn the new key")
        assert logged(stage, "key.learnt", thumbprint) == 1
    await until(said(stage, "gateway-0", "record_key.in_use"), "the new key is not in use")
    await until(partial(told, stage), "the bureau does not take what the new key signs")
    assert logged(stage, "delivery.refused") == 0


def new_sm2_key(files: tuple[Path, Path], made: Identities) -> Path:
    """In place of the old one, and nowhere else: the bureau learns it from the log."""
    key = generate_sm2()
    leaf = issue_sm2(made.sm2, sm2_request(key, PARTY), dt.datetime.now(dt.UTC))
    certificate, key_file = files[0].with_suffix(".draft"), files[1].with_suffix(".new")
    save_certificates(certificate, [leaf])
    save_key(key_file, key, made.passphrase)
    certificate.replace(files[0])
    key_file.replace(files[1])
    return files[0]

"""The key for people's data, wherever a command needs what it seals."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from adapters.postgres.oversight.past import PostgresPast
from certs.people import PeopleVault, key_for_trial, key_from
from gateway.domain.people import concealed
from gateway.domain.register_feed import Conceal
from gateway.settings import COMMITMENT_VARIABLE, PEOPLE_VARIABLE, SettingsInvalid


def vault_of(
    environment: Mapping[str, str] = os.environ, *, production: bool = False
) -> PeopleVault:
    """From the key file that the environment names; to try out, from the commitments' secret.

    Raises SettingsInvalid: no key, in production no key of its own, or none that can be used.
    """
    if file := environment.get(PEOPLE_VARIABLE):
        try:
            return PeopleVault(key_from(Path(file)))
        except (OSError, ValueError) as reason:
            raise SettingsInvalid(f"{PEOPLE_VARIABLE}: {reason}") from reason
    secret = environment.get(COMMITMENT_VARIABLE)
    if production or not secret:
        raise SettingsInvalid(
            f"set {PEOPLE_VARIABLE} to the file of the key for people's data"
            " (treasury-gateway people key FILE makes one)"
        )
    return PeopleVault(key_for_trial(secret.encode()))


def conceal_of(vault: PeopleVault) -> Conceal:
    return partial(concealed, vault=vault)


@asynccontextmanager
async def past_of(database: str) -> AsyncIterator[PostgresPast]:
    """The past, with what is sealed in it open. Raises SettingsInvalid."""
    past = PostgresPast(database, vault_of())
    try:
        yield past
    finally:
        await past.close()

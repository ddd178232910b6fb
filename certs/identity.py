"""ID tokens of an OpenID Connect provider (OIDC Core 1.0, section 3.1.3.7), under pinned keys."""

import datetime as dt
import json
from collections.abc import Mapping
from pathlib import Path

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

ALGORITHMS = ["ES256", "RS256", "PS256"]
"""Never `none`, never a shared secret."""
LEEWAY_S = 60


class IdentityRefused(ValueError):
    """The token is not what it claims, or not for us, or not for this sign-in."""


def load_provider_keys(file: Path) -> KeySet:
    """A JWK set of public keys. Raises OSError, ValueError."""
    try:
        return KeySet.import_key_set(json.loads(file.read_bytes()))
    except (JoseError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{file.name}: no JWK set: {error}") from error


def subject_of(token: str, keys: KeySet, wanted: Mapping[str, str], now: dt.datetime) -> str:
    """Who signed in, as `<issuer> <subject>`. `wanted`: iss, aud, nonce. Raises IdentityRefused."""
    rules = jwt.JWTClaimsRegistry(
        now=int(now.timestamp()),
        leeway=LEEWAY_S,
        iss={"essential": True, "value": wanted["iss"]},
        aud={"essential": True, "value": wanted["aud"]},
        nonce={"essential": True, "value": wanted["nonce"]},
        exp={"essential": True},
        iat={"essential": True},
        sub={"essential": True},
    )
    try:
        claims = jwt.decode(token, keys, algorithms=ALGORITHMS).claims
        rules.validate(claims)
    except (JoseError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise IdentityRefused(f"{type(error).__name__}: {error}") from error
    audience = claims["aud"]
    if isinstance(audience, list) and len(audience) > 1 and claims.get("azp") != wanted["aud"]:
        raise IdentityRefused("the token is for several parties and not from us")
    return f"{claims['iss']} {claims['sub']}"

"""Signing in by an OpenID Connect provider: authorization code with PKCE (RFC 7636, S256).

What must be remembered between the two steps travels in a sealed cookie of ten minutes; the
provider's keys and addresses are settings, nothing is discovered.
"""

import asyncio
import base64
import datetime as dt
import hashlib
import hmac
import secrets
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
import attrs
import orjson

from bureau.desk.entry import EntryRefused
from certs.identity import IdentityRefused, subject_of
from certs.seal import Seal, SealBroken

WAIT_MAX = dt.timedelta(minutes=10)
ANSWER_DEADLINE_S = 10.0
ANSWER_BYTES_MAX = 64 * 1024
REFUSED = "统一身份认证未通过 / the provider's answer was refused"


@attrs.frozen(kw_only=True)
class Provider:
    """As the settings name it. `keys`: its pinned JWK set."""

    issuer: str
    client_id: str
    secret: str = attrs.field(repr=False)
    authorization: str
    token: str
    redirect: str
    """Our own address of `/sign-in/oidc/back`."""
    keys: Any


class Identity:
    """`begin` gives where to go and the cookie; `subject` takes what the provider sent back."""

    def __init__(self, provider: Provider, seal: Seal, clock: Callable[[], dt.datetime]) -> None:
        self._provider = provider
        self._seal = seal
        self._clock = clock

    def begin(self) -> tuple[str, str]:
        kept = {name: secrets.token_urlsafe(32) for name in ("state", "nonce", "verifier")}
        challenge = hashlib.sha256(kept["verifier"].encode()).digest()
        query = {
            "response_type": "code", "client_id": self._provider.client_id,
            "redirect_uri": self._provider.redirect, "scope": "openid", "state": kept["state"],
            "nonce": kept["nonce"], "code_challenge_method": "S256",
            "code_challenge": base64.urlsafe_b64encode(challenge).rstrip(b"=").decode(),
        }  # fmt: skip
        cookie = orjson.dumps({**kept, "at": int(self._clock().timestamp())})
        return (
            f"{self._provider.authorization}?{urlencode(query)}",
            self._seal.close(cookie, "oidc").hex(),
        )

    async def subject(self, cookie: str, state: str, code: str) -> str:
        """`<issuer> <subject>`. Raises EntryRefused."""
        kept = self._kept(cookie)
        if not code or not hmac.compare_digest(kept["state"].encode(), state.encode()):
            raise EntryRefused(REFUSED)
        answer = await self._exchange(code, kept["verifier"])
        wanted = {
            "iss": self._provider.issuer, "aud": self._provider.client_id, "nonce": kept["nonce"],
        }  # fmt: skip
        try:
            token = str(answer.get("id_token", ""))
            return subject_of(token, self._provider.keys, wanted, self._clock())
        except IdentityRefused:
            raise EntryRefused(REFUSED) from None

    def _kept(self, cookie: str) -> dict[str, Any]:
        try:
            kept: dict[str, Any] = orjson.loads(self._seal.open(bytes.fromhex(cookie), "oidc"))
        except (SealBroken, ValueError):
            raise EntryRefused(REFUSED) from None
        if self._clock().timestamp() - kept["at"] > WAIT_MAX.total_seconds():
            raise EntryRefused(REFUSED)
        return kept

    async def _exchange(self, code: str, verifier: str) -> dict[str, Any]:
        form = {
            "grant_type": "authorization_code", "code": code, "code_verifier": verifier,
            "redirect_uri": self._provider.redirect,
        }  # fmt: skip
        name, secret = (
            quote(each, safe="") for each in (self._provider.client_id, self._provider.secret)
        )
        basic = base64.b64encode(f"{name}:{secret}".encode()).decode()  # RFC 6749, section 2.3.1
        try:
            async with (
                asyncio.timeout(ANSWER_DEADLINE_S),
                aiohttp.ClientSession() as session,
                session.post(
                    self._provider.token,
                    data=form,
                    allow_redirects=False,
                    headers={"Authorization": f"Basic {basic}"},
                ) as answer,
            ):
                body = await answer.content.read(ANSWER_BYTES_MAX)
                found = orjson.loads(body) if answer.status == 200 else None
        except (aiohttp.ClientError, TimeoutError, ValueError):
            found = None
        if not isinstance(found, dict):
            raise EntryRefused(REFUSED)
        return found

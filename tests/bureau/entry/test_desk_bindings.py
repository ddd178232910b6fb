"""Signing in without a password: a client certificate over real TLS, an OIDC provider with PKCE."""

import base64
import datetime as dt
import hashlib
import secrets
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import attrs
import pytest
from aiohttp import web
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from bureau.desk.people import Office, Person
from bureau.web.desk import desk_application
from bureau.web.guard import COOKIE_TLS
from bureau.web.identity import Identity, Provider
from bureau.web.reception import site
from certs.identity import IdentityRefused, subject_of
from certs.seal import Seal
from certs.tls import client_context, people_context
from tests.bureau.desks import Desk
from tests.bureau.words import DIVISION, DOMAIN, House

pytestmark = pytest.mark.postgres
CLIENT, SECRET = "desk", "a secret"


@attrs.define(kw_only=True)
class TestProvider:
    """An OpenID Connect provider that checks PKCE, and lies as it is told."""

    __test__ = False
    key: ECKey
    url: str = ""
    claims: dict[str, Any] = attrs.field(factory=dict)
    sign_with: ECKey | None = None
    asked: dict[str, str] = attrs.field(factory=dict)

    def authorize(self, query: dict[str, list[str]]) -> str:
        """What the provider's own sign-in page would redirect with."""
        self.asked = {name: values[0] for name, values in query.items()}
        self.asked["code"] = secrets.token_urlsafe()
        return self.asked["code"]

    async def token(self, request: web.Request) -> web.Response:
        form = await request.post()
        proof = hashlib.sha256(str(form["code_verifier"]).encode()).digest()
        challenge = base64.urlsafe_b64encode(proof).rstrip(b"=").decode()
        basic = base64.b64encode(b"desk:a%20secret").decode()
        if (
            form["code"] != self.asked.pop("code", None)
            or challenge != self.asked["code_challenge"]
            or form["redirect_uri"] != self.asked["redirect_uri"]
            or request.headers["Authorization"] != f"Basic {basic}"
        ):
            return web.json_response({"error": "invalid_grant"}, status=400)
        now = int(dt.datetime.now(dt.UTC).timestamp())
        claims = {
            "iss": self.url, "sub": "u-17", "aud": CLIENT, "nonce": self.asked["nonce"],
            "iat": now, "exp": now + 300, **self.claims,
        }  # fmt: skip
        token = jwt.encode({"alg": "ES256"}, claims, self.sign_with or self.key)
        return web.json_response({"id_token": token, "access_token": "x", "token_type": "Bearer"})


@pytest.fixture
async def provider(desk: Desk) -> AsyncIterator[tuple[TestProvider, str]]:
    """The provider, and a second desk that knows it."""
    found = TestProvider(key=ECKey.generate_key("P-256"))
    application = web.Application()
    application.router.add_post("/token", found.token)
    async with site(application, "127.0.0.1", 0) as port:
        found.url = f"http://127.0.0.1:{port}"
        known = Provider(
            issuer=found.url, client_id=CLIENT, secret=SECRET, token=f"{found.url}/token",
            authorization=f"{found.url}/authorize", redirect="http://127.0.0.1/sign-in/oidc/back",
            keys=KeySet([found.key]),
        )  # fmt: skip
        identity = Identity(known, Seal(b"p", "desk oidc", bytes(16)), desk.hands)
        rooms = attrs.evolve(desk.rooms, identity=identity)
        await desk.rooms.entry.open_account(
            Person(login="li.si", division=DIVISION, office=Office.REVIEWER, name="李四"),
            "program", subject=f"{found.url} u-17",
        )  # fmt: skip
        async with site(desk_application(rooms), "127.0.0.1", 0) as own:
            yield found, f"http://127.0.0.1:{own}"


async def through(
    desk: Desk, provider: TestProvider, url: str, **said: str
) -> tuple[aiohttp.ClientSession, int]:
    """A browser's way to the provider and back; `said` changes what comes back."""
    browser = await desk.browser()
    async with browser.get(f"{url}/sign-in/oidc", allow_redirects=False) as answer:
        assert answer.status == 303
        asked = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert asked["code_challenge_method"] == ["S256"] and asked["scope"] == ["openid"]
    back = {"state": asked["state"][0], "code": provider.authorize(asked), **said}
    async with browser.get(f"{url}/sign-in/oidc/back", params=back) as answer:
        return browser, answer.status


async def test_an_identity_that_is_bound_signs_in(
    desk: Desk, provider: tuple[TestProvider, str]
) -> None:
    browser, status = await through(desk, *provider)
    assert status == 200
    async with browser.get(f"{provider[1]}/me") as answer:
        text = await answer.text()
    assert answer.status == 200 and "李四" in text and "统一身份认证" in text


async def test_what_the_provider_did_not_say_to_us_now_signs_nobody_in(
    desk: Desk, provider: tuple[TestProvider, str]
) -> None:
    found, url = provider
    for said in ({"state": "another"}, {"code": "another"}, {"code": ""}):
        assert (await through(desk, found, url, **said))[1] == 401, said
    for claims in (
        {"nonce": "another"}, {"aud": "others"}, {"iss": "http://evil.example"}, {"exp": 1},
        {"sub": "nobody-here"}, {"aud": [CLIENT, "others"]},
    ):  # fmt: skip
        found.claims = claims
        assert (await through(desk, found, url))[1] == 401, claims
    found.claims, found.sign_with = {}, ECKey.generate_key("P-256")
    assert (await through(desk, found, url))[1] == 401, "another key"
    found.sign_with = None
    assert (await through(desk, found, url))[1] == 200
    async with (await desk.browser()).get(f"{url}/sign-in/oidc/back?state=x&code=y") as answer:
        assert answer.status == 401, "nothing was begun in this browser"


def test_a_token_without_a_signature_is_none() -> None:
    keys = KeySet([ECKey.generate_key("P-256")])
    parts = [b'{"alg":"none"}', b'{"iss":"i","aud":"a","nonce":"n","sub":"s","exp":9999999999}']
    token = ".".join(base64.urlsafe_b64encode(p).rstrip(b"=").decode() for p in parts) + "."
    wanted = {"iss": "i", "aud": "a", "nonce": "n"}
    with pytest.raises(IdentityRefused):
        subject_of(token, keys, wanted, dt.datetime.now(dt.UTC))


async def test_a_bound_client_certificate_signs_in_and_no_other(
    desk: Desk, house: House, tmp_path: Path
) -> None:
    party = f"{DOMAIN}/operator/zhangsan"
    await desk.rooms.entry.open_account(
        Person(login="zhang.san", division=DIVISION, office=Office.APPROVER, name="张三"),
        "program", party=party,
    )  # fmt: skip
    tls = people_context(house.credentials(tmp_path, f"bureau/{DIVISION}"))
    rooms = attrs.evolve(desk.rooms, certificates=True)
    async with site(desk_application(rooms), "127.0.0.1", 0, tls) as port:
        url = f"https://localhost:{port}"
        bare = ssl.create_default_context(cafile=str(tmp_path / "transport.pem"))
        bare.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        known = client_context(house.credentials(tmp_path, "operator/zhangsan"))
        other = client_context(house.credentials(tmp_path, "operator/lisi"))
        for context, status in ((known, 303), (other, 401), (bare, 401)):
            browser = await desk.browser()
            async with browser.get(
                f"{url}/sign-in/certificate", ssl=context, allow_redirects=False
            ) as answer:
                assert answer.status == status
            if status == 303:
                assert answer.cookies[COOKIE_TLS]["secure"]
        async with (await desk.browser()).get(f"{url}/sign-in", ssl=bare) as answer:
            assert "使用证书登录" in await answer.text()


async def test_under_tls_what_is_kept_on_the_way_to_the_provider_is_of_this_host(
    desk: Desk, provider: tuple[TestProvider, str], house: House, tmp_path: Path
) -> None:
    """A neighbouring host that planted its own would have its visitors work in its account."""
    identity = Identity(
        Provider(
            issuer="https://idp", client_id=CLIENT, secret=SECRET, redirect="https://x/back",
            authorization="https://idp/authorize", token=f"{provider[0].url}/token", keys=None,
        ),
        Seal(b"a passphrase", "desk oidc", bytes(16)), desk.hands,
    )  # fmt: skip
    tls = people_context(house.credentials(tmp_path, f"bureau/{DIVISION}"))
    rooms = attrs.evolve(desk.rooms, identity=identity)
    async with site(desk_application(rooms), "127.0.0.1", 0, tls) as port:
        url = f"https://localhost:{port}/sign-in/oidc"
        bare = ssl.create_default_context(cafile=str(tmp_path / "transport.pem"))
        bare.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        async with (await desk.browser()).get(url, ssl=bare, allow_redirects=False) as answer:
            [cookie] = answer.cookies.values()
        assert cookie.key == "__Host-desk_oidc" and cookie["secure"] and cookie["path"] == "/"
        state = parse_qs(urlsplit(answer.headers["Location"]).query)["state"][0]
        planted = {"Cookie": f"desk_oidc={cookie.value}"}
        async with (await desk.browser()).get(
            f"{url}/back", params={"state": state, "code": "c"}, ssl=bare, headers=planted
        ) as answer:
            assert answer.status == 401 and COOKIE_TLS not in answer.cookies

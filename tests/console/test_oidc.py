"""Signing in at an OpenID provider that lies. tests/console/test_certified_provider.py has an honest one."""

from __future__ import annotations

import base64
import hmac
import html
import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient
from joserfc import jwt
from joserfc.jwk import RSAKey

from console import BadUsers, add, create_app
from console.oidc import own_page
from console.pool import Pool
from settings import ClickHouseSettings, ConsoleSettings
from tests.console.test_access import PASSWORD
from tests.support.openid_provider import CLIENT, SECRET, Claims, OpenIdProvider

NOWHERE = "clickhouse://127.0.0.1:9/none"
"""Without ClickHouse people can still sign in, to see why."""

ROLES = '{"risk": ["risk_reader", "annotator"], "security": ["auditor"]}'


def settings(issuer: str, **more: Any) -> ConsoleSettings:
    given = {"public_url": "http://127.0.0.1", "oidc_client_id": CLIENT, "oidc_client_secret": SECRET,
             "oidc_roles": ROLES}  # fmt: skip
    return ConsoleSettings(oidc_issuer=issuer, **given | more)


@contextmanager
def console(clickhouse: str, given: ConsoleSettings) -> Iterator[Callable[[], TestClient]]:
    """Makes browsers for a console in this process."""
    pool = Pool(ClickHouseSettings(url=clickhouse))
    app = create_app(pool, given)
    yield lambda: TestClient(app, "http://127.0.0.1", follow_redirects=False)
    pool.close()


@pytest.fixture
def provider() -> Iterator[OpenIdProvider]:
    made = OpenIdProvider()
    yield made
    made.stop()


def told(answer: httpx.Response) -> str:
    """What the page to sign in says."""
    found = re.search(r'data-told="([^"]*)"', answer.text)
    assert found, answer.text
    return html.unescape(found[1])


def inside(browser: TestClient) -> bool:
    """Whether somebody is signed in."""
    return browser.get("/").status_code == 200


def sign_in(browser: TestClient, provider: OpenIdProvider, **more: str) -> httpx.Response:
    begun = browser.get("/sign-in/oidc")
    assert begun.status_code == 303, told(begun)
    return browser.get("/sign-in/oidc/callback", params=provider.approve(begun.headers["Location"]) | more)


def unsigned(claims: Claims) -> str:
    return head_and_body({"alg": "none"}, claims) + "."


def keyed(secret: bytes, claims: Claims, **head: Any) -> str:
    """With HMAC, by hand: libraries refuse a public key as the secret."""
    signed = head_and_body({"alg": "HS256", **head}, claims)
    return f"{signed}.{plain(hmac.digest(secret, signed.encode(), 'sha256'))}"


def exchanged(token: str, claims: Claims) -> str:
    """Other claims under the signature of ``token``."""
    head, _, signature = token.split(".")
    return f"{head}.{plain(json.dumps(claims).encode())}.{signature}"


def head_and_body(*parts: Claims) -> str:
    return ".".join(plain(json.dumps(part).encode()) for part in parts)


def plain(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def forgeries(provider: OpenIdProvider) -> dict[str, tuple[Callable[[Claims], str], str]]:
    """By what is wrong: how the token is made, and what must be said of it."""
    other = RSAKey.generate_key(2048, auto_kid=True)
    kid = provider.key.kid

    def changed(**claims: Any) -> Callable[[Claims], str]:
        return lambda good: provider.signed({**good, **claims})

    def without(name: str) -> Callable[[Claims], str]:
        return lambda good: provider.signed({key: value for key, value in good.items() if key != name})

    now = int(time.time())
    return {
        "another key": (lambda good: jwt.encode({"alg": "RS256", "kid": kid}, good, other), "not signed by"),
        "an unknown key": (lambda good: jwt.encode({"alg": "RS256", "kid": other.kid}, good, other), "No key for kid"),
        "a key of its own": (
            lambda good: jwt.encode({"alg": "RS256", "kid": kid, "jwk": other.as_dict(private=False)}, good, other),
            "not signed by",
        ),
        "no signature": (unsigned, "cannot be trusted"),
        "the public key as a secret": (
            lambda good: keyed(provider.key.as_pem(private=False), good, kid=kid),
            "cannot be trusted",
        ),
        "the client's secret": (lambda good: keyed(SECRET.encode(), good), "cannot be trusted"),
        "changed after signing": (
            lambda good: exchanged(provider.signed(good), {**good, "email": "eve@bank.example"}),
            "not signed by",
        ),
        "another audience": (changed(aud="wiki"), "'aud'"),
        "for two, and not asked by us": (changed(aud=[CLIENT, "wiki"], azp="wiki"), "azp"),
        "for two, and nobody asked": (changed(aud=[CLIENT, "wiki"]), "azp"),
        "another issuer": (changed(iss="https://elsewhere.example"), "'iss'"),
        "another sign-in": (changed(nonce="n" * 43), "'nonce'"),
        "no nonce": (without("nonce"), "'nonce'"),
        "no end": (without("exp"), "'exp'"),
        "expired": (changed(iat=now - 4000, exp=now - 400), "expired"),
        "from the future": (changed(iat=now + 4000, exp=now + 5000), "future"),
        "no token": (lambda good: "", "cannot be trusted"),
        "not a token": (lambda good: "a.b.c", "cannot be trusted"),
    }


def test_a_forged_token_signs_nobody_in(provider: OpenIdProvider) -> None:
    with console(NOWHERE, settings(provider.issuer)) as browser:
        thief = browser()
        for wrong, (make, why) in forgeries(provider).items():
            provider.token = make
            answer = sign_in(thief, provider)
            assert answer.status_code == 403 and why in told(answer), (wrong, told(answer))
            assert not inside(thief), wrong
        provider.token = provider.signed
        assert sign_in(thief, provider).status_code == 200 and inside(thief)


def test_an_answer_counts_for_the_browser_and_the_attempt_that_asked(provider: OpenIdProvider) -> None:
    with console(NOWHERE, settings(provider.issuer)) as browser:
        ana, thief = browser(), browser()
        bait = provider.approve(thief.get("/sign-in/oidc").headers["Location"])
        assert "another browser" in told(ana.get("/sign-in/oidc/callback", params=bait)), (
            "she must not become the thief"
        )
        ana.get("/sign-in/oidc")
        assert "latest attempt" in told(ana.get("/sign-in/oidc/callback", params=bait))
        begun = provider.approve(ana.get("/sign-in/oidc").headers["Location"])
        answer = ana.get("/sign-in/oidc/callback", params=begun | {"code": bait["code"]})
        assert answer.status_code == 403 and "invalid_grant" in told(answer), "another's code lacks her verifier"
        answer = sign_in(ana, provider, error="access_denied", error_description="<b>not you</b>")
        assert told(answer).endswith("refuses: access_denied <b>not you</b>") and "<b>" not in answer.text
        assert "is not of" in told(sign_in(ana, provider, iss="https://elsewhere.example"))
    provider.metadata = {"authorization_response_iss_parameter_supported": True}
    with console(NOWHERE, settings(provider.issuer)) as browser:
        ana = browser()
        assert "is not of" in told(sign_in(ana, provider)), "the provider always says who it is"
        assert sign_in(ana, provider, iss=provider.issuer).status_code == 200


def test_what_the_provider_does_not_prove_names_nobody(provider: OpenIdProvider, tmp_path: Path) -> None:
    users = tmp_path / "users.yaml"
    add(users, "ana", PASSWORD, ("admin",))
    with console(NOWHERE, settings(provider.issuer, users=users, oidc_name_claim="name")) as browser:
        ana, eve = browser(), browser()
        token = ana.get("/sign-in").text.partition('csrf-token" content="')[2].partition('"')[0]
        given = {"name": "ana", "password": PASSWORD}
        assert ana.post("/api/sign-in", json=given, headers={"X-CSRF-Token": token}).status_code == 200
        provider.person = {"sub": "1", "name": "ana", "groups": ["risk"]}
        answer = sign_in(eve, provider)
        assert answer.status_code == 403 and "with a password" in told(answer)
        for name in ("", "a\nb", "n" * 201, ["ana"], None):
            provider.person["name"] = name
            assert "does not say who you are" in told(sign_in(eve, provider)), name
        for groups in (None, [], "ris", [["risk"]], {"risk": 1}, 7):
            provider.person |= {"name": "eve", "groups": groups}
            assert "nothing there gives you a role" in told(sign_in(eve, provider)), groups
        provider.person["groups"] = "risk"
        assert sign_in(eve, provider).status_code == 200 and inside(eve)
        add(users, "eve", PASSWORD, ("risk_reader",))
        assert not inside(eve), "she is taken for another person now"
    with console(NOWHERE, settings(provider.issuer)) as browser:
        for verified in ({}, {"email_verified": False}, {"email_verified": "true"}):
            provider.person = {"sub": "1", "email": "boss@bank.example", "groups": ["risk"], **verified}
            assert "email_verified" in told(sign_in(browser(), provider)), verified
        # Claims that are in no ID token are asked for, and must be about the same person.
        provider.person, rest = {"sub": "1"}, {"email": "eve@bank.example", "email_verified": True, "groups": ["risk"]}
        provider.userinfo = {"sub": "2", **rest}
        assert "somebody else" in told(sign_in(browser(), provider))
        provider.userinfo = {"sub": "1", **rest}
        assert sign_in(browser(), provider).status_code == 200


def test_a_provider_that_is_away_or_another_is_told(provider: OpenIdProvider) -> None:
    with console(NOWHERE, settings(provider.issuer)) as browser:
        ana = browser()
        for metadata, why in (
            ({"issuer": "https://elsewhere.example"}, "CONSOLE_OIDC_ISSUER"),
            ({"token_endpoint": "ftp://elsewhere.example"}, "over https"),
            ({"jwks_uri": None}, "over https"),
            ({"padding": "x" * 2_000_000}, "too much"),
        ):
            provider.metadata = metadata
            answer = ana.get("/sign-in/oidc")
            assert answer.status_code == 503 and why in told(answer)
        provider.metadata, provider.redirects_to = {}, f"{provider.issuer}/keys"
        assert "HTTP 302" in told(ana.get("/sign-in/oidc")), "it follows nobody elsewhere"
        provider.redirects_to = ""
        provider.metadata = {"jwks_uri": f"{provider.issuer}/nothing"}
        assert sign_in(ana, provider).status_code == 503
    provider.metadata = {}
    with console(NOWHERE, settings(provider.issuer)) as browser:
        ana = browser()
        # Keys of kinds that the console does not know are nothing to it (RFC 7517, section 5).
        provider.other_keys = [
            {"kty": "EC", "crv": "brainpoolP256r1", "x": "AA", "y": "AA", "kid": "1"},
            {"kty": "RSA", "kid": "2"},
            {"kty": "none of these", "kid": "3"},
            "no key",
        ]
        assert sign_in(ana, provider).status_code == 200
        begun = provider.approve(ana.get("/sign-in/oidc").headers["Location"])
        provider.stop()
        assert "does not answer" in told(ana.get("/sign-in/oidc/callback", params=begun))


def test_a_session_ends_with_its_provider_and_its_roles(provider: OpenIdProvider) -> None:
    secret = "s" * 32
    with console(NOWHERE, settings(provider.issuer, secret=secret)) as browser:
        ana = browser()
        assert sign_in(ana, provider).status_code == 200
    for given, still in (
        (settings(provider.issuer, secret=secret), True),
        (settings(provider.issuer, secret=secret, oidc_roles='{"security": ["auditor"]}'), False),
        (settings("https://elsewhere.example", secret=secret), False),
        (settings(provider.issuer, secret=secret, session_hours=timedelta(seconds=0.001) / timedelta(hours=1)), False),
    ):
        with console(NOWHERE, given) as browser:
            again = browser()
            again.cookies.update(ana.cookies)
            assert inside(again) == still


def test_settings_that_cannot_work_are_refused(tmp_path: Path) -> None:
    issuer = "https://login.example"
    with pytest.raises(BadUsers, match="CONSOLE_OIDC_ROLES: risk: there is no role 'boss'"):
        create_app(Pool(), settings(issuer, oidc_roles='{"risk": ["boss"]}'))
    for wrong, why in (
        ({"oidc_issuer": "http://login.example"}, "CONSOLE_OIDC_ISSUER is no address over https"),
        ({"public_url": "http://console.example"}, "CONSOLE_PUBLIC_URL is no address over https"),
        ({"public_url": "https://console.example/here"}, "has a path"),
        ({"public_url": ""}, "needs CONSOLE_PUBLIC_URL"),
        ({"oidc_client_id": ""}, "needs CONSOLE_OIDC_CLIENT_ID"),
        ({"oidc_roles": None}, "needs CONSOLE_OIDC_ROLES"),
        ({"oidc_roles": "risk=auditor"}, "JSON"),
    ):
        with pytest.raises(ValueError, match=why):
            settings(**{"issuer": wrong.pop("oidc_issuer", issuer), **wrong})
    assert settings(issuer, host="0.0.0.0", behind_tls=True).secure, "a provider is enough; no file of users is needed"


def test_after_signing_in_nobody_is_led_to_another_site() -> None:
    for elsewhere in ("//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)", "", "evil",
                      "/\t/evil.example", "/ /evil.example", "/\n", "/\u2028"):  # fmt: skip
        assert own_page(elsewhere) == "/", elsewhere
    assert own_page("/entity/ACME?as_of=2026-01-01T00:00") == "/entity/ACME?as_of=2026-01-01T00:00"


def test_the_way_back_from_the_provider_leads_to_no_other_site(provider: OpenIdProvider) -> None:
    with console(NOWHERE, settings(provider.issuer)) as browser:
        ana = browser()
        begun = ana.get("/sign-in/oidc", params={"next": "//evil.example"})
        done = ana.get("/sign-in/oidc/callback", params=provider.approve(begun.headers["Location"]))
        assert done.status_code == 200 and 'content="0;url=/"' in done.text and "evil" not in done.text

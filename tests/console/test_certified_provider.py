"""Signing in at a certified OpenID provider, from the console's page to it and back, with a browser's cookies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import httpx
import pytest
from clickhouse_driver import Client

from console.connections import Limits
from console.oidc import ALGORITHMS
from deploy.local import free_port
from storage.reads import actions
from tests.console.test_connections import served
from tests.console.test_oidc import NOWHERE, ROLES, told
from tests.support.certified_provider import SECRET, Browser, Form, certified_provider, client_of

PEOPLE: dict[str, dict[str, Any]] = {
    "ana": {"email": "ana@bank.example", "email_verified": True, "groups": ["risk", "all"]},
    "bob": {"email": "bob@bank.example", "email_verified": True, "groups": ["all"]},
    "eve": {"email": "ana@bank.example", "email_verified": False, "groups": ["risk"]},
    "sam": {"email": "sam@bank.example", "email_verified": True, "groups": "security"},
}
CALLBACK = "/sign-in/oidc/callback"


class Place:
    """A port for a console that does not run yet."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.redirect = f"{self.url}{CALLBACK}"

    @contextmanager
    def console(self, issuer: str, algorithm: str = "RS256", **more: Any) -> Iterator[None]:
        given = {"oidc_issuer": issuer, "oidc_client_id": client_of(algorithm), "oidc_client_secret": SECRET,
                 "oidc_roles": ROLES, "public_url": self.url, "clickhouse": NOWHERE, **more}  # fmt: skip
        with served(Limits(), at=self.port, **given):
            yield

    def begin(self, browser: Browser) -> httpx.Response:
        """The page that the provider shows first."""
        return browser.get(f"{self.url}/sign-in/oidc?next=/entity/ACME")

    def sign_in(self, browser: Browser, name: str = "ana") -> httpx.Response:
        return browser.sign_in(self.begin(browser), name)

    def inside(self, browser: Browser) -> bool:
        return browser.get(f"{self.url}/", follow_redirects=False).status_code == 200


@pytest.fixture
def place() -> Place:
    return Place()


def changed(url: str, **parameters: str | None) -> str:
    """``url`` with other parameters; None: without it."""
    parts = urlsplit(url)
    asked: dict[str, str | None] = {**dict(parse_qsl(parts.query)), **parameters}
    return urlunsplit(parts._replace(query=urlencode({name: value for name, value in asked.items() if value})))


def brought_back(place: Place, browser: Browser, name: str = "ana", **asked: str | None) -> str:
    """The address that leads back, not opened yet; ``asked`` is changed in what the provider is asked for."""
    begun = browser.get(f"{place.url}/sign-in/oidc", follow_redirects=False)
    kept: list[str] = []

    def stop(answer: httpx.Response) -> None:
        if answer.headers.get("Location", "").startswith(place.redirect):
            kept.append(answer.headers["Location"])
            answer.headers["Location"] = f"{place.url}/sign-in"

    browser.event_hooks = {"response": [stop]}
    browser.sign_in(browser.get(changed(begun.headers["Location"], **asked)), name)
    browser.event_hooks = {}
    (back,) = kept
    return back


def test_people_sign_in_with_the_roles_that_the_provider_tells(
    clickhouse_url: str, client: Client, place: Place
) -> None:
    with (
        certified_provider(PEOPLE, place.redirect) as issuer,
        place.console(issuer, clickhouse=clickhouse_url),
        Browser() as ana,
        Browser() as there,
        Browser() as bob,
        Browser() as sam,
    ):
        page = ana.get(f"{place.url}/entity/ACME")
        assert str(page.url) == f"{place.url}/sign-in?next=/entity/ACME"
        assert f'data-provider="{urlsplit(issuer).netloc}"' in page.text and 'data-passwords=""' in page.text
        for browser in (ana, there):
            done = place.sign_in(browser)
            assert done.status_code == 200 and 'content="0;url=/entity/ACME"' in done.text
            assert browser.get(f"{place.url}/api/state").status_code == 200
            assert "ana@bank.example" in browser.get(f"{place.url}/").text
            assert browser.get(f"{place.url}/api/audit").status_code == 403, "the group risk makes nobody an auditor"
            again = browser.get(str(done.url))
            assert (again.status_code, "another browser" in told(again)) == (403, True), "it is good for one time"
        assert place.sign_in(sam, "sam").status_code == 200
        assert sam.get(f"{place.url}/api/audit").status_code == 200
        done = place.sign_in(bob, "bob")
        assert done.status_code == 403 and "bob@bank.example" in told(done) and "CONSOLE_OIDC_ROLES" in told(done)
        assert bob.get(f"{place.url}/api/state").status_code == 401

        token = ana.get(f"{place.url}/").text.partition('csrf-token" content="')[2].partition('"')[0]
        out = ana.post(f"{place.url}/api/sign-out", json={}, headers={"X-CSRF-Token": token})
        assert out.status_code == 200 and not place.inside(ana) and not place.inside(there) and place.inside(sam)
        # The provider still knows her, so it shows no form.
        assert place.begin(ana).url.path == CALLBACK and place.inside(ana)
    seen = sorted((row["user"], row["action"], row["detail"]) for row in actions(client))
    assert seen == [
        ("ana@bank.example", "signed in", issuer),
        ("ana@bank.example", "signed in", issuer),
        ("ana@bank.example", "signed in", issuer),
        ("ana@bank.example", "signed out", ""),
        ("bob@bank.example", "sign-in refused", issuer),
        ("sam@bank.example", "signed in", issuer),
    ]


def test_every_signature_counts_that_the_console_takes(place: Place) -> None:
    with certified_provider(PEOPLE, place.redirect) as issuer:
        for algorithm in ALGORITHMS:
            with place.console(issuer, algorithm), Browser() as ana:
                assert place.sign_in(ana).status_code == 200 and place.inside(ana), algorithm


@pytest.mark.parametrize("method", ["client_secret_post", "none"])
def test_the_console_says_who_it_is_as_the_provider_wants_it(place: Place, method: str) -> None:
    secret = None if method == "none" else SECRET
    with (
        certified_provider(PEOPLE, place.redirect, client_auth_methods=[method]) as issuer,
        place.console(issuer, oidc_client_secret=secret),
        Browser() as ana,
    ):
        assert place.sign_in(ana).status_code == 200 and place.inside(ana)


def test_claims_count_wherever_the_provider_has_them(place: Place) -> None:
    """By the standard they are in its userinfo alone; many have them in the ID token."""
    for in_token in (False, True):
        with (
            certified_provider(PEOPLE, place.redirect, claims_in_id_token=in_token) as issuer,
            place.console(issuer),
            Browser() as ana,
            Browser() as eve,
        ):
            assert place.sign_in(ana).status_code == 200 and place.inside(ana)
            assert "email_verified" in told(place.sign_in(eve, "eve")) and not place.inside(eve)
        with (
            certified_provider(PEOPLE, place.redirect, claims_in_id_token=in_token) as issuer,
            place.console(issuer, oidc_scopes="openid email"),
            Browser() as ana,
        ):
            assert "nothing there gives you a role" in told(place.sign_in(ana)), "groups were not asked for"


def test_a_sign_in_that_is_not_its_own_counts_for_nobody(place: Place) -> None:
    with certified_provider(PEOPLE, place.redirect) as issuer, place.console(issuer):

        def refused(back: str, browser: Browser, why: str) -> None:
            answer = browser.get(back)
            assert answer.status_code == 403 and why in told(answer), (why, told(answer))
            assert not place.inside(browser)

        with Browser() as ana, Browser() as thief:
            bait = brought_back(place, thief)
            refused(bait, ana, "another browser")
            place.begin(ana)
            refused(bait, ana, "latest attempt")
            own = brought_back(place, ana)
            refused(changed(own, code=dict(parse_qsl(urlsplit(bait).query))["code"]), ana, "invalid_grant")
            refused(changed(brought_back(place, ana), state="another"), ana, "latest attempt")
            refused(changed(brought_back(place, ana), iss="https://elsewhere.example"), ana, "is not of")
            refused(changed(brought_back(place, ana), iss=None), ana, "is not of")
            refused(brought_back(place, ana, nonce="another"), ana, "nonce")
            refused(brought_back(place, ana, nonce=None), ana, "nonce")
            refused(brought_back(place, ana, code_challenge="c" * 43), ana, "invalid_grant")
            without = brought_back(place, ana, code_challenge=None, code_challenge_method=None)
            refused(without, ana, "invalid_grant")
            # Of another client of the same provider, as a code that leaked from there.
            refused(brought_back(place, ana, client_id=client_of("ES256")), ana, "invalid_grant")
            assert place.sign_in(ana).status_code == 200 and place.inside(ana), "it was none of her doing"
        with Browser() as ana:
            cancel = next(link for link in Form(place.begin(ana).text).links if link.endswith("/abort"))
            answer = ana.get(cancel)
            assert answer.status_code == 403 and "access_denied" in told(answer) and not place.inside(ana)


def test_wrong_settings_are_told_and_sign_nobody_in(place: Place) -> None:
    with certified_provider(PEOPLE, place.redirect) as issuer:
        with place.console(issuer.replace("localhost", "127.0.0.1")), Browser() as ana:
            answer = place.begin(ana)
            assert answer.status_code == 503 and "CONSOLE_OIDC_ISSUER" in told(answer)
        with place.console(issuer, oidc_client_secret="guessed"), Browser() as ana:
            answer = place.sign_in(ana)
            assert answer.status_code == 403 and "invalid_client" in told(answer)
        with place.console(issuer, oidc_scopes="email profile"), Browser() as ana:
            answer = place.sign_in(ana)
            assert answer.status_code == 403 and "openid scope must be requested" in told(answer)


def test_the_clocks_of_provider_and_console_may_be_a_little_apart(place: Place) -> None:
    for seconds, why in ((45, ""), (-45, ""), (600, "future"), (-600, "expired")):
        with (
            certified_provider(PEOPLE, place.redirect, clock_s=seconds) as issuer,
            place.console(issuer),
            Browser() as ana,
        ):
            answer = place.sign_in(ana)
            assert place.inside(ana) == (not why), (seconds, answer.text)
            assert not why or why in told(answer)


def test_keys_that_the_provider_has_changed_are_known_at_once(place: Place) -> None:
    port = free_port()
    with place.console(f"http://localhost:{port}"):
        for _ in range(2):  # with other keys each time
            with certified_provider(PEOPLE, place.redirect, port), Browser() as ana:
                assert place.sign_in(ana).status_code == 200 and place.inside(ana)

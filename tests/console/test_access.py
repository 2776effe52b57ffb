"""Signing in, roles, rate limits and the audit log, over the real server."""

from __future__ import annotations

import json
import subprocess
import sys
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPCookieProcessor, HTTPRedirectHandler, Request, build_opener

import pytest
from clickhouse_driver import Client

from console import BadUsers, add
from console.access import DEVICE
from console.people import People, load
from deploy.local import Stack
from settings import ConsoleSettings
from storage.reads import actions, alerts_now
from stream.kafka import ensure_topics
from tests.console.test_console import CHROMIUM, ROOT, fill, served
from tests.support import eventually, kafka_at

PASSWORD = "correct horse battery"


class NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class Browser:
    """Keeps cookies and sends a page's token, as a browser does."""

    def __init__(self, url: str) -> None:
        self.url, self.jar = url, CookieJar()
        self._opener = build_opener(HTTPCookieProcessor(self.jar), NoRedirect)

    def ask(self, path: str, body: Any = None) -> tuple[int, str, Any]:
        headers = {"Content-Type": "application/json"}
        if body is not None:
            page = self.ask("")[1] if self.ask("")[0] == 200 else self.ask("sign-in")[1]
            headers["X-CSRF-Token"] = page.partition('name="csrf-token" content="')[2].partition('"')[0]
        data = None if body is None else json.dumps(body).encode()
        try:
            with self._opener.open(Request(self.url + path, data, headers), timeout=60) as answer:
                return answer.status, answer.read().decode(), answer.headers
        except HTTPError as error:
            with error:
                return error.code, error.read().decode(), error.headers

    def sign_in(self, name: str, password: str = PASSWORD) -> int:
        return self.ask("api/sign-in", {"name": name, "password": password})[0]


def test_who_signs_in_may_do_what_the_role_says_and_it_is_noted(
    clickhouse_url: str, client: Client, stack: Stack, tmp_path: Path
) -> None:
    users = tmp_path / "users.yaml"
    add(users, "ana", PASSWORD, ("risk_reader",))
    add(users, "ben", PASSWORD, ("annotator",))
    add(users, "eve", PASSWORD, ("auditor",))
    fill(client)
    ensure_topics(kafka_at(stack.kafka_bootstrap), topics=["labels"])
    with served(clickhouse_url, stack.kafka_bootstrap, CONSOLE_USERS=str(users)) as url:
        nobody = Browser(url)
        status, _, headers = nobody.ask("entity/ACME")
        assert status == 303 and headers["Location"] == "/sign-in?next=/entity/ACME"
        for path in ("api/state", "api/alerts", "api/events", "api/audit", "api/openapi.json"):
            assert nobody.ask(path)[0] == 401, path
        assert nobody.ask("healthz")[0] == nobody.ask("static/app.js")[0] == 200
        assert nobody.ask("api/labels", {"document_id": "d/3", "label": "neutral"})[0] == 401

        ana = Browser(url)
        assert ana.sign_in("ana", "wrong") == ana.sign_in("nobody") == 401
        before = {cookie.value for cookie in ana.jar}
        assert ana.sign_in("ana") == 200
        session, device = sorted(ana.jar, key=lambda cookie: cookie.name == DEVICE)
        assert device.name == DEVICE and session.value not in before
        for cookie in (session, device):
            attributes = {name.lower(): value for name, value in vars(cookie)["_rest"].items()}
            assert "httponly" in attributes and attributes["samesite"] == "strict"
        assert ana.ask("api/market")[0] == ana.ask("alerts")[0] == 200
        assert ana.ask("api/alerts/a1/acknowledge", {"note": "hedged"})[0] == 200
        status, body, _ = ana.ask("api/labels", {"document_id": "d/3", "label": "neutral"})
        assert status == 403 and "annotator" in body
        assert ana.ask("api/audit")[0] == ana.ask("audit")[0] == 403
        assert ana.ask("api/opened", {"document_id": "d/3", "entity": "ACME"})[0] == 200
        # The alert and the document; who else asks is told of neither.
        assert json.loads(ana.ask("api/for-you")[1])["acts"] == 2

        ben = Browser(url)
        assert ben.sign_in("ben") == 200
        assert ben.ask("api/alerts/a1/acknowledge", {})[0] == 403
        assert json.loads(ben.ask("api/for-you")[1])["acts"] == 0 and "you looked" not in ben.ask("api/for-you")[1]
        assert ben.ask("api/labels", {"document_id": "d/3", "label": "neutral"})[0] == 200

        eve = Browser(url)
        assert eve.sign_in("eve") == 200
        assert ">Audit</a>" in eve.ask("")[1]
        seen = [(row["user"], row["action"], row["subject"], row["detail"]) for row in
                reversed(json.loads(eve.ask("api/audit")[1])["rows"])]  # fmt: skip
        assert [row for row in seen if "sign" not in row[1]] == [
            ("ana", "acknowledged", "a1", "hedged"), ("ben", "labelled", "d/3", "neutral"),
        ]  # fmt: skip
        assert ("ana", "sign-in refused", "", "") in seen and ("nobody", "sign-in refused", "", "") in seen
        assert eve.ask("api/sign-out", {})[0] == 200 and eve.ask("api/audit")[0] == 401

        # Taken out of the file, out of the console.
        users.write_text(users.read_text().replace("name: ana", "name: anna"))
        assert ana.ask("api/market")[0] == 401 and ben.ask("api/market")[0] == 200
    assert [row["acknowledged_by"] for row in alerts_now(client)] == ["ana"]
    assert actions(client, user="ben")[0]["via"] == "console"


@pytest.mark.usefixtures("client")
def test_signing_out_and_another_password_end_all_sessions(clickhouse_url: str, tmp_path: Path) -> None:
    users = tmp_path / "users.yaml"
    add(users, "ana", PASSWORD, ("risk_reader",))
    with served(clickhouse_url, "127.0.0.1:9", CONSOLE_USERS=str(users)) as url:
        here, there = Browser(url), Browser(url)
        assert here.sign_in("ana") == there.sign_in("ana") == 200
        assert here.ask("api/market")[0] == there.ask("api/market")[0] == 200
        assert there.ask("api/sign-out", {})[0] == 200
        assert here.ask("api/market")[0] == there.ask("api/market")[0] == 401
        assert here.sign_in("ana") == 200 and here.ask("api/market")[0] == 200
        add(users, "ana", PASSWORD + "!", ("risk_reader",))
        assert here.ask("api/market")[0] == 401
        assert here.sign_in("ana", PASSWORD + "!") == 200 and here.ask("api/market")[0] == 200


@pytest.mark.usefixtures("client")
def test_a_session_that_was_ended_stays_so_at_another_console_and_after_a_restart(
    clickhouse_url: str, tmp_path: Path
) -> None:
    users = tmp_path / "users.yaml"
    add(users, "ana", PASSWORD, ("risk_reader",))
    settings = {"CONSOLE_USERS": str(users), "CONSOLE_SECRET": "s" * 32}
    with served(clickhouse_url, "127.0.0.1:9", **settings) as url:
        ana = Browser(url)
        assert ana.sign_in("ana") == 200
        copied = Browser(url)
        for cookie in ana.jar:
            copied.jar.set_cookie(cookie)
        with served(clickhouse_url, "127.0.0.1:9", **settings) as other:
            copied.url = other
            assert copied.ask("api/market")[0] == 200
            assert ana.ask("api/sign-out", {})[0] == 200
            eventually(lambda: copied.ask("api/market")[0] == 401, 30, "the other console to know")
    with served(clickhouse_url, "127.0.0.1:9", **settings) as url:
        copied.url = url
        assert copied.ask("api/market")[0] == 401
        again = Browser(url)
        assert again.sign_in("ana") == 200 and again.ask("api/market")[0] == 200


def test_guessing_passwords_and_flooding_are_slowed_down(clickhouse_url: str, tmp_path: Path) -> None:
    users = tmp_path / "users.yaml"
    add(users, "ana", PASSWORD, ("admin",))
    limits = {"CONSOLE_USERS": str(users), "CONSOLE_SIGN_INS": "3/hour", "CONSOLE_REQUESTS": "40/hour"}
    with served(clickhouse_url, "127.0.0.1:1", **limits) as url:
        thief = Browser(url)
        assert [thief.sign_in("ana", f"guess {n}") for n in range(4)] == [401, 401, 401, 429]
        assert thief.sign_in("ana") == 429
        status, headers = 200, None
        for _ in range(60):
            status, _, headers = thief.ask("api/state")
            if status == 429:
                break
        assert status == 429 and headers is not None and 0 < int(headers["Retry-After"]) <= 3600


def test_other_machines_reach_it_only_with_sign_in_and_tls(tmp_path: Path) -> None:
    users = tmp_path / "users.yaml"
    add(users, "ana", PASSWORD, ("admin",))
    assert ConsoleSettings(host="::1").loopback and ConsoleSettings(host="localhost").loopback
    with pytest.raises(ValueError, match="CONSOLE_USERS"):
        ConsoleSettings(host="0.0.0.0")
    with pytest.raises(ValueError, match="TLS"):
        ConsoleSettings(host="0.0.0.0", users=users)
    assert ConsoleSettings(host="0.0.0.0", users=users, behind_tls=True).secure
    done = subprocess.run(
        [sys.executable, "-m", "finsent", "console", "--host", "0.0.0.0"], cwd=ROOT, capture_output=True, text=True,
        timeout=60,
    )  # fmt: skip
    assert done.returncode == 1 and "must sign in" in done.stderr and "Traceback" not in done.stderr


def test_a_file_of_users_is_checked(tmp_path: Path) -> None:
    users = tmp_path / "users.yaml"
    command = [sys.executable, "-m", "finsent", "console", "add-user", str(users), "ana", "--password-stdin", "--role"]
    for role, given, told in (
        ("boss", PASSWORD, "no role 'boss'"),
        ("admin", "short", "at least 12"),
        ("admin", PASSWORD, ""),
    ):
        done = subprocess.run(
            [*command, role], cwd=ROOT, input=given + "\n", capture_output=True, text=True, timeout=60
        )
        assert (done.returncode, told in done.stderr) == (int(bool(told)), True)
    assert users.stat().st_mode & 0o077 == 0 and PASSWORD not in users.read_text()
    people = People(users)
    assert people.sign_in("ana", PASSWORD) and not people.sign_in("ana", PASSWORD + "!") and not people.sign_in("", "")
    for text, told in (("users: [", "users.yaml"), ("users: [{name: ana, password: plain, roles: []}]", "Argon2"),
                       ("users: [{name: ana, roles: []}]", "password"), ("- ana", "object")):  # fmt: skip
        users.write_text(text)
        with pytest.raises(BadUsers, match=told):
            load(users)
    assert people.get("ana"), "a file that became bad counts as it was"


@pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: no 'chromium' on the PATH")
@pytest.mark.usefixtures("client")
def test_signing_in_leads_to_no_other_site(clickhouse_url: str, tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    users = tmp_path / "users.yaml"
    add(users, "ana", PASSWORD, ("risk_reader",))
    with (
        served(clickhouse_url, "127.0.0.1:9", CONSOLE_USERS=str(users)) as url,
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"]) as browser,
    ):
        page = browser.new_page()
        page.goto(f"{url}sign-in")
        find = "async address => (await import('/static/dom.js')).ownPage(address)"
        for elsewhere in (
            *("/\t/evil.example", "\t//evil.example", "//evil.example", "/\\evil.example", "\\/evil.example"),
            *("https://evil.example/", "javascript:alert(1)", "data:text/html,x", "http://[", "//\n/evil.example"),
        ):
            assert page.evaluate(find, elsewhere) == "/", elsewhere
        assert page.evaluate(find, "/entity/ACME?at=now") == f"{url}entity/ACME?at=now"

        page.goto(f"{url}sign-in?next=/%09/evil.example")
        page.get_by_label("Name").fill("ana")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(url)

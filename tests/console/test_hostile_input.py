"""What an outsider may send to the console: each input that its OpenAPI document names is given hostile values, so a
new route is tried as soon as there is one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jsonschema
import pytest
from clickhouse_driver import Client
from fastapi import FastAPI
from fastapi.testclient import TestClient

from console import add, create_app
from console.pool import Pool
from settings import ClickHouseSettings, ConsoleSettings
from tests.console.test_access import PASSWORD
from tests.console.test_console import fill

HOSTILE = (
    *("' OR '1'='1", "') OR 1=1 -- ", "\\' OR 1=1 -- ", "'; DROP TABLE record_log; --", "' UNION ALL SELECT 1 -- "),
    *("%(moment)s %s %n", "{moment:String}", "\0", "\x1b[2J\u202e", "\ud7ff\U0010ffff", "../../etc/passwd", "a" * 5000),
    *("9" * 400, "-1", "1e400", "nan", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00", "1900-01-01", "[]", ""),
)
"""Given to every input."""

BODIES = (
    *(
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"a":' * 5000,
        b'{"note": NaN, "minutes": Infinity, "name": -Infinity}',
    ),
    rb'{"name": "\ud800", "password": "\ud800", "document_id": "\ud800", "note": "\ud800", "minutes": "\ud800"}',
)
"""As they are sent. Half of a pair of characters, and numbers that are none, cannot be answered in JSON."""

HARMLESS = {
    "name": "nobody",
    "label": "neutral",
    "minutes": 1,
    "identity": "a1",
    "document_id": "d/3",
    "as_of": (datetime.now(UTC) + timedelta(hours=12)).isoformat(),
}
"""What is given for the other inputs meanwhile, unless they are one of some words; "nothing" for those not here."""


@dataclass(frozen=True)
class Route:
    """One operation of the OpenAPI document."""

    method: str
    path: str
    described: dict[str, Any]
    body: dict[str, bool]
    """The fields of its body, and whether each must be there."""

    def inputs(self) -> Iterator[tuple[str, str]]:
        """(where, name) of all that a caller may give."""
        yield from ((one["in"], one["name"]) for one in self.described.get("parameters", []))
        yield from (("body", name) for name in self.body)

    def required(self) -> list[tuple[str, str]]:
        """Those without which the route answers nothing, and ``as_of``: rows must not depend on when they are asked
        for."""
        named = self.described.get("parameters", [])
        wanted = [(one["in"], one["name"]) for one in named if one["required"] or one["name"] == "as_of"]
        return wanted + [("body", name) for name, needed in self.body.items() if needed]

    def harmless(self, name: str) -> Any:
        """What may be given as that input."""
        schemas = [one["schema"] for one in self.described.get("parameters", []) if one["name"] == name]
        words = [words[0] for schema in schemas if (words := schema.get("enum"))]
        return words[0] if words else HARMLESS.get(name, "nothing")


@pytest.fixture
def app(clickhouse_url: str, client: Client, tmp_path: Path) -> Iterator[FastAPI]:
    fill(client)
    users = tmp_path / "users.yaml"
    add(users, "ana", PASSWORD, ("admin",))
    pool = Pool(ClickHouseSettings(url=clickhouse_url))
    many = "1000000/minute"
    settings = ConsoleSettings(users=users, requests=many, sign_ins=many, sign_ins_of_name=many)
    yield create_app(pool, settings, dict, lambda *label: None)
    pool.close()


@pytest.fixture
def outsider(app: FastAPI) -> Iterator[TestClient]:
    """Nobody is signed in."""
    with TestClient(app, "http://127.0.0.1", raise_server_exceptions=False, follow_redirects=False) as made:
        made.headers["X-CSRF-Token"] = made.get("/sign-in").text.partition('csrf-token" content="')[2].partition('"')[0]
        yield made


def signed_in(browser: TestClient) -> TestClient:
    assert browser.post("/api/sign-in", json={"name": "ana", "password": PASSWORD}).status_code == 200
    browser.headers["X-CSRF-Token"] = browser.get("/").text.partition('csrf-token" content="')[2].partition('"')[0]
    return browser


def routes(app: FastAPI) -> list[Route]:
    document = app.openapi()
    found = []
    for path, methods in document["paths"].items():
        for method, described in methods.items():
            body = described.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
            schema = document["components"]["schemas"].get(body.get("$ref", "").rpartition("/")[2], {})
            fields = {name: name in schema.get("required", []) for name in schema.get("properties", {})}
            found.append(Route(method.upper(), path, described, fields))
    return found


def send(browser: TestClient, route: Route, where: str, name: str, value: Any) -> Any:
    """The answer if ``value`` is given as that input, and harmless values as all others that must be given."""
    given = {one: route.harmless(one[1]) for one in route.required()} | {(where, name): value}
    path = route.path
    for (place, one), text in given.items():
        if place == "path":
            path = path.replace(f"{{{one}}}", quote(str(text), safe=""))
    query = "&".join(f"{one}={quote(str(text))}" for (place, one), text in given.items() if place == "query")
    body = json.dumps({one: text for (place, one), text in given.items() if place == "body"}) if route.body else None
    return browser.request(route.method, f"{path}?{query}", content=body, headers={"Content-Type": "application/json"})


def hold(route: Route, answer: Any, tried: object) -> None:
    """A wrong input is the caller's fault, in words, with a status that the document names."""
    told = (route.method, route.path, tried, answer.status_code, answer.text[:300])
    assert answer.status_code < 500, told
    if answer.status_code in (307, 404, 405) and not answer.headers.get("Content-Type", "").startswith(
        "application/json"
    ):
        return  # the address is no longer this route's, as of a page that does not exist
    assert str(answer.status_code) in route.described["responses"] or answer.status_code in (404, 405), told
    if answer.status_code >= 400:
        assert isinstance(answer.json()["detail"], str), told


def test_no_value_of_any_input_is_a_fault_of_the_server_or_shows_what_was_not_asked_for(
    app: FastAPI, outsider: TestClient, client: Client
) -> None:
    browser = signed_in(outsider)
    before = client.execute("SELECT count() FROM record_log")
    tried = 0
    for route in routes(app):
        for where, name in route.inputs():
            wanted = send(browser, route, where, name, "nothing") if route.method == "GET" else None
            for value in HOSTILE:
                answer = send(browser, route, where, name, value)
                hold(route, answer, (name, value))
                tried += 1
                if wanted is not None and wanted.status_code == answer.status_code == 200 and value.strip():
                    assert answer.json()["rows"] == wanted.json()["rows"], (route.path, name, value)
        if route.body:
            for sent in BODIES:
                hold(route, browser.request(route.method, route.path.replace("{identity}", "a1"), content=sent,
                                            headers={"Content-Type": "application/json"}), sent)  # fmt: skip
    assert tried > 500, "the document names hardly any input"
    assert client.execute("SELECT count() FROM record_log") == before


def test_pages_and_files_answer_any_address(outsider: TestClient) -> None:
    for browser in (outsider, signed_in(outsider)):
        for value in HOSTILE:
            for path in (
                "/{}",
                "/static/{}",
                "/entity/{}",
                "/sector/{}",
                "/topic/{}",
                "/compare?entity={}",
                "/alerts/{}",
                "/sign-in?next={}",
                "/api/{}",
                "/static/%2e%2e/{}",
            ):
                answer = browser.get(path.format(quote(value, safe="")))
                assert answer.status_code in (200, 303, 307, 401, 404), (path, value, answer.status_code)
                assert "root:" not in answer.text


def test_nobody_who_is_not_signed_in_learns_anything(app: FastAPI, outsider: TestClient) -> None:
    for route in routes(app):
        if route.path not in ("/healthz", "/api/sign-in"):
            assert outsider.request(route.method, route.path).status_code == 401, route.path


def test_answers_are_as_the_document_says(app: FastAPI, outsider: TestClient) -> None:
    browser, schemas = signed_in(outsider), app.openapi()["components"]
    for route in routes(app):
        if route.method == "GET" and route.path not in ("/api/events", "/api/explain"):
            answer = send(browser, route, "query", "none", "")
            content = route.described["responses"]["200"]["content"]["application/json"]
            assert answer.status_code == 200, (route.path, answer.text)
            jsonschema.validate(answer.json(), content["schema"] | {"components": schemas})

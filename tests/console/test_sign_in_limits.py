"""Guessing passwords is slow, and keeps nobody from signing in but the one who guesses."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import SecretStr

from console import add, create_app
from console.access import DEVICE, network
from console.app import server_config
from console.lane import MOST_OF_ONE, MOST_WAITING, Busy, Lane
from console.pool import Pool
from settings import ClickHouseSettings, ConsoleSettings
from tests.console.test_access import PASSWORD
from tests.console.test_oidc import NOWHERE
from tests.support import eventually

PROXY = "10.9.0.1"


@pytest.fixture
def settings(tmp_path: Path) -> ConsoleSettings:
    users = tmp_path / "users.yaml"
    for name in ("ana", "ben"):
        add(users, name, PASSWORD, ("risk_reader",))
    return ConsoleSettings(users=users, sign_ins="3/hour", sign_ins_of_name="6/hour", requests="20/hour")


@pytest.fixture
def app(settings: ConsoleSettings) -> Iterator[FastAPI]:
    pool = Pool(ClickHouseSettings(url=NOWHERE))
    yield create_app(pool, settings)
    pool.close()


def browser(app: Any, address: str = PROXY) -> TestClient:
    return TestClient(app, "http://127.0.0.1", follow_redirects=False, client=(address, 5000))


def sign_in(person: TestClient, name: str, password: str = PASSWORD) -> int:
    page = person.get("/sign-in")
    assert page.status_code == 200, page.text
    token = page.text.partition('csrf-token" content="')[2].partition('"')[0]
    given = {"name": name, "password": password}
    return person.post("/api/sign-in", json=given, headers={"X-CSRF-Token": token}).status_code


def test_who_guesses_a_name_from_everywhere_does_not_keep_its_owner_out(
    app: FastAPI, settings: ConsoleSettings
) -> None:
    ana = browser(app, "192.0.2.7")
    assert sign_in(ana, "ana") == 200
    device = next(cookie for cookie in ana.cookies.jar if cookie.name == DEVICE)
    assert device.has_nonstandard_attr("HttpOnly") and device.get_nonstandard_attr("SameSite") == "strict"
    assert device.expires is not None
    guesses = [sign_in(browser(app, f"198.51.100.{n // 3}"), "ana", f"guess {n}") for n in range(7)]
    assert guesses == [*[401] * 5, 429, 429], "the owner's own sign-in was one of six"
    assert sign_in(browser(app, "198.51.100.9"), "ana") == 429, "a browser that is new cannot be told from the thief's"
    assert sign_in(ana, "ana") == 200, "in hers she signs in"
    assert [sign_in(ana, "ana", "mistyped") for _ in range(4)] == [401, 401, 401, 429], "who has her machine may guess"
    # Her cookie is good for her name alone, and for as long as she has that password.
    other = browser(app, "192.0.2.8")
    other.cookies.set(DEVICE, device.value or "")
    assert [sign_in(other, "ben", f"guess {n}") for n in range(4)] == [401, 401, 401, 429]
    assert settings.users
    add(settings.users, "ana", PASSWORD + "!", ("risk_reader",))
    assert sign_in(other, "ana") == 429
    forged = browser(app, "192.0.2.9")
    forged.cookies.set(DEVICE, "eyJuYW1lIjoiYW5hIn0.aaaa.bbbb")
    assert sign_in(forged, "ana") == 429


@pytest.mark.usefixtures("client")
def test_attempts_at_several_consoles_count_together(clickhouse_url: str, settings: ConsoleSettings) -> None:
    clickhouse = ClickHouseSettings(url=clickhouse_url)
    settings = settings.model_copy(update={"secret": SecretStr("s" * 32)})
    pools = [Pool(clickhouse), Pool(clickhouse)]
    one, other = (create_app(pool, settings) for pool in pools)
    ana = browser(one, "192.0.2.7")
    assert sign_in(ana, "ana") == 200
    guesses = [sign_in(browser(app), "ana", "guess") for app in (one, other, one, other, one)]
    assert guesses == [401, 401, 401, 429, 429], "three from one address"
    assert [sign_in(browser(app), "ben") for app in (one, other)] == [200, 200], "others there are not kept out"
    guesses = [sign_in(browser(app, "198.51.100.1"), "ana", "guess") for app in (other, one, other, one)]
    assert guesses == [401, 401, 429, 429], "six from everywhere, of which one was her own"
    at_the_other = browser(other, "192.0.2.7")
    at_the_other.cookies.update(ana.cookies)
    tried = [sign_in(at_the_other, "ana", "mistyped"), sign_in(ana, "ana"), sign_in(at_the_other, "ana")]
    assert tried == [401, 200, 200], "in her browser she has attempts of her own, at any console"
    assert sign_in(browser(other, "192.0.2.8"), "ana") == 429
    for pool in pools:
        pool.close()


def test_who_guesses_behind_a_proxy_does_not_keep_others_there_out(app: FastAPI) -> None:
    thief = browser(app)
    assert [sign_in(thief, "ana", f"guess {n}") for n in range(5)] == [401, 401, 401, 429, 429]
    assert [sign_in(thief, f"nobody {n}") for n in range(5)] == [401] * 5
    assert sign_in(browser(app), "ben") == 200, "from the same address"
    assert sign_in(browser(app, "192.0.2.7"), "ana") == 200, "she can from elsewhere, in a browser that is new"


def test_a_flood_of_requests_behind_a_proxy_does_not_keep_others_there_out(app: FastAPI) -> None:
    ana, thief = browser(app), browser(app)
    assert sign_in(ana, "ana") == 200
    session = ana.cookies["finsent"]
    assert [thief.get("/api/state").status_code for _ in range(21)][-2:] == [401, 429]
    assert sign_in(browser(app), "ben") == 200
    assert ana.get("/").status_code == 200
    elsewhere = browser(app)
    elsewhere.cookies.set("finsent", session)
    assert elsewhere.get("/").status_code == 200, "so has her session in a browser that keeps nothing else"
    ana.cookies.delete("finsent")
    assert ana.get("/").status_code == 303, "signed out, her browser still has requests of its own"


def test_the_address_that_counts_is_the_one_that_a_trusted_proxy_tells(tmp_path: Path) -> None:
    users = tmp_path / "users.yaml"
    add(users, "ana", PASSWORD, ("risk_reader",))
    for proxies, refused in (("10.9.0.0/24", 401), ("10.8.0.1, 10.9.0.1", 401), ("10.8.0.0/24", 429), ("", 429)):
        settings = ConsoleSettings(users=users, requests="2/hour", proxies=proxies)
        config = server_config(create_app(Pool(ClickHouseSettings(url=NOWHERE)), settings), settings)
        config.load()
        seen = [
            # Whatever the client itself writes stands in front of what the proxy adds.
            browser(config.loaded_app).get("/api/state", headers={"X-Forwarded-For": f"203.0.113.{n}, 192.0.2.{n}"})
            for n in range(3)
        ]
        assert [one.status_code for one in seen] == [401, 401, refused], proxies
        if refused == 401:
            again = {"X-Forwarded-For": "203.0.113.77, 192.0.2.1"}
            seen = [browser(config.loaded_app).get("/api/state", headers=again) for n in range(2)]
            assert [one.status_code for one in seen] == [401, 429], "it is not the client who chooses the address"
    for wrong in ("proxy.example", "10.9.0.1/24"):
        with pytest.raises(ValueError, match="CONSOLE_PROXIES"):
            ConsoleSettings(proxies=wrong)


def test_a_network_of_ipv6_counts_as_one_address() -> None:
    assert network("2001:db8:0:7::1") == network("2001:db8:0:7:ffff::2") != network("2001:db8:0:8::1")
    assert (network("192.0.2.1"), network("testclient"), network("")) == ("192.0.2.1", "testclient", "")


def test_a_lane_serves_in_order_and_leaves_room_for_others() -> None:
    lane, served = Lane(1), []
    may_end = threading.Event()

    def work(address: str, number: int) -> str:
        try:
            with lane.turn(address):
                assert may_end.wait(60)
                served.append(number)
                return "served"
        except Busy:
            return "refused"

    with ThreadPoolExecutor(MOST_WAITING + 4) as threads:
        asked = []
        for number in range(MOST_OF_ONE):
            asked.append(threads.submit(work, "flood", number))
            eventually(lambda at_least=number + 1: len(lane._places) == at_least, 60, "waits")
        assert work("flood", -1) == "refused"
        for number in range(MOST_OF_ONE, MOST_WAITING):
            asked.append(threads.submit(work, f"other {number}", number))
            eventually(lambda at_least=number + 1: len(lane._places) == at_least, 60, "waits")
        assert work("late", -1) == "refused"
        may_end.set()
        assert [one.result(60) for one in asked] == ["served"] * MOST_WAITING
    assert served == list(range(MOST_WAITING)) and not lane._places
    assert work("late", 99) == "served"

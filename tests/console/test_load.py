"""Many pages at once: ClickHouse is asked once for all of them, within limits, and nobody keeps the others waiting."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from clickhouse_driver import Client
from clickhouse_driver.errors import ServerException
from fastapi.testclient import TestClient

from console import create_app
from console.events import Live
from console.explainer import MOST_WAITING, Busy, Explainer
from console.pool import Pool
from console.shared import MOST, Shared
from settings import ClickHouseSettings, ConsoleSettings
from storage.reads import alerts_now, unlabelled_documents
from storage.writes import record_action


def test_all_who_ask_at_once_share_one_answer_and_an_error_is_not_kept():
    shared, asked, go = Shared[int](60), [], threading.Event()

    def ask() -> int:
        asked.append(1)
        assert go.wait(60)
        return 7

    with ThreadPoolExecutor(20) as pool:
        waiting = [pool.submit(shared.get, "a", ask) for _ in range(20)]
        go.set()
        assert {one.result(60) for one in waiting} == {7} and len(asked) == 1

    def fail() -> int:
        raise OSError("away")

    with pytest.raises(OSError, match="away"):
        shared.get("b", fail)
    assert shared.get("b", lambda: 8) == 8
    for number in range(2 * MOST):
        shared.get(number, lambda: 0)
    assert len(shared._answers) == MOST


def test_a_kept_answer_ends():
    shared = Shared[int](0)
    assert [shared.get("a", lambda n=n: n) for n in range(3)] == [0, 1, 2]


def test_what_was_asked_before_a_change_is_not_kept():
    shared, inside, go = Shared[str](60), threading.Event(), threading.Event()

    def before() -> str:
        inside.set()
        assert go.wait(60)
        return "before"

    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(shared.get, "a", before)
        assert inside.wait(60)
        shared.forget()
        assert shared.get("a", lambda: "after") == "after"
        go.set()
        assert asked.result(60) == "before"
    assert shared.get("a", lambda: "again") == "after"
    shared.forget()
    assert shared.get("a", lambda: "again") == "again"


def test_equal_requests_share_a_whole_answer(client: Client, pool: Pool, monkeypatch: pytest.MonkeyPatch):
    """While all connections to ClickHouse are taken, too."""
    for kept in ("SHARED_S", "MARKET_S"):
        monkeypatch.setattr(f"console.context.{kept}", 3600)
    app = create_app(pool, ConsoleSettings(requests="100000/minute"))
    paths = (
        "alerts",
        "alerts?id=x",
        "market",
        "sectors",
        "emerging",
        "search?q=profit",
        "entities/ACME/now?format=csv",
    )
    with TestClient(app, base_url="http://127.0.0.1") as browser, ExitStack() as taken:
        first = {path: browser.get(f"/api/{path}") for path in paths}
        assert {answer.status_code for answer in first.values()} == {200}
        for _ in range(4):
            taken.enter_context(pool.client())
        for path, answer in first.items():
            again = browser.get(f"/api/{path}")
            assert (again.status_code, again.content) == (200, answer.content), path
            assert again.headers["Content-Type"] == answer.headers["Content-Type"]


def test_two_hundred_pages_are_one_query(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("console.events.POLL_S", 0.05)
    asked: list[int] = []

    def state() -> dict[str, int]:
        asked.append(1)
        if len(asked) == 2:
            raise OSError("away")
        return {"records": len(asked)}

    async def pages() -> list[list[str]]:
        live = Live(state)

        async def page() -> list[str]:
            return [(await live.first())["data"], *[(await live.next())["data"] for _ in range(3)]]

        closed, *others = [asyncio.create_task(page()) for _ in range(201)]
        await asyncio.sleep(0)  # until all of them wait
        closed.cancel()  # a page that is closed ends it for no other
        return list(await asyncio.gather(*others))

    found = asyncio.run(pages())
    assert len(asked) <= 5 and len({tuple(one) for one in found}) == 1
    assert "OSError" in found[0] and '{"records":3}' in found[0]


@pytest.fixture
def pool(client: Client, clickhouse_url: str) -> Iterator[Pool]:
    made = Pool(ClickHouseSettings(url=clickhouse_url))
    yield made
    made.close()


def test_every_query_is_limited_in_time_rows_and_memory_and_reads_alone(pool: Pool):
    wanted = "SELECT getSetting('readonly'), getSetting('max_execution_time'), getSetting('max_memory_usage')"
    with pool.client() as one:  # whoever takes a connection cannot go around the limits
        assert one.execute(wanted) == [(1, 30, 1_000_000_000)]
    assert pool.rows(wanted)[1] == pool.read(lambda client: client.execute(wanted)) == [(1, 30, 1_000_000_000)]
    with pytest.raises(ServerException, match="readonly"):
        pool.read(lambda client: record_action(client, "ana", "labelled", "d"))
    pool.write(lambda client: record_action(client, "ana", "labelled", "d"))
    assert pool.write(lambda client: client.execute(wanted)) == [(0, 30, 1_000_000_000)]
    assert pool.rows("SELECT user FROM audit_log")[1] == [("ana",)]
    assert pool.rows(wanted)[1][0][0] == 1, "the connection that wrote reads alone again"
    with pytest.raises(ServerException, match=r"max_result_rows|Limit for result"):
        pool.read(lambda client: client.execute("SELECT number FROM numbers(200000)"))
    for asked in (alerts_now, unlabelled_documents):  # what once went around the limits
        assert pool.read(asked) == []


def test_more_texts_than_can_be_explained_are_refused_at_once():
    """Each that waits takes a thread from the other pages."""
    explainer, inside, go = Explainer(), threading.Semaphore(0), threading.Event()

    def hold() -> None:
        with explainer._turn():
            inside.release()
            assert go.wait(60)

    with ThreadPoolExecutor(MOST_WAITING) as threads:
        held = [threads.submit(hold)]
        assert inside.acquire(timeout=60)
        taken = 1
        while explainer._waiting.acquire(blocking=False):  # as many as may wait
            taken += 1
        assert taken == MOST_WAITING
        with pytest.raises(Busy, match="too many texts"):
            explainer.explain("text", None)
        for _ in range(taken - 1):
            explainer._waiting.release()
        go.set()
        held[0].result(60)

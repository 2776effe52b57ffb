"""A ClickHouse that answers and takes no rows: workers wait, say why, and go on by themselves."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from clickhouse_driver import Client
from clickhouse_driver.errors import ServerException

from console.api.health import problems
from deploy.local import free_port
from documents import Document, Position, Row
from settings import ClickHouseSettings
from storage import StorageUnavailable, audited, connect, obstacles
from stream.upkeep import RUNS, waiting_workers
from stream.upkeep.patient_client import PatientClient
from stream.upkeep.run_record import RunRecord
from stream.worker import _prepared
from tests.stream.test_store import patient, storing
from tests.support import eventually
from tests.support.commands import within


def rows(first: int) -> list[Row]:
    return [Document(Position("news", "id", 0, offset)) for offset in range(first, first + 10)]


def waits(client: PatientClient, run: threading.Thread, why: str) -> None:
    """``run`` waits longer than its patience, and says ``why``."""
    eventually(lambda: client.waiting and client.waiting_for, 60, "it waits")
    assert why in client.waiting_for
    run.join(1)
    assert run.is_alive(), "it has not given up"


def test_too_many_parts_are_waited_for_and_told(client: Client, clickhouse_url: str, configured: None):
    connection = patient(lambda: connect(ClickHouseSettings(url=clickhouse_url)), patience_s=0.1)
    made = storing(connection)
    made.run(rows(0))
    assert obstacles(client) == []
    client.execute("SYSTEM STOP MERGES record_log")
    client.execute("ALTER TABLE record_log MODIFY SETTING parts_to_throw_insert = 1, parts_to_delay_insert = 0")
    later = threading.Thread(target=made.run, args=(rows(10),))
    later.start()
    waits(connection, later, "too many parts")
    (told,) = obstacles(client)
    assert "record_log has 1 parts in one partition, and takes no rows from 1 on" in told
    assert any(told in one["text"] for one in problems(client)) and told in within("doctor").stdout
    client.execute("ALTER TABLE record_log MODIFY SETTING parts_to_throw_insert = 3000")
    later.join(60)
    assert not later.is_alive() and connection.waiting_for == ""
    assert [(one.stored, one.missing) for one in audited(client)] == [(20, [])]
    connection.close()


def test_a_read_only_table_is_waited_for_and_told(client: Client, clickhouse_url: str, configured: None):
    connection = patient(lambda: connect(ClickHouseSettings(url=clickhouse_url)), patience_s=0.1)
    made = storing(connection)
    made.run(rows(0))
    client.execute("ALTER TABLE record_log MODIFY SETTING table_readonly = 1")
    later = threading.Thread(target=made.run, args=(rows(10),))
    later.start()
    waits(connection, later, "read-only")
    (told,) = obstacles(client)
    assert "record_log of ClickHouse is read-only" in told
    assert any(told in one["text"] for one in problems(client)) and told in within("doctor").stdout
    client.execute("ALTER TABLE record_log MODIFY SETTING table_readonly = 0")
    later.join(60)
    assert not later.is_alive() and connection.waiting_for == "" and obstacles(client) == []
    assert [(one.stored, one.missing) for one in audited(client)] == [(20, [])]
    connection.close()


def test_used_up_memory_is_waited_for(client: Client, clickhouse_url: str, tmp_path: Path):
    """Also by a worker that starts then, and by the query that finds out what is stored already."""
    limit = {"max_memory_usage": 0}

    def connecting() -> Client:
        made = connect(ClickHouseSettings(url=clickhouse_url))
        made.settings.update(limit)
        return made

    connection = patient(connecting, patience_s=0.1)
    made = storing(connection)
    made.run(rows(0))
    connection.close()
    limit["max_memory_usage"] = 1
    later = threading.Thread(target=made.run, args=(rows(10),))
    later.start()
    waits(connection, later, "its memory is used up")
    limit["max_memory_usage"] = 0
    later.join(60)
    assert not later.is_alive() and connection.waiting_for == ""
    assert [(one.stored, one.missing) for one in audited(client)] == [(20, [])]
    connection.close()

    tried: list[int] = []

    def prepare(connected: Client) -> int:
        tried.append(1)
        allowed = {"max_memory_usage": 1 if len(tried) == 1 else 0}
        connected.execute("SELECT number FROM numbers(1000000) GROUP BY number FORMAT Null", settings=allowed)
        return len(tried)

    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CLICKHOUSE_URL", clickhouse_url)
        environment.setattr("stream.worker.TRY_AGAIN_S", 0.1)
        assert _prepared(RunRecord(tmp_path / RUNS, "w", lambda: client), prepare, patience_s=0) == 2


def test_a_restart_that_mends_a_refusal_is_waited_for(clickhouse_url: str):
    """However long it has refused before."""
    nowhere = f"clickhouse://127.0.0.1:{free_port()}/default"
    servers = iter([(clickhouse_url, 1), (clickhouse_url, 1), (nowhere, 0), (clickhouse_url, 0)])

    def connecting() -> Client:
        url, memory = next(servers)
        made = connect(ClickHouseSettings(url=url))
        made.settings.update({"max_memory_usage": memory})
        return made

    def action(connected: Client) -> str:
        try:
            connected.execute("SELECT number FROM numbers(1000000) GROUP BY number FORMAT Null")
        except ServerException as error:
            raise StorageUnavailable("refused") from error
        return "done"

    connection = patient(connecting, patience_s=0.1)
    assert connection.call(action) == "done" and next(servers, None) is None
    connection.close()


def test_a_read_only_user_is_waited_for_from_the_start(client: Client, clickhouse_url: str, tmp_path: Path):
    tried: list[int] = []

    def prepare(connected: Client) -> str:
        tried.append(1)
        if len(tried) == 1:
            connected.execute("INSERT INTO worker_ends (worker) VALUES", [("w",)], settings={"readonly": 1})
        return "prepared"

    record = RunRecord(tmp_path / RUNS, "w", lambda: client)
    record.begin()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CLICKHOUSE_URL", clickhouse_url)
        environment.setattr("stream.worker.TRY_AGAIN_S", 0.1)
        assert _prepared(record, prepare, patience_s=0) == "prepared" and len(tried) == 2
        assert "read-only" in waiting_workers(tmp_path / RUNS)["w"]
        assert (
            "w waits: ClickHouse takes nothing: it is read-only" in within("doctor", FINSENT_DATA=str(tmp_path)).stdout
        )
    record.reading("news/0 at 7")
    assert waiting_workers(tmp_path / RUNS) == {}
    record.stopped()


def test_a_clickhouse_that_is_just_being_started_is_waited_for(
    clickhouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("stream.worker.CONNECT_AGAIN_S", 0.01)
    monkeypatch.setenv("CLICKHOUSE_URL", f"clickhouse://127.0.0.1:{free_port()}/default")
    record = RunRecord(tmp_path / RUNS, "w", connect)

    def late(_: Client) -> int:
        tried.append(1)
        if len(tried) < 3:
            raise EOFError("Unexpected EOF while reading bytes")  # the server went away in the middle
        return len(tried)

    tried: list[int] = []
    with pytest.raises(StorageUnavailable, match="does not answer"):
        _prepared(record, late, patience_s=0.1)
    monkeypatch.setenv("CLICKHOUSE_URL", clickhouse_url)
    assert not tried and _prepared(record, late, patience_s=30) == 3

    def refused(_: Client) -> int:  # the embedded server is ended by a wrong password
        tried.append(1)
        answer = ServerException("DB::Exception: Server shuts down", 236 if len(tried) < 6 else 516)
        raise StorageUnavailable("ClickHouse refuses us") from answer

    with pytest.raises(StorageUnavailable, match="refuses us"):  # a wrong password does not pass, an end does
        _prepared(record, refused, patience_s=3600)
    assert len(tried) == 6
    with pytest.raises(ServerException, match="no_such_table"):
        _prepared(record, lambda connected: connected.execute("SELECT * FROM no_such_table"), patience_s=3600)

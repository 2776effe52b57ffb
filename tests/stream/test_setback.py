"""A ClickHouse that comes back without rows that it had acknowledged: they are read again, and it is said."""

from __future__ import annotations

import shutil
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from clickhouse_driver import Client

from benchmarks.proxy import Fault, Proxy
from console.api.health import problems
from deploy.local import Service
from documents import Document, Position
from settings import ClickHouseSettings
from storage import audited, connect, migrate, place_of, setbacks_lately
from storage.backups import BadPlace
from stream.kafka import produce
from stream.upkeep import Metrics
from stream.upkeep.acknowledged import Acknowledged
from stream.upkeep.patient_client import PatientClient
from tests.stream.test_store import storing, through
from tests.support import Asking, data_folder, eventually, kafka_at
from tests.support.commands import within
from tests.support.feed import values


@pytest.fixture(scope="module")
def service(shipped: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(data_folder(tmp_path_factory.mktemp("setback"), shipped)) as started:
        yield started


def stored(service: Service) -> int:
    return Asking(service.stack.clickhouse_url).execute("SELECT count() FROM documents")[0][0]


def send(service: Service, tmp_path: Path, prefix: str) -> None:
    """40 documents."""
    path = tmp_path / f"{prefix}.jsonl"
    path.write_bytes(b"\n".join(values(prefix, 40)) + b"\n")
    assert produce(path, "news", kafka_at(service.stack.kafka_bootstrap)).acknowledged == 40


def replace_data(service: Service, other: Path) -> None:
    """ClickHouse comes back with the files in ``other``."""
    data = service.stack.data
    (data / "clickhouse").rename(data / f"before-{other.name}")
    other.rename(data / "clickhouse")
    service.stack.kill("clickhouse")
    service.stack.children["clickhouse"].wait_ready(60)


def all_once(service: Service, count: int) -> bool:
    found = Asking(service.stack.clickhouse_url)(audited)
    return sum(one.stored for one in found) == count and not any(one.missing or one.doubled for one in found)


def test_an_older_copy_of_the_database_put_back_between_two_batches(service: Service, tmp_path: Path):
    asking, data = Asking(service.stack.clickhouse_url), service.stack.data
    send(service, tmp_path, "kept")
    eventually(lambda: stored(service) == 40, 90, "the first batch is stored")
    shutil.copytree(data / "clickhouse", data / "older", symlinks=True)
    send(service, tmp_path, "lost")
    eventually(lambda: stored(service) == 80, 90, "the second batch is stored")
    replace_data(service, data / "older")
    send(service, tmp_path, "next")
    eventually(lambda: stored(service) == 120, 120, "what had been stored is stored again, and what came since")
    assert all_once(service, 120)
    told = asking(setbacks_lately)
    assert {one.setback.topic for one in told} == {"news"}
    assert sum(one.setback.end - one.setback.first for one in told) == 40
    assert "ClickHouse lost rows" in asking(problems)[0]["text"]
    environment = service.stack.environment()
    done = within("doctor", **environment)
    assert "had been stored and were gone" in done.stdout, done.stdout
    page = f"http://127.0.0.1:{service.web_ports[0]}/metrics"

    def metrics() -> str:
        with urllib.request.urlopen(page, timeout=5) as response:
            return response.read().decode()

    eventually(lambda: "finsent_ledger_set_back{" in metrics(), 60, "the next worker's metric tells it")


def test_the_drill_a_backup_is_restored_onto_an_empty_server_and_the_worker_goes_on(service: Service, tmp_path: Path):
    data, environment, count = service.stack.data, service.stack.environment(), stored(service)
    made = within("storage", "backup", "monday", **environment)
    assert made.returncode == 0 and "are in File('monday')" in made.stdout, made
    refused = within("storage", "restore", "monday", **environment)
    assert refused.returncode == 1 and "nothing is overwritten" in refused.stderr
    send(service, tmp_path, "since")
    eventually(lambda: stored(service) == count + 40, 120, "what came since the backup is stored")
    (data / "empty").mkdir()
    shutil.copy(data / "clickhouse" / "users.xml", data / "empty")
    shutil.copytree(data / "clickhouse" / "backups", data / "empty" / "backups")
    replace_data(service, data / "empty")
    restored = within("storage", "restore", "monday", **environment)
    assert restored.returncode == 0, restored
    eventually(lambda: stored(service) == count + 40, 180, "what came since the backup is stored again")
    assert all_once(service, count + 40)


def test_keys_of_a_store_do_not_go_on_a_command_line():
    assert place_of("monday-2") == "File('monday-2')" and place_of("S3(ours, 'x/y')") == "S3(ours, 'x/y')"
    for bad in ("S3('https://b', 'key', 's3cret')", "File('x'); DROP TABLE record_log", "../../etc/x'"):
        with pytest.raises(BadPlace):
            place_of(bad)


class StartAnew(BaseException):
    """In place of the end of the process."""


@pytest.fixture
def older(stack, clickhouse_url: str) -> Iterator[str]:
    """The URL of a database that has the schema, and no rows."""
    url = f"{clickhouse_url}_older"
    with connect(ClickHouseSettings(url=clickhouse_url)) as client:
        client.execute(f"CREATE DATABASE {url.rpartition('/')[2]}")
    with connect(ClickHouseSettings(url=url)) as client:
        migrate(client)
    yield url
    with connect(ClickHouseSettings(url=clickhouse_url)) as client:
        client.execute(f"DROP DATABASE {url.rpartition('/')[2]}")


@pytest.mark.parametrize("silently", [True, False], ids=["the driver connects again", "the worker connects again"])
def test_nothing_is_inserted_over_a_new_connection_to_a_server_that_is_behind(
    client: Client, clickhouse_url: str, older: str, silently: bool
):
    """As a replica that takes over. ``older`` must stay empty: a row there would hide what it lacks."""

    def rows(first: int) -> list[Document]:
        return [Document(Position("news", "id", 0, offset)) for offset in range(first, first + 10)]

    def start_anew(why: str, where: str) -> None:
        raise StartAnew(why)

    urls = [clickhouse_url]
    acknowledged = Acknowledged("w", Metrics(), start_anew)
    with Proxy(lambda: clickhouse_url) as proxy:

        def connecting() -> Client:
            return connect(ClickHouseSettings(url=through(proxy, urls[0])), acknowledged.check)

        connection = PatientClient(connecting, 60, Metrics())
        made = storing(connection, on_stored=acknowledged.note)
        made.run(rows(0))
        if silently:
            connection._client.connection.database = older.rpartition("/")[2]
            connection._client.connection.socket.close()
            connection._client.connection.socket.detach()
            connection._client.connection.connected = False
        else:
            urls[0] = older
            proxy.arm(Fault("before"))
        with pytest.raises(StartAnew, match="offsets 0 to 9"):
            made.run(rows(10))
        connection.close()
    with connect(ClickHouseSettings(url=older)) as behind:
        assert audited(behind) == []
        assert [one.setback[:5] for one in setbacks_lately(behind)] == [("news", "id", 0, 0, 10)]
    assert sum(one.stored for one in audited(client)) == 10

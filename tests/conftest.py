"""The real brokers and the real ClickHouse, started once for all tests of a session that ask for them.

Tests that depend on the broker ask for ``broker`` (or ``kafka_bootstrap``, which does) and run twice: on the embedded
one and on Apache Kafka. Where Apache Kafka cannot be had, the last lines of the run say so.
"""

from __future__ import annotations

import os
import re
import shutil
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from clickhouse_driver import Client

import model
from deploy.local import BrokerKind, Stack, kafka
from tests.support import Asking
from tests.support.kernel import compile_kernel
from tests.support.schema import Schema

ZONES = ("America/New_York", "Asia/Kolkata")


def pytest_configure() -> None:
    """Once for all processes of a run, before any of them loads the kernel."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        compile_kernel()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files of few tests come first, for they have the longest ones: nobody waits for one that was begun last."""
    tests = Counter(item.path for item in items)
    items.sort(key=lambda item: tests[item.path])


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[Stack]:
    """A ClickHouse whose time zone is not UTC, as many servers have it, and the embedded broker. What depends on the
    time of day is compared on servers of three zones by tests/storage/test_zones.py."""
    number = int(worker_id.removeprefix("gw")) if worker_id.startswith("gw") else 0
    with Stack(tmp_path_factory.mktemp("stack"), timezone=ZONES[number % len(ZONES)]) as running:
        yield running


@pytest.fixture(scope="session")
def of_the_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of a run share."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@pytest.fixture(scope="session")
def shipped(of_the_run: Path) -> Path:
    """A registry with the model that ships as its champion, built once for all processes of a run. Only to be read."""
    registry = of_the_run / "shipped"
    model.ensure_default(registry)
    return registry


@pytest.fixture(scope="session")
def english(of_the_run: Path) -> Path:
    """The same with its English part alone, which a worker loads in a third of the time: for tests that start many."""
    from filelock import FileLock

    from model.encoder import default_folders
    from model.registry import promote, publish

    registry = of_the_run / "english"
    with FileLock(registry.with_suffix(".lock")):
        if not registry.exists():
            promote(registry, publish(registry, [one for one in default_folders() if one.name == "en"]))
    return registry


@pytest.fixture
def built_in(shipped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Services that the test starts over an empty registry copy the model that ships, and do not build it again."""
    monkeypatch.setenv("MODEL_BUILT_IN", str(shipped))


@pytest.fixture(scope="session")
def recorded(stack: Stack, shipped: Path, of_the_run: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """URL of the database ``default`` with the recorded week in it: for tests that only read. People's users may log in
    to this one alone. The processes of a run store the week once; the others take the first one's backup."""
    from filelock import FileLock

    from deploy.demo.recorded_week.store import store
    from settings import ClickHouseSettings
    from storage import back_up, connect, migrate, restore
    from tests.support import data_folder

    settings = ClickHouseSettings(url=stack.clickhouse_url)
    copy, here = of_the_run / "recorded-week", stack.data / "clickhouse" / "backups" / "recorded-week"
    with FileLock(copy.with_suffix(".lock")), connect(settings) as client:
        if copy.exists():
            shutil.copytree(copy, here)
            restore(client, f"File('{here.name}')")
        else:
            migrate(client)
            store(lambda: connect(settings), data_folder(tmp_path_factory.mktemp("recorded"), shipped) / "models")
            back_up(client, f"File('{here.name}')")
            shutil.copytree(here, copy)
    return stack.clickhouse_url


@pytest.fixture(scope="module", params=["embedded", "kafka"])
def broker(request: pytest.FixtureRequest) -> BrokerKind:
    """The kind of broker that a test runs on."""
    if request.param == "kafka" and (reason := kafka.problem()):
        pytest.skip(reason)
    return request.param


@pytest.fixture(scope="session")
def apache_kafka(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Apache Kafka of one broker, beside the ClickHouse of ``stack``."""
    with pytest.MonkeyPatch.context() as environment:
        # Only while it is made: other tests of the session start a ClickHouse of their own.
        environment.setenv("CLICKHOUSE_URL", stack.clickhouse_url)
        made = Stack(tmp_path_factory.mktemp("kafka"), broker="kafka")
    with made as running:
        yield running


@pytest.fixture
def kafka_bootstrap(broker: BrokerKind, request: pytest.FixtureRequest) -> str:
    """Address of a broker of each kind."""
    return request.getfixturevalue("stack" if broker == "embedded" else "apache_kafka").kafka_bootstrap


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes are named by their number: their digits may hold a time, and every process collects the same names."""
    return argname if isinstance(val, bytes) else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says whether Apache Kafka was among what was tested: a broker that is left out must not go unnoticed."""
    reports = [report for key in ("passed", "failed", "xfailed") for report in terminalreporter.stats.get(key, ())]
    ran = sum(bool(re.search(r"[\[-]kafka|^tests/kafka/test_(local|registry)", report.nodeid)) for report in reports)
    reason = kafka.problem()
    terminalreporter.line(
        f"Apache Kafka: NOT TESTED, {reason}" if reason else f"Apache Kafka {kafka.version()}: {ran} tests ran on it"
    )


@pytest.fixture
def clickhouse_url(stack: Stack) -> Iterator[str]:
    """URL of a database of the test's own. Made through ``default``: a native hello that names an unknown
    database aborts the embedded server. Tests that kill its clients end it, too, so it is waited for."""
    base, _, _ = stack.clickhouse_url.rpartition("/")
    name = f"test_{uuid.uuid4().hex[:12]}"
    asking = Asking(stack.clickhouse_url)
    asking.execute(f"CREATE DATABASE IF NOT EXISTS {name}")
    yield f"{base}/{name}"
    asking.execute(f"DROP DATABASE IF EXISTS {name}")


@pytest.fixture(scope="session")
def schema(stack: Stack) -> Schema:
    """What the migrations make of an empty database, run once: hundreds of tests need it."""
    base, _, _ = stack.clickhouse_url.rpartition("/")
    Asking(stack.clickhouse_url).execute("CREATE DATABASE migrated")
    return Asking(f"{base}/migrated")(Schema)


@pytest.fixture
def client(clickhouse_url: str, schema: Schema) -> Iterator[Client]:
    """Of that database, with the schema."""
    from settings import ClickHouseSettings
    from storage import connect

    with connect(ClickHouseSettings(url=clickhouse_url)) as made:
        schema.make(made)
        yield made


@pytest.fixture
def configured(clickhouse_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """CLICKHOUSE_URL names that database, for commands that run in this process."""
    monkeypatch.setenv("CLICKHOUSE_URL", clickhouse_url)

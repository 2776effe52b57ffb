"""The real broker and the real ClickHouse, started once for all tests of a session that ask for them."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from clickhouse_driver import Client

import model
from deploy.local import Stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("stack")) as running:
        yield running


@pytest.fixture(scope="session")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with the model that ships as its champion, built once for all processes of a run. Only to be read."""
    folder = tmp_path_factory.getbasetemp()
    registry = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "shipped"
    model.ensure_default(registry)
    return registry


@pytest.fixture(scope="session")
def recorded(stack: Stack, shipped: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """URL of the database ``default`` with the recorded week in it: for tests that only read. People's users may log in
    to this one alone."""
    from deploy.demo.recorded_week.store import store
    from settings import ClickHouseSettings
    from storage import connect, migrate

    settings = ClickHouseSettings(url=stack.clickhouse_url)
    with connect(settings) as client:
        migrate(client)
    store(lambda: connect(settings), Path(shutil.copytree(shipped, tmp_path_factory.mktemp("recorded") / "models")))
    return stack.clickhouse_url


@pytest.fixture
def kafka_bootstrap(stack: Stack) -> str:
    return stack.kafka_bootstrap


@pytest.fixture
def clickhouse_url(stack: Stack) -> Iterator[str]:
    """URL of a database of the test's own. Made through ``default``: a native hello that names an unknown
    database aborts the embedded server."""
    base, _, _ = stack.clickhouse_url.rpartition("/")
    name = f"test_{uuid.uuid4().hex[:12]}"
    with Client.from_url(stack.clickhouse_url) as client:
        client.execute(f"CREATE DATABASE {name}")
    yield f"{base}/{name}"
    with Client.from_url(stack.clickhouse_url) as client:
        client.execute(f"DROP DATABASE IF EXISTS {name}")


@pytest.fixture
def client(clickhouse_url: str) -> Iterator[Client]:
    """Of that database, with the schema."""
    from settings import ClickHouseSettings
    from storage import connect, migrate

    with connect(ClickHouseSettings(url=clickhouse_url)) as made:
        migrate(made)
        yield made


@pytest.fixture
def configured(clickhouse_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """CLICKHOUSE_URL names that database, for commands that run in this process."""
    monkeypatch.setenv("CLICKHOUSE_URL", clickhouse_url)

"""Helpers of the tests."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from clickhouse_driver import Client
from clickhouse_driver.errors import Error as ClickHouseError

from model.encoder import default_folders
from settings import ClickHouseSettings, KafkaSettings
from storage import connect

T = TypeVar("T")

PATIENCE_S = 180.0  # a shared machine can stand still for a minute, and a Kafka group waits out a lost member's session


def eventually(condition: Callable[[], T], timeout: float, message: str) -> T:
    """The first truthy answer of ``condition``; fails the test after ``timeout`` seconds, or after ``PATIENCE_S`` if
    that is longer: ``timeout`` says what a quiet machine needs at most."""
    waits = max(timeout, PATIENCE_S)
    began = time.monotonic()
    while not (found := condition()):
        waited = time.monotonic() - began
        if waited > waits:
            raise AssertionError(f"not within {waits:g} s: {message}; last answer: {found!r}")
        # Asking costs what is waited for its processor time.
        time.sleep(min(max(0.05, waited / 20), 0.5))
    return found


def kafka_at(bootstrap: str) -> KafkaSettings:
    """How to reach that broker."""
    return KafkaSettings(bootstrap_servers=bootstrap)


def cooled(folder: Path, temperature: float) -> Path:
    """A copy of the shipped English adapter in ``folder`` that is another version: of other temperatures."""
    shutil.copytree(default_folders()[0], folder)
    config = json.loads((folder / "config.json").read_text())
    config["calibration"] = {kind: {"temperature": temperature} for kind in ("alone", "pair")}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def data_folder(folder: Path, registry: Path) -> Path:
    """``folder`` as the data directory of a stack whose registry is a copy of ``registry``."""
    shutil.copytree(registry, folder / "models", copy_function=_linked)
    return folder


def _linked(source: str, target: str) -> str:
    """``source`` again as ``target``; a graph, which nobody rewrites, without taking its room on the disk again."""
    copy = os.link if source.endswith(".onnx") else shutil.copy2
    copy(source, target)
    return target


class Asking:
    """Queries that outlive a restart of the embedded ClickHouse, which ends when a client is killed in the middle
    of a conversation (it is started again, with its data)."""

    def __init__(self, url: str) -> None:
        self._settings = ClickHouseSettings(url=url)

    def __call__(self, action: Callable[[Client], T]) -> T:
        deadline = time.monotonic() + 60
        while True:
            try:
                client = connect(self._settings)
                try:
                    return action(client)
                finally:
                    client.disconnect()
            except (ClickHouseError, ConnectionError, EOFError):
                assert time.monotonic() < deadline, "ClickHouse did not come back in 60 s"
                time.sleep(0.1)

    def execute(self, sql: str, parameters: dict | None = None, **options: bool) -> Any:
        return self(lambda client: client.execute(sql, parameters, **options))

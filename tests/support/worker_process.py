"""A worker with whatever settings for Kafka a test likes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from deploy.local import free_port
from tests.support import eventually
from tests.support.commands import ROOT


@contextmanager
def worker_process(kafka: Mapping[str, str], clickhouse_url: str, registry: Path, folder: Path) -> Iterator[Path]:
    """A worker that has its partitions, as long as the block lasts: its log. ``kafka`` are its variables for Kafka."""
    port, log = free_port(), folder / "worker.log"
    settings = {"CLICKHOUSE_URL": clickhouse_url, "MODEL_REGISTRY": str(registry), "STREAM_WEB_PORT": str(port),
                "FINSENT_PSEUDONYM_KEY": "k" * 32, "FINSENT_DATA": str(folder), **kafka}  # fmt: skip
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "finsent", "worker"], cwd=ROOT, env=os.environ | settings, stdout=out, stderr=out
        )

    def ready() -> bool:
        assert process.poll() is None, log.read_text()[-2000:]
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=5) as answer:
                return bool(json.load(answer)["ready"])
        except OSError:
            return False

    try:
        eventually(ready, 120, "the worker has its partitions")
        yield log
    finally:
        process.terminate()  # a client that is killed in the middle of a conversation ends the embedded ClickHouse
        process.wait(60)

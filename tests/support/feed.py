"""A worker on a stack of its own, fed by a test with whatever records it likes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import ConfigResource, ConfigResourceType

from deploy.local import Service
from deploy.local.supervisor import free_port
from stream.kafka import reread, watermarks
from tests.support import Asking, eventually, kafka_at

WORKER = """
import stream.worker
from stream import run
plain = stream.worker.reread
def reread(*position):
    print("READ AGAIN", *position[1:], flush=True)
    return plain(*position)
stream.worker.reread = reread
run()
"""
"""A worker that says when it opens another consumer to read records again."""


class Feed:
    """The service without a worker; ``start`` and ``stop`` are for one that the test watches.

    It ends itself after ``stuck_after_s`` seconds without progress.
    """

    def __init__(self, service: Service, folder: Path, stuck_after_s: float = 120) -> None:
        self.service, self.bootstrap = service, service.stack.kafka_bootstrap
        self.client = Asking(service.stack.clickhouse_url)
        self.log = folder / "worker.log"
        self.web_port = free_port()
        self.environment = {
            **os.environ,
            **service.stack.environment(),
            "STREAM_WEB_PORT": str(self.web_port),
            "STREAM_STUCK_AFTER_S": str(stuck_after_s),
            "STREAM_ALERTS": "false",
            "KAFKA_METADATA_MAX_AGE_S": "2",
        }
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        """Start a worker unless one runs, and wait until it has its partitions."""
        if not self.alive():
            self.launch(WORKER)
        eventually(self.ready, 120, "the worker has its partitions")

    def launch(self, program: str) -> subprocess.Popen:
        """Start a worker that is ``program``."""
        with self.log.open("wb") as out:
            command = [sys.executable, "-c", program]
            self.process = subprocess.Popen(command, env=self.environment, stderr=out, stdout=out)
        return self.process

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def ready(self) -> bool:
        assert self.alive(), self.log.read_text()[-2000:]
        try:
            return bool(json.loads(self.page("ready"))["ready"])
        except OSError:
            return False

    def partitions(self) -> list[str]:
        """What the worker reads; nothing while it is being assigned partitions."""
        try:
            return list(json.loads(self.page("ready"))["partitions"])
        except OSError:
            return []

    def page(self, name: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.web_port}/{name}", timeout=5) as response:
            return response.read().decode()

    def lag(self) -> float:
        """Records that wait in all partitions, as the worker reports them."""
        return sum(
            float(number) for number in re.findall(r"^finsent_lag_records\{.*\} (\S+)", self.page("metrics"), re.M)
        )

    def stored(self, prefix: str) -> int:
        rows = self.client.execute(
            "SELECT count() FROM documents WHERE document_id LIKE %(prefix)s", {"prefix": f"{prefix}-%"}
        )
        return rows[0][0]

    def limit(self, topics: Sequence[str], size: int) -> None:
        """Let ``topics`` take batches of at most ``size`` bytes."""
        with KafkaAdminClient(bootstrap_servers=self.bootstrap.split(",")) as admin:
            admin.alter_configs(
                [ConfigResource(ConfigResourceType.TOPIC, topic, {"max.message.bytes": str(size)}) for topic in topics]
            )

    def dead_letters_end(self) -> int:
        """The offset of the next dead letter from partition 2."""
        return watermarks(kafka_at(self.bootstrap), ["dead-letters"])["dead-letters", 2][1]

    def dead_letters(self, first: int) -> list[bytes]:
        """The dead letters from partition 2, from the offset ``first`` on."""
        found = reread(kafka_at(self.bootstrap), "dead-letters", 2, first, self.dead_letters_end())
        return [record.value or b"" for record in found]

    def send(self, values: Sequence[bytes | None], partition: int = 0, topic: str = "news") -> list[int]:
        """Offsets of ``values``."""
        producer = KafkaProducer(
            bootstrap_servers=self.bootstrap.split(","), enable_idempotence=False, max_request_size=4_000_000
        )
        sent = [producer.send(topic, value, key=b"k", partition=partition) for value in values]
        producer.close()
        return [future.get(timeout=30).offset for future in sent]


def values(prefix: str, count: int) -> list[bytes]:
    return [
        json.dumps(
            {
                "id": f"{prefix}-{number}",
                "source": "desk",
                "title": f"Siemens wins order {number}",
                "published_at": "2026-01-05T10:00:00Z",
            }
        ).encode()
        for number in range(count)
    ]

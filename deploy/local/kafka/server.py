"""Brokers of Apache Kafka in KRaft mode on loopback: their settings, their storage, their command line."""

from __future__ import annotations

import base64
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from deploy.local.broker import listens
from deploy.local.install import InstallError
from deploy.local.kafka.jars import archive
from deploy.local.supervisor import free_port

ARCHIVE_SECONDS = 120.0

JVM = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
"""For brokers that start soon and stay small; a production broker would leave the second one out."""


@dataclass(frozen=True, slots=True)
class Node:
    """One broker, which is a controller as well: its number from 1, its ports on 127.0.0.1, its folder."""

    number: int
    port: int
    controller_port: int
    folder: Path

    @property
    def address(self) -> str:
        """``host:port`` for clients."""
        return f"127.0.0.1:{self.port}"


def properties(node: Node, cluster: Sequence[Node]) -> dict[str, str]:
    """The settings of ``node`` in ``cluster``. Topics get as many replicas as there are brokers, at most three; of
    three, two must have a record before it is acknowledged."""
    replicas = min(3, len(cluster))
    in_sync = max(1, replicas - 1)
    return {
        "process.roles": "broker,controller",
        "node.id": str(node.number),
        "controller.quorum.voters": ",".join(f"{n.number}@127.0.0.1:{n.controller_port}" for n in cluster),
        "listeners": f"PLAINTEXT://{node.address},CONTROLLER://127.0.0.1:{node.controller_port}",
        "advertised.listeners": f"PLAINTEXT://{node.address}",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": str(node.folder / "log"),
        "auto.create.topics.enable": "false",
        "default.replication.factor": str(replicas),
        "min.insync.replicas": str(in_sync),
        "offsets.topic.replication.factor": str(replicas),
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": str(replicas),
        "transaction.state.log.min.isr": str(in_sync),
        "transaction.state.log.num.partitions": "4",
        "share.coordinator.state.topic.replication.factor": str(replicas),
        "share.coordinator.state.topic.min.isr": str(in_sync),
        # A worker that starts alone need not wait for others to join.
        "group.initial.rebalance.delay.ms": "0",
    }


def prepare(jars: Path, cluster: Sequence[Node], extra: dict[str, str] | None = None) -> None:
    """Write the settings of every node, and format the storage of those that have none. ``extra`` settings win.

    The cluster's id is kept beside the nodes' folders, so that a broker that is added later belongs to it. Raises
    ``InstallError`` if the storage cannot be formatted.
    """
    kept = cluster[0].folder.parent / "cluster.id"
    kept.parent.mkdir(parents=True, exist_ok=True)
    if not kept.exists():
        kept.write_text(_identifier() + "\n")
    for node in cluster:
        node.folder.mkdir(exist_ok=True)
        lines = {**properties(node, cluster), **(extra or {})}
        _settings(node).write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
        if not (node.folder / "log" / "meta.properties").exists():
            _format(jars, node, kept.read_text().strip())


def argv(jars: Path, node: Node, heap_mb: int) -> list[str]:
    """The command line of ``node``."""
    return [*_java(jars, heap_mb), "kafka.Kafka", str(_settings(node))]


def speed_up(jars: Path) -> bool:
    """Let a broker run once, for some seconds, and archive the classes it has loaded. Later ones start in a third of
    the time, with half of the work. Answers whether there is an archive now: without one they start all the same.
    """
    target = archive()
    with FileLock(f"{target}.lock"), tempfile.TemporaryDirectory() as scratch:
        if target.exists():
            return True
        node = Node(1, free_port(), free_port(), Path(scratch) / "broker")
        prepare(jars, [node])
        made = Path(scratch) / "classes.jsa"
        java, *rest = argv(jars, node, heap_mb=512)
        command = [java, f"-XX:ArchiveClassesAtExit={made}", *rest]
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
        )
        try:
            deadline = time.monotonic() + ARCHIVE_SECONDS
            while not listens(node.port) and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.1)
            process.terminate()
            process.wait(ARCHIVE_SECONDS)
        except subprocess.TimeoutExpired:
            return False
        finally:
            process.kill()
            process.wait()
        if made.exists():
            shutil.move(made, target.with_suffix(".part"))
            target.with_suffix(".part").rename(target)
    return target.exists()


def _java(jars: Path, heap_mb: int) -> list[str]:
    archived = [f"-XX:SharedArchiveFile={archive()}"] if archive().exists() else []
    return ["java", f"-Xmx{heap_mb}m", *JVM, *archived, "-cp", f"{jars}/*"]


def _format(jars: Path, node: Node, cluster_id: str) -> None:
    tool = [*_java(jars, heap_mb=128), "kafka.tools.StorageTool", "format"]
    done = subprocess.run(
        [*tool, "--cluster-id", cluster_id, "--config", str(_settings(node))], capture_output=True, text=True
    )
    if done.returncode:
        raise InstallError(
            f"the storage of Kafka broker {node.number} in {node.folder} cannot be formatted: "
            f"{(done.stderr or done.stdout).strip()[-800:]}"
        )


def _settings(node: Node) -> Path:
    return node.folder / "server.properties"


def _identifier() -> str:
    """A random cluster id in Kafka's form: 16 bytes in URL-safe base64, not beginning with a dash."""
    while (made := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return made

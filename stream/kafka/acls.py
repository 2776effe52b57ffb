"""What Kafka must allow finsent's processes, and nothing more: as commands of Kafka's own tool."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Literal, NamedTuple

from settings import KafkaSettings
from stream.kafka.erasing import MADE, SOURCES
from stream.kafka.topics import READ, TOPICS

Role = Literal["worker", "producer", "scheduler", "console", "auditor", "eraser"]

PURPOSES: dict[Role, str] = {
    "worker": "finsent worker",
    "producer": "finsent produce, finsent label import, and your own producers",
    "scheduler": "finsent scheduler, and finsent model promote and rollback",
    "console": "finsent console",
    "auditor": "finsent audit",
    "eraser": "finsent privacy erase",
}


class Needed(NamedTuple):
    """One operation that a role must be allowed. Whoever may read or write a topic may also describe it."""

    role: Role
    operation: Literal["Read", "Write", "Create", "DescribeConfigs"]
    resource: Literal["topic", "group"]
    names: tuple[str, ...]


def needed(kafka: KafkaSettings) -> Iterator[Needed]:
    """All that is needed with these settings."""
    yield Needed("worker", "Read", "topic", (*READ, "model-events"))
    yield Needed("worker", "Read", "group", (kafka.group_id,))
    yield Needed("worker", "Write", "topic", ("scored", "alerts", "dead-letters", "model-events"))
    yield Needed("producer", "Write", "topic", READ)
    if kafka.create_topics:
        yield Needed("worker", "Create", "topic", TOPICS)
        yield Needed("producer", "Create", "topic", READ)
    yield Needed("scheduler", "Write", "topic", ("model-events",))
    yield Needed("console", "Read", "topic", READ)
    yield Needed("console", "Write", "topic", ("labels",))
    yield Needed("auditor", "Read", "topic", READ)
    yield Needed("eraser", "Read", "topic", (*SOURCES, *MADE))
    yield Needed("eraser", "DescribeConfigs", "topic", (*SOURCES, *MADE))
    yield Needed("eraser", "Write", "topic", SOURCES)  # tombstones


def acl_commands(kafka: KafkaSettings) -> list[str]:
    """Lines for a shell. The principals are named after the roles."""
    lines = ["# Put your own principals in place of User:worker and so on; admin.properties is the administrator's."]
    for one in sorted(needed(kafka), key=lambda one: list(PURPOSES).index(one.role)):
        heading = f"# {PURPOSES[one.role]}"
        if heading not in lines:
            lines.append(heading)
        resources = [
            word
            for name in one.names
            for word in (f"--{one.resource}", kafka.topic(name) if one.resource == "topic" else name)
        ]
        words = ["kafka-acls.sh", "--bootstrap-server", kafka.bootstrap_servers, "--command-config", "admin.properties"]
        words += ["--add", "--allow-principal", f"User:{one.role}", "--operation", one.operation, *resources]
        lines.append(shlex.join(words))
    return lines

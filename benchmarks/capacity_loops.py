"""A program that reads the input topics and only counts: ``python -m benchmarks.capacity_loops faust|aiokafka COUNT``.

For ``benchmarks.capacity``: what Faust alone can do, and the client below it without Faust. It prints one line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import faust
from aiokafka import AIOKafkaConsumer

from benchmarks.pipeline_records import TOPICS


def counter(count: int) -> Callable[[int], None]:
    """Takes how many records came. With the ``count``-th the process prints what they took, and ends."""
    begun: list[float] = []
    first = seen = 0

    def took(records: int) -> None:
        nonlocal first, seen
        seen += records
        if not begun:
            # The first ones wait for what starts.
            first = seen
            begun.extend((time.perf_counter(), time.process_time()))
        elif seen >= count:
            seconds, cpu = time.perf_counter() - begun[0], time.process_time() - begun[1]
            print(json.dumps({"records": seen - first, "seconds": seconds, "cpu_seconds": cpu}), flush=True)
            os._exit(0)  # Faust takes seconds to leave its group, for which nobody waits

    return took


def with_faust(bootstrap: str, took: Callable[[int], None]) -> None:
    """An agent a topic, as the worker has them."""
    app = faust.App(
        f"capacity-{os.getpid()}",
        broker=";".join(f"kafka://{address}" for address in bootstrap.split(",")),
        store="memory://",
        topic_disable_leader=True,
        topic_allow_declare=False,
        consumer_auto_offset_reset="earliest",
        stream_wait_empty=False,
        web_enabled=False,
        autodiscover=False,
    )

    def agent() -> Callable[[Any], Any]:
        async def count(stream: Any) -> None:
            stream.enable_acks = False
            async for _ in stream.events():
                took(1)

        return count

    for name in TOPICS:
        topic = app.topic(name, value_type=bytes, value_serializer="raw", key_serializer="raw")
        app.agent(topic, name=f"count.{name}")(agent())
    faust.Worker(app, loglevel="error", redirect_stdouts=False).execute_from_commandline()


async def with_aiokafka(bootstrap: str, took: Callable[[int], None]) -> None:
    """Batch by batch, as the client fetches them."""
    consumer = AIOKafkaConsumer(
        *TOPICS,
        bootstrap_servers=bootstrap,
        group_id=f"capacity-{os.getpid()}",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    await consumer.start()
    while True:
        for records in (await consumer.getmany(timeout_ms=1000, max_records=50)).values():
            took(len(records))


def main() -> None:
    """Count."""
    kind, count, bootstrap = sys.argv[1], int(sys.argv[2]), os.environ["KAFKA_BOOTSTRAP_SERVERS"]
    if kind == "faust":
        with_faust(bootstrap, counter(count))
    else:
        asyncio.run(with_aiokafka(bootstrap, counter(count)))


if __name__ == "__main__":
    main()

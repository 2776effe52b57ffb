"""What it costs that an insert is on the server's disk before it is acknowledged: ``python -m benchmarks.durability``.

Prints the median time of an insert with CLICKHOUSE_FSYNC and without, and their ratio, for batches of several sizes.
The two take turns, as a disk is not equally fast at all times.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from pathlib import Path

from clickhouse_driver import Client
from pydantic import SecretStr

from deploy.local import Stack
from documents import Document, Position
from settings import ClickHouseSettings
from storage import connect, migrate, set_durability, write_documents

SIZES, ROUNDS, INSERTS = (1, 256, 2000), 4, 15


def batch_of(rows: int, first: int) -> list[Document]:
    """Documents of ``rows`` records, from the offset ``first`` on."""
    return [
        Document(
            Position("news", "id", 0, first + n),
            title="A title " * 8,
            text="Some text. " * 20,
            embedding=random.randbytes(384),
        )
        for n in range(rows)
    ]


def seconds(client: Client, rows: int, first: int) -> list[float]:
    """Of ``INSERTS`` inserts of ``rows`` rows each, from the offset ``first`` on."""
    found = []
    for number in range(INSERTS):
        batch = batch_of(rows, first + number * rows)
        started = time.perf_counter()
        write_documents(client, batch)
        found.append(time.perf_counter() - started)
    return found


def main() -> None:
    """Measure, and print a line for each size of a batch."""
    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder)) as stack:
        client = connect(ClickHouseSettings(url=SecretStr(stack.clickhouse_url)))
        migrate(client)
        first = 0
        for rows in SIZES:
            taken: dict[bool, list[float]] = {False: [], True: []}
            for _ in range(ROUNDS):
                for fsync in (False, True):
                    set_durability(client, fsync)
                    taken[fsync] += seconds(client, rows, first)
                    first += rows * INSERTS
            without, durable = statistics.median(taken[False]), statistics.median(taken[True])
            print(f"{rows} rows: {durable * 1000:.0f} ms, {without * 1000:.0f} without: {durable / without:.1f} times")


if __name__ == "__main__":
    main()

"""How many parts inserts of single records leave: ``python -m benchmarks.parts --minutes 10``.

Each insert makes a part, and ClickHouse merges parts in the background. Where merges do not keep up, it delays inserts
(``parts_to_delay_insert``) and at last refuses them (``parts_to_throw_insert``). Here several workers insert one record
after the other, as fast as they can or so many a second (``--rate``, each of them). Printed are how many a second that
was, the most parts that the ledger's table had in one partition in each fifth of the time, and the server's two limits.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from clickhouse_driver import Client
from pydantic import SecretStr

from benchmarks.durability import batch_of
from deploy.local import Stack
from settings import ClickHouseSettings
from storage import connect, migrate, set_durability, write_documents

EVERY_S = 0.25
PARTS = """
SELECT max(active_parts), sum(all_parts) FROM
(
    SELECT countIf(active) AS active_parts, count() AS all_parts FROM system.parts
    WHERE database = currentDatabase() AND table = 'record_log' GROUP BY partition_id
)
"""
LIMITS = """
SELECT toUInt64(value) FROM system.merge_tree_settings
WHERE name IN ('parts_to_delay_insert', 'parts_to_throw_insert') ORDER BY name
"""


def watched(client: Client, until: float) -> list[tuple[float, int, int]]:
    """(time, most active parts in a partition, all parts on disk) at each moment until the monotonic time ``until``."""
    found = []
    while time.monotonic() < until:
        active, on_disk = client.execute(PARTS)[0]
        found.append((time.monotonic(), active, on_disk))
        time.sleep(EVERY_S)
    return found


def main() -> None:
    """Measure, and print a line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--rate", type=float, help="records a second of each worker; left out: as many as it can")
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder)) as stack:
        settings = ClickHouseSettings(url=SecretStr(stack.clickhouse_url))
        with connect(settings) as client, ThreadPoolExecutor(arguments.workers) as pool:
            migrate(client)
            set_durability(client, settings.fsync)
            delay, throw = (limit for (limit,) in client.execute(LIMITS))
            began = time.monotonic()
            until = began + 60 * arguments.minutes

            def write(worker: int) -> None:
                offsets = itertools.count(worker, arguments.workers)
                with connect(settings) as own:
                    due = began
                    while time.monotonic() < until:
                        write_documents(own, batch_of(1, next(offsets)))
                        if arguments.rate:
                            due += 1 / arguments.rate
                            time.sleep(max(0.0, due - time.monotonic()))

            writing = [pool.submit(write, worker) for worker in range(arguments.workers)]
            seen = watched(client, until)
            for one in writing:
                one.result()
            ((stored,),) = client.execute("SELECT count() FROM record_log")
    most = [0] * 5
    for at, active, _ in seen:
        fifth = min(int(5 * (at - began) / (until - began)), 4)
        most[fifth] = max(most[fifth], active)
    print(
        f"{stored:,} inserts of {arguments.workers} workers in {arguments.minutes:g} minutes, "
        f"{stored / (until - began):.1f} a second: at most {', '.join(map(str, most))} parts in a partition, "
        f"{max(on_disk for *_, on_disk in seen):,} with those that are merged and not deleted yet; inserts are delayed "
        f"from {delay:,} on and refused from {throw:,} on"
    )


if __name__ == "__main__":
    main()

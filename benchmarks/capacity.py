"""How much a machine does, and what more records ask for: ``python -m benchmarks.capacity``.

Measured on one broker and one ClickHouse that are started for it: records a second of workers, one and several, with
the scorer and with one that costs nothing; Faust alone, and the Kafka client below it; an insert; what a record takes
on the disk; an evaluation of the alerts, by companies and by documents. It takes some minutes, writes the figures
to ``build/capacity.json`` and the page with its tables to ``build/capacity.md``. ``docs/capacity.md`` is such a page:

    python -m benchmarks.capacity --json benchmarks/capacity.json --page docs/capacity.md
    python -m benchmarks.capacity --from benchmarks/capacity.json --page docs/capacity.md    # the page alone, anew

Where there is a GPU, ``MODEL_DEVICE=cuda`` measures it (one worker: ``--workers 1``).
"""

from __future__ import annotations

import argparse
import os
import platform
import shlex
import sys
import tempfile
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import msgspec
import psutil

from benchmarks import capacity_measures as measures
from benchmarks.capacity_figures import Figures
from benchmarks.capacity_page import page
from benchmarks.pipeline_records import stream_of
from benchmarks.pipeline_service import fill, log
from benchmarks.scorer import processor
from deploy.local import Service

EVALUATIONS = ((100, 4.0, 30), (1_000, 4.0, 30), (100, 400.0, 4), (100, 4_000.0, 2))
"""Companies, documents a company and day, and days of them: to tell what a company costs, and what a document."""

MOST_BYTES = 64_000
"""Of a record that is sent."""

MOST_WORKERS = 8
"""As many partitions as the two topics have."""


def measure(arguments: argparse.Namespace) -> Figures:
    """Everything."""
    load = os.getloadavg()[0]
    # The recorded week has some that are too large for a topic, to see them refused.
    every = stream_of(arguments.data, 10**9)
    small = (record for record in every if len(record[1]) <= MOST_BYTES)
    records = list(islice(small, arguments.records + arguments.constant_records))
    cores = len(os.sched_getaffinity(0))
    kinds = [(1, 1), *([(1, cores)] if min(cores, arguments.workers) > 1 else [])]
    kinds += [(workers, 1) for workers in (2, 4, 8) if workers <= min(arguments.workers, MOST_WORKERS)]
    with tempfile.TemporaryDirectory(prefix="finsent-capacity-") as folder:
        measures.registry_in(Path(folder) / "models")
        with Service(Path(folder) / "service", workers=0, broker=arguments.broker) as service:
            bootstrap = service.stack.kafka_bootstrap
            some = records[: arguments.records]
            fill(bootstrap, some)
            runs = []
            for number, (workers, each) in enumerate(kinds):
                with measures.database(service, f"scoring_{number}") as url, measures.tables_of(url) as client:
                    runs.append(measures.run(service, client, url, workers, each, True, len(some)))
                    if not number:
                        sizes = measures.sizes_of(service, client, some)
                        log(f"{sizes}")
            fill(bootstrap, records[len(some) :])
            with measures.database(service, "constant") as url, measures.tables_of(url) as client:
                runs.append(measures.run(service, client, url, 1, 1, False, len(records)))
                loops = [measures.loop(service, name, len(records) * 9 // 10) for name in ("faust", "aiokafka")]
                inserted = measures.inserts(service, client, (1, 256, 1024), arguments.inserts)
            evaluated = measures.evaluations(service, arguments.evaluations)
    return Figures(
        date=f"{datetime.now(UTC):%Y-%m-%d}",
        command=shlex.join(["python", "-m", "benchmarks.capacity", *sys.argv[1:]]),
        processor=processor(),
        cores=cores,
        memory_gb=round(psutil.virtual_memory().total / 1e9, 1),
        python=platform.python_version(),
        load=round(load, 1),
        runs=runs,
        loops=loops,
        inserts=inserted,
        evaluations=evaluated,
        bytes=sizes,
    )


def evaluation(text: str) -> tuple[int, float, int]:
    """``COMPANIES:DOCUMENTS:DAYS``."""
    companies, per_day, days = text.split(":")
    return int(companies), float(per_day), int(days)


def main() -> None:
    """Measure, or read what was measured, and write the page."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.capacity", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, default=Path("build/capacity.json"))
    parser.add_argument("--page", type=Path, default=Path("build/capacity.md"))
    parser.add_argument("--from", dest="source", type=Path, metavar="JSON", help="write the page of these figures only")
    parser.add_argument("--data", type=Path, help="folder of CSV files of texts, as for benchmarks.pipeline")
    parser.add_argument("--broker", choices=["embedded", "kafka"], default="embedded")
    parser.add_argument("--records", type=int, default=2_000, help="that are scored, by each number of workers")
    parser.add_argument("--constant-records", type=int, default=10_000, help="more, with a scorer that costs nothing")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="at most")
    parser.add_argument("--inserts", type=int, default=20, help="of each size")
    parser.add_argument(
        "--evaluations",
        type=evaluation,
        nargs="+",
        default=EVALUATIONS,
        metavar="COMPANIES:DOCUMENTS:DAYS",
        help="how many companies, documents a company and day, and days of them; three at least",
    )
    arguments = parser.parse_args()
    if arguments.source:
        figures = msgspec.json.decode(arguments.source.read_bytes(), type=Figures)
    else:
        figures = measure(arguments)
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_bytes(msgspec.json.format(msgspec.json.encode(figures), indent=1) + b"\n")
    arguments.page.parent.mkdir(parents=True, exist_ok=True)
    arguments.page.write_text(page(figures), encoding="utf-8")


if __name__ == "__main__":
    main()

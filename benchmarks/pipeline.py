"""The service from a full topic into ClickHouse: ``python -m benchmarks.pipeline --json OUT [--records N]``.

Records a second, and the ratio to three things measured in the same run on the same records: the bare scorer (the same
passes over the same texts, 512 records at once, as many threads), the loop that people write (kafka-python, a Hugging
Face pipeline over a network of the same shape, an insert a row), and the service with a scorer that costs nothing
(``benchmarks.constant_worker``). Then the time from ``send`` to a ledger that shows the record, at half of the rate
reached; and the worker's memory over many records, with the scorer that costs nothing. It takes some 10 minutes, on a
slow machine with fewer records (the report tells how many). A million records with the scorer that costs nothing:
``--constant-records 1000000 --constant-seconds 1800``, for which the embedded broker needs 1 GB of memory.

With ``--outage-seconds`` ClickHouse, and then the broker, stands still for so long while records come in: the worker's
memory before and at its largest, the lag at its largest, and how long it then took to catch up.

``--broker kafka`` does all of it on Apache Kafka. ``--naive-records 0`` and ``--constant-records 0`` leave these parts
out.

``--charts DIR`` also draws the cost against history, number of companies and number of workers.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from clickhouse_driver import Client
from kafka import KafkaConsumer, KafkaProducer
from pydantic import SecretStr

import model
from benchmarks.pipeline_records import TOPICS, Value, stream_of, values
from benchmarks.pipeline_service import (
    BATCH,
    bare,
    client_of,
    fill,
    linker,
    log,
    passes,
    rate,
    reading,
    stored,
    wait_for,
    worker,
)
from deploy.local import Child, Service
from settings import ClickHouseSettings, KafkaSettings, ModelSettings
from storage import connect
from stream.kafka import Arrivals, Received, ensure_topics, topic_ids
from stream.steps import Read


def naive(bootstrap: str, url: str, records: int, seconds: float = 60) -> float:
    """Records a second of the loop that people write, with the libraries' own settings for threads, over ``records``
    or ``seconds``."""
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification, pipeline

    from model.encoder import minilm_folder

    network = BertForSequenceClassification(BertConfig.from_pretrained(minilm_folder(), num_labels=3))
    classify = pipeline("text-classification", model=network, tokenizer=AutoTokenizer.from_pretrained(minilm_folder()))
    client = Client.from_url(url)
    client.execute(
        "CREATE TABLE naive (id String, text String, label String, score Float64) ENGINE MergeTree ORDER BY id"
    )
    consumer = KafkaConsumer(*TOPICS, bootstrap_servers=bootstrap, auto_offset_reset="earliest", group_id="naive")
    started = 0.0
    for done, message in enumerate(consumer):
        if not done:
            started = time.perf_counter()
        document = json.loads(message.value)
        text = document.get("title") or document["text"]
        found = classify(text, truncation=True)[0]
        client.execute("INSERT INTO naive VALUES", [(document["id"], text, found["label"], found["score"])])
        taken = time.perf_counter() - started
        if done and (done == records or taken > seconds):
            break
    consumer.close()
    client.disconnect()
    return done / taken


def latencies(service: Service, records: Sequence[Value], per_second: float) -> np.ndarray:
    """Seconds from ``send`` to a ledger that shows the record, at a steady ``per_second``."""
    bootstrap = service.stack.kafka_bootstrap
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all", linger_ms=20)
    client = connect(ClickHouseSettings(url=SecretStr(service.stack.clickhouse_url)))
    before = stored(client, bootstrap)
    arrivals = Arrivals(
        connect(ClickHouseSettings(url=SecretStr(service.stack.clickhouse_url))),
        topic_ids(KafkaSettings(bootstrap_servers=bootstrap), TOPICS),
    )
    with arrivals.polling():
        started = time.monotonic()
        for n, (topic, value) in enumerate(records):
            if (ahead := started + n / per_second - time.monotonic()) > 0:
                time.sleep(ahead)
            sent = partial(_sent, arrivals, time.time())
            producer.send(topic, value, partition=n // 2 % 4).add_callback(sent)
        producer.flush()
        wait_for(client, bootstrap, before + len(records), timeout=300)
        time.sleep(0.2)
    producer.close()
    client.disconnect()
    return arrivals.seconds()


def _sent(arrivals: Arrivals, at: float, told: Any) -> None:
    arrivals.acknowledged(told.topic, told.partition, told.offset, at)


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pipeline", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/stream"), help="folder of CSV files of texts")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--charts", type=Path)
    parser.add_argument("--broker", choices=["embedded", "kafka"], default="embedded")
    parser.add_argument("--records", type=int, default=6000, help="records that are scored, at most")
    parser.add_argument("--round-seconds", type=float, default=40, help="of the bare scorer: a slow one gets fewer")
    parser.add_argument("--rounds", type=int, default=3, help="of scorer and end to end by turns; the median counts")
    parser.add_argument("--naive-records", type=int, default=300, help="for the loop that people write; 0: none")
    parser.add_argument(
        "--constant-records", type=int, default=200_000, help="records with a scorer that costs nothing; 0: none"
    )
    parser.add_argument("--constant-seconds", type=float, default=180, help="and no longer than this")
    parser.add_argument("--latency-seconds", type=float, default=60)
    parser.add_argument("--outage-seconds", type=float, default=60, help="of ClickHouse, then of the broker; 0: none")
    arguments = parser.parse_args()
    result = measure(arguments)
    text = json.dumps(result, indent=1)
    print(text)
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(text + "\n")


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Everything, as the JSON report."""
    records = values(arguments.data, arguments.records)
    result: dict[str, Any] = {"cores": os.cpu_count(), "broker": arguments.broker}
    with tempfile.TemporaryDirectory(prefix="finsent-bench-") as folder:
        registry = Path(folder) / "models"
        os.environ["MODEL_REGISTRY"] = str(registry)
        model.ensure_default(registry)
        champion = model.champion_folder(registry)
        scorer = model.load(champion, ModelSettings())  # tunes threads and batches, for the workers too
        result |= {"threads": scorer.running.threads, "batch_tokens": scorer.running.batch_tokens}
        read = reading(linker())
        some = records[-BATCH:]
        speed = bare(champion, passes(read, some), len(some))
        records = records[: max(BATCH, int(speed * arguments.round_seconds))]
        result["records"] = len(records)
        told, waits, usual = scoring(arguments, Path(folder), champion, read, records)
        ceiling, growth, held = 0.0, 0.0, 0
        history: list[tuple[int, float]] = []
        if arguments.constant_records:
            with Service(Path(folder) / "constant", workers=0, broker=arguments.broker) as service:
                ceiling, growth, history, held = constant(service, arguments)
        outages = {}
        if arguments.outage_seconds:
            with Service(Path(folder) / "outage", workers=0, broker=arguments.broker) as service:
                outages = {
                    name: outage(service, name, arguments.data, arguments.outage_seconds)
                    for name in ("clickhouse", "broker")
                }
    end_to_end, first = (statistics.median(column) for column in zip(*told, strict=True))
    result |= {
        "records_per_second": {
            "end_to_end": round(end_to_end, 1),
            "scorer": round(first, 1),
            "no_scoring": round(ceiling, 1),
            "naive": round(usual, 1),
        },
        "ratio": {
            "end_to_end_to_scorer": round(statistics.median(e / f for e, f in told), 3),
            "end_to_end_to_naive": round(end_to_end / usual, 2) if usual else None,
        },
        "latency_p50_s": round(float(np.percentile(waits, 50)), 3),
        "latency_p99_s": round(float(np.percentile(waits, 99)), 3),
        "latency_records_per_second": round(end_to_end / 2, 1),
        "rss_growth_mb_per_million": round(growth, 1),
        "rss_records": held,
        "rss_scoring": False,
        "outages": outages,
        "rounds": [{"end_to_end": round(e, 1), "scorer": round(f, 1)} for e, f in told],
    }
    if arguments.charts:
        result["charts"] = charts(arguments, history, int(end_to_end * 20))
    return result


def scoring(
    arguments: argparse.Namespace, folder: Path, champion: Path, read: Read, records: Sequence[Value]
) -> tuple[list[tuple[float, float]], np.ndarray, float]:
    """(records a second end to end and of the bare scorer, of each round; seconds from sending to the ledger; records a
    second of the usual loop)."""
    batches = passes(read, records)
    told: list[tuple[float, float]] = []
    waits, usual = np.array([]), 0.0
    for number in range(arguments.rounds):
        with Service(folder / f"round-{number}", workers=0, broker=arguments.broker) as service:
            bootstrap, url = service.stack.kafka_bootstrap, service.stack.clickhouse_url
            fill(bootstrap, records)
            first = bare(champion, batches, len(records))
            client = client_of(url)
            with worker(service, "worker-0"):
                wait_for(client, bootstrap, len(records))
                end_to_end = rate(client, 0)
                told.append((end_to_end, first))
                log(f"round {number + 1}: end to end {end_to_end:.0f}/s, bare scorer {first:.0f}/s")
                if number == arguments.rounds - 1:
                    half = statistics.median(e for e, _ in told) / 2
                    # Other texts than before, or the scorer would know them.
                    more = values(arguments.data, len(records) + int(half * arguments.latency_seconds))
                    more = more[len(records) :]
                    waits = latencies(service, more, half)
                    log(f"latency at {half:.0f}/s: {np.percentile(waits, [50, 90, 99, 100]).round(3)}")
            if number == arguments.rounds - 1 and arguments.naive_records:
                usual = naive(bootstrap, url, arguments.naive_records)
                log(f"the usual loop: {usual:.1f}/s")
    return told, waits, usual


def constant(service: Service, arguments: argparse.Namespace) -> tuple[float, float, list[tuple[int, float]], int]:
    """With the scorer that costs nothing: records a second, growth of the worker's resident memory in MB over a
    million records (least squares over the last two thirds), (records stored, records a second) along the way, and how
    many records that was."""
    bootstrap, url = service.stack.kafka_bootstrap, service.stack.clickhouse_url
    wanted = arguments.constant_records
    fill(bootstrap, stream_of(arguments.data, wanted))
    memory: list[tuple[int, float]] = []
    client = client_of(url)
    with worker(service, "constant", "benchmarks.constant_worker") as child:

        def watch(count: int) -> None:
            if count and child.pid:
                memory.append((count, psutil.Process(child.pid).memory_info().rss / 1e6))

        with suppress(TimeoutError):
            wait_for(client, bootstrap, wanted, watch, arguments.constant_seconds)
        ceiling, held = rate(client, 0), stored(client, bootstrap)
        times = client.execute("SELECT toFloat64(ingested_at) AS at, count() FROM record_log GROUP BY at ORDER BY at")
    at = np.array([t for t, _ in times])
    done = np.cumsum([count for _, count in times])
    marks = np.linspace(done[0], done[-1], 21)
    moments = np.interp(marks, done, at)
    history = [(int(m), float(r)) for m, r in zip(marks[1:], np.diff(marks) / np.diff(moments), strict=True)]
    settled = np.array([point for point in memory if point[0] > held / 3])
    growth = float(np.polyfit(settled[:, 0], settled[:, 1], 1)[0]) * 1e6
    log(
        f"no scoring: {ceiling:.0f}/s over {held}, resident memory {memory[0][1]:.0f} to {memory[-1][1]:.0f} MB, "
        f"{growth:+.1f} MB a million"
    )
    return ceiling, growth, history, held


def outage(service: Service, name: str, data: Path, seconds: float) -> dict[str, float]:
    """``name`` stands still for ``seconds`` under load: what becomes of the worker (whose scorer costs nothing)."""
    bootstrap, url = service.stack.kafka_bootstrap, service.stack.clickhouse_url
    records = stream_of(data, 10**9)
    ensure_topics(KafkaSettings(bootstrap_servers=bootstrap))
    client = client_of(url)
    with worker(service, f"outage-{name}", "benchmarks.constant_worker") as child:
        sent = stored(client, bootstrap)

        def send(count: int) -> None:
            nonlocal sent
            fill(bootstrap, itertools.islice(records, count))
            sent += count

        send(25_000)  # the window of stories fills for 20,000
        wait_for(client, bootstrap, sent)
        first_pid = child.pid
        before = largest = _rss(child)
        still = psutil.Process(service.stack.children[name].pid)
        if name == "broker":
            send(5000)  # what it holds when it comes back
        still.suspend()
        try:
            started = time.monotonic()
            while time.monotonic() - started < seconds:
                if name == "clickhouse":
                    send(500)
                time.sleep(0.5)
                largest = max(largest, _rss(child))
        finally:
            still.resume()
        lag = sent - stored(client, bootstrap)
        started = time.monotonic()
        wait_for(client, bootstrap, sent, timeout=600)
        told = {
            "seconds": seconds,
            "rss_before_mb": round(before, 1),
            "rss_largest_mb": round(max(largest, _rss(child)), 1),
            "lag": lag,
            "caught_up_s": round(time.monotonic() - started, 1),
            "restarts": int(child.pid != first_pid),
        }
        log(f"{name} stood still: {told}")
        return told


def _rss(child: Child) -> float:
    """Megabytes; 0 between two processes."""
    try:
        return float(psutil.Process(child.pid).memory_info().rss) / 1e6 if child.pid else 0.0
    except psutil.NoSuchProcess:
        return 0.0


def charts(arguments: argparse.Namespace, history: Sequence[tuple[int, float]], count: int) -> dict[str, Any]:
    """Cost against history, companies and workers (over ``count`` records), as PNGs in ``arguments.charts``."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    records = values(arguments.data, 2000)
    companies = {}
    for names in (300, 1000, 10_000, 100_000):
        # Only reading: what grows with the list could only be the linking.
        read = reading(linker(names))
        received = [Received(topic, 0, n, value) for n, (topic, value) in enumerate(records)]
        taken = []
        for _ in range(5):
            started = time.perf_counter()
            read.run(received)
            taken.append(time.perf_counter() - started)
        companies[names] = len(records) / min(taken)
    workers = {}
    some = values(arguments.data, max(BATCH, count))
    for number in (1, 2, 3):
        with (
            tempfile.TemporaryDirectory() as folder,
            Service(Path(folder), workers=number, broker=arguments.broker) as service,
        ):
            client = client_of(service.stack.clickhouse_url)
            started = time.time()
            fill(service.stack.kafka_bootstrap, some)
            wait_for(client, service.stack.kafka_bootstrap, len(some))
            workers[number] = rate(client, started)
    drawn = (
        ("history", "records stored before", [m for m, _ in history], [r for _, r in history], "no scoring"),
        ("entities", "companies on the watch list", list(companies), list(companies.values()), "reading and linking"),
        ("workers", f"workers ({os.cpu_count()} cores)", list(workers), list(workers.values()), "end to end"),
    )
    arguments.charts.mkdir(parents=True, exist_ok=True)
    for name, label, x, y, what in drawn:
        figure, axis = pyplot.subplots(figsize=(5, 3), layout="constrained")
        axis.plot(x, y, marker="o")
        axis.set(xlabel=label, ylabel="records a second", title=what, ylim=(0, max(y) * 1.15))
        if name == "entities":
            axis.set_xscale("log")
        if name == "workers":
            axis.set_xticks(x)
        figure.savefig(arguments.charts / f"{name}.png", dpi=90)
        pyplot.close(figure)
    return {name: [[a, round(b, 1)] for a, b in zip(x, y, strict=True)] for name, _, x, y, _ in drawn}


if __name__ == "__main__":
    main()

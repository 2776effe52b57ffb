"""What transactions cost the reader: ``python -m benchmarks.transactions [--records N] [--json OUT]``.

Apache Kafka holds as many records that were sent plainly as records that were sent in transactions of ten, of which
every tenth is aborted and sent again. A worker with a scorer that costs nothing (``benchmarks.constant_worker``) stores
the ones and then the others, several times by turns. The ratio of the two rates is the result: 1 means that the
markers and the aborted records cost nothing.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from clickhouse_driver import Client
from kafka import KafkaProducer
from pydantic import SecretStr

import model
from benchmarks.pipeline_records import Value, stream_of
from benchmarks.pipeline_service import fill, rate, worker
from deploy.local import Service
from settings import ClickHouseSettings
from storage import connect

IN_ONE = 10
"""Records of a transaction."""

MOST_BYTES = 100_000


def fill_in_transactions(bootstrap: str, records: Sequence[Value]) -> None:
    """Produce ``records`` in transactions; every tenth transaction is aborted first, and then sent again."""
    producer = KafkaProducer(bootstrap_servers=bootstrap, transactional_id="finsent-benchmark")
    producer.init_transactions()
    for number, some in enumerate(_tens(records)):
        for aborted in (True, False) if number % 10 == 0 else (False,):
            producer.begin_transaction()
            for topic, value in some:
                producer.send(topic, value, partition=number % 4)
            producer.flush()
            (producer.abort_transaction if aborted else producer.commit_transaction)()
    producer.close()


def _tens(records: Sequence[Value]) -> Iterator[Sequence[Value]]:
    for start in range(0, len(records), IN_ONE):
        yield records[start : start + IN_ONE]


def stored_after(client: Client, since: float) -> int:
    """Records that were stored after ``since`` (Unix)."""
    count = "SELECT count() FROM record_log WHERE ingested_at > toDateTime64(%(since)s, 3)"
    return int(client.execute(count, {"since": since})[0][0])


def measure(records: int, rounds: int) -> dict[str, object]:
    """Records a second, of each round, and the ratio of the medians."""
    rates: dict[str, list[float]] = {"plain": [], "transactions": []}
    with tempfile.TemporaryDirectory(prefix="finsent-bench-") as folder:
        model.ensure_default(Path(folder) / "models")
        with Service(Path(folder) / "service", workers=0, broker="kafka") as service:
            bootstrap = service.stack.kafka_bootstrap
            extra = {"MODEL_REGISTRY": str(Path(folder) / "models"), "STREAM_ALERTS": "false"}
            # The recorded week has a record that is too large for a producer's usual settings.
            values = (value for value in stream_of(None, 4 * rounds * records) if len(value[1]) < MOST_BYTES)
            for number, kind in itertools.product(range(rounds), rates):
                some = list(itertools.islice(values, records))
                if kind == "plain":
                    fill(bootstrap, some)
                else:
                    fill_in_transactions(bootstrap, some)
                since = time.time()
                with worker(service, f"{kind}-{number}", "benchmarks.constant_worker", extra):
                    rates[kind].append(_rate_of(service, since, records))
                print(f"round {number + 1}, {kind}: {rates[kind][-1]:.0f} records/s", flush=True)
    ratio = statistics.median(rates["transactions"]) / statistics.median(rates["plain"])
    return {"records": records, "records_per_second": rates, "ratio": round(ratio, 3)}


def _rate_of(service: Service, since: float, records: int) -> float:
    deadline = time.monotonic() + 900
    while time.monotonic() < deadline:
        time.sleep(1)
        with connect(ClickHouseSettings(url=SecretStr(service.stack.clickhouse_url))) as client:
            if client.execute("EXISTS record_log") == [(1,)] and stored_after(client, since) == records:
                return rate(client, since)
    raise TimeoutError(f"{records} records were not stored in 900 s")


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.transactions", description=__doc__)
    parser.add_argument("--records", type=int, default=20_000, help="records of a round")
    parser.add_argument("--rounds", type=int, default=3, help="of plain records and of transactions, by turns")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the figures to a file")
    arguments = parser.parse_args()
    text = json.dumps(measure(arguments.records, arguments.rounds), indent=1)
    print(text)
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(text + "\n")


if __name__ == "__main__":
    main()

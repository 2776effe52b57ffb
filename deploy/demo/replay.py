"""The week sent to Kafka, many times faster than it passed, while the service scores, stores and retrains."""

from __future__ import annotations

import bisect
import re
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from clickhouse_driver import Client
from pydantic import SecretStr
from rich.progress import Progress

from deploy.demo.recorded_week import Week
from deploy.demo.summary import Summary, summarise
from deploy.local import ChildFailed, Service
from errors import FinsentError
from settings import ClickHouseSettings, KafkaSettings
from storage import connect, select
from storage.reads import live_workers, refusals, training_runs
from stream.kafka import Arrivals, produce_many, topic_ids

TOPICS = ("news", "comments")
CUTS = ("2020-06-19T12", "2020-06-20T00", "2020-06-20T12", "2020-06-21T00", "2020-06-21T12")
"""Where the week is cut into parts, by the documents' dates."""

SLOWER = 2
"""From the first cut on, a part is replayed this many times slower while the challenger is still in training, so that
the swap happens under load on a slow machine too."""

JUDGED_S = 1200.0
"""The longest wait for the retraining to be judged and its model to be swapped in. On two quiet cores it takes
about five minutes, on busy ones more; a failure of the service ends the wait at once."""

SETTLED_S = 120.0
"""How long the workers may store nothing more, before the wait for the last records ends."""

_DATE = re.compile(rb'"(?:published|labelled)_at": "(2020-06-\d\dT\d\d)')


class VersionRefused(FinsentError):
    """A worker refused the version that the retraining promoted; the sentence says which one, and why."""


def replay(service: Service, week: Week, speed: float | None, progress: Progress) -> tuple[Client, Summary]:
    """Send the week and wait until it is stored, retrained on and evaluated; a client of ClickHouse, and the summary.

    ``speed`` is event seconds for each second; None sends as fast as the broker takes it.
    """
    environment = service.stack.environment()
    kafka = KafkaSettings(bootstrap_servers=environment["KAFKA_BOOTSTRAP_SERVERS"])
    settings = ClickHouseSettings(url=SecretStr(environment["CLICKHOUSE_URL"]))
    client = connect(settings)
    topics = [kafka.topic(name) for name in TOPICS]
    ids = topic_ids(kafka, topics)
    arrivals = Arrivals(connect(settings), ids)
    producing = progress.add_task("producing the week", total=week.produced)
    storing = progress.add_task("scored and stored", total=week.produced)
    training = progress.add_task("labels", total=1)

    def acknowledged(topic: str, partition: int, offset: int, at: float) -> None:
        if topic in topics:
            arrivals.acknowledged(topic, partition, offset, at)

    def show() -> None:
        progress.update(producing, completed=arrivals.count)
        progress.update(storing, completed=arrivals.stored_through())

    def watch() -> None:
        show()
        progress.update(training, description=_state_of_retraining(client))

    started = time.monotonic()
    failed = 0
    with arrivals.polling():
        for number, files in enumerate(_parts(week) if speed else [_files(week)]):
            if number == len(CUTS):  # on a slow machine the last part waits for the swap
                say(progress, f"waiting for the retraining ({_state_of_retraining(client)})")
                _until_swapped(client, service, watch)
            say(progress, f"sending the week from {CUTS[number - 1] if number else 'its start'} on")
            pace = speed / SLOWER if speed and number and not _swapped(client) else speed
            watch()
            produced = produce_many(files, kafka, pace, on_acknowledged=acknowledged, progress=lambda *_: show())
            failed += produced.failed
        say(progress, "waiting until the last records are stored")
        arrivals.wait(SETTLED_S, show)
        seconds = time.monotonic() - started
    _until_swapped(client, service, watch)
    progress.update(training, description=_state_of_retraining(client), completed=1)
    say(progress, "waiting for the alert rules to reach the last document")
    _wait_for_alerts(service)
    return client, summarise(client, service, arrivals, ids, seconds, failed)


def say(progress: Progress, what: str) -> None:
    """Say what begins as a line of its own where no bar can be drawn, as in a log."""
    if not progress.console.is_terminal:
        progress.console.print(f"{datetime.now(UTC):%H:%M:%S}  {what}", highlight=False)


def _files(week: Week) -> list[tuple[Path, str | None]]:
    return [(week.news, "news"), (week.comments, "comments"), (week.labels, "labels")]


def _parts(week: Week) -> Iterator[list[tuple[Path, str | None]]]:
    """The week's files, cut at ``CUTS``; a line without a date goes with the line before it."""
    names = [(path, topic, [path.with_suffix(f".{n}.jsonl") for n in range(len(CUTS) + 1)])
             for path, topic in _files(week)]  # fmt: skip
    for path, _, made in names:
        parts: list[list[bytes]] = [[] for _ in made]
        number = 0
        for line in path.read_bytes().splitlines(keepends=True):
            if found := _DATE.search(line):
                number = max(number, bisect.bisect(CUTS, found[1].decode()))
            parts[number].append(line)
        for part, lines in zip(made, parts, strict=True):
            part.write_bytes(b"".join(lines))
    for n in range(len(CUTS) + 1):
        yield [(made[n], topic) for _, topic, made in names if made[n].stat().st_size]


def _until_swapped(client: Client, service: Service, show: Callable[[], object]) -> None:
    """Wait until the model is swapped, but no longer than ``JUDGED_S``. Raises ``VersionRefused`` if a worker refuses
    the promoted version, and ``ChildFailed`` if a part of the service has failed."""
    deadline = time.monotonic() + JUDGED_S
    while not _swapped(client) and time.monotonic() < deadline:
        if failure := service.stack.failure:
            raise ChildFailed(failure)
        show()
        time.sleep(0.2)


def _swapped(client: Client) -> bool:
    """Whether a run was judged and, if it passed, every live worker scores with its model.

    Raises ``VersionRefused``.
    """
    last = next(iter(training_runs(client, 1)), None)
    if last is None or last["state"] == "started":
        return False
    if last["state"] != "passed":
        return True
    sql = "SELECT version FROM model_events WHERE event = 'promoted' ORDER BY at DESC LIMIT 1"
    promoted = next((str(row["version"]) for row in select(client, sql, {})), "")
    # The pointer moves before it is recorded that it did: a worker may have refused the version by then.
    for worker, why in refusals(client, promoted, last["started_at"]).items():
        raise VersionRefused(f"{worker} refused {promoted}, which the retraining promoted: {why}")
    return bool(promoted) and set(live_workers(client).values()) == {promoted}


def _state_of_retraining(client: Client) -> str:
    last = next(iter(training_runs(client, 1)), None)
    return "labels" if last is None else f"retraining: {last['state']}"


def _wait_for_alerts(service: Service) -> None:
    """Wait until the leading worker has evaluated the rules up to the last document."""
    deadline = time.monotonic() + 60
    reached, steady = 0.0, 0
    while time.monotonic() < deadline and steady < 4:
        time.sleep(1)
        now = max(_metric(port, "finsent_alert_evaluated_timestamp_seconds") for port in service.web_ports)
        steady = steady + 1 if now == reached and now > 0 else 0
        reached = now


def _metric(port: int, name: str) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as response:
        lines = response.read().decode().splitlines()
    return next((float(line.split()[-1]) for line in lines if line.startswith(f"{name} ")), 0.0)

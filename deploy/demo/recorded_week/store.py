"""The recorded week as a service that ran through it would have stored it, for the cookbook and for trying queries.

The code that workers run makes everything: reading, linking, scoring, stories, alerts. Set here is only what needs
time to pass: when each record arrived, when each alert was raised, and that on Saturday at 0 h the service changed to
another version of the model, the same network with softer probabilities.
"""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from importlib import resources
from itertools import count
from pathlib import Path

import yaml
from clickhouse_driver import Client

import model
from alerts.evaluator import Evaluator
from deploy.demo.recorded_week import MONDAY, SEED, Week, write
from documents.privacy import Pseudonymiser
from documents.record import Record
from documents.stories.novelty import Novelty
from documents.watchlist import Linker, load_watchlist
from model.registry import copy_adapters, publish
from settings import AlertSettings
from storage import replace_entities
from storage import write as store_records
from storage.reads import Rescoring
from storage.writes import write_rescored
from stream.steps import labels
from stream.steps.read import Pipeline, Received

SATURDAY, END = MONDAY + timedelta(days=5), MONDAY + timedelta(days=7)
DOWN = "newswire-a", MONDAY + timedelta(days=3, hours=11), MONDAY + timedelta(days=3, hours=14, minutes=30)
SOFTER = 1.5
BATCH = 512
TOPIC_ID = "recorded-week"


def store(connect: Callable[[], Client], registry: Path) -> None:
    """Store the week through clients that ``connect`` makes; their database is migrated and empty.

    ``registry`` is a folder; the two versions of the model are built there.
    """
    client = connect()
    watchlist = load_watchlist()
    replace_entities(client, watchlist.companies)
    first = model.ensure_default(registry)
    second = _softer(registry)
    pipelines = [
        Pipeline(
            model.load(model.version_folder(registry, version)), Linker(watchlist), Pseudonymiser("recorded week" * 3)
        )
        for version in (first, second)
    ]
    with tempfile.TemporaryDirectory() as folder:
        week = write(Path(folder))
        rows, judgements = list(_received(week)), _lines("labels", week.labels)
    stories, chance = Novelty(), random.Random(SEED + 3)
    for pipeline, part in zip(
        pipelines,
        ([row for row in rows if row[0] < SATURDAY], [row for row in rows if row[0] >= SATURDAY]),
        strict=True,
    ):
        for start in range(0, len(part), BATCH):
            chunk = part[start : start + BATCH]
            records = pipeline.read([received for _, received in chunk], {"news": TOPIC_ID, "comments": TOPIC_ID})
            pipeline.score(records)
            stories.assign(records)
            for (at, _), record in zip(chunk, records, strict=True):
                _arrived(record, at, chance)
            store_records(client, records, stamp=False)
    made = labels.read([received for _, received in judgements], {"labels": TOPIC_ID})
    for (at, _), record in zip(judgements, made, strict=True):
        record.ingested_at = at + timedelta(seconds=2)
    store_records(client, made, stamp=False)
    for batch in Rescoring(client, second, SATURDAY - timedelta(days=1), SATURDAY).batches(BATCH):
        pipelines[1].score(batch)
        for record in batch:
            record.scored_at = SATURDAY
        write_rescored(client, batch)
    _raise_alerts(connect, pipelines[0], {company.ticker: company.desk for company in watchlist.companies})
    _add_people_and_models(client, first, second)
    client.disconnect()


def _softer(registry: Path) -> str:
    """Publish the champion once more, with softer probabilities; the new version's name."""
    champion = model.champion_name(registry)
    with tempfile.TemporaryDirectory() as folder:
        made = copy_adapters(model.version_folder(registry, champion), Path(folder))
        made = [adapter for adapter in made if adapter.name == "en"]  # the week has no Chinese
        for adapter in made:
            config = json.loads((adapter / "config.json").read_text())
            for scale in config["calibration"].values():
                scale["temperature"] *= SOFTER
            (adapter / "config.json").write_text(json.dumps(config))
        return publish(registry, made, parent=champion)


def _lines(topic: str, path: Path) -> list[tuple[datetime, Received]]:
    """(time, record) of every line; a line that is no message has the time of the line before it."""
    found, at, field = [], MONDAY, "labelled_at" if topic == "labels" else "published_at"
    for offset, line in enumerate(path.read_bytes().splitlines()):
        try:
            told = datetime.fromisoformat(json.loads(line)[field])
            at = told if MONDAY <= told < END + timedelta(days=1) else at
        except (ValueError, KeyError, TypeError):
            pass
        found.append((at, Received(topic, 0, offset, line)))
    return found


def _received(week: Week) -> Iterator[tuple[datetime, Received]]:
    yield from sorted(_lines("news", week.news) + _lines("comments", week.comments), key=lambda row: row[0])


def _arrived(record: Record, at: datetime, chance: random.Random) -> None:
    """Set when ``record`` was stored: some seconds after its publication.

    Two feeds take longer, and one is down for some hours on Thursday.
    """
    slow = {"agency-north": 240.0, "evening-bourse": 60.0}.get(record.source, 12.0 if record.kind == "news" else 2.0)
    down = record.source == DOWN[0] and DOWN[1] <= at < DOWN[2]
    record.ingested_at = (DOWN[2] if down else at) + timedelta(seconds=slow * chance.lognormvariate(0, 0.5))
    if not record.error_kind:
        record.scored_at = record.ingested_at - timedelta(milliseconds=200)


def _raise_alerts(connect: Callable[[], Client], pipeline: Pipeline, desks: dict[str, str]) -> None:
    def in_time(transitions: list[dict[str, object]]) -> None:
        for row in transitions:
            row["recorded_at"] = row["at"]

    evaluator = Evaluator(
        connect,
        AlertSettings(clock="stream"),
        publish=in_time,
        explain=lambda *text: pipeline.scorer.explain(*text),
        desks=desks,
    )
    evaluator.evaluate(int(MONDAY.timestamp()), int(END.timestamp()))


def _add_people_and_models(client: Client, first: str, second: str) -> None:
    fired = client.execute("SELECT id, min(fired_at) FROM alerts WHERE state = 'firing' GROUP BY id ORDER BY 2")
    who = zip(fired, ("ana", "ben"), count(12, 23), strict=False)
    rows = [(id_, "acknowledged", by, "", at + timedelta(minutes=minutes)) for (id_, at), by, minutes in who]
    client.execute("INSERT INTO alert_actions (id, action, by, note, at) VALUES", rows)
    events = [
        (MONDAY, "promoted", first, "", "", 0.0),
        (SATURDAY - timedelta(minutes=9), "published", second, first, "", 0.0),
        (SATURDAY - timedelta(minutes=2), "promoted", second, first, "", 0.0),
        (SATURDAY, "adopted", second, first, "worker-0", 0.003),
    ]
    client.execute(
        "INSERT INTO model_events (at, event, version, previous, worker, pause_s, detail) VALUES",
        [(*event, "") for event in events],
    )
    held = yaml.safe_load((resources.files(__package__) / "positions.yaml").read_text(encoding="utf-8"))
    client.execute(
        "INSERT INTO position_log (desk, ticker, exposure, at) VALUES",
        [(row["desk"], row["ticker"], row["exposure"], row.get("at", MONDAY).replace(tzinfo=UTC)) for row in held],
    )

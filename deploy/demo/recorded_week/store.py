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
from alerts import Evaluator, Transition
from deploy.demo.recorded_week.composer import write
from deploy.demo.recorded_week.week import MONDAY, SEED, Week
from documents import Document, Label, Linker, Pseudonymiser, Row, Watchlist, load_watchlist
from documents.events import load_event_types
from documents.stories import Novelty
from model.events import load_event_reader
from model.registry import copy_adapters, publish
from settings import AlertSettings
from storage import replace_entities, replace_event_types, write_documents, write_labels
from storage.reads import Rescoring
from storage.writes import write_prices, write_rescored
from stream.kafka import Received
from stream.steps import Read, Score

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
    watchlist = load_watchlist("companies", "markets")
    replace_entities(client, watchlist.entities)
    replace_event_types(client, load_event_types().by_name.values())
    first = model.ensure_default(registry)
    second = _softer(registry)
    topic_ids = dict.fromkeys(("news", "comments", "labels"), TOPIC_ID)
    read = Read(Linker(watchlist), Pseudonymiser("recorded week" * 3), lambda topic, partition: topic_ids[topic])
    events = load_event_reader()
    scores = [Score(model.load(model.version_folder(registry, version)), events) for version in (first, second)]
    with tempfile.TemporaryDirectory() as folder:
        week = write(Path(folder))
        rows, judgements = list(_received(week)), _lines("labels", week.labels)
    stories, chance = Novelty(), random.Random(SEED + 3)
    for score, part in zip(
        scores,
        ([row for row in rows if row[0] < SATURDAY], [row for row in rows if row[0] >= SATURDAY]),
        strict=True,
    ):
        for start in range(0, len(part), BATCH):
            chunk = part[start : start + BATCH]
            documents = [row for row in read.run([received for _, received in chunk]) if not isinstance(row, Label)]
            score.run(documents)
            stories.assign(documents)
            for (at, _), document in zip(chunk, documents, strict=True):
                _arrived(document, at, chance)
            write_documents(client, documents, stamp=False)
    labels = [row for row in read.run([received for _, received in judgements]) if not isinstance(row, Document)]
    for (at, _), label in zip(judgements, labels, strict=True):
        label.ingested_at = at + timedelta(seconds=2)
    write_labels(client, labels, stamp=False)
    for batch in Rescoring(client, second, SATURDAY - timedelta(days=1), SATURDAY).batches(BATCH):
        scores[1].run(batch)
        for document in batch:
            document.scored_at = SATURDAY
        write_rescored(client, batch)
    _raise_alerts(connect, scores[0], watchlist)
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
            dated = datetime.fromisoformat(json.loads(line)[field])
            at = dated if MONDAY <= dated < END + timedelta(days=1) else at
        except (ValueError, KeyError, TypeError):
            pass
        found.append((at, Received(topic, 0, offset, line)))
    return found


def _received(week: Week) -> Iterator[tuple[datetime, Received]]:
    yield from sorted(_lines("news", week.news) + _lines("comments", week.comments), key=lambda row: row[0])


def _arrived(row: Row, at: datetime, chance: random.Random) -> None:
    """Set when ``row`` was stored: some seconds after its publication.

    Two feeds take longer, and one is down for some hours on Thursday.
    """
    source = row.source if isinstance(row, Document) else ""
    usual = 12.0 if row.position.topic == "news" else 2.0
    slow = {"agency-north": 240.0, "evening-bourse": 60.0}.get(source, usual)
    down = source == DOWN[0] and DOWN[1] <= at < DOWN[2]
    row.ingested_at = (DOWN[2] if down else at) + timedelta(seconds=slow * chance.lognormvariate(0, 0.5))
    if isinstance(row, Document):
        row.scored_at = row.ingested_at - timedelta(milliseconds=200)


def _raise_alerts(connect: Callable[[], Client], score: Score, watchlist: Watchlist) -> None:
    def in_time(transitions: list[Transition]) -> None:
        for row in transitions:
            row.recorded_at = row.at

    evaluator = Evaluator(
        connect,
        AlertSettings(clock="stream"),
        publish=in_time,
        explain=lambda *text: score.scorer.explain(*text),
        desks={one.ticker: one.desk for one in watchlist.entities},
        explain_event=score.explain_event,
        other_types=watchlist.other_types,
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
        "INSERT INTO position_log (desk, ticker, exposure, currency, at) VALUES",
        [
            (row["desk"], row["ticker"], row["exposure"], "USD", row.get("at", MONDAY).replace(tzinfo=UTC))
            for row in held
        ],
    )
    prices = yaml.safe_load((resources.files(__package__) / "prices.yaml").read_text(encoding="utf-8"))
    write_prices(
        client,
        [
            (ticker, day, float(close))
            for ticker, closes in prices["closes"].items()
            for day, close in zip(prices["dates"], closes, strict=True)
        ],
    )

"""Which known episodes the alerts tell, how soon, and how many other alerts there are:
``python -m benchmarks.episodes FOLDER... [--stream FILE]``

A folder holds ``episodes.json`` (``name, ticker, entity, date, kind, lang``) and for each episode ``NAME.csv.gz`` with
the columns ``id, text, source, published_at, kind, lang``. All documents go, in the order of publication, through the
steps of a worker (read, score, link, store) into an embedded ClickHouse. Then the alert rules run over the stored
history, as in ``finsent alerts backtest``. Companies are found by their names alone, with the shipped watch list; an
episode's company that it lacks is added by its name. With ``--tickers`` the records name their company, as some feeds'
do.

An episode is told by the first alert of its direction (a notice of mere volume is none), from two days before its date
until ten days after it. It is told in time if that is at most 24 hours after a bare date, or, after a date with an
hour, 60 minutes after the first story that names the company or with the second such story.

``--stream`` adds documents of other companies, or of other times: alerts outside the time around the episodes are
counted on them, and ``--sample`` prints some, so that a person can say which of them are false.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zlib import crc32

from clickhouse_driver import Client
from pydantic import SecretStr

import model
from alerts import Rules, Transition, backtest
from alerts.backtest import AFTER, ANSWER, BEFORE, EARLY, Event, is_answer
from alerts.events import load_source_weights
from deploy.local import Stack
from documents import (
    AlertKind,
    AlertState,
    Document,
    Entity,
    Linker,
    Pseudonymiser,
    Severity,
    Watchlist,
    load_watchlist,
)
from documents.events import load_event_types
from model.events import load_event_reader
from settings import AlertSettings, ClickHouseSettings, ModelSettings
from storage import connect, migrate, write_documents
from stream.kafka import Received
from stream.steps import Link, Read, Score

BATCH = 256
HOURS, MINUTES, STORIES = 24.0, 60.0, 2
"""In time: so many hours after a bare date, or so many minutes after the first story, or with the so manieth story."""


@dataclass(frozen=True)
class Episode:
    """One known episode. ``bare`` says that its date has no hour."""

    event: Event
    company: str
    language: str
    bare: bool
    file: Path


def main() -> None:
    """Read the arguments, run the documents through, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.episodes", description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+", help="folders with episodes.json and the documents")
    parser.add_argument("--tickers", action="store_true", help="the records carry their company's ticker")
    parser.add_argument("--stream", type=Path, action="append", default=[], help="a CSV file of other documents")
    parser.add_argument("--one-in", type=int, default=1, help="of the stream, the companies of one in so many")
    parser.add_argument("--sample", type=int, default=0, help="print so many alerts outside the episodes")
    parser.add_argument("--kinds", nargs="+", choices=list(AlertKind), help="only alerts of these kinds")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    options = parser.parse_args()
    episodes = [one for folder in options.folders for one in read_episodes(folder)]
    linker = Linker(watchlist_with(episodes))
    values = [value for one in episodes for value in _values(one.file, options.tickers)]
    for path in options.stream:
        values += _of_chosen(_values(path, False), linker, options.one_in)
    values.sort(key=lambda one: one[0])
    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder)) as stack:
        client = connect(ClickHouseSettings(url=SecretStr(stack.clickhouse_url)))
        migrate(client)
        documents = store(client, values, linker)
        history = backtest.read_history(client)
        rules = Rules()
        make = backtest.event_lifecycle(load_event_types(), load_source_weights(AlertSettings().sources))
        made, watched = backtest.replay(history, rules, AlertSettings().tick_s, events=make)
        if options.kinds:
            made = [row for row in made if row.kind in options.kinds]
        judged = backtest.judge(made, watched, history, [one.event for one in episodes])
    rows = [told(one, made, documents) for one in episodes]
    _print(rows, judged)
    outside = _outside(made, episodes)
    for row in random.Random(13).sample(outside, min(options.sample, len(outside))):
        text = " / ".join(one["title"] or one["text"] for one in row.evidence.get("documents", ())[:2])
        print(f"  {row.fired_at:%Y-%m-%d} {row.severity} {row.kind} {row.topic} {row.entity}: {text}")
    if options.json:
        found = {"episodes": rows, "alerts": judged["alerts_per_entity_year"], "entity_years": judged["entity_years"]}
        options.json.write_text(json.dumps(found, indent=1, default=str) + "\n")


def read_episodes(folder: Path) -> list[Episode]:
    """The episodes of a folder that are about one company."""
    found = []
    for row in json.loads((folder / "episodes.json").read_text()):
        if row["ticker"] != "*":
            event = Event(row["name"], row["ticker"], row["date"], row["kind"])
            name = row.get("entity") or row["ticker"]
            file = folder / f"{row['name']}.csv.gz"
            found.append(Episode(event, name, row.get("lang") or "en", "T" not in row["date"], file))
    return found


def watchlist_with(episodes: Iterable[Episode]) -> Watchlist:
    """The shipped watch list and the companies of the episodes that it lacks."""
    shipped = load_watchlist()
    known = Linker(shipped)
    missing = {one.event.ticker: one.company for one in episodes if known.ticker(one.event.ticker) == one.event.ticker}
    added = [Entity(ticker, name, "", "none") for ticker, name in missing.items() if ticker not in shipped.by_ticker]
    return Watchlist([*shipped.entities, *added])


def _values(path: Path, tickers: bool) -> Iterator[tuple[str, str, bytes]]:
    """(time, topic, value of a record) of each document in a file, with its ``tickers`` or without; those without a
    date are left out."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if not row["published_at"]:
                continue
            time = _time(row["published_at"])
            topic = "comments" if row["kind"] == "comment" else "news"
            body = "text" if topic == "comments" else "title"
            message = {"id": row["id"], "source": row["source"] or "unknown", body: row["text"], "published_at": time}
            if tickers and row["ticker"]:
                message["tickers"] = row["ticker"].split()
            yield time, topic, json.dumps(message).encode()


def _time(text: str) -> str:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).isoformat()


def _of_chosen(
    values: Iterable[tuple[str, str, bytes]], linker: Linker, one_in: int
) -> Iterator[tuple[str, str, bytes]]:
    """Those values that name a company of the chosen ones."""
    for value in values:
        decoded = json.loads(value[2])
        found = linker.find(decoded.get("title") or decoded["text"])
        if any(crc32(one.ticker.encode()) % one_in == 0 for one in found):
            yield value


def store(client: Client, values: Sequence[tuple[str, str, bytes]], linker: Linker) -> list[Document]:
    """Run the records through the steps of a worker, and store them. Returns the documents."""
    settings = ModelSettings()
    version = model.ensure_default(settings.registry)
    scorer = model.load(model.version_folder(settings.registry, version), settings)
    read = Read(linker, Pseudonymiser("episodes" * 4), lambda topic, partition: "episodes")
    score, link = Score(scorer, load_event_reader()), Link(20_000)
    documents: list[Document] = []
    for start in range(0, len(values), BATCH):
        batch = values[start : start + BATCH]
        received = [Received(topic, 0, start + i, value) for i, (_, topic, value) in enumerate(batch)]
        rows = [row for row in read.run(received) if isinstance(row, Document)]
        score.run(rows)
        link.run(rows)
        write_documents(client, rows)
        documents += rows
        if start % (20 * BATCH) == 0:
            print(f"{len(documents):,} of {len(values):,} documents", file=sys.stderr, flush=True)
    return documents


def told(episode: Episode, made: Sequence[Transition], documents: Iterable[Document]) -> dict[str, Any]:
    """Whether and how soon an episode was told, by which alert, and how bad that alert became in time."""
    event, at = episode.event, episode.event.at
    ended = {row.id: row.at for row in made if row.state is AlertState.RESOLVED}
    about = [
        row
        for row in made
        if row.entity == event.ticker
        and row.state is not AlertState.RESOLVED
        and row.kind not in (AlertKind.BUZZ, AlertKind.FEED_STALE)
        and at - EARLY <= row.at <= at + ANSWER
        and (row.at >= at or ended.get(row.id, at) >= at)
        and is_answer(row, event)
    ]
    own = sorted(
        (one for one in documents if any(mention.entity == event.ticker for mention in one.mentions)),
        key=lambda one: one.published_at,
    )
    after = [one for one in own if at <= one.published_at <= at + ANSWER]
    first = after[0].published_at if after else None

    def late(row: Transition) -> tuple[float, int]:
        """Minutes and stories after the first story."""
        stories = {one.story_id for one in after if one.published_at <= row.at}
        return ((row.at - first).total_seconds() / 60 if first else 0.0), len(stories)

    def in_time(row: Transition) -> bool:
        if episode.bare:
            return (row.at - at).total_seconds() / 3600 <= HOURS
        minutes, stories = late(row)
        return minutes <= MINUTES or stories <= STORIES

    about.sort(key=lambda row: row.at)
    soon = [row for row in about if in_time(row)]
    best = about[0] if about else None
    return {
        "name": event.name,
        "kind": event.kind,
        "language": episode.language,
        "named": len(own),
        "told": best is not None,
        "in_time": bool(soon),
        "severity_in_time": max((row.severity for row in soon), key=lambda one: one.rank, default=None),
        "severity": max((row.severity for row in about), key=lambda one: one.rank, default=None),
        "hours_after_date": round((best.at - at).total_seconds() / 3600, 2) if best else None,
        "minutes_after_first": round(late(best)[0], 1) if best else None,
        "stories": late(best)[1] if best else None,
        "alert": best.kind if best else None,
        "type": best.topic if best else None,
        "alerts": len({row.id for row in about}),
    }


def _outside(made: Sequence[Transition], episodes: Sequence[Episode]) -> list[Transition]:
    """What fired outside the time around the episodes."""
    around = [(one.event.ticker, one.event.at - BEFORE, one.event.at + AFTER) for one in episodes]
    return [
        row
        for row in made
        if row.state is AlertState.FIRING
        and not any(row.entity == ticker and first <= row.fired_at <= last for ticker, first, last in around)
    ]


def _print(rows: Sequence[dict[str, Any]], judged: dict[str, Any]) -> None:
    print(f"{'episode':32} {'':11} named told in time  worst      hours   min. stories  by")
    for row in rows:
        by = f"{row['alert']} {row['type']}" if row["told"] else ""
        shown = [row["hours_after_date"], row["minutes_after_first"], row["stories"]]
        hours, minutes, stories = ("" if value is None else str(value) for value in shown)
        ever, soon = ("yes" if row[name] else "-" for name in ("told", "in_time"))
        print(
            f"{row['name']:32} {row['kind']:11} {row['named']:5} {ever:4} {soon:7}  {row['severity'] or '':8} "
            f"{hours:>7} {minutes:>7} {stories:>6}  {by}"
        )
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["kind"], row["language"]), []).append(row)
    for (kind, language), group in groups.items():
        counted = Counter(name for row in group for name in ("told", "in_time") if row[name])
        loud = sum(row["in_time"] and row["severity_in_time"].rank >= Severity.WARNING.rank for row in group)
        print(
            f"{kind}, {language}: {len(group)} episodes, told in time {counted['in_time']} "
            f"({loud} at warning or above), ever {counted['told']}"
        )
    rates = judged["alerts_per_entity_year"]
    print(f"outside the episodes, {judged['entity_years']} company-years:")
    for name in ("all", *Severity):
        print(f"  {name}: {rates[name]['alerts']} alerts, {rates[name]['rate']} a company-year")
    print("  by kind:", {kind: (one["alerts"], one["rate"]) for kind, one in rates["by_kind"].items()})


if __name__ == "__main__":
    main()

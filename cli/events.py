"""``finsent events``: what the rows of a file say happened to the companies in them."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.shared.failures import fail
from cli.shared.output import echo, progress_bar

if TYPE_CHECKING:
    from model.events import EventReader

BATCH = 256
MOST_WORDS = 6


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(events)


def events(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="Columns text and entity; plain or .gz.")],
    json_out: Annotated[Path | None, typer.Option("--json", metavar="OUT", help="Write the events there.")] = None,
    explained: Annotated[bool, typer.Option("--explain", help="Name the words that decided.")] = False,
) -> None:
    """Read events: what each text says happened to the company beside it. Needs no Kafka and no ClickHouse.

    `finsent events news.csv` prints a line for each event; `finsent events news.csv --json events.json` writes a list
    with one entry a row, in the order of the rows: a list of
    `{"type", "role", "state", "probability", "severity", "polarity", "relevance"}`, empty where nothing happened.

    `entity` is the company as the text names it, or a ticker of the watch list. `type` is one of the types in
    `documents/events/event_types.yaml` (or the file that FINSENT_EVENT_TYPES names). `role` is subject, counterparty or
    mentioned; `state` is happened, threatened, rumoured, denied, averted, historic or hypothetical. `severity` is 1 to
    5. `polarity` is -1, 0 or 1 for the company.
    """
    from model.events import load_event_reader

    if not file.is_file():
        fail(f"there is no file {file}")
    reader = load_event_reader()
    found: list[list[dict[str, Any]]] = []
    try:
        with file.open("rb") as raw, progress_bar(file.name) as show:
            unpacked: Any = gzip.GzipFile(fileobj=raw) if file.suffix == ".gz" else raw
            stream = io.TextIOWrapper(unpacked, encoding="utf-8-sig", newline="")
            rows = _rows(file, stream)
            total = file.stat().st_size or 1
            while batch := list(islice(rows, BATCH)):
                for (text, entity), told in zip(batch, _read(reader, batch, explained), strict=True):
                    found.append(told)
                    if not json_out:
                        _show(text, entity, told)
                show(len(found), raw.tell() / total)
    except (UnicodeDecodeError, EOFError, gzip.BadGzipFile, csv.Error) as error:
        fail(f"{file} cannot be read: {error}")
    if not found:
        fail(f"{file} has no rows")
    if json_out:
        json_out.parent.mkdir(parents=True, exist_ok=True)
        json_out.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        echo(f"{sum(map(len, found)):,} events in {len(found):,} rows, in {json_out}")


def _rows(path: Path, stream: io.TextIOWrapper) -> Iterator[tuple[str, str]]:
    """Text and entity of each row; rows without a text stay, so that the answers are in step with the file."""
    csv.field_size_limit(10**8)
    reader = csv.DictReader(stream)
    missing = {"text", "entity"} - set(reader.fieldnames or ())
    if missing:
        fail(f"{path} needs the columns text and entity; it has {', '.join(reader.fieldnames or ()) or 'none'}")
    for row in reader:
        yield row["text"] or "", row["entity"] or ""


def _read(reader: EventReader, rows: list[tuple[str, str]], explained: bool) -> list[list[dict[str, Any]]]:
    from documents import Linker, load_watchlist, naming, normalise

    texts = [normalise(text) for text, _ in rows]
    names = [normalise(entity) for _, entity in rows]
    linker: Linker | None = None
    for i, (text, name) in enumerate(zip(texts, names, strict=True)):
        if name and not naming(name).search(text):
            # It may be a ticker: the watch list knows how texts name that company.
            linker = linker or Linker(load_watchlist())
            names[i] = next(
                (one.surface for one in linker.find(text, [name]) if one.ticker == linker.ticker(name)), name
            )
    found = reader.read(texts, [entity for _, entity in rows], names, [None] * len(rows))
    return [
        [
            {
                "type": event.type,
                "role": str(event.role),
                "state": str(event.state),
                "probability": event.probability,
                "severity": event.severity,
                "polarity": event.polarity,
                "relevance": event.relevance,
            }
            | ({"words": _words(reader, text, name, event.type)} if explained else {})
            for event in events
        ]
        for text, name, events in zip(texts, names, found, strict=True)
    ]


def _words(reader: EventReader, text: str, name: str, kind: str) -> list[dict[str, Any]]:
    return [
        {"text": word.text, "weight": round(word.weight, 2)} for word in reader.explain(text, name, kind, MOST_WORDS)
    ]


def _show(text: str, entity: str, told: list[dict[str, Any]]) -> None:
    for event in told:
        facts = f"{event['role']}, {event['state']}, {event['probability']:.0%}, severity {event['severity']}"
        echo(f"{entity}: {event['type']} ({facts}): {text[:100]}")
        if "words" in event:
            echo("    " + ", ".join(f"{word['text']} {word['weight']:+.2f}" for word in event["words"]))

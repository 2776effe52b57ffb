"""``finsent events``: what the rows of a file say happened to the companies in them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.shared.columns import show_columns, text_in
from cli.shared.failures import fail
from cli.shared.output import echo, progress_bar
from cli.shared.versions import Scoring, chosen_scorer
from errors import many

if TYPE_CHECKING:
    from documents.files import Table
    from model import Scorer
    from model.events import EventReader

BATCH = 256
MOST_WORDS = 6


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(events)


def events(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Texts, and the company of each.")],
    json_out: Annotated[Path | None, typer.Option("--json", metavar="OUT", help="Write the events there.")] = None,
    explained: Annotated[bool, typer.Option("--explain", help="Name the words that decided.")] = False,
    chosen: Scoring = None,
) -> None:
    """Read events: what each text says happened to the company beside it. Needs no Kafka and no ClickHouse.

    `finsent events news.csv` prints a line for each event; `finsent events news.csv --json events.json` writes a list
    with one entry a row, in the order of the rows: a list of
    `{"type", "role", "state", "probability", "severity", "polarity", "relevance"}`, empty where nothing happened.

    FILE is JSON, CSV, Parquet, Excel or OpenDocument. Its columns are found by their meaning, and shown if they are not
    called `text` and `entity`; a title stands in front of its text. `entity` is the company as the text names it, or a
    ticker of the watch list. `type` is one of the types in `documents/events/event_types.yaml` (or the file that
    FINSENT_EVENT_TYPES names). `role` is subject, counterparty or mentioned; `state` is happened, threatened, rumoured,
    denied, averted, historic or hypothetical. `severity` is 1 to 5. `polarity` is -1, 0 or 1 for the company.
    """
    from documents.files import read_table
    from model.events import load_event_reader

    if not file.is_file():
        fail(f"there is no file {file}")
    table = read_table(file)
    columns = _columns(table)
    reader, scorer = load_event_reader(), chosen_scorer(chosen)
    total = sum(1 for _ in table.rows()) or 1
    found: list[list[dict[str, Any]]] = []
    rows = _rows(table, columns)
    with progress_bar(file.name) as show:
        while batch := list(islice(rows, BATCH)):
            for (text, entity), told in zip(batch, _read(reader, scorer, batch, explained), strict=True):
                found.append(told)
                if not json_out:
                    _show(text, entity, told)
            show(len(found), len(found) / total)
    if not found:
        fail(f"{file} has no rows")
    if not any(found) and not json_out:
        echo(f"no event in {many(len(found), 'row')}")
    if json_out:
        json_out.parent.mkdir(parents=True, exist_ok=True)
        json_out.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        echo(f"{many(sum(map(len, found)), 'event')} in {many(len(found), 'row')}, in {json_out}")


def _rows(table: Table, columns: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Text and entity of each row; rows without a text stay, so that the answers are in step with the file."""
    from documents.files import text_of, tickers_in

    for row in table.rows():
        if row.fault:
            fail(f"{table.path}, row {row.number}: {row.fault}")
        values = {name: row.values.get(column) for name, column in columns.items()}
        entity = values["entity"]
        if isinstance(entity, list | dict):
            entity = next(iter(tickers_in(entity)), "")
        parts = (
            " ".join(text_in(table, row, name, columns[name]).split()) for name in ("title", "text") if name in columns
        )
        yield "\n".join(filter(None, parts)), text_of(entity) or ""


def _columns(table: Table) -> dict[str, str]:
    from documents.files import find_columns

    columns = find_columns("events", table.columns)
    if "entity" not in columns.of or not {"title", "text"} & columns.of.keys():
        missing = [name for name in ("text", "entity") if name not in columns.of]
        fail(
            f"{table.path} was read as {table}; it needs the columns text and entity, and has "
            f"{', '.join(table.columns) or 'none'} ({', '.join(missing)} missing)"
        )
    show_columns("fields of events", columns, table)
    return columns.of


def _read(
    reader: EventReader, scorer: Scorer, rows: list[tuple[str, str]], explained: bool
) -> list[list[dict[str, Any]]]:
    from documents import Linker, load_watchlist, naming, normalise
    from model import detect_all

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
    languages = [code or None for code in detect_all(texts, [None] * len(rows))]
    suits = reader.suits(scorer.version, scorer)
    embeddings = scorer.embed(texts, [name or None for name in names], languages) if suits else None
    found = reader.read(texts, [entity for _, entity in rows], names, languages, embeddings)
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

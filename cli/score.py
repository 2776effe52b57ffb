"""``finsent score``: texts and files scored by the champion or another version."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.shared.columns import show_columns, text_in
from cli.shared.failures import fail
from cli.shared.output import Format, echo, print_rows, progress_bar
from cli.shared.versions import Scoring, chosen_scorer
from errors import many

if TYPE_CHECKING:
    from documents.files import Table
    from model import Scorer

BATCH = 1024
LABELS = ("negative", "neutral", "positive")


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(score)


def score(
    texts: Annotated[list[str] | None, typer.Argument(metavar="TEXT...|FILE")] = None,
    file: Annotated[
        typer.FileText | None, typer.Option(help="One text a line; '-' is standard input.", encoding="utf-8")
    ] = None,
    entity: Annotated[
        str | None, typer.Option(help="Score what the texts say about this company, as written in them.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="OUT.jsonl", help="Score the rows of FILE into this file.")
    ] = None,
    chosen: Scoring = None,
    json_out: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """Score texts, or the rows of a file, without Kafka or ClickHouse.

    `finsent score "Profit fell by a third, and the dividend is gone"`

    `finsent score "Acme sues Globex over patents" --entity Globex`

    `finsent score --file headlines.txt --json`

    `finsent score news.csv.gz --out scored.jsonl`: FILE is JSON, CSV, Parquet, Excel or OpenDocument with a text (or a
    title, or both), found by the columns' meaning, and `id`, `entity`, `lang` if there; or text with one document a
    line. One JSON object a row, in the order of the rows.
    """
    if out:
        if file or not texts or len(texts) != 1 or json_out:
            raise typer.BadParameter("--out goes with one FILE")
        _score_file(Path(texts[0]), out, entity, chosen)
        return
    try:
        lines = [*(texts or []), *(line.strip() for line in file or () if line.strip())]
    except UnicodeDecodeError as error:
        fail(f"--file is not UTF-8: {error}; 'finsent score FILE --out OUT' takes files of any encoding")
    if not lines:
        raise typer.BadParameter("give at least one TEXT, or --file")
    if not all(map(str.strip, lines)):
        fail("a TEXT is empty: there is nothing to score")
    columns = ["text", "label", "sentiment", *(f"p_{label}" for label in LABELS), "model_version"]
    found = _scored(chosen_scorer(chosen), ({"text": line, "entity": entity} for line in lines))
    rows = [
        [
            row["text"],
            row.get("label", "unsupported_language"),
            row.get("sentiment"),
            *row.get("probabilities", dict.fromkeys(LABELS)).values(),
            row["model_version"],
        ]
        for row in found
    ]
    print_rows(columns, rows, Format.jsonl if json_out else Format.table)


def _score_file(path: Path, out: Path, entity: str | None, chosen: str | None) -> None:
    from documents.files import read_table

    if not path.is_file():
        fail(f"there is no file {path}")
    table = read_table(path)
    total = sum(1 for _ in table.rows()) or 1
    scorer = chosen_scorer(chosen)
    counts = {"scored": 0, "unsupported": 0}
    part = out.with_name(out.name + ".part")
    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        with part.open("w", encoding="utf-8") as target, progress_bar(path.name) as show:
            rows: Iterable[dict[str, Any]] = _rows(table)
            if entity:
                rows = (row | {"entity": entity} for row in rows)
            for row in _scored(scorer, rows):
                counts["scored" if "label" in row else "unsupported"] += 1
                target.write(json.dumps(row, ensure_ascii=False) + "\n")
                if (done := sum(counts.values())) % BATCH == 0:
                    show(done, min(1.0, done / total))
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    if not any(counts.values()):
        part.unlink()
        fail(f"{path} has no rows with a text")
    part.replace(out)
    echo(
        f"{many(counts['scored'], 'row')} scored with {scorer.version} into {out}"
        + (f"; {counts['unsupported']:,} in a language that it does not read" if counts["unsupported"] else "")
    )


def _rows(table: Table) -> Iterator[dict[str, Any]]:
    """``id`` (if there), ``text``, ``entity`` and ``lang`` of each row with a text."""
    word = "line" if table.recognised.form in ("JSON lines", "lines of text") else "row"
    columns = _columns(table)
    for row in table.rows():
        if row.fault:
            fail(f"{table.path}, {word} {row.number}: {row.fault}")
        cells = {name: text_in(table, row, name, column) for name, column in columns.items() if name != "id"}
        if (several := cells.get("entity", "").count("\n")) and isinstance(row.values[columns["entity"]], list):
            where = f"{table.path}, {word} {row.number}"
            fail(f"{where}: {several + 1} companies (column {columns['entity']!r}): give each a row of its own")
        whole = "\n".join(filter(None, (cells.get(name) for name in ("title", "body", "text"))))
        if whole:
            given = cells | {"id": row.values.get(columns.get("id", ""))}
            yield {name: given[name] for name in ("id", "entity", "lang") if given.get(name)} | {"text": whole}


def _columns(table: Table) -> dict[str, str]:
    """The column of each name that is scored, by its meaning."""
    from documents.files import find_columns

    columns = find_columns("texts", table.columns)
    if not {"title", "text"} & columns.of.keys():
        fail(
            f"{table.path} was read as {table}; it needs a column text (or title), and has "
            f"{', '.join(table.columns) or 'none'}"
        )
    show_columns("fields of texts", columns, table)
    return columns.of


def _scored(scorer: Scorer, rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The rows with their scores, or ``unsupported_language``; texts are normalised as the worker does it."""
    from documents import normalise
    from model import detect

    rows = iter(rows)
    while batch := list(islice(rows, BATCH)):
        texts = [normalise(row["text"]) for row in batch]
        entities = [normalise(row.get("entity") or "") or None for row in batch]
        languages = [detect(text, row.get("lang")) for text, row in zip(texts, batch, strict=True)]
        scores = scorer.score(texts, entities, languages)
        for i, (row, p, supported, language) in enumerate(
            zip(batch, scores.probabilities.tolist(), scores.supported.tolist(), languages, strict=True)
        ):
            scored = {name: row[name] for name in ("id", "text", "entity") if row.get(name)}
            if supported:
                scored["label"] = LABELS[p.index(max(p))]
                scored["sentiment"] = round(p[2] - p[0], 4)
                if language in scorer.experimental:
                    scored["lang_quality"] = "experimental"
                start, end = scores.deciding[i]
                if end > 0:
                    scored["deciding"], scored["cut"] = texts[i][start:end], bool(scores.cut[i])
                scored["probabilities"] = {label: round(x, 4) for label, x in zip(LABELS, p, strict=True)}
            else:
                scored["unsupported_language"] = language
            yield scored | {"model_version": scorer.version}

"""``finsent label``: people's judgements in, and the documents worth a judgement out."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.shared.arguments import parse_pairs
from cli.shared.columns import show_columns
from cli.shared.failures import fail
from cli.shared.output import Format, echo, print_rows
from cli.shared.service import kafka_answering
from cli.shared.versions import resolve_version
from errors import many

if TYPE_CHECKING:
    from documents.files import Messages, Outgoing

group = typer.Typer(no_args_is_help=True, help="Labels: import them, see how far annotators agree, and what to label.")
SHOWN = 5
ASKED = 500


def register(app: typer.Typer) -> None:
    """Add the group to ``app``."""
    app.add_typer(group, name="label")


@group.command("import")
def import_labels(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, metavar="FILE")],
    annotator: Annotated[str, typer.Option(help="Who judged, for rows that do not say.")] = "",
    columns: Annotated[
        list[str] | None, typer.Option("--map", metavar="FIELD=COLUMN", help="The column of a field. May be repeated.")
    ] = None,
    labels: Annotated[
        list[str] | None,
        typer.Option("--label", metavar="SPELLING=LABEL", help="What a spelling of a label means. May be repeated."),
    ] = None,
    json_out: Annotated[bool, typer.Option("--json", help="Print the counts as one JSON object.")] = False,
) -> None:
    """Send labels from a FILE (CSV, JSON, Parquet, Excel, OpenDocument) to the topic labels; a worker stores them.

    Columns or keys: document_id or text, label, and where known entity, annotator and labelled_at (else: now). A label
    is negative, neutral or positive; bearish and bullish, and -1, 0 and 1 together, are understood, and
    `--label X=negative` says what another spelling means. Rows without a label are skipped, so a list from 'finsent
    label queue' can be filled in and sent as it is. If any row is faulty, nothing is sent.

    `finsent label queue --limit 50 --format csv > todo.csv`

    `finsent label import todo.csv --annotator anna`
    """
    from documents.files import BadFile, Messages, Reading, read_table
    from stream.kafka import as_rows, ensure_topics, send

    reading = Reading(
        columns=parse_pairs(columns, "--map"),
        labels={name: one.lower() for name, one in parse_pairs(labels, "--label").items()},
        undated=datetime.now(UTC),
        annotator=annotator,
    )
    table = read_table(file)
    made = Messages(table, "labels", reading)
    column = made.columns["labels"].of.get("label")
    if column is None:
        raise BadFile(f"{file} was read as {table}, and has no column 'label' (or --map label=COLUMN)")
    show_columns("fields of labels", made.columns["labels"], table)
    messages, faults, skipped = _judged(made, column)
    if faults:
        more = f"; and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
        fail(f"{file}: nothing was sent: {'; '.join(faults[:SHOWN])}{more}")
    sent = 0
    if messages:
        kafka = kafka_answering()
        ensure_topics(kafka, kafka.partitions, ["labels"])
        produced = send([as_rows(messages, Counter())], kafka)
        sent = produced.acknowledged
        if produced.failed or produced.stopped:
            fail(f"{sent} of {many(len(messages), 'label', 'was')} sent: {produced.stopped or dict(produced.failures)}")
    if json_out:
        echo(json.dumps({"sent": sent, "skipped": skipped}))
    else:
        echo(f"{many(sent, 'label')} sent, {many(skipped, 'row')} without a label skipped")


def _judged(made: Messages, column: str) -> tuple[list[Outgoing], list[str], int]:
    """The labels, what is wrong with other rows, and how many rows have no label."""
    from documents.files import Outgoing

    messages: list[Outgoing] = []
    faults, skipped = [], 0
    for row, one in zip(made.table.rows(), made, strict=True):
        if isinstance(one, Outgoing):
            messages.append(one)
        elif not row.fault and _is_empty(row.values.get(column)):
            skipped += 1
        else:
            faults.append(f"row {one.number}: {f'{one.field}: ' if one.field else ''}{one.sentence}")
    return messages, faults, skipped


def _is_empty(value: Any) -> bool:
    return value is None or not str(value).strip()


@group.command("queue")
def label_queue(
    limit: Annotated[int, typer.Option(min=1)] = 20,
    random_share: Annotated[float, typer.Option(min=0, max=1, help="Share drawn at random.")] = 0.2,
    against: Annotated[
        str, typer.Option(metavar="VERSION", help="Another version to disagree with; 'none' asks none.")
    ] = "previous",
    form: Annotated[Format, typer.Option("--format", "-f")] = Format.table,
) -> None:
    """List the documents worth labelling next: those with uncertain scores, on which versions disagree, of sources that
    drift, or about watched companies. The documents in the list differ from each other.

    A share is drawn at random, so that those labels also measure the model. Disagreement is with another version that
    scored a document in the shadow or later. Where none has, the champion before this one scores the newest 500.

    `finsent label queue --limit 50 --format csv > todo.csv`
    """
    from retrain.data import queue
    from storage import connect
    from storage.reads import unlabelled_documents

    rows = unlabelled_documents(connect())
    if against != "none":
        _ask(rows, against)
    rows = queue(rows, limit, random_share)
    columns = ["document_id", "label", "annotator", "reason", "predicted", "sentiment", "entities", "title", "text"]
    print_rows(
        columns,
        [
            [
                *(row["document_id"], "", "", row["reason"], row["label"], round(row["sentiment"], 2)),
                *(" ".join(row["entities"]), row["title"], row["text"]),
            ]
            for row in rows
        ],
        form,
    )


def _ask(rows: list[dict[str, Any]], against: str) -> None:
    """Fill in ``other_sentiment`` where it is missing, of the first ``ASKED`` such rows."""
    import model
    from documents import whole_text
    from model.registry import champion_history, version_names
    from settings import ModelSettings

    registry = ModelSettings().registry
    if against == "previous":
        promoted = [change.source for change in champion_history(registry) if change.source]
        known = set(version_names(registry))
        scoring = rows[0]["model_version"] if rows else ""
        version = next((name for name in reversed(promoted) if name != scoring and name in known), "")
    else:
        version = resolve_version(registry, against)
    missing = [row for row in rows if row["other_sentiment"] is None and row["model_version"] != version][:ASKED]
    if not version or not missing:
        return
    scores = model.load(model.version_folder(registry, version)).score(
        [whole_text(row["title"], row["text"]) for row in missing],
        [row["surfaces"][0] if len(row["surfaces"]) == 1 else None for row in missing],
        [row["lang"] or None for row in missing],
    )
    for row, p, supported in zip(missing, scores.probabilities.tolist(), scores.supported, strict=True):
        row["other_sentiment"] = p[2] - p[0] if supported else None


@group.command("agreement")
def agreement(json_out: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show how many labels there are, how far annotators agree, and which items have no majority.

    `finsent label agreement`
    """
    from retrain.data import resolve
    from settings import RetrainSettings
    from storage import connect
    from storage.reads import latest_labels

    found = resolve(latest_labels(connect()), RetrainSettings().known_annotators)
    report = {
        "items": len(found.items),
        "annotators": found.annotators,
        "items_with_several_annotators": found.doubly,
        "krippendorff_alpha": found.alpha,
        "ties": found.ties,
        "unknown_documents": found.unknown,
    }
    if json_out:
        echo(json.dumps(report, indent=1))
    else:
        print_rows(["what", "value"], [[name, value] for name, value in report.items()], Format.table)

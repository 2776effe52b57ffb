"""``finsent model compare``: two versions side by side."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.shared.failures import fail
from cli.shared.output import Format, echo, print_rows, write_text
from cli.shared.versions import resolve_version
from errors import many
from settings import given

RULES = ("rule", "rows", "a", "b", "difference", "95 %", "p_value", "passed", "why")


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(compare)


def compare(
    a: Annotated[str, typer.Argument(metavar="A", help="A version's name, or enough of its beginning.")],
    b: Annotated[str, typer.Argument(metavar="B", help="The version that would replace it.")],
    file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv[.gz]", exists=True, dir_okay=False, help="Labelled texts, as for 'finsent evaluate'."
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option(min=30, help="At most this many rows of FILE, drawn at random with a fixed seed.")
    ] = 2000,
    most: Annotated[
        int, typer.Option("--documents", min=0, help="How many of the documents that differ most are shown.")
    ] = 10,
    json_out: Annotated[str | None, typer.Option("--json", metavar="OUT", help="Write JSON; - is stdout.")] = None,
) -> None:
    """Compare two versions by the gate's rules, and show the documents on which they differ most.

    On the fixed test that ships, and on FILE or else the labels that are stored; the documents are FILE's or else the
    latest stored ones. Intervals are 95 % bootstraps of the difference, paired. Exit code 0 also where B would fail.

    `finsent model compare finsent-6d4f finsent-0a1b`

    `finsent model compare finsent-6d4f finsent-0a1b --file headlines.csv.gz --json compared.json`
    """
    import model
    from retrain.data import fixed_test
    from retrain.data import resolve as majority
    from retrain.judge import compare as side_by_side
    from settings import ModelSettings, RetrainSettings

    registry = ModelSettings().registry
    names = [resolve_version(registry, name) for name in (a, b)]
    if file is not None:
        new, documents = _of_file(file, limit)
    else:
        new, documents = [], []
        if given("CLICKHOUSE_URL"):
            from storage import connect
            from storage.reads import latest_labels, latest_texts

            client = connect()
            known = RetrainSettings().known_annotators
            new = [item.example for item in majority(latest_labels(client), known).items]
            documents = latest_texts(client)
    fixed = fixed_test()
    if not documents:
        documents = [_document(example.text, example.entity, "") for example in fixed]
    first, second = (model.load(model.version_folder(registry, name, unsigned=True)) for name in names)
    if "en" not in first.languages & second.languages:
        fail("the fixed test is in English, which one of the two does not read; 'finsent evaluate' measures each alone")
    found = side_by_side(first, second, fixed, new, documents, RetrainSettings(), most)
    found["judged_on"] = {"new": file.name if file else "stored labels", "fixed": "the test that ships"}
    if json_out:
        write_text(json.dumps(found, indent=1, ensure_ascii=False), json_out)
    if json_out != "-":
        _print(found)


def _document(text: str, entity: str | None, language: str) -> dict[str, Any]:
    return {"title": "", "text": text, "lang": language, "surfaces": [entity] if entity else []}


def _of_file(file: Path, limit: int) -> tuple[list[Any], list[dict[str, Any]]]:
    """(examples, documents) of a labelled file."""
    from model import evaluation
    from retrain.data import LABELS, NOT_NEGATIVE, Example

    try:
        rows = evaluation.read_labelled(file, limit)
    except evaluation.BadData as error:
        fail(str(error))
    name = file.name.split(".")[0]
    examples = [Example(name, row.text, row.label, row.entity, row.mixed) for row in rows]
    documents = []
    for row in rows:
        label = "non_negative" if row.label == NOT_NEGATIVE else LABELS[row.label]
        documents.append(_document(row.text, row.entity, row.language) | {"label": label})
    return examples, documents


def _print(found: dict[str, Any]) -> None:
    echo(f"a = {found['a']}, b = {found['b']}")
    cells = [
        [
            *(rule["rule"], rule["rows"], f"{rule['champion']:.4f}", f"{rule['challenger']:.4f}"),
            f"{rule['difference']:+.4f}",
            # For speed: how many times a's time b takes, at least and at most.
            f"{rule['low']:.2f} to {rule['high']:.2f} times"
            if rule["rule"] == "speed"
            else f"{rule['low']:+.4f} to {rule['high']:+.4f}",
            "" if rule["p_value"] is None else f"{rule['p_value']:.4f}",
            *(rule["passed"], rule["why"]),
        ]
        for rule in found["rules"]
    ]
    print_rows(list(RULES), cells, Format.table)
    low, high = found["agreement_interval"]
    flips = ", ".join(f"{name} {count}" for name, count in found["flips"].items()) or "none"
    echo(
        f"The same label on {found['agreement']:.1%} [{low:.1%}, {high:.1%}] of "
        f"{many(found['documents'], 'document')}; "
        f"sentiment moves by {found['sentiment_moved']:.3f}, on average by {found['sentiment_shift']['mean']:+.3f}; "
        f"changed labels: {flips}"
    )
    if found["unread"]:
        echo(f"{many(found['unread'], 'text')} left out: in languages that one of the two does not read")
    if found["differ_most"]:
        columns = ["a", "b", "document_id", "label", "entity", "text"]
        rows = [
            [
                *(f"{row[side]['label']} {row[side]['sentiment']:+.2f}" for side in ("a", "b")),
                *(row.get(name, "") for name in ("document_id", "label", "entity")),
                row["text"].replace("\n", " "),
            ]
            for row in found["differ_most"]
        ]
        print_rows(columns, rows, Format.table)

"""``finsent evaluate``: how good a version is on labelled texts."""

from __future__ import annotations

import json
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.shared.columns import show_columns
from cli.shared.failures import fail
from cli.shared.output import progress_bar, write_text
from cli.shared.versions import Scoring, chosen_scorer
from errors import many


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(evaluate)


def evaluate(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, metavar="FILE")],
    json_out: Annotated[
        Path | None, typer.Option("--json", metavar="OUT", help="Write all figures there; - is stdout.")
    ] = None,
    noise: Annotated[bool, typer.Option("--noise", help="Also measure the effect of typos and other noise.")] = False,
    plots: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write reliability.png and confusion.png there.")
    ] = None,
    chosen: Scoring = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most this many rows, drawn at random with a fixed seed.")
    ] = None,
) -> None:
    """Measure a version on a file of labelled texts (CSV, JSON, Parquet, Excel or OpenDocument) with `text`, `label`
    and, if there, `entity`.

    Columns of a text and a label are also found by their meaning, and shown then.

    Labels are negative, neutral, positive, or non_negative; a column `score` may stand for them by its sign.
    Each `source`, `kind`, `lang` and `extra` (JSON with `mixed`, `agreement`) gets its own figures. Figures come
    with 95 % bootstrap intervals. Texts in a language that the model does not read are counted, not scored.

    `finsent evaluate headlines.csv.gz`

    `finsent evaluate headlines.csv --noise --json figures.json --plots pictures`
    """
    from documents.files import read_table
    from model import evaluation

    if plots and not find_spec("matplotlib"):
        raise typer.BadParameter("--plots needs matplotlib: pip install 'finsent[local]'")
    started = time.perf_counter()
    try:
        rows = evaluation.read_labelled(file, limit)
    except evaluation.BadData as error:
        fail(str(error))
    table = read_table(file)
    show_columns("fields of labels", evaluation.labelled_columns(table), table)
    scorer = chosen_scorer(chosen)
    loaded = time.perf_counter()
    with progress_bar(file.name) as show:
        predictions = evaluation.predict(scorer, rows, show)
    scored = time.perf_counter()
    report: dict[str, Any] = {"file": file.name, "model_version": scorer.version, "stage_share": scorer.stage_share}
    try:
        report |= evaluation.evaluate(rows, predictions)
    except evaluation.BadData as error:
        fail(str(error))
    if noise:
        with progress_bar("noise") as show:
            report["noise"] = evaluation.robustness(scorer, rows, predictions, show)
    report["seconds"] = {"load": round(loaded - started, 2), "score": round(scored - loaded, 2)}
    report["seconds"]["total"] = round(time.perf_counter() - started, 2)
    if plots:
        plots.mkdir(parents=True, exist_ok=True)
        evaluation.draw_reliability(report, plots / "reliability.png")
        evaluation.draw_confusion(report, plots / "confusion.png")
    if json_out:
        write_text(json.dumps(report, indent=1), json_out)
    if str(json_out) != "-":
        _print(report)


def _print(report: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not console.is_terminal:
        console.width = 10_000
    unread = report["unsupported"]
    line = f"{many(report['n'], 'row')} of {report['file']} scored with {report['model_version']}"
    if unread["n"]:
        line += f"; {unread['n']:,} in languages that it does not read: {', '.join(unread['languages'])}"
    console.print(line, highlight=False, markup=False)
    for note in report["notes"]:
        console.print(note, style="yellow", highlight=False)

    columns = ("accuracy", "macro_f1", "sign_accuracy", "ece")
    table = Table("", "n", "accuracy", "macro-F1", "sign accuracy", "ECE", highlight=False)
    groups = [("all", report)] + ([("mixed entities", report["mixed"])] if report["mixed"]["n"] else [])
    if "sign" in report and len(report["classes"]) == 3:
        groups.insert(1, ("negative and positive rows", report["sign"] | {"sign_accuracy": None}))
    for name in ("source", "kind", "language", "agreement"):
        found = report.get(f"by_{name}", {})
        groups += [(f"{name} {value}", group) for value, group in found.items() if len(found) > 1]
    for name, group in groups:
        cells = [_with_interval(group[column], group["intervals"].get(column)) for column in columns]
        table.add_row(name, f"{group['n']:,}", *cells)
    console.print(table)

    counts = report["confusion"]
    table = Table("true \\ predicted", *counts["labels"], "precision", "recall", "F1", highlight=False)
    for name, row in zip(counts["labels"], counts["counts"], strict=True):
        figures = report["per_class"][name]
        table.add_row(
            name,
            *(f"{count:,}" for count in row),
            _with_interval(figures["precision"]),
            _with_interval(figures["recall"]),
            _with_interval(figures["f1"], figures["interval"]),
        )
    console.print(table)
    found = report["calibration"]
    console.print(
        f"ECE {found['ece']:.3f} ({', '.join(report['ece_classes'])}) in "
        f"{many(len(found['bins']), 'bin')} of equal mass; debiased {found['ece_debiased']:.3f}; a "
        f"perfectly calibrated model would show {found['ece_if_calibrated']['mean']:.3f}, and 1 in 20 times more than "
        f"{found['ece_if_calibrated']['p95']:.3f}",
        highlight=False,
        soft_wrap=True,
    )
    if "noise" in report:
        _print_noise(console, report["noise"])


def _print_noise(console: Any, noise: dict[str, dict[str, Any]]) -> None:
    from rich.table import Table

    table = Table("noise", "rows changed", "macro-F1", "with noise", "drop", "labels changed", highlight=False)
    for kind, found in noise.items():
        if "drop" in found:
            drop = _with_interval(found["drop"], found["interval"])
            scores = (f"{found['macro_f1']:.3f}", f"{found['macro_f1_noisy']:.3f}", drop)
            table.add_row(kind, f"{found['n']:,}", *scores, f"{found['labels_changed']:.1%}")
        elif kind != "negation":
            table.add_row(kind, f"{found['n']:,}", "", "", "", "")
    console.print(table)
    if (found := noise["negation"])["n"]:
        low, high = found["interval"]
        console.print(
            f"negation, on {found['n']:,} rows that were right: the sentiment moved the other way in "
            f"{found['moved']:.1%}, its sign flipped in {found['flipped']:.1%} [{low:.1%}, {high:.1%}]",
            highlight=False,
            soft_wrap=True,
        )


def _with_interval(value: float | None, interval: list[float] | None = None) -> str:
    if value is None:
        return ""
    return f"{value:.3f}" + (f" [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else "")

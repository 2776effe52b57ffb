"""``finsent evaluate-behaviour``: does a version read what happened?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.shared.output import progress_bar, write_text
from cli.shared.versions import Scoring, chosen_scorer


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(evaluate_behaviour)


def evaluate_behaviour(
    json_out: Annotated[
        Path | None, typer.Option("--json", metavar="OUT", help="Write all figures there; - is stdout.")
    ] = None,
    chosen: Scoring = None,
    held_out: Annotated[
        bool, typer.Option("--held-out", help="Only sentences of templates that no training has seen.")
    ] = False,
) -> None:
    """Ask a version about sentences with a known answer, several hundred of each kind that is hard: two figures without
    a verb, a result beside an outlook, a bad quantity that grows, negation, slang and others.

    The sentences are made from templates of our own, with companies that do not exist. They are English. The column
    `held out` counts the templates that are never trained on.

    `finsent evaluate-behaviour`

    `finsent evaluate-behaviour --json behaviour.json --model 1f0c`
    """
    from model.evaluation import behaviour

    cases = [case for case in behaviour.cases() if case.held_out or not held_out]
    scorer = chosen_scorer(chosen)
    with progress_bar("sentences") as show:
        report = behaviour.judge(scorer, cases, show)
    if json_out:
        write_text(json.dumps({"model_version": scorer.version, "behaviours": report}, indent=1), json_out)
    if str(json_out) != "-":
        _print(report, scorer.version)


def _print(report: dict[str, dict[str, Any]], version: str) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not console.is_terminal:
        console.width = 10_000  # a pipe has no width to fit into
    table = Table("kind", "cases", "right", "held out", "the surest wrong answer", title=version, highlight=False)
    for name, one in report.items():
        worst = one["worst"][0] if one["worst"] else None
        table.add_row(
            name,
            f"{one['cases']:,}",
            f"{one['share']:.0%}",
            f"{one['held_out']['share']:.0%}",
            f"{worst['text']} ({worst['sentiment']:+.2f}, {worst['label']} is right)" if worst else "",
        )
    console.print(table, markup=False)

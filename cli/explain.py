"""``finsent explain``: which words decided a text's score."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.shared.failures import fail
from cli.shared.output import echo
from cli.shared.versions import Scoring, chosen_scorer

if TYPE_CHECKING:
    from model import Explanation

MOST_ROWS = 12


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(explain)


def explain(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The text; '-' reads it from standard input.")],
    entity: Annotated[str | None, typer.Option(help="What it says about this company, as written in it.")] = None,
    json_out: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    html: Annotated[Path | None, typer.Option(metavar="OUT", help="Write a page of HTML there.")] = None,
    method: Annotated[
        str, typer.Option(help="occlusion: leave out one word at a time; shap: share out what words do together.")
    ] = "shap",
    chosen: Scoring = None,
) -> None:
    """Explain a score: the words that speak for positive (green) and for negative (red), in logits.

    `finsent explain "Profit fell by a third, but the outlook is better"`

    `finsent explain "Acme beats Globex in court" --entity Globex --html why.html`
    """
    from model import METHODS, as_html
    from model import explain as explained

    if method not in METHODS:
        raise typer.BadParameter(f"--method is one of {', '.join(METHODS)}")
    try:
        found = explained(chosen_scorer(chosen), sys.stdin.read() if text == "-" else text, entity, method)
    except ValueError as error:
        fail(str(error))
    if html:
        html.parent.mkdir(parents=True, exist_ok=True)
        html.write_text(as_html(found), encoding="utf-8")
    if json_out:
        from dataclasses import asdict

        echo(json.dumps(asdict(found), ensure_ascii=False, indent=1))
    else:
        _print(found)


def _print(found: Explanation) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from documents import LABELS

    console = Console(highlight=False)
    shares = ", ".join(f"{label} {p:.1%}" for label, p in zip(LABELS, found.probabilities, strict=True))
    about = f" about {found.entity}" if found.entity else ""
    console.print(f"{found.label}{about}: {found.sentiment:+.2f} ({shares})", markup=False)
    most = max(abs(word.weight) for word in found.words) or 1.0
    line, at = Text(), 0
    for word in found.words:
        line.append(found.text[at : word.start])
        strength = abs(word.weight) / most
        colour = "green" if word.weight > 0 else "red"
        style = f"bold white on {colour}" if strength > 0.6 else f"bold {colour}" if strength > 0.25 else ""
        line.append(word.text, style or (colour if strength > 0.1 else ""))
        at = word.end
    line.append(found.text[at:])
    console.print(line)
    table = Table("word", "weight", box=None)
    table.columns[1].justify = "right"
    for word in sorted(found.words, key=lambda word: -abs(word.weight))[:MOST_ROWS]:
        table.add_row(Text(word.text), Text(f"{word.weight:+.2f}", style="green" if word.weight > 0 else "red"))
    console.print(table)

"""``finsent brief``: what happened at a desk's companies, in sentences of the documents."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum, auto
from pathlib import Path
from typing import Annotated

import typer

from cli.shared.arguments import parse_time
from cli.shared.failures import fail
from cli.shared.output import echo
from errors import many


class BriefFormat(StrEnum):
    """How a brief is written."""

    markdown = auto()
    html = auto()
    email = auto()


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(brief)


def brief(
    desk: Annotated[str, typer.Option(help="The desk; without it, all companies.")] = "",
    since: Annotated[str, typer.Option(metavar="TIME", help="yesterday, today, or a time.")] = "yesterday",
    until: Annotated[str, typer.Option(metavar="TIME", help="All is as it was then.")] = "now",
    form: Annotated[BriefFormat, typer.Option("--format", "-f", help="How it is written.")] = BriefFormat.markdown,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write it there.")] = None,
) -> None:
    """Write what happened at the companies of a desk, the worst first: each incident with its alerts, figures, what the
    desks hold, and what the documents say.

    Nothing is made up: every sentence is one of a document, whose source and time stand beside it. Alerts are those
    that fired in the time, and documents those that were published in it; older ones that an alert rests on are
    counted, and told only where nothing newer says what happened. Days begin at midnight UTC. An e-mail (`--format
    email`) has the text in Markdown and HTML, and no addresses: `sendmail` or a mailbox adds them.

    `finsent brief --desk technology --since yesterday`

    `finsent brief --since 2024-01-31T06:00:00Z --until 2024-02-01T06:00:00Z --format html --out brief.html`
    """
    from alerts import brief_as_html, brief_as_mail, brief_as_markdown, brief_of
    from documents import load_watchlist
    from storage import connect

    companies = load_watchlist().companies
    desks = sorted({company.desk for company in companies})
    if desk and desk not in desks:
        fail(f"there is no desk {desk!r}; there are {', '.join(desks)}")
    names = {company.ticker: company.name for company in companies if desk in ("", company.desk)}
    end = parse_time(until).astimezone(UTC)
    made = brief_of(connect(), desk, names, _beginning(since), end)
    write = {
        BriefFormat.markdown: brief_as_markdown,
        BriefFormat.html: brief_as_html,
        BriefFormat.email: brief_as_mail,
    }[form]
    if out is None:
        echo(write(made), nl=False)
    else:
        out.write_text(write(made), encoding="utf-8")
        echo(f"{out}: {many(len(made.incidents), 'incident')}", err=True)


def _beginning(text: str) -> datetime:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return {"today": today, "yesterday": today - timedelta(days=1)}.get(text) or parse_time(text).astimezone(UTC)

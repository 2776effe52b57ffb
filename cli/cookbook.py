"""``finsent cookbook``: questions that analysts ask, with the SQL that answers them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from cli.shared.arguments import parse_time
from cli.shared.failures import fail
from cli.shared.freshness import AsOf, ask_as_of, tell_age
from cli.shared.output import Format, echo, print_rows


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(cookbook)


def cookbook(
    name: Annotated[str | None, typer.Argument(help="Which question; without it, all are listed.")] = None,
    values: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A value of the question; times as RFC 3339."),
    ] = None,
    recorded: Annotated[
        bool, typer.Option(help="Ask with the recorded week's times, not with times about now.")
    ] = False,
    moment: AsOf = None,
    sql: Annotated[bool, typer.Option("--sql", help="Print the SQL and ask nothing.")] = False,
    form: Annotated[Format, typer.Option("--format", "-f", help="How to print the answer.")] = Format.table,
) -> None:
    """Ask the running service one of the questions of docs/cookbook.md, or list them.

    `finsent cookbook movers`

    `finsent cookbook known-at-14-05 --set entity=BA --set moment=2026-01-30T14:05:00Z`

    `finsent cookbook movers --as-of 2014-03-07T18:00:00Z` asks with times about then, by what is stored today;
    a line on stderr offers the moment if the newest document is old.

    `finsent cookbook how-late-is-each-feed --sql` prints the query, with its parameters, as a start for your own.
    """
    from storage import as_of, by_what_is_stored_today, connect, views_of_the_present
    from storage.questions import ask, live, questions

    found = questions()
    if moment and recorded:
        raise typer.BadParameter("the recorded week has times of its own", param_hint="--as-of")
    if name is None:
        print_rows(
            ["name", "question", "values"], [[q.name, q.question, ", ".join(q.values)] for q in found.values()], form
        )
        return
    if name not in found:
        fail(f"no question {name!r}; 'finsent cookbook' lists them")
    question = found[name]
    if sql:
        echo(question.sql)
        return
    now = parse_time(moment).astimezone(UTC) if moment else datetime.now(UTC)
    given: dict[str, Any] = {} if recorded else dict(live(question, now))
    timed = bool(given or views_of_the_present(question.sql))
    if moment and not timed:
        fail(f"{name} has no times and shows what is stored now; --as-of changes nothing of it")
    if moment:
        question = question._replace(sql=by_what_is_stored_today(as_of(question.sql, now)))
    for text in values or []:
        key, _, value = text.partition("=")
        if key not in question.values:
            raise typer.BadParameter(f"{text!r}: {name} has {', '.join(question.values) or 'no values'}")
        is_time = question.types.get(key, "").startswith("DateTime")
        given[key] = parse_time(value).astimezone(UTC) if is_time else value
    client = connect()
    if timed and not (moment or values or recorded):
        tell_age(client, ask_as_of)
    columns, rows = ask(client, question, given)
    used = {**question.values, **{key: str(value) for key, value in given.items()}}
    if used:
        echo(f"finsent: with {', '.join(f'{key} = {value}' for key, value in used.items())}", err=True)
    print_rows(columns, [[_short(value) for value in row] for row in rows], form)


def _short(value: Any) -> Any:
    """A Float32 has no more than 7 digits."""
    return float(f"{value:.6g}") if isinstance(value, float) else value

"""``finsent topics``: what is talked about, by the taxonomy and beyond it."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from cli.shared.arguments import parse_time
from cli.shared.freshness import tell_age
from cli.shared.output import Format, cell, echo, print_rows


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(topics)


def topics(
    emerging: Annotated[
        bool, typer.Option("--emerging", help="Topics that are not in the taxonomy, with their documents.")
    ] = False,
    entity: Annotated[str, typer.Option(help="Only what is said of this company (its ticker).")] = "",
    since: Annotated[str | None, typer.Option(metavar="TIME", help="Published since then, e.g. 2020-06-18.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Emerging topics at most.")] = 20,
    json_out: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what the stored documents are about: the share of each topic, each story counted once; or emerging topics.

    `finsent topics --entity BA --since 2019-03-01`

    `finsent topics --emerging` lists topics that are not in the taxonomy and that many documents speak of, the largest
    burst first: its terms, the documents of the last day and of a usual day, and the most typical documents. The
    leading worker searches for them every ALERT_EMERGING_S seconds.
    """
    from documents import Linker, load_watchlist
    from storage import connect
    from storage.reads import emerging_documents, emerging_topics, topic_counts

    client, when = connect(), parse_time(since) if since else None
    if when:
        tell_age(client, lambda _: "nothing was published since then", when)
    ticker = entity and Linker(load_watchlist()).ticker(entity)
    if not emerging:
        rows = topic_counts(client, when, ticker)
        if json_out:
            echo(json.dumps(rows, indent=1, default=cell))
            return
        table = [
            [r["topic"] or "(none)", r["documents"], f"{r['share']:.1%}", f"{r['sentiment']:+.2f}", r["latest_at"]]
            for r in rows
        ]
        print_rows(["topic", "documents", "share", "sentiment", "latest_at"], table, Format.table)
        return
    found = emerging_topics(client, when, ticker, limit)
    for row in found:
        row["of_them"] = emerging_documents(client, row["id"])
        del row["members"]
    if json_out:
        echo(json.dumps(found, indent=1, default=cell))
        return
    table = [
        [
            row["name"],
            row["documents"],
            row["recent"],
            f"{row['usual']:.1f}",
            f"{row['burst']:+.1f}",
            row["first_at"],
            row["last_at"],
            ", ".join(row["entities"]),
            "\n".join((d["title"] or d["text"])[:80].replace("\n", " ") for d in row["of_them"]),
        ]
        for row in found
    ]
    names = ["topic", "documents", "last day", "usual day", "burst", "first_at", "last_at", "entities", "such as"]
    print_rows(names, table, Format.table)

"""``finsent dead-letters``: bad records, and what is done about them."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cli.shared.arguments import parse_time
from cli.shared.failures import fail
from cli.shared.output import Format, cell, echo, print_rows
from cli.shared.service import kafka_answering
from errors import many

group = typer.Typer(no_args_is_help=True, help="Bad records: list them, look at one, send them again.")
Position = Annotated[str, typer.Argument(metavar="TOPIC/PARTITION/OFFSET")]


def register(app: typer.Typer) -> None:
    """Add the group to ``app``."""
    app.add_typer(group, name="dead-letters")


def _position(text: str) -> tuple[str, int, int]:
    parts = text.rsplit("/", 2)
    if len(parts) != 3 or not (parts[1].isdigit() and parts[2].isdigit()):
        raise typer.BadParameter(f"{text!r} is no position; one is 'news/0/17'")
    return parts[0], int(parts[1]), int(parts[2])


@group.command("list")
def list_dead_letters(
    since: Annotated[str | None, typer.Option(metavar="TIME", help="Stored since then.")] = None,
    limit: Annotated[int, typer.Option(min=1)] = 100,
    form: Annotated[Format, typer.Option("--format", "-f")] = Format.table,
) -> None:
    """List the bad records, newest first, with the reason and what was done about them.

    `finsent dead-letters list --since 2026-01-31`
    """
    from storage import connect
    from storage.reads import dead_letters

    rows = dead_letters(connect(), parse_time(since) if since else None, limit)
    columns = ["position", "ingested_at", "error_kind", "error_field", "error", "bytes", "action"]
    print_rows(
        columns,
        [[f"{r['topic']}/{r['partition']}/{r['offset']}", *(r[name] for name in columns[1:])] for r in rows],
        form,
    )


@group.command("show")
def show_dead_letter(position: Position) -> None:
    """Show one bad record: why it is bad, and its bytes.

    `finsent dead-letters show news/0/17`
    """
    from storage import connect
    from storage.reads import dead_letters_at

    rows = dead_letters_at(connect(), *_position(position))
    if not rows:
        fail(f"no bad record at {position}; see 'finsent dead-letters list'")
    for row in rows:
        raw = bytes.fromhex(row.pop("raw"))
        for name, value in row.items():
            echo(f"{name}: {cell(value)}")
        echo(f"raw ({many(len(raw), 'byte')}): {raw[:2000].decode('utf-8', 'backslashreplace')}")


def _chosen(positions: list[str], everything: bool, again: bool) -> list[dict[str, Any]]:
    from storage import connect
    from storage.reads import dead_letters

    if bool(positions) == everything:
        raise typer.BadParameter("name positions, or --all")
    wanted = {_position(position) for position in positions}
    rows = dead_letters(connect(), limit=10_000_000)
    if not everything:
        rows = [row for row in rows if (row["topic"], row["partition"], row["offset"]) in wanted]
        found = {(row["topic"], row["partition"], row["offset"]) for row in rows}
        if missing := ["/".join(map(str, position)) for position in sorted(wanted - found)]:
            fail(f"no bad record at {', '.join(missing)}; see 'finsent dead-letters list'")
    chosen = [row for row in rows if again or not row["action"]]
    if not everything and len(chosen) < len(rows):
        echo(f"finsent: {len(rows) - len(chosen)} skipped: replayed or dropped before", err=True)
    return chosen


@group.command("replay")
def replay_dead_letters(
    positions: Annotated[list[str] | None, typer.Argument(metavar="TOPIC/PARTITION/OFFSET...")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that were neither replayed nor dropped.")] = False,
    again: Annotated[bool, typer.Option(help="Also those that were replayed or dropped.")] = False,
) -> None:
    """Send bad records to their topic again, after the worker or the schema was corrected.

    A record that is good now ends up in documents once; one that is still bad becomes a dead letter again.

    `finsent dead-letters replay news/0/17`
    """
    from storage import connect
    from stream.kafka import replay

    rows = _chosen(positions or [], everything, again)
    echo(f"{many(replay(connect(), kafka_answering(), rows), 'record')} sent again")


@group.command("drop")
def drop_dead_letters(
    positions: Annotated[list[str] | None, typer.Argument(metavar="TOPIC/PARTITION/OFFSET...")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that were neither replayed nor dropped.")] = False,
) -> None:
    """Record that nothing is to be done about bad records. They stay in the log, and `replay --all` leaves them out.

    `finsent dead-letters drop news/0/17`
    """
    from storage import connect
    from storage.writes import record_dead_letter_actions

    rows = _chosen(positions or [], everything, again=False)
    keys = ("topic", "topic_id", "partition", "offset")
    record_dead_letter_actions(connect(), "dropped", [tuple(row[key] for key in keys) for row in rows])
    echo(f"{many(len(rows), 'record')} dropped")

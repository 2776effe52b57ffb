"""``finsent alerts``: what shifted, the rules, and which alerts they would have raised in the past."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.shared.arguments import parse_time
from cli.shared.failures import fail
from cli.shared.freshness import AsOf, ask_as_of, tell_age
from cli.shared.output import Format, cell, echo, print_rows, write_text
from cli.shared.service import user_name
from errors import many

if TYPE_CHECKING:
    from clickhouse_driver import Client

    from alerts import Rules
    from alerts.backtest import History

group = typer.Typer(
    invoke_without_command=True,
    rich_markup_mode="markdown",
    help="""What shifted, since when and why; the rules; and the same over history.

`finsent alerts --entity WDI.DE --json` lists, newest first.

`finsent alerts check rules.yaml` shows what is wrong with a file of rules.

`finsent alerts deliveries --outcome dead` lists what could not be delivered.

`finsent alerts backtest --events events.json --json out.json` measures the rules on known events.
""",
)


def register(app: typer.Typer) -> None:
    """Add the group to ``app``."""
    app.add_typer(group, name="alerts")


@group.callback()
def alerts(
    ctx: typer.Context,
    entity: Annotated[
        str, typer.Option(help="Only this company's (its ticker in the watch list; '*' the market).")
    ] = "",
    since: Annotated[str | None, typer.Option(metavar="TIME", help="Fired since then, e.g. 2020-06-18.")] = None,
    kind: Annotated[str, typer.Option(help="sentiment_shift, topic_shift, buzz, event or feed_stale.")] = "",
    moment: AsOf = None,
    json_out: Annotated[bool, typer.Option("--json", help="Print JSON, with the evidence.")] = False,
) -> None:
    """List the alerts, newest first: what shifted, since when, and the documents that moved it most. With `--as-of`, as
    they were then."""
    if ctx.invoked_subcommand is not None:
        return
    from storage import connect
    from storage.reads import alerts_now

    client, first = connect(), parse_time(since) if since else None
    if not moment:
        tell_age(client, ask_as_of, first)
    rows = alerts_now(client, entity, first, kind=kind, moment=parse_time(moment) if moment else None)
    if json_out:
        echo(json.dumps(rows, indent=1, default=cell))
        return
    columns = [
        "fired_at", "kind", "entity", "direction", "severity", "state", "before", "after", "began_at", "because of",
        "id",
    ]  # fmt: skip
    print_rows(
        columns,
        [
            [
                row["fired_at"],
                row["kind"],
                row["entity"],
                f"{row['topic']} {row['direction']}".strip(),
                row["severity"],
                f"{row['state']}, acknowledged by {row['acknowledged_by']}" if row["acknowledged_by"] else row["state"],
                _level(row["kind"], row["before_mean"], row["before_documents"]),
                _level(row["kind"], row["after_mean"], row["after_documents"]),
                row["began_at"],
                "\n".join((d["title"] or d["text"])[:80] for d in row["evidence"]["documents"][:3]),
                row["id"],
            ]
            for row in rows
        ],
        Format.table,
    )


def _level(kind: str, mean: float, documents: int) -> str:
    """The sentiment or the topic's share, and the number of documents; of other alerts that number alone."""
    told = {"sentiment_shift": f"{mean:+.2f} ", "topic_shift": f"{100 * mean:.0f} % "}.get(kind, "")
    return f"{told}({documents})"


def _rules(path: Path | None, client: Client | None = None) -> Rules:
    """The rules in ``path``, or else in ALERT_RULES, or else the default rule for everybody; with a ``client``, over
    what the desks hold now."""
    from alerts import Rules, load_rules, parameters_of
    from documents import load_watchlist
    from model.topics import load_taxonomy
    from settings import AlertSettings
    from storage.reads import exposures

    settings = AlertSettings()
    watchlist = load_watchlist()
    desks = {one.ticker: one.desk for one in watchlist.entities}
    path = path or settings.rules
    base = parameters_of(settings)
    rules = (
        load_rules(path, base, desks, watchlist.other_types, load_taxonomy().names)
        if path
        else Rules(base=base, desks=desks, other_types=watchlist.other_types)
    )
    if client is not None and rules.ask_what_is_held:
        rules.hold(exposures(client))
    return rules


@group.command()
def check(file: Annotated[Path, typer.Argument(metavar="RULES.yaml", exists=True, dir_okay=False)]) -> None:
    """Check a file of rules against its schema and the watch list; exit code 1 and line and rule where one is wrong.
    Warns of what may be meant otherwise: a secret that is not set, a rule that never holds.

    `finsent alerts check rules.yaml`
    """
    from alerts import doubts

    found = _rules(file)
    for rule in found.file.rules:
        scope = ", ".join([*rule.desks, *rule.entities]) or "everyone"
        if rule.entity_types:
            scope += f" ({', '.join(rule.entity_types)})"
        if rule.is_partial:
            scope += f" held by {' or '.join(rule.held_by) or 'the desks'} {rule.exposure or ''}".rstrip()
        receivers = ", ".join(rule.receivers or found.file.defaults.receivers or ()) or "the topic alerts only"
        echo(f"{rule.name}: {scope}; to {receivers}")
    for doubt in doubts(found, os.environ):
        echo(f"warning: {doubt}")
    echo(f"{many(len(found.file.rules), 'rule')}, {many(len(found.receivers), 'receiver')}: good")


@group.command("rule-from-search")
def from_search(
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="The search's name; without one, all are listed.")] = "",
    by: Annotated[str, typer.Option(help="Who saved it on the console; default: the account that runs this.")] = "",
) -> None:
    """Print the alert rule nearest to a search that somebody saved on the console, as an item of "rules:" in YAML. What
    of the search no rule can say stands in its comments, and on standard error. Nothing is stored, and no file is
    changed: the rule's place in the file counts, and who is told is decided there.

    `finsent alerts rule-from-search "boeing recall" --by ana`
    """
    from alerts import rule_from_search
    from documents import Linker, load_watchlist
    from model.topics import load_taxonomy
    from storage import connect
    from storage.reads import saved_searches

    who = by or user_name()
    found = {one.name: one for one in saved_searches(connect(), who)}
    if not name:
        rows = [[one.name, one.saved_at, *one.search] for one in found.values()]
        print_rows(["name", "saved at", "words", "entity", "desk", "topic", "tone", "entity type"], rows, Format.table)
        return
    if name not in found:
        have = f"these are: {', '.join(found)}" if found else "--by names who saved it"
        fail(f"{who} has saved no search {name!r} on the console; {have}")
    watchlist = load_watchlist()
    made = rule_from_search(name, found[name].search, watchlist, Linker(watchlist), load_taxonomy().names)
    for one in made.left_out:
        echo(f"not in the rule: {one}", err=True)
    if not made.text:
        fail(f"no rule can say any part of the search {name!r}")
    echo(made.text.rstrip("\n"))


Events = Annotated[
    Path | None, typer.Option(metavar="EVENTS.json", help="Known events: {name, ticker, date, kind}, a list.")
]
RulesFile = Annotated[Path | None, typer.Option("--rules", metavar="RULES.yaml", help="Default: ALERT_RULES.")]


@group.command()
def backtest(
    events: Events = None,
    since: Annotated[str | None, typer.Option("--from", metavar="TIME", help="Default: the first document.")] = None,
    until: Annotated[str | None, typer.Option("--to", metavar="TIME", help="Default: the last.")] = None,
    entity: Annotated[str, typer.Option(help="Only what is said of this company.")] = "",
    rules: RulesFile = None,
    json_path: Annotated[str | None, typer.Option("--json", metavar="FILE", help="'-' is standard output.")] = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="OUT.png", help="A chart of --entity (or of the market).")
    ] = None,
    plot_dir: Annotated[Path | None, typer.Option(metavar="DIR", help="A chart of each event.")] = None,
) -> None:
    """Run the live rules over stored history with simulated time: which alerts they would have raised, how
    late, and how many of them false. Nothing is stored or sent.

    `finsent alerts backtest --from 2018-03-20 --to 2020-07-18 --entity BA --plot boeing.png`

    `finsent alerts backtest --events events.json --json out.json --plot-dir charts`
    """
    from alerts import backtest as tests
    from alerts.events import load_source_weights
    from documents import AlertState, Linker, load_watchlist
    from documents.events import load_event_types
    from settings import AlertSettings
    from storage import connect

    given = tests.load_events(events) if events else []
    linker = Linker(load_watchlist())
    known = [_known_as(event, linker) for event in given]
    chosen = entity and linker.ticker(entity)
    client = connect()
    history = _history(client, since, until)
    settings = AlertSettings()
    make_events = tests.event_lifecycle(load_event_types(), load_source_weights(settings.sources))
    transitions, watched = tests.replay(history, _rules(rules, client), settings.tick_s, events=make_events)
    found = tests.judge(transitions, watched, history, [event for event, _ in known])
    for row, (_, ticker) in zip(found["events"], known, strict=True):
        row["ticker"] = ticker
    if chosen:
        found["alerts"] = [row for row in found["alerts"] if row["entity"] == chosen]
        by_id = {row.id: row for row in transitions if row.state is AlertState.FIRING}
        for row in found["alerts"]:
            row["documents"] = tests.documents_of(client, by_id[row["id"]])
    if plot:
        first, last = (datetime.fromtimestamp(moment, UTC) for moment in (history.since, history.until))
        tests.plot(watched, transitions, chosen or "*", first, last, plot, entity or "All companies")
    for event, ticker in known:
        if plot_dir:
            title = f"{event.name} ({ticker}, {event.kind.replace('_', ' ')})"
            first, last = event.at - tests.BEFORE, event.at + tests.AFTER
            tests.plot(watched, transitions, event.ticker, first, last, plot_dir / f"{event.name}.png", title, event.at)
    if json_path:
        write_text(json.dumps(found, indent=1, default=cell), json_path)
    if json_path != "-":
        _print_backtest(found)


def _history(client: Client, since: str | None, until: str | None) -> History:
    """The stored documents between two times; fails where there are none."""
    from alerts import backtest as tests
    from documents import load_watchlist

    first, last = (parse_time(text) if text else None for text in (since, until))
    history = tests.read_history(client, first, last, no_companies=load_watchlist().other_types)
    if not len(history.windows.start):
        fail("nothing is stored in that time; 'finsent produce' sends documents")
    return history


def _print_backtest(found: dict[str, Any]) -> None:
    from documents import Severity

    if found["events"]:
        names = ["name", "event_kind", "fired", "kind", "direction", "fired_at", "delay_hours", "change_point"]
        rows = found["events"]
    else:
        names = [
            *("fired_at", "kind", "entity", "topic", "direction", "severity"),
            *("before_mean", "after_mean", "began_at"),
        ]
        rows = found["alerts"]
    print_rows(names, [[row[name] for name in names] for row in rows], Format.table)
    rate, interval = found["false_alarms_per_entity_year"], found["false_alarms_per_entity_year_interval"]
    if rate is not None:
        echo(
            f"{many(found['false_alarms'], 'sentiment alert')} outside the events in "
            f"{found['entity_years']:,.0f} entity-years: {rate:.3f} a year (95 %: {interval[0]:.3f} to "
            f"{interval[1]:.3f}); "
            f"{many(found['buzz_notices'], 'buzz notice')}, {many(found['topic_shifts'], 'topic shift')}, "
            f"{many(found['event_alerts'], 'event alert')}, "
            f"{len(found['market_alerts'])} market-wide"
        )
        counts = found["alerts_per_entity_year"]
        rates = ", ".join(f"{counts[name]['rate']:.3f} {name}" for name in ("all", *Severity))
        echo(f"alerts of all kinds outside the events, a company-year: {rates}")


def _known_as(event: Any, linker: Any) -> tuple[Any, str]:
    """The event with its ticker as the watch list has it, and the ticker as it was given."""
    import msgspec

    return msgspec.structs.replace(event, ticker=linker.ticker(event.ticker)), event.ticker


@group.command()
def calibrate(
    rate: Annotated[float, typer.Option(min=0.001, help="Sentiment alerts per entity-year that are wanted at most.")],
    events: Events = None,
    since: Annotated[str | None, typer.Option("--from", metavar="TIME")] = None,
    until: Annotated[str | None, typer.Option("--to", metavar="TIME")] = None,
    rules: RulesFile = None,
    json_out: Annotated[bool, typer.Option("--json", help="Print the whole curve as JSON.")] = False,
) -> None:
    """Find the threshold for a wanted false-alarm rate on stored history. Name the known events with --events; all
    other alerts count as false.

    `finsent alerts calibrate --rate 0.05 --events events.json`
    """
    from alerts import backtest as tests
    from documents import Linker, load_watchlist
    from settings import AlertSettings
    from storage import connect

    given = tests.load_events(events) if events else []
    linker = Linker(load_watchlist())
    known = [_known_as(event, linker)[0] for event in given]
    client = connect()
    history = _history(client, since, until)
    threshold, curve = tests.calibrate(history, _rules(rules, client), rate, known, AlertSettings().tick_s)
    if json_out:
        echo(json.dumps({"rate": rate, "threshold": threshold, "curve": curve}, indent=1))
        return
    names = ["threshold", "false_alarms", "entity_years", "false_alarms_per_entity_year"]
    print_rows(names, [[point[name] for name in names] for point in curve], Format.table)
    echo(f"threshold {threshold:.2f} (in the rules' file, or ALERT_THRESHOLD={threshold:.2f})")


@group.command()
def ack(
    ids: Annotated[list[str], typer.Argument(metavar="ID...")],
    by: Annotated[str, typer.Option(help="Who looks after it.")] = "",
    note: Annotated[str, typer.Option(help="What they found.")] = "",
    undo: Annotated[bool, typer.Option(help="Take the acknowledgement back.")] = False,
) -> None:
    """Record that somebody looks after alerts; receivers then hear of them only when they are resolved.

    `finsent alerts ack 3f2a9c11d0e4b567 --by ana --note "earnings, hedged"`
    """
    from storage import connect
    from storage.reads import alerts_now
    from storage.writes import acknowledge, record_action

    client = connect()
    if unknown := set(ids) - {row["id"] for row in alerts_now(client, limit=1_000_000)}:
        fail(f"no alert has the id {sorted(unknown)[0]}; see 'finsent alerts'")
    who = by or user_name()
    acknowledge(client, ids, who, note, undo)
    for identity in ids:
        record_action(client, who, "reopened" if undo else "acknowledged", identity, note, "command line")
    echo(f"{len(ids)} {'reopened' if undo else 'acknowledged'}")


@group.command()
def deliveries(
    outcome: Annotated[str, typer.Option(help="Only sent, dead (given up), held (back) or again.")] = "",
    since: Annotated[str, typer.Option(metavar="TIME", help="Since then.")] = "1970-01-02",
    again: Annotated[bool, typer.Option("--again", help="Try once more what was given up.")] = False,
    form: Annotated[Format, typer.Option("--format", "-f")] = Format.table,
) -> None:
    """List what was sent to receivers, and what could not be sent and why, newest first.

    `finsent alerts deliveries --outcome dead`

    `finsent alerts deliveries --again` tries once more what was given up in the last two days. Older ones are not sent.
    """
    from storage import connect
    from storage.reads import deliveries
    from storage.writes import write_deliveries

    client = connect()
    if outcome not in ("", "sent", "dead", "held", "again"):
        raise typer.BadParameter(f"{outcome!r} is no outcome; one is 'dead'")
    if again:
        rows = deliveries(client, parse_time(since), "dead", limit=1_000_000)
        write_deliveries(client, [(row["id"], row["state"], row["receiver"], "again", 0, "") for row in rows])
        echo(f"{many(len(rows), 'notification', 'is')} tried again")
        return
    rows = deliveries(client, parse_time(since), outcome)
    columns = ["at", "receiver", "outcome", "attempts", "state", "id", "error"]
    print_rows(columns, [[row[name] for name in columns] for row in rows], form)


@group.command()
def silence(
    lasting: Annotated[str, typer.Option("--for", metavar="DURATION", help="90s, 30m, 12h or 7d.")],
    entity: Annotated[str, typer.Option(help="Only about this company; '*' is the market.")] = "",
    kind: Annotated[str, typer.Option(help="Only sentiment_shift, topic_shift, buzz, event or feed_stale.")] = "",
    by: Annotated[str, typer.Option(help="Who asked for it.")] = "",
    note: Annotated[str, typer.Option(help="Why.")] = "",
) -> None:
    """Send nothing to receivers for some time; alerts are still evaluated and stored.

    `finsent alerts silence --entity BA --for 2h --note "known, on the desk"`
    """
    import re

    from alerts import seconds
    from storage import connect
    from storage.writes import add_silence, record_action

    if not re.fullmatch(r"\d+[smhd]", lasting):
        raise typer.BadParameter(f"{lasting!r} is no duration; one is '2h'")
    now = datetime.now(UTC)
    client, who = connect(), by or user_name()
    identity = add_silence(client, entity, kind, now, now + timedelta(seconds=seconds(lasting)), who, note)
    about = " ".join(f"{entity or 'all'} {kind} for {lasting} {note}".split())
    record_action(client, who, "silenced", identity, about, "command line")
    echo(f"silence {identity} until {cell(now + timedelta(seconds=seconds(lasting)))}")

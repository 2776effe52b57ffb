"""How much the views cost as the tables grow: ``python -m benchmarks.scale --millions 1,3,10,30 --json OUT``.

Two years (``--days``) of documents about 200 companies are made by SQL, without texts of their own and without
embeddings, in several steps. One in twenty tells of an event. What a dated question costs depends on the documents a
day: 14 million rows in 34 days have as many as 300 million in two years. After each step what counts in the hours is
settled, as the worker that leads the alerts does, every public view is asked for a day, and the alerts are evaluated.
Told are seconds and the memory that ClickHouse took; OUT.png is a chart of both. 30 million rows take about 4 GB of
disk.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from clickhouse_driver import Client
from pydantic import SecretStr

from alerts import Evaluator
from deploy.local import Stack
from documents import load_watchlist
from documents.events import load_event_types
from settings import AlertSettings, ClickHouseSettings
from storage import UNAVAILABLE, connect, migrate, public_views, replace_entities, replace_event_types
from storage.writes import settle_hours

MOST_SECONDS, MOST_BYTES = 1.0, 2_000_000_000
"""What a query may cost."""

LIMITS = {"max_execution_time": "120", "max_memory_usage": "2500000000"}
DATES = ("published_at", "at", "start", "last_at", "fired_at", "stored_at", "judged_at", "started_at", "ingested_at")
"""By the first of these columns that a view has, a day of it is asked for."""

DAYS, MONTH = 730, 30
AT_ONCE = 500_000
"""Rows in one insert: what its projections sum up is held in memory."""
ROWS = """
INSERT INTO record_log
    (topic, topic_id, partition, offset, ingested_at, kind, document_id, source, title, lang, published_at, scored_at,
     label, p_negative, p_neutral, p_positive, sentiment, model_version, tokens, story_id, novelty, mentions.entity,
     mentions.surface, mentions.via, mentions.label, mentions.p_negative, mentions.p_neutral, mentions.p_positive,
     mentions.sentiment, topics.name, topics.score, events.entity, events.type, events.probability, events.role,
     events.state, events.relevance, events.severity, events.polarity)
WITH
    toDateTime64(%(from)s, 3, 'UTC') + toIntervalMillisecond(toUInt64(number * %(step)s)) AS at,
    cityHash64(number + %(first)s) AS dice, (dice %% 1000) / 1000 AS p, 1 - p AS q,
    if(p > q, 'positive', 'negative') AS tone,
    %(tickers)s AS tickers, [tickers[1 + dice %% length(tickers)]] AS entity,
    intHash64(number + %(first)s) AS event, event %% 20 = 0 AS told
SELECT
    if(dice %% 5 < 3, 'news', 'comments'), 'id', dice %% 8, number + %(first)s, at,
    if(dice %% 5 < 3, 'news', 'comment'),
    toString(number + %(first)s), concat('source ', toString(dice %% 50)), concat('title ', toString(dice %% 100000)),
    'en', at - toIntervalSecond(2), at, tone, q, 0, p, p - q, 'm1', 20,
    if(dice %% 10 = 0, intDiv(number, 40), dice), if(dice %% 10 = 0, 20, 100), entity, entity, ['name'], [tone], [q],
    [0], [p], [p - q], [['earnings', 'litigation', 'debt', 'guidance'][1 + dice %% 4]], [0.9],
    if(told, entity, []),
    if(told, [['data_breach', 'results_miss', 'fine', 'lawsuit', 'outage', 'guidance_cut', 'results_beat',
        'rating_downgrade'][1 + intDiv(event, 20) %% 8]], []),
    if(told, [0.9], []), if(told, [if(intDiv(event, 160) %% 10 = 0, 'counterparty', 'subject')], []),
    if(told, [['happened', 'happened', 'happened', 'rumoured', 'historic'][1 + intDiv(event, 1600) %% 5]], []),
    if(told, [80], []), if(told, [1 + intDiv(event, 8000) %% 5], []), if(told, [-1], [])
FROM numbers(%(count)s)
SETTINGS max_insert_threads = 1, max_partitions_per_insert_block = 0
"""


class Cost(NamedTuple):
    """What one query took; ``error`` says why it did not end, '' if it did."""

    seconds: float
    bytes: int
    error: str

    @property
    def too_much(self) -> bool:
        """Whether it is beyond the limits."""
        return bool(self.error) or self.seconds > MOST_SECONDS or self.bytes > MOST_BYTES


def fill(client: Client, tickers: list[str], first: int, until: int, days: int = DAYS) -> None:
    """Make the rows with the numbers ``first`` to ``until``, spread evenly over the last ``days``."""
    begin = datetime.now(UTC).replace(microsecond=0, tzinfo=None) - timedelta(days=days)
    count = until - first
    pieces = max(-(-days // MONTH), -(-count // AT_ONCE))
    for piece in range(pieces):
        rows, span = count // pieces, days / pieces
        values = {
            "from": (begin + timedelta(days=piece * span)).strftime("%Y-%m-%d %H:%M:%S"),
            "step": span * 86_400_000 / max(rows, 1),
            "first": first + piece * rows,
            "tickers": tickers,
            "count": rows,
        }
        client.execute(ROWS, values)


def ask(stack: Stack, query: str) -> Cost:
    """Put ``query`` to the server as the service does; the answer is made and thrown away."""
    where = urllib.parse.urlencode({"default_format": "Null", "wait_end_of_query": "1", **LIMITS})
    account = urllib.parse.urlsplit(stack.clickhouse_url)
    headers = {"X-ClickHouse-User": account.username or "", "X-ClickHouse-Key": account.password or ""}
    request = urllib.request.Request(f"{stack.clickhouse_http_url}/?{where}", query.encode(), headers)
    started = time.monotonic()
    try:
        with urllib.request.urlopen(request, timeout=180) as answer:
            answer.read()
            summary = json.loads(answer.headers.get("X-ClickHouse-Summary", "{}"))
            return Cost(round(time.monotonic() - started, 3), int(summary.get("memory_usage", 0)), "")
    except urllib.error.HTTPError as error:
        with error:
            return Cost(round(time.monotonic() - started, 3), 0, error.read().decode()[:200].partition(". ")[0])


def dated_queries(client: Client) -> dict[str, str]:
    """For each public view a query for its last day."""
    now = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
    day_ago = f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%d %H:%M:%S}"
    values: dict[str, str | int | list[str]] = {"moment": now, "known": now, "until": now, "first": day_ago}
    values |= {"width_s": 3600, "weekly": 0, "sums": 1, "kept": 1, "companies": ["AAPL"]}
    found = {}
    for view in public_views(client):
        given = ", ".join(f"{one.name} = {values[one.name]!r}" for one in view.parameters)
        names = [column.name for column in view.columns]
        date = next((name for name in DATES if name in names), "")
        condition = f" WHERE {date} > '{day_ago}'" if date and not view.parameters else ""
        if view.parameters and "known" not in given and "published_at" in names:
            condition = f" WHERE published_at > '{day_ago}'"
        found[view.name] = f"SELECT * FROM {view.name}{f'({given})' if given else ''}{condition}"
    return found


def evaluations(stack: Stack) -> dict[str, Cost]:
    """What a worker's first evaluation of all alert rules takes, which catches up a day, and then one of a tick."""
    settings = AlertSettings(clock="wall")
    made = Evaluator(lambda: connect(ClickHouseSettings(url=SecretStr(stack.clickhouse_url))), settings)
    found = {}
    for name, turn in (
        ("(first evaluation)", made.advance),
        ("(evaluation of a tick)", lambda: made.evaluate(made.evaluated_until - settings.tick_s, made.evaluated_until)),
    ):
        started, error = time.monotonic(), ""
        try:
            turn()
        except UNAVAILABLE as failure:
            error = str(failure)[:200].partition(". ")[0]
        found[name] = Cost(round(time.monotonic() - started, 3), 0, error)
    return found


def chart(steps: list[dict[str, Any]], path: Path) -> None:
    """Seconds and memory against rows, of the dearest views."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    last = steps[-1]["views"]
    dearest = sorted(last, key=lambda name: -last[name]["seconds"])[:10]
    figure, axes = pyplot.subplots(1, 2, figsize=(13, 5))
    for name in dearest:
        rows = [step["rows"] / 1e6 for step in steps]
        axes[0].plot(rows, [step["views"][name]["seconds"] for step in steps], marker="o", label=name)
        axes[1].plot(rows, [step["views"][name]["bytes"] / 1e6 for step in steps], marker="o", label=name)
    for axis, title in zip(axes, ("seconds", "MB of memory"), strict=True):
        axis.set(xscale="log", yscale="log", xlabel="million rows", title=title)
    axes[0].axhline(MOST_SECONDS, color="grey", linestyle=":")
    axes[0].legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(path)


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--millions", default="1,3,10,30", help="rows after each step, in millions")
    parser.add_argument("--days", type=int, default=DAYS, help="over how many days they are spread")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    wanted = [int(float(part) * 1e6) for part in arguments.millions.split(",")]
    watchlist = load_watchlist()
    tickers = [company.ticker for company in watchlist.companies][:200]
    steps: list[dict[str, Any]] = []
    os.environ.pop("CLICKHOUSE_URL", None)
    with tempfile.TemporaryDirectory(prefix="finsent-scale-") as folder, Stack(Path(folder)) as stack:
        client = connect(ClickHouseSettings(url=SecretStr(stack.clickhouse_url)))
        client.connection.send_receive_timeout = 900
        client.disconnect()
        migrate(client)
        replace_entities(client, watchlist.entities)
        replace_event_types(client, load_event_types().by_name.values())
        made = 0
        for rows in wanted:
            started = time.monotonic()
            fill(client, tickers, made, rows, arguments.days)
            made = rows
            disk = client.execute("SELECT sum(bytes_on_disk), count() FROM system.parts WHERE active")[0]
            print(
                f"{rows:,} rows in {time.monotonic() - started:.0f} s, {disk[0] / 1e9:.2f} GB, {disk[1]} parts",
                flush=True,
            )
            started = time.monotonic()
            while settle_hours(client, datetime.now(UTC)):
                pass
            print(f"  settled in {time.monotonic() - started:.0f} s", flush=True)
            views = {name: ask(stack, query) for name, query in dated_queries(client).items()}
            views |= evaluations(stack)
            for name, cost in sorted(views.items(), key=lambda item: -item[1].seconds):
                if cost.too_much or cost.seconds > 0.3:
                    print(f"  {name}: {cost.seconds:.2f} s, {cost.bytes / 1e6:.0f} MB {cost.error}", flush=True)
            steps.append({"rows": rows, "bytes": disk[0], "views": {k: v._asdict() for k, v in views.items()}})
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(steps, indent=1) + "\n")
        chart(steps, arguments.json.with_suffix(".png"))


if __name__ == "__main__":
    main()

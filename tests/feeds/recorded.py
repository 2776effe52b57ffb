"""Five minutes from a clone to news in the console, without the Internet: recorded answers of every shape that feeds
are read in, from a server on this machine. ``python -m tests.feeds.recorded [FOLDER]`` starts the service on them, and
saves the console's pages as pictures (in ``build/pictures`` if no folder is given).

The texts are those of the recorded week, until the evening of its worst day, which is today.
"""

from __future__ import annotations

import hashlib
import io
import json
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import msgspec
import yaml

from deploy.demo.pictures import take
from deploy.demo.recorded_week import write
from deploy.local import start_detached, stop
from feeds.plan import presets
from tests.support import Asking, eventually
from tests.support.commands import finsent
from tests.support.feed_server import FeedServer, feed_server

NOW = datetime(2020, 6, 18, 20, tzinfo=UTC)
"""The moment of the week that is shown as the present: Wirecard fell in the morning."""

KINDS = {
    "wire": ("newswire-a", "newswire-b", "evening-bourse"),
    "ledger": ("the-ledger", "city-desk", "harbour-times"),
    "headlines": ("capital-letter", "trading-floor", "market-post"),
    "gdelt": ("agency-north",),
    "board": ("forum", "microblog", "broker-chat"),
}
"""The sources of the recorded week whose records each feed has."""

FILINGS = (
    ("BOEING CO", 12927, "Item 2.05: Costs Associated with Exit or Disposal Activities"),
    ("TESLA, INC.", 1318605, "Item 5.02: Departure of Directors or Certain Officers"),
    ("ELI LILLY &amp; CO", 59478, "Item 7.01: Regulation FD Disclosure"),
    ("FORD MOTOR CO", 37996, "Item 2.02: Results of Operations and Financial Condition"),
)
POSITIONS = """desk,entity,value,currency,as_of
technology,WDI.DE,-4200000,EUR,{day}
technology,AAPL,18500000,EUR,{day}
technology,MSFT,12000000,EUR,{day}
technology,NVDA,7300000,EUR,{day}
consumer,TSLA,9800000,EUR,{day}
industrials,BA,-6100000,EUR,{day}
pharma,LLY,8800000,EUR,{day}
financials,BAC,5400000,EUR,{day}
energy,BP,3900000,EUR,{day}
"""
PAGES = {"": "market", "entity/WDI.DE": "company", "alerts": "alerts", "search?q=fraud": "search", "health": "health"}


@dataclass
class Running:
    """``finsent up`` with the feeds, and how many documents each feed has."""

    environment: dict[str, str]
    expected: dict[str, int]

    def stored(self) -> dict[str, int]:
        """How many documents of each feed are stored."""
        ask = Asking(self.environment["CLICKHOUSE_URL"])
        sql = "SELECT splitByChar('/', document_id)[1] AS feed, count() FROM documents GROUP BY feed"
        return dict(ask.execute(sql))


@contextmanager
def recorded_feeds(folder: Path, since: timedelta) -> Iterator[Running]:
    """The service on ``folder / "data"`` with all of the feeds, whose items go back so far."""
    data, plan = folder / "data", folder / "feeds.yaml"
    with feed_server() as server:
        feeds, expected = _serve(server, _records(folder, since))
        made = {"contact": "me@firm.test", "allow_private": True, "every": "10m", "host_pause_s": 0, "feeds": feeds}
        plan.write_text(yaml.safe_dump(made))
        environment = start_detached(data, feeds=plan)
        try:
            yield Running(environment, expected)
        finally:
            stop(data)


def _records(folder: Path, since: timedelta) -> list[dict[str, Any]]:
    """The valid messages of the week, moved so that ``NOW`` is now."""
    week, moved = write(folder), datetime.now(UTC).replace(microsecond=0) - NOW
    found: dict[str, dict[str, Any]] = {}
    for line in (week.news.read_bytes() + week.comments.read_bytes()).splitlines():
        try:
            record = json.loads(line)
            at = datetime.fromisoformat(record["published_at"])
            if NOW - since < at < NOW and not record["id"].startswith("x"):  # x: one that is made wrong
                found.setdefault(record["id"], record | {"at": at + moved})
        except (ValueError, KeyError, TypeError, AttributeError):
            continue  # the week has malformed records, too
    return sorted(found.values(), key=lambda record: record["at"], reverse=True)


def _serve(server: FeedServer, records: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """The feeds of a plan, and how many items each has."""
    of = {name: [one for one in records if one["source"] in sources] for name, sources in KINDS.items()}
    expected = {name: len(found) for name, found in of.items()} | {"sec-8k": len(FILINGS)}
    gdelt = "/gdelt"
    _put_gdelt(server, gdelt, of["gdelt"])
    feeds = [
        {"name": "wire", "url": server.put("/wire", _rss(of["wire"]))},
        {"name": "ledger", "url": server.put("/ledger", _atom(of["ledger"]))},
        {"name": "headlines", "json": _as("newsapi", server.put("/headlines", _newsapi(of["headlines"])))},
        {"name": "gdelt", "gdelt": ["ECON_"], "address": f"{server.url}{gdelt}"},
        {"name": "sec-8k", "edgar": ["8-K"], "address": server.put("/edgar", _edgar()), "source": "sec.gov"},
        {"name": "board", "topic": "comments", "json": _as("stocktwits", server.put("/board", _board(of["board"])))},
    ]
    return feeds, expected


def _as(preset: str, url: str) -> dict[str, Any]:
    """The interface that finsent knows by this name, at another address."""
    known = msgspec.to_builtins(presets()[preset])
    return {name: known[name] for name in ("items", "fields")} | {"url": url}


def _rss(records: list[dict[str, Any]]) -> bytes:
    items = [
        f"<item><guid isPermaLink='false'>{one['id']}</guid><title>{escape(one['title'])}</title>"
        f"<link>{escape(one.get('url', ''))}</link><description>{escape(one.get('body', ''))}</description>"
        f"<pubDate>{format_datetime(one['at'])}</pubDate></item>"
        for one in records
    ]
    head = "<title>Wire</title><language>en</language>"
    return f'<?xml version="1.0"?><rss version="2.0"><channel>{head}{"".join(items)}</channel></rss>'.encode()


def _atom(records: list[dict[str, Any]]) -> bytes:
    entries = [
        f"<entry><id>urn:{one['id']}</id><title>{escape(one['title'])}</title><updated>{one['at'].isoformat()}</updated>"
        f"<content type='text'>{escape(one.get('body', ''))}</content></entry>"
        for one in records
    ]
    return f'<feed xmlns="http://www.w3.org/2005/Atom"><title>The Ledger</title>{"".join(entries)}</feed>'.encode()


def _newsapi(records: list[dict[str, Any]]) -> bytes:
    articles = [
        {"source": {"id": None, "name": one["source"]}, "title": one["title"], "description": one.get("body"),
         "url": f"https://news.example.com/{one['id']}", "publishedAt": one["at"].isoformat()}
        for one in records
    ]  # fmt: skip
    return json.dumps({"status": "ok", "totalResults": len(articles), "articles": articles}).encode()


def _board(records: list[dict[str, Any]]) -> bytes:
    messages = [
        {"id": one["id"], "body": one["text"], "created_at": one["at"].isoformat(), "symbols": [],
         "user": {"username": one.get("author", "somebody")}}
        for one in records
    ]  # fmt: skip
    return json.dumps({"cursor": {"since": 1}, "messages": messages}).encode()


def _edgar() -> bytes:
    at = datetime.now(UTC) - timedelta(minutes=40)
    entries = [
        f"<entry><title>8-K - {name} ({cik:010}) (Filer)</title><link href='https://www.sec.gov/{number}-index.htm'/>"
        f"<summary type='html'>&lt;b&gt;AccNo:&lt;/b&gt; 0001-20-{number:06}&lt;br&gt;{item}</summary>"
        f"<updated>{(at - timedelta(minutes=number)).isoformat()}</updated><category term='8-K'/>"
        f"<id>urn:tag:sec.gov,2008:accession-number=0001-20-{number:06}</id></entry>"
        for number, (name, cik, item) in enumerate(FILINGS)
    ]
    return f'<feed xmlns="http://www.w3.org/2005/Atom"><title>Latest</title>{"".join(entries)}</feed>'.encode()


def _put_gdelt(server: FeedServer, path: str, records: list[dict[str, Any]]) -> None:
    """The titles, as if GDELT had met all of them in its latest quarter of an hour."""
    now = datetime.now(UTC) - timedelta(minutes=15)
    stamp = now.replace(minute=now.minute // 15 * 15, second=0).strftime("%Y%m%d%H%M%S")
    lines = []
    for one in records:
        cells = [""] * 27
        cells[1], cells[3], cells[4] = stamp, one["source"], f"https://x.example/{one['id']}"
        cells[7] = "ECON_STOCKMARKET"
        cells[26] = f"<PAGE_TITLE>{escape(one['title'])}</PAGE_TITLE>"
        lines.append("\t".join(cells))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{stamp}.gkg.csv", "\n".join(lines))
    body = packed.getvalue()
    url = server.put(f"{path}/{stamp}.gkg.csv.zip", body)
    server.put(f"{path}/lastupdate.txt", f"{len(body)} {hashlib.md5(body).hexdigest()} {url}\n".encode())


def main() -> None:
    """Start it with all of the days, and save the pictures."""
    pictures = Path(*(sys.argv[1:] or ["build/pictures"]))
    with (
        tempfile.TemporaryDirectory(prefix="finsent-feeds-") as folder,
        recorded_feeds(Path(folder), timedelta(days=7)) as running,
    ):
        file = Path(folder) / "positions.csv"
        file.write_text(POSITIONS.format(day=f"{datetime.now(UTC):%Y-%m-%d}"))
        imported = finsent("positions", "import", file, "--currency", "EUR", **running.environment)
        assert imported.returncode == 0, imported
        eventually(lambda: running.stored() == running.expected, 300, f"stored: {running.expected}")
        ask = Asking(running.environment["CLICKHOUSE_URL"])
        fired = "SELECT count() FROM alerts_now WHERE entity = 'WDI.DE'"
        eventually(lambda: ask.execute(fired)[0][0], 120, "an alert about Wirecard")
        names = {path: pictures / f"{name}.png" for path, name in PAGES.items()}
        for picture in take(running.environment["CONSOLE_URL"], names):
            print(picture)


if __name__ == "__main__":
    main()

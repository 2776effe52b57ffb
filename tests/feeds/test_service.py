"""Feeds beside the whole service, as ``finsent up --feeds`` runs it: from servers with their failures to the tables."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import urlopen

import pytest
import yaml

from deploy.local import Service
from deploy.local.supervisor import free_port
from tests.support import Asking, data_folder, eventually
from tests.support.commands import finsent
from tests.support.feed_server import Answer, FeedServer, feed_server

PATIENCE_S = 120
RSS = "application/rss+xml"


def rss(*names: str) -> bytes:
    items = [
        f"<item><guid>{name}</guid><title>Siemens wins order {name}</title><link>/{name}</link>"
        "<pubDate>Wed, 31 Jan 2024 12:00:00 GMT</pubDate></item>"
        for name in names
    ]
    return f'<rss version="2.0"><channel><title>Wire</title>{"".join(items)}</channel></rss>'.encode()


def atom(*names: str) -> bytes:
    entries = [
        f"<entry><id>urn:{name}</id><title>Boeing loses order {name}</title>"
        "<updated>2024-01-31T12:00:00Z</updated></entry>"
        for name in names
    ]
    return f'<feed xmlns="http://www.w3.org/2005/Atom"><title>A</title>{"".join(entries)}</feed>'.encode()


def rows(*names: str) -> bytes:
    return json.dumps({"rows": [{"id": one, "t": f"I like Boeing {one}", "at": 1706702400} for one in names]}).encode()


@dataclass
class Running:
    """The service with its feeds, the server that they are read from, and what is expected of them."""

    service: Service
    server: FeedServer
    plan: Path
    metrics: str
    expected: set[str] = field(default_factory=set)

    def stored(self) -> dict[str, int]:
        """How often each document is in the log that has every record of Kafka."""
        ask = Asking(self.service.stack.clickhouse_url)
        return dict(ask.execute("SELECT document_id, count() FROM record_log GROUP BY document_id"))

    def wait_for(self, *ids: str) -> None:
        """Until these are stored, too."""
        self.expected |= set(ids)
        eventually(lambda: self.expected <= self.stored().keys(), PATIENCE_S, f"stored: {sorted(self.expected)}")

    def source(self, feed: str) -> dict[str, object]:
        """What the console's page of health says of one feed."""
        with urlopen(f"{self.service.stack.console_url}api/health", timeout=30) as answer:
            return next((one for one in json.load(answer)["sources"] if one["feed"] == feed), {})


@pytest.fixture(scope="module")
def running(shipped: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("feeds")
    with feed_server() as server:
        fields = {"id": "$.id", "body": "$.t", "published_at": "$.at"}
        feeds = [
            {"name": "wire", "url": server.put("/wire", Answer(rss("1", "2"), headers={"Content-Type": RSS}))},
            {
                "name": "bank",
                "url": server.put("/bank", Answer(atom("1"), headers={"ETag": '"a"'}), Answer(status=304)),
            },
            {
                "name": "forum",
                "topic": "comments",
                "json": {"url": server.put("/forum", rows("1")), "items": "$.rows[*]", "fields": fields},
            },
            {"name": "busy", "url": server.put("/busy", Answer(status=429, headers={"Retry-After": "7200"}))},
            {"name": "ill", "url": server.put("/ill", Answer(status=500), Answer(status=502), rss("1"))},
            {"name": "half", "url": server.put("/half", Answer(rss("1"), cut=90), rss("1")[:90], rss("1", "2"))},
        ]
        plan = folder / "feeds.yaml"
        plan.write_text(
            yaml.safe_dump(
                {"contact": "me@firm.test", "allow_private": True, "every": "1s", "host_pause_s": 0.01, "feeds": feeds}
            )
        )
        port = free_port()
        extra = {"FEEDS_METRICS_PORT": str(port), "STREAM_ALERTS": "false"}
        with Service(data_folder(folder / "data", shipped), console=True, extra=extra, feeds=plan) as service:
            yield Running(service, server, plan, f"http://127.0.0.1:{port}/metrics")


def test_what_is_published_is_stored_once_whatever_servers_do(running: Running) -> None:
    running.wait_for("wire/1", "wire/2", "bank/urn:1", "forum/1", "ill/1", "half/1", "half/2")
    # A feed that lists the same in another order, with a new one among them.
    running.server.put("/wire", rss("2", "3", "1"))
    running.wait_for("wire/3")
    eventually(lambda: len(running.server.of("/bank")) > 3, PATIENCE_S, "the bank is asked again")
    assert {one.headers.get("if-none-match") for one in running.server.of("/bank")[1:]} == {'"a"'}
    assert len(running.server.of("/busy")) == 1, "who asks for two hours gets them"
    assert {one.headers["user-agent"].partition(" ")[2] for one in running.server.asked} == {"(me@firm.test)"}


def test_after_a_kill_nothing_is_sent_twice_and_nothing_left_out(running: Running) -> None:
    running.wait_for("wire/1", "wire/2", "wire/3")
    child = running.service.stack.children["feeds"]
    published = ["1", "2", "3"]
    for number in range(3):
        asked = len(running.server.asked)
        published += [f"k{number}-{n}" for n in range(40)]
        running.server.put("/wire", rss(*published))
        eventually(lambda before=asked: len(running.server.asked) > before, PATIENCE_S, "a feed is read")
        child.kill()
    running.wait_for(*[f"wire/{one}" for one in published])
    running.server.put("/wire", rss("last"))
    running.wait_for("wire/last")
    assert set(running.stored().values()) == {1}
    assert len(running.server.of("/busy")) == 1, "a restart is no reason to ask again"


def test_people_see_how_feeds_are_doing(running: Running) -> None:
    running.wait_for("wire/1")
    eventually(lambda: running.source("busy").get("errors"), PATIENCE_S, "the console shows the error")
    assert "429, asked too often" in str(running.source("busy")["error"])
    wire = eventually(lambda: running.source("wire"), PATIENCE_S, "the console shows the feed")
    assert (
        str(wire["last_item_at"]).startswith("2024-01-31T12:00:00")
        and int(str(wire["sent"])) >= 3
        and wire["error"] == ""
    )

    def metrics() -> dict[str, float]:
        with urlopen(running.metrics, timeout=30) as answer:
            return {
                name: float(value)
                for name, value in re.findall(r"^(finsent_feed_\S+) (\S+)$", answer.read().decode(), re.MULTILINE)
            }

    eventually(lambda: metrics().get('finsent_feed_failing{feed="wire"}') == 0, PATIENCE_S, "the metrics")
    assert metrics()['finsent_feed_last_item_timestamp_seconds{feed="wire"}'] == 1706702400


def test_once_reads_each_feed_once_and_says_which_cannot_be_read(running: Running, tmp_path: Path) -> None:
    environment = running.service.stack.environment()
    shown = running.server.put("/once", rss("1"))
    plan = {"contact": "me@firm.test", "allow_private": True, "feeds": [{"name": "once", "url": shown}]}
    file = tmp_path / "feeds.yaml"
    file.write_text(yaml.safe_dump(plan))
    run = ("feeds", "run", str(file), "--once", "--state", str(tmp_path / "state.json"))
    done = finsent(*run, **environment)
    assert (done.returncode, done.stdout) == (0, "1 record sent\n"), done.stderr
    plan["feeds"] = [*plan["feeds"], {"name": "away", "url": f"{running.server.url}/none"}]  # type: ignore[misc]
    file.write_text(yaml.safe_dump(plan))
    done = finsent(*run, **environment)
    assert (done.returncode, done.stdout) == (1, "0 records sent\n") and "404, there is nothing" in done.stderr
    running.wait_for("once/1")
    assert running.stored()["once/1"] == 1

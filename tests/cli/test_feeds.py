"""``finsent feeds``: what is wrong is told in one line; what is sent is in tests/feeds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from feeds import load_plan
from tests.support.commands import ROOT, within
from tests.support.feed_server import Answer, FeedServer, feed_server

STARTER = ROOT / "deploy" / "feeds" / "starter.yaml"
RSS = b'<rss version="2.0"><channel><item><guid>1</guid><title>Profit fell</title></item></channel></rss>'


@pytest.fixture
def server() -> Iterator[FeedServer]:
    with feed_server() as running:
        yield running


def plan(folder: Path, **more: object) -> str:
    file = folder / "feeds.yaml"
    file.write_text(yaml.safe_dump({"contact": "me@firm.test", **more}))
    return str(file)


def one(**feed: object) -> dict[str, object]:
    return {"feeds": [{"name": "a", **feed}]}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({}, "missing required field `feeds`"),
        ({"feeds": []}, "there are none"),
        (one(url="https://e.com") | {"contact": "set-me@example.com"}, "FEEDS_CONTACT"),
        (one(url="ftp://e.com/x"), "'ftp://e.com/x' does not begin with https:// or http://"),
        (one(url="https://e.com", every="soon"), "feed a: every: 'soon' is no time"),
        (one(url="https://e.com", folder="x"), "exactly one of url, preset"),
        (one(url="https://e.com", lnag="en"), "unknown field `lnag`"),
        (one(preset="bloomberg"), "there is no preset 'bloomberg'; there are newsapi, "),
        (one(preset="reddit"), "with needs subreddit"),
        (
            one(json={"url": "https://e.com/{x}", "items": "$", "fields": {"title": "$.t"}}),
            "{'x'}, and 'with' does not",
        ),
        (one(json={"url": "https://e.com", "items": "$[", "fields": {"title": "$.t"}}), "'$[' is no JSONPath"),
        (
            one(json={"url": "https://e.com", "items": "$", "fields": {"title": "$.t"}, "paging": {"next": "$["}}),
            "'$[' is no JSONPath",
        ),
        (
            one(
                json={
                    "url": "https://e.com",
                    "items": "$",
                    "fields": {"title": "$.t"},
                    "since": {"param": "x", "first": "soon"},
                }
            ),
            "since.first: 'soon' is no time",
        ),
        ({"feeds": [{"name": "a", "url": "https://e.com"}] * 2}, "feed a: two feeds have this name"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_in_one_line(tmp_path: Path, more: dict[str, object], words: str) -> None:
    for command in (["feeds", "check"], ["feeds", "run"], ["up", "--data", str(tmp_path / "data"), "--feeds"]):
        done = within(*command, plan(tmp_path, **more))
        assert done.returncode == 78 and len(done.stderr.strip().splitlines()) == 1, done.stderr
        assert words in done.stderr and "feeds.yaml" in done.stderr and "docs/feeds.md" in done.stderr
    assert not (tmp_path / "data").exists(), "nothing was started"


def test_check_shows_what_sources_have_and_what_is_wrong_with_them(server: FeedServer, tmp_path: Path) -> None:
    good, away = server.put("/good", RSS), server.put("/away", Answer(status=503))
    feeds = [{"name": "good", "url": good}, {"name": "away", "url": away}, {"name": "keyless", "preset": "newsapi"}]
    done = within("feeds", "check", plan(tmp_path, allow_private=True, feeds=feeds, host_pause_s=0), "--format", "csv")
    assert done.returncode == 1
    assert "good,url,news,1,,Profit fell,\n" in done.stdout and "503" in done.stdout
    assert "the environment has no NEWSAPI_KEY" in done.stdout and "no way to the internet" not in done.stderr
    done = within("feeds", "check", plan(tmp_path, feeds=feeds[:1]))
    assert done.returncode == 1 and "private address (127.0.0.1); allow_private: true allows that" in done.stdout


def test_check_says_that_there_is_no_internet(tmp_path: Path) -> None:
    done = within("feeds", "check", plan(tmp_path, **one(url="https://nowhere.invalid/rss")))
    assert done.returncode == 1 and "no way to the internet from here" in done.stderr


def test_the_starter_set_can_be_used_by_whoever_says_who_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "FEEDS_CONTACT" in within("feeds", "check", str(STARTER)).stderr
    monkeypatch.setenv("FEEDS_CONTACT", "me@firm.test")
    loaded = load_plan(STARTER)
    assert loaded.contact == "me@firm.test" and len(loaded.feeds) > 10
    assert {"fed", "sec-8k", "nasdaq-nordic", "globenewswire", "gdelt"} <= {feed.name for feed in loaded.feeds}
    assert all(feed.terms and (feed.kind != "url" or feed.url.startswith("https://")) for feed in loaded.feeds)

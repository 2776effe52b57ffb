"""Each kind of source against answers of our own making, in the shapes that their publishers describe."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from feeds.fetching import Answer as FeedAnswer
from feeds.fetching import Fetcher
from feeds.item import Item, message_of
from feeds.plan import Feed, Imap, Mapped, Paging, Since, presets
from feeds.sources import BadAnswer, Polled, source_of
from feeds.sources.edgar import Edgar
from feeds.sources.folder import Folder
from feeds.sources.gdelt import Gdelt
from feeds.sources.interface import Interface
from feeds.sources.mailbox import Mailbox
from feeds.sources.syndication import Syndication, items_of
from feeds.sources.watched import Watched
from feeds.sources.web_socket import WebSocket
from tests.support.feed_server import Answer, FeedServer

NOON = datetime(2024, 1, 31, 12, tzinfo=UTC)
RSS = """<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0"><channel><title>Wire</title><language>en</language>
<item><guid>g1</guid><title>Alder Foods cuts its dividend</title><link>https://example.com/1</link>
<description><![CDATA[<p>Profit fell by a third.</p>]]></description><pubDate>Wed, 31 Jan 2024 12:00:00 GMT</pubDate>
<category domain="https://example.com/stocktickers">NYSE:ALDR</category></item>
<item><title>No guid, caf\u00e9</title><link>https://example.com/2</link></item>
</channel></rss>"""
ATOM = """<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en"><title>Bank</title>
<entry><id>urn:1</id><title>Rates stay</title><link href="https://example.com/r"/><updated>2024-01-31T12:00:00Z</updated>
<summary>short</summary><content type="html">&lt;p&gt;The long text of it&lt;/p&gt;</content></entry></feed>"""
RSS_1 = """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/">CHANNEL
</rdf:RDF>"""
JSON_FEED = {
    "version": "https://jsonfeed.org/version/1.1",
    "title": "Blog",
    "items": [{"id": "j1", "title": "A note", "content_text": "Words", "date_published": "2024-01-31T12:00:00Z"}],
}
LAUGHS = """<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>
<rss version="2.0"><channel><item><title>&c;</title></item></channel></rss>"""
FILE_ENTITY = """<?xml version="1.0"?><!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>
<rss version="2.0"><channel><item><title>&x;</title></item></channel></rss>"""


def items(server: FeedServer, fetcher: Fetcher, *answers: Answer | bytes) -> list[Item]:
    return Syndication(server.put("/feed", *answers), fetcher).poll({}).items


def test_rss(server: FeedServer, fetcher: Fetcher) -> None:
    first, second = items(server, fetcher, RSS.encode())
    assert (first.key, first.title, first.url) == ("g1", "Alder Foods cuts its dividend", "https://example.com/1")
    assert first.published_at == NOON and "Profit fell" in first.body and first.lang == "en"
    assert first.tickers == ("NYSE:ALDR",)
    assert (second.key, second.title, second.published_at) == ("https://example.com/2", "No guid, caf\u00e9", None)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (RSS.replace("utf-8", "iso-8859-1").encode("iso-8859-1"), "text/xml; charset=utf-8"),
        (RSS.replace("utf-8", "windows-1252").encode("cp1252"), "application/rss+xml"),
        (RSS.replace(' encoding="utf-8"', "").encode("utf-16"), "text/xml"),
        (RSS.encode(), "text/html"),
        (RSS.encode("utf-8-sig"), "text/xml; charset=us-ascii"),
    ],
)
def test_wrong_encodings_are_seen_through(server: FeedServer, fetcher: Fetcher, body: bytes, kind: str) -> None:
    found = items(server, fetcher, Answer(body, headers={"Content-Type": kind}))
    assert found[1].title == "No guid, caf\u00e9"


def test_atom_and_json_feed(server: FeedServer, fetcher: Fetcher) -> None:
    (entry,) = items(server, fetcher, ATOM.encode())
    assert (entry.key, entry.title, entry.published_at) == ("urn:1", "Rates stay", NOON) and "long text" in entry.body
    (note,) = items(server, fetcher, json.dumps(JSON_FEED).encode())
    assert (note.key, note.title, note.body, note.published_at) == ("j1", "A note", "Words", NOON)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (LAUGHS.encode(), "declares entities"),
        (LAUGHS.replace('"1.0"', '"1.0" encoding="utf-16"').encode("utf-16"), "declares entities"),
        (FILE_ENTITY.encode(), "declares entities"),
        (b"<html><body>Please sign in</body></html>", "a web page"),
        (b"", "no feed"),
        (b"<?xml version='1.0'?><error>quota</error>", "no feed"),
        (b"<rss version='2.0'><error>quota</error></rss>", "neither items nor a channel for them; it has nothing"),
        (RSS_1.replace("CHANNEL", "").encode(), "neither items nor a channel"),
        (b"<feed><message>quota</message></feed>", "neither items nor a channel for them; it has 'message'"),
        (b"[]", "no feed"),
        (b"{}", "no JSON Feed; it is empty; a feed of kind 'json' says"),
        (
            b'{"version": "https://jsonfeed.org/version/1", "title": "x"}',
            r"items at \$.items; at its top are 'version', 't",
        ),
        (b'{"version": "https://jsonfeed.org/version/1", "items": {}}', r"no list of items at \$.items"),
        (b'{"version": "https://jsonfeed.org/version/1", "items": ["a"]}', "1 item, and none is an object: 'a'"),
        (b'{"version": "https://jsonfeed.org/version/1", "items": [', "breaks off"),
        (b'{"articles": []}', "no JSON Feed"),
    ],
)
def test_what_is_no_feed_is_refused(server: FeedServer, fetcher: Fetcher, body: bytes, words: str) -> None:
    with pytest.raises(BadAnswer, match=words):
        items(server, fetcher, body)


@pytest.mark.parametrize(
    "body",
    [
        "<rss version='2.0'><channel><title>Wire</title></channel></rss>",
        "<rss version='2.0'><channel/></rss>",
        RSS_1.replace("CHANNEL", "<channel><title>Wire</title></channel>"),
        ATOM.partition("<entry>")[0] + "</feed>",
        "<feed><title>of no namespace</title></feed>",
        json.dumps(JSON_FEED | {"items": []}),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_feed_without_items_is_a_quiet_one(server: FeedServer, fetcher: Fetcher, body: str, encoding: str) -> None:
    head = "" if body.startswith("{") else f"<?xml version='1.0' encoding='{encoding}'?>"
    assert items(server, fetcher, (head + body).encode("utf-8" if not head else encoding)) == []


@pytest.mark.parametrize("body", [RSS, ATOM, json.dumps(JSON_FEED)])
def test_an_answer_that_is_cut_off_is_refused_wherever_it_ends(body: str) -> None:
    whole = body.encode()
    assert items_of(FeedAnswer(whole))
    for end in [*range(0, len(whole) - 8, 40), *range(len(whole) - 8, len(whole))]:
        with pytest.raises(BadAnswer):
            items_of(FeedAnswer(whole[:end]))


def test_what_an_item_is_known_by_does_not_depend_on_the_address_that_was_asked() -> None:
    feed = b"""<rss version="2.0"><channel><item><title>U</title></item>
<item><guid isPermaLink="true">g1</guid><title>T</title><link>/2</link></item>
<item><guid isPermaLink="false">g2</guid><title>T</title><link>/2</link></item></channel></rss>"""
    first, again = (items_of(FeedAnswer(feed, url=f"https://{host}/feed?key=s3cret")) for host in ("a.test", "b.test"))
    assert [one.key for one in first] == [one.key for one in again] == ["U\n", "g1", "g2"]
    assert [one.url for one in first] == ["", "https://a.test/2", "https://a.test/2"]


AT = {"iso": "2024-01-31T12:00:00Z", "epoch": int(NOON.timestamp())}
ANSWERS: dict[str, tuple[Any, dict[str, Any]]] = {
    "newsapi": (
        {"status": "ok", "articles": [{"source": {"id": None, "name": "Wire"}, "title": "T", "description": "D",
         "url": "https://e.com/1", "publishedAt": AT["iso"], "content": "C [+99 chars]"}]},
        {"key": "https://e.com/1", "source": "Wire", "title": "T", "body": "D"},
    ),
    "benzinga": (
        [{"id": 7, "title": "T", "body": "", "teaser": "B", "url": "https://e.com/1",
          "created": "Wed, 31 Jan 2024 07:00:00 -0500", "stocks": [{"name": "BA"}, {"name": "AAPL"}]}],
        {"key": "7", "title": "T", "body": "B", "tickers": ("BA", "AAPL")},
    ),
    "polygon": (
        {"results": [{"id": "p1", "publisher": {"name": "Wire"}, "title": "T", "description": "B", "tickers": ["BA"],
                      "article_url": "https://e.com/1", "published_utc": AT["iso"]}]},
        {"key": "p1", "source": "Wire", "title": "T", "body": "B", "tickers": ("BA",)},
    ),
    "alpaca": (
        {"news": [{"id": 24, "headline": "T", "summary": "B", "content": "", "source": "wire", "symbols": ["BA"],
                   "url": "https://e.com/1", "created_at": AT["iso"]}], "next_page_token": None},
        {"key": "24", "source": "wire", "title": "T", "body": "B", "tickers": ("BA",)},
    ),
    "finnhub": (
        [{"id": 5, "datetime": AT["epoch"], "headline": "T", "summary": "B", "source": "W", "related": "BA,AAPL",
          "url": "https://e.com/1", "category": "company"}],
        {"key": "5", "source": "W", "title": "T", "body": "B", "tickers": ("BA", "AAPL")},
    ),
    "alphavantage": (
        {"items": "1", "feed": [{"title": "T", "url": "https://e.com/1", "time_published": "20240131T120000",
         "summary": "B", "source": "W", "ticker_sentiment": [{"ticker": "BA"}]}]},
        {"key": "https://e.com/1", "source": "W", "title": "T", "body": "B", "tickers": ("BA",)},
    ),
    "tiingo": (
        [{"id": 1, "title": "T", "description": "B", "url": "https://e.com/1", "source": "e.com", "tickers": ["ba"],
          "publishedDate": "2024-01-31T12:00:00+00:00"}],
        {"key": "1", "source": "e.com", "title": "T", "body": "B", "tickers": ("ba",)},
    ),
    "stocktwits": (
        {"cursor": {"since": 9}, "messages": [{"id": 9, "body": "$BA up", "created_at": AT["iso"],
         "user": {"username": "jane"}, "symbols": [{"symbol": "BA"}]}]},
        {"key": "9", "body": "$BA up", "author": "jane", "tickers": ("BA",)},
    ),
    "reddit": (
        {"data": {"children": [{"kind": "t3", "data": {"name": "t3_x", "title": "T", "selftext": "B", "author": "jane",
         "created_utc": float(AT["epoch"]), "url": "https://e.com/1"}}]}},
        {"key": "t3_x", "title": "T", "body": "B", "author": "jane"},
    ),
    "hackernews": (
        {"hits": [{"objectID": "8", "title": "T", "story_text": None, "author": "jane", "created_at_i": AT["epoch"]}]},
        {"key": "8", "title": "T", "author": "jane"},
    ),
    "mastodon": (
        [{"id": "4", "uri": "https://m.e/users/jane/statuses/4", "content": "<p>B</p>", "language": "en",
          "created_at": AT["iso"], "account": {"acct": "jane@m.e"}, "in_reply_to_id": "3"}],
        {"key": "4", "in_reply_to": "3", "body": "<p>B</p>", "author": "jane@m.e", "lang": "en"},
    ),
}  # fmt: skip


def test_every_preset_has_a_recorded_answer() -> None:
    assert ANSWERS.keys() == {name for name, mapped in presets().items() if not mapped.socket}


@pytest.mark.parametrize("name", ANSWERS)
def test_presets_read_the_shapes_of_their_sources(server: FeedServer, fetcher: Fetcher, name: str) -> None:
    answer, expected = ANSWERS[name]
    mapped = presets()[name]
    path = f"/{name}"
    server.put(path, json.dumps(answer).encode())
    local = Mapped(**{key: getattr(mapped, key) for key in mapped.__struct_fields__} | {"url": f"{server.url}{path}"})
    secrets = {key.env: f"secret-{number}" for number, key in enumerate(mapped.keys)}
    source = Interface(local, fetcher, {}, {}, secrets)
    polled = source.poll({})
    (item,) = polled.items[:1]
    assert {key: getattr(item, key) for key in expected} == expected and item.published_at == NOON
    assert not item.author or item.author.partition("@")[0] not in item.key, "ids are stored as they are"
    asked = server.of(path)[0]
    for key in mapped.keys:
        given = asked.headers[key.header.lower()] if key.header else asked.params[key.param]
        assert given == f"{key.prefix}{secrets[key.env]}"
    source.poll(polled.remember)
    if mapped.since:
        asked = server.of(path)[-1]
        told = [one.params.get(mapped.since.param) for one in server.of(path)]
        assert bool(told[0]) == bool(mapped.since.first) and told[-1], "the second time only what is new is asked for"


ERRORS: dict[str, Any] = {
    "newsapi": {"status": "error", "code": "rateLimited", "message": "too often"},
    "benzinga": {"ok": False, "errors": [{"code": "auth_failed", "id": "token", "value": "too often"}]},
    "polygon": {"status": "ERROR", "request_id": "r", "error": "too often"},
    "alpaca": {"code": 42910000, "message": "too often"},
    "finnhub": {"error": "too often"},
    "alphavantage": {"Information": "too often"},
    "tiingo": {"detail": "too often"},
    "stocktwits": {"response": {"status": 429}, "errors": [{"message": "too often"}]},
    "reddit": {"message": "too often", "error": 429},
    "mastodon": {"error": "too often"},
}
"""What interfaces answer with instead of news, some of them with the status of a good answer."""


def test_every_preset_that_names_an_error_has_a_recorded_one() -> None:
    assert ERRORS.keys() == {name for name, mapped in presets().items() if mapped.error}


@pytest.mark.parametrize("name", ERRORS)
def test_presets_tell_what_their_sources_say_is_wrong(server: FeedServer, fetcher: Fetcher, name: str) -> None:
    local = msgspec.structs.replace(presets()[name], url=server.put(f"/{name}", json.dumps(ERRORS[name]).encode()))
    secrets = {key.env: "secret" for key in local.keys}
    with pytest.raises(BadAnswer, match="the source says: too often"):
        Interface(local, fetcher, {}, {}, secrets).poll({})


NOTHING_NEW: dict[str, list[Any]] = {
    "newsapi": [{"status": "ok", "totalResults": 0, "articles": []}],
    "benzinga": [[]],
    "polygon": [{"status": "OK", "request_id": "r", "count": 0}, {"status": "OK", "count": 0, "results": None}],
    "alpaca": [{"news": [], "next_page_token": None}, {"news": None, "next_page_token": None}],
    "finnhub": [[]],
    "alphavantage": [
        {"items": "0", "feed": []},
        {"Information": "No articles found. Please adjust the time range or refer to the API documentation"},
    ],
    "tiingo": [[]],
    "stocktwits": [{"cursor": {"since": None}, "messages": []}],
    "reddit": [{"kind": "Listing", "data": {"children": []}}],
    "hackernews": [{"hits": [], "nbHits": 0}],
    "mastodon": [[]],
}
"""What interfaces answer with where nothing is new; some leave the place of the items out."""


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_without_the_place_of_the_items_is_an_error_and_an_empty_one_is_not(
    server: FeedServer, fetcher: Fetcher, name: str
) -> None:
    def polled(answer: Any) -> Polled:
        local = msgspec.structs.replace(presets()[name], url=server.put(f"/{name}", json.dumps(answer).encode()))
        return Interface(local, fetcher, {}, {}, {key.env: "secret" for key in local.keys}).poll({})

    for answer in NOTHING_NEW[name]:
        found = polled(answer)
        assert (found.items, found.faults) == ([], []), answer
    for answer, told in (({}, "it is empty"), ({"greeting": "hello"}, "at its top are 'greeting'")):
        with pytest.raises(BadAnswer, match=rf"^the answer has .*no list of items at \$\S*; {told}$"):
            polled(answer)


@pytest.mark.parametrize(
    ("path", "answer", "told"),
    [
        ("$.rows[*]", {"rows": {}}, r"the answer has an object and no list of items at \$.rows; at its top are 'rows'"),
        (
            "$.rows[*]",
            {"rows": "none", "n": 1},
            r"one value and no list of items at \$.rows; at its top are 'rows', 'n'",
        ),
        ("$.rows[*]", {f"k{n}": n for n in range(9)}, "are 'k0', 'k1', 'k2', 'k3', 'k4', 'k5', 'k6', 'k7', ...$"),
        ("$.rows[*]", [1, 2], r"no list of items at \$.rows; it is a list of 2"),
        ("$.a.rows[?@.id > 1]", {"a": None}, r"no list of items at \$.a.rows"),
        ("$.latest", {"last": {}}, r"no item at \$.latest; at its top are 'last'"),
        ("$.rows[*] | $.more[*]", {"others": []}, r"no list of items at \$.rows"),
        ("$.rows[*]", {"rows": []}, ""),
        ("$.rows[*]", {"rows": {"7": {"id": 7, "t": "t"}}}, ""),
        ("$.a.rows[?@.id > 1]", {"a": {"rows": [{"id": 1}]}}, ""),
        ("$.rows[0]", {"rows": []}, ""),
        ("$.rows[*][*]", {"rows": {"ACME": [{"id": 1, "t": "t"}], "BETA": []}}, ""),
        ("$[*][*]", {"ACME": [{"id": 1, "t": "t"}]}, ""),
        ("$.*[*]", {"ACME": [], "BETA": []}, ""),
        ("$.rows.*.articles[*]", {"rows": {}}, ""),
        ("$.rows.*.articles[*]", {"rows": 1}, "one value and no list"),
        ("$..rows[*]", {"others": []}, ""),
        ("$.rows[*] | $.more[*]", {"more": []}, ""),
    ],
)
def test_where_a_mapping_looks_there_is_to_be_a_list(
    server: FeedServer, fetcher: Fetcher, path: str, answer: Any, told: str
) -> None:
    made = msgspec.structs.replace(mapped(server.put("/m", json.dumps(answer).encode())), items=path)
    if told:
        with pytest.raises(BadAnswer, match=told):
            Interface(made, fetcher, {}, {}).poll({})
    else:
        assert not Interface(made, fetcher, {}, {}).poll({}).faults


def test_pages_before_one_without_items_count(server: FeedServer, fetcher: Fetcher) -> None:
    url = server.put("/p", rows(1, 2), b'{"message": "too far"}')
    found = Interface(mapped(url, paging=Paging(param="page")), fetcher, {}, {}).poll({})
    assert [one.key for one in found.items] == ["1", "2"]
    assert found.faults == ["page 2: the answer has no list of items at $.rows; at its top are 'message'"]


@pytest.mark.parametrize("key", ["https://m.e/users/jane/statuses/4", "tag:m.e,2024:jane/4", "4.jane@m.e"])
def test_an_answer_has_the_id_of_what_it_answers_and_neither_holds_an_author(key: str) -> None:
    def record(item: Item) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(message_of(item, "comments", "social", "s", NOON)[1])
        return found

    asked = record(Item(key, body="B", author="jane"))
    answer = record(Item("5", body="C", in_reply_to=key))
    assert answer["in_reply_to"] == asked["id"] and asked["id"].startswith("social/") and "jane" not in asked["id"]
    assert answer["id"] == "social/5" and record(Item("6", body="D", in_reply_to="5"))["in_reply_to"] == "social/5"
    assert "in_reply_to" not in {name for name, value in asked.items() if value}


def mapped(url: str, **more: Any) -> Mapped:
    return Mapped(url=url, items="$.rows[*]", fields={"id": "$.id", "title": "$.t", "published_at": "$.at"}, **more)


def rows(*numbers: int, **more: Any) -> bytes:
    return json.dumps({"rows": [{"id": n, "t": f"t{n}", "at": AT["iso"]} for n in numbers], **more}).encode()


def test_pages_are_turned_until_nothing_comes(server: FeedServer, fetcher: Fetcher) -> None:
    url = server.put("/p", rows(1, 2), rows(3), rows())
    found = Interface(mapped(url, paging=Paging(param="page")), fetcher, {}, {}).poll({})
    assert [one.key for one in found.items] == ["1", "2", "3"]
    assert [one.params["page"] for one in server.of("/p")] == ["1", "2", "3"]
    url = server.put("/c", rows(1, cursor="x"), rows(2, cursor=None))
    found = Interface(mapped(url, paging=Paging(param="token", cursor="$.cursor")), fetcher, {"q": "a b"}, {}).poll({})
    assert [one.key for one in found.items] == ["1", "2"]
    assert [one.params for one in server.of("/c")] == [{"q": "a b"}, {"q": "a b", "token": "x"}]
    url = server.put("/n", rows(1, next=f"{server.url}/n2"))
    server.put("/n2", rows(2))
    found = Interface(mapped(url, paging=Paging(next="$.next")), fetcher, {}, {}).poll({})
    assert [one.key for one in found.items] == ["1", "2"]


def test_only_what_is_new_is_asked_for(server: FeedServer, fetcher: Fetcher) -> None:
    source = Interface(mapped(server.put("/s", rows(1)), since=Since(param="from")), fetcher, {}, {})
    source.poll(source.poll({}).remember)
    assert [one.params for one in server.of("/s")] == [{}, {"from": "2024-01-31T11:30:00Z"}]


def test_where_the_oldest_come_first_the_first_question_is_for_a_day(server: FeedServer, fetcher: Fetcher) -> None:
    """Else a source gives the news of years ago, and those of today after weeks."""
    oldest_first = {name for name, mapped in presets().items() if "asc" in mapped.params.values()}
    assert (
        oldest_first
        == {"polygon", "alpaca"}
        == {name for name, mapped in presets().items() if mapped.since and mapped.since.first}
    )
    source = Interface(mapped(server.put("/s", rows(1)), since=Since(param="from", first="1d")), fetcher, {}, {})
    source.poll(source.poll({}).remember)
    first, second = (one.params["from"] for one in server.of("/s"))
    assert timedelta(hours=23) < datetime.now(UTC) - datetime.fromisoformat(first) < timedelta(hours=25)
    assert second == "2024-01-31T11:30:00Z"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"Information": "limit of 25 a day"}', "the source says: limit of 25 a day"),
        (b'{"rows": [', "no JSON, or breaks off"),
        (b"<html>", "no JSON"),
        (b"[" * 50_000, "no JSON, or breaks off"),
        (b"null", "neither an object nor a list: null"),
    ],
)
def test_an_interface_that_answers_with_something_else(
    server: FeedServer, fetcher: Fetcher, body: bytes, words: str
) -> None:
    with pytest.raises(BadAnswer, match=words):
        Interface(mapped(server.put("/x", body), error="$.Information"), fetcher, {}, {}).poll({})


def filing(accession: str, title: str, items: str = "") -> str:
    return f"""<entry><title>{title}</title><link href="https://www.sec.gov/{accession}-index.htm"/>
<summary type="html">&lt;b&gt;Filed:&lt;/b&gt; 2024-01-31 &lt;b&gt;AccNo:&lt;/b&gt; {accession}
&lt;br&gt;{items}</summary>
<updated>2024-01-31T07:00:00-05:00</updated><category term="8-K"/>
<id>urn:tag:sec.gov,2008:accession-number={accession}</id></entry>"""


def test_filings_say_what_their_item_codes_mean(server: FeedServer, fetcher: Fetcher) -> None:
    entries = [
        filing("0001-24-000003", "8-K - ALDER FOODS INC (0000000007) (Filer)",
               "Item 2.02: Results&lt;br&gt;Item 9.01: Exhibits"),
        filing("0001-24-000002", "4 - DOE JANE (0000000008) (Reporting)"),
        filing("0001-24-000001", "8-K/A - BIRCH CORP (0000000009) (Filer)", "Item 1.03: Bankruptcy"),
        filing("0001-24-000001", "8-K/A - BIRCH SUB (0000000010) (Filer)"),
    ]  # fmt: skip
    server.put("/e", f'<feed xmlns="http://www.w3.org/2005/Atom"><title>x</title>{"".join(entries)}</feed>'.encode())
    polled = Edgar(["8-K"], fetcher, f"{server.url}/e").poll({})
    assert [(one.key, one.title, one.source) for one in polled.items] == [
        ("0001-24-000003", "ALDER FOODS INC files 8-K: results of operations and financial condition", "sec.gov"),
        ("0001-24-000001", "BIRCH CORP files 8-K/A: bankruptcy or receivership", "sec.gov"),
    ]
    assert polled.items[0].published_at == NOON and "Item 9.01" in polled.items[0].body
    assert polled.remember == {"8-K": "0001-24-000003"} and server.of("/e")[0].params["type"] == "8-K"


def test_reports_and_deals_of_insiders_are_filings_too(server: FeedServer, fetcher: Fetcher) -> None:
    """The SEC lists all forms that begin alike, and a filing once for each whom it names."""
    others = [filing(f"0009-24-{n:06}", "424B2 - BANK CORP (0000000011) (Filer)") for n in range(3)]
    deal = [
        filing("0001-24-000005", "4 - DOE JANE (0000000008) (Reporting)"),
        filing("0001-24-000005", "4 - ALDER FOODS INC (0000000007) (Issuer)"),
    ]

    def page(entries: list[str]) -> bytes:
        return f'<feed xmlns="http://www.w3.org/2005/Atom"><title>x</title>{"".join(entries)}</feed>'.encode()

    def polled(*pages: list[str], form: str | int = 4, **remembered: str) -> Polled:
        server.put("/e", *map(page, pages))
        return Edgar([form], fetcher, f"{server.url}/e").poll(remembered)

    known = {"4": "0001-24-000004"}
    found = polled(others, deal, [filing("0001-24-000004", "4 - BIRCH CORP (0000000009) (Issuer)")] * 2, **known)
    assert [one.title for one in found.items] == ["ALDER FOODS INC files 4", "BIRCH CORP files 4"]
    assert found.remember == {"4": "0001-24-000005"} and not found.faults
    found = polled(others, **known)
    assert "more than 500 filings" in found.faults[0] and found.remember == known
    found = polled([filing("0001-24-000006", "10-Q - ALDER FOODS INC (0000000007) (Filer)")], form="10-Q")
    assert [one.title for one in found.items] == ["ALDER FOODS INC files 10-Q"]
    with pytest.raises(BadAnswer, match="no filing that can be read; no filing: 'soon'"):
        polled([filing("0001-24-000007", "soon")])


def gdelt_file(*rows: tuple[str, str, str]) -> bytes:
    lines = []
    for url, themes, title in rows:
        cells = [""] * 27
        cells[1], cells[3], cells[4], cells[7] = "20240131120000", "e.com", url, themes
        cells[26] = f"<PAGE_LINKS>x</PAGE_LINKS><PAGE_TITLE>{title}</PAGE_TITLE>"
        lines.append("\t".join(cells))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.gkg.csv", "\n".join(lines))
    return packed.getvalue()


def gdelt_says(server: FeedServer, stamp: str, body: bytes, digest: str = "") -> None:
    digest = digest or hashlib.md5(body).hexdigest()
    url = server.put(f"/{stamp}.gkg.csv.zip", body)
    server.put(
        "/lastupdate.txt", f"9 {'0' * 32} {server.url}/{stamp}.export.CSV.zip\n{len(body)} {digest} {url}\n".encode()
    )


def test_gdelt_files_are_read_also_those_that_were_missed(server: FeedServer, fetcher: Fetcher) -> None:
    source = Gdelt([], fetcher, server.url)
    gdelt_says(server, "20240131120000", gdelt_file(("https://e.com/1", "ECON_STOCKMARKET;X", "A &amp; B fall"),
                                                    ("https://e.com/2", "SPORTS", "A game")))  # fmt: skip
    first = source.poll({})
    assert [(one.key, one.title, one.published_at) for one in first.items] == [("https://e.com/1", "A & B fall", NOON)]
    assert source.poll(first.remember).items == []
    server.put("/20240131121500.gkg.csv.zip", gdelt_file(("https://e.com/3", "ECON_X", "Missed")))
    gdelt_says(server, "20240131124500", gdelt_file(("https://e.com/4", "ECON_X", "New")))
    second = source.poll(first.remember)
    assert [one.title for one in second.items] == ["Missed", "New"] and second.remember == {"stamp": "20240131124500"}
    assert len(second.faults) == 1 and "20240131123000 is missing" in second.faults[0]
    server.put("/20240131130000.gkg.csv.zip", b"")
    gdelt_says(server, "20240131131500", gdelt_file(("https://e.com/5", "ECON_X", "Newer")))
    third = source.poll(second.remember)
    assert [one.title for one in third.items] == ["Newer"] and third.faults == ["the file of 20240131130000 is empty"]


def test_a_title_may_have_what_ends_lines_elsewhere(server: FeedServer, fetcher: Fetcher) -> None:
    title = "Shares fall\u2028again\x85and\x0bagain"
    gdelt_says(server, "20240131120000", gdelt_file(("https://e.com/1", "ECON_X", title)))
    polled = Gdelt([], fetcher, server.url).poll({})
    assert [one.title for one in polled.items] == [title] and not polled.faults


def test_a_gdelt_file_that_is_not_whole_is_read_again(server: FeedServer, fetcher: Fetcher) -> None:
    source = Gdelt([], fetcher, server.url)
    whole = gdelt_file(("https://e.com/1", "ECON_X", "A"))
    gdelt_says(server, "20240131120000", whole[:50], hashlib.md5(whole).hexdigest())
    with pytest.raises(BadAnswer, match="broken off"):
        source.poll({})
    gdelt_says(server, "20240131120000", b"no archive")
    with pytest.raises(BadAnswer, match="cannot be unpacked"):
        source.poll({})
    server.put("/lastupdate.txt", b"<html>")
    with pytest.raises(BadAnswer, match="names no file"):
        source.poll({})


def test_files_in_a_folder_are_read_once_when_they_are_whole(tmp_path: Path) -> None:
    source = Folder(tmp_path, "news", settled_s=60)
    file = tmp_path / "a.csv"
    file.write_text("Headline,date\nProfit fell,2024-01-31\n,2024-01-31\n")
    assert source.poll({}).items == []  # somebody may still be writing it
    os.utime(file, (1_700_000_000, 1_700_000_000))
    (tmp_path / ".hidden").write_text("x")
    first = source.poll({})
    assert [(one.title, one.published_at) for one in first.items] == [("Profit fell", NOON.replace(hour=0))]
    assert first.faults and "row 3, title: it is empty" in first.faults[0]
    assert source.poll(first.remember).items == []
    file.write_text("Headline,date\nProfit rose,2024-01-31\n")
    os.utime(file, (1_700_000_001, 1_700_000_001))
    assert [one.title for one in source.poll(first.remember).items] == ["Profit rose"]
    with pytest.raises(BadAnswer, match="no folder"):
        Folder(tmp_path / "none", "news").poll({})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Headline\nProfit fell\n", "a.csv, row 2, published_at: there is no date; mend it in the file"),
        ("Headline,date\nProfit fell,03/04/2024\n", "'03/04/2024' may be two days; mend it in the file"),
        ("Headline,date\nProfit fell,once\n", "'once' is no date; write 2024-01-31T12:00:00Z; mend it in the file"),
        ("Headline,date\nProfit fell,2924-01-31\n", "the other way round?; mend it in the file"),
        (
            "colour,size\nred,1\n",
            "no column is known to be the title of news (there are 'colour', 'size'); mend it in the file",
        ),
    ],
)
def test_what_is_wrong_with_a_dropped_file_names_no_option_that_a_folder_has_not(
    tmp_path: Path, text: str, told: str
) -> None:
    (tmp_path / "a.csv").write_text(text)
    (fault,) = Folder(tmp_path, "news", settled_s=0).poll({}).faults
    assert told in fault and "'finsent produce --topic news'" in fault
    assert not re.search(r"--(?!topic news)", fault)


def test_a_feed_finds_its_source(fetcher: Fetcher, tmp_path: Path) -> None:
    kinds = [
        (Feed(name="a", url="http://x"), Syndication),
        (Feed(name="a", preset="hackernews"), Interface),
        (Feed(name="a", preset="bluesky"), WebSocket),
        (Feed(name="a", preset="bluesky", watchlist=True), Watched),
        (Feed(name="a", edgar=["8-K"]), Edgar),
        (Feed(name="a", gdelt=[]), Gdelt),
        (Feed(name="a", folder=str(tmp_path)), Folder),
        (Feed(name="a", imap=Imap(host="e.test", user="me", password_env="MAIL_PASSWORD")), Mailbox),
    ]
    for feed, kind in kinds:
        assert isinstance(source_of(feed, fetcher), kind)

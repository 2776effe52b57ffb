"""finsent brief: whose incidents are in it, and that every sentence is a document's."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email import message_from_string
from pathlib import Path

import pytest
from clickhouse_driver import Client

from storage.writes import write_alerts, write_holdings
from tests.support.commands import within

AT = datetime(2024, 1, 31, 12, tzinfo=UTC)
SPAN = ("--since", "2024-01-31", "--until", "2024-02-01")
TITLE = "Apple <b>cuts</b> its *outlook* [again](http://a)"


def row(id_: str, entity: str, severity: str, at: datetime, documents: list[dict[str, object]]) -> dict:
    return {
        "id": id_, "incident": f"of {entity}", "kind": "sentiment_shift", "entity": entity, "direction": "negative",
        "severity": severity, "state": "firing", "at": at, "fired_at": at, "recorded_at": at, "before_mean": 0.6,
        "after_mean": -0.8, "before_documents": 24, "after_documents": 9, "began_at": at, "model_version": "m1",
        "evidence": {"documents": documents},
    }  # fmt: skip


@pytest.fixture
def told(client: Client, configured: None) -> Client:
    """A critical and a lesser alert about Apple, which are one incident, a notice about JPMorgan, and an older one."""

    first = {"document_id": "d1", "source": "wire", "title": TITLE, "published_at": "2024-01-31T11:58:00Z",
             "url": "https://example.com/1"}  # fmt: skip
    second = {
        "document_id": "d2",
        "source": "board",
        "text": "Not good. More of it here.",
        "url": "javascript:alert(1)",
    }
    rows = [
        row("n1", "JPM", "notice", AT - timedelta(hours=2), []),
        row("a1", "AAPL", "warning", AT, [second]),
        row("a2", "AAPL", "critical", AT + timedelta(hours=1), [second, first]),
        row("o1", "MSFT", "critical", AT - timedelta(days=3), []),
    ]
    write_alerts(client, rows)
    write_holdings(client, [("technology", "AAPL", 5e6, "USD", None, AT - timedelta(days=1))])
    return client


def test_a_brief_has_the_desk_s_incidents_and_sentences_of_documents(told: Client, tmp_path: Path) -> None:
    text = within("brief", *SPAN).stdout
    assert text.index("## Apple (critical)") < text.index("## JPMorgan (notice)")
    assert "Microsoft" not in text and text.count("## ") == 2
    assert (
        "- Apple \\<b>cuts\\</b> its \\*outlook\\* \\[again\\](http://a) ([wire, 2024-01-31 11:58 UTC](<https" in text
    )
    assert text.count("cuts") == 1 and "(<https://example.com/1>)" in text
    assert text.index("cuts") < text.index("- Not good. (board)")  # a title before a post that came first
    assert "More of it" not in text and "javascript" not in text
    assert "exposure: technology 5,000,000 USD" in text
    one_incident = text[text.index("One incident with 2 alerts:") : text.index("exposure:")]
    part = r"- \*\*AAPL: sentiment turned negative\*\* \((\w+), 2024-01-31 (\d\d:00) UTC\): \+0.60"
    assert re.findall(part, one_incident) == [("warning", "12:00"), ("critical", "13:00")]
    assert text.count("One incident") == 1 and "\\-" not in text and "d1" not in text
    desk = within("brief", *SPAN, "--desk", "financials").stdout
    assert "JPMorgan" in desk and "Apple" not in desk
    page = within("brief", *SPAN, "--format", "html").stdout
    assert page.count("One incident with 2 alerts:</p><ul><li><strong>AAPL: sentiment turned") == 1
    assert "Apple &lt;b&gt;cuts" in page and 'href="https://example.com/1"' in page and "javascript" not in page
    within("brief", *SPAN, "--format", "email", "--out", str(tmp_path / "brief.eml"))
    message = message_from_string((tmp_path / "brief.eml").read_text())
    assert message["Subject"].startswith("Brief for all desks, 2024-01-31 00:00 to")
    assert [part.get_content_type() for part in message.get_payload()] == ["text/plain", "text/html"]


def test_documents_from_before_a_brief_s_time_are_counted_and_told_only_where_nothing_newer_is(told: Client) -> None:
    """Both of Apple's documents count for a brief that begins later; JPMorgan's alert rests on an old one alone."""
    later = within("brief", "--since", "2024-01-31T11:59:00Z", "--until", "2024-02-01").stdout
    assert "1 older document is left out: published before 2024-01-31 11:59 UTC." in later
    assert "cuts" not in later and "- Not good." in later
    old = {
        "document_id": "d3",
        "source": "wire",
        "title": "1. The *old* news & &amp;",
        "published_at": "2023-05-01T08:00:00Z",
    }
    write_alerts(told, [row("n2", "JPM", "notice", AT, [old])])
    text = within("brief", *SPAN).stdout
    assert "Nothing that was published since 2024-01-31 00:00 UTC is about it; from before:" in text
    assert "- 1\\. The \\*old\\* news & \\&amp; (wire, 2023-05-01 08:00 UTC)" in text
    assert "Nothing that was published since" in within("brief", *SPAN, "--format", "html").stdout


def test_a_brief_of_nothing_and_for_nobody(told: Client) -> None:
    assert "No alert fired." in within("brief").stdout
    assert "No alert fired." in within("brief", "--since", "2024-01-31", "--until", "2024-01-31T01:00:00Z").stdout
    done = within("brief", "--desk", "nobody")
    assert done.returncode == 1 and "there is no desk 'nobody'; there are consumer" in done.stderr

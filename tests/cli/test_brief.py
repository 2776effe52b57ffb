"""finsent brief: whose incidents are in it, and that every sentence is a document's."""

from __future__ import annotations

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


@pytest.fixture
def told(client: Client, configured: None) -> Client:
    """A critical and a lesser alert about Apple, which are one incident, a notice about JPMorgan, and an older one."""

    def alert(id_: str, entity: str, severity: str, at: datetime, documents: list[dict[str, object]]) -> dict:
        return {
            "id": id_, "incident": f"of {entity}", "kind": "sentiment_shift", "entity": entity, "direction": "negative",
            "severity": severity, "state": "firing", "at": at, "fired_at": at, "recorded_at": at, "before_mean": 0.6,
            "after_mean": -0.8, "before_documents": 24, "after_documents": 9, "began_at": at, "model_version": "m1",
            "evidence": {"documents": documents},
        }  # fmt: skip

    first = {"document_id": "d1", "source": "wire", "title": TITLE, "published_at": "2024-01-31T11:58:00Z",
             "url": "https://example.com/1"}  # fmt: skip
    second = {
        "document_id": "d2",
        "source": "board",
        "text": "Not good. More of it here.",
        "url": "javascript:alert(1)",
    }
    rows = [
        alert("n1", "JPM", "notice", AT - timedelta(hours=2), []),
        alert("a1", "AAPL", "warning", AT, [first]),
        alert("a2", "AAPL", "critical", AT + timedelta(hours=1), [first, second]),
        alert("o1", "MSFT", "critical", AT - timedelta(days=3), []),
    ]
    write_alerts(client, rows)
    write_holdings(client, [("technology", "AAPL", 5e6, "USD", None, AT - timedelta(days=1))])
    return client


def test_a_brief_has_the_desk_s_incidents_and_sentences_of_documents(told: Client, tmp_path: Path) -> None:
    text = within("brief", *SPAN).stdout
    assert text.index("## Apple (critical)") < text.index("## JPMorgan (notice)")
    assert "Microsoft" not in text and text.count("## ") == 2
    assert "Apple \\<b\\>cuts\\</b\\> its \\*outlook\\* \\[again\\]\\(http://a\\)" in text
    assert text.count("cuts") == 1 and "(<https://example.com/1>)" in text
    assert "- Not good. (board, d2)" in text and "More of it" not in text and "javascript" not in text
    assert "exposure: technology 5,000,000 USD" in text
    desk = within("brief", *SPAN, "--desk", "financials").stdout
    assert "JPMorgan" in desk and "Apple" not in desk
    page = within("brief", *SPAN, "--format", "html").stdout
    assert "Apple &lt;b&gt;cuts" in page and 'href="https://example.com/1"' in page and "javascript" not in page
    within("brief", *SPAN, "--format", "email", "--out", str(tmp_path / "brief.eml"))
    message = message_from_string((tmp_path / "brief.eml").read_text())
    assert message["Subject"].startswith("Brief for all desks, 2024-01-31 00:00 to")
    assert [part.get_content_type() for part in message.get_payload()] == ["text/plain", "text/html"]


def test_a_brief_of_nothing_and_for_nobody(told: Client) -> None:
    assert "No alert fired." in within("brief").stdout
    assert "No alert fired." in within("brief", "--since", "2024-01-31", "--until", "2024-01-31T01:00:00Z").stdout
    done = within("brief", "--desk", "nobody")
    assert done.returncode == 1 and "there is no desk 'nobody'; there are consumer" in done.stderr

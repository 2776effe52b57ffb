"""A worker that watches currencies, commodities and central banks beside companies: from the broker to the views."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy.local import Service
from stream.kafka import produce
from tests.support import Asking, data_folder, eventually, kafka_at

TITLES = {
    "1": "Boeing files for bankruptcy protection as the dollar falls and oil prices crash",
    "2": "Fed raises rates again, Powell says",
    "3": "A gold medal, a pound of butter and a turkey sandwich",
}


@pytest.fixture(scope="module")
def service(shipped: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    data = data_folder(tmp_path_factory.mktemp("markets"), shipped)
    extra = {"FINSENT_WATCHLIST": "companies,markets", "STREAM_ALERTS": "false"}
    with Service(data, extra=extra) as started:
        yield started


def test_what_a_text_names_is_scored_and_can_be_asked_for_by_its_type(service: Service, tmp_path: Path):
    now = datetime.now(UTC).isoformat()
    lines = [
        json.dumps({"id": n, "source": "desk", "title": title, "published_at": now}) for n, title in TITLES.items()
    ]
    path = tmp_path / "news.jsonl"
    path.write_text("\n".join(lines) + "\n")
    assert produce(path, "news", kafka_at(service.stack.kafka_bootstrap)).acknowledged == 3
    client = Asking(service.stack.clickhouse_url)
    eventually(lambda: client.execute("SELECT count() FROM documents") == [(3,)], 60, "the documents are stored")
    found = dict(client.execute("SELECT document_id, mentions.entity FROM documents"))
    assert found == {
        "1": ["BA", "currency:USD", "commodity:OIL"], "2": ["central_bank:FED", "person:JEROME_POWELL"], "3": [],
    }  # fmt: skip
    assert client.execute("SELECT count() FROM mentions WHERE label = 'unscored'") == [(0,)]
    assert client.execute("SELECT DISTINCT entity FROM events") == [("BA",)], "events are of companies"
    own = (
        "SELECT d.sentiment = m.sentiment FROM documents AS d INNER JOIN mentions AS m USING (document_id) "
        "WHERE entity = 'BA'"
    )
    assert client.execute(own) == [(1,)], "the score of the one company is the document's"
    scopes = client.execute("SELECT scope, name FROM sentiment_now WHERE kind = 'all' ORDER BY scope, name")
    assert {("entity", "BA"), ("currency", "currency:USD"), ("person", "person:JEROME_POWELL")} <= set(scopes)
    assert [name for scope, name in scopes if scope == "sector"] == ["Industrials"]
    banks = (
        "SELECT entity FROM mentions WHERE entity IN (SELECT ticker FROM watchlist WHERE entity_type = 'central_bank')"
    )
    assert client.execute(banks) == [("central_bank:FED",)]

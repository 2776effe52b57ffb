"""The daily digest: when it is due, what is in it, and that it is sent once."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from clickhouse_driver import Client

from alerts.receivers.digests import turn, worst_first
from alerts.receivers.notifier import Notifier
from alerts.rules import BadRules, Rules
from alerts.rules_file import doubts, read_rules
from documents import Document, Mention, Position
from documents.events import Event, EventRole, EventState
from settings import ClickHouseSettings
from storage import connect, write_documents
from storage.reads import digests_done
from storage.writes import acknowledge, add_silence, write_alerts, write_deliveries, write_holdings
from tests.alerts.test_receivers import NOW, Server, another, notifier, outcomes, server, settled, transition
from tests.support import eventually

__all__ = ["notifier", "server"]
CLOCK = f"{NOW:%H:%M}"
"""A digest of this time is due at once, and again in a day."""

BEFORE = NOW.replace(second=0) - timedelta(minutes=1)


def rules(server: Server, more: str = "", defaults: str = f'{{digest: "{CLOCK}"}}') -> Rules:
    return read_rules(f"""
receivers:
  - {{name: hook, type: webhook, url: "{server.url}/hook", private_addresses: true}}
  - {{name: chat, type: slack, url: "{server.url}/chat", private_addresses: true}}
defaults: {defaults}
rules: [{{name: all, severity: critical, receivers: [hook{more}]}}]
""")


def digests(server: Server) -> list[dict]:
    bodies = [json.loads(body) for path, _, body in server.got if path == "/hook"]
    return [body["digest"] for body in bodies if "digest" in body]


def both_digests(client: Client) -> None:
    """Wait until both receivers were sent one."""
    eventually(
        lambda: {key[2] for key in outcomes(client) if key[1] == "digest"} == {"hook", "chat"}, 60, "two digests"
    )


def test_it_is_due_once_a_day_by_the_clock_of_its_place():
    def due(moment: str) -> list[str]:
        return [one.isoformat() for one in turn("07:00 Europe/Zurich", datetime.fromisoformat(moment))]

    assert due("2026-01-10T05:59:59+00:00") == ["2026-01-09T07:00:00+01:00", "2026-01-08T07:00:00+01:00"]
    assert due("2026-01-10T06:00:00+00:00") == ["2026-01-10T07:00:00+01:00", "2026-01-09T07:00:00+01:00"]
    # The clocks change on 29 March: the day between two digests has 23 hours.
    late, early = turn("07:00 Europe/Zurich", datetime.fromisoformat("2026-03-29T12:00:00+00:00"))
    assert late.astimezone(UTC) - early.astimezone(UTC) == timedelta(hours=23)
    assert turn("07:00", NOW.replace(hour=8))[0] == NOW.replace(hour=7, minute=0, second=0)


def test_the_worst_is_first_and_an_incident_stays_together():
    def row(id_: str, severity: str, incident: str, held: float = 0.0) -> dict:
        return {
            "id": id_,
            "severity": severity,
            "incident": incident,
            "fired_at": NOW,
            "exposure": [{"exposure": held}],
        }

    rows = [
        row("a", "notice", "x"), row("b", "warning", "y"), row("c", "notice", "z", -9.0), row("d", "notice", "y"),
        row("e", "warning", "w", 5.0),
    ]  # fmt: skip
    assert [one["id"] for one in worst_first(rows)] == ["e", "b", "d", "c", "a"]


def test_it_has_what_was_not_sent_by_itself_and_is_sent_once_by_several_workers(
    client: Client, clickhouse_url: str, server: Server
):
    times = {"recorded_at": BEFORE}
    write_alerts(client, [
        transition(1, **times), transition(1, "resolved", **times), transition(2, severity="critical", **times),
        transition(3, entity="GM", **times), transition(4, entity="OLD", recorded_at=BEFORE - timedelta(days=2)),
        transition(5, entity="QUIET", **times), transition(6, "pending", entity="WAITS", **times),
        transition(7, entity="GM", incident="another", **times),
    ])  # fmt: skip
    write_deliveries(client, [("a2", "firing", "hook", "sent", 1, "")])
    write_holdings(client, [("funds", "GM", 5e6, "USD", None, BEFORE)])
    acknowledge(client, ["a1"], "ana")
    add_silence(client, "QUIET", "", NOW - timedelta(minutes=5), NOW + timedelta(hours=1), "ana")
    told = rules(server, ", chat")
    workers = [another(clickhouse_url) for _ in range(3)]
    clients = [connect(ClickHouseSettings(url=clickhouse_url)) for _ in workers]
    threads = [threading.Thread(target=worker, args=(own, told)) for worker, own in zip(workers, clients, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    both_digests(client)
    restarted = another(clickhouse_url)
    for _ in range(2):
        restarted(client, told)
    for worker in [*workers, restarted]:
        worker.stop()
    (digest,) = digests(server)
    assert [row["id"] for row in digest["alerts"]] == ["a3", "a7", "a1"] and digest["more"] == 0
    assert digest["alerts"][0]["exposure"][0]["exposure"] == 5e6
    assert digest["alerts"][2]["acknowledged_by"] == "ana" and digest["alerts"][2]["state"] == "resolved"
    assert "sent_to" not in digest["alerts"][0]
    texts = [json.loads(body) for path, _, body in server.got if path == "/chat"]
    (chat,) = [one for one in texts if one["text"].startswith("Digest")]
    assert len(texts) == 2  # the critical alert came by itself
    assert "3 alerts at 2 companies" in chat["text"] and len(chat["blocks"]) == 4
    assert "A &lt;bad&gt; story [bad]" in chat["blocks"][1]["text"]["text"]


def test_it_tells_what_else_happened_without_an_alert(client: Client, notifier: Notifier, server: Server):
    def told(number: int, entity: str, type_: str, severity: int = 2, probability: float = 0.95, **of: Any) -> Document:
        made = Document(Position("news", "id", 0, number), document_id=f"d{number}", story_id=number, source="wire")
        made.title, made.published_at = f"Story <{number}>", NOW - timedelta(hours=2) + timedelta(minutes=number)
        made.label, made.mentions = "neutral", [Mention(entity, entity, "name", "neutral", 0.1, 0.8, 0.1, 0.0)]
        made.events = [Event(entity, type_, probability, EventRole.SUBJECT, EventState.HAPPENED, 80, severity, 0)]
        for name, value in of.items():
            setattr(made, name, value)
        return made

    write_documents(client, [
        told(1, "BA", "chief_arrives"), told(2, "BA", "chief_arrives"), told(3, "GM", "strike", severity=3),
        told(4, "GM", "dividend_raised", probability=0.7),  # too unsure
        told(5, "GM", "buyback", published_at=NOW - timedelta(days=3)),
        told(6, "BA", "order_won"),  # an alert tells of it
        told(7, "QUIET", "chief_arrives"),
    ])  # fmt: skip
    write_alerts(client, [transition(1, kind="event", topic="order_won", recorded_at=BEFORE)])
    add_silence(client, "QUIET", "", NOW - timedelta(minutes=5), NOW + timedelta(hours=1), "ana")
    notifier(client, rules(server, ", chat"))
    both_digests(client)
    (digest,) = digests(server)
    assert [(one["entity"], one["type"], one["stories"]) for one in digest["events"]] == [
        ("GM", "strike", 1), ("BA", "chief_arrives", 2)
    ]  # fmt: skip
    assert digest["events"][1]["title"] == "Story <1>"
    texts = [json.loads(body) for path, _, body in server.got if path == "/chat"]
    (chat,) = [one for one in texts if one["text"].startswith("Digest")]
    last = chat["blocks"][-1]["text"]["text"].splitlines()
    assert last[1:] == [
        "GM: strike (wire): Story &lt;3&gt;", "BA: chief arrives (wire, 2 stories): Story &lt;1&gt;"
    ]  # fmt: skip


def test_an_alert_that_another_worker_is_sending_is_in_no_digest(
    client: Client, clickhouse_url: str, server: Server, monkeypatch: pytest.MonkeyPatch
):
    write_alerts(client, [transition(1, severity="critical", recorded_at=BEFORE), transition(2, recorded_at=BEFORE)])
    first, second = another(clickhouse_url), another(clickhouse_url)
    server.gate.clear()  # the first worker's message is under way as long as nobody answers
    first(client, rules(server, defaults="{}"))
    eventually(lambda: len(server.got) == 1, 60, "the first worker's message")

    def when_the_claim_is_lost(*of: Any) -> Any:
        eventually(lambda: not second._under_way, 60, "the second worker to see that the message is claimed")
        return digests_done(*of)

    monkeypatch.setattr("alerts.receivers.notifier.digests_done", when_the_claim_is_lost)
    second(client, rules(server))
    eventually(lambda: digests(server), 60, "the digest")
    server.gate.set()
    settled(client, 2)
    first.stop(), second.stop()
    (digest,) = digests(server)
    assert [row["id"] for row in digest["alerts"]] == ["a2"]


def test_a_quiet_day_says_so_and_a_failed_digest_is_tried_again(client: Client, notifier: Notifier, server: Server):
    server.statuses = [503]
    told = rules(server)
    notifier(client, told)
    eventually(lambda: len(digests(server)) == 2, 60, "the second try")
    assert [digest["alerts"] for digest in digests(server)] == [[], []]
    assert list(settled(client, 1).values()) == [("sent", 2)]
    assert len({headers["webhook-id"] for _, headers, _ in server.got}) == 1


@pytest.mark.parametrize(
    ("wrong", "said"),
    [("7:00", "digest"), ("07:00 Europe/Zurch", "'Europe/Zurch' is no time zone"), ("25:00", "digest")],
)
def test_a_bad_clock_is_refused(wrong: str, said: str):
    with pytest.raises(BadRules, match=said):
        read_rules(f'rules: [{{name: all, digest: "{wrong}"}}]')


def test_a_digest_that_reaches_nobody_is_doubted():
    text = 'receivers: [{name: am, type: alertmanager, url: "https://x"}]\nrules: [{name: all, receivers: [am]%s}]'
    assert doubts(read_rules(text % ""), {}) == []
    (said,) = doubts(read_rules(text % ', digest: "07:00"'), {})
    assert "none of its receivers takes a digest" in said

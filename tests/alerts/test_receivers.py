"""Receivers against real servers on loopback: what is sent, to whom, how often, and what is not."""

from __future__ import annotations

import hmac
import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from clickhouse_driver import Client

from alerts.receivers import Refused
from alerts.receivers.addresses import is_public, open_socket
from alerts.receivers.notifier import Notifier
from alerts.receivers.wording import exposure_lines, incident_lines, title
from alerts.rules import Rules
from alerts.rules_file import read_rules
from settings import ClickHouseSettings
from storage import connect
from storage.reads import exposures
from storage.writes import acknowledge, add_silence, write_alerts, write_deliveries, write_holdings
from tests.support import eventually

NOW = datetime.now(UTC).replace(microsecond=0)


class Server:
    """A real HTTP server; ``statuses`` are its next answers, then 200; a clear ``gate`` holds answers back."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        self.statuses: list[int] = []
        self.gate = threading.Event()
        self.gate.set()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                server.got.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                server.gate.wait(20)
                self.send_response(server.statuses.pop(0) if server.statuses else 200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.gate.set()
        self._http.shutdown()


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


@pytest.fixture
def notifier(clickhouse_url: str) -> Iterator[Notifier]:
    made = another(clickhouse_url)
    yield made
    made.stop()


def another(url: str) -> Notifier:
    return Notifier(lambda: connect(ClickHouseSettings(url=url)), {"KEY": "secret"}, (0.01, 0.02))


def rules(*receivers: str, rule: str = "") -> Rules:
    names = [line.split("name: ")[1].split(",")[0] for line in receivers]
    lines = "\n".join(f"  - {{{line}, private_addresses: true}}" for line in receivers)
    return read_rules(f"receivers:\n{lines}\nrules:\n  - {{name: all, receivers: [{', '.join(names)}]{rule}}}\n")


def transition(number: int, state: str = "firing", entity: str = "BA", **changes: Any) -> dict[str, Any]:
    evidence = {"documents": [{"title": "A <bad> story", "sentiment": -0.9, "source": "s", "words": ["bad"]}],
                "topics": [{"topic": "safety", "before": 0.02, "after": 0.31, "documents": 4}],
                "before_interval": [0.0, 0.2], "query": "SELECT 1"}  # fmt: skip
    return {
        "id": f"a{number}", "kind": "sentiment_shift", "entity": entity, "topic": "", "direction": "negative",
        "severity": "warning", "state": state, "fired_at": NOW, "at": NOW + timedelta(minutes=state == "resolved"),
        "recorded_at": NOW, "before_mean": 0.1, "after_mean": -0.5, "before_documents": 30, "after_documents": 12,
        "began_at": NOW, "model_version": "m1", "evidence": evidence, "incident": f"of {entity}",
    } | changes  # fmt: skip


def outcomes(client: Client) -> dict[tuple[str, str, str], tuple[str, int]]:
    rows = client.execute("SELECT id, state, receiver, outcome, attempts FROM alert_deliveries FINAL")
    return {row[:3]: row[3:] for row in rows}


def settled(client: Client, count: int) -> dict[tuple[str, str, str], tuple[str, int]]:
    return eventually(lambda: len(found := outcomes(client)) >= count and found, 20, "the outcomes")


def test_a_signed_webhook_is_tried_again_and_sent_once(client: Client, notifier: Notifier, server: Server):
    server.statuses = [503, 429]
    told = rules(f'name: hook, type: webhook, url: "{server.url}/in?x=1", secret_env: KEY')
    write_alerts(client, [transition(1), transition(2, kind="buzz")])
    notifier(client, told)
    assert settled(client, 2) == {(f"a{n}", "firing", "hook"): ("sent", 3) for n in (1, 2)}
    notifier(client, told)
    path, headers, body = server.got[-1]
    assert len(server.got) == 3 and path == "/in?x=1"
    # Two alerts about one company are one message.
    assert [row["id"] for row in json.loads(body)["alerts"]] == ["a1", "a2"]
    assert len({headers["webhook-id"] for _, headers, _ in server.got}) == 1
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    import base64

    assert headers["webhook-signature"] == "v1," + base64.b64encode(hmac.digest(b"secret", signed, sha256)).decode()


def test_a_new_part_of_an_incident_is_an_update_for_those_who_know_it(
    client: Client, notifier: Notifier, server: Server
):
    told = rules(f'name: hook, type: webhook, url: "{server.url}"')
    event = {"kind": "event", "topic": "raid", "evidence": {"documents": [], "event": {"state": "happened"}}}
    write_alerts(client, [transition(1), transition(2, entity="GM", incident="another")])
    notifier(client, told)
    settled(client, 2)
    write_alerts(client, [transition(3, **event), transition(4, entity="GM", incident="a third", **event)])
    notifier(client, told)
    settled(client, 4)
    rows = {row["id"]: row for _, _, body in server.got for row in json.loads(body)["alerts"]}
    assert {name: row["update"] for name, row in rows.items()} == {"a1": False, "a2": False, "a3": True, "a4": False}
    assert "incident_told" not in rows["a3"] and rows["a3"]["incident"] == "of BA"
    assert [title(rows[name]) for name in ("a3", "a4")] == ["BA: raid (part of the same incident)", "GM: raid"]


def test_consequences_of_a_told_incident_are_no_message_unless_they_are_worse(
    client: Client, notifier: Notifier, server: Server
):
    told = rules(f'name: hook, type: webhook, url: "{server.url}"')
    write_alerts(client, [transition(1)])
    notifier(client, told)
    settled(client, 1)
    topic = {"kind": "topic_shift", "topic": "fraud", "direction": "up"}
    elsewhere = transition(4, kind="buzz", entity="GM")
    write_alerts(client, [transition(2, kind="buzz", severity="notice"), transition(3, **topic), elsewhere])
    notifier(client, told)
    found = settled(client, 4)
    assert {key[0]: outcome for key, (outcome, _) in found.items()} == {
        "a1": "sent", "a2": "held", "a3": "held", "a4": "sent",
    }  # fmt: skip
    raised = transition(3, "escalated_to_critical", severity="critical", at=NOW + timedelta(seconds=30), **topic)
    write_alerts(client, [raised, transition(2, "resolved", kind="buzz", severity="notice")])
    notifier(client, told)
    found = settled(client, 6)
    assert found["a3", "escalated_to_critical", "hook"][0] == "sent" and found["a2", "resolved", "hook"][0] == "held"
    (row,) = json.loads(server.got[-1][2])["alerts"]
    assert row["update"] and [part["id"] for part in row["parts"]] == ["a1", "a2", "a3"]
    (line,) = incident_lines({**row, "parts": [{**part, "fired_at": NOW} for part in row["parts"]]})
    assert f"sentiment turned negative (warning, {NOW:%Y-%m-%d %H:%M} UTC), far more talk than usual (notice" in line


def test_exposure_routes_and_is_told_and_who_was_told_hears_of_the_end(
    client: Client, notifier: Notifier, server: Server
):
    write_holdings(client, [("funds", "BA", 12_500_000.0, "USD", None, NOW), ("tech", "BA", -1e6, "USD", None, NOW)])
    told = read_rules(f"""
receivers:
  - {{name: phone, type: webhook, url: "{server.url}/phone", private_addresses: true}}
  - {{name: chat, type: slack, url: "{server.url}/chat", private_addresses: true}}
rules:
  - {{name: large, exposure: ">= 10000000", receivers: [phone]}}
  - {{name: rest, receivers: [chat], severity: critical}}
""")
    told.hold(exposures(client))
    write_alerts(client, [transition(1), transition(2, entity="GM", severity="critical")])
    notifier(client, told)
    settled(client, 2)
    bodies = {path: json.loads(body) for path, _, body in server.got}
    (row,) = bodies["/phone"]["alerts"]
    assert [(one["desk"], one["exposure"]) for one in row["exposure"]] == [("funds", 12_500_000), ("tech", -1_000_000)]
    assert exposure_lines(row) == ["exposure: funds 12,500,000 USD, tech -1,000,000 USD"]
    assert "GM" in bodies["/chat"]["text"] and "exposure" not in str(bodies["/chat"])
    # The position is sold: another rule holds, but the phone is told that the alert is over, and the chat is not.
    write_holdings(client, [("funds", "BA", 0.0, "USD", None, NOW + timedelta(milliseconds=1))])
    told.hold(exposures(client))
    write_alerts(client, [transition(1, "resolved")])
    notifier(client, told)
    assert settled(client, 5)[("a1", "resolved", "phone")] == ("sent", 1)
    assert outcomes(client)[("a1", "resolved", "chat")] == ("held", 0)
    assert [path for path, _, _ in server.got[2:]] == ["/phone"]


def test_given_up_after_the_last_try_or_a_refusal(client: Client, notifier: Notifier, server: Server):
    server.statuses = [500, 500]
    write_alerts(client, [transition(1)])
    notifier(client, rules(f'name: hook, type: webhook, url: "{server.url}", attempts: 2'))
    assert settled(client, 1)["a1", "firing", "hook"] == ("dead", 2)
    server.statuses = [400]
    write_alerts(client, [transition(2)])
    notifier(client, rules(f'name: hook, type: webhook, url: "{server.url}"'))
    assert settled(client, 2)["a2", "firing", "hook"] == ("dead", 1)


def test_a_slow_receiver_delays_nobody(client: Client, notifier: Notifier, server: Server):
    quick = Server()
    server.gate.clear()
    told = rules(f'name: slow, type: webhook, url: "{server.url}"', f'name: quick, type: slack, url: "{quick.url}"')
    write_alerts(client, [transition(1), transition(2, entity="WMT")])
    started = time.monotonic()
    notifier(client, told)
    assert time.monotonic() - started < 5
    eventually(lambda: len(quick.got) == 2, 10, "the quick receiver has both")
    assert not [key for key in outcomes(client) if key[2] == "slow"]
    blocks = json.loads(quick.got[0][2])["blocks"]
    assert [block["type"] for block in blocks] == ["header", "section", "context", "divider"]
    assert "topics that rose: safety 2% to 31%" in blocks[1]["text"]["text"]
    assert "&lt;bad&gt;" in blocks[1]["text"]["text"]
    server.gate.set()
    settled(client, 4)
    quick.close()


def test_a_restarted_and_a_second_worker_send_nothing_twice(client: Client, clickhouse_url: str, server: Server):
    told = rules(f'name: hook, type: webhook, url: "{server.url}"')
    write_alerts(client, [transition(n, entity=f"E{n}") for n in range(5)])
    workers = [another(clickhouse_url) for _ in range(3)]
    clients = [connect(ClickHouseSettings(url=clickhouse_url)) for _ in workers]
    threads = [threading.Thread(target=worker, args=(own, told)) for worker, own in zip(workers, clients, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    settled(client, 5)
    restarted = another(clickhouse_url)
    restarted(client, told)
    assert sorted(json.loads(body)["alerts"][0]["id"] for _, _, body in server.got) == [f"a{n}" for n in range(5)]
    for worker in [*workers, restarted]:
        worker.stop()


def test_what_another_worker_sent_while_it_waited_here_is_not_sent_again(
    client: Client, notifier: Notifier, server: Server
):
    told = rules(f'name: hook, type: webhook, url: "{server.url}"')
    server.gate.clear()
    write_alerts(client, [transition(1)])
    notifier(client, told)
    eventually(lambda: server.got, 20, "the first message is under way")
    write_alerts(client, [transition(2, entity="GM")])
    notifier(client, told)  # it waits behind the first one
    write_deliveries(client, [("a2", "firing", "hook", "sent", 7, "")])
    server.gate.set()
    settled(client, 2)
    write_alerts(client, [transition(3, entity="T")])
    notifier(client, told)
    settled(client, 3)
    assert [json.loads(body)["alerts"][0]["id"] for _, _, body in server.got] == ["a1", "a3"]


def test_alertmanager_hears_the_end_with_the_labels_of_the_beginning(
    client: Client, notifier: Notifier, server: Server
):
    told = rules(f'name: am, type: alertmanager, url: "{server.url}/"')
    write_alerts(client, [transition(1)])
    notifier(client, told)
    settled(client, 1)
    write_alerts(client, [transition(1, "resolved")])
    notifier(client, told)
    settled(client, 2)
    assert {path for path, _, _ in server.got} == {"/api/v2/alerts"}
    begun, ended = (json.loads(body)[0] for _, _, body in server.got)
    assert begun["labels"] == ended["labels"] and begun["startsAt"] == ended["startsAt"]
    assert datetime.fromisoformat(begun["endsAt"]) > NOW + timedelta(days=1)
    assert datetime.fromisoformat(ended["endsAt"]) <= datetime.now(UTC) + timedelta(seconds=1)


def test_silence_acknowledgement_and_severity_hold_back(client: Client, notifier: Notifier, server: Server):
    told = rules(f'name: hook, type: webhook, url: "{server.url}"', rule=", severity: warning")
    add_silence(client, "AAA", "", NOW - timedelta(minutes=1), NOW + timedelta(hours=1), "ana")
    acknowledge(client, ["a2"], "ana")
    write_alerts(
        client,
        [
            transition(1, entity="AAA"),
            transition(2, entity="BBB"),
            transition(3, severity="notice"),
            transition(4, entity="CCC"),
        ],
    )
    notifier(client, told)
    found = settled(client, 3)
    assert {key[0]: value[0] for key, value in found.items()} == {"a2": "held", "a3": "held", "a4": "sent"}
    # Silenced and still firing, it waits for the silence's end; over meanwhile, nobody is told.
    write_alerts(client, [transition(1, "resolved", entity="AAA")])
    notifier(client, told)
    assert settled(client, 4)["a1", "firing", "hook"][0] == "held"
    assert len(server.got) == 1


def test_who_hears_of_critical_ones_alone_hears_of_an_escalation_and_of_the_end(
    client: Client, notifier: Notifier, server: Server
):
    told = rules(f'name: hook, type: webhook, url: "{server.url}"', rule=", severity: critical")
    steps = [
        transition(1, severity="notice"),
        transition(1, "escalated_to_critical", severity="critical", at=NOW + timedelta(seconds=30)),
        transition(1, "resolved", severity="critical"),
    ]
    for count, step in enumerate(steps, 1):
        write_alerts(client, [step])
        notifier(client, told)
        found = settled(client, count)
    assert {state: outcome for (_, state, _), (outcome, _) in found.items()} == {
        "firing": "held", "escalated_to_critical": "sent", "resolved": "sent",
    }  # fmt: skip
    heard = [json.loads(body)["alerts"][0] for _, _, body in server.got]
    assert [row["state"] for row in heard] == ["escalated_to_critical", "resolved"]
    assert title(heard[0]) == "BA: sentiment turned negative: critical by now"


def test_alertmanager_routes_an_escalated_alert_anew(client: Client, notifier: Notifier, server: Server):
    told = rules(f'name: am, type: alertmanager, url: "{server.url}/"')
    raised = transition(1, "escalated_to_critical", severity="critical", at=NOW + timedelta(seconds=30))
    raised["evidence"]["escalated_from"] = "warning"
    for count, step in enumerate([transition(1), raised, transition(1, "resolved", severity="critical")], 1):
        write_alerts(client, [step])
        notifier(client, told)
        settled(client, count)
    (begun,), (before, after), (ended,) = (json.loads(body) for _, _, body in server.got)
    assert begun["labels"] == before["labels"] and before["endsAt"] <= datetime.now(UTC).isoformat()
    assert after["labels"] == ended["labels"] == begun["labels"] | {"severity": "critical"}
    assert datetime.fromisoformat(after["endsAt"]) > NOW + timedelta(days=1)


def test_a_market_wide_alert_of_days_ago_holds_buzz_back(client: Client, notifier: Notifier, server: Server):
    told = rules(f'name: hook, type: webhook, url: "{server.url}"')
    past = {name: NOW - timedelta(days=4) for name in ("fired_at", "at", "recorded_at")}
    market = transition(1, entity="*", **past)
    write_alerts(client, [market, transition(2, kind="buzz"), transition(3, entity="WMT")])
    notifier(client, told)
    assert settled(client, 1) == {("a3", "firing", "hook"): ("sent", 1)}
    write_alerts(client, [{**market, "state": "resolved", "at": NOW, "recorded_at": NOW}])
    notifier(client, told)
    eventually(lambda: outcomes(client).get(("a2", "firing", "hook")) == ("sent", 1), 20, "the buzz is told")


def test_mail_arrives_with_subject_and_a_lasting_id(client: Client, notifier: Notifier):
    mails = []

    class Handler:
        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
            mails.append(envelope)
            return "250 OK"

    controller = Controller(Handler(), hostname="127.0.0.1", port=0)
    # The controller probes the port that it was given, so it is given a free one.
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        controller.port = probe.getsockname()[1]
    controller.start()
    try:
        told = rules(f'name: mail, type: email, url: "smtp://127.0.0.1:{controller.port}", to: [risk@example.org]')
        write_alerts(client, [transition(1)])
        notifier(client, told)
        assert settled(client, 1)["a1", "firing", "mail"] == ("sent", 1)
    finally:
        controller.stop()
    text = mails[0].content.decode()
    assert mails[0].rcpt_tos == ["risk@example.org"]
    assert "Subject: [warning] BA: sentiment turned negative" in text and "@finsent>" in text and "SELECT 1" in text


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "169.254.169.254", "192.168.0.1", "100.64.0.1", "0.0.0.0", "::1", "fe80::1%eth0",
     "fd00::1", "::ffff:127.0.0.1", "64:ff9b::a9fe:a9fe", "224.0.0.1"],
)  # fmt: skip
def test_private_addresses_are_refused(address: str):
    assert not is_public(address)


def test_names_are_checked_after_they_are_resolved(client: Client, notifier: Notifier, server: Server):
    assert is_public("93.184.216.34") and is_public("2606:2800:220:1:248:1893:25c8:1946")
    with pytest.raises(Refused, match="localhost is the private address"):
        open_socket("localhost", 80, 1, private=False)
    port = server.url.rpartition(":")[2]
    told = read_rules(
        f'receivers: [{{name: hook, type: webhook, url: "http://localhost:{port}"}}]\n'
        "rules: [{name: all, receivers: [hook]}]\n"
    )
    write_alerts(client, [transition(1)])
    notifier(client, told)
    assert settled(client, 1)["a1", "firing", "hook"] == ("dead", 1) and server.got == []

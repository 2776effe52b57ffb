"""finsent alerts ack, silence and check, as people call them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from clickhouse_driver import Client
from typer.testing import CliRunner

from finsent import app
from storage.reads import actions, alerts_now, silences_at, transitions_to_send
from storage.writes import write_alerts, write_deliveries
from tests.alerts.test_receivers import transition

pytestmark = pytest.mark.usefixtures("configured")

RUN = CliRunner()


def test_an_alert_is_acknowledged_and_reopened(client: Client):
    write_alerts(client, [transition(1)])
    done = RUN.invoke(app, ["alerts", "ack", "a1", "--by", "ana", "--note", "hedged"])
    assert done.exit_code == 0, done.output
    assert alerts_now(client)[0]["acknowledged_by"] == "ana"
    assert "acknowledged by" in " ".join(RUN.invoke(app, ["alerts"], env={"COLUMNS": "400"}).output.split())
    RUN.invoke(app, ["alerts", "ack", "a1", "--by", "ana", "--undo"])
    assert alerts_now(client)[0]["acknowledged_by"] == ""
    assert RUN.invoke(app, ["alerts", "ack", "nope", "--by", "ana"]).exit_code != 0
    noted = [(row["user"], row["action"], row["subject"], row["detail"]) for row in reversed(actions(client))]
    assert noted == [("ana", "acknowledged", "a1", "hedged"), ("ana", "reopened", "a1", "")]


def test_a_company_is_silenced_for_a_time(client: Client):
    done = RUN.invoke(app, ["alerts", "silence", "--entity", "BA", "--for", "2h", "--by", "ana"])
    assert done.exit_code == 0, done.output
    (silence,) = silences_at(client, datetime.now(UTC))
    assert (silence["entity"], silence["by"]) == ("BA", "ana")
    assert 7100 < (silence["ends_at"] - datetime.now(UTC)).total_seconds() <= 7200
    assert RUN.invoke(app, ["alerts", "silence", "--for", "soon"]).exit_code != 0


def test_rules_are_checked(tmp_path: Path):
    path = tmp_path / "rules.yaml"
    path.write_text("rules: [{name: all}]")
    assert "1 rule, 0 receivers: good" in RUN.invoke(app, ["alerts", "check", str(path)]).output
    path.write_text("rules: [{name: all}, {name: banks, desks: [financials]}]")
    done = RUN.invoke(app, ["alerts", "check", str(path)])
    assert done.exit_code == 0 and "warning: rule 'banks' never holds" in " ".join(done.output.split())
    path.write_text("rules:\n  - {name: all, threshold: -1}\n")
    done = RUN.invoke(app, ["alerts", "check", str(path)])
    assert done.exit_code != 0


def test_what_was_given_up_is_shown_and_tried_again(client: Client):
    write_alerts(client, [transition(1)])
    write_deliveries(client, [("a1", "firing", "hook", "dead", 5, "answered 503")])
    shown = RUN.invoke(app, ["alerts", "deliveries", "--outcome", "dead", "-f", "csv"])
    assert shown.exit_code == 0 and "hook,dead,5,firing,a1,answered 503" in shown.output
    assert transitions_to_send(client, transition(1)["recorded_at"])[0]["outcomes"] == {"hook": "dead"}
    assert "1 notification is tried again" in RUN.invoke(app, ["alerts", "deliveries", "--again"]).output
    assert transitions_to_send(client, transition(1)["recorded_at"])[0]["outcomes"] == {}
    assert RUN.invoke(app, ["alerts", "deliveries", "--outcome", "lost"]).exit_code == 2

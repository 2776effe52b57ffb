"""finsent alerts ack, silence and check, as people call them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from clickhouse_driver import Client
from typer.testing import CliRunner

from documents import Search
from finsent import app
from storage.reads import actions, alerts_now, silences_at, transitions_to_send
from storage.writes import save_search, write_alerts, write_deliveries
from tests.alerts.test_receivers import transition
from tests.support.commands import within

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


def test_a_saved_search_is_printed_as_a_rule_that_a_file_takes(client: Client, tmp_path: Path):
    save_search(client, "ana", "boeing", Search("boeing recall wings"))
    save_search(client, "ana", "words", Search("wings"))
    done = within("alerts", "rule-from-search", "boeing", "--by", "ana")
    assert done.returncode == 0 and done.stderr.startswith('not in the rule: the word "wings"'), done
    path = tmp_path / "rules.yaml"
    path.write_text(f"rules:\n{done.stdout}  - {{name: the rest}}\n")
    checked = RUN.invoke(app, ["alerts", "check", str(path)])
    assert checked.exit_code == 0 and "boeing: BA; to the topic" in checked.output and "warning" not in checked.output
    assert "words" in within("alerts", "rule-from-search", "--by", "ana").stdout
    done = within("alerts", "rule-from-search", "words", "--by", "ana")
    assert done.returncode == 1 and done.stdout == "" and "no rule can say any part" in done.stderr
    for who, told in (("ana", "these are: boeing, words"), ("ben", "--by names who saved it")):
        done = within("alerts", "rule-from-search", "none", "--by", who)
        assert done.returncode == 1 and told in done.stderr


def test_what_was_given_up_is_shown_and_tried_again(client: Client):
    write_alerts(client, [transition(1)])
    write_deliveries(client, [("a1", "firing", "hook", "dead", 5, "answered 503")])
    shown = RUN.invoke(app, ["alerts", "deliveries", "--outcome", "dead", "-f", "csv"])
    assert shown.exit_code == 0 and "hook,dead,5,firing,a1,answered 503" in shown.output
    assert transitions_to_send(client, transition(1)["recorded_at"])[0]["outcomes"] == {"hook": "dead"}
    assert "1 notification is tried again" in RUN.invoke(app, ["alerts", "deliveries", "--again"]).output
    assert transitions_to_send(client, transition(1)["recorded_at"])[0]["outcomes"] == {}
    assert RUN.invoke(app, ["alerts", "deliveries", "--outcome", "lost"]).exit_code == 2

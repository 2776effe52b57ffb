"""The data dictionary, against the migrated schema."""

from __future__ import annotations

from pathlib import Path

import pytest
from clickhouse_driver import Client
from typer.testing import CliRunner

from cli import storage as commands
from finsent import app
from storage import comment_views, dictionary_faults, dictionary_page, migrate, public_views

pytestmark = pytest.mark.usefixtures("configured")

RUN = CliRunner()


def test_every_column_of_every_view_has_a_meaning_and_the_page_is_fresh(client: Client):
    assert dictionary_faults(public_views(client)) == [], "mend storage/dictionary.yaml"
    done = RUN.invoke(app, ["storage", "dictionary", "--check"])
    assert done.exit_code == 0, done.output


def test_what_is_not_told_is_found(client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    client.execute("CREATE VIEW secret AS SELECT 1 AS riddle, entity FROM mentions")
    client.execute("DROP VIEW alert_silences")
    found = dictionary_faults(public_views(client))
    assert found[:2] == ["view secret has no meaning", "secret.riddle has no meaning"]
    assert "alert_silences.ends_at is not in the schema" in found
    done = RUN.invoke(app, ["storage", "dictionary", "--check"])
    assert done.exit_code == 1 and "storage/dictionary.yaml" in done.output
    client.execute("DROP VIEW secret")
    assert "## Others" not in dictionary_page(public_views(client))


def test_a_stale_page_is_found(client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(commands, "DICTIONARY", tmp_path / "dictionary.md")
    done = RUN.invoke(app, ["storage", "dictionary", "--check"])
    assert done.exit_code == 1 and "deploy.reference" in done.output


def test_tools_show_the_meanings(client: Client):
    comment_views(client, public_views(client))
    described = {row[0]: row[4] for row in client.execute("DESCRIBE mentions")}
    assert described["sentiment"] == "sentiment about the company (-1 to 1)"
    of = "SELECT comment FROM system.tables WHERE database = currentDatabase() AND name = 'mentions'"
    assert "company" in client.execute(of)[0][0]


def test_views_need_no_rights_on_the_tables_below(client: Client):
    invoker = (
        "SELECT name FROM system.tables WHERE database = currentDatabase() AND create_table_query LIKE '%INVOKER%'"
    )
    client.execute("CREATE OR REPLACE VIEW movers SQL SECURITY INVOKER AS SELECT 1 AS a")
    assert client.execute(invoker) == [("movers",)]
    client.execute("DELETE FROM schema_migrations WHERE name LIKE '0010%'")
    assert migrate(client) == ["0010_public_views.sql"]
    assert client.execute(invoker) == []

"""The dashboards for Grafana: every query in them, as the risk reader, with the macros of its plugin filled in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import clickhouse_connect
import pytest
import yaml

from deploy.local import Stack
from storage import access
from storage.access.people import MOST_SECONDS

GRAFANA = Path(__file__).parent.parent.parent / "deploy" / "grafana"
BOARDS = sorted((GRAFANA / "dashboards").glob("*.json"))
FIRST, UNTIL = datetime(2020, 6, 15, tzinfo=UTC), datetime(2020, 6, 20, tzinfo=UTC)
NOT_IN_THE_WEEK = {"Topics", "Workers", "Training", "Silences", "What could not be read"}


def filled(sql: str, values: dict[str, str]) -> str:
    """What the plugin makes of ``sql`` (its pkg/macros) for the span, and Grafana of its variables."""
    first, until = int(FIRST.timestamp()), int(UNTIL.timestamp())
    sql = re.sub(r"\$__timeFilter\((\w+)\)", rf"\1 >= toDateTime({first}) AND \1 <= toDateTime({until})", sql)
    sql = re.sub(r"\$__timeInterval\((\w+)\)", r"toStartOfInterval(toDateTime(\1), INTERVAL 600 second)", sql)
    for name, value in {
        "$__fromTime_ms": f"fromUnixTimestamp64Milli({first * 1000})",
        "$__toTime_ms": f"fromUnixTimestamp64Milli({until * 1000})",
        "$__fromTime": f"toDateTime({first})",
        "$__toTime": f"toDateTime({until})",
        "$__interval_s": "600",
        **{f"${{{name}:singlequote}}": f"'{value}'" for name, value in values.items()},
    }.items():
        sql = sql.replace(name, value)
    assert "$" not in sql, f"a macro or variable is left in {sql}"
    return sql


@pytest.fixture(scope="module")
def reader(stack: Stack, recorded: str) -> Iterator[Any]:
    host, _, port = stack.clickhouse_http_url.removeprefix("http://").partition(":")
    password = json.loads((stack.data / access.PASSWORDS_FILE).read_text())["risk_reader"]
    client = clickhouse_connect.get_client(host=host, port=int(port), username="risk_reader", password=password)
    yield client
    client.close()


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_every_query_of_a_dashboard_answers(path: Path, reader: Any):
    board = json.loads(path.read_text())
    assert board["uid"] == path.stem and "finsent" in board["tags"]

    def ask(sql: str, values: dict[str, str]) -> list[dict[str, Any]]:
        # What the plugin sets, by its data source's queryTimeout.
        found = reader.query(filled(sql, values), settings={"max_execution_time": 30})
        return list(found.named_results())

    values = {"entity": "WDI.DE"}
    for variable in board["templating"]["list"]:
        rows = ask(variable["query"], {})
        assert rows and set(rows[0]) == {"__value", "__text"}
        values.setdefault(variable["name"], rows[0]["__value"])
    for note in board["annotations"]["list"]:
        assert {"time", "title"} <= set(ask(note["target"]["rawSql"], values)[0])
    for panel in board["panels"]:
        (target,) = panel["targets"]
        assert (
            target["datasource"] == panel["datasource"] == {"type": "grafana-clickhouse-datasource", "uid": "finsent"}
        )
        rows = ask(target["rawSql"], values)
        assert rows or panel["title"] in NOT_IN_THE_WEEK, panel["title"]
        if panel["type"] == "timeseries":
            assert "time" in rows[0] and [row["time"] for row in rows] == sorted(row["time"] for row in rows)
            assert rows[0]["time"].replace(tzinfo=UTC) >= FIRST and rows[-1]["time"].replace(tzinfo=UTC) <= UNTIL


def test_the_data_source_is_the_risk_reader():
    (source,) = yaml.safe_load((GRAFANA / "provisioning/datasources/finsent.yaml").read_text())["datasources"]
    assert (source["uid"], source["jsonData"]["username"]) == ("finsent", "risk_reader")
    assert float(source["jsonData"]["queryTimeout"]) <= MOST_SECONDS
    assert len(BOARDS) == 4 and len({json.loads(path.read_text())["uid"] for path in BOARDS}) == 4

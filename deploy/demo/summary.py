"""What the demo has shown, and whether it is what it must show."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from clickhouse_driver import Client

from deploy.demo.recorded_week import Week
from deploy.local import Service
from documents import AlertKind
from storage import accounts, select
from storage.reads import alerts_now, training_runs
from stream.kafka import Arrivals


@dataclass
class Summary:
    """What ``build/demo.json`` holds."""

    produced: int = 0
    stored: int = 0
    dead_lettered: int = 0
    lost: int = 0
    doubled: int = 0
    scored_per_second: float = 0.0
    latency_p50_s: float = 0.0
    latency_p99_s: float = 0.0
    model_version: str = ""
    alerts: list[dict[str, Any]] = field(default_factory=list)
    retrain: dict[str, Any] = field(default_factory=dict)
    pictures: list[str] = field(default_factory=list)


def summarise(
    client: Client, service: Service, arrivals: Arrivals, topic_ids: Mapping[str, str], seconds: float, failed: int
) -> Summary:
    """The figures of a replay that took ``seconds`` and could not send ``failed`` records."""
    held = accounts(client, topic_ids)
    waits = arrivals.seconds()
    versions = client.execute("SELECT DISTINCT model_version FROM documents ORDER BY 1")
    positions_stored = sum(account.distinct for account in held)
    physical = client.execute("SELECT count() FROM record_log")[0][0]
    return Summary(
        produced=arrivals.count,
        stored=positions_stored - sum(account.bad for account in held),
        dead_lettered=sum(account.bad for account in held),
        lost=arrivals.count - positions_stored + failed,
        doubled=physical - positions_stored,
        scored_per_second=round(positions_stored / seconds, 1),
        latency_p50_s=round(float(np.percentile(waits, 50)), 3) if len(waits) else float("nan"),
        latency_p99_s=round(float(np.percentile(waits, 99)), 3) if len(waits) else float("nan"),
        model_version=", ".join(version for (version,) in versions),
        alerts=[
            {name: row[name] for name in ("id", "kind", "entity", "topic", "direction", "severity", "fired_at")}
            | {"state": row["state"], "before_mean": row["before_mean"], "after_mean": row["after_mean"]}
            | {"why": [_headline(document) for document in row["evidence"]["documents"][:3]]}
            for row in sorted(alerts_now(client), key=lambda row: row["fired_at"])
        ],
        retrain=_retrained(client, service),
    )


def _retrained(client: Client, service: Service) -> dict[str, Any]:
    """What the first run did, and how many documents each version scored; {} if no run has ended."""
    ended = [run for run in training_runs(client) if run["state"] != "started"]
    if not ended:
        return {}
    home = Path(service.stack.environment()["FINSENT_DATA"]) / "retrain" / "runs"
    path = home / ended[-1]["id"] / "outcome.json"
    if not path.exists():
        return {"failed": ended[-1]["detail"]}
    outcome = json.loads(path.read_text())
    names = ("champion_before", "champion_after", "labels", "macro_f1_new", "macro_f1_test", "gate")
    sql = "SELECT max(pause_s) AS pause FROM model_events WHERE event = 'adopted' AND version = %(version)s"
    scored = "SELECT model_version AS version, count() AS documents FROM documents GROUP BY 1 ORDER BY min(ingested_at)"
    found = {name: outcome[name] for name in names} | {"passed": outcome["passed"], "reason": outcome["reason"]}
    found["swap_pause_s"] = select(client, sql, {"version": outcome["challenger"]})[0]["pause"]
    found["seconds"] = outcome["seconds"]
    found["scored_by"] = {row["version"]: row["documents"] for row in select(client, scored, {})}
    return found


def _headline(document: Mapping[str, Any]) -> str:
    return str(document["title"] or document["text"])[:120]


def check(summary: Summary, week: Week) -> list[str]:
    """Everything that is not as the week demands; empty if all is well."""
    problems = []
    for name, got, expected in (
        ("produced", summary.produced, week.produced),
        ("stored and dead-lettered", summary.stored + summary.dead_lettered, week.produced),
        ("dead-lettered", summary.dead_lettered, week.malformed_count),
        ("lost", summary.lost, 0),
        ("doubled", summary.doubled, 0),
    ):
        if got != expected:
            problems.append(f"{name}: {got} instead of {expected}")
    others = (AlertKind.TOPIC_SHIFT, AlertKind.EVENT)
    fired = {(alert["entity"], alert["direction"]) for alert in summary.alerts if alert["kind"] not in others}
    for entity, direction in week.shifts - fired:
        problems.append(f"no {direction} alert about {entity}")
    for entity, direction in fired - week.shifts:
        problems.append(f"a {direction} alert about {entity}, where nothing shifted")
    for alert in summary.alerts:
        if alert["kind"] == AlertKind.TOPIC_SHIFT and alert["topic"] not in week.topics.get(alert["entity"], ()):
            problems.append(
                f"a topic alert about {alert['entity']}: {alert['topic']}, where the talk did not turn to it"
            )
    if not (run := summary.retrain) or "failed" in run:
        problems.append(f"the retraining: {run.get('failed', 'none came to an end')}")
    elif run["passed"] and not run["scored_by"].get(run["champion_after"]):
        problems.append(f"no record was scored by {run['champion_after']}, although it passed its gate")
    return problems

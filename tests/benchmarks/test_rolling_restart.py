"""A rolling restart of two workers that live as the chart's pods do, under load, on Apache Kafka."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import rolling_restart
from deploy.local import kafka
from tests.support.helm import tool

REASON = kafka.problem() or ("" if tool("helm") else "THE CHART IS NOT RENDERED: there is no helm (make k8s-tools)")


@pytest.mark.skipif(bool(REASON), reason=REASON)
def test_each_record_is_stored_once(shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_REGISTRY", str(shipped))
    monkeypatch.setenv("MODEL_ENGINE", "onnxruntime")
    monkeypatch.setattr(rolling_restart, "WORKERS", 2)
    monkeypatch.setattr(rolling_restart, "MOST_S", 2.0)
    found = rolling_restart.measure_pods(tmp_path, per_second=8)
    assert found["sent"] == found["stored"] > 0 and found["repeats"] == 0
    logs = "\n".join(log.read_text()[-8000:] for log in (tmp_path / "pods").glob("*.log"))
    assert (found["restarts"], found["killed"], len(found["restart_s"])) == (0, 0, 2), logs
    # A partition waited for its worker: nobody else took it.
    assert len(found["stood_still_s"]) == 8 and found["most_s"] == 45

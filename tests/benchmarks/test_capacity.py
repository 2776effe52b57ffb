"""``docs/capacity.md`` follows from figures that were measured, and anybody can measure them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from benchmarks.capacity_figures import Figures
from benchmarks.capacity_page import page
from benchmarks.capacity_plan import RATES, costs, fitted, plan

ROOT = Path(__file__).parents[2]
TINY = [*("--records", "60", "--constant-records", "300", "--workers", "1", "--inserts", "2"), "--evaluations"]
TINY += ["20:4:3", "60:4:3", "20:50:2"]


@pytest.fixture(scope="module")
def measured() -> Figures:
    """Those of the page in the documentation."""
    return msgspec.json.decode((ROOT / "benchmarks/capacity.json").read_bytes(), type=Figures)


def test_the_page_is_that_of_its_figures(measured: Figures) -> None:
    assert (ROOT / "docs/capacity.md").read_text() == page(measured), "write it anew: see benchmarks/capacity.py"


def test_more_records_ask_for_no_less(measured: Figures) -> None:
    plans = [plan(measured, rate) for rate in RATES]
    for less, more in pairwise(plans):
        for name in ("workers", "fewest_workers", "partitions", "clickhouse_cores", "stored_gb", "evaluation_s"):
            assert getattr(less, name) <= getattr(more, name), name
        assert less.stories_s >= more.stories_s
    for one in plans:
        assert one.partitions >= one.workers >= one.fewest_workers
    assert plans[0].workers == 1 and plans[0].parts()[0].startswith("nothing")
    assert "several installations" in plans[-1].parts()[-1]


def test_a_worker_is_planned_by_its_processor_time(measured: Figures) -> None:
    twice = msgspec.structs.replace(
        measured, runs=[msgspec.structs.replace(one, worker_ms=2 * one.worker_ms) for one in measured.runs]
    )
    assert plan(twice, 1000).workers == pytest.approx(2 * plan(measured, 1000).workers, abs=1)
    assert costs(twice).rest_ms == 2 * costs(measured).rest_ms


def test_a_slope_is_found_and_none_is_negative() -> None:
    first, second = [1.0, 10.0, 1.0, 10.0], [5.0, 5.0, 50.0, 50.0]
    seconds = [0.5 + 0.2 * a + 0.01 * b for a, b in zip(first, second, strict=True)]
    assert fitted(first, second, seconds) == pytest.approx((0.5, 0.2, 0.01))
    assert min(fitted(first, second, [4.0, 3.0, 4.0, 3.0])) == 0.0


@pytest.mark.timeout(600)
def test_a_small_measurement_writes_figures_and_a_page(tmp_path: Path, shipped: Path) -> None:
    """The program as people run it, from the start to the page."""
    figures, written = tmp_path / "capacity.json", tmp_path / "capacity.md"
    command = [sys.executable, "-m", "benchmarks.capacity", *TINY, "--json", str(figures), "--page", str(written)]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "MODEL_REGISTRY": str(shipped), "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=580,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = msgspec.json.decode(figures.read_bytes(), type=Figures)
    assert {(run.cores, run.scoring) for run in found.runs} >= {(1, True), (1, False)}
    assert all(run.records >= 60 and run.per_second > 0 and run.worker_ms > 0 for run in found.runs)
    assert [loop.name for loop in found.loops] == ["faust", "aiokafka"]
    assert all(loop.records > 100 and loop.cpu_us > 0 for loop in found.loops)
    assert [insert.rows for insert in found.inserts] == [1, 256, 1024]
    assert [one.companies for one in found.evaluations] == [20, 60, 20]
    assert found.bytes.stored > found.bytes.embedding > 192
    assert written.read_text() == page(found)
    assert len(re.findall(r"^\| [\d,]+ \| [\d.,]+ M \|", written.read_text(), re.M)) == len(RATES)

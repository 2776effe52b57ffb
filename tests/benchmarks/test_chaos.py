"""The short form of ``make chaos``: kills and cuts of every part under load, and the account afterwards."""

from __future__ import annotations

import pytest

from benchmarks.chaos import SHORT, run


@pytest.mark.usefixtures("built_in")
def test_whatever_dies_nothing_is_lost_and_nothing_comes_twice():
    report = run(SHORT, count=1, seed=4, depth=250, seconds=120)
    assert report["clean"], report["problems"]
    assert report["missing"] == report["doubled"] == 0 and report["views_equal"]
    assert report["stored"] + report["dead_lettered"] + report["tombstones"] == report["produced"]
    assert report["dead_lettered"]
    assert report["faults"] == SHORT and not report["faults_missed"]
    assert report["kills"] == {"worker": 2, "clickhouse": 1, "broker": 1}

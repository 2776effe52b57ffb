"""One evaluation of the alert rules as the worker makes it: ``python -m benchmarks.shifts --live``."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path

from pydantic import SecretStr

DAY = 86400
TICK_S = 900

FILL = """
INSERT INTO record_log (topic, topic_id, partition, offset, ingested_at, kind, document_id, source, title,
    published_at, scored_at, label, sentiment, p_negative, p_neutral, p_positive, model_version, story_id,
    mentions.entity, mentions.surface, mentions.via, mentions.label, mentions.sentiment, mentions.p_negative,
    mentions.p_neutral, mentions.p_positive, topics.name, topics.score)
SELECT 'news', 'id', number %% 4 AS part, intDiv(number, 4) + %(offset)s, published_at + INTERVAL 2 SECOND, 'news',
    toString(number + 4 * %(offset)s), 's', 'a story about a company', toDateTime64(%(first)s, 3, 'UTC')
        + toIntervalMillisecond(intDiv(number * toUInt64(%(span)s) * 1000, %(count)s)) AS published_at,
    published_at + INTERVAL 1 SECOND, 'neutral',
    (sipHash64(number, 1) %% 5 - 2) * 0.3 AS tone, 0.3, 0.4, 0.3, 'm', sipHash64(number, %(offset)s),
    ['c' || leftPad(toString(sipHash64(number, 2) %% %(entities)s), 5, '0')], ['c'], ['name'], ['neutral'], [tone],
    [0.3], [0.4], [0.3], [['earnings', 'litigation', 'rating', 'product', 'macro', 'guidance'][sipHash64(number, 3) %% 6
    + 1]], [0.8]
FROM numbers(%(count)s)
"""


def _cpu_seconds(pid: int) -> float:
    """CPU time that this process and ``pid`` (ClickHouse) have used: on a busy machine the clock says little."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return time.process_time() + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def live_seconds(
    url: str,
    clickhouse: int,
    entities: int = 10_000,
    days: int = 30,
    history_days: int = 0,
    per_day: float = 4,
) -> dict[str, float]:
    """Evaluations of an empty database filled with ``days`` and ``history_days`` before them, ``per_day`` documents a
    company: the first, which reads all of the baseline, and the median of 5 a quarter of an hour apart, with the
    documents of that time in between. ``clickhouse`` is the server's process id."""
    from alerts import Evaluator
    from settings import AlertSettings, ClickHouseSettings
    from storage import connect, migrate

    settings = ClickHouseSettings(url=SecretStr(url))
    client = connect(settings)
    migrate(client)
    now = int(time.time()) // DAY * DAY + DAY // 2 - 2 * DAY
    begin, rate = now - (days + history_days) * DAY, entities * per_day / DAY
    offset = 0

    def fill(first: int, until: int) -> None:
        nonlocal offset
        count = int((until - first) * rate)
        for part in range(0, count, 400_000):  # so many at once
            n = min(400_000, count - part)
            at = first + part / count * (until - first)
            client.execute(FILL, {"offset": offset, "first": at, "span": int((until - first) * n / count), "count": n,
                                  "entities": entities})  # fmt: skip
            offset += n // 4 + 1

    fill(begin, now)
    stored = client.execute("SELECT count() FROM record_log")[0][0]
    # What was stored at once is merged for a while, which no worker's history is.
    deadline = time.monotonic() + 300
    while client.execute("SELECT count() FROM system.merges")[0][0] and time.monotonic() < deadline:
        time.sleep(0.5)
    evaluator = Evaluator(lambda: connect(settings), AlertSettings(clock="wall", catch_up_s=0))
    evaluator.rules.stale_after_s = 10**9
    wall, cpu = [], []
    for turn in range(6):
        if turn:
            fill(now + (turn - 1) * TICK_S, now + turn * TICK_S)
        started, used = time.perf_counter(), _cpu_seconds(clickhouse)
        evaluator.evaluate(now + (turn - 1) * TICK_S, now + turn * TICK_S)
        wall.append(time.perf_counter() - started)
        cpu.append(_cpu_seconds(clickhouse) - used)
    client.disconnect()
    return {
        "documents": stored,
        "first_seconds": wall[0],
        "first_cpu_seconds": cpu[0],
        "evaluation_seconds": statistics.median(wall[1:]),
        "evaluation_cpu_seconds": statistics.median(cpu[1:]),
    }


def live() -> dict[str, dict[str, float]]:
    """``live_seconds`` over an embedded stack, without and with 60 days of older history."""
    from clickhouse_driver import Client

    from deploy.local import Stack

    found = {}
    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder)) as stack:
        base, _, _ = stack.clickhouse_url.rpartition("/")
        for name, history in (("30 days", 0), ("30 days and 60 before", 60)):
            with Client.from_url(stack.clickhouse_url) as client:
                client.execute(f"CREATE DATABASE live_{history}")
            pid = stack.children["clickhouse"].pid
            assert pid
            row = found[name] = live_seconds(f"{base}/live_{history}", pid, history_days=history)
            print(
                f"10,000 companies, {name}, {row['documents']:,} documents stored: an evaluation takes "
                f"{row['evaluation_seconds']:.2f} s ({row['evaluation_cpu_seconds']:.2f} s of CPU, ClickHouse's and "
                f"ours), the first {row['first_seconds']:.2f} s ({row['first_cpu_seconds']:.2f} s of CPU)",
                flush=True,
            )
    return found

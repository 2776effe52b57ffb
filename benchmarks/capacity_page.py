"""The page that ``benchmarks.capacity`` writes of its figures."""

from __future__ import annotations

from benchmarks.capacity_figures import Figures
from benchmarks.capacity_plan import COMPANIES, DAY, INSERTS_A_SECOND, LOAD, MOST_INSERTS, RATES, costs, plan

HEAD = "<!-- Made by 'python -m benchmarks.capacity'; do not edit. -->"

LIMITS = """\
## Where the limits are

- **Scoring** is nearly all of the work, and grows with cores: add workers. Each has whole partitions, so there must be
  at least as many partitions as workers, and adding some later moves keys.
- **Faust, and Python's lock.** One process with a scorer that costs nothing stores {ceiling:,.0f} records in a second
  of its processor's time. More cores help it little, since reading, stories, events and messages share one lock; so a
  GPU cannot make one worker faster than that: give it several workers. Faust itself, beside the Kafka client below
  it, is {faust_share:.0%} of that time ({faust:,.0f} events a second that are only counted; aiokafka alone counts
  {aiokafka:,.0f}). So without Faust a worker would gain {faust_share:.0%} at most, and next to nothing where texts are
  scored on the processor. What lies beyond is more processes. Faust's leader assigns all partitions at each
  rebalance; 16 workers shared 64 partitions again 23 to 51 s after a change, on two busy cores
  ([a large group](../benchmarks/README.md#a-large-group-python--m-benchmarkslarge_group---json-out)).
- **ClickHouse: inserts.** All workers insert into one table, each {least:g} to {most:g} times a second. About {inserts}
  inserts a second are as many as should be. Fewer workers with more cores each make fewer.
  [Shards](clickhouse.md#shards) make room for more rows, but no fewer inserts: a batch of many partitions goes to each
  of them.
- **Alerts: one leader.** An evaluation reads all documents of the last 12 to 36 hours. It is due every `ALERT_TICK_S`
  (900 s) and must take much less than that. The first one after a takeover reads 44 days; while it runs, alerts wait.
- **Stories.** A worker compares a document with the latest `STREAM_NOVELTY_DOCUMENTS` (20,000) of the last 24 hours.
  Above one record in four seconds that is less than a day, and the table says how much less. More of them cost memory
  and time in each worker.
- **Beyond one installation**: several, each with its own topics, consumer group and database, divided by company or by
  source; the documents about a company have to meet in one of them. Their alerts meet in one Alertmanager. Nothing of
  this was tried.
"""

DISTURBED = """\
It does disturb it here: threads that share a core and its caches are slower. On two cores with nothing else running
a record took 3.5 ms of a worker and 0.2 of ClickHouse ([pipeline](../benchmarks/README.md)), and an evaluation over
40,000 documents a day 1.3 s. So count with a third to a half of the cores below where nothing else runs.
"""

MEASURED = """\
## Measured

On {f.date}: {f.processor}, {f.cores} cores, {f.memory_gb:g} GB, Python {f.python}. Broker, ClickHouse and producer were
on the same cores, and other work beside it (load average before: {f.load:g}). The command:

    {f.command}

{records:,} records of the recorded week, from a full topic into ClickHouse. Records a second are by the clock, and
lower the more else runs. What is planned with is processor time, in ms a record, which other work disturbs less.
{disturbed}

{runs}

Programs on one core that read the same records and only count them:

{loops}

Durable inserts:

{inserted}

An evaluation of the alerts, in seconds of processor time (ClickHouse's and the leading worker's together):

{evaluated}

A record is {b.received:,.0f} bytes in its topic, {b.scored:,.0f} in `scored`, and {b.stored:,.0f} in ClickHouse, of
which {b.embedding:,.0f} are the document's vector. Texts longer than headlines and posts take more, and few records in
small parts take more each than many.
"""

WORKED_OUT = """\
## Worked out

Each part is planned to {load:.0%} of what it could do.

- Workers: {c.record_ms:.2f} ms a record; without the scoring {c.rest_ms:.2f} ms, which no GPU takes away. No GPU was
  measured.
- Partitions: of all input topics together, half as many again as workers, at least 8.
- ClickHouse: {c.insert_ms:.0f} ms an insert and {c.row_ms:.3f} ms a row, without people's queries. Disk: one copy,
  before anything expires.
- Kafka: in, out and `scored`, one copy, uncompressed.
- An evaluation: {always:.2f} s, {company:.2f} ms a company ({companies:,} of them here) and {document:.0f} s for a
  million documents a day, in processor time, of which ClickHouse's part has as many cores as it is given. The first one
  reads 44 days. Far above what was measured this is the most that it can be: many documents about a company in one
  minute are one window for what is done after ClickHouse.

{needs}

What to scale:

{scale}
"""

INTRODUCTION = """\
What {first} to {last:,} records a second ask for. The first part was measured, the second is worked out from it and
says how; above a few hundred records a second nothing was run. `python -m benchmarks.capacity` measures your machine
and writes this page for it to `build/capacity.md`, in some minutes.
"""


def _ms(value: float) -> str:
    return f"{value:.3f}" if value < 0.1 else f"{value:.2f}" if value < 10 else f"{value:,.0f}"


def _seconds(value: float) -> str:
    """A time that a person grasps."""
    if value > DAY:
        return "over a day"
    for unit, name in ((3600, "h"), (60, "min")):
        if value >= unit:
            return f"{value / unit:,.0f} {name}"
    return f"{value:.0f} s" if value >= 10 else f"{value:.1f} s"


def _bytes(gigabytes: float) -> str:
    return f"{gigabytes / 1000:,.1f} TB" if gigabytes >= 1000 else f"{gigabytes:,.1f} GB"


def page(figures: Figures) -> str:
    """All of it."""
    parts = [
        f"{HEAD}\n# Capacity",
        INTRODUCTION.format(first=min(RATES), last=max(RATES)),
        _measured(figures),
        _worked_out(figures),
        _limits(figures),
    ]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def _table(head: list[str], rows: list[list[str]], left: int = 1) -> str:
    """The first ``left`` columns are texts, the others numbers."""
    marks = ["---"] * left + ["---:"] * (len(head) - left)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, marks, *rows))


def _measured(figures: Figures) -> str:
    runs = [
        [
            f"{run.workers} of {run.cores} core{'s' * (run.cores > 1)}{'' if run.scoring else ', no scoring'}",
            f"{run.per_second:,.0f}",
            *(_ms(value) for value in (run.worker_ms, run.clickhouse_ms, run.broker_ms)),
        ]
        for run in figures.runs
    ]
    loops = [[one.name, f"{one.per_second:,.0f}", _ms(one.cpu_us / 1000)] for one in figures.loops]
    inserts = [[f"{one.rows:,}", _ms(one.ms), _ms(one.cpu_ms)] for one in figures.inserts]
    evaluations = [
        [
            f"{one.companies:,}",
            f"{one.documents_a_day:,.0f}",
            f"{one.documents:,}",
            f"{one.cpu_seconds:.2f}",
            f"{one.first_cpu_seconds:.2f}",
        ]
        for one in figures.evaluations
    ]
    return MEASURED.format(
        f=figures,
        b=figures.bytes,
        records=figures.runs[0].records,
        disturbed=DISTURBED if figures.load > 1 else "",
        runs=_table(["workers", "records/s", "workers' ms", "ClickHouse's ms", "broker's ms"], runs),
        loops=_table(["", "records/s", "ms a record"], loops),
        inserted=_table(["rows", "ms", "ClickHouse's processor, ms"], inserts, 0),
        evaluated=_table(["companies", "documents a day", "stored", "an evaluation", "the first"], evaluations, 0),
    )


def _worked_out(figures: Figures) -> str:
    each, plans = costs(figures), [plan(figures, rate) for rate in RATES]
    needs = [
        [
            f"{one.per_second:,}",
            f"{one.per_second * DAY / 1e6:,.1f} M",
            f"{one.workers:,}",
            f"{one.fewest_workers:,}",
            f"{one.partitions:,}",
            f"{one.inserts:,.0f}",
            f"{one.clickhouse_cores:,.1f}",
            _bytes(one.stored_gb),
            _bytes(one.kafka_gb),
            _seconds(one.stories_s),
            _seconds(one.evaluation_s),
            _seconds(one.first_s),
        ]
        for one in plans
    ]
    head = ["records/s", "rows a day", "workers of one core", "fewest, if scoring were free", "partitions", "inserts/s"]
    head += ["ClickHouse's cores", "stored a day", "Kafka a day", "stories known for", "an evaluation", "the first"]
    scale = [[f"{one.per_second:,}", "; ".join(one.parts())] for one in plans]
    always, company, document = each.evaluation_s
    return WORKED_OUT.format(
        load=LOAD,
        c=each,
        always=always,
        company=company * 1000,
        companies=COMPANIES,
        document=document * 1e6,
        needs=_table(head, needs, 0),
        scale=_table(["records/s", "which part, and how"], scale, 2),
    )


def _limits(figures: Figures) -> str:
    each = costs(figures)
    loops = {one.name: one for one in figures.loops}
    faust_ms, client_ms = loops["faust"].cpu_us / 1000, loops["aiokafka"].cpu_us / 1000
    least, most = INSERTS_A_SECOND
    return LIMITS.format(
        ceiling=1000 / each.rest_ms,
        faust_share=max(faust_ms - client_ms, 0) / each.rest_ms,
        faust=1000 / faust_ms,
        aiokafka=1000 / client_ms,
        least=least,
        most=most,
        inserts=MOST_INSERTS,
    )

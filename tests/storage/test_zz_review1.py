from __future__ import annotations
from datetime import UTC, datetime, timedelta
import pytest
from documents import Document, Mention, Position, Tombstone
from storage import write_documents
from storage.writes import settle_hours
from tests.storage.test_indices import document, NOON, DAY

H = timedelta(hours=1)
def state(client, first=NOON - 60*DAY, until=NOON + 60*DAY):
    return client.execute(f"SELECT countIf(settled), countIf(NOT settled) FROM index_hours(first='{first:%F %T}', until='{until:%F %T}', known='2200-01-01 00:00:00')")[0]
def counted(client, first=NOON - 60*DAY, until=NOON + 60*DAY, known="2200-01-01 00:00:00", **how):
    return client.execute(f"SELECT entity, published_at, sentiment, weight FROM counted_scores(first='{first:%F %T}', until='{until:%F %T}', known='{known}', weekly=0) ORDER BY 1,2", **how)
def truth(client, **how):
    held = client.execute("SELECT * EXCEPT(settled_at) FROM settled_hours FINAL")
    rows = client.execute("CREATE TABLE keep AS settled_hours")
    client.execute("INSERT INTO keep SELECT * FROM settled_hours"); client.execute("TRUNCATE TABLE settled_hours")
    found = counted(client, **how)
    client.execute("INSERT INTO settled_hours SELECT * FROM keep"); client.execute("DROP TABLE keep")
    return found
def settle(client, now=NOON + 2*DAY, times=100):
    n = 0
    while times and (k := settle_hours(client, now)):
        n += k; times -= 1
    return n

def test_empty(client):
    print("\nempty settle", settle_hours(client, NOON), counted(client), state(client))
    for v in ("sentiment_as_of(moment=now64(3), known=now64(3))", "topics_as_of(moment=now64(3), known=now64(3))", "movers_as_of(moment=now64(3), known=now64(3))"):
        print(v, client.execute(f"SELECT count() FROM {v}"))
    write_documents(client, [document(1, NOON - H, .5)])
    for first in ("1970-01-01 00:00:00", "1970-01-01 12:00:00", "1970-01-02 00:00:00", "1969-01-01 00:00:00", "1900-01-01 00:00:00"):
        for until in ("2027-01-01 00:00:00", "2106-02-07 00:00:00", "2106-03-01 00:00:00", "2200-01-01 00:00:00", "2150-01-01 00:00:00"):
            try:
                print(first, until, client.execute(f"SELECT count() FROM counted_scores(first='{first}', until='{until}', known='2200-01-01 00:00:00', weekly=0)"),
                  client.execute(f"SELECT count() FROM sentiment_windows(width_s=3600, first='{first}', until='{until}', known='2200-01-01 00:00:00')"))
            except Exception as e:
                print(first, until, str(e)[:150])

def test_starvation(client):
    rows = [document(n, NOON - n*H, .5) for n in range(1, 10*24)]
    write_documents(client, rows)
    left = []
    for n in range(40):
        write_documents(client, [document(1000+n, NOON - 3*H, .1)])
        settle_hours(client, NOON + timedelta(seconds=120*n))
        left.append(state(client))
    print("\nstarvation: (settled, unsettled) per pass", left[:3], "...", left[-3:])
    print("parts/rows", client.execute("SELECT sum(rows), count() FROM system.parts WHERE table='settled_hours' AND active AND database=currentDatabase()"))

def test_replica_lag(client):
    "what a lagging replica would give SETTLE"
    write_documents(client, [document(1, NOON - 3*H, .5)])
    write_documents(client, [document(2, NOON - 3*H + timedelta(minutes=1), -.9)])
    part = client.execute("SELECT name FROM system.parts WHERE table='record_log' AND active AND database=currentDatabase() ORDER BY name")
    print("\n", part)
    plain = client.execute
    def lag(q, *a, **k):
        if "INSERT INTO settled_hours" in q:
            plain(f"ALTER TABLE record_log DETACH PART '{part[-1][0]}'")
            r = plain(q, *a, **k)
            return r
        return plain(q, *a, **k)
    client.execute = lag
    settle_hours(client, NOON)
    client.execute = plain
    month = plain("SELECT toYYYYMM(now())")
    plain(f"ALTER TABLE record_log ATTACH PART '{part[-1][0]}'")
    print("lag:", state(client), "views say", counted(client), "truth", truth(client))
    print("next pass settles", settle_hours(client, NOON + H))

def test_doubles(client):
    "the same position twice with other times"
    a, b = document(1, NOON - 40*H, .5), document(1, NOON - 10*H, -.5)
    a.ingested_at, b.ingested_at = NOON - 40*DAY, NOON - 5*H
    write_documents(client, [a], stamp=False); write_documents(client, [b], stamp=False)
    c = document(5, NOON - 10*H, .1, "BBB"); c.ingested_at = NOON
    write_documents(client, [c], stamp=False)
    settle(client)
    print("\ndoubles", state(client), counted(client))
    client.execute("ALTER TABLE record_log DROP PARTITION '202601'")
    print("after drop", state(client), "\n views", counted(client), "\n truth", truth(client))

@pytest.mark.parametrize("wide", [0, 1])
def test_projection(client, wide):
    if wide:
        client.execute("ALTER TABLE record_log MODIFY SETTING min_bytes_for_wide_part=0, min_rows_for_wide_part=0")
    rows = [document(n, NOON - n*H, .5, "AAA", "comment") for n in range(1, 100)]
    for r in rows: r.author = "a" if r.position.offset % 3 else "b"
    write_documents(client, rows[:50]); write_documents(client, rows[50:])
    settle(client)
    print("\nwide", wide, client.execute("SELECT part_type, count() FROM system.parts WHERE table='record_log' AND active AND database=currentDatabase() GROUP BY 1"), state(client))
    q = f"SELECT hour, rows, hashes, latest FROM index_hours(first='{NOON-60*DAY:%F %T}', until='{NOON:%F %T}', known='2200-01-01 00:00:00') ORDER BY hour"
    def same():
        return client.execute(q) == client.execute(q, settings={"optimize_use_projections": 0})
    print("same", same())
    client.execute("ALTER TABLE record_log UPDATE document_id = concat('erased-', toString(offset)) WHERE author = 'a'", settings={"mutations_sync": 2})
    print("after update", same(), state(client)); settle(client); print(state(client))
    try:
        client.execute("DELETE FROM record_log WHERE offset = 5")
        print("after lightweight delete", same(), state(client)); 
    except Exception as e: print("lwd", str(e)[:200])
    client.execute("ALTER TABLE record_log DELETE WHERE offset = 7", settings={"mutations_sync": 2})
    print("after delete", same(), state(client)); settle(client)
    for c in ("title", "text", "url", "author"):
        client.execute(f"ALTER TABLE record_log MODIFY COLUMN `{c}` TTL toDateTime(ingested_at) + toIntervalDay(1)", settings={"mutations_sync": 2})
    client.execute("OPTIMIZE TABLE record_log FINAL")
    print("after TTL+merge", same(), state(client), counted(client) == truth(client))
    write_documents(client, rows[:20]); print("doubles", same(), state(client)); settle(client)
    client.execute("OPTIMIZE TABLE record_log FINAL"); print("merged", same(), state(client), counted(client) == truth(client))
    print("proj parts", client.execute("SELECT name, count() FROM system.projection_parts WHERE table='record_log' AND active AND database=currentDatabase() GROUP BY 1"))

def test_state_once(client):
    write_documents(client, [document(n, NOON - n*H, .5) for n in range(1, 50)])
    settle(client)
    client.execute("CREATE OR REPLACE VIEW probe AS WITH (SELECT (groupArray(number), rand64()) FROM numbers(3)) AS state, repeats AS (SELECT state.2 AS k FROM numbers(1)) SELECT state.2 AS x, (SELECT any(k) FROM repeats) AS y FROM numbers(1) WHERE number NOT IN (SELECT k FROM repeats) UNION ALL SELECT state.2, (SELECT any(k) FROM repeats) FROM (SELECT * FROM numbers(2)) UNION ALL SELECT state.2, 0 FROM numbers(1) WHERE {p:UInt8} = 1")
    print("\nstate once:", client.execute("SELECT * FROM probe(p=1)"))

def test_borders(client):
    rows = []
    for n, at in enumerate([NOON - 10*H, NOON - 10*H + timedelta(milliseconds=-1), NOON - 9*H, NOON - 34*H, NOON - 34*H - timedelta(milliseconds=1)]):
        d = document(n, at, .1*n); d.story_id = 7; d.source = f"s{n}"; rows.append(d)
    write_documents(client, rows)
    settle(client)
    print("\nborders", state(client))
    for first, until in ((NOON-10*H, NOON-9*H), (NOON-11*H, NOON-10*H), (NOON-35*H, NOON-10*H), (NOON-34*H, NOON-9*H)):
        print(counted(client, first, until) == truth(client, first=first, until=until))

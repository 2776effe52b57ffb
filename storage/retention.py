"""How long texts, authors and bad records are kept. Their columns are emptied then, and the rows stay: scores, indices
and the ledger are made of what is left of them."""

from __future__ import annotations

import re

from clickhouse_driver import Client

from settings import ClickHouseSettings
from storage.shards import stored_in

NEVER = "toDateTime('2106-02-07 00:00:00', 'UTC')"
DAYS = "toDateTime(ingested_at) + toIntervalDay({days})"


def set_retention(client: Client, settings: ClickHouseSettings) -> int:
    """Declare to the server which columns it is to empty, and when. Returns how many declarations have changed. The
    server then empties them by itself, in the background, also in rows that are stored already."""
    changed = 0
    for table, columns in _wanted(settings).items():
        declared = client.execute(f"SHOW CREATE TABLE {stored_in(client, table)}")[0][0]
        for column, expiry in columns.items():
            found = re.search(rf"^\s*`{column}` .*? TTL (.*?),?$", declared, re.MULTILINE)
            if (found[1] if found else "") != expiry:
                change = f"TTL {expiry}" if expiry else "REMOVE TTL"
                client.execute(f"ALTER TABLE {table} MODIFY COLUMN `{column}` {change}")
                changed += 1
    return changed


def _wanted(settings: ClickHouseSettings) -> dict[str, dict[str, str]]:
    """When each column is emptied, '' for never, by table; as ClickHouse writes it."""
    news, comments = settings.keep_news_days, settings.keep_comments_days
    texts = _by_kind(news, comments)
    authors = [days for days in (settings.keep_authors_days, comments) if days]
    bad = DAYS.format(days=settings.keep_dead_letters_days) if settings.keep_dead_letters_days else ""
    of_bad = {"raw": bad, "error": bad}
    return {
        "record_log": {
            **dict.fromkeys(("title", "text", "url", "in_reply_to"), texts),
            "author": DAYS.format(days=min(authors)) if authors else "",
            **of_bad,
        },
        "label_log": of_bad,
    }


def _by_kind(news: int, comments: int) -> str:
    kept = [(kind, DAYS.format(days=days)) for kind, days in (("news", news), ("comment", comments)) if days]
    if not kept:
        return ""
    cases = ", ".join(f"kind = '{kind}', {expiry}" for kind, expiry in kept)
    return f"{'multiIf' if len(kept) > 1 else 'if'}({cases}, {NEVER})"

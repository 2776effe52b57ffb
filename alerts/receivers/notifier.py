"""Sends alerts to the receivers of the rules' file: each in a thread of its own, so that a slow one delays no other.

What is due is read from the tables ``alerts`` and ``alert_deliveries`` and not remembered. So a worker that starts
again, or a second one, continues where the tables end. A message has the same id at every try. When several workers try
to send it, the table ``alert_claims`` decides which one may.
"""

from __future__ import annotations

import logging
import os
import queue
import random
import threading
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from clickhouse_driver import Client

from alerts.detection import MARKET
from alerts.durations import seconds
from alerts.receivers.contract import Failed, Refused
from alerts.receivers.digests import DigestMessage, any_digest, due_digests
from alerts.receivers.routing import Key, Message, Moment, route
from alerts.receivers.transports import send
from alerts.rules import Rules
from documents import AlertKind, AlertState
from storage import UNAVAILABLE, StorageUnavailable
from storage.reads import (
    alerts_now,
    digests_done,
    has_outcome,
    holdings_by_company,
    silences_at,
    transitions_to_send,
)
from storage.writes import claim, renew_claim, write_deliveries

log = logging.getLogger(__name__)

Sendable = Message | DigestMessage

DIGEST_FOR = timedelta(days=3)
"""How far back the outcomes of digests are read."""

DUE_FOR = timedelta(days=2)
"""An alert that could not be sent within this time is not sent any more."""

LEASE_S = 120
"""A worker that claimed a message, and has not recorded an outcome or renewed the claim for so long, has died."""

BACKOFF_S = (1.0, 60.0)
"""The shortest and the longest pause between two tries."""

WAITING = 1000
"""At most so many messages wait for one receiver; the others stay due."""


class Notifier:
    """Call it with the evaluator's client and the rules after each evaluation; it returns at once. ``stop`` it before
    the process ends. ``secrets`` is where ``secret_env`` is looked up."""

    def __init__(
        self,
        connect: Callable[[], Client],
        secrets: Mapping[str, str] = os.environ,
        backoff_s: tuple[float, float] = BACKOFF_S,
    ) -> None:
        self._connect, self._secrets, self._backoff = connect, secrets, backoff_s
        self._me = uuid.uuid4().hex[:12]
        self._queues: dict[str, queue.Queue[Sendable]] = {}
        self._under_way: set[Key] = set()
        self._lock = threading.Lock()
        self._stop = threading.Event()

    def __call__(self, client: Client, rules: Rules) -> None:
        """Put what is due on the receivers' queues. Raises what the storage raises."""
        if not rules.receivers:
            return
        now = datetime.now(UTC)
        rows, silent = transitions_to_send(client, now - DUE_FOR), silences_at(client, now)
        lasting = alerts_now(client, MARKET, since=now, kind=AlertKind.SENTIMENT_SHIFT, unfinished=True)
        market = any(row["state"] == AlertState.FIRING for row in lasting)
        positions = holdings_by_company(client) if rows else {}
        for row in rows:
            row["exposure"] = positions.get(row["entity"], [])
        with self._lock:
            under_way = set(self._under_way)
        messages, held = route(rows, rules, Moment(now, silent, market), under_way)
        write_deliveries(client, held)
        for message in messages:
            self._put(message)
        # What is on its way stays out of a digest, also when another worker turns out to send it.
        self._put_digests(client, rules, now, under_way.union(*(message.keys for message in messages)))

    def _put_digests(self, client: Client, rules: Rules, now: datetime, on_their_way: set[Key]) -> None:
        done = digests_done(client, now - DIGEST_FOR) if any_digest(rules) else set()
        for digest in due_digests(client, rules, now, done | on_their_way):
            self._put(digest)

    def stop(self) -> None:
        """Make no further try; what was not sent stays due."""
        self._stop.set()

    def _put(self, message: Sendable) -> None:
        name = message.receiver.name
        with self._lock:
            if name not in self._queues:
                self._queues[name] = queue.Queue(WAITING)
                threading.Thread(target=self._work, args=(name,), name=f"receiver-{name}", daemon=True).start()
            try:
                self._queues[name].put_nowait(message)
            except queue.Full:
                return  # it stays due
            self._under_way.update(message.keys)

    def _work(self, name: str) -> None:
        client: Client | None = None
        while not self._stop.is_set():
            try:
                message = self._queues[name].get(timeout=1)
            except queue.Empty:
                continue
            try:
                client = client or self._connect()
                lease_s = LEASE_S + seconds(message.receiver.timeout)
                # Another worker may have sent it since it was put here, and its claim is over.
                if claim(client, message.id, self._me, lease_s) and not has_outcome(client, message.keys):
                    self._deliver(client, message)
            except (*UNAVAILABLE, StorageUnavailable) as error:
                log.warning("receiver %s: ClickHouse is away, the next turn tries again: %s", name, error)
                client = None
            except Exception:
                log.exception("receiver %s failed; the next turn tries again", name)
                client = None
            finally:
                with self._lock:
                    self._under_way.difference_update(message.keys)

    def _deliver(self, client: Client, message: Sendable) -> None:
        receiver = message.receiver
        error: Exception
        for attempt in range(1, receiver.attempts + 1):
            try:
                send(receiver, message.id, message.content, self._secrets, seconds(receiver.timeout))
            except Failed as failed:
                error, pause = failed, failed.retry_after
            except Refused as refused:
                log.error("receiver %s: %s", receiver.name, refused)
                self._record(client, message, "dead", attempt, str(refused))
                return
            else:
                self._record(client, message, "sent", attempt, "")
                return
            if attempt < receiver.attempts:
                least, most = self._backoff
                longest = min(most, least * 2 ** (attempt - 1))
                # Jitter: many workers and receivers do not try again at the same moment.
                if self._stop.wait(max(pause, random.uniform(longest / 2, longest))):
                    return
                renew_claim(client, message.id, self._me)
        log.error("receiver %s: given up after %d tries: %s", receiver.name, receiver.attempts, error)
        self._record(client, message, "dead", receiver.attempts, str(error))

    def _record(self, client: Client, message: Sendable, outcome: str, attempts: int, error: str) -> None:
        write_deliveries(client, [(*key, outcome, attempts, error[:500]) for key in message.keys])

"""Tells the receivers of the rules' file about alerts: each in a thread of its own, so that a slow one delays nobody.

What is due is read from the tables ``alerts`` and ``alert_deliveries``, not remembered: a worker that starts again, or
a second one, goes on where the tables stop. A message carries the same id each time it is tried, and of workers that
overlap the table ``alert_claims`` lets one send it.
"""

from __future__ import annotations

import logging
import os
import queue
import random
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from clickhouse_driver import Client

from alerts.receivers.send import Failed, Refused, send
from alerts.rules import RANK, Receiver, Rules, seconds
from alerts.series import MARKET
from storage import UNAVAILABLE, StorageUnavailable
from storage.reads import alerts_now, silences_at, transitions_to_send
from storage.writes import claim, renew_claim, write_deliveries

log = logging.getLogger(__name__)

DUE_FOR = timedelta(days=2)
"""An alert that could not be told for so long is not told any more."""

LEASE_S = 120
"""Who claimed a message and has not said for so long what became of it has died."""

BACKOFF_S = (1.0, 60.0)
WAITING = 1000


@dataclass(frozen=True)
class Message:
    """What one receiver is told at once: the alerts about one entity."""

    receiver: Receiver
    alerts: tuple[dict, ...]

    @property
    def id(self) -> str:
        """The same for the same transitions, whoever sends them."""
        return str(uuid.uuid5(uuid.NAMESPACE_OID, " ".join(f"{row['id']}:{row['state']}" for row in self.alerts)))

    @property
    def keys(self) -> list[tuple[str, str, str]]:
        """(id, state, receiver) of each of its transitions."""
        return [(row["id"], row["state"], self.receiver.name) for row in self.alerts]


class Notifier:
    """Call it with the evaluator's client after each evaluation; it returns at once. ``stop`` it before the end.

    ``secrets`` is where ``secret_env`` is looked up.
    """

    def __init__(
        self,
        connect: Callable[[], Client],
        secrets: Mapping[str, str] = os.environ,
        backoff_s: tuple[float, float] = BACKOFF_S,
    ) -> None:
        self._connect, self._secrets, self._backoff = connect, secrets, backoff_s
        self._me = uuid.uuid4().hex[:12]
        self._queues: dict[str, queue.Queue[Message]] = {}
        self._under_way: set[tuple[str, str, str]] = set()
        self._lock = threading.Lock()
        self._stop = threading.Event()

    def __call__(self, client: Client, transitions: Sequence[dict], rules: Rules) -> None:
        """Put what is due on the receivers' queues. Raises what the storage raises."""
        if not rules.receivers:
            return
        now = datetime.now(UTC)
        rows, quiet = transitions_to_send(client, now - DUE_FOR), silences_at(client, now)
        lasting = alerts_now(client, MARKET, since=now, kind="sentiment_shift", unfinished=True)
        market = any(row["state"] == "firing" for row in lasting)
        held: list[tuple[str, str, str, str, int, str]] = []
        groups: dict[tuple[str, str], list[dict]] = {}
        begun: set[tuple[str, str]] = set()
        for row in rows:
            for name in _told(row, rules):
                key = (row["id"], row["state"], name)
                if name in row["outcomes"] or key in self._under_way:
                    continue
                never, later = _never(row, rules, name), _not_now(row, rules, quiet, now, market)
                if never or (later and row["state"] != "resolved" and row["ended"]):
                    held.append((*key, "held", 0, never or later))
                elif later:
                    continue
                elif row["state"] != "resolved":
                    begun.add((row["id"], name))
                    groups.setdefault((name, row["entity"]), []).append(row)
                elif row["began"].get(name) == "sent" or (row["id"], name) in begun:  # else that is on its way
                    groups.setdefault((name, row["entity"]), []).append(row)
        write_deliveries(client, held)
        for (name, _), about in groups.items():
            self._put(Message(rules.receivers[name], tuple(about)))

    def stop(self) -> None:
        """No further try; what was not sent stays due."""
        self._stop.set()

    def _put(self, message: Message) -> None:
        name = message.receiver.name
        with self._lock:
            if name not in self._queues:
                self._queues[name] = queue.Queue(WAITING)
                threading.Thread(target=self._work, args=(name,), name=f"tell-{name}", daemon=True).start()
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
                if claim(client, message.id, self._me, lease_s):
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

    def _deliver(self, client: Client, message: Message) -> None:
        receiver = message.receiver
        error: Exception
        for attempt in range(1, receiver.attempts + 1):
            try:
                send(receiver, message.id, message.alerts, self._secrets, seconds(receiver.timeout))
            except Failed as failed:
                error, pause = failed, failed.retry_after
            except Refused as refused:
                log.error("receiver %s: %s", receiver.name, refused)
                self._note(client, message, "dead", attempt, str(refused))
                return
            else:
                self._note(client, message, "sent", attempt, "")
                return
            if attempt < receiver.attempts:
                least, most = self._backoff
                longest = min(most, least * 2 ** (attempt - 1))
                # Full jitter: many workers and receivers do not try again at the same moment.
                if self._stop.wait(max(pause, random.uniform(longest / 2, longest))):
                    return
                renew_claim(client, message.id, self._me)
        log.error("receiver %s: given up after %d tries: %s", receiver.name, receiver.attempts, error)
        self._note(client, message, "dead", receiver.attempts, str(error))

    def _note(self, client: Client, message: Message, outcome: str, attempts: int, error: str) -> None:
        write_deliveries(client, [(*key, outcome, attempts, error[:500]) for key in message.keys])


def _told(row: dict, rules: Rules) -> tuple[str, ...]:
    setting = rules.of(row["entity"])
    return tuple(name for name in setting.receivers if name in rules.receivers) if setting else ()


def _never(row: dict, rules: Rules, name: str) -> str:
    """Why a receiver is never told of a transition, or ''."""
    setting = rules.of(row["entity"])
    assert setting is not None
    if RANK[row["severity"]] < RANK[setting.severity]:
        return f"below {setting.severity}"
    if row["state"] != "resolved" and row["acknowledged"]:
        return f"acknowledged by {row['acknowledged']}"
    if row["state"] == "resolved" and row["began"].get(name) in ("held", "dead"):
        return f"of its beginning nobody was told ({row['began'][name]})"
    return ""


def _not_now(row: dict, rules: Rules, quiet: Sequence[dict], now: datetime, market: bool) -> str:
    """Why nobody is told of a transition at this moment, or ''."""
    setting = rules.of(row["entity"])
    assert setting is not None
    for silence in quiet:
        if silence["entity"] in ("", row["entity"]) and silence["kind"] in ("", row["kind"]):
            return f"silence {silence['silence_id']} by {silence['by']}"
    if market and row["kind"] == "buzz":
        return "the whole market has shifted"
    if setting.quiet_hours and setting.quiet_hours.cover(now, row["severity"]):
        return f"quiet hours until {setting.quiet_hours.to}"
    return ""

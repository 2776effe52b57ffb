"""Evaluates the shift rule over what is stored, and keeps the life of each alert in the table ``alerts``.

All state is in ClickHouse: a worker that takes over, or two that overlap, reach the same alerts with the same ids.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from clickhouse_driver import Client
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from storage import alerts, moving_documents, watermark, windows, write_alerts
from stream.shifts import WINDOW_S, Rule, Series, Shift, detect, is_over

Transition = dict[str, Any]
Explain = Callable[[str, str | None], Sequence[tuple[str, float]]]
RECENTLY_STORED = timedelta(hours=1)


class AlertSettings(BaseSettings):
    """Settings with the prefix ``ALERT_``. Spans are of the documents' own time."""

    model_config = SettingsConfigDict(env_prefix="ALERT_")

    clock: Literal["wall", "stream"] = Field(
        default="wall", description="wall: as time passes; stream: as the documents' dates do, for a replay"
    )
    tick_s: int = Field(default=900, ge=WINDOW_S)
    minimum_documents: int = Field(default=Rule.minimum_documents, ge=2)
    minimum_effect: float = Field(default=Rule.minimum_effect, gt=0, le=2)
    threshold: float = Field(default=Rule.threshold, gt=0, description="in standard errors")
    catch_up_s: int = Field(default=86400, ge=0, description="how far back a restarted evaluator starts")

    def rule(self) -> Rule:
        """The rule these settings make."""
        return Rule(
            minimum_documents=self.minimum_documents, minimum_effect=self.minimum_effect, threshold=self.threshold
        )


class Evaluator:
    """For one thread. ``publish`` is given the transitions before they are written, so that none is left out."""

    def __init__(
        self,
        connect: Callable[[], Client],
        settings: AlertSettings,
        publish: Callable[[list[Transition]], None] = lambda transitions: None,
        explain: Explain | None = None,
    ) -> None:
        self._connect, self._settings, self._rule = connect, settings, settings.rule()
        self.publish, self._explain = publish, explain
        self._client: Client | None = None
        self.evaluated_until = 0

    def advance(self) -> list[Transition]:
        """Evaluate every tick since the last call, up to now or to the documents' watermark.

        Raises what the storage raises; the next call then begins where this one did.
        """
        if self._client is None:
            self._client = self._connect()
        try:
            if self._settings.clock == "wall":
                reached: float = time.time()
            else:
                mark = watermark(self._client, datetime.now(UTC) - RECENTLY_STORED)
                reached = mark.timestamp() if mark else 0
            last = int(reached) // self._settings.tick_s * self._settings.tick_s
            if last <= self.evaluated_until or last == 0:
                return []
            first = self.evaluated_until or (last - self._settings.catch_up_s if self._settings.clock == "wall" else 0)
            return self.evaluate(first, last)
        except BaseException:
            self._client.disconnect()
            self._client = None
            raise

    def evaluate(self, after: int, until: int) -> list[Transition]:
        """Evaluate the ticks in ``(after, until]`` (Unix seconds) over one reading of the windows."""
        client = self._client = self._client or self._connect()
        rule, tick = self._rule, self._settings.tick_s
        longest = max(*rule.recent_s, rule.resolved_span_s)
        floor = int(datetime(1990, 1, 1, tzinfo=UTC).timestamp())
        read_from = max(floor, after - rule.baseline_s - 2 * longest)
        data = windows(client, datetime.fromtimestamp(read_from, UTC), datetime.fromtimestamp(until, UTC), WINDOW_S)
        transitions: list[Transition] = []
        if len(data.start):
            begin = max(read_from, int(data.start.min()))
            series = Series(data, begin, until)
            known = {row["id"]: row for row in alerts(client)}
            for at in range(max(after - after % tick + tick, begin - begin % tick + tick), until + 1, tick):
                transitions += self._tick(client, series, at, known)
        if transitions:
            self.publish(transitions)
            write_alerts(client, transitions)
        self.evaluated_until = until
        return transitions

    def _tick(self, client: Client, series: Series, at: int, known: dict[str, Transition]) -> list[Transition]:
        made = []
        for row in known.values():
            if row["state"] == "firing" and row["fired_at"].timestamp() < at and self._is_over(series, at, row):
                row.update(state="resolved", resolved_at=datetime.fromtimestamp(at, UTC))
                made.append({**row, "at": row["resolved_at"], "recorded_at": datetime.now(UTC)})
        for shift in detect(series, at, self._rule):
            # A long span may still show what the latest documents do not any more.
            over = is_over(series, shift.entity, at, shift.began_at, shift.before_mean, shift.after_mean, self._rule)
            if not over and not any(self._covers(row, shift) for row in known.values()):
                row = self._fire(client, shift)
                known[row["id"]] = row
                made.append(dict(row))
        return made

    def _is_over(self, series: Series, at: int, row: Transition) -> bool:
        began = int(row["began_at"].timestamp())
        return is_over(series, row["entity"], at, began, row["before_mean"], row["after_mean"], self._rule)

    def _covers(self, row: Transition, shift: Shift) -> bool:
        """Whether an alert that is known speaks of this shift already, or of one too shortly before or after."""
        if row["entity"] != shift.entity:
            return False
        if row["state"] == "firing" and row["direction"] == shift.direction:
            return True
        # Going back to how it was before an alert is no new shift, though the baseline holds the alert's documents.
        back = abs(shift.after_mean - row["before_mean"]) < self._rule.minimum_effect
        if back and 0 <= shift.at - row["fired_at"].timestamp() < self._rule.baseline_s:
            return True
        ended = row["resolved_at"].timestamp() if row["resolved_at"] else row["fired_at"].timestamp()
        return bool(row["fired_at"].timestamp() - self._rule.cooldown_s < shift.at < ended + self._rule.cooldown_s)

    def _fire(self, client: Client, shift: Shift) -> Transition:
        at = datetime.fromtimestamp(shift.at, UTC)
        since = at - timedelta(seconds=shift.recent_s)
        moved = moving_documents(client, shift.entity, since, at, shift.before_mean)
        for document in moved:
            text = f"{document['title']}\n{document['text']}".strip()[:2000]
            document["words"] = self._words(text, document["surface"], shift.direction)
        name = f"sentiment_shift|{shift.entity}|{shift.direction}|{shift.at}"
        return {
            "id": hashlib.sha256(name.encode()).hexdigest()[:16],
            "kind": "sentiment_shift",
            "entity": shift.entity,
            "direction": shift.direction,
            "severity": shift.severity,
            "state": "firing",
            "fired_at": at,
            "at": at,
            "recorded_at": datetime.now(UTC),
            "resolved_at": None,
            "before_mean": shift.before_mean,
            "after_mean": shift.after_mean,
            "before_documents": shift.before_documents,
            "after_documents": shift.after_documents,
            "began_at": datetime.fromtimestamp(shift.began_at, UTC),
            "model_version": moved[0]["model_version"] if moved else "",
            "evidence": {
                "statistic": round(shift.statistic, 2),
                "span_s": shift.recent_s,
                "documents": moved,
                "query": (
                    "SELECT published_at, source, sentiment, title, text FROM mentions "
                    f"WHERE entity = '{shift.entity}' "
                    f"AND published_at BETWEEN '{since:%Y-%m-%d %H:%M:%S}' AND '{at:%Y-%m-%d %H:%M:%S}' "
                    "ORDER BY sentiment"
                ),
            },
        }

    def _words(self, text: str, entity: str, direction: str, most: int = 5) -> list[str]:
        """The words that decided a document's score the most, in the direction of the shift."""
        if self._explain is None:
            return []
        sign = -1 if direction == "negative" else 1
        words = sorted(self._explain(text, entity), key=lambda word: -sign * word[1])
        return [word for word, contribution in words[:most] if sign * contribution > 0]

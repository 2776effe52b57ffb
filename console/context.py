"""What the routes share: the connections, who may do what, and the two things that only Kafka knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec
from fastapi import Request
from fastapi.responses import Response

from console import sql
from console.access import Access, address
from console.explainer import Explainer
from console.people import User
from console.pool import Pool
from console.shared import Shared
from storage.writes import record_action

Backlog = Callable[[], Mapping[str, int]]
"""How many records of each topic Kafka has and the tables do not have yet. Raises whatever its client raises."""

SendLabel = Callable[[str, str, str], None]
"""Sends (document id, label, annotator) to the topic of labels. Raises ``FinsentError`` if that fails."""

SHARED_S = 1.0
"""An answer that is younger than this is also given to others who ask the same."""

MARKET_S = 10
"""What is asked about all companies at once is asked for every so many seconds, for all who look at it meanwhile."""

HISTORY_S = 3600.0
"""What does not change as long as nothing is stored is kept for so long."""

LIVE_FOR = timedelta(days=1)
"""If the newest document is older, the pages show the moment of that document, and say so."""


@dataclass(frozen=True)
class Context:
    """What the routes work with. Without ``backlog`` or ``send_label``, the console does without Kafka."""

    pool: Pool
    access: Access
    backlog: Backlog | None = None
    send_label: SendLabel | None = None
    shared: Shared[Any] = field(default_factory=lambda: Shared(SHARED_S))
    market: Shared[Any] = field(default_factory=lambda: Shared(MARKET_S))
    history: Shared[Any] = field(default_factory=lambda: Shared(HISTORY_S))
    explainer: Explainer = field(default_factory=Explainer)

    def state(self) -> dict[str, Any]:
        """How fresh the data are, and the moment that is shown; up to a second old."""
        return self.shared.get("state", self._state)

    def market_moment(self) -> datetime:
        """The moment that is shown of all companies: up to ``MARKET_S`` ago, and the same for all who ask meanwhile."""
        state = self.state()
        moment: datetime = state["moment"]
        late = timedelta(seconds=moment.second % MARKET_S, microseconds=moment.microsecond)
        return moment - late if state["live"] else moment

    def _state(self) -> dict[str, Any]:
        stored, records, alerts, actions, labels, now = self.pool.rows(sql.STATE)[1][0]
        published = self._newest(stored, records)
        live = not records or now - published < LIVE_FOR
        return {
            "now": now,
            "moment": now if live else published,
            "live": live,
            "published_at": published,
            "stored_at": stored,
            "records": records,
            "alerts": alerts,
            "actions": actions,
            "labels": labels,
        }

    def _newest(self, stored: datetime, records: int) -> datetime:
        """When the newest document was published: read in a short span first, as a feed that runs is in it, and of all
        history only when something was stored since."""
        for hours in (1, LIVE_FOR // timedelta(hours=1)):
            found: datetime = self.pool.rows(sql.NEWEST, {"hours": hours})[1][0][0]
            if found.year > 1970:
                return found
        found = self.history.get((stored, records), lambda: self.pool.rows(sql.NEWEST_OF_ALL)[1][0][0])
        return found

    def record(self, request: Request, user: User, action: str, subject: str, detail: str = "") -> None:
        """Add to the log what ``user`` did."""
        where = ("console", address(request))
        self.pool.write(lambda client: record_action(client, user.name, action, subject, detail, *where))
        self.shared.forget()  # who did it looks at once whether it is done

    def table(self, query: str, parameters: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """The rows of ``query`` as dictionaries."""
        columns, rows = self.pool.rows(query, parameters)
        return [dict(zip(columns, row, strict=True)) for row in rows]


def encoded(value: Any) -> bytes:
    """JSON: dates as RFC 3339, and types that JSON does not have as text."""
    return msgspec.json.encode(value, enc_hook=str)


def as_json(value: Any) -> Response:
    """An answer in JSON."""
    return Response(encoded(value), media_type="application/json")

"""Lets a worker know the stories of documents that others have stored, or that were stored before its start."""

from __future__ import annotations

import logging

from storage.reads import recent_documents
from stream.steps.link import Link
from stream.threads import Threads
from stream.upkeep.patient_client import GaveUp, PatientClient

log = logging.getLogger(__name__)


class StoryLearner:
    """Reads stored documents for ``link``: at every assignment and then on a timer."""

    def __init__(self, link: Link, client: PatientClient, threads: Threads) -> None:
        self._link, self._client, self._threads = link, client, threads

    async def learn(self) -> None:
        """Take in what is stored and not known yet. Raises ``GaveUp``."""
        seen, capacity = self._link.seen, self._link.capacity
        rows = await self._threads.store.run(self._client.call, lambda client: recent_documents(client, seen, capacity))
        if rows:
            await self._threads.link.run(self._link.learn, rows)

    async def turn(self) -> None:
        """``learn`` on a timer, unless ClickHouse is away."""
        if self._client.waiting:
            return
        try:
            await self.learn()
        except GaveUp:
            log.warning("the worker ends before it could read what others have stored")

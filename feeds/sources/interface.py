"""JSON interfaces, described by a mapping (``feeds.plan.Mapped``)."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import quote

import jsonpath

from documents.files import parse_date, tickers_in
from feeds.fetching import Fetcher, told
from feeds.item import Item
from feeds.plan import Mapped, Paths, Since, seconds
from feeds.sources.contract import BadAnswer, Polled

OVERLAP = timedelta(minutes=30)
"""So far before the newest item is asked for again: items appear late, and out of order."""


class Interface:
    """One interface. ``given`` are the words in braces of its address, ``params`` further parameters."""

    def __init__(
        self,
        mapped: Mapped,
        fetcher: Fetcher,
        params: Mapping[str, str],
        given: Mapping[str, str],
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._mapped, self._fetcher = mapped, fetcher
        self._url = mapped.url.format_map({name: quote(value, safe=".:-") for name, value in given.items()})
        self._params = {**mapped.params, **params}
        self._headers = dict(mapped.headers)
        for key in mapped.keys:
            secret = f"{key.prefix}{environment.get(key.env, '')}"
            (self._headers if key.header else self._params)[key.header or key.param] = secret

    def poll(self, remembered: dict[str, Any]) -> Polled:
        """See ``Source``."""
        params = {**self._params, **self._since(remembered)}
        paging = self._mapped.paging
        found, remember, url, page = Polled(), dict(remembered), self._url, 0
        while True:
            if paging and paging.param and not paging.cursor:
                params[paging.param] = str(paging.start + page)
            document = self._document(url, params)
            before = len(found.items)
            take(self._mapped, document, found)
            if page == 0:
                self._remember_cursor(document, remember)
            page += 1
            following = self._following(document, params)
            if following is None or len(found.items) == before:
                break
            if paging is None or page >= paging.most:
                found.faults += [f"more than {page} pages; paging.most"] if paging and paging.most > 1 else []
                break
            url, params = following or url, {} if following else params
        newest = max((one.published_at for one in found.items if one.published_at), default=None)
        if newest and newest <= datetime.now(UTC):
            remember["newest"] = max(str(remember.get("newest", "")), newest.isoformat())
        found.remember = remember
        return found

    def _document(self, url: str, params: Mapping[str, str]) -> Any:
        answer = self._fetcher.get(url, params=params, headers=self._headers)
        try:
            return json.loads((answer.body or b"").decode("utf-8-sig"))
        except (ValueError, RecursionError) as error:
            raise BadAnswer(f"{told(url)} answers with no JSON, or breaks off: {error}") from error

    def _following(self, document: Any, params: dict[str, str]) -> str | None:
        """The address of the next page, "" for the same one with other ``params``, None if there is none."""
        paging = self._mapped.paging
        if paging is None:
            return None
        if paging.next:
            return next((str(one) for one in find(paging.next, document) if one), None)
        if paging.cursor:
            token = next((str(one) for one in find(paging.cursor, document) if one), None)
            if token is None:
                return None
            params[paging.param] = token
        return ""

    def _since(self, remembered: Mapping[str, Any]) -> dict[str, str]:
        since = self._mapped.since
        if since is None:
            return {}
        if since.form == "cursor":
            return {since.param: str(remembered["cursor"])} if remembered.get("cursor") else {}
        if remembered.get("newest"):
            at = datetime.fromisoformat(remembered["newest"]) - OVERLAP
        elif since.first:
            at = datetime.now(UTC) - timedelta(seconds=seconds(since.first))
        else:
            return {}
        return {since.param: since.template.format(_written(since, at))}

    def _remember_cursor(self, document: Any, remember: dict[str, Any]) -> None:
        since = self._mapped.since
        if since and since.cursor:
            for found in find(since.cursor, document)[:1]:
                if found:
                    remember["cursor"] = str(found)


def take(mapped: Mapped, document: Any, found: Polled) -> None:
    """Put the items of ``document`` into ``found``. Raises ``BadAnswer`` where it says what is wrong instead."""
    if not isinstance(document, dict | list):
        raise BadAnswer(f"the answer is JSON, and neither an object nor a list: {json.dumps(document)[:100]}")
    rows = find(mapped.items, document)
    # Where a list is expected, the values of an object that says what is wrong would be its rows.
    if not any(isinstance(row, dict) for row in rows) and mapped.error and (said := find(mapped.error, document)):
        raise BadAnswer(f"the source says: {str(said[0])[:200]}")
    for row in rows:
        item = _item(mapped.fields, row)
        if item is None:
            found.faults.append(f"an item without id or text: {json.dumps(row)[:100]}")
        else:
            found.items.append(item)


def _item(fields: Mapping[str, Paths], row: Any) -> Item | None:
    values = {name: _value(path, row) for name, path in fields.items() if name != "tickers"}
    title, body = (_text(values.get(name)) for name in ("title", "body"))
    key = _text(values.get("id")) or _text(values.get("url"))
    if not key or not (title or body):
        return None
    return Item(
        key=key,
        title=title,
        body=body,
        url=_text(values.get("url")),
        published_at=parse_date(values.get("published_at")),
        source=_text(values.get("source")),
        author=_text(values.get("author")),
        in_reply_to=_text(values.get("in_reply_to")),
        lang=_text(values.get("lang")),
        tickers=tuple(_tickers(fields.get("tickers"), row)),
    )


@lru_cache(512)
def _compiled(path: str) -> Any:
    return jsonpath.compile(path)


def find(path: str, document: Any) -> list[Any]:
    """What ``path`` finds in ``document``."""
    return list(_compiled(path).findall(document)) if isinstance(document, dict | list) else []


def _value(paths: Paths, row: Any) -> Any:
    if isinstance(paths, dict):
        parts = (_text(_value(one, row)) for one in paths.get("join", []))
        return "\n".join(filter(None, parts))
    for path in paths if isinstance(paths, list) else [paths]:
        if not path.startswith("$"):
            return path
        for found in find(path, row):
            if found not in (None, ""):
                return found
    return None


def _tickers(path: Paths | None, row: Any) -> list[str]:
    if not isinstance(path, str):
        return []
    found = find(path, row)
    return tickers_in(found[0] if len(found) == 1 and isinstance(found[0], str) else found)


def _text(value: Any) -> str:
    if value is None or isinstance(value, dict | list | bool):
        return ""
    return str(value).strip()


def _written(since: Since, at: datetime) -> str:
    if since.form == "epoch":
        return str(int(at.timestamp()))
    return at.strftime({"date": "%Y-%m-%d", "compact": "%Y%m%dT%H%M"}.get(since.form, "%Y-%m-%dT%H:%M:%SZ"))

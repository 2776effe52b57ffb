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
from jsonpath import JSONPath
from jsonpath.segments import JSONPathRecursiveDescentSegment
from jsonpath.selectors import NameSelector

from documents.files import parse_date, tickers_in
from feeds.fetching import Fetcher, told
from feeds.item import Item
from feeds.plan import Mapped, Paths, Since, seconds
from feeds.sources.contract import BadAnswer, Polled, top

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
            problem = "" if take(self._mapped, document, found) else misplaced(self._mapped, document)
            if problem and not _is_told_to_be_empty(self._mapped, document):
                if page == 0:
                    raise BadAnswer(problem)
                found.faults.append(f"page {page + 1}: {problem}")  # the pages before it count
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


def take(mapped: Mapped, document: Any, found: Polled) -> bool:
    """Put the items of ``document`` into ``found``, and tell whether anything stands where they should. Raises
    ``BadAnswer`` where it says what is wrong instead."""
    if not isinstance(document, dict | list):
        raise BadAnswer(f"the answer is JSON, and neither an object nor a list: {json.dumps(document)[:100]}")
    rows = find(mapped.items, document)
    # Where a list is expected, the values of an object that says what is wrong would be its rows.
    there = any(isinstance(row, dict) for row in rows)
    if not there:
        if _is_told_to_be_empty(mapped, document) and misplaced(mapped, document):
            return False
        if mapped.error and (said := find(mapped.error, document)):
            raise BadAnswer(f"the source says: {str(said[0])[:200]}")
    for row in rows:
        item = _item(mapped.fields, row)
        if item is None:
            found.faults.append(f"an item without id or text: {json.dumps(row)[:100]}")
        else:
            found.items.append(item)
    return there


def misplaced(mapped: Mapped, document: Any) -> str:
    """What is wrong where a whole answer should have its items: nothing is there, or no list. "" if nothing is wrong.

    A list may be empty, and null stands for an empty list, as some servers write it. Objects, and lists by company, may
    stand in an object.
    """
    problems = [_misplaced(path, document) for path in _paths(mapped.items)]
    return problems[0] if all(problems) else ""


def _misplaced(path: JSONPath, document: Any) -> str:
    """The same for one path: the names at its beginning lead to the items' place."""
    names, several, deeper = _place(path)
    where = "$" + "".join(f".{name}" for name in names)
    wanted = "list of items" if several else "item"
    at = document
    for name in names:
        if not isinstance(at, dict) or name not in at:
            return f"the answer has no {wanted} at {where}; {top(document)}"
        at = at[name]
    if not several or at is None or isinstance(at, list):
        return ""
    if isinstance(at, dict) and (any(isinstance(one, dict | list) for one in at.values()) or (deeper and not at)):
        return ""
    what = "an object" if isinstance(at, dict) else "one value"
    return f"the answer has {what} and no {wanted} at {where}; {top(document)}"


def _place(path: JSONPath) -> tuple[list[str], bool, bool]:
    """The names at the beginning of ``path``, whether several things are next, in a list or an object, and whether the
    path goes on below these. A path that looks further down at any depth may find nothing anywhere."""
    names: list[str] = []
    for number, segment in enumerate(path.segments, start=1):
        selectors = segment.selectors
        if isinstance(segment, JSONPathRecursiveDescentSegment):
            return names, False, False
        if len(selectors) != 1 or not isinstance(selectors[0], NameSelector):
            several = not all(isinstance(one, NameSelector) for one in selectors)
            return names, several, number < len(path.segments)
        names.append(selectors[0].name)
    return names, False, False


def _paths(path: str) -> list[JSONPath]:
    """The parts of a path of several alternatives."""
    compiled = _compiled(path)
    return [compiled] if isinstance(compiled, JSONPath) else [compiled.path, *(one for _, one in compiled.paths)]


def _is_told_to_be_empty(mapped: Mapped, document: Any) -> bool:
    return bool(mapped.empty) and bool(find(mapped.empty, document))


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

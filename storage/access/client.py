"""Asks ClickHouse as a person does: at its HTTP port, with the rights of the person, and never writes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.util import find_spec
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from errors import FinsentError
from settings import ClickHouseSettings, data_directory, without_password
from storage.access.arrow import readable
from storage.access.passwords import PASSWORDS_FILE
from storage.connection import first_line

if TYPE_CHECKING:
    import pyarrow

MOST_SECONDS, MOST_ROWS = 30, 1_000_000


class QueryRefused(FinsentError, RuntimeError):
    """ClickHouse does not answer the query; the text says why, ``code`` is ClickHouse's number for it (or 0)."""

    def __init__(self, text: str, code: int = 0) -> None:
        super().__init__(text)
        self.code = code


class Answer(NamedTuple):
    """The names of the columns, the first rows, and whether there are more."""

    columns: list[str]
    rows: list[tuple[Any, ...]]
    more: bool


class PersonsClient:
    """A client for one of the users that ``finsent storage grant`` makes.

    The native protocol is no way for them: the service's client sets the time zone of its session, which users who may
    only read may not do. Raises ``QueryRefused`` if the server does not answer, or not to this user.
    """

    def __init__(self, url: str, user: str, password: str, database: str, ca: str | None = None) -> None:
        if find_spec("clickhouse_connect") is None:
            raise QueryRefused("asking as a person needs a library: pip install 'finsent[client]'")
        import clickhouse_connect
        from clickhouse_connect.driver.exceptions import ClickHouseError

        self.user, where = user, urlsplit(url)
        self._errors: tuple[type[Exception], ...] = (ClickHouseError, OSError)
        try:
            self._client = clickhouse_connect.get_client(
                interface=where.scheme,
                host=where.hostname or "",
                port=where.port or (8443 if where.scheme == "https" else 8123),
                username=user,
                password=password,
                database=database,
                ca_cert=ca,
                autogenerate_session_id=False,  # or one query at a time
                show_clickhouse_errors="scrub",  # without the address and the version of the server
            )
        except self._errors as error:
            at = without_password(url)
            raise QueryRefused(f"ClickHouse at {at} does not let {user} in: {first_line(error)}") from error

    def query(
        self,
        sql: str,
        params: Mapping[str, Any] | None = None,
        as_of: datetime | str | None = None,
        max_seconds: int = MOST_SECONDS,
    ) -> pyarrow.Table:
        """The rows of one SELECT as an Arrow table: ``.to_pandas()`` and ``polars.from_arrow()`` take it from there.

        A value of ``params`` is written in the query as ``{name:Type}``, ``as_of`` as ``{as_of:DateTime64(3)}``. Times
        without a zone are UTC. Raises ``QueryRefused``.
        """
        if find_spec("pyarrow") is None:
            raise QueryRefused("an Arrow table needs pyarrow: pip install 'finsent[client]'")
        from pyarrow import ArrowInvalid

        given = dict(params or {})
        if as_of is not None:
            given["as_of"] = datetime.fromisoformat(as_of) if isinstance(as_of, str) else as_of
        values = _bound(sql, given)
        limits = {"readonly": 1, "max_execution_time": max_seconds}
        try:
            table = self._client.query_arrow(sql, parameters=values, settings=limits)
            return readable(table, lambda: self._types(sql, values))
        except (*self._errors, ArrowInvalid) as error:
            raise _refused(error) from error

    def _types(self, sql: str, values: Mapping[str, Any]) -> list[str]:
        described = self._client.query(f"DESCRIBE ({sql.rstrip().rstrip(';')}\n)", parameters=dict(values))
        return [str(row[1]) for row in described.result_rows]

    def execute(self, query: str) -> list[tuple[Any, ...]]:
        """All rows of ``query``."""
        return self.first_rows(query, MOST_ROWS, MOST_SECONDS).rows

    def first_rows(self, query: str, most: int, max_seconds: int, params: Mapping[str, Any] | None = None) -> Answer:
        """The first ``most`` rows of ``query``, which the server stops after ``max_seconds``; ``params`` as above.

        Raises ``QueryRefused``.
        """
        values = _bound(query, params or {})
        limits = {"readonly": 1, "max_execution_time": max_seconds}
        try:
            with self._client.query_rows_stream(query, values, settings=limits) as stream:
                rows = [tuple(row) for row in islice(stream, most + 1)]
                columns = list(stream.source.column_names)
        except self._errors as error:
            raise _refused(error) from error
        return Answer(columns, rows[:most], len(rows) > most)


def log_in(user: str = "", password: str = "", url: str = "") -> PersonsClient:
    """A client for ``user``, the risk reader if none is named.

    What is not given comes from CLICKHOUSE_HTTP_URL, and from the file of passwords that ``finsent storage grant``
    writes, or else CLICKHOUSE_PASSWORD. Raises ``QueryRefused``.
    """
    settings = ClickHouseSettings()
    user = user or f"{settings.account_prefix}risk_reader"
    if not (url := url or settings.http_url):
        raise QueryRefused("set CLICKHOUSE_HTTP_URL, for instance http://db:8123: people log in there")
    path = data_directory() / PASSWORDS_FILE
    known: dict[str, str] = json.loads(path.read_text()) if not password and path.exists() else {}
    if not (password := password or known.get(user) or settings.secret):
        where = f"{path}, and none in CLICKHOUSE_PASSWORD"
        raise QueryRefused(f"there is no password of {user} in {where}; 'finsent storage grant' makes one")
    database = urlsplit(settings.address_of_first).path.strip("/") or "default"
    return PersonsClient(url, user, password, database, str(settings.ssl_ca) if settings.ssl_ca else None)


def _bound(sql: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """The values of the parameters of ``sql``, which the server fills in: a value never becomes a part of the query.

    A value that the query does not use is refused: a query that reads the present although a moment was given would
    answer with what nobody knew then.
    """
    for name in params:
        if f"{{{name}:" not in sql:
            kind = "DateTime64(3)" if name == "as_of" else "Type"
            raise QueryRefused(f"the query does not use {name}: write it there as {{{name}:{kind}}}")
    return {name: _sent(value) for name, value in params.items()}


def _sent(value: Any) -> Any:
    """A parameter as ClickHouse reads it: times in UTC, with their milliseconds."""
    if isinstance(value, datetime):
        moment = value.astimezone(UTC) if value.tzinfo else value
        return moment.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    return value


def _refused(error: Exception) -> QueryRefused:
    return QueryRefused(first_line(error), getattr(error, "code", None) or 0)

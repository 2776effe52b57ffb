"""Views as files, one for each day: what quants take into pandas, polars, DuckDB or Spark."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clickhouse_driver import Client

from errors import FinsentError

if TYPE_CHECKING:
    import pyarrow

DAY_OF = {
    "documents": "published_at",
    "mentions": "published_at",
    "events": "published_at",
    "labels": "labelled_at",
    "alert_history": "at",
    "prices": "date",
}
"""The views that can be exported, and the column that says to which day (UTC) a row belongs."""

AS_OF = ("documents", "mentions", "labels")
"""Those of them that can be exported as they were at a moment."""

KNOWN_AT = {"alert_history": "recorded_at", "prices": "recorded_at"}
"""The column that says when a row became known, where it is not ``ingested_at``."""

LEFT_OUT = {"documents": ("embedding",)}
"""Columns that are of no use outside: an embedding is compared with others of the same version only."""

ROWS = 65_536
"""Rows that are held in memory at once, and that make a row group of the file."""

_WRAPPED = re.compile(r"(LowCardinality|Nullable|Array)\((.*)\)")
_MOMENT = re.compile(r"DateTime(?:64\((\d)[^)]*\)|.*)")


class CannotExport(FinsentError, ValueError):
    """What is asked for cannot be exported; the text says why."""


def export_days(client: Client, view: str, first: date, last: date, as_of: datetime | None = None) -> dict[date, int]:
    """Days (UTC) from ``first`` to ``last`` with rows of ``view``, and the number of rows of each.

    Raises ``CannotExport`` for a view that has no days, or none ``as_of`` a moment.
    """
    if view not in DAY_OF:
        raise CannotExport(f"{view!r} cannot be exported; {', '.join(DAY_OF)} can")
    if as_of and view not in AS_OF:
        raise CannotExport(f"{view} is not kept as of a moment; {', '.join(AS_OF)} are")
    sql = f"SELECT toDate({DAY_OF[view]}) AS day, count() FROM {_source(view, as_of)} WHERE {_between(view)}"
    rows = client.execute(f"{sql} GROUP BY day ORDER BY day", _parameters(first, last, as_of))
    return {day: int(count) for day, count in rows}


def export_day(client: Client, view: str, day: date, path: Path, as_of: datetime | None = None) -> int:
    """Write the rows of ``view`` of the UTC day ``day`` to ``path`` as Parquet; the number of rows.

    Rows are in the order in which they became known. The file is there as a whole or not at all; an
    earlier one is replaced. Raises ``CannotExport`` where pyarrow is not installed.
    """
    if find_spec("pyarrow") is None:
        raise CannotExport("Parquet needs pyarrow: pip install 'finsent[files]'")
    from pyarrow import parquet

    new, count = path.with_suffix(".new"), 0
    writer: parquet.ParquetWriter | None = None
    try:
        for table in _tables(client, view, day, as_of):
            writer = writer or parquet.ParquetWriter(new, table.schema, compression="zstd")
            writer.write_table(table)
            count += table.num_rows
        if writer is not None:
            writer.close()
            new.replace(path)
    finally:
        if writer is not None:
            writer.close()
        new.unlink(missing_ok=True)
    return count


def _tables(client: Client, view: str, day: date, as_of: datetime | None) -> Iterator[pyarrow.Table]:
    import pyarrow

    left_out = f" EXCEPT ({', '.join(LEFT_OUT[view])})" if view in LEFT_OUT else ""
    order = KNOWN_AT.get(view, "ingested_at")
    rows = client.execute_iter(
        f"SELECT *{left_out} FROM {_source(view, as_of)} WHERE {_between(view)} ORDER BY {order}",
        _parameters(day, day, as_of),
        with_column_types=True,
        settings={"readonly": 1, "max_block_size": ROWS},
    )
    schema = pyarrow.schema([(name, arrow_type(kind)) for name, kind in next(rows)])
    while chunk := list(islice(rows, ROWS)):
        columns = zip(schema, zip(*chunk, strict=True), strict=True)
        yield pyarrow.Table.from_arrays([pyarrow.array(column, field.type) for field, column in columns], schema=schema)


def arrow_type(kind: str) -> Any:
    """The Arrow type for a column of the ClickHouse type ``kind``. Raises ``CannotExport`` if it has none here."""
    import pyarrow

    if found := _WRAPPED.fullmatch(kind):
        inner = arrow_type(found[2])
        return pyarrow.list_(inner) if found[1] == "Array" else inner
    if kind.startswith(("Enum", "FixedString")) or kind in ("String", "UUID"):
        return pyarrow.string()
    if found := _MOMENT.fullmatch(kind):
        unit = {None: "s", "3": "ms", "6": "us", "9": "ns"}.get(found[1])
        if unit:
            return pyarrow.timestamp(unit, tz="UTC")
    simple = {"Date": "date32", "Date32": "date32", "Bool": "bool_", "Float32": "float32", "Float64": "float64"}
    if found := re.fullmatch(r"(U?)Int(8|16|32|64)", kind):
        return getattr(pyarrow, f"{found[1].lower()}int{found[2]}")()
    if kind in simple:
        return getattr(pyarrow, simple[kind])()
    raise CannotExport(f"columns of the type {kind} cannot be written as Parquet")


def _source(view: str, as_of: datetime | None) -> str:
    return f"{view}_as_of(moment = %(as_of)s)" if as_of else view


def _between(view: str) -> str:
    moment = DAY_OF[view]
    return f"{moment} >= toDateTime64(%(first)s, 3, 'UTC') AND {moment} < toDateTime64(%(until)s, 3, 'UTC')"


def _parameters(first: date, last: date, as_of: datetime | None) -> dict[str, datetime]:
    midnight = time(tzinfo=UTC)
    given = {
        "first": datetime.combine(first, midnight),
        "until": datetime.combine(last, midnight) + timedelta(days=1),
    }
    return given | ({"as_of": as_of} if as_of else {})

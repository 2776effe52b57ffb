"""The data dictionary: the public views with their columns, from the schema, and their meanings, from
``dictionary.yaml``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any, NamedTuple, Protocol

import yaml
from clickhouse_driver import Client

# The columns by which rows belong to a desk, the first one that a view has.
ROWS = ("scope", "desk", "entity", "mentions.entity", "entities")
WATCHLIST = "watchlist"
COMPANIES = "companies"
EXAMPLES = {"Array(String)": "['AAPL']", "UInt32": "3600", "DateTime64(3, 'UTC')": "'2020-06-18 12:00:00'"}


class Column(NamedTuple):
    """A column of a view; ``unit`` and ``means`` are '' where the dictionary does not have them."""

    name: str
    type: str
    unit: str
    means: str


class View(NamedTuple):
    """A public view; ``parameters`` are in the order of a call."""

    name: str
    means: str
    parameters: tuple[Column, ...]
    columns: tuple[Column, ...]

    @property
    def call(self) -> str:
        """The view as it stands after FROM, with example values for its parameters."""
        values = ", ".join(f"{one.name} = {EXAMPLES.get(one.type, '1')}" for one in self.parameters)
        return f"{self.name}({values})" if values else self.name


@cache
def _dictionary() -> dict[str, Any]:
    text = (resources.files(__package__) / "dictionary.yaml").read_text(encoding="utf-8")
    content: dict[str, Any] = yaml.safe_load(text)
    return content


class Asking(Protocol):
    """What asks ClickHouse: a ``Client``, or a ``PersonsClient``."""

    def execute(self, query: str) -> Any:
        """The rows of ``query``."""


def public_views(client: Asking) -> list[View]:
    """The public views of the database: every view is one."""
    found = client.execute(
        """
        SELECT name, arrayMap(one -> (one.1, one.2), parameterized_view_parameters) FROM system.tables
        WHERE database = currentDatabase() AND engine = 'View' ORDER BY name
        """
    )
    columns: dict[str, list[tuple[str, str]]] = {}
    for name, column, kind in client.execute(
        "SELECT table, name, type FROM system.columns WHERE database = currentDatabase() ORDER BY table, position"
    ):
        columns.setdefault(name, []).append((column, kind))
    return [_view(client, name, parameters, columns.get(name, ())) for name, parameters in found]


def public() -> dict[str, str]:
    """The views of the dictionary, each with the column that says which desk a row belongs to ('' for none)."""
    by_view = {name: column for column, names in _dictionary()["rows"].items() for name in names}
    return {name: by_view.get(name, "") for name in _dictionary()["views"]}


def auditors_only() -> frozenset[str]:
    """The views that risk readers may not read."""
    return frozenset(_dictionary()["auditors"])


def not_for_desks() -> frozenset[str]:
    """The public views that the readers of one desk may not see, because their rows cannot be told apart by desk."""
    return frozenset(_dictionary()["whole"])


def _view(client: Asking, name: str, parameters: Sequence[tuple[str, str]], columns: Sequence[tuple[str, str]]) -> View:
    dictionary = _dictionary()
    about = dictionary["views"].get(name, {})
    own = about.get("columns", {})
    given = tuple(_column(one, kind, dictionary["parameters"].get(one, "")) for one, kind in parameters)
    view = View(name, about.get("means", ""), given, ())
    if given:  # such a view has columns only when it is called
        columns = [(row[0], row[1]) for row in client.execute(f"DESCRIBE (SELECT * FROM {view.call})")]
    return view._replace(
        columns=tuple(_column(one, kind, own.get(one, dictionary["columns"].get(one, ""))) for one, kind in columns)
    )


def _column(name: str, kind: str, text: str) -> Column:
    unit, _, means = text.rpartition(" | ")
    return Column(name, kind, unit, means)


def dictionary_faults(found: Sequence[View]) -> list[str]:
    """Faults of the dictionary: views and columns without a meaning, and meanings of things that do not exist."""
    dictionary = _dictionary()
    missing = [f"view {view.name} has no meaning" for view in found if not view.means]
    for view in found:
        columns = (*view.parameters, *view.columns)
        missing += [f"{view.name}.{column.name} has no meaning" for column in columns if not column.means]
    names = {view.name: {column.name for column in view.columns} for view in found}
    for name, about in dictionary["views"].items():
        gone = set(about.get("columns", {})) - names.get(name, set())
        missing += [f"{name}.{column} is not in the schema" for column in sorted(gone)]
    for view in found:
        column = next((one for one in ROWS if one in names[view.name]), "")
        if view.name in (WATCHLIST, COMPANIES):
            column = ""
        if column != public().get(view.name, ""):
            missing.append(f"view {view.name} belongs under rows.{column or 'nothing'}")
    listed = [name for group in dictionary["groups"].values() for name in group]
    missing += [f"view {name} is listed, but not in the schema" for name in listed if name not in names]
    return missing


def dictionary_page(found: Sequence[View]) -> str:
    """The dictionary as Markdown."""
    by_name = {view.name: view for view in found}
    groups = {
        title: [by_name[name] for name in names if name in by_name] for title, names in _dictionary()["groups"].items()
    }
    listed = {view.name for views in groups.values() for view in views}
    if others := [view for view in found if view.name not in listed]:
        groups["Others"] = others
    lines = [
        "# Data dictionary",
        "",
        "The views that people read, made from the schema by `finsent storage dictionary`. Every view is free of the "
        "repeats that a retry or a second worker leaves in the tables below it. Times are UTC. A view with "
        "parameters is called with them, as its heading shows.",
    ]
    for title, views in groups.items():
        lines += ["", f"## {title}"]
        for view in views:
            lines += ["", f"### `{view.call}`", "", view.means]
            if view.parameters:
                lines += [""] + [f"- `{one.name}` ({one.type}): {_text(one)}" for one in view.parameters]
            lines += ["", "| column | type | unit | meaning |", "| --- | --- | --- | --- |"]
            lines += [f"| `{c.name}` | {c.type} | {c.unit} | {c.means} |" for c in view.columns]
    return "\n".join(lines) + "\n"


def _text(column: Column) -> str:
    return f"{column.means}, in {column.unit}" if column.unit else column.means


def comment_views(client: Client, found: Sequence[View]) -> None:
    """Write the meanings into ClickHouse, where DESCRIBE and people's tools show them."""
    for view in found:
        parts = [f"MODIFY COMMENT {_quoted(view.means)}"]
        if not view.parameters:  # the others' columns are not known to it
            parts += [f"COMMENT COLUMN `{one.name}` {_quoted(_comment(one))}" for one in view.columns]
        client.execute(f"ALTER TABLE {view.name} {', '.join(parts)}")


def _comment(column: Column) -> str:
    return f"{column.means} ({column.unit})" if column.unit else column.means


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"

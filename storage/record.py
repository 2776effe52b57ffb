"""The columns of ``record_log``: one for each field of ``documents.record.Record``, in the table's order."""

from __future__ import annotations

import dataclasses

from documents.record import Record

LISTS = frozenset(declared.name for declared in dataclasses.fields(Record) if "list[" in str(declared.type))


def column_of(name: str) -> str:
    """The column that holds the field ``name``: lists are the nested columns ``mentions`` and ``topics``."""
    group, _, rest = name.partition("_")
    return f"{group}s.{rest}" if name in LISTS else name


FIELDS = tuple(declared.name for declared in dataclasses.fields(Record))
COLUMNS = tuple(column_of(name) for name in FIELDS)

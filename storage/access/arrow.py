"""Arrow tables as people can use them: ClickHouse sends the values of an enumeration as numbers, and bytes as text."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow

_VALUE = re.compile(r"'((?:[^'\\]|\\.)*)' = (-?\d+)")


def readable(table: pyarrow.Table, types: Callable[[], Sequence[str]]) -> pyarrow.Table:
    """``table`` with the names of enumerations, and with bytes where text is none.

    ``types`` asks for the columns' ClickHouse types. It is called only if a column may be an enumeration.
    """
    import pyarrow

    kinds = types() if any(_may_be_enum(field.type) for field in table.schema) else [""] * table.num_columns
    for place, (field, kind) in enumerate(zip(table.schema, kinds, strict=True)):
        column = table.column(place)
        if "Enum" in kind and _may_be_enum(field.type):
            names = {int(number): name for name, number in _VALUE.findall(kind)}
            column = pyarrow.chunked_array([_named(chunk, names) for chunk in column.chunks], _with_text(field.type))
        elif pyarrow.types.is_string(field.type) and not _is_text(column):
            column = column.cast(pyarrow.binary())
        else:
            continue
        table = table.set_column(place, field.name, column)
    return table


def _may_be_enum(kind: Any) -> bool:
    import pyarrow

    inner = kind.value_type if pyarrow.types.is_list(kind) else kind
    return inner in (pyarrow.int8(), pyarrow.int16())


def _with_text(kind: Any) -> Any:
    import pyarrow

    return pyarrow.list_(pyarrow.string()) if pyarrow.types.is_list(kind) else pyarrow.string()


def _named(chunk: Any, names: dict[int, str]) -> Any:
    import pyarrow
    from pyarrow import compute

    if pyarrow.types.is_list(chunk.type):
        inner = _named(chunk.flatten(), names)
        sizes = compute.fill_null(compute.list_value_length(chunk), 0)
        ends = compute.cumulative_sum(sizes)
        return pyarrow.ListArray.from_arrays(pyarrow.concat_arrays([pyarrow.array([0], ends.type), ends]), inner)
    numbers = pyarrow.array(list(names), chunk.type)
    return pyarrow.array(list(names.values()), pyarrow.string()).take(compute.index_in(chunk, numbers))


def _is_text(column: Any) -> bool:
    import pyarrow

    try:
        column.validate(full=True)
    except pyarrow.ArrowInvalid:
        return False
    return True

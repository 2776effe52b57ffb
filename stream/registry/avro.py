"""Avro's binary format, by fastavro."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any
from uuid import UUID

from fastavro import parse_schema, schemaless_reader

from documents.messages import InvalidMessage
from stream.registry.contract import Schema

BYTES = {"null": 0, "boolean": 1, "int": 1, "long": 1, "float": 4, "double": 8, "bytes": 1, "string": 1}
"""The fewest bytes of a value of each primitive type."""


class AvroDecoder:
    """Times are those with the logical types ``timestamp-millis`` and ``timestamp-micros``."""

    def __init__(self, schema: Schema) -> None:
        named: dict[str, Any] = {}
        try:
            for text in schema.references.values():
                parse_schema(json.loads(text), named_schemas=named)
            self._schema = parse_schema(json.loads(schema.text), named_schemas=named)
        except Exception as error:  # fastavro raises whatever a wrong schema makes it stumble over
            raise InvalidMessage("no_schema", f"schema {schema.id} is no Avro schema: {error}") from error
        _fewest_bytes(self._schema, _Walk(schema.id, named))

    def fields(self, payload: bytes) -> object:
        """See ``Decoder``."""
        data = BytesIO(payload)
        try:
            value = schemaless_reader(data, self._schema, None)
        except Exception as error:  # fastavro raises whatever wrong bytes make it stumble over
            wrong = str(error) or type(error).__name__
            raise InvalidMessage("not_decodable", f"the bytes are no value of their Avro schema: {wrong}") from error
        if left := len(payload) - data.tell():
            raise InvalidMessage("not_decodable", f"{left} bytes follow the value of the Avro schema")
        if not isinstance(value, dict):
            return value
        return {name: _plain(one) for name, one in value.items() if one is not None}


class _Walk:
    """What is known on a walk through a schema: its named types, and those that the walk is inside of."""

    def __init__(self, schema_id: int, named: dict[str, Any]) -> None:
        self.schema_id, self.named = schema_id, named
        self.inside: list[str] = []
        self.known: dict[str, int] = {}

    def refuse(self, why: str) -> InvalidMessage:
        return InvalidMessage("no_schema", f"schema {self.schema_id} cannot be used: {why}")


def _fewest_bytes(schema: Any, walk: _Walk) -> int:
    """The fewest bytes of a value of ``schema``.

    Refuses schemas with which one record could end the process: fastavro's recursion overflows the stack of C in a type
    that contains itself, and an array of items without bytes may have any length.
    """
    if isinstance(schema, list):
        for one in schema:
            _fewest_bytes(one, walk)
        return 1
    if isinstance(schema, str):
        return BYTES[schema] if schema in BYTES else _fewest_bytes_of_named(schema, walk)
    kind = schema["type"]
    if kind in ("record", "error"):
        return _fewest_bytes_of_named(schema["name"], walk)
    if kind == "array":
        if not _fewest_bytes(schema["items"], walk):
            raise walk.refuse("it has an array of items without bytes")
        return 1
    if kind == "map":
        _fewest_bytes(schema["values"], walk)
        return 1
    if kind == "fixed":
        return int(schema["size"])
    return 1 if kind == "enum" else _fewest_bytes(kind, walk)


def _fewest_bytes_of_named(name: str, walk: _Walk) -> int:
    if name in walk.inside:
        raise walk.refuse(f"{name} contains itself")
    if name not in walk.known:
        definition = walk.named[name]
        if definition["type"] in ("record", "error"):
            walk.inside.append(name)
            walk.known[name] = sum(_fewest_bytes(field["type"], walk) for field in definition["fields"])
            walk.inside.pop()
        else:
            walk.known[name] = _fewest_bytes(definition, walk)
    return walk.known[name]


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, UUID) else value

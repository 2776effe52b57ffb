"""What a format of the registry promises; tests/stream/test_registry.py holds each of them to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol


class Schema(NamedTuple):
    """A schema as the registry has it."""

    id: int
    format: str
    """``AVRO``, ``JSON`` or ``PROTOBUF``."""

    text: str
    references: Mapping[str, str]
    """The texts of the schemas that it refers to, and those that they refer to, by name. What others need comes first.
    """


class Decoder(Protocol):
    """Decodes the values of one schema. It is made once for each schema, from a ``Schema``, and kept.

    The making raises ``InvalidMessage`` of kind ``no_schema`` if the schema cannot be used.
    """

    def fields(self, payload: bytes) -> object:
        """The fields of one value, as Python's own types; times may be ``datetime``. ``payload`` is what follows the
        schema's id.

        What the format calls null or unset is left out. Raises ``InvalidMessage``, and nothing else, if the bytes are
        no value of the schema.
        """
        ...

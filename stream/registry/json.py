"""JSON whose JSON Schema is in the registry."""

from __future__ import annotations

import msgspec

from documents.messages import InvalidMessage
from stream.registry.contract import Schema


class JsonDecoder:
    """The schema itself is not applied: what a message needs is checked in any case."""

    def __init__(self, schema: Schema) -> None:
        pass

    def fields(self, payload: bytes) -> object:
        """See ``Decoder``."""
        try:
            payload.decode("utf-8")
        except UnicodeDecodeError as error:
            raise InvalidMessage("encoding", f"not UTF-8 at byte {error.start} of the JSON") from error
        try:
            return msgspec.json.decode(payload)
        except (msgspec.DecodeError, RecursionError) as error:
            raise InvalidMessage("not_json", str(error)) from error

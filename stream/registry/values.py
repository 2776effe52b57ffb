"""The way of a value: plain JSON as it is, and what is in the registry's wire format by its schema.

In the wire format a value begins with a byte 0 and the four bytes of its schema's id.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from datetime import datetime
from typing import ClassVar

from cachetools import LRUCache, TTLCache

from documents.messages import Comment, InvalidMessage, Label, News, check_size, decode, from_fields
from errors import ExitCode, FinsentError
from settings import KafkaSettings
from stream.registry.client import RegistryClient
from stream.registry.contract import Decoder, Schema
from stream.registry.json import JsonDecoder

MAGIC = 0
HEAD = 5
KEPT = 1000
ASK_AGAIN_S = 60.0
"""For this long the registry is not asked again for a schema that is missing or cannot be used."""

LIBRARIES = ("fastavro", "google.protobuf", "grpc_tools")

Decode = Callable[[str, bytes, datetime], News | Comment | Label]
"""Makes a message of the topic and the bytes of a record; the third argument is the time of the reading. Raises
``InvalidMessage``, or ``SchemaUnavailable`` while the registry is away."""


class RegistryLibrariesMissing(FinsentError, RuntimeError):
    """A registry is named, but finsent was installed without what its formats need."""

    exit_code: ClassVar[ExitCode] = ExitCode.CONFIG


def decoding(settings: KafkaSettings) -> Decode:
    """How a worker with ``settings`` reads values of its topics. Raises ``RegistryLibrariesMissing``."""
    plain, feeds = _decoding(settings), settings.feeds
    return lambda topic, raw, now: plain(feeds.get(topic, topic), raw, now)


def _decoding(settings: KafkaSettings) -> Decode:
    if not settings.schema_registries:
        return _without_registry
    if missing := [name for name in LIBRARIES if not _is_there(name)]:
        raise RegistryLibrariesMissing(
            f"KAFKA_SCHEMA_REGISTRY_URL is set, but {', '.join(missing)} cannot be imported: install finsent with its "
            "extra 'registry' (pip install 'finsent[registry]')"
        )
    return Values(RegistryClient.of(settings).schema).decode


class Values:
    """Reads values of every format. ``schema`` gives the schema with an id, see ``RegistryClient``. For one thread."""

    def __init__(self, schema: Callable[[int], Schema]) -> None:
        self._schema = schema
        self._decoders: LRUCache[int, Decoder] = LRUCache(KEPT)
        self._unusable: TTLCache[int, InvalidMessage] = TTLCache(KEPT, ASK_AGAIN_S)

    def decode(self, topic: str, raw: bytes, now: datetime) -> News | Comment | Label:
        """See ``Decode``."""
        if not raw or raw[0] != MAGIC:
            return decode(topic, raw, now)
        check_size(raw)
        if len(raw) < HEAD:
            raise InvalidMessage("not_decodable", f"{len(raw)} bytes hold no schema id")
        fields = self._decoder(int.from_bytes(raw[1:HEAD], "big")).fields(raw[HEAD:])
        return from_fields(topic, fields, now)

    def _decoder(self, number: int) -> Decoder:
        if number in self._decoders:
            return self._decoders[number]
        if unusable := self._unusable.get(number):
            raise InvalidMessage(unusable.kind, str(unusable))
        try:
            made = self._decoders[number] = _decoder_of(self._schema(number))
        except InvalidMessage as error:
            self._unusable[number] = error
            raise
        return made


def _decoder_of(schema: Schema) -> Decoder:
    """The libraries are imported here: most workers have no registry."""
    match schema.format:
        case "JSON":
            return JsonDecoder(schema)
        case "AVRO":
            from stream.registry.avro import AvroDecoder

            return AvroDecoder(schema)
        case "PROTOBUF":
            from stream.registry.protobuf import ProtobufDecoder

            return ProtobufDecoder(schema)
    raise InvalidMessage("no_schema", f"schema {schema.id} is of the format {schema.format}, which is not read")


def _without_registry(topic: str, raw: bytes, now: datetime) -> News | Comment | Label:
    try:
        return decode(topic, raw, now)
    except InvalidMessage as error:
        if not raw or raw[0] != MAGIC:
            raise
        hint = "it begins with the byte 0, as values with a schema id do: is KAFKA_SCHEMA_REGISTRY_URL to be set?"
        raise InvalidMessage(error.kind, f"{error}; {hint}", error.field) from error


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # the package around it
        return False

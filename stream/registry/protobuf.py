"""Protobuf: protoc compiles the schema's text, and the classes of its messages are made from that."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from datetime import UTC
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message

from documents.messages import InvalidMessage
from stream.registry.client import SchemaUnavailable
from stream.registry.contract import Schema

COMPILE_S = 15.0
MOST_VARINT_BYTES = 10
MOST_INDEXES = 64
TIMESTAMP = "google.protobuf.Timestamp"
WRAPPERS = {f"google.protobuf.{name}Value" for name in ("String", "Bytes", "Bool", "Int32", "Int64", "Double")}


class ProtobufDecoder:
    """Decodes the messages of one file. A value says which of them it is, before its bytes."""

    def __init__(self, schema: Schema) -> None:
        compiled = _compiled(schema)
        self._id, self._file = schema.id, compiled.file[-1]  # protoc puts what a file imports before it
        self._pool = descriptor_pool.DescriptorPool()
        for file in compiled.file:
            self._pool.AddSerializedFile(file.SerializeToString())
        self._message = cache(self._class)

    def fields(self, payload: bytes) -> object:
        """See ``Decoder``."""
        indexes, rest = _message_indexes(payload)
        message = self._message(indexes)()
        try:
            message.ParseFromString(rest)
        except DecodeError as error:
            raise InvalidMessage(
                "not_decodable", f"the bytes are no {message.DESCRIPTOR.full_name}: {error}"
            ) from error
        return {field.name: _plain(message, field) for field in message.DESCRIPTOR.fields if _is_set(message, field)}

    def _class(self, indexes: tuple[int, ...]) -> type[Message]:
        names, messages = [self._file.package] if self._file.package else [], self._file.message_type
        for index in indexes:
            if not 0 <= index < len(messages):
                raise InvalidMessage("not_decodable", f"schema {self._id} has no message {list(indexes)}")
            names.append(messages[index].name)
            messages = messages[index].nested_type
        return message_factory.GetMessageClass(self._pool.FindMessageTypeByName(".".join(names)))


def _compiled(schema: Schema) -> descriptor_pb2.FileDescriptorSet:
    """What protoc makes of the schema and those that it refers to; the schema's own file is the last one."""
    main = f"schema-{schema.id}.proto"
    with tempfile.TemporaryDirectory(prefix="finsent-protoc-") as scratch:
        folder, out = Path(scratch) / "schemas", Path(scratch) / "compiled"
        for name, text in {**schema.references, main: schema.text}.items():
            path = (folder / name).resolve()
            if not path.is_relative_to(folder.resolve()):
                raise InvalidMessage("no_schema", f"schema {schema.id} refers to {name!r}, which is no relative path")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        well_known = str(files("grpc_tools") / "_proto")
        command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{folder}", f"-I{well_known}", "--include_imports"]
        try:
            done = subprocess.run(
                [*command, f"--descriptor_set_out={out}", main], capture_output=True, text=True, timeout=COMPILE_S
            )
        except subprocess.TimeoutExpired:
            raise SchemaUnavailable(f"protoc took more than {COMPILE_S:g} s for schema {schema.id}") from None
        if done.returncode:
            said = " ".join(done.stderr.split())[:500]
            raise InvalidMessage("no_schema", f"schema {schema.id} is no Protobuf schema: {said}")
        return descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes())


def _message_indexes(payload: bytes) -> tuple[tuple[int, ...], bytes]:
    """Where in the file the message is declared, and the bytes of the message.

    A count and as many indexes, one for each level of nesting, all as zigzag varints. The count 0 stands for the first
    message of the file.
    """
    count, at = _zigzag(payload, 0)
    if not 0 <= count <= MOST_INDEXES:
        raise InvalidMessage("not_decodable", f"{count} message indexes")
    indexes = []
    for _ in range(count):
        index, at = _zigzag(payload, at)
        indexes.append(index)
    return tuple(indexes or [0]), payload[at:]


def _zigzag(payload: bytes, at: int) -> tuple[int, int]:
    """The number that begins ``at``, and where it ends."""
    number = 0
    for place, byte in enumerate(payload[at : at + MOST_VARINT_BYTES]):
        number |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return (number >> 1) ^ -(number & 1), at + place + 1
    raise InvalidMessage("not_decodable", "the message indexes do not end")


def _is_set(message: Message, field: FieldDescriptor) -> bool:
    """Whether somebody has set the field. Without presence (proto3's plain fields) the default stands for unset."""
    if field.has_presence:
        return message.HasField(field.name)
    value = getattr(message, field.name)
    return bool(value) if field.is_repeated else value != field.default_value


def _plain(message: Message, field: FieldDescriptor) -> Any:
    value = getattr(message, field.name)
    if field.message_type is not None:
        kind = field.message_type.full_name
        if field.is_repeated or kind not in WRAPPERS | {TIMESTAMP}:
            return {}  # an object: nothing that a message of finsent knows
        if kind in WRAPPERS:
            return value.value
        try:
            return value.ToDatetime(tzinfo=UTC)
        except (ValueError, OverflowError) as error:
            raise InvalidMessage("absurd_date", f"{field.name}: {error}", field.name) from error
    if field.enum_type is not None and not field.is_repeated:
        known = field.enum_type.values_by_number.get(value)
        return known.name.lower() if known else value
    return list(value) if field.is_repeated else value

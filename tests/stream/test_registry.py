"""Values in a schema registry's wire format: every format keeps ``stream.registry.contract``, and the registry is asked
over HTTP as ``tests.support.schema_registry`` answers."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import fastavro
import pytest
from pydantic import ValidationError

from documents.messages import InvalidMessage, Label, News
from settings import KafkaSettings
from stream.registry import RegistryLibrariesMissing, RegistryPatience, SchemaUnavailable, decoding, values
from stream.upkeep.metrics import Metrics
from tests.support.schema_registry import FIRST_ID, SchemaRegistry

NOW = datetime(2026, 1, 6, tzinfo=UTC)
AT = datetime(2026, 1, 5, 10, tzinfo=UTC)
NEWS = News("n1", "wire", "Siemens wins an order", AT, tickers=["SIE.DE"])

AVRO = {
    "type": "record",
    "name": "News",
    "namespace": "wire",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "source", "type": "string"},
        {"name": "title", "type": "string"},
        {"name": "published_at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "body", "type": ["null", "string"], "default": None},
        {"name": "tickers", "type": {"type": "array", "items": "string"}, "default": []},
    ],
}
PROTOBUF = """
syntax = "proto3";
package wire;
import "google/protobuf/timestamp.proto";
message Ignored { string id = 1; }
message News {
  string id = 1;
  string source = 2;
  string title = 3;
  google.protobuf.Timestamp published_at = 4;
  optional string body = 5;
  repeated string tickers = 6;
}
"""
JSON = {"type": "object", "properties": {"id": {"type": "string"}}}


class Format(NamedTuple):
    """A format, the schema of ``NEWS`` in it, and ``NEWS`` as the serializers of confluent-kafka 2.16.1 write it."""

    schema: str
    payload: bytes
    without_title: tuple[str, bytes]
    """Another schema, and a value of it."""


FORMATS = {
    "AVRO": Format(
        json.dumps(AVRO),
        b"\x04n1\x08wire*Siemens wins an order\x80\xa4\xcb\xd9\xf1f\x00\x02\x0cSIE.DE\x00",
        (
            json.dumps({**AVRO, "fields": [one for one in AVRO["fields"] if one["name"] != "title"]}),  # type: ignore[index]
            b"\x04n1\x08wire\x80\xa4\xcb\xd9\xf1f\x00\x02\x0cSIE.DE\x00",
        ),
    ),
    "JSON": Format(
        json.dumps(JSON),
        b'{"id":"n1","source":"wire","title":"Siemens wins an order","tickers":["SIE.DE"],'
        b'"published_at":"2026-01-05T10:00:00+00:00"}',
        (json.dumps(JSON), b'{"id":"n1","source":"wire","published_at":"2026-01-05T10:00:00+00:00"}'),
    ),
    "PROTOBUF": Format(
        PROTOBUF,
        b'\x02\x02\n\x02n1\x12\x04wire\x1a\x15Siemens wins an order"\x06\x08\xa0\x97\xee\xca\x062\x06SIE.DE',
        (
            PROTOBUF.replace("string title = 3;", ""),
            b'\x02\x02\n\x02n1\x12\x04wire"\x06\x08\xa0\x97\xee\xca\x062\x06SIE.DE',
        ),
    ),
}
each_format = pytest.mark.parametrize("name", FORMATS)


@pytest.fixture
def registry() -> Iterator[SchemaRegistry]:
    with SchemaRegistry() as running:
        yield running


@pytest.fixture
def read(registry: SchemaRegistry) -> Callable[..., Any]:
    """Reads a value as a worker that asks ``registry`` does."""
    return reading(schema_registry_url=registry.url)


def reading(**settings: Any) -> Callable[..., Any]:
    decode = decoding(KafkaSettings(**settings))
    return lambda value, topic="news": decode(topic, value, NOW)


def framed(number: int, payload: bytes) -> bytes:
    return struct.pack(">bI", 0, number) + payload


def wrong(read: Callable[..., Any], value: bytes, topic: str = "news") -> InvalidMessage:
    with pytest.raises(InvalidMessage) as caught:
        read(value, topic)
    return caught.value


def avro(registry: SchemaRegistry, schema: Any, value: Any) -> bytes:
    number = registry.register("news-value", json.dumps(schema))
    out = BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), value)
    return framed(number, out.getvalue())


@each_format
def test_what_other_serializers_write_is_read(name: str, registry: SchemaRegistry, read: Callable[..., Any]) -> None:
    number = registry.register("news-value", FORMATS[name].schema, name)
    assert read(framed(number, FORMATS[name].payload)) == NEWS


@each_format
def test_a_schema_is_asked_for_once(name: str, registry: SchemaRegistry, read: Callable[..., Any]) -> None:
    number = registry.register("news-value", FORMATS[name].schema, name)
    assert [read(framed(number, FORMATS[name].payload)) for _ in range(5)] == [NEWS] * 5
    assert registry.requests == [f"/schemas/ids/{number}"]


@each_format
def test_a_field_that_the_schema_lacks_is_named(name: str, registry: SchemaRegistry, read: Callable[..., Any]) -> None:
    schema, payload = FORMATS[name].without_title
    error = wrong(read, framed(registry.register("news-value", schema, name), payload))
    assert (error.kind, error.field) == ("invalid", "title")


@each_format
def test_any_bytes_are_a_message_or_a_fault(name: str, registry: SchemaRegistry, read: Callable[..., Any]) -> None:
    """Cut, changed and random bytes of one schema: nothing else is raised."""
    number, rng = registry.register("news-value", FORMATS[name].schema, name), random.Random(1)
    whole = FORMATS[name].payload
    cut = [whole[:end] for end in range(len(whole))]
    changed = [whole[:at] + bytes([rng.randrange(256)]) + whole[at + 1 :] for at in range(len(whole))]
    noise = [rng.randbytes(rng.randrange(60)) for _ in range(300)]
    faults = set()
    for payload in [*cut, *changed, *noise]:
        try:
            read(framed(number, payload))
        except InvalidMessage as error:
            faults.add(error.kind)
    assert faults & {"not_decodable", "not_json"}
    assert registry.requests == [f"/schemas/ids/{number}"]


@each_format
def test_a_text_that_is_no_schema_costs_only_its_records(
    name: str, registry: SchemaRegistry, read: Callable[..., Any]
) -> None:
    number = registry.register("news-value", "{{ no schema", name)
    if name == "JSON":  # the schema is not applied
        assert read(framed(number, FORMATS[name].payload)) == NEWS
    else:
        assert wrong(read, framed(number, FORMATS[name].payload)).kind == "no_schema"


def test_values_without_the_magic_byte_are_plain_json(registry: SchemaRegistry, read: Callable[..., Any]) -> None:
    assert read(FORMATS["JSON"].payload) == NEWS
    assert wrong(read, b"{").kind == "not_json" and wrong(read, b"").kind == "not_json"
    assert not registry.requests


def test_without_a_registry_the_reason_says_what_may_be_missing() -> None:
    error = wrong(reading(), framed(7, FORMATS["AVRO"].payload))
    assert "KAFKA_SCHEMA_REGISTRY_URL" in str(error)
    assert reading()(FORMATS["JSON"].payload) == NEWS


def test_avro_times_unions_and_ids(registry: SchemaRegistry, read: Callable[..., Any]) -> None:
    types = {
        "id": {"type": "string", "logicalType": "uuid"},
        "source": {"type": "enum", "name": "Source", "symbols": ["wire"]},
        "title": ["null", "string"],
        "published_at": ["null", {"type": "long", "logicalType": "timestamp-micros"}],
        "tickers": ["null", {"type": "array", "items": "string"}],
        "url": ["string", "null"],
    }
    schema = {"type": "record", "name": "N", "fields": [{"name": name, "type": t} for name, t in types.items()]}
    value: dict[str, Any] = dict.fromkeys(types) | {
        "id": "6e1d2c5e-9c56-4c1e-8a39-0d6a5f0e8f4b", "source": "wire", "title": "t", "published_at": AT
    }  # fmt: skip
    made = read(avro(registry, schema, value))
    assert made == News(value["id"], "wire", "t", AT)
    assert wrong(read, avro(registry, schema, value | {"title": None})).field == "title"
    types["published_at"] = {"type": "long", "logicalType": "local-timestamp-millis"}
    schema["fields"] = [{"name": name, "type": t} for name, t in types.items()]
    assert (
        wrong(read, avro(registry, schema, value | {"published_at": AT.replace(tzinfo=None)})).field == "published_at"
    )
    types["published_at"] = "long"
    schema["fields"] = [{"name": name, "type": t} for name, t in types.items()]
    assert wrong(read, avro(registry, schema, value | {"published_at": 1})).field == "published_at"


def test_protobuf_enums_wrappers_and_messages_in_messages(registry: SchemaRegistry, read: Callable[..., Any]) -> None:
    text = """
    syntax = "proto3";
    package wire;
    import "google/protobuf/timestamp.proto";
    import "google/protobuf/wrappers.proto";
    message Ignored { string id = 1; }
    message Outer {
      message Judgement {
        enum Sentiment { UNSET = 0; NEGATIVE = 1; NEUTRAL = 2; POSITIVE = 3; }
        Sentiment label = 1;
        google.protobuf.StringValue annotator = 2;
        google.protobuf.Timestamp labelled_at = 3;
        string document_id = 4;
        Ignored entity = 5;
      }
    }
    """
    number = registry.register("labels-value", text, "PROTOBUF")
    fields = b"\x08\x03" + b"\x12\x05\x0a\x03ben" + b"\x1a\x06\x08\xa0\x97\xee\xca\x06" + b"\x22\x02n1"
    nested = b"\x04\x02\x00"  # two indexes: message 1 of the file, message 0 in it
    assert read(framed(number, nested + fields), "labels") == Label("positive", "ben", AT, "n1")
    assert wrong(read, framed(number, nested + fields[2:]), "labels").field == "label"
    assert wrong(read, framed(number, nested + fields + b"\x2a\x00"), "labels").field == "entity"
    far = b"\x1a\x0a\x08\xff\xff\xff\xff\xff\xff\xff\xff\x7f"
    assert wrong(read, framed(number, nested + fields + far), "labels").kind == "absurd_date"
    assert "no message [7]" in str(wrong(read, framed(number, b"\x02\x0e" + fields), "labels"))
    # The count 0 stands for the first message, which has only an id.
    assert wrong(read, framed(number, b"\x00\x0a\x02n1"), "labels").kind == "invalid"


def test_schemas_may_refer_to_others(registry: SchemaRegistry, read: Callable[..., Any]) -> None:
    """Also over two steps."""
    source = {"type": "enum", "name": "Source", "namespace": "base", "symbols": ["wire"]}
    head = {"type": "record", "name": "Head", "fields": [{"name": "source", "type": "base.Source"}]}
    fields = [{"name": "head", "type": "Head"}, *AVRO["fields"]]  # type: ignore[misc]
    fields[2] = {"name": "source", "type": "base.Source"}
    registry.register("sources", json.dumps(source))
    registry.register("heads", json.dumps(head), references=[("base.Source", "sources", 1)])
    number = registry.register(
        "news-value",
        json.dumps({"type": "record", "name": "News", "fields": fields}),
        references=[("Head", "heads", 1)],
    )
    payload = FORMATS["AVRO"].payload.replace(b"\x08wire", b"\x00")
    assert read(framed(number, b"\x00" + payload)) == NEWS

    registry.register("base", 'syntax = "proto3"; package base; enum Source { NONE = 0; WIRE = 1; }', "PROTOBUF")
    text = PROTOBUF.replace("package wire;", 'package wire; import "base/source.proto";')
    text = text.replace("string source = 2", "base.Source source = 2")
    number = registry.register("news-value", text, "PROTOBUF", [("base/source.proto", "base", 1)])
    payload = FORMATS["PROTOBUF"].payload.replace(b"\x12\x04wire", b"\x10\x01")
    assert read(framed(number, payload)) == NEWS

    number = registry.register("news-value", text, "PROTOBUF", [("base/source.proto", "gone", 1)])
    error = wrong(read, framed(number, payload))
    assert error.kind == "no_schema" and "version 1 of 'gone'" in str(error)
    number = registry.register("news-value", text, "PROTOBUF", [("../../source.proto", "base", 1)])
    assert "no relative path" in str(wrong(read, framed(number, payload)))


def test_avro_schemas_with_which_a_record_could_end_the_process_are_refused(
    registry: SchemaRegistry, read: Callable[..., Any]
) -> None:
    chain = {"type": "record", "name": "L", "fields": [{"name": "next", "type": ["null", "L"]}]}
    number = registry.register("news-value", json.dumps(chain))
    assert "L contains itself" in str(wrong(read, framed(number, b"\x02" * 900_000 + b"\x00")))
    nothing = {"type": "record", "name": "N", "fields": [{"name": "id", "type": {"type": "array", "items": "null"}}]}
    number = registry.register("news-value", json.dumps(nothing))
    assert "items without bytes" in str(wrong(read, framed(number, b"\xfe\xff\xff\xff\xff\xff\xff\xff\x7f\x00")))
    assert wrong(read, framed(number, b"x" * 1_000_001)).kind == "too_large"


def test_only_the_registrys_own_word_makes_a_schema_unknown(registry: SchemaRegistry) -> None:
    read = reading(schema_registry_url=registry.url)
    for _ in range(3):
        error = wrong(read, framed(7, b""))
        assert error.kind == "no_schema" and "does not have schema 7" in str(error)
    assert registry.requests == ["/schemas/ids/7"]
    for number in (0, 2**31, 2**32 - 1):  # no ids: a registry would answer with a bare 404
        assert wrong(read, framed(number, b"")).kind == "no_schema"
    assert registry.requests == ["/schemas/ids/7"]
    elsewhere = reading(schema_registry_url=f"{registry.url}/elsewhere")
    with pytest.raises(SchemaUnavailable, match="answers 404"):
        elsewhere(framed(7, b""))


def test_an_unknown_schema_is_asked_for_again_after_a_while(
    registry: SchemaRegistry, read: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(values, "ASK_AGAIN_S", 0.0)
    read = reading(schema_registry_url=registry.url)
    assert wrong(read, framed(FIRST_ID, FORMATS["AVRO"].payload)).kind == "no_schema"
    registry.register("news-value", FORMATS["AVRO"].schema)
    assert read(framed(FIRST_ID, FORMATS["AVRO"].payload)) == NEWS


def test_of_several_registries_the_first_that_answers_is_used(registry: SchemaRegistry) -> None:
    number = registry.register("news-value", FORMATS["AVRO"].schema)
    with SchemaRegistry() as other:
        pass
    read = reading(schema_registry_url=f"{other.url}, {registry.url}/")
    assert read(framed(number, FORMATS["AVRO"].payload)) == NEWS
    registry.stop()
    assert read(framed(number, FORMATS["AVRO"].payload)) == NEWS
    with pytest.raises(SchemaUnavailable, match=rf"{other.url}.*; {registry.url}.*"):
        read(framed(number + 1, b""))


def test_the_password_is_used_and_told_to_nobody() -> None:
    with SchemaRegistry("ana", "s3cret") as registry:
        number = registry.register("news-value", FORMATS["AVRO"].schema)
        settings = {"schema_registry_url": registry.url, "schema_registry_user": "ana"}
        read = reading(**settings, schema_registry_password="s3cret")
        assert read(framed(number, FORMATS["AVRO"].payload)) == NEWS
        with pytest.raises(SchemaUnavailable, match="answers 401") as caught:
            reading(**settings, schema_registry_password="wr0ng")(framed(number, b""))
        assert "wr0ng" not in str(caught.value)
        assert "s3cret" not in repr(KafkaSettings(**settings, schema_registry_password="s3cret"))  # type: ignore[arg-type]
    for url in ("https://ana:s3cret@registry", "ftp://registry", "registry:8081"):
        with pytest.raises(ValidationError) as invalid:
            KafkaSettings(schema_registry_url=url)
        assert "s3cret" not in str(invalid.value)


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl makes the certificate")
def test_over_tls_the_registrys_certificate_is_checked(tmp_path: Path) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
               "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2",
               "-keyout", str(key), "-out", str(certificate)]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    with SchemaRegistry(tls=(certificate, key)) as registry:
        number = registry.register("news-value", FORMATS["AVRO"].schema)
        read = reading(schema_registry_url=registry.url, schema_registry_ca=certificate)
        assert read(framed(number, FORMATS["AVRO"].payload)) == NEWS
        with pytest.raises(SchemaUnavailable, match="certificate"):
            reading(schema_registry_url=registry.url)(framed(number, b""))


def test_where_the_extra_is_missing_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(values, "LIBRARIES", ("fastavro", "no_such_package.inner"))
    with pytest.raises(RegistryLibrariesMissing, match=r"no_such_package.inner .*finsent\[registry\]"):
        decoding(KafkaSettings(schema_registry_url="http://registry:8081"))
    decoding(KafkaSettings())


def test_a_batch_waits_until_the_registry_is_back_or_the_batch_is_forgotten() -> None:
    async def waits() -> None:
        metrics = Metrics()
        patience = RegistryPatience(metrics)
        seen: list[float | None] = []

        async def fails_twice() -> list[Any]:
            seen.append(metrics.registry.get_sample_value("finsent_registry_waiting"))
            if len(seen) < 3:
                raise SchemaUnavailable("away")
            return ["row"]

        async def fails() -> list[Any]:
            raise SchemaUnavailable("away")

        assert await patience.call(fails_twice) == ["row"]
        assert seen == [0, 1, 1] and not patience.waiting
        assert metrics.registry.get_sample_value("finsent_registry_waiting") == 0
        assert metrics.registry.get_sample_value("finsent_registry_failures_total") == 2
        batch = asyncio.create_task(patience.call(fails))
        while not patience.waiting:
            await asyncio.sleep(0)
        with patience.forgetting():
            assert await batch == []
        assert not patience.waiting

    asyncio.run(asyncio.wait_for(waits(), 60))

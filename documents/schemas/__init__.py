"""The published contracts, generated from the code: ``python -m documents.schemas [--check]``.

One JSON Schema for each topic, and one AsyncAPI 3.0 document over all of them, in this folder.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import msgspec

from documents.messages import received, sent

FOLDER = Path(__file__).parent
RECEIVED = received.SCHEMAS
SENT = sent.SCHEMAS


def schema(topic: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of the messages of ``topic``. Raises ``KeyError`` for an unknown topic."""
    struct = (RECEIVED | SENT)[topic]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"finsent:{topic}",
        **msgspec.json.schema(struct),
    }


def asyncapi() -> dict[str, Any]:
    """The AsyncAPI 3.0 document: finsent receives the input topics and sends the others."""
    channels, operations = {}, {}
    for topic in RECEIVED | SENT:
        payload = {"schemaFormat": "application/schema+json;version=draft-2020-12", "schema": {"$ref": f"{topic}.json"}}
        channels[topic] = {
            "address": topic,
            "messages": {"message": {"contentType": "application/json", "payload": payload}},
        }
        operations[topic] = {
            "action": "receive" if topic in RECEIVED else "send",
            "channel": {"$ref": f"#/channels/{topic}"},
        }
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "finsent", "version": "1.0.0", "description": "Topics of finsent; JSON, UTF-8."},
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
    }


def generated() -> dict[str, str]:
    """The text of every published file, by its name."""
    made = {f"{topic}.json": schema(topic) for topic in RECEIVED | SENT}
    made["asyncapi.json"] = asyncapi()
    return {name: json.dumps(document, indent=2, ensure_ascii=False) + "\n" for name, document in made.items()}


def differences() -> list[str]:
    """The names of the files that differ from what the code generates."""
    made = generated()
    committed = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")}
    return sorted(name for name in made.keys() | committed.keys() if made.get(name) != committed.get(name))


def main() -> None:
    """Write the files. With ``--check`` name those that are out of date, and exit with code 1."""
    if "--check" in sys.argv[1:]:
        if stale := differences():
            sys.exit(f"out of date: {', '.join(stale)}; run `python -m documents.schemas`")
        return
    FOLDER.mkdir(exist_ok=True)
    for name, text in generated().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
